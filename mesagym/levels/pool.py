"""Batches of levels with weights, from which an environment draws at each reset."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int, UInt32

from mesagym.levels.randomness import chances

AGREEING, AMBIGUOUS, DISTINGUISHING = range(3)

LABEL_NAMES: tuple[str, ...] = ("agreeing", "ambiguous", "distinguishing")
"""What the integers of :attr:`LevelClass.label` mean."""


@struct.dataclass
class LevelClass:
    """What a level can tell about base and proxy objective.

    ``clean`` is the geometric filter: the level is distinguishing, and neither
    object lies on any shortest path from the start to the other.
    """

    label: Any  # int8[...] index into LABEL_NAMES
    clean: Any  # bool[...]


@struct.dataclass
class Solution:
    """The best that can be done on a level for each objective alone."""

    steps: Any  # int32[..., K] fewest steps to the first crediting, -1 never
    returns: Any  # float32[..., K] highest undiscounted return


@struct.dataclass
class LevelPool:
    """Levels that an environment draws from, carried inside its parameters.

    Draws go through ``cumulative`` where the levels are weighted; ``None`` means
    that all weigh the same, which costs one multiplication instead of a search.
    """

    levels: Any  # a level whose leaves have a leading axis n
    classes: Any  # LevelClass with leaves [n]
    cumulative: Any  # float32[n] running sum of weights ending at 1, or None
    generation: Any  # int32[] raised by one each time the pool is refilled

    @property
    def size(self) -> int:
        """Number of levels, n."""
        return self.classes.label.shape[0]


def make_pool(
    levels: Any,
    classes: LevelClass,
    weights: Float[Array, " n"] | None = None,
    generation: int | Int[Array, ""] = 0,
) -> LevelPool:
    """Make a pool.

    Args:
        levels: a batch of levels, leading axis n.
        classes: their classes.
        weights: relative frequency of each, not negative, with a positive sum.
            ``None`` draws them uniformly.
        generation: number of refills before this one.
    """
    cumulative = None
    if weights is not None:
        # A parallel sum rounds: it may fall, or rise over a level of weight 0, which
        # would then be drawn. Such levels take the highest sum before them instead.
        running = jnp.where(weights > 0, jnp.cumsum(weights), 0)
        running = jax.lax.cummax(running)
        cumulative = (running / running[-1]).astype(jnp.float32)
    generation = jnp.asarray(generation, jnp.int32)
    return LevelPool(levels, classes, cumulative, generation)


def draw_index(pool: LevelPool, bits: UInt32[Array, ""]) -> Int[Array, ""]:
    """Turn 32 random bits into the index of a level, by the pool's weights."""
    uniform = chances(bits)
    if pool.cumulative is None:
        # Below 1, so the index stays below n.
        return (uniform * pool.size).astype(jnp.int32)
    index = jnp.searchsorted(pool.cumulative, uniform, side="right")
    return jnp.minimum(index, pool.size - 1).astype(jnp.int32)


def key_bits(key: jax.Array) -> UInt32[Array, ""]:
    """Return 32 bits of a key without hashing it by the generator.

    A key that the caller split off is random already; mixing its words
    (the finaliser of MurmurHash3, Appleby 2011) costs a tenth of another call of
    the generator, and makes keys built straight from small seeds differ too.
    """
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    words = key.astype(jnp.uint32)
    mixed = jnp.zeros(words.shape[:-1], jnp.uint32)
    for i in range(words.shape[-1]):
        mixed = mixed * jnp.uint32(0x9E3779B1) + words[..., i]
        mixed = mixed ^ (mixed >> 16)
        mixed = mixed * jnp.uint32(0x85EBCA6B)
        mixed = mixed ^ (mixed >> 13)
        mixed = mixed * jnp.uint32(0xC2B2AE35)
        mixed = mixed ^ (mixed >> 16)
    return mixed
