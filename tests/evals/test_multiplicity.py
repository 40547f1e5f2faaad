"""Adjusted p values against scipy, and the false discoveries that they leave."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mesagym.evals.multiplicity import benjamini_hochberg

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


@given(p_values)
def test_adjusted_p_values_are_scipys(p: np.ndarray) -> None:
    expected = stats.false_discovery_control(p)
    np.testing.assert_allclose(benjamini_hochberg(p), expected, atol=1e-12)


@given(p_values)
def test_those_for_any_dependence_are_scipys(p: np.ndarray) -> None:
    expected = stats.false_discovery_control(p, method="by")
    found = benjamini_hochberg(p, any_dependence=True)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_adjusted_values_of_a_known_suite() -> None:
    found = benjamini_hochberg(np.array([0.04, 0.01, 0.5, 0.03]))
    np.testing.assert_allclose(found, [4 * 0.04 / 3, 0.04, 0.5, 4 * 0.04 / 3])


@given(p_values, st.integers(0, 12))
def test_a_test_that_was_not_made_changes_no_other(p: np.ndarray, place: int) -> None:
    place = min(place, p.size)
    found = benjamini_hochberg(np.insert(p, place, np.nan))
    assert np.isnan(found[place])
    np.testing.assert_array_equal(np.delete(found, place), benjamini_hochberg(p))


def test_of_tests_none_of_which_was_made_nothing_is_said() -> None:
    assert np.isnan(benjamini_hochberg(np.full(3, np.nan))).all()
    assert benjamini_hochberg(np.array([])).shape == (0,)


def test_a_tenth_of_discoveries_at_most_is_false_where_that_was_asked_for() -> None:
    # Fifteen tests of nothing beside five of something, positively correlated.
    rng = np.random.default_rng(0)
    truth = np.repeat([0.0, 3.0], [15, 5])
    shares = []
    for _ in range(1500):
        z = truth + np.sqrt(0.5) * (rng.normal(size=20) + rng.normal())
        found = benjamini_hochberg(stats.norm.sf(z)) <= 0.1
        shares.append(found[:15].sum() / max(found.sum(), 1))
    noise = np.std(shares) / np.sqrt(1500)
    assert np.mean(shares) < 0.1 + 3 * noise


@pytest.mark.parametrize("p", [[-0.1], [1.1], [[0.5]]])
def test_what_is_no_p_value_is_refused(p: list) -> None:
    with pytest.raises(ValueError, match=r"lie between|one number a test"):
        benjamini_hochberg(np.array(p))
