"""Disks that are full or read-only: one line, and what was saved is intact."""

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.tracking import FileSink, MultiSink, RunDirectory, files

Open = Callable[..., RunDirectory]
LARGE = {"a": np.random.default_rng(0).integers(0, 2**32, 50_000, np.uint32)}  # 200 kB


def fill(disk: Path) -> None:
    """Leave no byte on a disk."""
    with open(disk / "filler", "wb", 0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    assert os.statvfs(disk).f_bavail == 0


def log_until_full(log: Callable[[dict[str, np.ndarray], int], None]) -> None:
    """Log chunks until an error comes, as it must."""
    for step in range(1, 100):
        log({"update": np.array([step])}, step)


def test_a_full_disk_is_said_and_the_checkpoint_before_is_intact(
    small_disk: Path, open_run: Open
):
    with open_run(small_disk / "run") as run:
        saved: list[int] = []

        def save(rows: dict[str, np.ndarray], step: int) -> None:
            run.append_metrics(rows, step=step)
            arrays = {"a": LARGE["a"] + np.uint32(step)}
            # Keeping each, so that it fills.
            run.save_checkpoint(step, arrays, {}, keep_every=1)
            saved.append(step)

        with pytest.raises(UserError, match="the disk is full") as caught:
            log_until_full(save)
        assert "\n" not in str(caught.value)
        assert not list(files.leftovers(small_disk))
        checkpoint = run.load_checkpoint(warn=pytest.fail)
        assert checkpoint is not None
        assert checkpoint.step == saved[-1] > 0
        np.testing.assert_array_equal(checkpoint.arrays["a"], LARGE["a"] + saved[-1])
    RunDirectory.read(run.path).verify()


def test_the_run_goes_on_once_there_is_space(small_disk: Path, open_run: Open):
    path = small_disk / "run"
    with open_run(path) as run:
        run.append_metrics({"update": [0]}, step=0)
        run.save_checkpoint(0, {}, {})
        fill(small_disk)
        with pytest.raises(UserError, match="the disk is full"):
            log_until_full(lambda rows, step: run.append_metrics(rows, step=step))
    (small_disk / "filler").unlink()
    with open_run(path) as run:
        run.drop_metrics_after(0)
        run.append_metrics({"update": [1]}, step=1)
        run.save_checkpoint(1, LARGE, {})
        assert run.read_metrics()["update"].to_pylist() == [0, 1]


def test_a_file_that_cannot_be_replaced_keeps_its_old_content(
    small_disk: Path, open_run: Open
):
    with open_run(small_disk / "run") as run:
        run.write_file("report.html", "old")
        with pytest.raises(UserError, match=r"report\.html': the disk is full"):
            run.write_file("report.html", bytes(2**20))
        assert run.read_file("report.html") == b"old"
        run.write_file("report.html", "new")
        run.verify()
    assert RunDirectory.read(run.path).read_file("report.html") == b"new"


def test_a_run_that_cannot_begin_leaves_nothing(small_disk: Path, open_run: Open):
    fill(small_disk)
    with pytest.raises(UserError, match="the disk is full"):
        open_run(small_disk / "sweep" / "run")
    assert os.listdir(small_disk) == ["filler"]


def test_the_sinks_pass_a_full_disk_on(small_disk: Path, open_run: Open):
    with open_run(small_disk / "run") as run:
        sinks = MultiSink([FileSink(run)], [])
        fill(small_disk)
        with pytest.raises(UserError, match="the disk is full"):
            log_until_full(lambda rows, step: sinks.log(rows, step=step))


def test_a_read_only_disk_is_said_and_a_run_on_it_can_be_read(
    small_disk: Path, open_run: Open
):
    with open_run(small_disk / "run") as run:
        run.save_checkpoint(1, {}, {})
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for name in ("run", "new"):
        with pytest.raises(UserError, match="read-only"):
            open_run(small_disk / name)
    reader = RunDirectory.read(small_disk / "run")
    reader.verify()
    assert reader.load_checkpoint() is not None
    with pytest.raises(UserError, match="read-only"):
        reader.evaluation("one", {}, manifest={})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_said(tmp_path: Path, open_run: Open):
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o555)
    with pytest.raises(UserError, match="permission denied"):
        open_run(folder / "run")
    assert os.listdir(folder) == []
