"""The words of a pre-registered test: checks, each of one number against one bound.

A check *holds* where the whole interval lies on the claimed side of the bound, *fails*
where the whole of it lies on the other, and is *unclear* where the bound is inside. So
a result is *confirmed* where every check holds, *refuted* where one fails, and
*untestable here* where the numbers cannot tell: too few competent seeds, or intervals
too wide.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mesagym.evals.permutation import PermutationTest
from mesagym.evals.statistics import Interval

CONFIRMED, REFUTED, UNTESTABLE = "confirmed", "refuted", "untestable here"
OUTCOMES = (CONFIRMED, REFUTED, UNTESTABLE)

HELD, FAILED, UNCLEAR = "held", "failed", "unclear"

LEVEL = 0.05
"""p below which a permutation test is taken as beyond chance."""

FEWEST = 5
"""Competent seeds below which a condition is left blank."""


@dataclass(frozen=True)
class Check:
    """One number against one bound that was fixed before."""

    words: str
    """What is claimed, such as ``α = 0: corner first more often than not``."""
    status: str
    """`HELD`, `FAILED` or `UNCLEAR`."""
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    side: str = ""
    """``above`` or ``below`` the bound."""
    p: float | None = None
    """Of a permutation test, where that is what decides."""
    seeds: int | None = None
    """Behind the number."""


@dataclass(frozen=True)
class Judgement:
    """What a pre-registered test says of the figures."""

    outcome: str
    """One of `OUTCOMES`."""
    reason: str
    """One sentence."""
    checks: tuple[Check, ...]
    blank: Mapping[str, str]
    """Conditions that prove nothing, and why."""

    def document(self) -> dict[str, Any]:
        """Return it as it is recorded."""
        return {**asdict(self), "checks": [asdict(each) for each in self.checks]}


def above(words: str, interval: Interval, bound: float) -> Check:
    """Check that a number lies above a bound."""
    return _bounded(words, interval, bound, "above")


def below(words: str, interval: Interval, bound: float) -> Check:
    """Check that a number lies below a bound."""
    return _bounded(words, interval, bound, "below")


def rises(
    words: str, test: PermutationTest, *, falls: bool = False, seeds: int | None = None
) -> Check:
    """Check by a two-sided permutation test that something rises, or falls.

    Args:
        words: what is claimed.
        test: two-sided; its statistic is positive where it rises.
        falls: whether it is claimed to fall.
        seeds: behind it.
    """
    right = test.statistic < 0 if falls else test.statistic > 0
    status = UNCLEAR if test.p > LEVEL else HELD if right else FAILED
    return Check(
        words,
        status,
        estimate=test.statistic,
        bound=0.0,
        side="below" if falls else "above",
        p=test.p,
        seeds=seeds,
    )


def less(first: Interval, second: Interval) -> Interval:
    """Return the interval of the difference of two independent numbers, first − second.

    From their own intervals (Newcombe 1998, method 10; Donner and Zou 2002): each bound
    is as far from the estimate as the two distances that lead there, as the legs of a
    right angle. So a random policy's rate is not taken as exact.

    Args:
        first: from which.
        second: what is taken away.
    """
    estimate = first.estimate - second.estimate
    down = math.hypot(first.estimate - first.low, second.high - second.estimate)
    up = math.hypot(first.high - first.estimate, second.estimate - second.low)
    return Interval(
        estimate,
        estimate - down,
        estimate + up,
        first.n_seeds,
        f"{first.method} less {second.method}",
        first.provisional or second.provisional,
    )


def conclude(
    checks: Sequence[Check],
    blank: Mapping[str, str] | None = None,
    *,
    needed: Sequence[str] = (),
) -> Judgement:
    """Return the judgement that checks add up to.

    Args:
        checks: all that the claim needs.
        blank: conditions that prove nothing, and why.
        needed: conditions without which the claim cannot be tested at all.
    """
    blank = dict(blank or {})
    by_status = {
        status: [each.words for each in checks if each.status == status]
        for status in (HELD, FAILED, UNCLEAR)
    }

    def judgement(outcome: str, told: str) -> Judgement:
        return Judgement(outcome, told, tuple(checks), blank)

    # One part that does not hold refutes the whole, whatever cannot be tested.
    if failed := by_status[FAILED]:
        return judgement(REFUTED, f"Did not hold: {'; '.join(failed)}.")
    if missing := [name for name in needed if name in blank]:
        said = "; ".join(f"{name}: {blank[name]}" for name in missing)
        return judgement(UNTESTABLE, f"{said}.")
    if not checks:
        return judgement(UNTESTABLE, "There was nothing to check.")
    if unclear := by_status[UNCLEAR]:
        return judgement(UNTESTABLE, f"These seeds cannot tell: {'; '.join(unclear)}.")
    reason = "Every check held." if len(checks) > 1 else "The check held."
    return judgement(CONFIRMED, reason)


def _bounded(words: str, interval: Interval, bound: float, side: str) -> Check:
    low, high = interval.low, interval.high
    over, under = low > bound, high < bound
    held, failed = (over, under) if side == "above" else (under, over)
    return Check(
        words,
        HELD if held else FAILED if failed else UNCLEAR,
        estimate=interval.estimate,
        low=_finite(low),
        high=_finite(high),
        bound=bound,
        side=side,
        seeds=interval.n_seeds,
    )


def _finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None


def numbers(values: Sequence[float | int | None]) -> np.ndarray:
    """Return recorded numbers as float64[n]; what was not finite is NaN again."""
    return np.array([math.nan if x is None else x for x in values], dtype=np.float64)
