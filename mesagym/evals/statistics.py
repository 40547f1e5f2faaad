"""Intervals and tests in which the training seed is the unit.

How the methods were chosen, and how often they cover, is in docs/statistics.md.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import expit, logit, ndtri, stdtrit

from mesagym.tracking.numerals import bare, percent_text

PROVISIONAL_BELOW = 8
"""Seeds below which an interval is called provisional."""

FEWEST_FOR_INTERVAL = 4
"""Seeds from which an interval over them is shown. With one or two degrees of freedom
it is so wide, mostly all of [0, 1], that it says nothing: each seed is shown instead.
A single seed's own interval is over its levels, and is shown."""

OVER_LEVELS = "Wilson over levels"
"""The method of an interval that speaks of one seed, see `wilson`."""


def no_interval(seeds: Iterable[int]) -> str:
    """Return which numbers of seeds have no interval: ``2 and 3 seeds: no interval``.

    Empty where all have one. A single seed has: over its levels.

    Args:
        seeds: how many, of each run that is shown.
    """
    few = sorted({n for n in seeds if 1 < n < FEWEST_FOR_INTERVAL})
    return f"{' and '.join(map(str, few))} seeds: no interval" if few else ""


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval over training seeds.

    ``str`` prints ``.83 [.71, .91]`` and adds the word provisional where it is due.
    A format specification is applied to each of the three numbers
    (``f"{interval:.3f}"``); ``f"{interval:%}"`` prints whole percent,
    ``83% [71, 91]``, and leaves the word to the sentence around it. Where the bounds
    say nothing (`is_shown`) the estimate stands alone.

    Raises:
        ValueError: the estimate is not within the bounds.
    """

    estimate: float
    low: float
    high: float
    n_seeds: int
    method: str
    provisional: bool

    def __post_init__(self) -> None:
        if not self.low <= self.estimate <= self.high:
            raise ValueError(
                f"interval [{self.low}, {self.high}] does not hold {self.estimate}"
            )

    def __format__(self, spec: str) -> str:
        numbers = (self.estimate, self.low, self.high)
        if spec == "%":
            estimate, low, high = map(percent_text, numbers)
            low, high = low.removesuffix("%"), high.removesuffix("%")
            return estimate + (f" [{low}, {high}]" if self.is_shown else "")
        estimate, low, high = (bare(x, spec or ".2f") for x in numbers)
        bounds = f" [{low}, {high}]" if self.is_shown else ""
        return f"{estimate}{bounds}" + " provisional" * self.provisional

    @property
    def is_shown(self) -> bool:
        """Whether the bounds say enough to be printed beside the estimate.

        They do of `FEWEST_FOR_INTERVAL` seeds or more, and of one seed over its levels.
        """
        return (
            self.n_seeds >= FEWEST_FOR_INTERVAL or self.method == OVER_LEVELS
        ) and math.isfinite(self.high - self.low)

    def __str__(self) -> str:
        return format(self, "")


def rate_interval(
    successes: Int[np.ndarray, "seeds"],
    trials: Int[np.ndarray, "seeds"],
    confidence: float = 0.95,
) -> Interval:
    """Return the interval for the mean rate over new training seeds.

    Student t on the logit of the mean rate: the standard error between seeds, but
    never below what binomial noise alone would give, carried to the logit by the
    delta method. Chosen among eleven candidates by simulated coverage
    (docs/statistics.md). It never has zero width, holds 1 where every episode
    succeeded, and exchanging success and failure mirrors it. With more successes in
    every seed both bounds rise, except in the last step to all or from none, where
    the interval is wider than next to it. One seed says nothing of the next: its
    interval is [0, 1].

    Args:
        successes: of each seed.
        trials: episodes of each seed, at least 1. Seeds weigh the same, whatever
            their number of episodes.
        confidence: within (0, 1).

    Raises:
        ValueError: shapes differ, no seed, no trial, or more successes than trials.
    """
    _check_counts(successes, trials)
    _check_confidence(confidence)
    estimate = float(np.mean(successes / trials))
    low, high = logit_t_bounds(successes, trials, confidence)
    return _interval(estimate, float(low), float(high), successes.size, "logit t")


def logit_t_bounds(
    successes: np.ndarray, trials: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of :func:`rate_interval` for a batch of runs.

    Args:
        successes: [..., seeds], fractions allowed.
        trials: broadcastable to it.
        confidence: within (0, 1).

    Returns:
        Lower and upper bounds, [...].
    """
    trials = np.broadcast_to(trials, successes.shape)
    rates = successes / trials
    n = rates.shape[-1]
    mean = np.asarray(rates.mean(-1))
    if n == 1:
        return np.zeros_like(mean), np.ones_like(mean)
    # Half a success and half a failure keep the logit finite at 0 and 1.
    total = trials.sum(-1)
    smooth = (mean * total + 0.5) / (total + 1)
    unit = smooth * (1 - smooth)
    noise = unit * (1 / trials).mean(-1) / n
    variance = np.maximum(rates.var(-1, ddof=1) / n, noise)
    half = stdtrit(n - 1, 0.5 + confidence / 2) * np.sqrt(variance) / unit
    low, high = expit(logit(smooth) - half), expit(logit(smooth) + half)
    return np.asarray(np.minimum(low, mean)), np.asarray(np.maximum(high, mean))


