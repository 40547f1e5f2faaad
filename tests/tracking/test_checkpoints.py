"""Checkpoints: the newest whole one is found, whatever became of the others."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.tracking import Checkpoint, RunDirectory
from mesagym.tracking.checkpoints import Checkpoints


def save(run: RunDirectory, *steps: int, **options) -> None:
    for step in steps:
        run.save_checkpoint(step, {"a": np.full(3, step)}, {"step": step}, **options)


def loaded(run: RunDirectory, warn: Callable[[str], None] | None = None) -> Checkpoint:
    def fail(message: str) -> None:
        raise AssertionError(message)

    checkpoint = run.load_checkpoint(warn=warn or fail)
    assert checkpoint is not None
    return checkpoint


def steps(run: RunDirectory) -> list[int]:
    """The steps of which both files are there."""
    folder = run.path / "checkpoints"
    whole = {path.stem for path in folder.glob("*.json")}
    arrays = {path.name.rsplit("-", 1)[0] for path in folder.glob("*.safetensors")}
    assert whole == arrays
    return sorted(int(name.removeprefix("step-")) for name in whole)


def harm(run: RunDirectory, step: int, suffix: str) -> Path:
    """Alter one byte of a checkpoint's file."""
    (path,) = (run.path / "checkpoints").glob(f"step-{step:012d}*{suffix}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def test_a_new_run_has_no_checkpoint(run: RunDirectory):
    assert run.load_checkpoint() is None


def test_a_checkpoint_comes_back(run: RunDirectory):
    arrays = {
        "params/dense/kernel": np.random.default_rng(0).normal(size=(2, 3)),
        "key": np.array([1, 2**32 - 1], np.uint32),
        "done": np.array(True),
        "none": np.zeros((0, 4), np.int8),
    }
    run.save_checkpoint(7, arrays, {"stopped": [1], "rate": 0.1})
    checkpoint = loaded(run)
    assert checkpoint.step == 7
    assert checkpoint.meta == {"stopped": [1], "rate": 0.1}
    assert checkpoint.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert checkpoint.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(checkpoint.arrays[name], array)


def test_the_two_newest_stay(run: RunDirectory):
    save(run, 10, 20, 30, 40)
    assert steps(run) == [30, 40]


def test_every_third_is_kept_for_good_if_asked(run: RunDirectory):
    save(run, *range(0, 100, 10), keep_every=3)
    assert steps(run) == [0, 30, 60, 80, 90]


def test_which_are_kept_does_not_depend_on_interruptions(
    open_run: Callable[..., RunDirectory],
):
    for step in range(0, 100, 10):
        with open_run() as run:
            run.load_checkpoint()
            save(run, step, keep_every=3)
    assert steps(run) == [0, 30, 60, 80, 90]


def test_a_step_saved_twice_holds_the_second(run: RunDirectory):
    run.save_checkpoint(1, {"a": np.zeros(2)}, {"n": 1})
    run.save_checkpoint(1, {"a": np.ones(2)}, {"n": 2})
    checkpoint = loaded(run)
    assert checkpoint.arrays["a"].tolist() == [1, 1]
    assert checkpoint.meta == {"n": 2}
    assert steps(run) == [1]


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
def test_an_altered_checkpoint_is_named_and_the_one_before_it_used(
    suffix: str, run: RunDirectory
):
    save(run, 10, 20)
    path = harm(run, 20, suffix)
    said: list[str] = []
    assert loaded(run, said.append).step == 10
    assert len(said) == 1
    assert path.name in said[0]
    assert "step 10" in said[0]


def test_the_warning_is_logged_where_nobody_asks_for_it(
    run: RunDirectory, caplog: pytest.LogCaptureFixture
):
    save(run, 10, 20)
    harm(run, 20, ".json")
    run.load_checkpoint()
    assert "step-000000000020.json" in caplog.text


def test_a_missing_arrays_file_is_named_and_the_one_before_it_used(run: RunDirectory):
    save(run, 10, 20)
    harm(run, 20, ".safetensors").unlink()
    said: list[str] = []
    assert loaded(run, said.append).step == 10
    assert "is missing" in said[0]


def test_a_checkpoint_killed_before_its_json_is_as_if_it_never_was(run: RunDirectory):
    save(run, 10, 20)
    (run.path / "checkpoints" / "step-000000000020.json").unlink()
    assert loaded(run).step == 10
    save(run, 30)
    assert steps(run) == [10, 30]


def test_where_none_is_whole_the_run_stops(run: RunDirectory):
    save(run, 10, 20)
    for step in (10, 20):
        harm(run, step, ".safetensors")
    with pytest.raises(UserError, match=r"no checkpoint in .* is whole"):
        run.load_checkpoint()


def test_a_damaged_checkpoint_does_not_count_among_those_that_stay(run: RunDirectory):
    save(run, 10, 20)
    harm(run, 20, ".json")
    loaded(run, [].append)
    save(run, 30)
    assert steps(run) == [10, 30]


def test_checkpoints_of_an_abandoned_future_are_removed(run: RunDirectory):
    save(run, 10, 20)
    harm(run, 20, ".json")
    loaded(run, [].append)
    save(run, 15)
    assert steps(run) == [10, 15]
    assert loaded(run).step == 15


def test_a_negative_step_is_refused(run: RunDirectory):
    with pytest.raises(ValueError, match="cannot be -1"):
        save(run, -1)


def test_checkpoints_can_be_dropped_once_the_run_is_complete(run: RunDirectory):
    save(run, 10, 20)
    run.drop_checkpoints()
    assert run.load_checkpoint() is None
    assert not (run.path / "checkpoints").exists()


def test_a_reader_whose_checkpoints_are_removed_under_its_eyes_reads_newer_ones(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
):
    save(run, 1, 2)
    listed, left = Checkpoints.steps, [(5, 6), (3, 4)]

    def and_then_training_goes_on(self: Checkpoints) -> list[int]:
        found = listed(self)
        if self is reader._checkpoints and left:
            save(run, *left.pop())  # which removes those just listed
        return found

    reader = RunDirectory.read(run.path)
    monkeypatch.setattr(Checkpoints, "steps", and_then_training_goes_on)
    assert loaded(reader).step == 6
