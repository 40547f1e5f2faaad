"""One group of seeds or two: on synthetic data with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom

from mesagym.evals import modes
from mesagym.evals.modes import bimodality, spread


def test_seeds_at_either_end_are_two_groups_with_their_means_and_share() -> None:
    successes = np.array([6, 120, 4, 123, 122, 7, 119, 121])
    found = bimodality(successes, np.full(8, 128))
    assert found.p <= 0.01
    assert found.low == pytest.approx(6 / 128, abs=0.03)
    assert found.high == pytest.approx(121 / 128, abs=0.03)
    assert found.share == pytest.approx(5 / 8, abs=0.01)


def test_seeds_alike_are_one_group() -> None:
    successes = np.random.default_rng(1).binomial(128, 0.5, 10)
    assert bimodality(successes, np.full(10, 128)).p > 0.1


def test_seeds_spread_over_one_wide_hill_are_one_group() -> None:
    rates = np.linspace(0.2, 0.8, 10)
    successes = np.round(128 * rates).astype(np.int64)
    assert bimodality(successes, np.full(10, 128)).p > 0.1


def test_the_order_of_seeds_says_nothing() -> None:
    successes, trials = np.array([3, 90, 40, 60, 110]), np.array([100, 95, 90, 80, 120])
    order = np.array([4, 1, 3, 0, 2])
    one = bimodality(successes, trials, draws=19)
    other = bimodality(successes[order], trials[order], draws=19)
    assert other.ratio == pytest.approx(one.ratio, abs=1e-9)
    assert (other.low, other.high) == (one.low, one.high)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=4, max_size=9))
def test_exchanging_success_and_failure_mirrors_the_groups(counts: list[int]) -> None:
    successes, trials = np.array(counts), np.full(len(counts), 40)
    one = bimodality(successes, trials, draws=9)
    other = bimodality(trials - successes, trials, draws=9)
    assert other.ratio == pytest.approx(one.ratio, abs=1e-6)
    assert 0 < one.p <= 1


def test_the_fitted_likelihoods_are_those_of_scipy() -> None:
    a, b = modes._components()
    logs = modes._log_probabilities(12, a, b)
    for which in (0, 400, len(a) - 1):
        wanted = betabinom.logpmf(np.arange(13), 12, a[which], b[which])
        np.testing.assert_allclose(logs[:, which], wanted, rtol=1e-6, atol=1e-6)


def test_every_component_has_one_mode_and_the_sharpest_is_nearly_binomial() -> None:
    a, b = modes._components()
    assert (np.maximum(a, b) >= 1 - 1e-12).all()
    logs = modes._log_probabilities(20, a, b)
    sharpest = int(np.argmax(np.where(np.isclose(a / (a + b), 0.5), a, 0)))
    wanted = binom.logpmf(np.arange(21), 20, 0.5)
    np.testing.assert_allclose(logs[:, sharpest], wanted, atol=0.01)


def test_two_groups_are_found_as_well_as_by_trying_every_pair() -> None:
    successes, trials = np.array([2, 5, 9, 17, 19, 20]), np.full(6, 20)
    a, b = modes._components()
    few = slice(0, len(a), 7)
    logs = modes._log_probabilities(20, a[few], b[few])[successes]
    shares = np.linspace(0.05, 0.95, 19)[:, None, None]
    best = max(
        float(
            np.logaddexp(
                np.log(1 - shares) + logs[:, i, None][None],
                np.log(shares) + logs[None],
            )
            .sum(1)
            .max()
        )
        for i in range(logs.shape[1])
    )
    exhaustive = 2 * (best - logs.sum(0).max())
    ratio = modes._fit((successes / trials)[None], logs[None])[0][0]
    assert ratio == pytest.approx(exhaustive, abs=0.25)


@pytest.mark.parametrize("case", ["binomial", "hill", "flat"])
def test_one_group_is_called_two_no_more_often_than_promised(case: str) -> None:
    random = np.random.default_rng(7)
    runs, n, trials = 80, 8, 64
    rates = {
        "binomial": np.full((runs, n), 0.7),
        "hill": random.beta(2, 2, (runs, n)),
        "flat": random.beta(1, 1, (runs, n)),
    }[case]
    counts = random.binomial(trials, rates)
    called = sum(
        bimodality(row, np.full(n, trials), draws=39, seed=k).p <= 0.05
        for k, row in enumerate(counts)
    )
    # At a true rate of 5 %, more than 10 of 80 come in one run of the test in 500.
    assert called <= 10


def test_two_groups_are_found_nearly_always() -> None:
    random = np.random.default_rng(8)
    rates = random.permuted(np.tile([0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9], (20, 1)))
    found = sum(
        bimodality(row, np.full(8, 64), draws=39, seed=k).p <= 0.05
        for k, row in enumerate(random.binomial(64, rates))
    )
    assert found >= 18


@pytest.mark.parametrize(
    ("successes", "trials", "said"),
    [
        ([1, 2, 3], [9, 9, 9], "4 seeds"),
        ([1, 2, 3, 4], [9, 9, 9, 0], "between 0 and"),
        ([1, 2, 3, 10], [9, 9, 9, 9], "between 0 and"),
    ],
)
def test_counts_that_cannot_be_are_refused(
    successes: list[int], trials: list[int], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        bimodality(np.array(successes), np.array(trials))


def test_the_spread_of_seeds_is_what_noise_leaves_over() -> None:
    random = np.random.default_rng(2)
    truth, noise = 0.3, 0.1
    values = random.normal(0, truth, 4000) + random.normal(0, noise, 4000)
    found = spread(values, np.full(4000, noise**2))
    assert found.between == pytest.approx(truth, rel=0.05)
    assert found.noise == pytest.approx(noise)
    assert spread(np.zeros(3), np.full(3, 0.01)).between == 0
    with pytest.raises(ValueError, match="two seeds"):
        spread(np.zeros(1), np.zeros(1))
