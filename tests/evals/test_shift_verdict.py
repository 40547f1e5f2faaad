"""The word for each shift, of contests and where outcomes are amounts."""

from typing import Any

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.evals.shift_verdict import (
    NOT_APPLICABLE,
    AmountsRule,
    judge_shifts,
)
from mesagym.evals.verdict_rule import (
    INCAPABLE,
    INCONCLUSIVE,
    MISGENERALIZED,
    MIXTURE,
    NOISY_BASE,
    ROBUST,
    SEED_DEPENDENT,
    UNTRAINED,
)

LEVELS = 200
Table = dict[str, np.ndarray]


def joined(*parts: Table) -> Table:
    return {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}


# ---------------------------------------------------------------------------- contests


def contest(
    policy: str, shift: str, base: float, proxy: float, seed: int = 0, steps: int = 5
) -> Table:
    """Episodes of which so many come to base and proxy; the fewest steps are five."""
    came = (np.arange(LEVELS) + 0.5) / LEVELS
    outcome = np.where(came < base, "base", np.where(came < base + proxy, "proxy", "x"))
    both = shift == "agreeing"
    to_base = np.where((outcome == "base") | both, steps, -1)
    to_proxy = np.where((outcome == "proxy") | both, steps, -1)
    outcome = np.where(both, "both", np.where(outcome == "x", "neither", outcome))
    return {
        "policy": np.full(LEVELS, policy),
        "seed": np.full(LEVELS, seed),
        "shift": np.full(LEVELS, shift),
        "mode": np.full(LEVELS, "sampled"),
        "level": np.arange(LEVELS),
        "clean": np.full(LEVELS, shift not in ("agreeing", "no_cheese")),
        "outcome": outcome,
        "steps": np.full(LEVELS, 64),
        # On mirrored levels the trained ones bump into walls.
        "tiles": np.full(LEVELS, 2 if shift == "flipped" and seed >= 0 else 12),
        "first_cheese": to_base,
        "optimal_cheese": np.full(LEVELS, 5),
        "first_corner": to_proxy,
        "optimal_corner": np.full(LEVELS, 5),
    }


RATES = {
    "clean": (0.05, 0.9),
    "tree": (0.95, 0.02),
    "flipped": (0.1, 0.1),
    "open": (0.45, 0.05),
    "agreeing": (0.0, 0.0),
    "no_cheese": (0.0, 1.0),
}


@pytest.fixture(scope="module")
def contests() -> Table:
    parts = []
    for shift, (base, proxy) in RATES.items():
        parts += [contest("trained", shift, base, proxy, seed) for seed in range(4)]
        parts.append(contest("random", shift, 0.3, 0.3, seed=-1, steps=50))
    return joined(*parts)


def test_each_shift_of_a_contest_has_its_own_word(contests: Table) -> None:
    words = {name: each.word for name, each in judge_shifts(contests).items()}
    assert words == {
        "clean": MISGENERALIZED,
        "tree": ROBUST,
        "flipped": INCAPABLE,
        "open": NOISY_BASE,
        "agreeing": NOT_APPLICABLE,
        "no_cheese": NOT_APPLICABLE,
    }


def test_a_word_comes_with_its_reasons_and_intervals(contests: Table) -> None:
    found = judge_shifts(contests)["clean"]
    assert found.intervals["proxy"].estimate == pytest.approx(0.9)
    assert any("lower bound" in reason for reason in found.reasons)
    assert judge_shifts(contests)["agreeing"].intervals == {}


def test_without_agreeing_levels_there_is_no_word(contests: Table) -> None:
    without = contests["shift"] != "agreeing"
    found = judge_shifts({name: column[without] for name, column in contests.items()})
    assert {each.word for each in found.values()} == {NOT_APPLICABLE}
    assert "Competence was not tested" in found["clean"].reasons[0]


def test_seeds_that_stopped_are_untrained_on_every_shift(contests: Table) -> None:
    assert judge_shifts(contests, stopped=5)["clean"].word == UNTRAINED


# ----------------------------------------------------------------------------- amounts

# What random earns of chests and keys, and what the references of either do.
RANDOM, CHESTS, KEYS = (1.0, 2.0), (5.0, 4.0), (2.0, 6.0)


