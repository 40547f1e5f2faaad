"""The recorded simulation of means and tests: it is published, and it holds."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mesagym.evals.power import t_power
from mesagym.evals.statistics import mean_interval

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = REPOSITORY / "scripts" / "simulate_seed_tests.py"
    spec = importlib.util.spec_from_file_location("simulate_seed_tests", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads((REPOSITORY / "docs" / "seed_tests.json").read_text())


def test_the_tables_in_the_docs_are_those_of_the_record(
    simulation: ModuleType, record: dict
) -> None:
    docs = (REPOSITORY / "docs" / "statistics.md").read_text()
    for table in ("means_table", "tests_table", "notes_table"):
        assert getattr(simulation, table)(record) in docs


def test_the_record_has_every_number_of_seeds_for_every_scenario(
    simulation: ModuleType, record: dict
) -> None:
    cells = {(r["scenario"], r["n_seeds"], r["levels"]) for r in record["means"]}
    scenarios = [*simulation.SCENARIOS, simulation.SHARED]
    assert len(cells) == len(record["means"]) == len(scenarios) * 4 * 3
    assert {r["n_seeds"] for r in record["tests"]} == {4, 8, 10, 20}


def test_the_bounds_that_were_simulated_are_those_in_use(
    simulation: ModuleType,
) -> None:
    values = np.random.default_rng(0).normal(size=7)
    low, high = simulation.t_bounds(values)
    interval = mean_interval(values)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_every_scenario_has_the_mean_that_it_is_said_to_have(
    simulation: ModuleType,
) -> None:
    rng = np.random.default_rng(1)
    for draw, mean, _ in simulation.SCENARIOS.values():
        drawn = draw(rng, (200_000,))
        error = drawn.std() / np.sqrt(drawn.size)
        assert drawn.mean() == pytest.approx(mean, abs=4.5 * error + 1e-12)


@pytest.mark.parametrize(
    ("scenario", "n", "levels"),
    [("normal", 4, 128), ("score near 1", 8, 32), ("two kinds .9/.1", 10, 512)],
)
def test_a_fresh_simulation_agrees_with_the_published_coverage(
    simulation: ModuleType, record: dict, scenario: str, n: int, levels: int
) -> None:
    rng = np.random.default_rng(2)
    values, target = simulation.numbers(rng, scenario, 20_000, n, levels)
    low, high = simulation.t_bounds(values)
    (row,) = (
        r
        for r in record["means"]
        if (r["scenario"], r["n_seeds"], r["levels"]) == (scenario, n, levels)
    )
    coverage = ((low <= target) & (target <= high)).mean()
    assert coverage == pytest.approx(row["coverage"], abs=0.02)


def test_tests_whose_assumptions_hold_reject_no_more_often_than_they_say(
    record: dict,
) -> None:
    noise = np.sqrt(0.05 * 0.95 / record["test_reps"])
    held = ("signs, normal", "signs, heavy tails", "two groups, n and n")
    held += ("against random, seeds alike", "against random, seeds spread by 1")
    rates = [r["rejected"] for r in record["tests"] if r["test"] in held]
    assert len(rates) == 20
    assert max(rates) < 0.05 + 3 * noise


def test_tests_against_zero_hold_for_skewed_seeds_at_eight_and_ten(
    record: dict,
) -> None:
    skewed = ("signs, skewed", "signs, very skewed", "signs, score near 1")
    groups = "two groups, n and 2 n, the small one spreads 3 times as much"
    rates = [
        r["rejected"]
        for r in record["tests"]
        if r["test"] in (*skewed, groups) and r["n_seeds"] in (8, 10)
    ]
    assert len(rates) == 8
    assert max(rates) <= 0.06


def test_the_effects_of_the_notes_need_as_many_seeds_as_is_said(record: dict) -> None:
    for row in record["notes"]:
        assert t_power(row["effect"], 1.0, row["needs"]) == pytest.approx(0.8, abs=1e-3)
