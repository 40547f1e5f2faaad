"""A recorded result cannot be changed by hand, nor pass for another test's."""

import json
from pathlib import Path
from typing import Any

import pytest

from mesagym.errors import UserError
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.record import (
    place_of,
    read_result,
    recorded,
    write_result,
)
from mesagym.reproductions.table import document_of
from mesagym.tracking.files import atomic_write_json, read_sealed, sealed
from tests.reproductions.examples import facts, written


@pytest.fixture
def larger(tmp_path: Path) -> Reproduction:
    """A reproduction with a recorded result."""
    found = Reproduction(written(tmp_path / "larger"))
    write_result(found, found.folder, facts([0.8, 0.9, 0.85]))
    return found


def again(larger: Reproduction) -> Reproduction:
    return Reproduction(larger.folder)


def rewritten(larger: Reproduction, change: dict) -> None:
    """Change a record, and close it with the hash that it then has."""
    path = larger.folder / "result.json"
    atomic_write_json(path, sealed({**read_sealed(path), **change}))


def test_a_record_comes_back_as_it_was_written(larger: Reproduction) -> None:
    document = recorded(again(larger))
    assert document is not None
    assert document["judgement"]["outcome"] == "confirmed"
    assert document["conditions"]["one"]["figures"] == {"values": [0.8, 0.9, 0.85]}


def test_a_reproduction_without_a_record_has_none(tmp_path: Path) -> None:
    assert recorded(Reproduction(written(tmp_path / "larger"))) is None


def test_a_figure_changed_by_hand_is_found(larger: Reproduction) -> None:
    path = larger.folder / "result.json"
    text = path.read_text().replace("0.85", "0.95")
    path.write_text(text)
    with pytest.raises(UserError, match="torn or altered"):
        recorded(again(larger))


def test_figures_that_do_not_give_the_judgement_are_found(
    larger: Reproduction,
) -> None:
    document = read_sealed(larger.folder / "result.json")
    conditions = json.loads(json.dumps(document["conditions"]))
    conditions["one"]["figures"]["values"] = [0.1, 0.2, 0.15]
    rewritten(larger, {"conditions": conditions})
    with pytest.raises(UserError, match="judgement that its figures do not give"):
        recorded(again(larger))


def test_a_result_of_another_test_is_refused(larger: Reproduction) -> None:
    path = larger.folder / "protocol.py"
    path.write_text(path.read_text().replace("0.5", "0.4"))
    with pytest.raises(UserError, match="made by another test"):
        recorded(again(larger))


def test_a_result_of_other_settings_is_refused(larger: Reproduction) -> None:
    written(larger.folder, overrides=["env=dish"])
    with pytest.raises(UserError, match="made with other settings"):
        recorded(again(larger))


@pytest.mark.parametrize(
    "changed",
    [
        {"claim": "Less of it."},
        {"test": "The mean is above .4."},
        {"published": [{"what": "share", "value": 0.7, "sure": "secondary"}]},
        {"sources": [{"text": "Nobody 2021", "url": "https://example.org/paper"}]},
        {"kind": "hypothesis"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_claim_that_was_edited_after_it_was_recorded_is_told(
    larger: Reproduction, changed: dict[str, Any]
) -> None:
    written(larger.folder, **changed)
    with pytest.raises(UserError, match="a claim in other words"):
        recorded(again(larger))


def test_what_is_written_after_the_runs_binds_nothing(larger: Reproduction) -> None:
    written(
        larger.folder,
        reading="It is so.",
        tried="More.",
        amendments=["A word."],
        test="The mean\nis above .5.",
    )
    assert recorded(again(larger)) is not None


def test_a_result_of_other_dynamics_is_refused(larger: Reproduction) -> None:
    document = read_sealed(larger.folder / "result.json")
    one = {**document["conditions"]["one"], "dynamics_version": 99}
    rewritten(larger, {"conditions": {"one": one}})
    with pytest.raises(UserError, match="version 99 of the dynamics of Corner-v0"):
        recorded(again(larger))


def test_another_figure_is_refused(larger: Reproduction) -> None:
    (larger.folder / "figure.png").write_bytes(b"another")
    with pytest.raises(UserError, match=r"another figure\.png"):
        recorded(again(larger))


def test_a_refusal_says_how_to_mend_it(larger: Reproduction) -> None:
    (larger.folder / "figure.png").write_bytes(b"another")
    with pytest.raises(UserError, match="mesagym reproduce larger scale=laptop"):
        recorded(again(larger))


def test_a_newer_record_is_not_read(larger: Reproduction) -> None:
    rewritten(larger, {"format": "mesagym-result/9"})
    with pytest.raises(UserError, match="mesagym-result/9"):
        read_result(larger.folder)


def test_the_table_has_the_claim_the_figures_and_the_outcome(
    larger: Reproduction,
) -> None:
    text = document_of([again(larger)])
    assert (
        "| R99 | [Larger is more](#larger) | share: 0.89 (read in a summary) |" in text
    )
    assert "the mean is above .5: .85 [.73, .97] (held) | **confirmed** |" in text
    assert "Of 1 reproductions of published results: 1 confirmed" in text
    assert "![Larger is more, as recorded](larger/figure.png)" in text


def test_the_table_says_which_published_figures_are_not_tested(
    tmp_path: Path,
) -> None:
    rows = [
        {"what": "share", "value": 0.89, "sure": "secondary"},
        {"what": "other", "value": 0.5, "sure": "read", "tested": False},
    ]
    text = document_of([Reproduction(written(tmp_path / "larger", published=rows))])
    assert "share: 0.89 (read in a summary)<br>" in text
    assert "other: 0.5 (read in the source), not tested here |" in text


def test_the_table_says_what_was_not_run(tmp_path: Path) -> None:
    text = document_of([Reproduction(written(tmp_path / "larger"))])
    assert "| – | **not run yet** |" in text


def test_hypotheses_of_ours_are_not_counted(tmp_path: Path) -> None:
    text = document_of([Reproduction(written(tmp_path / "larger", kind="hypothesis"))])
    assert "Of 0 reproductions of published results" in text
    assert "**our hypothesis: not run yet**" in text


def test_the_original_scale_is_recorded_beside_the_smaller_one(
    tmp_path: Path,
) -> None:
    found = Reproduction(written(tmp_path / "larger"))
    paper = facts([0.1, 0.2, 0.15])
    one = paper["conditions"]["one"]
    paper["conditions"] = {"two": {**one, "overrides": ["env=corner", "env.size=15"]}}
    text = (found.folder / "protocol.py").read_text()
    (found.folder / "protocol.py").write_text(
        text.replace('figures["one"]', "next(iter(figures.values()))")
    )
    (found.folder / "figure.py").write_text(
        (found.folder / "figure.py")
        .read_text()
        .replace('figures["one"]', "next(iter(figures.values()))")
    )
    found = again(found)
    write_result(found, found.folder, facts([0.8, 0.9, 0.85]))
    place = place_of(found, "paper")
    place.mkdir()
    write_result(found, place, {**paper, "scale": "paper"})
    larger = recorded(again(found), "paper")
    assert larger is not None
    assert larger["judgement"]["outcome"] == "refuted"
    text = document_of([again(found)])
    assert "**At the original scale: refuted.**" in text
    assert "**confirmed**" in text


def test_the_smallest_scale_is_never_recorded(larger: Reproduction) -> None:
    with pytest.raises(UserError, match="proves nothing"):
        place_of(larger, "smoke")
