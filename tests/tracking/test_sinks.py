"""Sinks: files are the truth, the others may fail."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.tracking import FileSink, MultiSink, RunDirectory, RunInfo

INFO = RunInfo("run", 1000, (0, 1), ("cheese", "corner"))
ROWS = {"seed": np.array([0]), "update": np.array([1]), "env_steps": np.array([10])}


class Recorder:
    """A sink that remembers what it was told, and fails where it is asked to."""

    def __init__(self, fails: str = "", error: Exception | None = None) -> None:
        self.told: list[str] = []
        self._fails = fails
        self._error = error or RuntimeError("no network")

    def _tell(self, what: str) -> None:
        self.told.append(what)
        if what == self._fails:
            raise self._error

    def start(self, info: RunInfo) -> None:
        self._tell("start")

    def log(self, rows: Mapping[str, np.ndarray], *, step: int) -> None:
        self._tell("log")

    def finish(
        self,
        summary: Mapping[str, Any],
        outcomes: Any = None,
        films: Sequence[Path] = (),
    ) -> None:
        self._tell("finish")

    def close(self) -> None:
        self._tell("close")


def go(sinks: MultiSink) -> None:
    sinks.start(INFO)
    sinks.log(ROWS, step=1)
    sinks.log(ROWS, step=2)
    sinks.finish({"verdict": "robust"})
    sinks.close()


@pytest.mark.parametrize("moment", ["start", "log", "finish", "close"])
def test_an_optional_sink_that_fails_never_stops_the_others(moment: str):
    said: list[str] = []
    failing, file, last = Recorder(moment), Recorder(), Recorder()
    go(MultiSink([file], [failing, last], warn=said.append))
    everything = ["start", "log", "log", "finish", "close"]
    assert file.told == everything
    assert last.told == everything
    assert len(said) == 1
    assert "Recorder failed" in said[0]
    assert "no network" in said[0]


def test_an_optional_sink_that_failed_is_closed_and_told_nothing_more():
    failing = Recorder("log")
    go(MultiSink([], [failing], warn=[].append))
    assert failing.told == ["start", "log", "close"]


def test_what_a_required_sink_raises_is_passed_on():
    file = Recorder("log", UserError("the disk is full"))
    with pytest.raises(UserError, match="the disk is full"):
        go(MultiSink([file], []))


def test_every_sink_is_closed_even_if_one_cannot_be():
    sinks = [Recorder(), Recorder("close"), Recorder()]
    with pytest.raises(RuntimeError, match="no network"):
        MultiSink(sinks).close()
    assert [sink.told for sink in sinks] == [["close"]] * 3


def test_an_interrupt_is_not_taken_for_a_failure():
    class Interrupted(Recorder):
        def log(self, rows: Mapping[str, np.ndarray], *, step: int) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(MultiSink([], [Interrupted()]))


def test_the_run_directory_gets_everything(run: RunDirectory):
    sinks = MultiSink([FileSink(run)])
    sinks.start(INFO)
    for step in (1, 2):
        sinks.log({**ROWS, "update": np.array([step])}, step=step)
    assert not run.completed
    sinks.finish({"verdict": "robust"}, outcomes=None)
    assert run.completed
    assert run.read_summary()["verdict"] == "robust"
    assert run.read_metrics()["update"].to_pylist() == [1, 2]
    assert len(list((run.path / "metrics").iterdir())) == 1
