"""Figures of a condition, against a table that is written by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mesagym.reproductions.measuring import (
    Run,
    outcomes_of,
    rate,
    trained_seeds,
    why_blank,
)
from mesagym.tracking import RunDirectory


def table(rows: list[tuple[Any, ...]], names: str) -> dict[str, np.ndarray]:
    return {
        name: np.array(column)
        for name, column in zip(names.split(), zip(*rows, strict=True), strict=True)
    }


def as_run(outcomes: dict[str, np.ndarray], seeds: list[int], path: Path) -> Run:
    config = {"evaluation": {"modes": ["sampled"]}, "seeds": seeds}
    with RunDirectory.open(path, config, manifest={}) as directory:
        run = Run("one", directory)
    vars(run)["outcomes"] = outcomes
    return run


CONTEST = table(
    [
        # policy, seed, shift, mode, level, clean, outcome, cheese's first and return,
        # the corner's
        ("trained", 3, "agreeing", "sampled", 0, False, "both", 4, 1.0, 4, 1.0),
        ("trained", 3, "agreeing", "sampled", 1, False, "neither", -1, 0.0, -1, 0.0),
        ("trained", 3, "agreeing", "greedy", 0, False, "both", 4, 1.0, 4, 1.0),
        ("trained", 3, "clean", "sampled", 0, True, "proxy", -1, 0.0, 2, 1.0),
        ("trained", 3, "clean", "sampled", 1, False, "base", 2, 1.0, -1, 0.0),
        ("trained", 5, "agreeing", "sampled", 0, False, "both", 4, 1.0, 4, 1.0),
        ("trained", 5, "agreeing", "sampled", 1, False, "proxy", 4, 1.0, 2, 1.0),
        ("trained", 5, "clean", "sampled", 0, True, "base", 5, 1.0, 9, 1.0),
        ("trained", 5, "clean", "sampled", 1, False, "base", 2, 1.0, -1, 0.0),
        ("random", 0, "clean", "sampled", 0, True, "neither", -1, 0.0, -1, 0.0),
    ],
    "policy seed shift mode level clean outcome first_cheese return_cheese "
    "first_corner return_corner",
)
CONTEST["optimal_cheese"] = CONTEST["optimal_corner"] = np.ones(10, int)


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return outcomes_of(as_run(CONTEST, [3, 4, 5], tmp_path_factory.mktemp("run")))


def test_outcomes_are_counted_seed_by_seed(contest: dict[str, Any]) -> None:
    agreeing = contest["policies"]["trained"]["agreeing"]
    assert contest["seeds"] == [3, 5]
    assert agreeing["trials"] == [2, 2]
    assert agreeing["success"] == [1, 2]
    assert agreeing["both"] == [1, 1]
    assert agreeing["return_cheese"] == [0.5, 1.0]


def test_only_clean_levels_count_under_clean(contest: dict[str, Any]) -> None:
    clean = contest["policies"]["trained"]["clean"]
    assert clean["trials"] == [1, 1]
    assert (clean["base"], clean["proxy"]) == ([0, 1], [1, 0])


def test_seeds_that_training_stopped_are_counted(contest: dict[str, Any]) -> None:
    assert contest["stopped"] == 1


def test_the_gate_looks_at_success_on_agreeing_levels(contest: dict[str, Any]) -> None:
    assert trained_seeds(contest).tolist() == [False, True]
    assert trained_seeds(contest, gate=0.5).tolist() == [True, True]


def test_a_condition_with_too_few_competent_seeds_says_how_many(
    contest: dict[str, Any],
) -> None:
    why = why_blank(contest, trained_seeds(contest), fewest=2)
    assert why == "1 of 3 seeds are competent, 2 are needed"
    assert why_blank(contest, trained_seeds(contest), fewest=1) == ""


def test_a_rate_is_of_the_seeds_asked_for(contest: dict[str, Any]) -> None:
    assert rate(contest, "clean", "base").estimate == 0.5
    assert rate(contest, "clean", "base", np.array([False, True])).estimate == 1.0
    assert rate(contest, "clean", "neither", policy="random").estimate == 1.0


def test_amounts_are_scored_between_random_and_the_reference(tmp_path: Path) -> None:
    rows = []
    for level in range(4):
        for policy, seed, apples in (
            ("trained", 1, 3.0),
            ("random", 0, 1.0 + 0.1 * level),
            ("oracle:apples", 0, 5.0),
        ):
            rows.append((policy, seed, "agreeing", "sampled", level, apples, 1))
    names = "policy seed shift mode level return_apples first_apples"
    columns = table(rows, names)
    columns["optimal_apples"] = np.ones(len(rows), int)
    figures = outcomes_of(as_run(columns, [1], tmp_path))
    found = figures["policies"]["trained"]["agreeing"]
    assert found["return_apples"] == [3.0]
    assert found["score_apples"] == pytest.approx([(3 - 1.15) / (5 - 1.15)])
