"""Permutation tests against scipy, brute force, and simulations without an effect."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mesagym.evals.permutation import (
    BEYOND,
    PermutationTest,
    association,
    sign_flips,
    trend,
    two_groups,
)

values = st.lists(st.integers(-20, 20), min_size=2, max_size=5).map(
    lambda drawn: np.array(drawn, float) / 8
)


def scipys(data: tuple, statistic: Callable, kind: str, alternative: str) -> Any:
    return stats.permutation_test(
        data,
        statistic,
        permutation_type=kind,
        n_resamples=10**9,
        alternative=alternative,
        vectorized=False,
    )


# --- two groups -----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")
@settings(max_examples=25, deadline=None)
@given(values, values, st.sampled_from(["two-sided", "greater", "less"]))
def test_two_groups_agree_with_scipy(
    first: np.ndarray, second: np.ndarray, alternative: Any
) -> None:
    def t(x: np.ndarray, y: np.ndarray) -> float:
        error = math.sqrt(x.var(ddof=1) / x.size + y.var(ddof=1) / y.size)
        difference = float(x.mean() - y.mean())
        if abs(difference) < 1e-12:
            return 0.0
        # scipy takes no infinity; and what ties must tie whatever its rounding.
        return round(difference / error, 9) if error > 1e-9 else difference * 1e9

    def tail(side: str) -> float:
        exchanged = scipys((first, second), t, "independent", side).pvalue
        if t(first, second) == 0:
            return max(exchanged, 0.5)
        if first.std() == second.std() == 0:
            return exchanged
        welch: Any = stats.ttest_ind(first, second, equal_var=False, alternative=side)
        return max(exchanged, float(welch.pvalue))

    tails = {side: tail(side) for side in ("greater", "less")}
    tails["two-sided"] = min(1.0, 2 * min(tails.values()))
    found = two_groups(first, second, alternative)
    assert found.exact
    assert found.statistic == pytest.approx(first.mean() - second.mean(), abs=1e-12)
    assert found.p == pytest.approx(tails[alternative], abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(values, values)
def test_exchanging_the_groups_exchanges_the_tails(
    first: np.ndarray, second: np.ndarray
) -> None:
    one, other = two_groups(first, second, "greater"), two_groups(second, first, "less")
    assert one.p == pytest.approx(other.p)
    assert one.statistic == pytest.approx(-other.statistic)


def test_groups_that_do_not_overlap_give_the_smallest_p() -> None:
    found = two_groups(np.arange(4.0), np.arange(10.0, 14))
    assert found.arrangements == math.comb(8, 4)
    assert found.p == found.smallest == 2 / 70


def test_drawn_arrangements_approach_the_enumerated_ones() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(0.8, 1, 7), rng.normal(0, 1, 7)
    exact = two_groups(*data)
    drawn = two_groups(*data, at_most=10)
    assert exact.exact
    assert not drawn.exact
    noise = math.sqrt(exact.p * (1 - exact.p) / 9999)
    assert drawn.p == pytest.approx(exact.p, abs=8 * noise)


def test_a_drawn_p_is_never_zero() -> None:
    found = two_groups(np.arange(12.0), np.arange(100.0, 112), "less", draws=99)
    assert found.p == found.smallest == 0.01


def test_the_same_seed_draws_the_same_arrangements() -> None:
    data = np.arange(12.0), np.arange(2.0, 14)
    one, same, other = (two_groups(*data, draws=99, seed=seed).p for seed in (3, 3, 5))
    assert one == same
    assert one != other


def test_rounding_does_not_part_arrangements_that_tie() -> None:
    # .1 + .2 is not .3: sums of the same numbers in another order must still tie.
    first, second = np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.3, 0.1])
    whole = two_groups(np.rint(10 * first), np.rint(10 * second))
    assert two_groups(first, second).p == whole.p
    assert two_groups(first + 1e4, second + 1e4).p == whole.p


def test_groups_of_the_same_numbers_are_no_evidence() -> None:
    assert two_groups(np.full(4, 0.3), np.full(4, 0.3)).p == 1


# --- signs ----------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(values, st.sampled_from(["two-sided", "greater", "less"]))
def test_sign_flips_agree_with_scipy(differences: np.ndarray, alternative: Any) -> None:
    def flipped(seeds: np.ndarray, side: str) -> float:
        zero = np.zeros_like(seeds)
        total = scipys((seeds, zero), lambda x, y: (x - y).sum(), "samples", side)
        return total.pvalue

    far = BEYOND * np.ptp(differences)
    # Eighths, so that sums are exact and what ties does.
    far = round(far * 2**30) / 2**30
    ends = {"greater": differences.min() - far, "less": differences.max() + far}
    tails = {
        side: max(
            flipped(differences, side), flipped(np.append(differences, end), side)
        )
        for side, end in ends.items()
    }
    tails["two-sided"] = min(1.0, 2 * min(tails.values()))
    found = sign_flips(differences, alternative)
    assert found.statistic == pytest.approx(differences.mean(), abs=1e-12)
    assert found.p == pytest.approx(tails[alternative], abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(values, st.floats(0.01, 5))
def test_the_farther_from_zero_the_smaller_the_p(
    differences: np.ndarray, shift: float
) -> None:
    near, far = (sign_flips(differences + each, "greater") for each in (0.0, shift))
    assert far.p <= near.p


def test_seeds_that_agree_are_as_clear_as_signs_alone_can_be() -> None:
    assert sign_flips(np.full(8, 0.3)).p == 2 / 2**8


def test_an_unseen_far_seed_counts_against_seeds_that_spread() -> None:
    # All below the mean of the skewed distribution that they come from.
    few = np.array([-0.9, -0.5, -1.1, -0.2, -1.2, -0.7, -0.3, 0.05])
    signs = 1 - 2 * (np.arange(2**8)[:, None] >> np.arange(8) & 1)
    alone = 2 * (signs @ few <= few.sum() + 1e-12).mean()
    assert alone < 0.05 < sign_flips(few).p


@pytest.mark.parametrize("n", [1, 4, 5, 8])
def test_no_effect_brings_n_seeds_below_two_in_two_to_the_n(n: int) -> None:
    found = sign_flips(np.linspace(50, 60, n))
    assert found.p == found.smallest == min(1.0, 2 / 2**n)


def test_many_seeds_of_a_clear_effect_are_drawn_and_found() -> None:
    differences = np.random.default_rng(2).normal(0.6, 1, 60)
    found = sign_flips(differences)
    assert not found.exact
    assert found.arrangements == 10_000
    assert found.p < 0.01


# --- trends ---------------------------------------------------------------------------


def slope(factor: np.ndarray, numbers: np.ndarray) -> float:
    line: Any = stats.linregress(factor, numbers)
    return float(line.slope)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(-20, 20), min_size=5, max_size=5),
    st.sampled_from([[0, 0, 1, 1, 2], [0.0, 0.01, 0.1, 1.0, 1.0], [3, 1, 2, 5, 4]]),
    st.sampled_from(["two-sided", "greater", "less"]),
)
def test_a_trend_by_value_agrees_with_scipy(
    numbers: list[int], factor: list[float], alternative: Any
) -> None:
    data = np.array(numbers, float), np.array(factor, float)
    # Rounded, for scipy parts what ties at a slope of nearly zero.
    expected = scipys(
        (data[1],), lambda x: round(slope(x, data[0]), 9), "pairings", alternative
    )
    found = trend(*data, alternative=alternative, by="value")
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)


def test_a_trend_by_rank_takes_settings_as_equally_far_apart() -> None:
    numbers = np.array([0.1, 0.3, 0.2, 0.6, 0.5, 0.9])
    factor = np.array([0, 0.01, 0.01, 0.1, 0.1, 1])
    ranks = np.array([0.0, 1, 1, 2, 2, 3])
    assert trend(numbers, factor) == trend(numbers, ranks, by="value")


def test_a_trend_within_strata_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(3)
    strata = np.repeat([0, 1, 2], 3)
    factor = np.tile([0.0, 1.0, 2.0], 3)
    numbers = 0.4 * factor + 5 * strata + rng.normal(size=9)

    def pooled(order: np.ndarray) -> float:
        top = bottom = 0.0
        for each in range(3):
            x, y = order[strata == each], numbers[strata == each]
            top += ((x - x.mean()) * (y - y.mean())).sum()
            bottom += ((x - x.mean()) ** 2).sum()
        return top / bottom

    observed = pooled(factor)
    null = np.array(
        [
            pooled(np.concatenate(orders))
            for orders in itertools.product(
                itertools.permutations([0.0, 1.0, 2.0]), repeat=3
            )
        ]
    )
    found = trend(numbers, factor, strata, "greater")
    assert found.arrangements == 6**3
    assert found.statistic == pytest.approx(observed)
    assert found.p == pytest.approx((null >= observed - 1e-9).mean())


def test_strata_take_out_what_differs_between_them() -> None:
    # Environments differ far more than the factor does within each.
    strata, factor = np.repeat([0, 1, 2, 3], 3), np.tile([0.0, 1.0, 2.0], 4)
    numbers = 0.1 * factor + np.array([0.0, 9.0, -7.0, 4.0])[strata]
    assert trend(numbers, factor, strata).p == 2 / 6**4
    assert trend(numbers, factor).p > 0.5


# --- association ----------------------------------------------------------------------


def test_an_association_agrees_with_scipy_on_the_chi_square_of_the_table() -> None:
    first = np.array(["conv", "conv", "conv", "dense", "dense", "dense", "dense"])
    second = np.array([1, 1, 0, 0, 0, 2, 0])

    def chi_square(order: np.ndarray) -> float:
        table = stats.contingency.crosstab(first, order).count
        found: Any = stats.chi2_contingency(table, correction=False)
        return float(found.statistic)

    expected = scipys((second,), chi_square, "pairings", "greater")
    found = association(first, second)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)


def test_an_association_of_two_by_two_is_fishers() -> None:
    first, second = np.repeat([0, 1], 6), np.array([1, 1, 1, 1, 1, 0] + [0] * 6)
    expected: Any = stats.fisher_exact(stats.contingency.crosstab(first, second).count)
    assert association(first, second).p == pytest.approx(expected.pvalue)


def test_an_association_within_strata_is_that_of_brute_force() -> None:
    strata = np.repeat([0, 1], [4, 4])
    first = np.array([0, 0, 1, 1, 0, 1, 1, 1])
    second = np.array([0, 1, 1, 1, 0, 1, 1, 0])

    def statistic(order: np.ndarray) -> float:
        excess, whole = np.zeros((2, 2)), np.zeros((2, 2))
        for k in (0, 1):
            mine = strata == k
            table = np.zeros((2, 2))
            np.add.at(table, (first[mine], order[mine]), 1)
            expected = np.outer(table.sum(1), table.sum(0)) / mine.sum()
            excess += table - expected
            whole += expected
        return float((excess**2 / whole).sum())

    halves = [itertools.permutations(second[strata == k]) for k in (0, 1)]
    null = np.array(
        [statistic(np.concatenate(order)) for order in itertools.product(*halves)]
    )
    found = association(first, second, strata)
    assert found.statistic == pytest.approx(statistic(second))
    assert found.p == pytest.approx((null >= statistic(second) - 1e-9).mean())


def test_opposite_associations_in_two_strata_cancel() -> None:
    strata, first = np.repeat([0, 1], 8), np.tile(np.repeat([0, 1], 4), 2)
    opposite = np.where(strata == 0, first, 1 - first)
    assert association(first, opposite, strata).p == 1
    assert association(first, first, strata).p == 2 / math.comb(8, 4) ** 2


# --- without an effect ----------------------------------------------------------------


def _two(rng: np.random.Generator) -> PermutationTest:
    return two_groups(rng.normal(size=4), rng.normal(size=5))


def _paired(rng: np.random.Generator) -> PermutationTest:
    return sign_flips(rng.standard_t(3, 8))


def _trend(rng: np.random.Generator) -> PermutationTest:
    strata = np.repeat([0, 1], 4)
    numbers = rng.exponential(size=8) + 3 * strata
    return trend(numbers, np.tile([0.0, 0.1, 0.5, 1.0], 2), strata)


def _association(rng: np.random.Generator) -> PermutationTest:
    return association(np.tile([0, 1], 6), rng.random(12) < 0.4, np.repeat([0, 1], 6))


def _drawn(rng: np.random.Generator) -> PermutationTest:
    data = rng.normal(size=(2, 6))
    return two_groups(*data, at_most=10, draws=99, seed=int(rng.integers(2**31)))


@pytest.mark.parametrize("test", [_two, _paired, _trend, _association, _drawn])
def test_without_an_effect_p_is_below_a_level_no_more_often_than_that(
    test: Callable[[np.random.Generator], PermutationTest],
) -> None:
    rng = np.random.default_rng(11)
    ps = np.array([test(rng).p for _ in range(800)])
    for level in (0.05, 0.1, 0.3):
        noise = math.sqrt(level * (1 - level) / ps.size)
        assert (ps <= level).mean() < level + 3.5 * noise
    # Not by never rejecting.
    assert (ps <= 0.5).mean() > 0.05


# --- what cannot be tested ------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: two_groups(np.array([]), np.ones(3)), "some seeds"),
        (lambda: two_groups(np.ones(1), np.ones(3)), "two seeds each"),
        (lambda: sign_flips(np.array([1.0, np.nan])), "1 of 2 seeds"),
        (lambda: trend(np.arange(4.0), np.ones(4)), "factor that varies"),
        (lambda: trend(np.arange(4.0), np.arange(4.0), np.ones(3)), "how many"),
        (lambda: association(np.array([]), np.array([])), "some seeds"),
    ],
)
def test_data_that_cannot_be_tested_are_refused(
    call: Callable[[], PermutationTest], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        call()
