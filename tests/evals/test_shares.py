"""The recorded simulation of intervals of shares: it is published, and it holds."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mesagym.evals.statistics import share_interval

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    # It imports its neighbour, as a script does.
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    try:
        return importlib.import_module("simulate_shares")
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads((REPOSITORY / "docs" / "shares.json").read_text())


def test_the_table_in_the_docs_is_that_of_the_record(
    simulation: ModuleType, record: dict
) -> None:
    docs = (REPOSITORY / "docs" / "statistics.md").read_text()
    assert simulation.table(record) in docs


def test_the_bounds_that_were_simulated_are_those_in_use(
    simulation: ModuleType,
) -> None:
    shares = np.random.default_rng(0).beta(2, 1, size=(20, 8))
    for method, levels in (("wilson_effective", None), ("t_logit_floor", 32)):
        low, high = simulation.CANDIDATES[method](shares, 32)
        for row, each in enumerate(shares):
            interval = share_interval(each, levels=levels)
            assert (interval.low, interval.high) == pytest.approx((low[row], high[row]))


def test_what_is_used_never_leaves_the_unit_interval_and_t_does(record: dict) -> None:
    leaves = {}
    for row in record["shares"]:
        leaves[row["method"]] = max(leaves.get(row["method"], 0), row["leaves"])
    assert leaves["wilson_effective"] == leaves["t_logit_floor"] == 0
    assert leaves["t"] > 0.5


def test_what_is_used_covers_more_often_than_t_cut_off(
    simulation: ModuleType, record: dict
) -> None:
    def smallest(method: str) -> float:
        return min(
            row["coverage"]
            for row in record["shares"]
            if row["method"] == method
            and row["scenario"] in simulation.SMOOTH
            and row["n_seeds"] in (8, 10)
        )

    for method in ("wilson_effective", "t_logit_floor"):
        assert smallest(method) > smallest("t_clipped") + 0.02


@pytest.mark.parametrize("scenario", ["spread 1 around .9", "alike .5"])
def test_a_fresh_simulation_agrees_with_the_published_coverage(
    simulation: ModuleType, record: dict, scenario: str
) -> None:
    rng = np.random.default_rng(2)
    draw, target = simulation.SCENARIOS[scenario]
    shares = simulation.shares_of(rng, draw(rng, (4000, 8)), 32)
    for method in ("wilson_effective", "t_logit_floor"):
        low, high = simulation.CANDIDATES[method](shares, 32)
        (row,) = (
            row
            for row in record["shares"]
            if (row["method"], row["scenario"], row["n_seeds"], row["levels"])
            == (method, scenario, 8, 32)
        )
        coverage = ((low <= target) & (target <= high)).mean()
        assert coverage == pytest.approx(row["coverage"], abs=0.025)
