"""The recorded benchmark of detectors: whole, of one piece, and of what is expected."""

from typing import Any

import pytest

from mesagym.detectors.expected import expected
from mesagym.detectors.registry import detectors
from mesagym.report.detection_record import readme_of
from mesagym.reproductions.folder import experiments_folder
from mesagym.tracking.files import read_sealed

FOLDER = experiments_folder() / "detection"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    return read_sealed(FOLDER / "bench.json")


def test_the_page_of_the_record_is_written_from_it(recorded: dict[str, Any]) -> None:
    assert (FOLDER / "README.md").read_text("utf-8") == readme_of(recorded)


def test_it_says_where_it_comes_from(recorded: dict[str, Any]) -> None:
    facts = recorded["facts"]
    assert facts["git"]["revision"]
    assert not facts["git"]["dirty"]
    assert facts["command"].startswith("mesagym detect bench scale=full")
    assert facts["packages"]["jax"]


def test_expectations_are_those_that_were_written_down(
    recorded: dict[str, Any],
) -> None:
    for cell in recorded["cells"]:
        wanted = expected(cell["detector"], cell["organism"], cell["habitat"])
        assert cell["expected"] == wanted, (cell["detector"], cell["place"])


def test_every_detector_was_put_to_every_organism(recorded: dict[str, Any]) -> None:
    places = {each["place"] for each in recorded["organisms"]}
    assert {each["organism"] for each in recorded["organisms"]} == {
        *("O1", "O2", "O3", "O3r", "O3s", "O4", "O5a", "O5b"),
        *("O8", "O8c", "O8d", "O9", "P"),
    }
    assert {cell["detector"] for cell in recorded["cells"]} == set(detectors())
    for name in detectors():
        told = {c["place"] for c in recorded["cells"] if c["detector"] == name}
        assert told == places


def test_no_reading_is_a_silent_zero(recorded: dict[str, Any]) -> None:
    for cell in recorded["cells"]:
        unscored = sum(score is None for score in cell["scores"])
        statuses = cell["statuses"]
        assert unscored == statuses["not applicable"] + statuses["void"]
