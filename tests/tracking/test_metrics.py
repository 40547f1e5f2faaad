"""Metrics: the rows that were logged, once each, also after a resume."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mesagym.tracking import RunDirectory

SEEDS = np.array([0, 1], np.int32)


def chunk(step: int) -> dict[str, np.ndarray]:
    """A chunk of two rows, as training hands them over."""
    return {
        "seed": SEEDS,
        "update": np.full(2, step, np.int32),
        "return_cheese": np.array([0.5, np.nan], np.float32),
    }


def log(run: RunDirectory, steps: range) -> None:
    for step in steps:
        run.append_metrics(chunk(step), step=step)


def updates(run: RunDirectory) -> list[int]:
    """The updates of seed 0, in the order of the rows."""
    return run.read_metrics()["update"].to_pylist()[::2]


def assert_equal(one: Any, other: Any) -> None:
    """Two tables have the same rows; NaN equals NaN."""
    assert one.schema == other.schema
    for name in one.column_names:
        np.testing.assert_array_equal(one[name].to_numpy(), other[name].to_numpy())


def parts(run: RunDirectory) -> list[Path]:
    """The parts on disk, which must be those of the manifest."""
    found = sorted((run.path / "metrics").glob("*"))
    listed = [name for name in run.contents if name.startswith("metrics/")]
    assert sorted(listed) == [f"metrics/{path.name}" for path in found]
    return found


def test_a_new_run_has_no_rows(run: RunDirectory):
    assert run.read_metrics().num_rows == 0


def test_rows_come_back_in_order_with_their_types(run: RunDirectory):
    log(run, range(3))
    table = run.read_metrics()
    assert table.column_names == ["seed", "update", "return_cheese"]
    assert [str(field.type) for field in table.schema] == ["int32", "int32", "float"]
    assert table["update"].to_pylist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_array_equal(
        table["return_cheese"].to_numpy(), np.tile(chunk(0)["return_cheese"], 3)
    )


def test_parts_are_read_without_mesagym(run: RunDirectory):
    import pyarrow.parquet as parquet

    log(run, range(3))
    table = parquet.read_table(run.path / "metrics")
    assert table["update"].to_pylist() == [0, 0, 1, 1, 2, 2]


def test_rows_after_the_checkpoint_are_dropped(run: RunDirectory):
    log(run, range(10))
    assert run.drop_metrics_after(6) == 6
    assert updates(run) == list(range(7))


def test_everything_is_dropped_where_there_is_no_checkpoint(run: RunDirectory):
    log(run, range(3))
    run.drop_metrics_after(-1)
    assert run.read_metrics().num_rows == 0
    assert parts(run) == []


def test_dropping_nothing_changes_nothing(run: RunDirectory):
    log(run, range(3))
    before = (run.path / "manifest.json").read_bytes()
    assert run.drop_metrics_after(2) == 0
    assert (run.path / "manifest.json").read_bytes() == before


def test_rows_are_dropped_from_the_middle_of_a_merged_part(run: RunDirectory):
    log(run, range(5))
    run.compact_metrics()
    log(run, range(5, 8))
    assert run.drop_metrics_after(2) == 10
    assert updates(run) == [0, 1, 2]
    log(run, range(3, 5))
    assert updates(run) == list(range(5))
    assert len(parts(run)) == 3


def test_merging_leaves_one_part_with_the_same_rows(run: RunDirectory):
    log(run, range(5))
    before = run.read_metrics()
    run.compact_metrics()
    assert len(parts(run)) == 1
    assert_equal(run.read_metrics(), before)
    run.compact_metrics()
    assert_equal(run.read_metrics(), before)


def test_parts_stay_few(run: RunDirectory):
    log(run, range(100))
    assert len(parts(run)) < 40
    assert updates(run) == list(range(100))


def test_a_resumed_run_has_the_rows_of_one_that_was_never_killed(
    open_run: Callable[..., RunDirectory], tmp_path: Path
):
    with open_run(tmp_path / "whole") as whole:
        log(whole, range(12))
    for start, stop, step in ((0, 5, -1), (4, 9, 3), (6, 12, 5)):
        with open_run(tmp_path / "killed") as killed:
            killed.drop_metrics_after(step)
            log(killed, range(start, stop))
    assert_equal(killed.read_metrics(), whole.read_metrics())


def test_a_column_that_came_later_is_null_before(run: RunDirectory):
    run.append_metrics({"a": [1]}, step=1)
    run.append_metrics({"a": [2], "b": [3]}, step=2)
    run.compact_metrics()
    assert run.read_metrics()["b"].to_pylist() == [None, 3]


def test_an_empty_chunk_writes_no_part(run: RunDirectory):
    run.append_metrics({"a": np.zeros(0)}, step=1)
    assert parts(run) == []


def test_rows_of_an_earlier_step_than_the_last_are_refused(run: RunDirectory):
    log(run, range(3))
    with pytest.raises(ValueError, match="drop_metrics_after"):
        run.append_metrics(chunk(1), step=1)


def test_rows_are_refused_after_their_checkpoint(run: RunDirectory):
    run.save_checkpoint(5, {}, {})
    with pytest.raises(ValueError, match="before it is saved"):
        run.append_metrics(chunk(5), step=5)


def test_a_part_that_no_manifest_lists_is_removed_on_opening(
    open_run: Callable[..., RunDirectory],
):
    with open_run() as run:
        log(run, range(2))
    (run.path / "metrics" / "part-00002.parquet").write_bytes(b"torn")
    with open_run() as run:
        assert updates(run) == [0, 1]
        assert len(parts(run)) == 2
