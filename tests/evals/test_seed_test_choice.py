"""The recorded comparison of tests of seeds: published, and it chose what is used."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mesagym.evals.permutation import BEYOND, sign_flips, two_groups

REPOSITORY = Path(__file__).parents[2]

USED_OF_TWO = "studentised and Welch"


@pytest.fixture(scope="module")
def choice() -> ModuleType:
    # It imports its neighbour, as a script does.
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    try:
        return importlib.import_module("choose_seed_tests")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads((REPOSITORY / "docs" / "seed_test_choice.json").read_text())


@pytest.mark.parametrize("which", ["first", "second"])
def test_the_tables_in_the_docs_are_those_of_the_record(
    choice: ModuleType, record: dict, which: str
) -> None:
    docs = (REPOSITORY / "docs" / "statistics.md").read_text()
    assert choice.tables(record, which) in docs


def admissible(choice: ModuleType, record: dict, kind: str, held: Any) -> list[str]:
    """Candidates that the rule admits, of both rounds; what finds most is first."""
    power = {}
    for which in choice.ROUNDS:
        nulls, effects = (
            record[f"{which}_{kind}_null"],
            record[f"{which}_{kind}_effect"],
        )
        for test in dict.fromkeys(row["test"] for row in nulls):
            worst = max(choice.worst(nulls, test, held, n) for n in (8, 10))
            if worst <= 0.06:
                found = [choice.power(effects, test, n) for n in (8, 10)]
                power[test] = float(np.mean(found))
    return sorted(power, key=lambda test: -power[test])


def test_the_rule_chose_how_far_one_more_seed_lies(
    choice: ModuleType, record: dict
) -> None:
    best = admissible(choice, record, "one", choice.HELD_OF_ONE)[0]
    assert best == f"one more seed, {BEYOND:g} ranges beyond"


def test_the_test_of_two_groups_is_the_best_admissible_one_that_exchanges_seeds(
    choice: ModuleType, record: dict
) -> None:
    found = admissible(choice, record, "two", choice.HELD_OF_TWO)
    assert found == ["Welch", USED_OF_TWO]


def test_what_was_compared_is_what_is_used(choice: ModuleType) -> None:
    rng = np.random.default_rng(0)
    seeds = rng.lognormal(size=(30, 8)) - 1.6
    used = [sign_flips(each).p for each in seeds]
    compared = choice.SECOND_ONE[f"one more seed, {BEYOND:g} ranges beyond"](seeds)
    assert compared == pytest.approx(used)
    others = rng.normal(size=(30, 6))
    used = [two_groups(*each).p for each in zip(seeds, others, strict=True)]
    compared = choice.SECOND_TWO[USED_OF_TWO](seeds, others)
    # They differ where the tails of the two p values do, near 1 alone.
    low = np.array(used) < 0.5
    assert low.any()
    assert compared[low] == pytest.approx(np.array(used)[low])


def test_a_fresh_comparison_agrees_with_the_published_one(
    choice: ModuleType, record: dict
) -> None:
    rng = np.random.default_rng(1)
    name = f"one more seed, {BEYOND:g} ranges beyond"
    (row,) = (
        row
        for row in record["second_one_null"]
        if (row["test"], row["scenario"], row["n_seeds"]) == (name, "very skewed", 8)
    )
    seeds = choice.standard(rng, (2000, 8), "very skewed")
    rejected = (choice.SECOND_ONE[name](seeds) <= choice.LEVEL).mean()
    assert rejected == pytest.approx(row["rejected"], abs=0.02)
