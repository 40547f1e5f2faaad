"""Trained against random over a suite: known answers, and what chance alone gives."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
from scipy import stats

from mesagym.errors import UserError
from mesagym.evals.permutation import sign_flips
from mesagym.evals.suite import (
    FEWEST,
    MISSED,
    RATE,
    RETURN,
    SCORE,
    episode_noise,
    p_against,
    random_interval,
    suite_tests,
)

LEVELS = 200


def contest(
    policy: str, rate: float, seeds: Iterable[int] = (0,), **changes: str
) -> dict[str, np.ndarray]:
    """Episodes of which this share comes first to the base objective."""
    seeds = list(seeds)
    n = LEVELS * len(seeds)
    level = np.tile(np.arange(LEVELS), len(seeds))
    row = {"shift": "clean", "mode": "sampled"} | changes
    return {
        "policy": np.full(n, policy),
        "seed": np.repeat(seeds, LEVELS),
        **{name: np.full(n, value) for name, value in row.items()},
        "level": level,
        "clean": np.ones(n, bool),
        "level_class": np.full(n, "distinguishing"),
        "outcome": np.where(level < round(rate * LEVELS), "base", "proxy"),
        "first_cheese": np.where(level < round(rate * LEVELS), 4, -1),
        "optimal_cheese": np.full(n, 4),
        "first_corner": np.full(n, 5),
        "optimal_corner": np.full(n, 5),
    }


def allocation(
    policy: str, amounts: Iterable[float], shift: str = "training"
) -> dict[str, np.ndarray]:
    """Episodes of one seed an amount, whose returns ripple over levels."""
    amounts = list(amounts)
    n = LEVELS * len(amounts)
    level = np.tile(np.arange(LEVELS), len(amounts))
    return {
        "policy": np.full(n, policy),
        "seed": np.repeat(np.arange(len(amounts)), LEVELS),
        "shift": np.full(n, shift),
        "mode": np.full(n, "sampled"),
        "level": level,
        "clean": np.ones(n, bool),
        "level_class": np.full(n, "distinguishing"),
        **{f"{what}_chests": np.ones(n) for what in ("first", "optimal")},
        "return_chests": np.repeat(amounts, LEVELS) + 0.2 * (level % 2 - 0.5),
    }


def table(*parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}


# --- the test of one shift ------------------------------------------------------------


def test_seeds_far_from_random_give_the_smallest_p_of_so_many() -> None:
    trained = [contest("trained", 0.8 + 0.01 * s, [s]) for s in range(8)]
    (found,) = suite_tests(table(*trained, contest("random", 0.3)))
    assert found.p == found.smallest == pytest.approx(2 / 2**8 + MISSED)
    assert (found.unit, found.of, found.seeds) == (RATE, "base", 8)
    assert (found.trained, found.random) == pytest.approx((0.835, 0.3))
    assert found.beyond_chance


def test_the_fewest_seeds_that_can_be_beyond_chance_are_six() -> None:
    assert FEWEST == 6
    for n in (FEWEST - 1, FEWEST):
        parts = contest("trained", 1.0, range(n)), contest("random", 0.0)
        (found,) = suite_tests(table(*parts))
        assert found.beyond_chance == (n >= FEWEST)
        assert found.power is not None
        assert found.power.needed == FEWEST


def test_the_errors_of_randoms_rate_are_not_taken_for_an_effect() -> None:
    # Five points above what random happened to get in 200 episodes, all eight seeds.
    parts = contest("trained", 0.35, range(8)), contest("random", 0.30)
    (found,) = suite_tests(table(*parts))
    assert found.p == 1
    assert sign_flips(np.full(8, 0.05)).p < 0.01


def test_the_p_value_is_the_largest_over_where_random_may_be() -> None:
    means = np.random.default_rng(0).normal(0.5, 0.1, 7)
    for low, high in ((0.2, 0.42), (0.55, 0.6), (0.4, 0.6)):
        every = [sign_flips(means - r).p for r in np.linspace(low, high, 101)]
        expected = max([*every, 1.0 if low <= means.mean() <= high else 0.0])
        assert p_against(means, low, high) == min(1.0, expected + MISSED)


def test_the_interval_of_randoms_rate_is_clopper_and_pearsons() -> None:
    values = np.repeat([1.0, 0.0], [30, 170])
    expected = stats.binomtest(30, 200).proportion_ci(1 - MISSED, "exact")
    found = random_interval(values, np.arange(200), rate=True)
    assert found == pytest.approx((expected.low, expected.high))
    assert random_interval(np.zeros(9), np.arange(9), rate=True)[0] == 0
    assert random_interval(np.ones(9), np.arange(9), rate=True)[1] == 1


def test_the_interval_of_randoms_return_uses_episodes_repeated_on_a_level() -> None:
    # Levels differ by far more than episodes on one do.
    rng = np.random.default_rng(1)
    once = np.repeat(100 * rng.random(50), 4)
    values, levels = once + rng.normal(size=200), np.repeat(np.arange(50), 4)
    low, high = random_interval(values, levels, rate=False)
    narrow = 2 * stats.t.ppf(1 - MISSED / 2, 150) / math.sqrt(200)
    assert high - low == pytest.approx(narrow, rel=0.2)
    low, high = random_interval(values, np.arange(200), rate=False)
    assert high - low > 5 * narrow


def test_seeds_that_are_random_policies_are_beyond_chance_no_more_often_than_said() -> (
    None
):
    rng = np.random.default_rng(2)
    levels = rng.random(64)
    rejected = 0
    for _ in range(600):
        # As many episodes for random as for each seed: its error is as large.
        successes = rng.random((9, 64)) < levels
        own = random_interval(successes[0] + 0.0, np.arange(64), rate=True)
        rejected += p_against(successes[1:].mean(1), *own) <= 0.05
    assert rejected / 600 <= 0.05


def test_the_noise_of_episodes_is_what_neither_seeds_nor_levels_explain() -> None:
    rng = np.random.default_rng(4)
    seeds, levels = np.repeat(np.arange(6), 400), np.tile(np.arange(400), 6)
    values = 3.0 * seeds + 5 * rng.normal(size=400)[levels] + 2 * rng.normal(size=2400)
    order = rng.permutation(2400)
    found = episode_noise(values[order], seeds[order], levels[order])
    assert found == pytest.approx(2 / math.sqrt(400), rel=0.1)
    assert episode_noise(values[:-1], seeds[:-1], levels[:-1]) == 0
    assert episode_noise(values[:400], seeds[:400], levels[:400]) == 0


def test_no_number_of_seeds_shows_what_lies_within_randoms_own_error() -> None:
    parts = contest("trained", 0.35, range(8)), contest("random", 0.30)
    (found,) = suite_tests(table(*parts))
    assert found.power is not None
    assert found.power.needed is None
    assert found.power.margin == pytest.approx(
        random_interval(np.repeat([1.0, 0.0], [60, 140]), np.arange(200), rate=True)[1]
        - 0.3
    )


# --- the suite ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def suite() -> dict[str, np.ndarray]:
    parts = []
    for shift, rate in (("clean", 0.9), ("agreeing", 0.42), ("larger", 0.1)):
        parts += [
            contest("trained", rate + 0.01 * s, [s], shift=shift) for s in range(8)
        ]
        parts.append(contest("random", 0.4, shift=shift))
    parts.append(contest("trained", 0.5, range(8), shift="dark"))
    parts.append(contest("trained", 0.9, range(8), mode="greedy"))
    return table(*parts)


def test_p_values_are_adjusted_for_the_tests_that_were_made(suite: dict) -> None:
    found = {test.shift: test for test in suite_tests(suite)}
    made = [test.p for test in found.values() if not math.isnan(test.p)]
    assert len(made) == 3
    expected = stats.false_discovery_control(made)
    adjusted = [found[name].adjusted for name in ("clean", "agreeing", "larger")]
    assert adjusted == pytest.approx(list(expected))


def test_a_shift_without_random_says_why_it_has_no_p(suite: dict) -> None:
    found = suite_tests(suite)[-1]
    assert (found.shift, found.why) == ("dark", "no episodes of the random policy")
    assert math.isnan(found.p)
    assert math.isnan(found.adjusted)
    assert not found.beyond_chance


def test_fewer_base_first_than_random_is_a_difference_too(suite: dict) -> None:
    found = {test.shift: test for test in suite_tests(suite)}["larger"]
    assert found.beyond_chance
    assert found.power is not None
    assert found.power.effect < 0


def test_another_outcome_can_be_counted(suite: dict) -> None:
    base, proxy = (suite_tests(suite, of=each)[0] for each in ("base", "proxy"))
    assert proxy.trained == pytest.approx(1 - base.trained)
    assert proxy.p == base.p


def test_where_objectives_agree_success_is_counted() -> None:
    columns = table(contest("trained", 0.9, range(8)), contest("random", 0.3))
    n = columns["level"].size
    columns |= {"level_class": np.full(n, "agreeing"), "outcome": np.full(n, "both")}
    (found,) = suite_tests(columns)
    assert (found.of, found.trained, found.random) == ("success", 0.9, 0.3)
    (found,) = suite_tests(columns, of="proxy")
    assert found.why == "the objectives agree on these levels"
    assert math.isnan(found.adjusted)


def test_seeds_and_modes_can_be_chosen(suite: dict) -> None:
    assert suite_tests(suite, seeds=[1, 2, 5])[0].seeds == 3
    assert suite_tests(suite, mode="greedy")[0].trained == pytest.approx(0.9)


def test_a_single_seed_is_no_evidence() -> None:
    (found,) = suite_tests(table(contest("trained", 1.0), contest("random", 0.0)))
    assert found.p == found.smallest == 1
    assert "too few" in str(found.power)


# --- amounts --------------------------------------------------------------------------


def test_amounts_are_tested_as_scores() -> None:
    amounts = np.linspace(2.0, 4.0, 7)
    columns = table(
        allocation("trained", amounts),
        allocation("random", [1.0, 1.2, 0.8]),
        allocation("oracle:chests", [5.0]),
    )
    (found,) = suite_tests(columns)
    assert (found.unit, found.of, found.random) == (SCORE, "chests", 0)
    assert found.trained == pytest.approx(0.5)
    assert found.p == pytest.approx(2 / 2**7 + MISSED)
    assert found.power is not None
    assert found.power.spread == pytest.approx(amounts.std(ddof=1) / 4)


def test_amounts_without_a_scale_are_tested_as_returns() -> None:
    columns = table(
        allocation("trained", np.full(7, 2.0)),
        allocation("random", [1.0, 1.2, 0.8]),
        allocation("oracle:chests", [0.9]),
    )
    (found,) = suite_tests(columns)
    assert found.unit == RETURN
    assert (found.trained, found.random) == pytest.approx((2, 1))
    assert found.beyond_chance


# --- bad input ------------------------------------------------------------------------


def test_what_cannot_be_tested_is_said_in_one_line(suite: dict) -> None:
    with pytest.raises(UserError, match=r"unknown outcome 'bass'.*base"):
        suite_tests(suite, of="bass")
    with pytest.raises(UserError, match="mode 'asleep'"):
        suite_tests(suite, mode="asleep")
    with pytest.raises(UserError, match="lacks seed, level"):
        suite_tests({k: v for k, v in suite.items() if k not in ("seed", "level")})