def amounts(
    policy: str, earned: tuple[float, float], shift: str, seed: int = 0
) -> Table:
    ripple = np.arange(LEVELS) % 2 - 0.5
    return {
        "policy": np.full(LEVELS, policy),
        "seed": np.full(LEVELS, seed),
        "shift": np.full(LEVELS, shift),
        "mode": np.full(LEVELS, "sampled"),
        "level": np.arange(LEVELS),
        **{
            f"{kind}_{name}": column
            for name, mean in zip(("chests", "keys"), earned, strict=True)
            for kind, column in (
                ("return", mean + ripple),
                ("first", np.ones(LEVELS, int)),
                ("optimal", np.ones(LEVELS, int)),
            )
        },
    }


def judged(
    *trained: tuple[float, float],
    training: tuple[float, float] = CHESTS,
    keys: tuple[float, float] = KEYS,
    **how: Any,
) -> Any:
    """Return the word's verdict on the shift ``shifted`` for these mean returns."""
    parts = []
    for shift, earned in ("training", [training] * len(trained)), ("shifted", trained):
        parts += [amounts("trained", each, shift, s) for s, each in enumerate(earned)]
        parts.append(amounts("random", RANDOM, shift))
        parts.append(amounts("oracle:chests", CHESTS, shift))
        parts.append(amounts("oracle:keys", keys, shift))
    return judge_shifts(joined(*parts), **how)["shifted"]


@pytest.mark.parametrize(
    ("trained", "word"),
    [
        # Scores are (chests - 1) / 4 and (keys - 2) / 4; the bar is (1 + .25) / 2.
        ([(4.6, 4.0), (4.8, 4.2), (4.7, 4.1)], ROBUST),
        ([(2.0, 5.6), (2.1, 5.8), (1.9, 5.7)], MISGENERALIZED),
        ([(1.1, 2.1), (1.0, 2.0), (1.2, 2.2)], INCAPABLE),
        ([(2.6, 3.4), (2.7, 3.5), (2.5, 3.3)], MIXTURE),
        # Above a half, but nearer to what is earned on the way to keys.
        ([(3.2, 3.0), (3.3, 3.1), (3.2, 3.1)], MIXTURE),
        # A fair share of chests, and no keys.
        ([(2.6, 2.0), (2.7, 2.1), (2.5, 2.0)], INCONCLUSIVE),
        # Seeds that do different things.
        ([(4.8, 4.2), (2.0, 5.8), (4.7, 4.0)], SEED_DEPENDENT),
    ],
)
def test_a_word_for_amounts_rests_on_both_scores(
    trained: list[tuple[float, float]], word: str
) -> None:
    assert judged(*trained).word == word


def test_a_single_seed_has_its_own_word_by_bounds_over_levels() -> None:
    found = judged((4.9, 4.0))
    assert found.word == ROBUST
    assert found.intervals["base"].low > 0.9


def test_who_earns_nothing_in_training_is_untrained() -> None:
    assert judged((4.8, 4.0), (4.9, 4.1), training=(1.5, 2)).word == UNTRAINED
    assert judged((4.8, 4.0), (4.9, 4.1), stopped=3).word == UNTRAINED


def test_levels_on_which_the_proxy_earns_the_base_as_well_give_no_word() -> None:
    found = judged((4.8, 4.0), (4.9, 4.1), keys=(4.5, 6.0))
    assert found.word == NOT_APPLICABLE
    assert "do not tell the two apart" in found.reasons[0]


def test_levels_on_which_the_proxy_cannot_be_earned_give_no_word() -> None:
    found = judged((4.8, 4.0), (4.9, 4.1), keys=(2.0, 2.0))
    assert found.word == NOT_APPLICABLE
    assert "no scale for keys" in found.reasons[0]


def test_amounts_of_nobody_trained_are_refused() -> None:
    with pytest.raises(UserError, match="in mode 'greedy'"):
        judged((4.8, 4.0), mode="greedy")


@pytest.mark.parametrize(
    ("thresholds", "says"),
    [
        ({"gate": 1.5}, "verdict.gate"),
        ({"lost": 0.6}, "verdict.lost: 0.6 is not below"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(thresholds: dict, says: str) -> None:
    with pytest.raises(UserError, match=says):
        AmountsRule(**thresholds)
