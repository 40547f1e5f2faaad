"""A curve of choices between two things by the difference of their distances."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import brentq
from scipy.special import expit, ndtri

BIAS_SPREAD = 5.0
"""Standard deviation of the normal penalty on the bias, and on the slope times the
typical difference: log odds beyond two of it do not occur in a few hundred episodes."""

LAPSE_WEIGHT = 1.0
"""A lapse costs ``-log(1 - lapse)`` of log likelihood: the density of Beta(1, 2), as if
one choice had been seen that was none. A weight of 9 covered lapses of .2 in half of
simulated runs."""

LARGEST_LAPSE = 0.99
_FAR = 60.0  # log odds; no bound of an interval lies beyond, for the penalty grows


class Choices(NamedTuple):
    """Choices, counted by difference of distance."""

    difference: Float[np.ndarray, " kind"]  # steps to the proxy minus steps to the base
    base: Int[np.ndarray, " kind"]  # how often the base was chosen
    total: Int[np.ndarray, " kind"]

    @property
    def typical(self) -> float:
        """The median size of a difference that is not 0, in steps; 1 if none is."""
        sizes = np.repeat(np.abs(self.difference), self.total)
        sizes = sizes[sizes > 0]
        return float(np.median(sizes)) if sizes.size else 1.0


def count_choices(
    difference: Int[np.ndarray, " choice"], base: Bool[np.ndarray, " choice"]
) -> Choices:
    """Count choices by difference.

    Args:
        difference: steps to the proxy minus steps to the base, of each choice.
        base: whether the base was chosen.
    """
    kinds, which = np.unique(difference, return_inverse=True)
    total = np.bincount(which, minlength=kinds.size)
    chosen = np.bincount(which, weights=base, minlength=kinds.size)
    return Choices(kinds.astype(np.float64), chosen.astype(np.int64), total)


class Curve(NamedTuple):
    """``p = lapse / 2 + (1 - lapse) σ(bias + slope · difference)``."""

    bias: float  # log odds of the base where both are as far
    slope: float  # log odds for each step that the proxy is farther
    lapse: float  # share of choices that a fair coin makes, 0 to 1

    def at(self, difference: np.ndarray | float) -> np.ndarray:
        """Return the probability of choosing the base at these differences."""
        odds = self.bias + self.slope * np.asarray(difference, np.float64)
        return np.asarray(self.lapse / 2 + (1 - self.lapse) * expit(odds))


class Bounds(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


class Fit(NamedTuple):
    """The curve of one seed, with intervals over its choices."""

    curve: Curve
    bias: Bounds
    slope: Bounds
    lapse: Bounds
    near: float  # signed root of the likelihood ratio: base chosen where it is nearer
    far: float  # the same where it is farther; each by the typical difference


def fit(choices: Choices, confidence: float = 0.95) -> Fit:
    """Fit the curve by penalised maximum likelihood, intervals by its profile.

    A logistic curve with a lapse that both choices share (Wichmann and Hill 2001, "The
    psychometric function: I", with λ/2 at either end). The penalties keep estimates
    finite where choices are separated, see `BIAS_SPREAD` and `LAPSE_WEIGHT`. Bounds
    are where twice the loss of penalised log likelihood, the other parameters at their
    best, is the quantile of chi-square with one degree of freedom (Venzon and
    Moolgavkar 1988, "A method for computing profile-likelihood-based confidence
    intervals").

    ``near`` and ``far`` test whether the log odds ``bias ± slope · typical`` are 0:
    ``sign · sqrt(2 · loss)``, about standard normal if they are.

    Args:
        choices: at least one.
        confidence: within (0, 1).
    """
    typical = choices.typical
    of = _Likelihood(
        choices.difference / typical, choices.base, choices.total - choices.base
    )
    best, least = _minimum(of, _FREE)
    allowed = float(ndtri(0.5 + confidence / 2)) ** 2 / 2

    def bounds(parameter: int, low: float, high: float) -> Bounds:
        free = np.delete(np.eye(3), parameter, axis=0)

        def excess(value: float) -> float:
            held = value * np.eye(3)[parameter]
            return _minimum(of, free, held, best)[1] - least - allowed

        centre = best[parameter]
        return Bounds(_root(excess, centre, low), _root(excess, centre, high))

    def signed(sign: int) -> float:
        free = np.array([[1.0, -sign, 0.0], [0.0, 0.0, 1.0]])
        worse = _minimum(of, free, np.zeros(3), best)[1] - least
        odds = best[0] + sign * best[1]
        return math.copysign(math.sqrt(2 * max(worse, 0.0)), odds)

    bias, slope = bounds(0, -_FAR, _FAR), bounds(1, -_FAR, _FAR)
    return Fit(
        Curve(float(best[0]), float(best[1] / typical), float(best[2])),
        bias,
        Bounds(slope.low / typical, slope.high / typical),
        bounds(2, 0.0, LARGEST_LAPSE),
        signed(1),
        signed(-1),
    )


# -------------------------------------------------------------------------- likelihood

_FREE = np.eye(3)
_MOST_STEPS = 200
_SURE = 1e-12


class _Likelihood(NamedTuple):
    """Of ``(bias, slope · typical, lapse)``, so that all are of the same size."""

    difference: np.ndarray  # in typical ones
    base: np.ndarray
    other: np.ndarray

    def loss(self, parameters: np.ndarray) -> float:
        """Return the penalised negative log likelihood."""
        p = self._chances(parameters)[0]
        fit = (self.base * np.log(p) + self.other * np.log1p(-p)).sum()
        size = parameters[0] ** 2 + parameters[1] ** 2
        kept = math.log1p(-parameters[2])
        return float(size / (2 * BIAS_SPREAD**2) - LAPSE_WEIGHT * kept - fit)

    def slopes(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient, and Fisher's information with the penalty's part."""
        lapse = parameters[2]
        p, chance = self._chances(parameters)
        of_odds = (1 - lapse) * chance * (1 - chance)
        rows = np.stack([of_odds, of_odds * self.difference, 0.5 - chance])
        gradient = rows @ (self.other / (1 - p) - self.base / p)
        gradient[:2] += parameters[:2] / BIAS_SPREAD**2
        gradient[2] += LAPSE_WEIGHT / (1 - lapse)
        information = (rows * ((self.base + self.other) / (p * (1 - p)))) @ rows.T
        wide = 1 / BIAS_SPREAD**2
        information += np.diag([wide, wide, LAPSE_WEIGHT / (1 - lapse) ** 2])
        return gradient, information

    def _chances(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bias, slope, lapse = parameters
        chance = expit(bias + slope * self.difference)
        # The penalties keep estimates away from where this tells.
        return np.clip(lapse / 2 + (1 - lapse) * chance, _SURE, 1 - _SURE), chance


def _minimum(
    of: _Likelihood,
    free: np.ndarray,
    held: np.ndarray | None = None,
    near: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """Return the parameters ``held + x @ free`` of least loss, and that loss.

    Args:
        of: what is minimised.
        free: directions that are searched, float[k, 3].
        held: what is added to them; 0 if None.
        near: where to begin, beside one place with few lapses and one with many.
    """
    origin = np.zeros(3) if held is None else held
    lapses = free[:, 2] > 0
    # The lapse trades against the slope, so that one valley may hide another.
    starts = [np.where(lapses, lapse, 0.0) for lapse in (0.02, 0.4)]
    if near is not None:
        starts = [free @ near / (free**2).sum(1), starts[1]]
    found = [_descend(of, free, origin, start) for start in starts]
    return min(found, key=lambda each: each[1])


def _descend(
    of: _Likelihood, free: np.ndarray, origin: np.ndarray, x: np.ndarray
) -> tuple[np.ndarray, float]:
    """Score after Fisher, damped after Marquardt, the lapse kept where it can be."""
    lapses = free[:, 2] > 0
    low = np.where(lapses, 0.0, -_FAR)
    high = np.where(lapses, LARGEST_LAPSE, _FAR)
    value, damping = of.loss(origin + x @ free), 1e-3
    for _ in range(_MOST_STEPS):
        gradient, information = of.slopes(origin + x @ free)
        gradient, information = free @ gradient, free @ information @ free.T
        # What is at a bound and would leave it stays.
        stays = ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))
        information[stays, :] = information[:, stays] = 0.0
        scale = np.where(stays, 1.0, np.diag(information))
        step = np.linalg.solve(
            information + np.diag(damping * scale + stays), -gradient * ~stays
        )
        moved = np.clip(x + step, low, high)
        after = of.loss(origin + moved @ free)
        if after < value:
            gain, x, value, damping = value - after, moved, after, damping / 10
            if gain < 1e-9:
                break
        elif damping > 1e8:
            break
        else:
            damping *= 10
    return origin + x @ free, value


def _root(excess: Callable[[float], float], inside: float, limit: float) -> float:
    """Return where the excess rises above 0 between a point and a limit, or it."""
    step = 0.5 if limit > inside else -0.5
    last, place = inside, inside
    while abs(place - inside) < abs(limit - inside):
        place = inside + step
        place = min(place, limit) if limit > inside else max(place, limit)
        if excess(place) > 0:
            root: Any = brentq(excess, last, place, xtol=1e-3)
            return float(root)
        last, step = place, 2 * step
    return limit