def difference_interval(
    first: Int[np.ndarray, "seeds"],
    second: Int[np.ndarray, "seeds"],
    trials: Int[np.ndarray, "seeds"],
    confidence: float = 0.95,
) -> Interval:
    """Return the interval for the mean difference of two rates, paired over seeds.

    Each seed's difference d in [-1, 1] is mapped to (1 + d) / 2, a mean score per
    episode in [0, 1], and treated as :func:`rate_interval` treats a rate. Binomial
    noise at that score is an upper bound of the noise of d, both where the two
    counts come from the same episodes (proxy-first and base-first) and where they
    come from two sets of as many.

    Args:
        first: successes of each seed that count for the difference.
        second: successes that count against it.
        trials: episodes of each seed, for either count.
        confidence: within (0, 1).

    Raises:
        ValueError: as for :func:`rate_interval`, for either count.
    """
    _check_counts(first, trials)
    _check_counts(second, trials)
    _check_confidence(confidence)
    estimate = float(np.mean((first - second) / trials))
    score = (trials + first - second) / 2
    low, high = (2 * bound - 1 for bound in logit_t_bounds(score, trials, confidence))
    return _interval(estimate, float(low), float(high), first.size, "paired logit t")


def mean_interval(
    values: Float[np.ndarray, "seeds"],
    confidence: float = 0.95,
    *,
    drop_nan: bool = False,
) -> Interval:
    """Return Student's t interval for the mean over new seeds, for returns.

    One seed says nothing of the next: its interval is unbounded. Seeds that agree to
    the last digit leave it without width, and where seeds are skewed, as near a
    ceiling, it covers less often than it says (docs/statistics.md).

    Args:
        values: one number a seed.
        confidence: within (0, 1).
        drop_nan: leave out seeds whose value is NaN (stopped in training);
            ``n_seeds`` is then what remains.

    Raises:
        ValueError: no value, an infinite one, or a NaN without ``drop_nan``.
    """
    _check_confidence(confidence)
    missing = np.isnan(values)
    if missing.any() and not drop_nan:
        raise ValueError(
            f"{missing.sum()} of {values.size} seeds are NaN: pass drop_nan=True to "
            "leave them out, and say so beside the result"
        )
    values = np.asarray(values[~missing], dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("an interval needs at least one seed, and finite values")
    n, estimate = values.size, float(values.mean())
    half = math.inf
    if n > 1:
        t = float(stdtrit(n - 1, 0.5 + confidence / 2))
        half = t * float(values.std(ddof=1)) / math.sqrt(n)
    return _interval(estimate, estimate - half, estimate + half, n, "t")


def share_interval(
    values: Float[np.ndarray, "seeds"],
    confidence: float = 0.95,
    *,
    levels: int | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """Return the interval for the mean over new seeds of a share that is no count.

    It never leaves the limits. Where the number of levels is known it is that of
    :func:`rate_interval`, the levels taken for trials: a share over so many levels
    varies no more than a count of as many would. Else it is Wilson's score interval
    with as many trials as would give the spread between seeds, and the t quantile;
    seeds that agree to the last digit leave it without width. How both were chosen, and
    how often they cover, is in docs/statistics.md. One seed says nothing of the next:
    its interval is all that there is between the limits.

    Args:
        values: one a seed, within the limits.
        confidence: within (0, 1).
        levels: over which each seed's value is a mean; None if that is not known.
        limits: between which the values lie, such as -1 and 1 for a difference.

    Raises:
        ValueError: no value, or one that is not finite or not within the limits.
    """
    _check_confidence(confidence)
    bottom, top = limits
    values = np.asarray(values, dtype=np.float64)
    # What was rounded in single precision may lie a little beyond.
    slack = 1e-6 * (top - bottom)
    inside = (values >= bottom - slack) & (values <= top + slack)
    if values.size == 0 or not inside.all():
        raise ValueError(
            f"shares need at least one seed, and values from {bottom:g} to {top:g}"
        )
    shares = np.clip((values - bottom) / (top - bottom), 0.0, 1.0)
    mean = float(shares.mean())
    if levels is not None:
        low, high = logit_t_bounds(shares * levels, np.array(levels), confidence)
    else:
        low, high = _wilson_of_spread(shares, mean, confidence)
    size = top - bottom
    return _interval(
        bottom + size * mean,
        bottom + size * float(low),
        bottom + size * float(high),
        values.size,
        "logit t" if levels is not None else "effective Wilson",
    )


def _wilson_of_spread(
    shares: np.ndarray, mean: float, confidence: float
) -> tuple[float, float]:
    """Return bounds that rest on the spread between seeds alone; shares [seeds]."""
    if shares.size == 1:
        return 0.0, 1.0
    unit = mean * (1 - mean)
    # 1 / trials: what the mean's variance is of a single episode's.
    share = 0.0 if unit == 0 else float(shares.var(ddof=1)) / shares.size / unit
    z = float(stdtrit(shares.size - 1, 0.5 + confidence / 2))
    shrink = 1 + z**2 * share
    centre = (mean + z**2 * share / 2) / shrink
    half = z * math.sqrt(unit * share + (z * share) ** 2 / 4) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def wilson(
    successes: int | float, trials: int | float, confidence: float = 0.95
) -> Interval:
    """Return Wilson's score interval for a rate over levels.

    It speaks of these seeds only, never of the next (Wilson 1927). Successes may be
    fractions where seeds are pooled (`mesagym.evals.evidence.pooled`).

    Raises:
        ValueError: no trial, or more successes than trials.
    """
    _check_counts(np.array([successes]), np.array([trials]))
    _check_confidence(confidence)
    z = float(ndtri(0.5 + confidence / 2))
    rate, shrink = successes / trials, 1 + z**2 / trials
    centre = (rate + z**2 / (2 * trials)) / shrink
    half = math.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    half = z * half / shrink
    # At 0 and 1 the bound is exact; rounding must not leave the estimate outside.
    low = 0.0 if successes == 0 else min(max(centre - half, 0.0), rate)
    high = 1.0 if successes == trials else max(min(centre + half, 1.0), rate)
    return _interval(rate, low, high, 1, OVER_LEVELS)


def beyond_chance(
    successes: Int[np.ndarray, "seeds"],
    trials: Int[np.ndarray, "seeds"],
    *,
    draws: int = 9999,
    seed: int = 0,
) -> float:
    """Return the p value of seeds differing by more than binomial noise.

    The statistic is Pearson's chi-square for equal rates. Its null is simulated
    given the total of successes, where it has no free parameter (the seeds' counts
    are multivariate hypergeometric), so it is exact at any count, and p is at least
    1 / (draws + 1).

    Args:
        successes: of each seed.
        trials: episodes of each seed.
        draws: simulated tables.
        seed: of the simulation; the same data give the same p.

    Raises:
        ValueError: as for :func:`rate_interval`.
    """
    _check_counts(successes, trials)
    total = int(successes.sum())
    if successes.size == 1 or total in (0, int(trials.sum())):
        return 1.0
    expected = trials * (total / trials.sum())
    null = np.random.default_rng(seed).multivariate_hypergeometric(
        trials, total, size=draws, method="marginals"
    )
    # Pearson's statistic up to a factor that the totals fix.
    statistics = ((null - expected) ** 2 / trials).sum(-1)
    observed = ((successes - expected) ** 2 / trials).sum()
    # Tables as extreme as the observed one must count, whatever their rounding.
    extreme = statistics >= observed * (1 - 1e-9)
    return float((1 + extreme.sum()) / (1 + draws))


def _interval(
    estimate: float, low: float, high: float, n_seeds: int, method: str
) -> Interval:
    low, high = min(low, estimate), max(high, estimate)
    provisional = n_seeds < PROVISIONAL_BELOW
    return Interval(estimate, low, high, n_seeds, method, provisional)


def _check_counts(successes: np.ndarray, trials: np.ndarray) -> None:
    if successes.ndim != 1 or successes.shape != trials.shape or successes.size == 0:
        raise ValueError(
            "successes and trials need one number for each of at least one seed, not "
            f"shapes {successes.shape} and {trials.shape}"
        )
    # Of pooled seeds both may be fractions, and miss a whole number by their rounding.
    if (trials < 1 - 1e-6).any():
        raise ValueError("every seed needs at least one trial")
    if (successes < 0).any() or (successes > trials + 1e-6).any():
        raise ValueError("successes must lie between 0 and the number of trials")


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie within (0, 1), not {confidence}")
