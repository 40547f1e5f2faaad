"""Tossed signs: what they leave alone, and what they do to a difference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mesagym.detectors.base import Effort
from mesagym.detectors.paired import LEVELS, count_levels, flipped


def test_no_toss_makes_something_of_nothing():
    np.testing.assert_array_equal(flipped(np.zeros(9), 5, 0), np.zeros(5))


@given(st.floats(0.01, 10), st.integers(0, 9))
def test_no_toss_exceeds_the_mean_size(size: float, seed: int):
    null = flipped(np.full(16, size), 50, seed)
    assert np.abs(null).max() <= size * (1 + 1e-9)
    assert null.std() > 0


def test_the_same_seed_tosses_alike():
    values = np.arange(5.0)
    np.testing.assert_array_equal(flipped(values, 8, 3), flipped(values, 8, 3))
    assert (flipped(values, 8, 3) != flipped(values, 8, 4)).any()


@given(st.integers(1, 1000))
def test_levels_are_even_and_bounded(levels: int):
    count = count_levels(Effort(levels=levels))
    assert count % 2 == 0
    assert 2 <= count <= LEVELS
