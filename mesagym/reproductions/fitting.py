"""At which α a rate passes from one level to another: a fitted curve, its interval."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit

from mesagym.evals.statistics import PROVISIONAL_BELOW
from mesagym.tracking.numerals import percent_text

Where = Literal["midpoint", "halving"]
"""Half way between the two asymptotes, which is α*; or where the curve comes to half of
what it is at α = 0."""

FEWEST_ALPHAS = 3
"""Settings of α above 0 below which no curve is fitted."""

SMALLEST_CHANGE = 0.1
"""Distance of the asymptotes below which a curve is called flat."""

NEARLY_ALL = 0.975
"""Share of the resampled curves that must not be flat for a threshold to be told."""

STEEPNESS = 1 / np.geomspace(0.08, 2.0, 24)
"""What is searched over. The largest passes from 90 to 10 % of the way within a sixth
of a decade of α; no steeper one can be told from it where α is tested thrice apart."""

PER_DECADE = 40
"""Midpoints searched over, in a decade of α: 6 % apart."""

AT_ONCE = 128
"""Curves fitted together; bounds memory."""


@dataclass(frozen=True)
class Curve:
    """``upper - (upper - lower) / (1 + (midpoint / α) ** steepness)``, from 0 to 1.

    A logistic curve in log10 α, whose value at α = 0 is the upper asymptote.
    """

    lower: float
    upper: float
    midpoint: float
    steepness: float

    def at(self, alpha: Float[np.ndarray, "..."] | float) -> np.ndarray:
        """Return the curve at α, which may be 0."""
        above = _above(np.asarray(alpha, float), self.midpoint, self.steepness)
        return np.asarray(self.lower + (self.upper - self.lower) * above)


@dataclass(frozen=True)
class Threshold:
    """The α at which a rate that falls with it crosses a level, and its interval.

    Attributes:
        where: see `Where`.
        estimate: None where it is not identified.
        low: None where α may be below all that were tested, or was not identified.
        high: None where it may be above all that were tested, or was not identified.
        why_not: what is missing of an estimate, or of a bound; empty if nothing.
        curve: the fitted one; None where there was too little to fit.
        seeds: fewest at any α.
        confidence: of the interval.
        provisional: whether the seeds are few.
    """

    where: str
    estimate: float | None
    low: float | None
    high: float | None
    why_not: str
    curve: Curve | None
    seeds: int
    confidence: float
    provisional: bool

    def __str__(self) -> str:
        if self.estimate is None:
            return f"not identified: {self.why_not}"
        low = "…" if self.low is None else f"{self.low:.2g}"
        high = "…" if self.high is None else f"{self.high:.2g}"
        words = f"{self.estimate:.2g} [{low}, {high}]"
        return words + " provisional" * self.provisional

    def document(self) -> dict[str, Any]:
        """Return it as it is recorded."""
        return asdict(self)


def fit_threshold(
    rates: Mapping[float, Sequence[float]],
    where: Where = "midpoint",
    *,
    rising: bool = False,
    confidence: float = 0.95,
    draws: int = 999,
    seed: int = 0,
) -> Threshold:
    """Fit a logistic curve in log10 α to seeds' rates, and say where it crosses.

    Least squares over the seeds, both asymptotes free between 0 and 1, by search over
    midpoint and steepness: the same numbers give the same curve. For the interval the
    seeds of each α are drawn anew, with replacement, and the curve is fitted again; the
    deviations of the drawn means are widened by √(n/(n-1)) t/z, without which so few
    seeds cover too seldom. Seeds at different α are taken as independent.

    A threshold is told only where the fitted curve is no flat one, crosses within the
    positive α that were tested, and nearly all resampled ones are no flat ones either.
    A bound is left open where resampled curves cross beyond what was tested.

    Args:
        rates: by α, one rate a seed, of competent seeds only; α's with fewer than two
            are left out.
        where: what is looked for.
        rising: whether the rate is expected to rise with α and not to fall. The curve
            is then that of 1 - rate.
        confidence: within (0, 1).
        draws: resampled curves.
        seed: of the drawing; the same data give the same interval.

    Raises:
        ValueError: an α or a rate outside [0, 1], or the confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie within (0, 1), not {confidence}")
    kept = {
        float(alpha): np.asarray(rates[alpha], float)
        for alpha in sorted(rates)
        if len(rates[alpha]) > 1
    }
    for alpha, values in kept.items():
        if not 0 <= alpha <= 1 or not ((values >= 0) & (values <= 1)).all():
            raise ValueError(f"α and rates must lie within [0, 1]: {alpha}: {values}")
    if rising:
        kept = {alpha: 1 - values for alpha, values in kept.items()}
    alphas = np.array(list(kept))
    fewest = min((len(values) for values in kept.values()), default=0)

    def told(
        why_not: str,
        curve: Curve | None = None,
        estimate: float | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> Threshold:
        few = fewest < PROVISIONAL_BELOW
        return Threshold(
            where, estimate, low, high, why_not, curve, fewest, confidence, few
        )

    positive = alphas[alphas > 0]
    if len(positive) < FEWEST_ALPHAS:
        return told(
            f"{len(positive)} settings of α above 0 have two competent seeds, "
            f"{FEWEST_ALPHAS} are needed"
        )
    if where == "halving" and 0 not in kept:
        return told("there is no rate at α = 0 to be halved")

    seeds = np.array([len(values) for values in kept.values()])
    observed = np.array([values.mean() for values in kept.values()])
    drawn = _drawn_means(list(kept.values()), draws, confidence, seed)
    fits = _fit(alphas, seeds, np.vstack([observed, drawn]))
    places = _crossing(fits, where, positive)
    curve = Curve(*(float(column[0]) for column in fits.T))
    if np.isnan(places[0]):
        return told(
            f"the curve is flat: it changes by {curve.upper - curve.lower:.2f}", curve
        )
    if not np.isfinite(places[0]):
        side = "below" if places[0] < 0 else "above"
        return told(f"the curve crosses {side} every α that was tested", curve)
    flat = float(np.isnan(places[1:]).mean())
    if flat > 1 - NEARLY_ALL:
        return told(f"{percent_text(flat)} of the resampled curves are flat", curve)
    tail = (1 - confidence) / 2
    there = places[1:][~np.isnan(places[1:])]
    # Of ends that are infinite, no mean may be taken: the next draw outwards counts.
    low = min(float(np.quantile(there, tail, method="lower")), places[0])
    high = max(float(np.quantile(there, 1 - tail, method="higher")), places[0])
    open_sides = [
        f"it may lie {side} every α that was tested"
        for side, bound in (("below", low), ("above", high))
        if not np.isfinite(bound)
    ]
    return told(
        "; ".join(open_sides),
        curve,
        float(10 ** places[0]),
        float(10**low) if np.isfinite(low) else None,
        float(10**high) if np.isfinite(high) else None,
    )


def _drawn_means(
    rates: Sequence[np.ndarray], draws: int, confidence: float, seed: int
) -> Float[np.ndarray, "draws alpha"]:
    """Return means of seeds drawn anew, spread as widely as so few seeds must be."""
    random = np.random.default_rng(seed)
    means = []
    for values in rates:
        n = len(values)
        chosen = values[random.integers(n, size=(draws, n))].mean(axis=1)
        t = float(stdtrit(n - 1, 0.5 + confidence / 2))
        wider = math.sqrt(n / (n - 1)) * t / float(ndtri(0.5 + confidence / 2))
        means.append(values.mean() + wider * (chosen - values.mean()))
    return np.clip(np.stack(means, axis=1), 0, 1)


def _above(
    alpha: np.ndarray, midpoint: np.ndarray | float, steepness: np.ndarray | float
) -> np.ndarray:
    """Return the share of the way from the lower to the upper asymptote; 1 at α = 0."""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + (alpha / midpoint) ** steepness))


