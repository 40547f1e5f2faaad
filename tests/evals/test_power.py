"""Seeds that an effect needs, against simulation, tables and closed forms."""

import math
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mesagym.evals.power import (
    needed_seeds,
    power,
    power_note,
    power_note_of_two,
    rate_noise,
    t_power,
)


def test_power_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(0)
    share, spread, seeds, levels = 0.65, 0.15, 6, 100
    variance = share * (1 - share)
    sd = np.sqrt(spread**2 + variance / levels)
    scores = rng.normal(share, sd, (20_000, seeds))
    half = stats.t.ppf(0.975, seeds - 1) * scores.std(axis=1, ddof=1) / np.sqrt(seeds)
    shown = (scores.mean(axis=1) - half > 0.5).mean()
    assert power(share, variance, spread, seeds, levels) == pytest.approx(
        shown, abs=4 * np.sqrt(0.25 / 20_000)
    )


@settings(max_examples=60, deadline=None)
@given(
    share=st.floats(0.55, 0.95),
    spread=st.floats(0.02, 0.4),
    seeds=st.integers(2, 30),
    levels=st.integers(8, 4096),
)
def test_power_grows_with_seeds_and_levels(
    share: float, spread: float, seeds: int, levels: int
) -> None:
    variance = share * (1 - share)
    here = power(share, variance, spread, seeds, levels)
    assert 0 <= here <= 1
    assert power(share, variance, spread, seeds + 1, levels) >= here - 1e-9
    assert power(share, variance, spread, seeds, 2 * levels) >= here - 1e-9


def test_without_any_spread_the_outcome_is_certain() -> None:
    assert power(0.6, 0.0, 0.0, 4, 10) == 1.0
    assert power(0.5, 0.0, 0.0, 4, 10) == 0.0


def test_a_share_as_far_below_one_half_is_shown_as_often() -> None:
    assert power(0.3, 0.2, 0.1, 5, 64) == pytest.approx(power(0.7, 0.2, 0.1, 5, 64))


def test_the_power_of_two_groups_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.8, 1, (20_000, 9)), rng.normal(0, 1, (20_000, 9))
    found: Any = stats.ttest_ind(first, second, axis=1)
    shown = ((found.pvalue < 0.05) & (found.statistic > 0)).mean()
    assert t_power(0.8, 1.0, 9, groups=2) == pytest.approx(shown, abs=0.015)


@pytest.mark.parametrize(
    ("effect", "groups", "seeds"),
    # Small, medium and large effects of Cohen (1988), at 80 % power and 5 %, two-sided.
    [
        (0.2, 2, 394),
        (0.5, 2, 64),
        (0.8, 2, 26),
        (0.2, 1, 199),
        (0.5, 1, 34),
        (0.8, 1, 15),
    ],
)
def test_the_seeds_needed_are_those_of_published_tables(
    effect: float, groups: Literal[1, 2], seeds: int
) -> None:
    assert needed_seeds(effect, 1.0, groups=groups) == seeds


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 4), st.floats(0.5, 0.95), st.sampled_from([1, 2]))
def test_the_seeds_needed_are_the_fewest(
    effect: float, wanted: float, groups: Literal[1, 2]
) -> None:
    needed = needed_seeds(effect, 1.0, wanted, groups=groups)
    assert needed is not None
    assert t_power(effect, 1.0, needed, groups=groups) >= wanted
    if needed > 2:
        assert t_power(effect, 1.0, needed - 1, groups=groups) < wanted


def test_no_number_of_seeds_shows_no_effect() -> None:
    assert needed_seeds(0.0, 1.0) is None
    assert needed_seeds(0.0, 0.0) is None


# --- notes ----------------------------------------------------------------------------


def test_a_note_says_how_many_seeds_are_needed_and_how_many_there_are() -> None:
    # Mean .5 and standard deviation 1.
    note = power_note(0.5 + math.sqrt(3) / 2 * np.array([-1.0, 1, -1, 1]))
    assert str(note) == (
        "an effect of this size (+0.5) needs about 34 seeds to be shown 80% of the "
        "time; you have 4"
    )
    assert not note.enough


def test_a_note_on_two_groups_pools_their_spread() -> None:
    first, second = np.array([1.0, 3, 2]), np.array([0.0, 1, 0.5, 0.5])
    pooled = math.sqrt((2 * first.var(ddof=1) + 3 * second.var(ddof=1)) / 5)
    note = power_note_of_two(first, second)
    assert note.spread == pytest.approx(pooled)
    assert note.needed == needed_seeds(1.5, pooled, groups=2)
    assert str(note).endswith("you have 3")
    assert "seeds in each group" in str(note)


def test_seeds_that_agree_by_luck_differ_by_the_noise_of_episodes() -> None:
    note = power_note(np.full(4, 0.05), noise=0.1)
    assert note.spread == 0.1
    assert note.needed == needed_seeds(0.05, 0.1)


def test_only_what_an_effect_exceeds_the_margin_by_can_be_shown() -> None:
    differences = np.array([0.2, 0.3, 0.4])
    note = power_note(differences, margin=0.1)
    assert note.effect == pytest.approx(0.3)
    assert note.needed == needed_seeds(0.2, differences.std(ddof=1))
    note = power_note(differences, margin=0.4)
    assert note.needed is None
    assert str(note).startswith(
        "no number of seeds shows an effect of this size (+0.3)"
    )


def test_fewer_seeds_than_a_test_can_use_are_never_enough() -> None:
    assert power_note(np.array([0.9, 0.91, 0.92]), at_least=6).needed == 6


def test_a_single_seed_does_not_say_how_much_seeds_differ() -> None:
    for note in (
        power_note(np.array([0.4])),
        power_note_of_two(np.ones(5), np.ones(1)),
    ):
        assert note.needed is None
        assert "too few to say" in str(note)


def test_a_note_on_no_effect_names_no_number() -> None:
    note = power_note(np.array([-1.0, 1.0]))
    assert note.needed is None
    assert "more than 10,000 seeds; you have 2" in str(note)


def test_the_noise_of_a_rate_is_that_of_its_episodes() -> None:
    drawn = np.random.default_rng(3).binomial(200, 0.3, 20_000) / 200
    assert rate_noise(0.3, 200) == pytest.approx(drawn.std(), rel=0.03)
    assert rate_noise(1.0, 200) > 0


@pytest.mark.parametrize("values", [[], [np.nan, 1.0]])
def test_numbers_that_are_none_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite number for each"):
        power_note(np.array(values))


def test_a_power_of_fewer_than_two_seeds_is_refused() -> None:
    with pytest.raises(ValueError, match="2 seeds or more"):
        t_power(0.5, 1.0, 1)
