"""Random words for several uses from one call, which compiles once and runs once."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32


def random_words(key: jax.Array, *shapes: tuple[int, ...]) -> list[jax.Array]:
    """Return arrays of independent uniform uint32, one for each shape.

    Every call of ``jax.random`` adds a copy of its generator to the program, some
    .3 s of compilation on a CPU.
    """
    sizes = [math.prod(shape) for shape in shapes]
    words = jax.random.bits(key, (sum(sizes),), jnp.uint32)
    ends = [sum(sizes[:i]) for i in range(1, len(sizes))]
    parts = jnp.split(words, ends)
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def chances(words: UInt32[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return uniform numbers of [0, 1) in steps of 2**-24, which float32 holds."""
    return (words >> 8).astype(jnp.float32) * jnp.float32(2**-24)


def one_of(chance: Float[Array, ""], options: Sequence[Any]) -> Any:
    """Return one of several pytrees of one structure, all alike.

    Args:
        chance: drawn uniformly from [0, 1).
        options: what to choose from.
    """
    which = (chance * len(options)).astype(jnp.int32)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves)[which], *options)
