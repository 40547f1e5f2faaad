"""Random numbers of a step: uniform, apart from one another and from the next draw."""

import jax
import numpy as np
import pytest
from scipy import stats

from mesagym.levels.chance import step_chances
from mesagym.levels.pool import key_bits

N = 20_000


@pytest.fixture(scope="module")
def numbers() -> tuple[np.ndarray, np.ndarray]:
    """Three numbers for each of many keys, and the bits that draw its level."""
    keys = jax.random.split(jax.random.key(0), N)
    drawn = jax.jit(jax.vmap(lambda key: (step_chances(key, 3), key_bits(key))))(keys)
    return np.asarray(drawn[0]), np.asarray(drawn[1])


def test_numbers_are_uniform_below_one(numbers):
    chances, _ = numbers
    assert chances.min() >= 0
    assert chances.max() < 1
    for column in chances.T:
        assert stats.kstest(column, "uniform").pvalue > 0.001


def independent(one: np.ndarray, other: np.ndarray) -> bool:
    counts = np.histogram2d(one, other, bins=16)[0]
    return stats.chi2_contingency(counts).pvalue > 0.001


def test_numbers_of_one_key_are_independent(numbers):
    chances, _ = numbers
    assert independent(chances[:, 0], chances[:, 1])
    assert independent(chances[:, 1], chances[:, 2])


def test_numbers_tell_nothing_about_the_level_drawn_next(numbers):
    chances, bits = numbers
    for column in chances.T:
        assert independent(column, bits / 2**32)
        assert independent(column, (bits & 0xFFFF) / 2**16)


def test_a_raw_key_gives_the_numbers_of_its_typed_twin():
    typed = step_chances(jax.random.key(7), 4)
    np.testing.assert_array_equal(step_chances(jax.random.PRNGKey(7), 4), typed)
