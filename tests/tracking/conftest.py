"""Runs to try things on, and a disk small enough to fill."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mesagym.tracking import RunDirectory

CONFIG = {"env": {"name": "corner", "size": 9}, "split": {"alpha": 0.1}, "seeds": 4}


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncing guards against a loss of power, which no test causes; it is slow."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def config() -> dict:
    """A configuration, nested as those of Hydra are."""
    return {**CONFIG}


@pytest.fixture
def open_run(tmp_path: Path) -> Callable[..., RunDirectory]:
    """Opens the same run directory, as the same command would each time."""

    def open_it(path: Path = tmp_path / "run", **changes) -> RunDirectory:
        return RunDirectory.open(path, {**CONFIG, **changes}, manifest={"seeds": [0]})

    return open_it


@pytest.fixture
def run(open_run: Callable[..., RunDirectory]) -> Iterator[RunDirectory]:
    """A new run directory, open for writing."""
    with open_run() as run:
        yield run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    disk = tmp_path / "small disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small tmpfs needs to be root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
