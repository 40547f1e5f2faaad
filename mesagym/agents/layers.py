"""Convolution and pooling whose gradients stay fast inside `jax.lax.scan` on a CPU."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from mesagym.errors import UserError

# On a CPU, XLA emits plain loops for the gradients of a convolution (and of
# `reduce_window`) inside a loop, over ten times slower than outside. The formulations
# here are forward convolutions and matrix products, which stay fast anywhere.
# docs/decisions/scan-safe-convolution.md has the figures and what else was tried.
#
# `lax.platform_dependent` and not `jax.default_backend()`: it asks at lowering what
# the program will run on, so a function placed on the CPU of a machine with a GPU gets
# the CPU's form. The other branch is traced and dropped, a few milliseconds a layer.

_NHWC = ("NHWC", "HWIO", "NHWC")

Images = Float[Array, "batch height width channel"]
Kernel = Float[Array, "rows columns channel feature"]


# ---------------------------------------------------------------------- convolution


def _library(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=_NHWC)


def _taps(size: int, width: int) -> np.ndarray:
    """Return float32[width, size, size]: 1 where a tap leads from input to output."""
    shift = np.arange(size)[:, None] - np.arange(size) + width // 2
    return (shift == np.arange(width)[:, None, None]).astype(np.float32)


def _as_matrix(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolve by one product with the matrix that a kernel is on this image size."""
    n, height, width, channels = x.shape
    rows, columns, _, features = kernel.shape
    matrix = jnp.einsum(
        "ipq,jrs,ijab->praqsb", _taps(height, rows), _taps(width, columns), kernel
    ).reshape(height * width * channels, height * width * features)
    return (x.reshape(n, -1) @ matrix).reshape(n, height, width, features)