def _fit(
    alphas: Float[np.ndarray, " alpha"],
    seeds: np.ndarray,
    means: Float[np.ndarray, "fit alpha"],
) -> Float[np.ndarray, "fit 4"]:
    """Return lower and upper asymptote, midpoint and steepness of least squares."""
    tested = np.log10(alphas[alphas > 0])
    # A decade beyond either end, where nothing says how far beyond it is.
    width = tested[-1] - tested[0] + 2
    log_midpoints = np.linspace(
        tested[0] - 1, tested[-1] + 1, math.ceil(width * PER_DECADE) + 1
    )
    log_midpoint, steepness = (
        each.ravel() for each in np.meshgrid(log_midpoints, STEEPNESS, indexing="ij")
    )
    midpoint = 10**log_midpoint
    shape = _above(alphas, midpoint[:, None], steepness[:, None])
    weight = seeds / seeds.sum()
    weighted = shape * weight
    ones, once, twice = weight.sum(), weighted.sum(1), (weighted * shape).sum(1)
    best = []
    for begin in range(0, len(means), AT_ONCE):
        some = means[begin : begin + AT_ONCE]
        rates = some @ weight
        along = weighted @ some.T
        found = _asymptotes(once[:, None], twice[:, None], rates, along)
        lower, change = found[0], found[1] - found[0]
        # The squares left, but for what no curve changes.
        left = lower * (ones * lower + 2 * change * once[:, None] - 2 * rates)
        left += change * (change * twice[:, None] - 2 * along)
        at = left.argmin(axis=0)
        picked = [np.take_along_axis(each, at[None], axis=0)[0] for each in found]
        best.append(np.stack([*picked, midpoint[at], steepness[at]], axis=1))
    return np.concatenate(best)


