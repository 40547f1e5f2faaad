"""Snapshots and trained-on policies, by the command line."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mesagym.cli import pictures
from mesagym.cli.compose import composer
from mesagym.cli.main import main
from mesagym.cli.naming import identity
from mesagym.errors import UserError
from mesagym.tracking import ConsoleSink, RunDirectory
from mesagym.training import saved
from tests.cli.test_train import TINY


@pytest.fixture(autouse=True, scope="module")
def undrawn() -> Iterator[None]:
    """Pictures are no part of this, and take their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "complete", lambda *_: None)
        patch.setattr(pictures, "write_page", lambda *_: None)
        patch.setattr("mesagym.report.terminal.show_results", lambda _: None)
        yield


def trained(path: Path, *words: str) -> int:
    return main(["train", *TINY, f"run={path}", *words])


def snapshot_files(path: Path) -> dict[str, bytes]:
    found = sorted((path / "snapshots").rglob("*.*"))
    return {str(each.relative_to(path)): each.read_bytes() for each in found}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a snapshot at the start, after each second chunk and at the end."""
    path = tmp_path_factory.mktemp("runs") / "source"
    assert trained(path, "train.snapshots=4") == 0
    return path


def test_a_run_keeps_its_snapshots_and_their_hashes(source: Path) -> None:
    with RunDirectory.read(source) as run:
        run.verify()
        updates = [each.update for each in run.snapshots()]
        steps = [each.env_steps for each in run.snapshots()]
        assert "snapshots/00000008/seed-1.safetensors" in run.contents
    assert updates == [0, 2, 4, 8]
    assert steps == [update * 64 for update in updates]


def test_the_last_snapshot_is_the_trained_policy(source: Path) -> None:
    for seed in (0, 1):
        last = source / f"snapshots/00000008/seed-{seed}.safetensors"
        policy = source / f"policy/seed-{seed}.safetensors"
        assert last.read_bytes() == policy.read_bytes()


def test_snapshots_come_back_ready_to_act_in_the_order_of_training(
    source: Path,
) -> None:
    steps, policies = zip(*saved.load_snapshots(source), strict=True)
    assert steps == (0, 128, 256, 512)
    assert {each.seeds for each in policies} == {(0, 1)}
    end, there = policies[-1].of_seed(1), saved.load(source).of_seed(1)
    np.testing.assert_array_equal(
        end["params"]["policy_head"]["kernel"], there["params"]["policy_head"]["kernel"]
    )
    ((_, only), *_) = saved.load_snapshots(source, [1])
    assert only.seeds == (1,)


def test_a_stopped_and_resumed_run_has_the_same_snapshots(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(
            ConsoleSink, "log", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)
        )
        assert trained(path, "train.snapshots=4") == 143
    assert len(RunDirectory.read(path).snapshots()) == 2
    assert trained(path, "train.snapshots=4") == 0
    assert snapshot_files(path) == snapshot_files(source)


def test_fine_tuning_starts_from_the_weights_and_says_where_they_are_from(
    source: Path, tmp_path: Path
) -> None:
    path = tmp_path / "tuned"
    words = ["split.alpha=1", f"train.start_from={source}", "train.snapshots=2"]
    assert trained(path, *words) == 0
    first = path / "snapshots/00000000/seed-1.safetensors"
    assert first.read_bytes() == (source / "policy/seed-1.safetensors").read_bytes()
    last = path / "policy/seed-1.safetensors"
    assert last.read_bytes() != first.read_bytes()
    origin = RunDirectory.read(path).manifest["started_from"]
    assert origin["run"] == RunDirectory.read(source).id
    assert origin["seeds"] == [0, 1]
    assert (origin["alpha"], origin["env_steps"]) == (0, 512)


def test_one_seed_can_be_given_to_all(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "tuned"
    words = ["seeds=[5,6]", f"train.start_from={source}", "train.start_seed=1"]
    assert trained(path, *words, "train.snapshots=2") == 0
    wanted = (source / "policy/seed-1.safetensors").read_bytes()
    for seed in (5, 6):
        first = path / f"snapshots/00000000/seed-{seed}.safetensors"
        assert first.read_bytes() == wanted


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train.start_from=nowhere"], "there is no run directory at 'nowhere'"),
        (["train.start_from={source}", "seeds=3"], "has no policy of seed 2. Saved se"),
        (
            ["train.start_from={source}", "train.start_seed=9"],
            "has no policy of seed 9. Saved seeds: 0, 1",
        ),
        (
            ["train.start_from={source}", "agent.network.hidden=[4]"],
            "do not fit: network name mlp, hidden [8], activation relu there and",
        ),
        (
            ["train.start_from={source}", "env.size=7"],
            "do not fit: observations [5, 5, 3] there and [7, 7, 3] here",
        ),
        (["train.start_seed=1"], "train.start_seed: 1 is of no run"),
        (["train.snapshots=1"], "train.snapshots: 1 is too few"),
        (["train.snapshots=6"], "train.snapshots: 6 is more than the 4 chunks"),
    ],
)
def test_what_cannot_be_trained_on_is_a_line_and_leaves_nothing(
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    path = tmp_path / "run"
    assert trained(path, *(word.format(source=source) for word in words)) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not path.exists()


def test_the_same_command_finds_a_moved_source_the_same(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, moved = tmp_path / "tuned", tmp_path / "moved"
    assert trained(path, f"train.start_from={source}") == 0
    moved.symlink_to(source)
    assert trained(path, f"train.start_from={moved}") == 0
    assert "is complete already" in capsys.readouterr().err


def test_keys_that_are_not_used_leave_older_runs_the_same_runs() -> None:
    with composer("train") as composed_by:
        plain = composed_by.settled(composed_by.compose([]))
    assert (
        not {"snapshots", "start_from", "start_seed"} & identity(plain)["train"].keys()
    )


def test_a_run_without_snapshots_says_how_to_get_some(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunDirectory, "snapshots", lambda _: ())
    with pytest.raises(UserError, match=r"has no snapshots\. Train with"):
        saved.load_snapshots(source)
