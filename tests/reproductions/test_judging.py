"""Checks and what they add up to."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.evals.permutation import two_groups
from mesagym.evals.statistics import Interval, mean_interval
from mesagym.reproductions.judging import (
    CONFIRMED,
    FAILED,
    HELD,
    REFUTED,
    UNCLEAR,
    UNTESTABLE,
    above,
    below,
    conclude,
    less,
    numbers,
    rises,
)


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 10, "t", False)


HOLDS = above("holds", interval(0.6, 0.8), 0.5)
FAILS = above("fails", interval(0.1, 0.3), 0.5)
OPEN = above("open", interval(0.4, 0.8), 0.5)


@pytest.mark.parametrize(
    ("low", "high", "up", "down"),
    [
        (0.6, 0.8, HELD, FAILED),
        (0.1, 0.3, FAILED, HELD),
        (0.4, 0.8, UNCLEAR, UNCLEAR),
        (0.5, 0.8, UNCLEAR, UNCLEAR),
    ],
)
def test_a_check_asks_where_the_whole_interval_lies(
    low: float, high: float, up: str, down: str
) -> None:
    assert above("x", interval(low, high), 0.5).status == up
    assert below("x", interval(low, high), 0.5).status == down


def test_a_difference_is_as_wide_as_both_together() -> None:
    first, second = interval(0.6, 0.8), interval(0.1, 0.3)
    found = less(first, second)
    assert found.estimate == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx(
        (0.5 - math.hypot(0.1, 0.1), 0.5 + math.hypot(0.1, 0.1))
    )
    assert found.n_seeds == 10


def test_a_difference_from_a_number_without_width_is_a_shift() -> None:
    found = less(Interval(0.7, 0.5, 0.8, 10, "t", False), interval(0.2, 0.2))
    assert (found.low, found.estimate, found.high) == pytest.approx((0.3, 0.5, 0.6))


@given(
    ends=st.tuples(*[st.floats(-2, 2)] * 2), widths=st.tuples(*[st.floats(0, 2)] * 2)
)
def test_a_difference_turned_round_is_its_mirror(
    ends: tuple[float, float], widths: tuple[float, float]
) -> None:
    one, other = (interval(a, a + w) for a, w in zip(ends, widths, strict=True))
    there, back = less(one, other), less(other, one)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


@given(low=st.floats(-2, 2), width=st.floats(0, 2), bound=st.floats(-2, 2))
def test_above_and_below_are_never_both_held(
    low: float, width: float, bound: float
) -> None:
    there = interval(low, low + width)
    statuses = {above("x", there, bound).status, below("x", there, bound).status}
    assert statuses in ({HELD, FAILED}, {UNCLEAR})


def test_an_unbounded_interval_is_recorded_without_its_bounds() -> None:
    check = above("x", mean_interval(np.array([1.0])), 0.5)
    assert (check.status, check.low, check.high) == (UNCLEAR, None, None)


def test_a_permutation_test_decides_by_its_direction() -> None:
    more, less = np.arange(8) + 100.0, np.arange(8) + 0.0
    test = two_groups(more, less)
    assert rises("x", test).status == HELD
    assert rises("x", test, falls=True).status == FAILED
    same = two_groups(np.array([0.0, 1, 2, 3]), np.array([0.0, 1, 2, 3]))
    assert rises("x", same).status == UNCLEAR


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ([HOLDS, HOLDS], CONFIRMED),
        ([HOLDS, FAILS, OPEN], REFUTED),
        ([HOLDS, OPEN], UNTESTABLE),
        ([], UNTESTABLE),
    ],
)
def test_checks_add_up(checks: list, outcome: str) -> None:
    assert conclude(checks).outcome == outcome


def test_what_failed_is_named() -> None:
    assert conclude([HOLDS, FAILS]).reason == "Did not hold: fails."


def test_a_needed_condition_that_is_blank_leaves_it_open() -> None:
    judgement = conclude([HOLDS], {"one": "2 seeds"}, needed=["one"])
    assert judgement.outcome == UNTESTABLE
    assert "one: 2 seeds" in judgement.reason


def test_a_part_that_fails_refutes_whatever_else_is_blank() -> None:
    judgement = conclude([FAILS], {"one": "2 seeds"}, needed=["one"])
    assert judgement.outcome == REFUTED


def test_a_blank_condition_that_is_not_needed_is_told_and_no_more() -> None:
    judgement = conclude([HOLDS], {"other": "2 seeds"}, needed=["one"])
    assert judgement.outcome == CONFIRMED
    assert judgement.document()["blank"] == {"other": "2 seeds"}


def test_what_was_not_finite_is_not_a_number_again() -> None:
    assert math.isnan(numbers([1.0, None])[1])
