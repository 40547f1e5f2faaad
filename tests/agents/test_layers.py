from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from mesagym.agents import layers
from mesagym.agents.layers import Conv3x3, conv_same, max_pool
from mesagym.errors import UserError


def library_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    names = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=names)


def library_pool(x: jax.Array) -> jax.Array:
    window, strides = (1, 3, 3, 1), (1, 2, 2, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "SAME")


def normal(seed: int, *shape: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def differ(found: jax.Array, expected: jax.Array) -> float:
    """Largest difference, as a share of the largest expected number."""
    scale = np.abs(expected).max()
    return float(np.abs(np.asarray(found) - np.asarray(expected)).max() / scale)


def output_and_gradients(
    function: Callable[..., jax.Array], *arguments: jax.Array
) -> list[jax.Array]:
    out, pull = jax.vjp(function, *arguments)
    return [out, *pull(normal(9, *out.shape).astype(out.dtype))]


def assert_like_the_library(x: jax.Array, kernel: jax.Array) -> None:
    found = jax.jit(lambda *a: output_and_gradients(conv_same, *a))(x, kernel)
    expected = output_and_gradients(library_conv, x, kernel)
    assert max(map(differ, found, expected)) < 1e-5


# Every way that a convolution is done on a CPU.
WAYS = {
    "pairs of columns": ((3, 15, 15, 3), (3, 3, 3, 16)),
    "pairs in an even width": ((3, 5, 8, 16), (3, 3, 16, 16)),
    "pairs under a kernel of 5": ((2, 6, 7, 2), (5, 5, 2, 3)),
    "the library": ((3, 8, 8, 16), (3, 3, 16, 32)),
    "the library for one pixel": ((3, 4, 5, 2), (1, 1, 2, 3)),
    "a matrix": ((3, 2, 2, 32), (3, 3, 32, 32)),
    "a matrix for one row": ((3, 1, 5, 4), (3, 3, 4, 3)),
    "a long strip": ((2, 2, 40, 32), (3, 3, 32, 32)),
    "an oblong kernel": ((2, 5, 6, 3), (1, 3, 3, 4)),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_convolution_and_its_gradients_equal_the_library_s(way: str) -> None:
    x_shape, kernel_shape = WAYS[way]
    assert_like_the_library(normal(0, *x_shape), normal(1, *kernel_shape))


@settings(max_examples=5)
@given(
    batch=st.integers(1, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    channels=st.sampled_from([1, 3, 16, 20]),
    features=st.sampled_from([1, 8, 32]),
    kernel_size=st.sampled_from([1, 3, 5]),
)
def test_the_convolution_equals_the_library_s_whatever_the_shape(
    batch: int, height: int, width: int, channels: int, features: int, kernel_size: int
) -> None:
    x = normal(0, batch, height, width, channels)
    kernel = normal(1, kernel_size, kernel_size, channels, features)
    assert_like_the_library(x, kernel)


def test_the_convolution_s_gradients_in_a_scan_equal_those_outside() -> None:
    x, kernel = normal(0, 3, 5, 5, 3), normal(1, 3, 3, 3, 16)

    def outputs(_: None, x: jax.Array) -> tuple[None, list[jax.Array]]:
        return None, output_and_gradients(conv_same, x, kernel)

    _, inside = jax.jit(lambda xs: lax.scan(outputs, None, xs))(jnp.stack([x, -x]))
    outside = output_and_gradients(library_conv, x, kernel)
    assert max(map(differ, [leaf[0] for leaf in inside], outside)) < 1e-5


def test_no_gradient_of_a_convolution_is_left_to_the_library_on_a_cpu() -> None:
    def total(kernel: jax.Array) -> jax.Array:
        return (conv_same(jnp.ones((2, 8, 8, 16)), kernel) ** 2).sum()

    lowered = jax.jit(jax.grad(total)).trace(jnp.ones((3, 3, 16, 32)))
    text = lowered.lower(lowering_platforms=("cpu",)).as_text()
    convolutions = [
        line for line in text.splitlines() if "stablehlo.convolution" in line
    ]
    assert len(convolutions) == 1  # the forward one


def test_on_an_accelerator_the_convolution_is_the_library_s() -> None:
    def total(kernel: jax.Array) -> jax.Array:
        return (conv_same(jnp.ones((2, 2, 2, 3)), kernel) ** 2).sum()

    lowered = jax.jit(jax.grad(total)).trace(jnp.ones((3, 3, 3, 4)))
    text = lowered.lower(lowering_platforms=("cuda",)).as_text()
    assert (
        text.count("stablehlo.convolution") == 2
    )  # forward, and the kernel's gradient


def test_kernels_and_images_of_several_seeds_give_what_each_gives_alone() -> None:
    x, kernels = normal(0, 2, 3, 5, 5, 3), normal(1, 2, 3, 3, 3, 4)
    each = jax.jit(jax.vmap(lambda *a: output_and_gradients(conv_same, *a)))
    together = each(x, kernels)
    for i in range(2):
        alone = output_and_gradients(library_conv, x[i], kernels[i])
        assert max(map(differ, [leaf[i] for leaf in together], alone)) < 1e-5


def test_one_image_under_kernels_of_several_seeds_gives_what_each_gives() -> None:
    x, kernels = normal(0, 3, 5, 5, 3), normal(1, 2, 3, 3, 3, 4)
    together = jax.vmap(conv_same, in_axes=(None, 0))(x, kernels)
    alone = jnp.stack([library_conv(x, kernel) for kernel in kernels])
    assert differ(together, alone) < 1e-5


def test_one_kernel_over_batches_of_images_gives_what_each_gives() -> None:
    x, kernel = normal(0, 2, 3, 5, 5, 3), normal(1, 3, 3, 3, 4)
    together = jax.vmap(conv_same, in_axes=(0, None))(x, kernel)
    assert differ(together, jnp.stack([library_conv(i, kernel) for i in x])) < 1e-5


def test_a_gradient_of_a_gradient_equals_the_library_s() -> None:
    x, kernel = normal(0, 2, 4, 4, 3), normal(1, 3, 3, 3, 3) / 9

    def second(conv: Callable[..., jax.Array]) -> jax.Array:
        def total(kernel: jax.Array) -> jax.Array:
            return (conv(jnp.tanh(conv(x, kernel)), kernel) ** 2).sum()

        slope = jax.grad(total)
        return jax.jit(jax.grad(lambda kernel: (slope(kernel) ** 2).sum()))(kernel)

    assert differ(second(conv_same), second(library_conv)) < 1e-5


def test_the_convolution_in_double_precision_is_that_precise() -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 5, 3)))
        kernel = jnp.asarray(np.random.default_rng(1).normal(size=(3, 3, 3, 4)))
        found = output_and_gradients(conv_same, x, kernel)
        expected = output_and_gradients(library_conv, x, kernel)
        assert max(map(differ, found, expected)) < 1e-12


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel of 2x3: both sizes must be odd"):
        conv_same(jnp.ones((1, 4, 4, 1)), jnp.ones((2, 3, 1, 1)))