def _asymptotes(
    once: np.ndarray, twice: np.ndarray, rates: np.ndarray, along: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best lower and upper asymptotes within [0, 1] of given shapes.

    Args:
        once: weighted mean of the shape, ``[shape, 1]``.
        twice: of its square, ``[shape, 1]``.
        rates: of the rates, ``[fit]``.
        along: of their product, ``[shape, fit]``.
    """
    tiny = 1e-12
    spread = np.maximum(twice - once**2, tiny)
    change = np.maximum((along - once * rates) / spread, 0)
    lower = rates - change * once
    upper = lower + change
    # Where an asymptote leaves [0, 1], it stays at the end and the other is fitted.
    alone = np.clip(along / np.maximum(twice, tiny), 0, 1)
    rest = np.maximum(1 - 2 * once + twice, tiny)
    below_1 = np.clip(1 + (rates - 1 - along + once) / rest, 0, 1)
    return (
        np.where(lower < 0, 0.0, np.where(upper > 1, below_1, lower)),
        np.where(lower < 0, alone, np.where(upper > 1, 1.0, upper)),
    )


def _crossing(
    fits: Float[np.ndarray, "fit 4"], where: Where, positive: np.ndarray
) -> Float[np.ndarray, " fit"]:
    """Return log10 of where curves cross: NaN if flat, ±∞ beyond what was tested."""
    lower, upper, midpoint, steepness = fits.T
    place = np.log10(midpoint)
    if where == "halving":
        below = upper / 2 - lower
        with np.errstate(divide="ignore", invalid="ignore"):
            place = place + np.log10((upper / 2) / below) / steepness
        place = np.where(below > 0, place, np.inf)
    ends = np.log10(positive[[0, -1]])
    slack = 1e-9
    place = np.where(place < ends[0] - slack, -np.inf, place)
    place = np.where(place > ends[1] + slack, np.inf, place)
    return np.where(upper - lower < SMALLEST_CHANGE, np.nan, place)
