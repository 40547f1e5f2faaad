"""A process may die at any moment: what it had finished is found whole."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mesagym.tracking import RunDirectory, files


class Killed(BaseException):
    """Stands for the end of the process."""


def work(run: RunDirectory) -> None:
    """Go on from the last checkpoint for two chunks, writing files of every kind."""
    checkpoint = run.load_checkpoint(warn=pytest.fail)
    step = checkpoint.step if checkpoint else -1
    run.drop_metrics_after(step)
    run.drop_snapshots_after(step)
    for now in (step + 1, step + 2):
        run.append_metrics({"update": np.full(2, now)}, step=now)
        weights = {seed: {"w": np.full(2, now + seed)} for seed in (0, 5)}
        run.save_snapshot(now, 8 * now, weights, {"card": 1})
        run.save_checkpoint(now, {"a": np.full(4, now)}, {"now": now})
    run.compact_metrics()
    run.save_policy(0, {"w": np.full(2, now)}, {"now": now})
    run.write_outcomes({"now": [now]})
    run.write_summary({"now": now}, complete=False)


def check(run: RunDirectory) -> int:
    """Check that everything is whole and agrees; return the last step."""
    run.verify()
    checkpoint = run.load_checkpoint(warn=pytest.fail)
    if checkpoint is None:
        return -1
    step = checkpoint.step
    assert checkpoint.arrays["a"].tolist() == [step] * 4
    assert checkpoint.meta == {"now": step}
    rows = run.read_metrics()["update"].to_pylist()
    kept = [each for each in rows if each <= step]
    assert kept == [each for each in range(step + 1) for _ in range(2)]
    there = [each for each in run.snapshots() if each.update <= step]
    assert there == [(each, 8 * each, (0, 5)) for each in range(step + 1)]
    assert run.load_snapshot(step, 5)[0]["w"].tolist() == [step + 5] * 2
    if run.policy_seeds():
        run.load_policy(0)
    return step


def listed(path: Path) -> list[str]:
    """Return the files that a run's manifest lists, if there is one."""
    manifest = path / "manifest.json"
    return list(
        json.loads(manifest.read_text())["contents"] if manifest.exists() else ()
    )


@contextlib.contextmanager
def death(moment: int) -> Iterator[Callable[[], bool]]:
    """Die at the given moment: before or after one of the renames and removals.

    Yields a function that says whether the moment came.
    """
    replace, unlink = os.replace, Path.unlink
    left = moment

    def dies(call: Callable, *arguments, **options):
        nonlocal left
        for act in (lambda: None, lambda: call(*arguments, **options)):
            act()
            left -= 1
            if left < 0:
                raise Killed

    def unlinks(path: Path, *arguments, **options):
        # A dead process does not tidy up.
        if left < 0:
            raise OSError("dead")
        dies(unlink, path, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", lambda *names: dies(replace, *names))
        patch.setattr(Path, "unlink", unlinks)
        yield lambda: left < 0


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 7])
def test_a_death_at_any_rename_or_removal_leaves_a_whole_run(
    every: int, open_run: Callable[..., RunDirectory], tmp_path: Path
):
    for moment in itertools.count(step=every):
        path = tmp_path / str(moment)
        with death(moment) as came, contextlib.suppress(Killed):
            for _ in range(2):
                with open_run(path) as run:
                    work(run)
        if not came():
            break
        if "config.yaml" in listed(path):
            check(RunDirectory.read(path))
        with open_run(path) as run:
            step = check(run)
            assert not list(files.leftovers(path))
            work(run)
            assert check(run) == step + 2
    # So many moments there are; fewer would mean that the deaths no longer happen.
    assert moment > 100
    assert check(RunDirectory.read(path)) == 3


_CHILDREN = """
import os, random, signal, sys, time
from pathlib import Path

# Imported before the forks, so that no time is spent on it after them.
import numpy, pyarrow.parquet, safetensors.numpy, yaml
pyarrow.array(numpy.zeros(1))
# Syncing has no part in this: the machine stays up.
os.fsync = lambda _: None

sys.path.insert(0, sys.argv[2])
from test_killed import check, work
from mesagym.tracking import RunDirectory

path = Path(sys.argv[1])
pause = random.Random(0)
steps = []
for _ in range(int(sys.argv[3])):
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with RunDirectory.open(path, {}, manifest={}) as run:
                os.write(send, check(run).to_bytes(4, signed=True))
                while True:
                    work(run)
        except BaseException as error:
            print(repr(error), flush=True)
        finally:
            os._exit(1)
    os.close(send)
    steps.append(int.from_bytes(os.read(receive, 4), signed=True))
    os.close(receive)
    time.sleep(pause.uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
with RunDirectory.open(path, {}, manifest={}) as run:
    steps.append(check(run))
print(*steps)
"""


def test_a_process_killed_many_times_goes_on_each_time(tmp_path: Path):
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", _CHILDREN, str(tmp_path / "run"), here, "15"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [int(step) for step in done.stdout.split()]
    assert len(steps) == 16
    assert steps == sorted(steps)
    assert steps[-1] > 0
