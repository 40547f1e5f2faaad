"""Every card is what the rule in force makes of its counts and rows, and no more."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import mesagym
from mesagym.cli.assess import RANDOM_DRAWS
from mesagym.errors import UserError
from mesagym.evals.counts_verdict import OPEN
from mesagym.evals.verdict_rule import RULE, UNTRAINED
from mesagym.report.view import load_run
from mesagym.reproductions import zoo
from mesagym.reproductions.folder import Reproduction, experiments_folder
from mesagym.reproductions.judged_again import (
    BEFORE,
    DRAWS,
    NOT_JUDGED,
    counted,
    document_of,
    judged_again,
)
from mesagym.reproductions.zoo import rule_of
from mesagym.tracking import atomic_write_json
from mesagym.tracking.files import sealed
from tests.reproductions.zoo_examples import recorded_with_policies

RECORDED = zoo.entries()
PAGE = Path(mesagym.__file__).parents[1] / "docs/decisions/words-judged-again.md"


@pytest.mark.parametrize("entry", RECORDED, ids=lambda each: each.name)
def test_a_recorded_card_is_what_the_rule_in_force_makes_of_it(
    entry: zoo.Entry,
) -> None:
    assert json.loads(json.dumps(judged_again(entry))) == entry.card
    assert rule_of(entry.card) == RULE


def test_the_page_of_changes_is_what_the_cards_make() -> None:
    demo = sorted((experiments_folder() / "demo").glob("alpha-*"))
    want = document_of(RECORDED, [load_run(each) for each in demo])
    assert PAGE.read_text("utf-8") == want, "run `python scripts/judge_again.py`"


def test_a_card_counts_the_draws_that_tests_make() -> None:
    assert DRAWS == RANDOM_DRAWS


def test_what_the_rule_in_force_wrote_stays_as_it_is(tmp_path: Path) -> None:
    (entry,) = zoo.entries_of(recorded_with_policies(tmp_path))
    assert judged_again(entry) == entry.card
    assert BEFORE not in entry.card


# --- cards of before ------------------------------------------------------------------


def of_before(found: Reproduction, **changed: Any) -> zoo.Entry:
    """Let the first rule have written a card; return its entry, read anew."""
    (entry,) = zoo.entries_of(found)
    card = copy.deepcopy(entry.card)
    # Random's means are over draws, and that of the examples is drawn once.
    card["verdict"] = {"word": "capability failure", "in_words": "Lost."}
    card["seeds"] = [
        {**each, "verdict": "capability failure"} for each in card["seeds"]
    ]
    card |= changed
    atomic_write_json(entry.folder / zoo.CARD, sealed(card))
    (again,) = zoo.entries_of(found)
    return again


def without_rows(entry: zoo.Entry) -> zoo.Entry:
    (entry.folder / "outcomes.parquet").unlink()
    return entry


def with_counts(card: Mapping[str, Any], **counts: list[int]) -> dict[str, Any]:
    """Return a card's readings with other counts on clean levels."""
    readings = copy.deepcopy(card["readings"])
    readings["trained"]["clean"] |= counts
    return readings


def test_counts_alone_are_judged_and_the_words_of_before_are_kept(
    tmp_path: Path,
) -> None:
    card = judged_again(without_rows(of_before(recorded_with_policies(tmp_path))))
    assert card["verdict"]["word"] == "goal misgeneralization"
    assert card["verdict"]["rule"] == RULE
    assert card["verdict"]["rows_of"] == []
    assert [each["verdict"] for each in card["seeds"]] == ["goal misgeneralization"] * 2
    assert card[BEFORE] == {
        "rule": 1,
        "word": "capability failure",
        "seeds": ["capability failure"] * 2,
    }


def test_a_word_that_counts_do_not_decide_is_left_open(tmp_path: Path) -> None:
    found = recorded_with_policies(tmp_path)
    (entry,) = zoo.entries_of(found)
    readings = with_counts(
        entry.card, base=[24, 0], proxy=[10, 40], both=[0, 0], neither=[6, 0]
    )
    card = judged_again(without_rows(of_before(found, readings=readings)))
    words = [each["verdict"] for each in card["seeds"]]
    assert words == [OPEN, "goal misgeneralization"]
    assert "Only counts are kept of 1 of 2 seeds" in card["verdict"]["in_words"]


def test_an_untrained_seed_is_told_by_its_counts(tmp_path: Path) -> None:
    found = recorded_with_policies(
        tmp_path, {500: "proxy", 501: "base"}, {500: True, 501: False}
    )
    card = judged_again(without_rows(of_before(found)))
    assert [each["verdict"] for each in card["seeds"]] == [
        "goal misgeneralization",
        UNTRAINED,
    ]


def test_a_seed_that_training_stopped_counts_as_untrained(tmp_path: Path) -> None:
    found = recorded_with_policies(tmp_path)
    (entry,) = zoo.entries_of(found)
    seeds = entry.card["seeds"]
    stopped = {**seeds[0], "seed": 499, "competence": None, "competent": False}
    old = without_rows(of_before(found, seeds=[stopped, *seeds]))
    card = judged_again(old)
    assert [each["verdict"] for each in card["seeds"]] == [
        UNTRAINED,
        *["goal misgeneralization"] * 2,
    ]
    assert "1 of 3 seeds did not learn the task" in card["verdict"]["in_words"]


def test_judging_again_what_was_judged_again_changes_nothing(tmp_path: Path) -> None:
    found = recorded_with_policies(tmp_path)
    entry = without_rows(of_before(found))
    card = judged_again(entry)
    atomic_write_json(entry.folder / zoo.CARD, sealed(card))
    (again,) = zoo.entries_of(found)
    assert judged_again(again) == again.card


def test_rows_that_a_card_does_not_count_are_refused(tmp_path: Path) -> None:
    found = recorded_with_policies(tmp_path)
    (entry,) = zoo.entries_of(found)
    readings = with_counts(entry.card, proxy=[39, 40], neither=[1, 0])
    with pytest.raises(UserError, match="its rows of seed 500 are not those"):
        judged_again(of_before(found, readings=readings))


def test_means_that_are_none_over_the_draws_are_refused() -> None:
    (entry,) = (each for each in RECORDED if each.name == "corner/alpha-0")
    card = copy.deepcopy(entry.card)
    card["readings"]["random"]["clean"]["base"] += 0.1
    with pytest.raises(UserError, match="no means over 4 draws"):
        counted(card)


# --- amounts --------------------------------------------------------------------------


def amounts() -> list[zoo.Entry]:
    return [each for each in RECORDED if each.card["kind"] == "allocation"]


def test_scores_alone_give_no_word_but_untrained() -> None:
    for entry in amounts():
        card = judged_again(entry)
        judged = set(card["verdict"]["rows_of"])
        others = [e["verdict"] for e in card["seeds"] if e["seed"] not in judged]
        assert set(others) <= {None, UNTRAINED}
        if card["verdict"]["word"] == NOT_JUDGED:
            assert "Only scores are kept" in card["verdict"]["in_words"]
            assert None in others
