"""Snapshots: policies as they were during training, listed like everything else."""

from collections.abc import Callable

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.tracking import RunDirectory

CARD = {"architecture": "mlp"}


def weights(value: int) -> dict[str, np.ndarray]:
    return {"dense/kernel": np.full((2, 2), value, np.float32)}


def save(run: RunDirectory, update: int, seeds: tuple[int, ...] = (0, 3)) -> None:
    run.save_snapshot(
        update, update * 64, {s: weights(update + s) for s in seeds}, CARD
    )


def test_a_snapshot_comes_back_with_its_card(run: RunDirectory) -> None:
    save(run, 4)
    arrays, card = run.load_snapshot(4, 3)
    np.testing.assert_array_equal(arrays["dense/kernel"], np.full((2, 2), 7))
    assert card == CARD


def test_snapshots_are_listed_oldest_first_with_steps_and_seeds(
    run: RunDirectory,
) -> None:
    save(run, 12)
    save(run, 0)
    save(run, 4, (3, 0, 11))
    assert run.snapshots() == ((0, 0, (0, 3)), (4, 256, (0, 3, 11)), (12, 768, (0, 3)))


def test_a_new_run_has_no_snapshots(run: RunDirectory) -> None:
    assert run.snapshots() == ()


def test_an_altered_snapshot_is_named(run: RunDirectory) -> None:
    save(run, 4)
    (run.path / "snapshots/00000004/seed-0.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="seed-0"):
        run.verify()
    with pytest.raises(UserError, match="seed-0"):
        run.load_snapshot(4, 0)


@pytest.mark.parametrize(("update", "seed"), [(5, 0), (4, 1)])
def test_a_snapshot_that_is_not_there_is_named_with_those_that_are(
    run: RunDirectory, update: int, seed: int
) -> None:
    save(run, 4)
    save(run, 8)
    said = rf"no snapshot of seed {seed} after {update} updates\. Snapshots: 4, 8\."
    with pytest.raises(UserError, match=said):
        run.load_snapshot(update, seed)


def test_snapshots_after_the_checkpoint_gone_on_from_are_dropped(
    run: RunDirectory,
) -> None:
    for update in (0, 4, 8):
        save(run, update)
    assert run.drop_snapshots_after(4) == 1
    assert [each.update for each in run.snapshots()] == [0, 4]
    assert not (run.path / "snapshots/00000008/seed-0.safetensors").exists()
    assert run.drop_snapshots_after(-1) == 2
    assert run.snapshots() == ()
    run.verify()


def test_a_snapshot_whose_process_was_killed_before_it_was_listed_is_not_there(
    open_run: Callable[..., RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with open_run() as run:
        save(run, 0)
        with monkeypatch.context() as patch:
            patch.setattr("mesagym.tracking.manifest.Manifest.save", die)
            with pytest.raises(Killed):
                save(run, 4)
    with open_run() as run:
        assert [each.update for each in run.snapshots()] == [0]
        save(run, 4)
        assert [each.update for each in run.snapshots()] == [0, 4]
        run.verify()
