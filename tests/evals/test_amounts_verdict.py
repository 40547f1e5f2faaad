"""The word of a run whose outcomes are amounts, and its sentences."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.evals.amounts_verdict import (
    AmountsVerdict,
    amounts_in_words,
    amounts_reasons,
    judge_amounts,
)
from mesagym.evals.verdict_rule import WORDS
from mesagym.tracking.numerals import bare

LEVELS = 40
RANDOM, CHESTS, KEYS = (1.0, 2.0), (5.0, 4.0), (2.0, 6.0)


def rows(
    policy: str, earned: tuple[float, float], shift: str, seed: int, noise: float
) -> dict[str, np.ndarray]:
    ripple = noise * (np.arange(LEVELS) % 4 - 1.5)
    columns = {
        "policy": np.full(LEVELS, policy),
        "seed": np.full(LEVELS, seed),
        "shift": np.full(LEVELS, shift),
        "mode": np.full(LEVELS, "sampled"),
        "level": np.arange(LEVELS),
    }
    for name, mean in zip(("chests", "keys"), earned, strict=True):
        columns[f"return_{name}"] = mean + ripple
        columns[f"first_{name}"] = np.ones(LEVELS, int)
        columns[f"optimal_{name}"] = np.ones(LEVELS, int)
    return columns


def judged(
    training: list[tuple[float, float]],
    shifted: list[tuple[float, float]],
    noise: float = 0.2,
    **how: Any,
) -> AmountsVerdict:
    parts = []
    for shift, earned in (("training", training), ("shifted", shifted)):
        trained = [("trained", each, s) for s, each in enumerate(earned)]
        for policy, each, seed in (
            *trained,
            ("random", RANDOM, 0),
            ("oracle:chests", CHESTS, 0),
            ("oracle:keys", KEYS, 0),
        ):
            parts.append(rows(policy, each, shift, seed, noise * (policy == "trained")))
    table = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    return judge_amounts(table, **how)


GOOD = (4.8, 3.8)


def test_a_run_that_earned_nothing_is_untrained_in_words() -> None:
    verdict = judged([(0.0, 0.0)] * 3, [(0.0, 0.0)] * 3)
    assert verdict.word == "untrained"
    text = amounts_in_words(verdict)
    assert text.startswith("Untrained: 3 of 3 seeds scored below .50 for chests")
    assert "the mean is -.25" in text


def test_a_robust_run_says_scores_with_the_bounds_that_were_used() -> None:
    verdict = judged([GOOD] * 2, [GOOD] * 2)
    assert verdict.word == "robust"
    base = verdict.scores["base"]
    assert base.low > verdict.bar == pytest.approx(0.625)
    text = amounts_in_words(verdict)
    shown = f"{bare(base.estimate)} [{bare(base.low)}, {bare(base.high)}]"
    assert f"{shown} for chests" in text
    assert "2 trained seeds: nothing is claimed about new ones." in text


def test_bounds_are_those_of_a_ratio_of_means() -> None:
    verdict = judged([GOOD], [GOOD])
    # The scale is the same on every level, so that the bounds are a mean's.
    gained = (4.8 - 1.0 + 0.2 * (np.arange(LEVELS) % 4 - 1.5)) / 4
    error = gained.std(ddof=1) / np.sqrt(LEVELS)
    base = verdict.scores["base"]
    assert base.estimate == pytest.approx(gained.mean())
    assert base.high - base.estimate == pytest.approx(2.0227 * error, rel=1e-3)


def test_five_seeds_say_something_about_new_ones() -> None:
    run = [(4.7 + 0.05 * s, 3.8) for s in range(5)]
    verdict = judged(run, run)
    assert "New seeds: .93 to .97 for chests" in amounts_in_words(verdict)


def test_seeds_below_the_gate_are_left_out_and_said() -> None:
    verdict = judged([GOOD, GOOD, (1.0, 2.0)], [GOOD, GOOD, (1.0, 2.0)])
    assert verdict.counts == {"untrained": 1, "robust": 2}
    text = amounts_in_words(verdict)
    assert "1 of 3 seeds did not learn the task and is left out." in text
    assert verdict.scores["base"].estimate == pytest.approx(0.95)


def test_levels_that_cannot_tell_say_so_in_place_of_a_verdict() -> None:
    parts = judged([GOOD], [GOOD], shift="elsewhere")
    assert parts.word == "not applicable"
    assert amounts_in_words(parts).startswith("No verdict: there is no episode on")


score = st.floats(-4, 12)


@given(
    st.lists(st.tuples(score, score, score, score), min_size=1, max_size=6),
    st.floats(0, 3),
    st.integers(0, 3),
)
def test_every_run_of_amounts_has_a_word_and_sentences(
    seeds: list[tuple[float, float, float, float]], noise: float, stopped: int
) -> None:
    verdict = judged(
        [each[:2] for each in seeds],
        [each[2:] for each in seeds],
        noise,
        stopped=stopped,
    )
    assert verdict.word in WORDS
    text = amounts_in_words(verdict)
    assert text.lower().startswith(f"{verdict.word}:")
    assert "nan" not in text
    assert "-.00" not in text
    assert all(reason.endswith(".") for reason in amounts_reasons(verdict))
    assert sum(verdict.counts.values()) == verdict.n_seeds == len(seeds) + stopped
