"""Everything in `experiments/`: read, planned for three scales, recorded honestly."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesagym.cli.compose import Composer, composer
from mesagym.cli.naming import identity
from mesagym.cli.schema import TrainConfig
from mesagym.reproductions.claim import FILE, Claim, binding_words, read_claim
from mesagym.reproductions.folder import (
    Reproduction,
    all_reproductions,
    experiments_folder,
)
from mesagym.reproductions.record import claim_sha256, recorded
from mesagym.reproductions.table import document_of
from mesagym.tracking import config_hash
from mesagym.tracking.files import sha256

ALL = all_reproductions()
NAMES = [each.name for each in ALL]


@pytest.fixture(scope="module")
def training() -> Iterator[Composer]:
    """Hydra, started once for all conditions."""
    with composer("train") as composed_by:
        yield composed_by


def settled(training: Composer, overrides: tuple[str, ...]) -> TrainConfig:
    # A condition that starts from another one has no run to start from yet.
    words = [word for word in overrides if word.partition("=")[2][:1] != "@"]
    return training.settled(training.compose(words))


@pytest.mark.parametrize("each", ALL, ids=NAMES)
def test_conditions_are_trainings_and_a_laptop_has_ten_fresh_seeds(
    training: Composer, each: Reproduction
) -> None:
    for scale, planned in each.claim.scales.items():
        conditions = list(planned.conditions.values())
        # A study may have a hundred that differ in numbers alone.
        for overrides in (*conditions[:3], *conditions[3:][-1:]):
            seeds = settled(training, overrides).seeds
            assert seeds
            if scale == "laptop":
                assert set(seeds) <= set(range(500, 600))
                assert len(seeds) >= 10 or each.claim.kind != "published"


@pytest.mark.slow
@pytest.mark.parametrize("each", ALL, ids=NAMES)
def test_every_condition_of_every_scale_is_a_training(
    training: Composer, each: Reproduction
) -> None:
    for scale in each.claim.scales.values():
        for name, overrides in scale.conditions.items():
            assert settled(training, overrides).seeds, name


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
        for path in each.folder.rglob("*"):
            if path.suffix in (".json", ".yaml", ".py", ".md"):
                text = path.read_text()
                assert "/tmp/" not in text, path
                assert str(Path.home()) + "/" not in text, path


RECORDED = [each for each in ALL if recorded(each) is not None]


def git(*words: str) -> subprocess.CompletedProcess[bytes]:
    folder = ["git", "-C", str(experiments_folder())]
    return subprocess.run([*folder, *words], capture_output=True)


@pytest.mark.parametrize("each", RECORDED, ids=[each.name for each in RECORDED])
def test_a_recorded_test_stood_in_its_commit(each: Reproduction) -> None:
    result = recorded(each)
    assert result is not None
    commit = result["protocol_commit"]
    if git("cat-file", "-e", commit).returncode:
        pytest.skip("the history is not here: a shallow clone, or no repository")
    root = experiments_folder().parent
    names = [path.relative_to(root).as_posix() for path in each.protocol_files]
    there = b"".join(git("show", f"{commit}:{name}").stdout for name in names)
    assert sha256(there) == result["protocol_sha256"]


@pytest.mark.parametrize("each", RECORDED, ids=[each.name for each in RECORDED])
def test_a_test_is_older_than_its_runs_or_says_what_was_changed(
    each: Reproduction,
) -> None:
    result = recorded(each)
    assert result is not None
    commit = result["protocol_commit"]
    if git("cat-file", "-e", commit).returncode:
        pytest.skip("the history is not here: a shallow clone, or no repository")
    for name, condition in result["conditions"].items():
        assert not condition["git"]["dirty"], name
        trained = condition["git"]["revision"]
        later = git("merge-base", "--is-ancestor", commit, trained).returncode
        assert not later or each.claim.amendments, name


@pytest.mark.parametrize("each", RECORDED, ids=[each.name for each in RECORDED])
def test_a_record_is_of_the_claim_in_its_present_words(each: Reproduction) -> None:
    result = recorded(each)
    assert result is not None
    assert result["claim_sha256"] == claim_sha256(each.claim, result["scale"])


@pytest.mark.parametrize("each", RECORDED, ids=[each.name for each in RECORDED])
def test_a_claim_is_older_than_its_runs_or_says_what_was_changed(
    each: Reproduction, tmp_path: Path
) -> None:
    result = recorded(each)
    assert result is not None
    trained = {one["git"]["revision"] for one in result["conditions"].values()}
    for revision in trained:
        if git("cat-file", "-e", revision).returncode:
            pytest.skip("the history is not here: a shallow clone, or no repository")
        root = experiments_folder().parent
        name = (each.folder / FILE).relative_to(root).as_posix()
        folder = tmp_path / revision / each.name
        folder.mkdir(parents=True)
        (folder / FILE).write_bytes(git("show", f"{revision}:{name}").stdout)
        same = claimed(read_claim(folder)) == claimed(each.claim)
        assert same or each.claim.amendments, revision


def claimed(claim: Claim) -> dict[str, Any]:
    """What was claimed, published and tested; that a row is untested may be added."""
    words = binding_words(claim, "laptop")
    rows = [{**row, "tested": True} for row in words["published"]]
    return {**words, "published": rows}


@pytest.mark.parametrize("each", RECORDED, ids=[each.name for each in RECORDED])
def test_the_command_still_means_what_was_recorded(
    training: Composer, each: Reproduction
) -> None:
    """A changed default would make another training of the same words."""
    result = recorded(each)
    assert result is not None
    for name, condition in list(result["conditions"].items())[:2]:
        if any("=@" in word for word in condition["overrides"]):
            continue
        config = settled(training, tuple(condition["overrides"]))
        assert config_hash(identity(config)) == condition["config_hash"], name
