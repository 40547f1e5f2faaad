"""Permutation tests in which the training seed is what is exchanged.

Every test computes a statistic, then again for every arrangement of the seeds that was
as likely under the null hypothesis, and asks how many arrangements give as much. Where
there are at most ``at_most`` arrangements they are enumerated, and p is exact; else
``draws`` of them are drawn, and the observed one is counted among them, so that p is
never 0 (Phipson and Smyth 2010).

A two-sided p is twice that of the smaller tail, at most 1. Arrangements whose statistic
ties with the observed one count as extreme. No p can fall below
`PermutationTest.smallest`: with few seeds no effect, whatever its size, has a small p.

Where the seeds of a test may be skewed, or spread unequally, its p is the larger of the
permutations' own and of a second one that allows for it; how they were chosen and how
often they are wrong is in docs/statistics.md.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Num
from scipy.special import stdtr

Alternative = Literal["two-sided", "greater", "less"]

AT_MOST = 2**16
"""Arrangements up to which all of them are enumerated."""

DRAWS = 9999
"""Arrangements drawn where there are more."""

BEYOND = 0.6
"""How far beyond the farthest seed one more is imagined, in ranges of the seeds; chosen
by simulation (docs/statistics.md)."""


@dataclass(frozen=True)
class PermutationTest:
    """What a permutation test found."""

    statistic: float
    p: float
    smallest: float
    """No p of so many seeds, arranged in so many ways, is below this."""
    arrangements: int
    """Enumerated or drawn, the observed one among them."""
    exact: bool
    """Whether they were enumerated."""


def two_groups(
    first: Float[np.ndarray, "seeds"],
    second: Float[np.ndarray, "others"],
    alternative: Alternative = "two-sided",
    *,
    at_most: int = AT_MOST,
    draws: int = DRAWS,
    seed: int = 0,
) -> PermutationTest:
    """Test whether two groups of seeds have one mean, by Welch's t.

    The difference of means over its standard error, seeds exchanged between the groups
    (Janssen 1997; Chung and Romano 2013): exact where all seeds come from one
    distribution. p is no smaller than that of Welch's t distribution, which allows for
    a small group that spreads more. Of groups that are skewed otherwise than one
    another it can reject too often (docs/statistics.md). The statistic that is returned
    is the difference of means.

    Args:
        first: one number a seed.
        second: the same, of seeds that have nothing to do with the first.
        alternative: of the mean of the first minus that of the second.
        at_most: arrangements up to which all are enumerated.
        draws: arrangements drawn where there are more.
        seed: of the drawing.

    Raises:
        ValueError: a group of fewer than two seeds, whose spread nobody knows, or a
            number that is not finite.
    """
    first, second = _finite(first), _finite(second)
    if min(first.size, second.size) < 2:
        raise ValueError(
            "two groups of seeds need two seeds each, to know their spread"
        )
    values = np.concatenate([first, second])
    labels = np.repeat([0, 1], [first.size, second.size])
    orders, exact = _orders_within(labels, np.zeros_like(labels), at_most, draws, seed)
    t, freedom, difference = _welch(values, np.concatenate([labels[None], orders]))
    close = 1e-9 * max(1.0, abs(t[0])) if math.isfinite(t[0]) else 0.0
    welch = {"greater": _t_tail(t[0], freedom[0]), "less": _t_tail(-t[0], freedom[0])}
    tails = _larger(_tails(t[1:], t[0], close, exact), welch)
    return _found(float(difference[0]), tails, len(orders), exact, alternative)


def _welch(
    values: np.ndarray, orders: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Welch's t, its degrees of freedom and the difference of means.

    Args:
        values: [seeds].
        orders: which seeds are of the first group (0), [orders, seeds].

    Returns:
        Each [orders]. Where no group spreads t is infinite, or 0 with no difference.
    """
    centred = values - values.mean()
    scale = float((centred**2).sum())
    means, errors, each = [], [], []
    for group in (0, 1):
        mine = orders == group
        size = mine.sum(-1)
        mean = np.where(mine, centred, 0).sum(-1) / size
        within = (np.where(mine, centred - mean[:, None], 0) ** 2).sum(-1)
        # What rounding leaves of groups that do not spread is no spread.
        within = np.where(within > 1e-18 * scale, within, 0.0)
        error = within / (size - 1) / size
        means.append(mean)
        errors.append(error)
        each.append(error**2 / (size - 1))
    difference, error = means[0] - means[1], errors[0] + errors[1]
    apart = np.abs(difference) > 1e-9 * math.sqrt(scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(apart, difference / np.sqrt(error), 0.0)
        freedom = np.where(error > 0, error**2 / (each[0] + each[1]), 1.0)
    return t, freedom, difference


def _t_tail(t: float, freedom: float) -> float:
    """Return how probable a t of this size or more is."""
    return float(stdtr(freedom, -t))


def sign_flips(
    differences: Float[np.ndarray, "seeds"],
    alternative: Alternative = "two-sided",
    *,
    at_most: int = AT_MOST,
    draws: int = DRAWS,
    seed: int = 0,
) -> PermutationTest:
    """Test whether paired differences have a mean of zero, by their mean.

    Signs are flipped, which is exact where each seed's difference is as likely to be so
    much above zero as below. Few seeds of a skewed distribution can all lie on one side
    of its mean, the rare ones far beyond it unseen. So p is no smaller than that of the
    same seeds and one more, `BEYOND` of their range beyond the farthest one on the side
    that speaks against the finding. Seeds that agree beside their distance from zero
    are not touched by it. Two unequal kinds of seeds, of which few seeds show one,
    remain rejected too often (docs/statistics.md). For pairs give ``first - second``.
    The smallest two-sided p of n seeds is 2 / 2^n.

    Args:
        differences: one a seed.
        alternative: of their mean.
        at_most: arrangements up to which all are enumerated.
        draws: arrangements drawn where there are more.
        seed: of the drawing.

    Raises:
        ValueError: no seed, or a number that is not finite.
    """
    values = _finite(differences)
    n = values.size
    exact = 2 ** (n + 1) <= at_most
    if exact:
        signs = 1 - 2 * (np.arange(2 ** (n + 1))[:, None] >> np.arange(n + 1) & 1)
        # The first half of them has one more seed's sign as it is.
        alone = signs[: 2**n, :n]
    else:
        signs = np.random.default_rng(seed).choice([-1, 1], size=(draws, n + 1))
        alone = signs[:, :n]
    signs, alone = signs.astype(np.float64), alone.astype(np.float64)
    close = 1e-12 * max(float(np.abs(values).max()), abs(float(values.mean()))) * n
    tails = _tails(alone @ values, float(values.sum()), close, exact)
    far = BEYOND * float(np.ptp(values))
    for tail, end in (("greater", values.min() - far), ("less", values.max() + far)):
        more = np.append(values, end)
        with_one = _tails(signs @ more, float(more.sum()), close, exact)
        tails[tail] = max(tails[tail], with_one[tail])
    return _found(float(values.mean()), tails, len(alone), exact, alternative)


def trend(
    values: Float[np.ndarray, "seeds"],
    factor: Num[np.ndarray, "seeds"],
    strata: np.ndarray | None = None,
    alternative: Alternative = "two-sided",
    *,
    by: Literal["value", "rank"] = "rank",
    at_most: int = AT_MOST,
    draws: int = DRAWS,
    seed: int = 0,
) -> PermutationTest:
    """Test whether seeds' numbers rise or fall over an ordered factor, such as α.

    The statistic is the slope of the least-squares line, pooled over strata: the sum
    over strata of the products of deviations from the stratum's means, over that of
    the squared deviations of the factor. The null hypothesis is that within a stratum
    the factor has nothing to do with the numbers, their spread included; its settings
    are exchanged there. Where the spread alone differs between settings it can reject
    too often (docs/statistics.md).

    Args:
        values: one number a seed.
        factor: at which setting that seed was trained.
        strata: seeds are exchanged within these only: environments, say, or the
            number of the seed where every setting was trained with the same ones. All
            seeds are one stratum if None.
        alternative: of the slope.
        by: ``value`` fits the line to the factor's values; ``rank`` numbers its
            settings 0, 1, 2, …, so that .01, .1 and 1 are equally far apart.
        at_most: arrangements up to which all are enumerated.
        draws: arrangements drawn where there are more.
        seed: of the drawing.

    Raises:
        ValueError: shapes differ, a number that is not finite, or a factor that takes
            one value in every stratum.
    """
    values, factor = _finite(values), _finite(factor)
    strata = _strata(strata, values.size)
    _same_size(values, factor, strata)
    settings, labels = np.unique(factor, return_inverse=True)
    scale = settings if by == "value" else np.arange(settings.size, dtype=float)
    centred, spread = values.copy(), 0.0
    for stratum in np.unique(strata):
        mine = strata == stratum
        centred[mine] -= values[mine].mean()
        spread += float(((scale[labels[mine]] - scale[labels[mine]].mean()) ** 2).sum())
    if spread == 0:
        raise ValueError("a trend needs a factor that varies within some stratum")
    orders, exact = _orders_within(labels, strata, at_most, draws, seed)

    def slope(orders: np.ndarray) -> np.ndarray:
        return scale[orders] @ centred / spread

    size = values * np.abs(scale).max() / spread
    return _tested(slope, labels, orders, exact, size, alternative)


def association(
    first: np.ndarray,
    second: np.ndarray,
    strata: np.ndarray | None = None,
    *,
    at_most: int = AT_MOST,
    draws: int = DRAWS,
    seed: int = 0,
) -> PermutationTest:
    """Test whether two categories of seeds go together, such as verdict and network.

    The statistic is Pearson's sum of (observed - expected)² / expected over the cells
    of the table of counts, where both are summed over strata first and the expected
    counts are those of no association within each stratum: of a single stratum, the
    ordinary chi-square. Associations in the same direction add up over strata, opposite
    ones cancel. Large is extreme, so the test has one tail.

    Args:
        first: one category a seed: numbers or texts.
        second: another.
        strata: seeds are exchanged within these only; all are one stratum if None.
        at_most: arrangements up to which all are enumerated.
        draws: arrangements drawn where there are more.
        seed: of the drawing.

    Raises:
        ValueError: no seed, or shapes differ.
    """
    first, second = np.asarray(first), np.asarray(second)
    strata = _strata(strata, first.size)
    _same_size(first, second, strata)
    rows, row = np.unique(first, return_inverse=True)
    names, labels = np.unique(second, return_inverse=True)
    in_row = (row[:, None] == np.arange(rows.size)).astype(float)
    in_column = (labels[:, None] == np.arange(names.size)).astype(float)
    expected = np.zeros((rows.size, names.size))
    for stratum in np.unique(strata):
        mine = strata == stratum
        margins = np.outer(in_row[mine].sum(0), in_column[mine].sum(0))
        expected += margins / mine.sum()
    orders, exact = _orders_within(labels, strata, at_most, draws, seed)

    def chi_square(orders: np.ndarray) -> np.ndarray:
        counts = np.stack(
            [(orders == k).astype(float) @ in_row for k in range(names.size)], axis=-1
        )
        # A cell in which nothing is expected has nothing in any arrangement.
        size = np.where(expected > 0, expected, 1)
        return ((counts - expected) ** 2 / size).sum((-2, -1))

    return _tested(chi_square, labels, orders, exact, np.ones(1), "greater")


def _tested(
    statistic: Callable[[np.ndarray], np.ndarray],
    observed: np.ndarray,
    arrangements: np.ndarray,
    exact: bool,
    values: np.ndarray,
    alternative: Alternative,
) -> PermutationTest:
    """Compare the observed arrangement with the others.

    Args:
        statistic: of arrangements [..., seeds].
        observed: [seeds].
        arrangements: all of them, or those drawn, [arrangements, seeds].
        exact: whether they are all.
        values: as large as what is summed, for rounding can part two that tie.
        alternative: which tail.
    """
    null, found = statistic(arrangements), float(statistic(observed[None])[0])
    close = 1e-12 * max(float(np.abs(values).max()), abs(found))
    tails = _tails(null, found, close, exact)
    return _found(found, tails, null.size, exact, alternative)


def _tails(
    null: np.ndarray, found: float, close: float, exact: bool
) -> dict[str, float]:
    """Return how many arrangements are as far above, and below, as a share of all.

    Args:
        null: the statistic of every arrangement.
        found: the observed one.
        close: what rounding can part two that tie by.
        exact: whether they are all. Of drawn ones the observed one is one more
            (Phipson and Smyth 2010).
    """
    own = 0 if exact else 1
    size = null.size + own
    return {
        "greater": (int((null >= found - close).sum()) + own) / size,
        "less": (int((null <= found + close).sum()) + own) / size,
    }


def _larger(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {tail: max(p, other[tail]) for tail, p in one.items()}


def _found(
    statistic: float,
    tails: dict[str, float],
    arrangements: int,
    exact: bool,
    alternative: Alternative,
) -> PermutationTest:
    """Return what was found, from the p values of both tails."""
    size = arrangements + (0 if exact else 1)
    both = {**tails, "two-sided": 2 * min(tails.values())}
    smallest = (2 if alternative == "two-sided" else 1) / size
    p = min(1.0, both[alternative])
    return PermutationTest(statistic, p, min(1.0, smallest), size, exact)


def _orders_within(
    labels: np.ndarray, strata: np.ndarray, at_most: int, draws: int, seed: int
) -> tuple[np.ndarray, bool]:
    """Return orders of the labels within strata, and whether they are all.

    All are counted once each: exchanging two seeds of one label is no other order.

    Args:
        labels: int[seeds].
        strata: [seeds].
        at_most: orders up to which all are returned.
        draws: orders drawn where there are more.
        seed: of the drawing.

    Returns:
        int[orders, seeds].
    """
    places = [np.flatnonzero(strata == each) for each in np.unique(strata)]
    kinds = [np.unique(labels[where], return_counts=True) for where in places]
    counts = [tuple(number.tolist()) for _, number in kinds]
    total = math.prod(map(_distinct, counts))
    if total > at_most:
        rng = np.random.default_rng(seed)
        orders = np.empty((draws, labels.size), labels.dtype)
        for where in places:
            mine = np.broadcast_to(labels[where], (draws, where.size))
            orders[:, where] = rng.permuted(mine, axis=1)
        return orders, False
    parts = [
        kind[_orders(number)] for (kind, _), number in zip(kinds, counts, strict=True)
    ]
    orders = np.empty((total, labels.size), labels.dtype)
    choices = np.indices([len(part) for part in parts]).reshape(len(parts), -1)
    for where, part, choice in zip(places, parts, choices, strict=True):
        orders[:, where] = part[choice]
    return orders, True


def _distinct(counts: tuple[int, ...]) -> int:
    """Return the number of orders of so many copies of each label."""
    return math.factorial(sum(counts)) // math.prod(map(math.factorial, counts))


@lru_cache(maxsize=16)
def _orders(counts: tuple[int, ...]) -> np.ndarray:
    """Return every order of ``counts[k]`` copies of each k, int[orders, labels]."""
    size = sum(counts)
    if len(counts) == 1:
        return np.zeros((1, size), int)
    rest = _orders(counts[1:]) + 1
    chosen = list(itertools.combinations(range(size), counts[0]))
    orders = np.zeros((len(chosen), len(rest), size), int)
    for block, where in zip(orders, chosen, strict=True):
        block[:, np.setdiff1d(np.arange(size), where)] = rest
    return orders.reshape(-1, size)


def _finite(values: Any) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError("a permutation test needs one number for each of some seeds")
    if not np.isfinite(values).all():
        raise ValueError(
            f"{(~np.isfinite(values)).sum()} of {values.size} seeds have no finite "
            "number: leave them out, and say so beside the result"
        )
    return values


def _strata(strata: np.ndarray | None, size: int) -> np.ndarray:
    return np.zeros(size, int) if strata is None else np.asarray(strata)


def _same_size(*columns: np.ndarray) -> None:
    if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
        raise ValueError(
            "numbers, factors and strata differ in how many seeds they have"
        )
    if columns[0].size == 0:
        raise ValueError("a permutation test needs one number for each of some seeds")
