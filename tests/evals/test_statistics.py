"""Intervals against scipy, closed forms and brute force; coverage as recorded."""

import importlib.util
import itertools
import json
import math
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from mesagym.evals.statistics import (
    Interval,
    beyond_chance,
    difference_interval,
    logit_t_bounds,
    mean_interval,
    no_interval,
    rate_interval,
    share_interval,
    wilson,
)

REPOSITORY = Path(__file__).parents[2]


@st.composite
def counts(draw: st.DrawFn, min_seeds: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Successes and trials of up to twelve seeds."""
    n = draw(st.integers(min_seeds, 12))
    trials = draw(st.lists(st.integers(1, 600), min_size=n, max_size=n))
    return np.array([draw(st.integers(0, m)) for m in trials]), np.array(trials)


# --- Interval -------------------------------------------------------------------------


def test_an_interval_prints_without_leading_zeros() -> None:
    assert str(Interval(0.83, 0.712, 0.9149, 8, "", False)) == ".83 [.71, .91]"


def test_an_interval_says_that_it_is_provisional() -> None:
    assert str(Interval(0.83, 0.71, 0.91, 4, "", True)) == ".83 [.71, .91] provisional"


@pytest.mark.parametrize("n", [2, 3])
def test_two_and_three_seeds_have_an_estimate_and_no_bounds_in_print(n: int) -> None:
    interval = Interval(0.5, 0.0, 1.0, n, "", True)
    assert str(interval) == ".50 provisional"
    assert f"{interval:%}" == "50%"
    assert not interval.is_shown


def test_bounds_are_shown_of_four_seeds_and_of_one_over_its_levels() -> None:
    assert rate_interval(np.full(4, 5), np.full(4, 8)).is_shown
    assert wilson(5, 8).is_shown
    # One seed says nothing of the next.
    assert not rate_interval(np.array([5]), np.array([8])).is_shown
    assert not mean_interval(np.array([5.0])).is_shown


def test_it_is_said_which_numbers_of_seeds_have_no_interval() -> None:
    assert no_interval([8, 2, 3, 2, 1]) == "2 and 3 seeds: no interval"
    assert no_interval([3]) == "3 seeds: no interval"
    assert no_interval([1, 4, 8]) == ""


@given(st.floats(-0.02, 0.02), st.sampled_from(["", ".1f", ".3f", "%"]))
def test_no_zero_is_negative_in_print(x: float, spec: str) -> None:
    text = format(Interval(x, x, x, 8, "", False), spec)
    for number in re.findall(r"-[\d.]+", text):
        assert float(number) < 0


def test_negative_and_large_numbers_print_whole() -> None:
    assert f"{Interval(-0.25, -1.5, 12.0, 8, '', False)}" == "-.25 [-1.50, 12.00]"


def test_a_format_applies_to_each_of_the_three_numbers() -> None:
    assert f"{Interval(0.83, 0.71, 0.91, 8, '', False):.3f}" == ".830 [.710, .910]"


def test_an_interval_prints_as_whole_percent() -> None:
    assert f"{Interval(0.83, 0.71, 0.91, 4, '', True):%}" == "83% [71, 91]"


def test_bounds_that_do_not_hold_the_estimate_are_refused() -> None:
    with pytest.raises(ValueError, match="does not hold"):
        Interval(0.5, 0.6, 0.7, 8, "", False)


@pytest.mark.parametrize(("n", "provisional"), [(7, True), (8, False)])
def test_an_interval_is_provisional_below_eight_seeds(
    n: int, provisional: bool
) -> None:
    interval = rate_interval(np.full(n, 50), np.full(n, 100))
    assert interval.provisional is provisional
    assert interval.n_seeds == n


# --- rates over seeds -----------------------------------------------------------------


@given(counts())
def test_a_rate_interval_lies_within_zero_and_one_around_the_mean(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    interval = rate_interval(*data)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    assert interval.estimate == pytest.approx((data[0] / data[1]).mean())


@given(counts())
def test_a_rate_interval_is_never_of_zero_width(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    interval = rate_interval(*data)
    assert interval.high - interval.low > 1e-4


@given(counts())
def test_exchanging_success_and_failure_mirrors_a_rate_interval(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    successes, trials = data
    interval = rate_interval(successes, trials)
    mirrored = rate_interval(trials - successes, trials)
    assert mirrored.low == pytest.approx(1 - interval.high, abs=1e-9)
    assert mirrored.high == pytest.approx(1 - interval.low, abs=1e-9)


@given(counts(), st.permutations(range(12)))
def test_the_order_of_seeds_does_not_matter(
    data: tuple[np.ndarray, np.ndarray], order: list[int]
) -> None:
    order = [i for i in order if i < data[0].size]
    shuffled = rate_interval(data[0][order], data[1][order])
    assert shuffled.low == pytest.approx(rate_interval(*data).low, abs=1e-9)


@given(counts(min_seeds=2), st.floats(0.5, 0.9), st.floats(0.01, 0.09))
def test_more_confidence_widens_a_rate_interval(
    data: tuple[np.ndarray, np.ndarray], confidence: float, more: float
) -> None:
    narrow = rate_interval(*data, confidence)
    wide = rate_interval(*data, confidence + more)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(st.integers(4, 12), st.integers(3, 600))
def test_both_bounds_rise_with_successes_short_of_none_and_all(n: int, m: int) -> None:
    successes = np.repeat(np.arange(1, m)[:, None], n, axis=1)
    low, high = logit_t_bounds(successes, np.array(m), 0.95)
    assert (np.diff(low) >= -1e-12).all()
    assert (np.diff(high) >= -1e-12).all()


def test_a_rate_interval_is_the_t_interval_carried_through_the_logit() -> None:
    successes, trials = np.array([200, 220, 180, 210]), np.full(4, 256)
    rates = successes / trials
    smooth = (successes.sum() + 0.5) / (trials.sum() + 1)
    centre = math.log(smooth / (1 - smooth))
    error = scipy.stats.sem(rates) / (smooth * (1 - smooth))
    low, high = scipy.stats.t.interval(0.95, 3, centre, error)
    interval = rate_interval(successes, trials)
    assert interval.low == pytest.approx(1 / (1 + math.exp(-low)))
    assert interval.high == pytest.approx(1 / (1 + math.exp(-high)))


def test_many_seeds_and_episodes_give_the_ordinary_t_interval() -> None:
    rng = np.random.default_rng(0)
    successes = rng.binomial(100_000, rng.uniform(0.55, 0.65, size=400))
    expected = scipy.stats.t.interval(
        0.95, 399, (successes / 1e5).mean(), scipy.stats.sem(successes / 1e5)
    )
    interval = rate_interval(successes, np.full(400, 100_000))
    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-4)


def test_seeds_that_all_succeed_leave_room_below_and_none_above() -> None:
    interval = rate_interval(np.full(4, 256), np.full(4, 256))
    assert interval.high == 1
    assert 0.9 < interval.low < 0.99


def test_agreeing_seeds_give_an_interval_no_narrower_than_binomial_noise() -> None:
    interval = rate_interval(np.full(4, 80), np.full(4, 100))
    noise = math.sqrt(0.8 * 0.2 / 400)
    assert interval.high - interval.low > 2 * 1.96 * noise


def test_seeds_weigh_the_same_whatever_their_episodes() -> None:
    interval = rate_interval(np.array([10, 0]), np.array([10, 1000]))
    assert interval.estimate == 0.5


def test_one_seed_says_nothing_of_the_next() -> None:
    interval = rate_interval(np.array([90]), np.array([100]))
    assert (interval.low, interval.estimate, interval.high) == (0, 0.9, 1)


@pytest.mark.parametrize(
    ("successes", "trials", "message"),
    [
        ([], [], "at least one seed"),
        ([0], [0], "at least one trial"),
        ([4], [3], "between 0 and"),
        ([-1], [3], "between 0 and"),
    ],
)
def test_counts_that_cannot_be_are_refused(
    successes: list[int], trials: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        rate_interval(np.array(successes, dtype=int), np.array(trials, dtype=int))


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_outside_zero_and_one_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence)


# --- differences ----------------------------------------------------------------------


@given(counts())
def test_exchanging_the_two_rates_negates_their_difference(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    first, trials = data
    second = (trials - first) // 2
    one = difference_interval(first, second, trials)
    other = difference_interval(second, first, trials)
    assert one.estimate == pytest.approx(-other.estimate, abs=1e-12)
    assert one.low == pytest.approx(-other.high, abs=1e-9)


@given(counts())
def test_a_difference_lies_within_minus_one_and_one(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    interval = difference_interval(data[0], data[1] - data[0], data[1])
    assert -1 <= interval.low <= interval.estimate <= interval.high <= 1


def test_a_difference_uses_that_its_seeds_are_paired() -> None:
    # Rates that rise and fall together: their difference is known far better than
    # either, and better than if the seeds were not the same.
    second = np.array([40, 100, 160, 220, 60, 120, 180, 80])
    trials = np.full(8, 400)
    together = difference_interval(second + 80, second, trials)
    apart = difference_interval(second[::-1] + 80, second, trials)
    assert together.estimate == pytest.approx(0.2)
    assert together.high - together.low < (apart.high - apart.low) / 2


def test_a_difference_near_zero_is_the_paired_t_interval() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(0.2, 0.4, size=(2, 12))
    first, second = rng.binomial(2000, p)
    expected = scipy.stats.ttest_rel(first / 2000, second / 2000).confidence_interval()
    interval = difference_interval(first, second, np.full(12, 2000))
    assert interval.low == pytest.approx(expected.low, abs=2e-3)
    assert interval.high == pytest.approx(expected.high, abs=2e-3)


# --- means ----------------------------------------------------------------------------


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12))
def test_a_mean_interval_is_scipys_t_interval(values: list[float]) -> None:
    data = np.array(values)
    interval = mean_interval(data)
    with np.errstate(all="ignore"):
        half = scipy.stats.sem(data) * scipy.stats.t.ppf(0.975, data.size - 1)
    assert interval.low == pytest.approx(data.mean() - half, abs=1e-6)
    assert interval.high == pytest.approx(data.mean() + half, abs=1e-6)


def test_a_nan_seed_is_never_dropped_silently() -> None:
    with pytest.raises(ValueError, match="1 of 3 seeds are NaN: pass drop_nan"):
        mean_interval(np.array([1.0, np.nan, 2.0]))


def test_dropping_nan_seeds_counts_those_that_remain() -> None:
    interval = mean_interval(np.array([1.0, np.nan, 2.0]), drop_nan=True)
    assert (interval.estimate, interval.n_seeds) == (1.5, 2)


def test_the_mean_of_one_seed_is_unbounded() -> None:
    interval = mean_interval(np.array([3.0]))
    assert (interval.low, interval.high) == (-math.inf, math.inf)


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, 1.0]])
def test_a_mean_of_nothing_or_of_infinity_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one seed, and finite"):
        mean_interval(np.array(values, dtype=float), drop_nan=True)


# --- shares ---------------------------------------------------------------------------

shares = st.lists(st.floats(0, 1), min_size=2, max_size=12).map(np.array)


@given(shares, st.none() | st.integers(1, 500))
def test_the_interval_of_a_share_never_leaves_its_limits(
    values: np.ndarray, levels: int | None
) -> None:
    interval = share_interval(values, levels=levels)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1
    assert interval.estimate == pytest.approx(values.mean())


@given(shares, st.none() | st.integers(1, 500))
def test_the_interval_of_a_share_is_mirrored_with_it(
    values: np.ndarray, levels: int | None
) -> None:
    one = share_interval(values, levels=levels)
    other = share_interval(1 - values, levels=levels)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


@given(shares, st.none() | st.integers(1, 500))
def test_a_share_between_other_limits_is_the_same_share(
    values: np.ndarray, levels: int | None
) -> None:
    one = share_interval(values, levels=levels)
    other = share_interval(2 * values - 1, levels=levels, limits=(-1.0, 1.0))
    ends = (one.low, one.estimate, one.high)
    assert (other.low, other.estimate, other.high) == pytest.approx(
        tuple(2 * end - 1 for end in ends), abs=1e-9
    )


@given(counts(min_seeds=2))
def test_a_share_of_counted_levels_has_the_interval_of_their_rate(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    trials = np.full_like(data[1], data[1].max())
    rate = rate_interval(data[0], trials)
    share = share_interval(data[0] / trials, levels=int(trials[0]))
    assert (share.low, share.high) == pytest.approx((rate.low, rate.high))


def test_agreeing_seeds_leave_a_share_a_width_where_levels_are_known() -> None:
    assert share_interval(np.ones(8), levels=32).low < 1
    assert share_interval(np.ones(8)).low == 1


def test_one_seed_leaves_a_share_all_that_there_is() -> None:
    for levels in (None, 64):
        interval = share_interval(np.array([0.3]), levels=levels)
        assert (interval.low, interval.high) == (0, 1)
        assert not interval.is_shown


@pytest.mark.parametrize("values", [[], [0.5, 1.2], [0.5, np.nan], [-0.1, 0.5]])
def test_what_is_no_share_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        share_interval(np.array(values))


# --- one seed -------------------------------------------------------------------------


@given(st.integers(1, 2000).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m))))
def test_wilson_is_scipys(data: tuple[int, int]) -> None:
    expected = scipy.stats.binomtest(*data).proportion_ci(method="wilson")
    interval = wilson(*data)
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)


@given(st.integers(1, 600).flatmap(lambda m: st.tuples(st.integers(1, m), st.just(m))))
def test_wilson_rises_with_successes(data: tuple[int, int]) -> None:
    more, m = data
    assert wilson(more - 1, m).low < wilson(more, m).low
    assert wilson(more - 1, m).high < wilson(more, m).high


def test_wilson_at_all_and_none_reaches_the_end_exactly() -> None:
    assert wilson(0, 37).low == 0
    assert wilson(37, 37).high == 1


# --- beyond chance --------------------------------------------------------------------


def exact_p(successes: np.ndarray, trials: np.ndarray) -> float:
    """By enumerating every table with these margins."""
    total, expected = successes.sum(), trials * successes.sum() / trials.sum()

    def chi_square(table: np.ndarray) -> float:
        return float(((table - expected) ** 2 / trials).sum())

    mass = extreme = 0
    for table in itertools.product(*(range(m + 1) for m in trials)):
        if sum(table) == total:
            ways = math.prod(map(math.comb, trials.tolist(), table))
            mass += ways
            if chi_square(np.array(table)) >= chi_square(successes) - 1e-9:
                extreme += ways
    return extreme / mass


@pytest.mark.parametrize(
    ("successes", "trials"),
    [([6, 0, 5], [6, 6, 6]), ([3, 4, 2], [6, 5, 7]), ([1, 0, 8], [3, 4, 9])],
)
def test_the_p_value_is_that_of_every_table_enumerated(
    successes: list[int], trials: list[int]
) -> None:
    data = np.array(successes), np.array(trials)
    p = beyond_chance(*data, draws=40_000)
    assert p == pytest.approx(exact_p(*data), abs=0.012)


def test_the_p_value_of_large_counts_is_that_of_the_chi_square_test() -> None:
    successes, trials = np.array([512, 548, 530, 561]), np.full(4, 1000)
    _, expected, _, _ = scipy.stats.chi2_contingency([successes, trials - successes])
    assert beyond_chance(successes, trials) == pytest.approx(expected, abs=0.015)


def test_p_values_of_alike_seeds_are_no_smaller_than_uniform() -> None:
    rng = np.random.default_rng(2)
    tables = rng.binomial(40, 0.9, size=(400, 6))
    ps = np.array([beyond_chance(x, np.full(6, 40), draws=199) for x in tables])
    for level in (0.05, 0.1, 0.5):
        noise = math.sqrt(level * (1 - level) / 400)
        assert (ps <= level).mean() < level + 3 * noise


def test_seeds_of_two_kinds_differ_beyond_chance() -> None:
    assert beyond_chance(np.array([60, 4, 62, 1]), np.full(4, 64)) == pytest.approx(
        1e-4
    )


@pytest.mark.parametrize("successes", [[0, 0, 0], [9, 9, 9]])
def test_seeds_that_all_fail_or_all_succeed_cannot_differ(successes: list[int]) -> None:
    assert beyond_chance(np.array(successes), np.full(3, 9)) == 1


def test_a_single_seed_cannot_differ() -> None:
    assert beyond_chance(np.array([3]), np.array([9])) == 1


@given(counts())
def test_the_same_data_give_the_same_p_value(
    data: tuple[np.ndarray, np.ndarray],
) -> None:
    p = beyond_chance(*data, draws=99)
    assert 0.01 <= p <= 1
    assert p == beyond_chance(*data, draws=99)


# --- the simulation behind the choice -------------------------------------------------


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = REPOSITORY / "scripts" / "simulate_coverage.py"
    spec = importlib.util.spec_from_file_location("simulate_coverage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def record() -> dict:
    return json.loads((REPOSITORY / "docs" / "coverage.json").read_text())


def test_the_method_in_use_is_the_one_that_the_rule_chooses(
    simulation: ModuleType, record: dict
) -> None:
    chosen = simulation.choose(record["choosing"])
    assert chosen == record["chosen"]
    successes = np.array([[30, 12, 25, 8]])
    low, high = simulation.CANDIDATES[chosen["method"]](
        successes, 32, np.random.default_rng(0)
    )
    interval = rate_interval(successes[0], np.full(4, 32))
    assert (interval.low, interval.high) == (low[0], high[0])


def test_the_tables_in_the_docs_are_those_of_the_record(
    simulation: ModuleType, record: dict
) -> None:
    docs = (REPOSITORY / "docs" / "statistics.md").read_text()
    assert simulation.tables(record) in docs


def test_a_fresh_simulation_agrees_with_the_published_coverage(
    simulation: ModuleType, record: dict
) -> None:
    method = record["chosen"]["method"]
    for row in simulation.as_rows(record["published"]):
        cell = (row["scenario"], row["n_seeds"], row["trials"])
        if row["method"] != method or cell not in {
            ("spread 1 around .5", 4, 128),
            ("spread 2 around .9", 8, 32),
            ("two kinds .9/.1", 10, 128),
        }:
            continue
        rng = np.random.default_rng(5)
        x, target = simulation.SCENARIOS[cell[0]](rng, 3000, cell[1], cell[2])
        low, high = logit_t_bounds(x, np.array(cell[2]), 0.95)
        coverage = ((low <= target) & (target <= high)).mean()
        assert coverage == pytest.approx(row["coverage"], abs=0.035)
