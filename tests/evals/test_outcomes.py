"""What an episode came to, and how directly, from the steps of first crediting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.evals.outcomes import OUTCOMES, outcome_codes, path_efficiency

STEPS = st.lists(st.integers(-1, 5).filter(bool), min_size=2, max_size=4)


def outcome_of(first: list[int]) -> str:
    return OUTCOMES[int(outcome_codes(np.array(first, np.int32)))]


@pytest.mark.parametrize(
    ("first", "outcome"),
    [
        ([-1, -1], "neither"),
        ([3, -1], "base"),
        ([3, 4], "base"),
        ([-1, 3], "proxy"),
        ([4, 3], "proxy"),
        ([3, 3], "both"),
        ([3, 5, 2], "proxy"),
        ([3, 5, 3], "both"),
    ],
)
def test_what_was_credited_first_is_the_outcome(first: list[int], outcome: str) -> None:
    assert outcome_of(first) == outcome


@given(STEPS)
def test_an_outcome_follows_from_who_was_first(first: list[int]) -> None:
    def arrival(steps: list[int]) -> float:
        return min((step for step in steps if step > 0), default=float("inf"))

    base, proxy = arrival(first[:1]), arrival(first[1:])
    expected = "base" if base < proxy else "proxy" if proxy < base else "both"
    if base == proxy == float("inf"):
        expected = "neither"
    assert outcome_of(first) == expected


def test_efficiency_is_measured_toward_what_decided_the_episode() -> None:
    first = np.array([[4, 9], [9, 4], [4, 4], [-1, -1]], np.int32)
    optimal = np.array([[2, 3]] * 4, np.int32)
    found = path_efficiency(first, optimal, outcome_codes(first))
    np.testing.assert_allclose(found, [2 / 4, 3 / 4, 2 / 4, 0])


def test_of_several_proxies_the_first_to_be_reached_counts() -> None:
    first = np.array([-1, 8, 5], np.int32)
    optimal = np.array([1, 2, 4], np.int32)
    found = path_efficiency(first, optimal, outcome_codes(first))
    assert found == pytest.approx(4 / 5)
