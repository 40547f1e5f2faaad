"""The curve of choices: against another optimiser, known truths, and at its edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from mesagym.evals.preference import (
    BIAS_SPREAD,
    LAPSE_WEIGHT,
    Choices,
    Curve,
    count_choices,
    fit,
)


def drawn(curve: Curve, n: int, seed: int = 0, widest: int = 12) -> Choices:
    """Choices by a curve at differences drawn evenly."""
    rng = np.random.default_rng(seed)
    difference = rng.integers(-widest, widest + 1, n)
    return count_choices(difference, rng.random(n) < curve.at(difference))


def loss(parameters: np.ndarray, choices: Choices) -> float:
    """The penalised negative log likelihood, written down anew."""
    bias, slope, lapse = parameters
    p = lapse / 2 + (1 - lapse) * expit(bias + slope * choices.difference)
    likely = choices.base * np.log(p) + (choices.total - choices.base) * np.log(1 - p)
    scaled = slope * choices.typical
    penalty = (bias**2 + scaled**2) / (2 * BIAS_SPREAD**2)
    return float(penalty - LAPSE_WEIGHT * np.log(1 - lapse) - likely.sum())


@pytest.mark.parametrize(
    "truth", [Curve(0.0, 0.4, 0.1), Curve(-1.0, 0.2, 0.3), Curve(2.0, 0.0, 0.0)]
)
def test_the_fit_is_the_best_that_another_optimiser_finds(truth: Curve):
    choices = drawn(truth, 200)
    found = fit(choices).curve
    other = min(
        minimize(
            loss,
            start,
            (choices,),
            method="Nelder-Mead",
            tol=1e-9,
            bounds=[(-9, 9), (-3, 3), (0, 0.95)],
        ).fun
        for start in ([0.0, 0.1, 0.05], [1.0, 0.0, 0.4])
    )
    assert loss(np.array(found), choices) <= other + 1e-4


def test_many_choices_give_back_the_parameters():
    truth = Curve(0.8, 0.3, 0.2)
    found = fit(drawn(truth, 20_000)).curve
    np.testing.assert_allclose(found, truth, atol=0.12)


def test_bounds_lie_where_the_profile_has_lost_as_much_as_it_may():
    choices = drawn(Curve(0.5, 0.3, 0.1), 150, seed=2)
    found = fit(choices)
    least = loss(np.array(found.curve), choices)
    for bound in found.bias:
        best = min(
            minimize(
                lambda x, bias=bound: loss(np.array([bias, *x]), choices),
                start,
                method="Nelder-Mead",
                tol=1e-9,
                bounds=[(-3, 3), (0, 0.95)],
            ).fun
            for start in ([0.3, 0.05], [0.5, 0.3])
        )
        assert best - least == pytest.approx(1.96**2 / 2, abs=0.02)


@settings(max_examples=8)
@given(
    bias=st.floats(-4, 4),
    slope=st.floats(-1, 1),
    lapse=st.floats(0, 0.8),
    seed=st.integers(0, 99),
)
def test_intervals_hold_their_estimates(
    bias: float, slope: float, lapse: float, seed: int
):
    found = fit(drawn(Curve(bias, slope, lapse), 60, seed))
    for name in ("bias", "slope", "lapse"):
        low, high = getattr(found, name)
        assert low <= getattr(found.curve, name) <= high


@settings(max_examples=8)
@given(bias=st.floats(-2, 2), slope=st.floats(-0.5, 0.5), seed=st.integers(0, 99))
def test_exchanging_base_and_proxy_mirrors_the_curve(
    bias: float, slope: float, seed: int
):
    choices = drawn(Curve(bias, slope, 0.1), 80, seed)
    mirrored = Choices(
        -choices.difference[::-1],
        (choices.total - choices.base)[::-1],
        choices.total[::-1],
    )
    one, other = fit(choices), fit(mirrored)
    assert other.curve.bias == pytest.approx(-one.curve.bias, abs=1e-2)
    assert other.curve.slope == pytest.approx(one.curve.slope, abs=1e-2)
    assert other.near == pytest.approx(-one.far, abs=1e-2)


def test_separated_choices_have_finite_estimates():
    difference = np.arange(-10, 11)
    found = fit(count_choices(difference, difference >= 0))
    assert np.isfinite(found.curve).all()
    assert found.near > 1.96
    assert found.far < -1.96


def test_choices_that_are_all_the_same_are_beyond_chance_on_both_sides():
    difference = np.arange(-10, 11)
    found = fit(count_choices(difference, np.ones(21, bool)))
    assert min(found.near, found.far) > 1.96


def test_a_coin_is_beyond_chance_on_neither_side_most_of_the_time():
    beyond = 0
    for seed in range(12):
        found = fit(drawn(Curve(0.0, 0.0, 0.0), 100, seed))
        beyond += abs(found.near) > 1.96 and abs(found.far) > 1.96
    # Both at 5 %: more than 3 of 12 would happen once in 500 times.
    assert beyond <= 3


def test_the_typical_difference_is_the_median_size_of_those_that_are_not_none():
    choices = count_choices(np.array([0, 0, 0, -2, 4, 6]), np.ones(6, bool))
    assert choices.typical == 4
    assert count_choices(np.zeros(3, int), np.ones(3, bool)).typical == 1
