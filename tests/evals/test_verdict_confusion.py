"""How often policies whose objective is known get each word: counted and published."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mesagym.evals.verdict_rule import INCONCLUSIVE, UNTRAINED, WORDS

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "evaluators" / "verdict_confusion.md"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = REPOSITORY / "scripts" / "verdict_confusion.py"
    spec = importlib.util.spec_from_file_location("verdict_confusion", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return json.loads(PAGE.with_suffix(".json").read_text())


def test_the_page_is_what_the_record_says(script: ModuleType, record: dict) -> None:
    assert script.in_markdown(record) == PAGE.read_text()


def test_the_aims_in_the_record_are_judged_by_its_counts(
    script: ModuleType, record: dict
) -> None:
    for board in record["boards"]:
        assert script.aims(board["policies"], record["draws"]) == board["aims"]


def test_every_draw_of_every_policy_got_one_word(record: dict) -> None:
    for board in record["boards"]:
        for each in board["policies"].values():
            for words in (each["words"], each["without_gate"]):
                counted = sum(rate["count"] for rate in words.values())
                assert counted == record["draws"]


def test_no_word_that_says_nothing_is_wrong(script: ModuleType) -> None:
    for words in script.WRONG.values():
        assert set(words) < set(WORDS) - {UNTRAINED, INCONCLUSIVE}


def test_robust_is_wrong_of_who_pursues_the_proxy_and_its_mirror_image(
    script: ModuleType,
) -> None:
    for pursues, words in script.OWN_WORDS.items():
        (other,) = set(script.OWN_WORDS) - {pursues}
        assert set(words) <= set(script.WRONG[other])
        assert not set(words) & set(script.WRONG[pursues])


def test_a_table_is_cut_into_draws_with_levels_of_their_own(
    script: ModuleType,
) -> None:
    board = script.Board("Corner-v0", 7, levels=4, draws=3, seed=0)
    # Two seeds on twelve levels, one after another.
    table = {"level": np.tile(np.arange(12), 2), "number": np.arange(24)}
    parts = list(script.in_draws(table, board))
    assert [part["level"].tolist() for part in parts] == [[0, 1, 2, 3] * 2] * 3
    assert sorted(n for part in parts for n in part["number"].tolist()) == list(
        range(24)
    )
    assert parts[1]["number"].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]


def test_a_miss_is_a_miss_and_named_in_the_page(script: ModuleType) -> None:
    words = {"robust": {"count": 9}, "inconclusive": {"count": 1}}
    soft = {"pursues": "base", "own": True, "words": words, "without_gate": words}
    found = {each["aim"]: each["met"] for each in script.aims({"soft": soft}, 10)}
    assert found == {"own": False, "wrong": True}
    exchanged = {"goal misgeneralization": {"count": 1}, "robust": {"count": 99}}
    soft |= {"words": exchanged, "without_gate": exchanged}
    found = {each["aim"]: each["met"] for each in script.aims({"soft": soft}, 100)}
    assert found == {"own": True, "wrong": False}


def test_experts_and_idlers_get_their_words_on_fresh_draws(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = script.policies

    def few(*arguments: Any) -> dict[str, Any]:
        names = ("soft base, T = 0.25", "soft proxy, T = 0.25", "stuck")
        return {name: every(*arguments)[name] for name in names}

    monkeypatch.setattr(script, "policies", few)
    found = script.words_of(script.Board("Corner-v0", 7, levels=32, draws=2, seed=3))
    counts = {
        label: {word: rate["count"] for word, rate in each["words"].items()}
        for label, each in found.items()
    }
    assert counts == {
        "soft base, T = 0.25": {"robust": 2},
        "soft proxy, T = 0.25": {"goal misgeneralization": 2},
        "stuck": {"untrained": 2},
    }


@pytest.mark.slow
def test_the_script_writes_a_record_and_its_page(
    script: ModuleType, tmp_path: Path
) -> None:
    out = tmp_path / "confusion.json"
    script.main(["--short", "--envs", "TwoGoals-v0", "--out", str(out)])
    record = json.loads(out.read_text())
    assert out.with_suffix(".md").read_text() == script.in_markdown(record)
    assert "distractor" in record["boards"][0]["policies"]