def _in_pairs(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolve with two neighbouring columns as one pixel of twice the channels.

    One pixel more is read than a pair needs, (columns + 1) / columns of the work, but
    products become twice as wide and the library twice as fast.
    """
    n, height, width, channels = x.shape
    rows, columns, _, features = kernel.shape
    pairs, left = -(-width // 2), columns // 2
    right = 2 * pairs + columns - 1 - left - width
    x = jnp.pad(x, ((0, 0), (0, 0), (left, right), (0, 0)))
    x = x.reshape(n, height, -1, 2 * channels)
    # Output q of a pair sees tap j at the pair's input t = q + j.
    place = np.arange(columns + 1)[:, None, None]
    place = place == np.arange(columns)[:, None] + np.arange(2)
    kernel = jnp.einsum("tjq,ijab->itaqb", place.astype(np.float32), kernel)
    kernel = kernel.reshape(rows, (columns + 1) // 2, 2 * channels, 2 * features)
    y = lax.conv_general_dilated(
        x,
        kernel,
        (1, 1),
        ((rows // 2, rows // 2), (0, 0)),
        dimension_numbers=_NHWC,
    )
    return y.reshape(n, height, 2 * pairs, features)[:, :, :width]


_MATRIX_AT_MOST = 1024
"""Rows or columns of the matrix that a convolution of a tiny image may become."""


@jax.custom_batching.custom_vmap
def _forward_on_cpu(x: jax.Array, kernel: jax.Array) -> jax.Array:
    # jaxlib 0.10.2 hands a convolution to its quick library (YNNPACK) where more than
    # 16 channels go in or out and the image is no smaller than the kernel.
    _, height, width, channels = x.shape
    rows, columns, _, features = kernel.shape
    wide = max(channels, features)
    if height < rows or width < columns:
        if height * width * wide <= _MATRIX_AT_MOST:
            return _as_matrix(x, kernel)
    elif wide <= 16 and columns > 1:
        return _in_pairs(x, kernel)
    return _library(x, kernel)


@_forward_on_cpu.def_vmap
def _forward_on_cpu_batched(
    size: int, batched: list[bool], x: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, bool]:
    # Batched kernels would become a grouped convolution, four times slower.
    x_batched, kernel_batched = batched
    if not kernel_batched:
        y = _forward_on_cpu(x.reshape(-1, *x.shape[2:]), kernel)
        return y.reshape(size, -1, *y.shape[1:]), True
    if not x_batched:
        return lax.map(lambda kernel: _forward_on_cpu(x, kernel), kernel), True
    return lax.map(lambda each: _forward_on_cpu(*each), (x, kernel)), True


def _kernel_gradient_on_cpu(
    x: jax.Array, cotangent: jax.Array, rows: int, columns: int
) -> jax.Array:
    """Return all taps of the kernel's gradient by one product.

    ``columns`` shifts of the cotangent along a row, times ``rows`` shifts of the input
    along a column: every pair of shifts is one tap, so no product is wasted, and
    ``rows + columns`` copies are made instead of ``rows * columns``.
    """
    _, height, width, channels = x.shape
    features = cotangent.shape[-1]
    up, left = rows // 2, columns // 2
    x = jnp.pad(x, ((0, 0), (up, up), (0, 0), (0, 0)))
    x = jnp.concatenate([x[:, i : i + height] for i in range(rows)], axis=-1)
    cotangent = jnp.pad(cotangent, ((0, 0), (0, 0), (left, left), (0, 0)))
    cotangent = jnp.concatenate(
        [cotangent[:, :, j : j + width] for j in reversed(range(columns))], axis=-1
    )
    product = jnp.einsum(
        "pa,pb->ab",
        x.reshape(-1, rows * channels),
        cotangent.reshape(-1, columns * features),
    )
    product = product.reshape(rows, channels, columns, features)
    return product.transpose(0, 2, 1, 3)


def _kernel_gradient_by_library(
    x: jax.Array, cotangent: jax.Array, rows: int, columns: int
) -> jax.Array:
    shape = (rows, columns, x.shape[-1], cotangent.shape[-1])
    kernel = jax.ShapeDtypeStruct(shape, x.dtype)
    (gradient,) = jax.linear_transpose(lambda kernel: _library(x, kernel), kernel)(
        cotangent
    )
    return gradient


@jax.custom_vjp
def _conv_same(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.platform_dependent(x, kernel, cpu=_forward_on_cpu, default=_library)


def _conv_same_forward(
    x: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _conv_same(x, kernel), (x, kernel)


def _conv_same_backward(
    kept: tuple[jax.Array, jax.Array], cotangent: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = kept
    rows, columns = kernel.shape[:2]
    x_gradient = _conv_same(cotangent, kernel[::-1, ::-1].swapaxes(2, 3))
    kernel_gradient = lax.platform_dependent(
        x,
        cotangent,
        cpu=lambda x, g: _kernel_gradient_on_cpu(x, g, rows, columns),
        default=lambda x, g: _kernel_gradient_by_library(x, g, rows, columns),
    )
    return x_gradient, kernel_gradient


_conv_same.defvjp(_conv_same_forward, _conv_same_backward)


def conv_same(x: Images, kernel: Kernel) -> Float[Array, "batch height width feature"]:
    """Convolve with zero padding and stride 1; reverse-mode differentiable.

    Equal to ``lax.conv_general_dilated(x, kernel, (1, 1), "SAME")`` and to its
    gradients but for the order of the sums. On a CPU it also stays fast in a loop and
    under `jax.vmap` over kernels, which then run one after another; elsewhere it is
    the library's convolution. Forward-mode differentiation (`jax.jvp`) is not defined.

    Args:
        x: images of floats.
        kernel: weights, of the same type; an odd number of rows and of columns.

    Raises:
        ValueError: an even kernel size, which has no centre.
    """
    rows, columns = kernel.shape[:2]
    if rows % 2 == 0 or columns % 2 == 0:
        raise ValueError(f"kernel of {rows}x{columns}: both sizes must be odd")
    return _conv_same(x, kernel)


class Conv3x3(nn.Module):
    """A convolution with stride 1 and zero padding, `conv_same` with weights.

    ``kernel_size`` is 3 by default and may be any odd number.
    """

    features: int
    kernel_size: int = 3
    use_bias: bool = True
    kernel_init: Callable[..., Any] = nn.initializers.lecun_normal()
    bias_init: Callable[..., Any] = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Images) -> Float[Array, "batch height width feature"]:
        """Return the features of every pixel."""
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise UserError(
                f"kernel_size: {self.kernel_size} is not an odd number from 1; "
                "an even kernel has no centre"
            )
        sides = (self.kernel_size, self.kernel_size)
        shape = (*sides, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, x.dtype)
        y = conv_same(x, kernel)
        if not self.use_bias:
            return y
        return y + self.param("bias", self.bias_init, (self.features,), x.dtype)


# -------------------------------------------------------------------------- pooling


def _library_pool(x: jax.Array) -> jax.Array:
    return lax.reduce_window(
        x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), padding="SAME"
    )


def _window(x: jax.Array, axis: int) -> tuple[tuple[jax.Array, ...], int]:
    """Return the three members of every window along an axis, and the padding before.

    Windows are 3 wide, 2 apart, padded as "SAME" does.
    """
    size = x.shape[axis]
    windows = -(-size // 2)
    before = (2 * windows + 1 - size) // 2
    padding = [(0, 0)] * x.ndim
    padding[axis] = (before, 2 * windows + 1 - size - before)
    x = jnp.pad(x, padding, constant_values=-jnp.inf)
    last = 2 * windows - 1
    members = (lax.slice_in_dim(x, i, i + last, 2, axis) for i in range(3))
    return tuple(members), before


def _pool_along(x: jax.Array, axis: int) -> jax.Array:
    (first, second, third), _ = _window(x, axis)
    return jnp.maximum(jnp.maximum(first, second), third)


def _pool_along_backward(x: jax.Array, cotangent: jax.Array, axis: int) -> jax.Array:
    """Hand each window's cotangent to its first largest member."""
    (first, second, third), before = _window(x, axis)
    windows = first.shape[axis]
    is_first = (first >= second) & (first >= third)
    is_second = ~is_first & (second >= third)
    nothing = jnp.zeros((), cotangent.dtype)
    to_first = jnp.where(is_first, cotangent, nothing)
    to_second = jnp.where(is_second, cotangent, nothing)
    to_third = jnp.where(is_first | is_second, nothing, cotangent)
    # A window's third pixel is the next one's first.
    shift = [(0, 0)] * x.ndim
    shift[axis] = (1, 0)
    shared = lax.slice_in_dim(jnp.pad(to_third, shift), 0, windows, 1, axis)
    both = jnp.stack([to_first + shared, to_second], axis + 1)
    both = both.reshape(*x.shape[:axis], 2 * windows, *x.shape[axis + 1 :])
    rest = lax.slice_in_dim(to_third, windows - 1, windows, 1, axis)
    both = jnp.concatenate([both, rest], axis)
    return lax.slice_in_dim(both, before, before + x.shape[axis], 1, axis)


def _pool_on_cpu(x: jax.Array) -> jax.Array:
    # One axis after the other: six strided slices instead of nine.
    return _pool_along(_pool_along(x, 2), 1)


def _pool_backward_on_cpu(x: jax.Array, cotangent: jax.Array) -> jax.Array:
    halved = _pool_along(x, 2)
    return _pool_along_backward(x, _pool_along_backward(halved, cotangent, 1), 2)


def _pool_backward_by_library(x: jax.Array, cotangent: jax.Array) -> jax.Array:
    return jax.vjp(_library_pool, x)[1](cotangent)[0]


@jax.custom_vjp
def _max_pool(x: jax.Array) -> jax.Array:
    return lax.platform_dependent(x, cpu=_pool_on_cpu, default=_library_pool)


def _max_pool_forward(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    return _max_pool(x), x


def _max_pool_backward(x: jax.Array, cotangent: jax.Array) -> tuple[jax.Array]:
    gradient = lax.platform_dependent(
        x, cotangent, cpu=_pool_backward_on_cpu, default=_pool_backward_by_library
    )
    return (gradient,)


_max_pool.defvjp(_max_pool_forward, _max_pool_backward)


def max_pool(x: Images) -> Float[Array, "batch half_height half_width channel"]:
    """Take the maximum of windows of 3x3 pixels, 2 apart: half the size, rounded up.

    Padded as "SAME" does. Each window's gradient goes to its largest pixel, the first
    of them in reading order, as `lax.reduce_window`'s does. Reverse mode only.
    """
    return _max_pool(x)
