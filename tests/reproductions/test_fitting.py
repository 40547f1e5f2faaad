"""Fitted thresholds: near the truth, covered as often as said, silent where unknown."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesagym.reproductions.fitting import Curve, fit_threshold

ALPHAS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
FALLING = Curve(lower=0.05, upper=0.9, midpoint=0.03, steepness=2.0)


def drawn(curve: Curve, seeds: int, spread: float, seed: int, alphas=ALPHAS):
    """Return rates of seeds around a curve, within [0, 1]."""
    random = np.random.default_rng(seed)
    return {
        alpha: np.clip(
            curve.at(alpha) + spread * random.standard_normal(seeds), 0, 1
        ).tolist()
        for alpha in alphas
    }


def halved(curve: Curve) -> float:
    half = curve.upper / 2
    share = half / (half - curve.lower)
    return curve.midpoint * share ** (1 / curve.steepness)


def test_a_curve_passes_from_its_upper_to_its_lower_asymptote() -> None:
    assert FALLING.at(0.0) == pytest.approx(0.9)
    assert FALLING.at(0.03) == pytest.approx((0.9 + 0.05) / 2)
    assert FALLING.at(30.0) == pytest.approx(0.05, abs=1e-5)
    assert FALLING.at(halved(FALLING)) == pytest.approx(0.45)


@settings(max_examples=15)
@given(
    lower=st.floats(0, 0.3),
    upper=st.floats(0.6, 1),
    place=st.floats(-2, -0.6),
    steepness=st.floats(1, 6),
)
def test_rates_without_noise_give_their_threshold(
    lower, upper, place, steepness
) -> None:
    curve = Curve(lower, upper, 10**place, steepness)
    rates = {alpha: [float(curve.at(alpha))] * 4 for alpha in ALPHAS}
    found = fit_threshold(rates, draws=9)
    assert found.estimate is not None
    # Steep curves hide where they pass between two settings of α.
    between = min(math.log10(3.4), 2 / steepness)
    assert abs(math.log10(found.estimate) - place) < 0.02 + between / 2


def test_the_halving_is_where_the_curve_is_half_of_what_it_is_at_zero() -> None:
    found = fit_threshold(drawn(FALLING, 20, 0.01, 0), "halving")
    assert found.estimate is not None
    assert found.estimate == pytest.approx(halved(FALLING), rel=0.1)
    assert found.curve is not None
    half = found.curve.at(found.estimate)
    assert half == pytest.approx(found.curve.upper / 2, abs=1e-6)


@pytest.mark.parametrize("where", ["midpoint", "halving"])
@pytest.mark.parametrize("spread", [0.05, 0.25])
def test_intervals_hold_the_truth_about_as_often_as_they_say(where, spread) -> None:
    truth = FALLING.midpoint if where == "midpoint" else halved(FALLING)
    held = 0
    trials = 40
    for seed in range(trials):
        found = fit_threshold(drawn(FALLING, 8, spread, seed), where, draws=99)
        assert found.estimate is not None
        held += (found.low or 0) <= truth <= (found.high or math.inf)
    # 95 % of 40 are 38; clipped rates are not quite around their curve.
    assert held >= 34


def test_more_seeds_narrow_the_interval() -> None:
    few, many = (fit_threshold(drawn(FALLING, n, 0.15, 1)) for n in (4, 40))
    widths = []
    for each in (few, many):
        assert each.low is not None
        assert each.high is not None
        widths.append(math.log(each.high / each.low))
    assert widths[1] < widths[0] / 2
    assert few.provisional
    assert not many.provisional


def test_a_rising_rate_has_the_threshold_of_its_mirror_image() -> None:
    rates = drawn(FALLING, 8, 0.1, 2)
    mirrored = {alpha: [1 - x for x in values] for alpha, values in rates.items()}
    falling, rising = fit_threshold(rates), fit_threshold(mirrored, rising=True)
    assert rising.estimate == pytest.approx(falling.estimate)
    assert rising.low == pytest.approx(falling.low)


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_flat_curve_has_no_threshold(level) -> None:
    found = fit_threshold(drawn(Curve(level, level, 0.1, 1.0), 8, 0.02, 3))
    assert found.estimate is found.low is found.high is None
    assert "flat" in found.why_not
    assert str(found).startswith("not identified")


@pytest.mark.parametrize(("place", "side"), [(4e-4, "below"), (6.0, "above")])
def test_a_curve_that_crosses_beyond_what_was_tested_is_not_identified(
    place, side
) -> None:
    curve = dataclasses.replace(FALLING, midpoint=place, steepness=1.0)
    found = fit_threshold(drawn(curve, 10, 0.005, 4))
    assert found.estimate is None
    assert side in found.why_not or "flat" in found.why_not


def test_a_bound_beyond_what_was_tested_is_left_open() -> None:
    alphas = (0.0, 0.01, 0.02, 0.03)
    found = fit_threshold(drawn(FALLING, 8, 0.2, 5, alphas), "halving")
    assert found.high is None
    assert found.why_not


def test_a_rate_that_never_halves_has_no_halving() -> None:
    half_way = dataclasses.replace(FALLING, lower=0.6)
    found = fit_threshold(drawn(half_way, 10, 0.01, 6), "halving")
    assert found.estimate is None
    assert "above" in found.why_not
    assert fit_threshold(drawn(half_way, 10, 0.01, 6)).estimate is not None


def test_too_few_settings_of_alpha_are_not_fitted() -> None:
    rates = drawn(FALLING, 8, 0.1, 7, (0.0, 0.01, 1.0)) | {0.1: [0.3], 0.3: []}
    found = fit_threshold(rates)
    assert found.curve is None
    assert "2 settings" in found.why_not


def test_a_halving_needs_a_rate_to_halve() -> None:
    rates = drawn(FALLING, 8, 0.1, 8, ALPHAS[1:])
    assert fit_threshold(rates, "halving").estimate is None
    assert fit_threshold(rates).estimate is not None


def test_the_same_seeds_give_the_same_interval() -> None:
    rates = drawn(FALLING, 6, 0.2, 9)
    assert fit_threshold(rates) == fit_threshold(rates)


@pytest.mark.parametrize(
    ("rates", "confidence"),
    [
        ({2.0: [0.1, 0.2]}, 0.95),
        ({0.1: [0.1, 1.2]}, 0.95),
        ({0.1: [0.1, math.nan]}, 0.95),
        ({0.1: [0.1, 0.2]}, 1.0),
    ],
)
def test_what_is_no_rate_is_refused(rates, confidence) -> None:
    with pytest.raises(ValueError, match=r"lie within"):
        fit_threshold(rates, confidence=confidence)
