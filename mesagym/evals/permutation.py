"""Permutation tests in which the training seed is what is exchanged.

Every test computes a statistic, then again for every arrangement of the seeds that was
as likely under the null hypothesis, and asks how many arrangements give as much. Where
there are at most ``at_most`` arrangements they are enumerated, and p is exact; else
``draws`` of them are drawn, and the observed one is counted among them, so that p is
never 0 (Phipson and Smyth 2010).

A two-sided p is twice that of the smaller tail, at most 1. Arrangements whose statistic
ties with the observed one count as extreme. No p can fall below
`PermutationTest.smallest`: with few seeds no effect, whatever its size, has a small p.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Num

Alternative = Literal["two-sided", "greater", "less"]

AT_MOST = 2**16
"""Arrangements up to which all of them are enumerated."""

DRAWS = 9999
"""Arrangements drawn where there are more."""


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
    """Test whether two groups of seeds are alike, by the difference of their means.

    The null hypothesis is that all seeds come from one distribution, in spread as well
    as in mean. Of groups that differ in spread only it can reject too often where the
    smaller group spreads more (docs/statistics.md).

    Args:
        first: one number a seed.
        second: the same, of seeds that have nothing to do with the first.
        alternative: of the mean of the first minus that of the second.
        at_most: arrangements up to which all are enumerated.
        draws: arrangements drawn where there are more.
        seed: of the drawing.

    Raises:
        ValueError: an empty group, or a number that is not finite.
    """
    first, second = _finite(first), _finite(second)
    values = np.concatenate([first, second])
    labels = np.repeat([0, 1], [first.size, second.size])
    orders, exact = _orders_within(labels, np.zeros_like(labels), at_most, draws, seed)
    centred = values - values.mean()

    def difference(orders: np.ndarray) -> np.ndarray:
        total = np.where(orders == 0, centred, 0).sum(-1)
        # What the first group has too much, the second has too little.
        return total / first.size + total / second.size

    return _tested(difference, labels, orders, exact, values, alternative)


def sign_flips(
    differences: Float[np.ndarray, "seeds"],
    alternative: Alternative = "two-sided",
    *,
    at_most: int = AT_MOST,
    draws: int = DRAWS,
    seed: int = 0,
) -> PermutationTest:
    """Test whether paired differences are around zero, by their mean.

    The null hypothesis is that each seed's difference is as likely to be so much above
    zero as below: symmetric around it. For pairs give ``first - second``. Differences
    of a skewed distribution whose mean is zero can be rejected too often
    (docs/statistics.md). The smallest two-sided p of n seeds is 2 / 2^n.

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
    exact = 2**n <= at_most
    if exact:
        signs = 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    else:
        signs = np.random.default_rng(seed).choice([-1, 1], size=(draws, n))

    def mean(signs: np.ndarray) -> np.ndarray:
        return signs @ values / n

    return _tested(mean, np.ones(n, int), signs, exact, values, alternative)


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
    the factor has nothing to do with the numbers; its settings are exchanged there.

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
    # Of drawn arrangements the observed one is one more (Phipson and Smyth 2010).
    own = 0 if exact else 1
    size = null.size + own
    greater = (int((null >= found - close).sum()) + own) / size
    less = (int((null <= found + close).sum()) + own) / size
    tails = {"greater": greater, "less": less, "two-sided": 2 * min(greater, less)}
    smallest = (2 if alternative == "two-sided" else 1) / size
    p = min(1.0, tails[alternative])
    return PermutationTest(found, p, min(1.0, smallest), size, exact)


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