def test_the_module_refuses_an_even_kernel_kindly() -> None:
    with pytest.raises(UserError, match="kernel_size: 4 is not an odd number"):
        Conv3x3(2, kernel_size=4).init(jax.random.key(0), jnp.ones((1, 4, 4, 1)))


def test_the_module_computes_what_flax_s_own_does() -> None:
    x = normal(0, 2, 5, 6, 3)
    params = Conv3x3(4).init(jax.random.key(0), x)
    params = jax.tree.map(lambda leaf: leaf + 0.5, params)
    expected = nn.Conv(4, (3, 3)).apply(params, x)
    assert differ(Conv3x3(4).apply(params, x), expected) < 1e-5


# -------------------------------------------------------------------------- pooling


@settings(max_examples=6)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    distinct=st.sampled_from([2, 1000]),
)
def test_pooling_and_its_gradient_equal_the_library_s_ties_included(
    shape: tuple[int, int], distinct: int
) -> None:
    draw = np.random.default_rng(0).integers(-distinct, distinct, (2, *shape, 3))
    x = jnp.asarray(draw, jnp.float32)
    found = jax.jit(lambda x: output_and_gradients(max_pool, x))(x)
    expected = output_and_gradients(library_pool, x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_pooling_halves_a_grid_and_rounds_up() -> None:
    assert max_pool(jnp.zeros((2, 15, 8, 3))).shape == (2, 8, 4, 3)


def test_a_number_that_is_none_passes_through_pooling() -> None:
    x = jnp.zeros((1, 4, 4, 1)).at[0, 3, 3, 0].set(jnp.nan)
    assert jnp.isnan(max_pool(x)).sum() == 1


def test_pooling_under_vmap_gives_what_each_gives_alone() -> None:
    x = normal(0, 2, 3, 5, 4, 2)
    together = jax.jit(jax.vmap(max_pool))(x)
    assert jnp.array_equal(together, jnp.stack([library_pool(i) for i in x]))


def test_on_an_accelerator_pooling_is_the_library_s() -> None:
    lowered = jax.jit(jax.grad(lambda x: max_pool(x).sum())).trace(
        jnp.ones((1, 4, 4, 1))
    )
    text = lowered.lower(lowering_platforms=("cuda",)).as_text()
    assert "select_and_scatter" in text


def test_library_forms_for_accelerators_have_the_library_s_gradients() -> None:
    x, kernel = normal(0, 2, 4, 4, 3), normal(1, 3, 3, 3, 2)
    expected = output_and_gradients(library_conv, x, kernel)[2]
    found = layers._kernel_gradient_by_library(x, normal(9, 2, 4, 4, 2), 3, 3)
    assert differ(found, expected) < 1e-5
