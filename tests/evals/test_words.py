"""The recorded simulation of words: it is published, and it holds."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mesagym.evals.outcomes import OUTCOMES
from mesagym.evals.verdict_rule import WORDS

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = REPOSITORY / "scripts" / "simulate_words.py"
    spec = importlib.util.spec_from_file_location("simulate_words", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads((REPOSITORY / "docs" / "words.json").read_text())


def test_the_tables_in_the_docs_are_those_of_the_record(
    simulation: ModuleType, record: dict
) -> None:
    docs = (REPOSITORY / "docs" / "statistics.md").read_text()
    assert simulation.tables(record) in docs


def test_the_record_has_every_number_of_seeds_for_every_population(
    simulation: ModuleType, record: dict
) -> None:
    cells = {(row["population"], row["n_seeds"]) for row in record["words"]}
    assert len(cells) == len(record["words"])
    assert cells == {
        (name, n) for name in simulation.POPULATIONS for n in simulation.SEEDS
    }


def test_every_run_got_one_word_that_is_right_wrong_or_says_nothing(
    record: dict,
) -> None:
    for row in record["words"]:
        assert sum(row["words"].values()) == pytest.approx(1)
        judged = row["right"] + row["says_nothing"] + row["wrong"]
        assert judged == pytest.approx(1)


def test_populations_are_whole_and_their_words_exist(simulation: ModuleType) -> None:
    for population in simulation.POPULATIONS.values():
        assert sum(share for share, _ in population) == pytest.approx(1)
        for _, kind in population:
            assert sum(kind.rates) == pytest.approx(1)
            assert set(kind.right) <= set(WORDS)


def test_only_runs_with_both_kinds_of_seeds_should_be_seed_dependent(
    simulation: ModuleType,
) -> None:
    two = simulation.POPULATIONS["two kinds .5/.5"]
    assert simulation.right_words(two, np.array([0, 1, 0])) == ("seed-dependent",)
    assert "robust" in simulation.right_words(two, np.array([0, 0]))
    assert "goal misgeneralization" in simulation.right_words(two, np.array([1]))


@pytest.mark.parametrize("name", ["base, alike", "as random", "two kinds .9/.1"])
def test_a_fresh_simulation_agrees_with_the_published_rates(
    simulation: ModuleType, record: dict, name: str
) -> None:
    fresh = simulation.simulated(name, 4, 100, seed=2)
    (row,) = (
        row
        for row in record["words"]
        if (row["population"], row["n_seeds"]) == (name, 4)
    )
    for word in {*fresh["words"], *row["words"]}:
        published = row["words"].get(word, 0.0)
        assert fresh["words"].get(word, 0.0) == pytest.approx(published, abs=0.2)
    assert fresh["pooled"] == pytest.approx(row["pooled"], abs=0.12)


def test_bounds_hold_draws_that_are_alike_and_no_others(
    simulation: ModuleType,
) -> None:
    base = OUTCOMES.index("base")
    alike = np.full((2, 3, 16), base)
    assert simulation._held_by_others(alike).tolist() == [[1, 1, 1]] * 2
    apart = alike.copy()
    apart[:, 0] = OUTCOMES.index("proxy")
    # Of the six ordered pairs of draws only the two among draws 1 and 2 agree.
    others, _ = simulation._held_by_others(apart)
    assert others.tolist() == pytest.approx([1 / 3, 1 / 3, 1])


def test_the_script_writes_its_record_and_page(
    simulation: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"policies": "alpha-0", "mode": "sampled", "levels": 8, "outcome": "base"}
    names = ("rate", "run_other_draw", "run_all_levels", "seed_other_draw")
    row |= dict.fromkeys((*names, "seed_all_levels"), 1.0)
    monkeypatch.setattr(simulation, "two_draws", lambda: [row])
    out, page = tmp_path / "words.json", tmp_path / "page.md"
    page.write_text(f"before\n{simulation.BEGIN}\n{simulation.END}\nafter\n")
    monkeypatch.setattr(simulation, "MORE_LEVELS", (16,))
    given = ["--replications", "2", "--out", str(out), "--page", str(page)]
    simulation.main(given)
    text = page.read_text()
    assert simulation.tables(json.loads(out.read_text())) in text
    assert text.startswith("before")
    assert text.endswith("after\n")


@pytest.mark.slow
def test_the_demo_is_put_on_several_draws_of_levels(
    simulation: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "DRAWS", 3)
    rows = simulation.two_draws((16,))
    assert len(rows) == 2 * 2 * 3
    assert all(0 <= row["run_other_draw"] <= 1 for row in rows)
