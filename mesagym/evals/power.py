"""How many seeds an effect of some size needs to be shown, and how many there are."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import stats

from mesagym.tracking.numerals import percent_text

WANTED = 0.8
"""The chance of showing an effect from which there are seeds enough."""

MOST = 10_000
"""Seeds beyond which nobody counts."""


def t_power(
    effect: float,
    spread: float,
    seeds: int,
    confidence: float = 0.95,
    groups: Literal[1, 2] = 1,
) -> float:
    """Return the chance that a t interval over so many seeds leaves out zero.

    On the side of the effect, that is: an interval wholly on the other side shows
    nothing. The chance is that of the noncentral t distribution (Owen 1965).

    Args:
        effect: the true mean over seeds; of two groups, the difference of theirs.
        spread: standard deviation between the seeds' numbers, in each group.
        seeds: from 2; of two groups, in each.
        confidence: of the interval, two-sided.
        groups: 1 where seeds are compared with a fixed number or paired, 2 where other
            seeds are.

    Raises:
        ValueError: fewer than 2 seeds, or a spread below zero.
    """
    if seeds < 2 or spread < 0:
        raise ValueError("power needs 2 seeds or more, and a spread not below zero")
    if spread == 0:
        return float(effect != 0)
    freedom = groups * (seeds - 1)
    bar = float(stats.t.ppf((1 + confidence) / 2, freedom))
    shift = abs(effect) * math.sqrt(seeds / groups) / spread
    return float(stats.nct.sf(bar, freedom, shift))


def power(
    share: float,
    variance: float,
    seed_spread: float,
    seeds: int,
    levels: int,
    confidence: float = 0.95,
) -> float:
    """Return the chance that so many seeds show which of two objectives is pursued.

    The score of a seed is a mean over levels: in a contest the share of episodes that
    credit the first objective before the second, in an allocation the difference of
    the two returns, 0 at the second's expert and 1 at the first's. Over seeds it is
    normal with mean ``share`` and variance ``seed_spread² + variance / levels``; shown
    means that the t interval over seeds lies on the same side of one half as ``share``.

    Args:
        share: the true mean of the score.
        variance: of one level's contribution.
        seed_spread: standard deviation of the true score between seeds.
        seeds: number of training seeds, from 2.
        levels: evaluated for each.
        confidence: of the interval.
    """
    spread = math.sqrt(seed_spread**2 + variance / levels)
    return t_power(share - 0.5, spread, seeds, confidence)


def needed_seeds(
    effect: float,
    spread: float,
    wanted: float = WANTED,
    confidence: float = 0.95,
    groups: Literal[1, 2] = 1,
) -> int | None:
    """Return the fewest seeds, of two groups in each, that show an effect often enough.

    Args:
        effect: as for `t_power`.
        spread: as for `t_power`.
        wanted: the chance of showing it.
        confidence: of the interval that shows it.
        groups: as for `t_power`.

    Returns:
        From 2; None where `MOST` are not enough, as for no effect at all.
    """

    def enough(seeds: int) -> bool:
        return t_power(effect, spread, seeds, confidence, groups) >= wanted

    few, many = 1, 2
    while not enough(many):
        if many >= MOST:
            return None
        few, many = many, min(2 * many, MOST)
    # Power grows with seeds: between the last too few and the first enough.
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


@dataclass(frozen=True)
class PowerNote:
    """How many seeds an observed effect needs, and how many there are.

    It is for planning the next run. What this run shows is in its interval and its p
    value, to which the power of the observed effect adds nothing (Hoenig and Heisey
    2001). The effect and the spread are estimates, of few seeds rough ones, and an
    effect that was chosen for being large is smaller in truth.
    """

    effect: float
    spread: float
    """Standard deviation between seeds; of two groups, pooled."""
    needed: int | None
    """Fewest seeds, of two groups in each; None where no number of them is enough."""
    have: int
    """Seeds, of two groups in the smaller."""
    margin: float
    """How far off what the effect is measured from may be, whatever the seeds."""
    wanted: float
    groups: Literal[1, 2]

    @property
    def enough(self) -> bool:
        """Whether there are as many as are needed."""
        return self.needed is not None and self.have >= self.needed

    def __str__(self) -> str:
        each = " in each group" if self.groups == 2 else ""
        have = f"you have {self.have}"
        if math.isnan(self.spread):
            return f"{have}{each}: too few to say how much seeds differ"
        sized = f"an effect of this size ({self.effect:+.2g})"
        if 0 < self.margin >= abs(self.effect):
            return (
                f"no number of seeds shows {sized}: what it is measured from is only "
                f"known to {self.margin:.2g}; {have}"
            )
        if self.needed is None:
            return f"{sized} needs more than {MOST:,} seeds{each}; {have}"
        return (
            f"{sized} needs about {self.needed} seeds{each} to be shown "
            f"{percent_text(self.wanted)} of the time; {have}"
        )


def power_note(
    differences: Float[np.ndarray, "seeds"],
    *,
    noise: float = 0.0,
    margin: float = 0.0,
    at_least: int = 2,
    wanted: float = WANTED,
    confidence: float = 0.95,
) -> PowerNote:
    """Return how many seeds a mean difference like this one needs.

    Args:
        differences: one a seed: of rates or means, paired or from a fixed number.
        noise: standard deviation of one seed's difference that its finite number of
            episodes alone causes; the spread between seeds is taken as no smaller, as
            few seeds may agree by luck.
        margin: how far off the fixed number may be that seeds were compared with; only
            what the effect exceeds it by can be shown by more seeds.
        at_least: fewer are never enough, such as for a test whose p they bound.
        wanted: the chance of showing the effect.
        confidence: of the interval that shows it.

    Raises:
        ValueError: no seed, or a number that is not finite.
    """
    differences = _finite(differences)
    spread = float(differences.std(ddof=1)) if differences.size > 1 else math.nan
    effect = float(differences.mean())
    needed = None
    if differences.size > 1:
        spread = max(spread, noise)
        shown = max(abs(effect) - margin, 0.0)
        needed = needed_seeds(shown, spread, wanted, confidence)
    needed = needed and max(needed, at_least)
    return PowerNote(effect, spread, needed, differences.size, margin, wanted, 1)


def power_note_of_two(
    first: Float[np.ndarray, "seeds"],
    second: Float[np.ndarray, "others"],
    *,
    noise: float = 0.0,
    wanted: float = WANTED,
    confidence: float = 0.95,
) -> PowerNote:
    """Return how many seeds a group the difference of two groups' means needs.

    Args:
        first: one number a seed.
        second: the same, of other seeds.
        noise: as for `power_note`, of one seed.
        wanted: as for `power_note`.
        confidence: as for `power_note`.

    Raises:
        ValueError: an empty group, or a number that is not finite.
    """
    first, second = _finite(first), _finite(second)
    freedom = first.size + second.size - 2
    effect = float(first.mean() - second.mean())
    have = min(first.size, second.size)
    if have < 2:
        return PowerNote(effect, math.nan, None, have, 0.0, wanted, 2)
    squares = first.var() * first.size + second.var() * second.size
    spread = max(math.sqrt(squares / freedom), noise)
    needed = needed_seeds(effect, spread, wanted, confidence, 2)
    return PowerNote(effect, spread, needed, have, 0.0, wanted, 2)


def rate_noise(rate: float, trials: int) -> float:
    """Return the standard deviation of a seed's rate that its episodes alone cause.

    Half a success and half a failure are added, so that it is not 0 at 0 and 1.

    Args:
        rate: of successes.
        trials: episodes of one seed.
    """
    smooth = (rate * trials + 0.5) / (trials + 1)
    return math.sqrt(smooth * (1 - smooth) / trials)


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError("power needs a finite number for each of some seeds")
    return values
