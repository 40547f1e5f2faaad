"""Everything in `experiments/`: read, planned for three scales, recorded honestly."""

import subprocess
from pathlib import Path

import pytest

from mesagym.cli.compose import composer
from mesagym.reproductions.folder import (
    Reproduction,
    all_reproductions,
    experiments_folder,
)
from mesagym.reproductions.record import recorded
from mesagym.reproductions.table import document_of

ALL = all_reproductions()
NAMES = [each.name for each in ALL]


@pytest.mark.parametrize("each", ALL, ids=NAMES)
def test_every_condition_of_every_scale_is_a_training(each: Reproduction) -> None:
    with composer("train") as composed_by:
        for scale in each.claim.scales.values():
            for name, overrides in scale.conditions.items():
                words = [
                    word for word in overrides if word.partition("=")[2][:1] != "@"
                ]
                settled = composed_by.settled(composed_by.compose(words))
                assert settled.seeds, name


@pytest.mark.parametrize("each", ALL, ids=NAMES)
def test_a_laptop_has_ten_seeds_that_nobody_explored_with(each: Reproduction) -> None:
    with composer("train") as composed_by:
        for overrides in each.claim.scale("laptop").conditions.values():
            words = [word for word in overrides if word.partition("=")[2][:1] != "@"]
            seeds = composed_by.settled(composed_by.compose(words)).seeds
            assert set(seeds) <= set(range(500, 600))
            if each.claim.kind == "published":
                assert len(seeds) >= 10


@pytest.mark.parametrize("each", ALL, ids=NAMES)
def test_the_protocol_and_the_figure_load(each: Reproduction) -> None:
    assert each.protocol.__doc__
    assert each.figure.__doc__


@pytest.mark.parametrize("each", ALL, ids=NAMES)
def test_the_record_is_what_its_figures_give(each: Reproduction) -> None:
    result = recorded(each)
    if result is not None:
        assert result["scale"] == "laptop"
        assert result["protocol_commit"], "the test was not committed before the run"


def test_the_table_is_written_from_the_records() -> None:
    assert (experiments_folder() / "README.md").read_text() == document_of(ALL)


def test_no_record_names_a_place_on_a_machine() -> None:
    for each in ALL:
        for path in each.folder.glob("*"):
            if path.suffix in (".json", ".yaml", ".py", ".md"):
                text = path.read_text()
                assert "/tmp/" not in text, path
                assert str(Path.home()) + "/" not in text, path


def test_a_recorded_test_stood_in_its_commit() -> None:
    """Where the history is there, the protocol of that commit is the one recorded."""
    from mesagym.tracking.files import sha256

    for each in ALL:
        result = recorded(each)
        if result is None:
            continue
        shown = subprocess.run(
            [
                *("git", "-C", str(each.folder), "show"),
                f"{result['protocol_commit']}:./protocol.py",
            ],
            capture_output=True,
        )
        if shown.returncode:  # a shallow clone
            continue
        assert sha256(shown.stdout) == result["protocol_sha256"], each.name
