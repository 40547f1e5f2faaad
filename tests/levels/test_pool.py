"""Draws from a pool follow its weights, and keys that differ draw differently."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mesagym.levels.pool import LevelClass, LevelPool, draw_index, key_bits, make_pool

DRAWS = 20_000


def pool_of(
    n: int, weights: np.ndarray | None = None, generation: int = 0
) -> LevelPool:
    classes = LevelClass(jnp.zeros(n, jnp.int8), jnp.zeros(n, dtype=bool))
    weights = None if weights is None else jnp.asarray(weights, jnp.float32)
    return make_pool(jnp.arange(n), classes, weights, generation)


@jax.jit
def draws(pool: LevelPool) -> jax.Array:
    keys = jax.random.split(jax.random.key(3), DRAWS)
    return jax.vmap(lambda key: draw_index(pool, key_bits(key)))(keys)


@jax.jit
def extremes(pool: LevelPool) -> jax.Array:
    bits = jnp.array([0, 2**32 - 1], jnp.uint32)
    return jax.vmap(draw_index, (None, 0))(pool, bits)


def p_value(pool: LevelPool, shares: np.ndarray) -> float:
    counts = np.bincount(draws(pool), minlength=len(shares))
    drawn = shares > 0
    assert counts[~drawn].sum() == 0
    return stats.chisquare(counts[drawn], DRAWS * shares[drawn]).pvalue


def test_draws_from_a_pool_without_weights_are_uniform():
    assert p_value(pool_of(100), np.full(100, 0.01)) > 0.001


def test_draws_from_a_weighted_pool_follow_the_weights():
    weights = np.array([0, 1, 2, 0, 0, 3, 4, 0.5, 0], np.float32)
    shares = weights.astype(np.float64) / weights.sum()
    assert p_value(pool_of(9, weights), shares) > 0.001


@pytest.mark.parametrize("n", [1, 3, 1000, 4096, 2**20 - 1])
def test_the_lowest_and_highest_bits_draw_the_first_and_last_level(n: int):
    np.testing.assert_array_equal(extremes(pool_of(n)), [0, n - 1])


def test_the_lowest_and_highest_bits_pass_over_levels_of_weight_zero():
    pool = pool_of(5, np.array([0, 1, 0, 1, 0]))
    np.testing.assert_array_equal(extremes(pool), [1, 3])


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), zeros=st.floats(0.1, 0.9))
def test_no_bits_can_draw_a_level_of_weight_zero(seed: int, zeros: float):
    # Thousands of levels: their float32 sum rounds, and must not rise over a zero.
    rng = np.random.default_rng(seed)
    weights = rng.random(5000, np.float32) * (rng.random(5000) > zeros)
    weights[rng.integers(5000)] = 1
    share = np.diff(np.asarray(pool_of(5000, weights).cumulative), prepend=0)
    assert (share[weights == 0] == 0).all()
    assert (share >= 0).all()
    np.testing.assert_allclose(share, weights / weights.sum(), atol=1e-6)


def test_scaling_all_weights_changes_no_draw():
    weights = np.random.default_rng(0).random(50)
    small, large = draws(pool_of(50, weights / 64)), draws(pool_of(50, weights * 64))
    np.testing.assert_array_equal(small, large)


def test_a_pool_knows_its_size_and_generation():
    pool = pool_of(7, generation=4)
    assert pool.size == 7
    assert (int(pool.generation), pool.generation.dtype) == (4, jnp.int32)


def test_keys_made_from_small_seeds_draw_differently():
    # jax.random.key(7) holds the words 0 and 7: used as they are, all small seeds
    # would draw the first level.
    bits = jax.vmap(lambda seed: key_bits(jax.random.key(seed)))(jnp.arange(4096))
    assert len(np.unique(bits)) == 4096
    spread = np.bincount(np.asarray(bits) >> 27, minlength=32)
    assert stats.chisquare(spread).pvalue > 0.001


def test_each_bit_of_keys_from_small_seeds_is_fair():
    bits = jax.vmap(lambda seed: key_bits(jax.random.key(seed)))(jnp.arange(4096))
    ones = (np.asarray(bits)[:, None] >> np.arange(32)) & 1
    assert np.abs(ones.mean(axis=0) - 0.5).max() < 4.5 * 0.5 / np.sqrt(4096)


def test_neighbouring_keys_share_no_pattern():
    bits = jax.vmap(lambda seed: key_bits(jax.random.key(seed)))(jnp.arange(4096))
    changed = np.asarray(bits)[1:] ^ np.asarray(bits)[:-1]
    flips = ((changed[:, None] >> np.arange(32)) & 1).mean()
    assert abs(flips - 0.5) < 4.5 * 0.5 / np.sqrt(32 * 4095)


def test_typed_and_raw_keys_have_the_same_bits():
    assert key_bits(jax.random.key(5)) == key_bits(jax.random.PRNGKey(5))
