"""A training killed at any moment goes on, and ends with the same bits."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mesagym.tracking import RunDirectory

KILLS = 20

COMMAND = (
    sys.executable, "-m", "mesagym.cli", "train",
    "env.size=5", "env.layout=open", "env.max_steps=16",
    "agent.num_envs=64", "agent.rollout_steps=16", "agent.minibatches=2",
    "agent.network.hidden=[16]",
    "train.chunk=8", "train.steps=1e6", "train.save_seconds=0.2",
    "train.snapshots=20",
    "evaluation.levels=8", "shifts=quick", "seeds=2",
)  # fmt: skip


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, f"run={folder}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def wait_for_a_checkpoint(training: subprocess.Popen[bytes], folder: Path) -> bool:
    """Wait until the process has saved once more; return whether it still runs."""
    began = {path.name for path in folder.glob("checkpoints/*")}
    while training.poll() is None:
        if {path.name for path in folder.glob("checkpoints/*")} - began:
            return True
        time.sleep(0.02)
    return False


def left_by(folder: Path) -> tuple[dict[str, bytes], dict[str, np.ndarray]]:
    with RunDirectory.read(folder) as run:
        run.verify()
        assert run.completed
        metrics = run.read_metrics()
    weights = {
        str(path.relative_to(folder)): path.read_bytes()
        for kept in ("policy", "snapshots")
        for path in (folder / kept).rglob("*.safetensors")
    }
    columns = {
        name: metrics[name].to_numpy()
        for name in metrics.column_names
        if not name.startswith("clock_")
    }
    return weights, columns


@pytest.mark.slow
def test_twenty_kills_at_random_moments_change_no_bit(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    undisturbed = start(whole)
    _, said = undisturbed.communicate()
    assert undisturbed.returncode == 0, said.decode()

    chance = random.Random(0)
    kills = 0
    while kills < KILLS:
        training = start(broken)
        # Half of the kills fall after a new checkpoint, so that the training gets on;
        # the others anywhere, start and compilation included.
        if kills % 2:
            running = wait_for_a_checkpoint(training, broken)
            time.sleep(chance.uniform(0, 0.3))
        else:
            time.sleep(chance.uniform(0.5, 12))
            running = training.poll() is None
        training.send_signal(signal.SIGKILL)
        training.communicate()
        kills += 1
        if not running:
            break  # it came to its end before it could be killed once more
    assert kills == KILLS, (
        "the training was over before it had been killed often enough"
    )

    last = start(broken)
    _, said = last.communicate()
    assert last.returncode == 0, said.decode()
    (weights, columns), (same_weights, same_columns) = left_by(whole), left_by(broken)
    assert weights == same_weights
    assert columns.keys() == same_columns.keys()
    for name, column in columns.items():
        np.testing.assert_array_equal(column, same_columns[name], err_msg=name)
    assert not list(broken.rglob("*.tmp*")), os.listdir(broken)
