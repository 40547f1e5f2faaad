"""Where a run's numbers go: what every sink does, to files, and to several at once."""

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mesagym.tracking.run_directory import RunDirectory
from mesagym.tracking.tables import Table

_LOG = logging.getLogger("mesagym")

Rows = Mapping[str, np.ndarray]
"""One chunk of metrics: columns of one length, a row for each seed and update."""


@dataclass(frozen=True)
class RunInfo:
    """What sinks are told of a run before it starts.

    Attributes:
        name: a short name, shown beside the progress.
        total_env_steps: how many environment steps each seed will take; the column
            ``env_steps`` counts up to it.
        seeds: the seeds, in order.
        objective_names: the base objective first.
        done_env_steps: those that each seed has already taken, on resuming.
        config: the configuration.
        group: the name of the sweep, if it is part of one.
        episode_env_steps: how many environment steps a seed takes, over all its
            environments, while one episode reaches its time limit, see `too_early`.
    """

    name: str
    total_env_steps: int
    seeds: tuple[int, ...]
    objective_names: tuple[str, ...]
    done_env_steps: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    episode_env_steps: int = 0


def too_early(rows: Rows, info: RunInfo) -> np.ndarray:
    """Return which rows say too little of what episodes earn, bool[rows].

    All environments start together, so those episodes end first that are quick, mostly
    because they reached their goal. Until every episode of the start has ended, by its
    time limit if not before, the mean over finished ones is a mean over the easy ones.
    """
    return np.asarray(rows["env_steps"]) <= info.episode_env_steps


@runtime_checkable
class Sink(Protocol):
    """Something that takes a run's numbers.

    ``start`` once, ``log`` once a chunk, ``finish`` if the run came to its end, and
    ``close`` always.
    """

    def start(self, info: RunInfo) -> None:
        """Get ready."""

    def log(self, rows: Rows, *, step: int) -> None:
        """Take one chunk.

        Args:
            rows: columns; see :data:`Rows`.
            step: that of the checkpoint to which the chunk belongs.
        """

    def finish(
        self,
        summary: Mapping[str, Any],
        outcomes: Table | None = None,
        films: Sequence[Path] = (),
    ) -> None:
        """Take what there is at the end.

        Args:
            summary: nested mappings and scalars.
            outcomes: the table of outcomes, one row an episode.
            films: GIF files.
        """

    def close(self) -> None:
        """Let go of everything. Twice does no harm."""


class FileSink:
    """Into the run directory, which is the truth: its errors stop the run."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run

    def start(self, info: RunInfo) -> None:
        """Nothing to do: the run directory is open."""

    def log(self, rows: Rows, *, step: int) -> None:
        """Append a metrics part."""
        self._run.append_metrics(rows, step=step)

    def finish(
        self,
        summary: Mapping[str, Any],
        outcomes: Table | None = None,
        films: Sequence[Path] = (),
    ) -> None:
        """Merge the metrics, write the outcomes and, last of all, the summary."""
        self._run.compact_metrics()
        if outcomes is not None:
            self._run.write_outcomes(outcomes)
        self._run.write_summary(summary)

    def close(self) -> None:
        """Nothing to do: whoever opened the run directory closes it."""


class MultiSink:
    """To several sinks: required ones may stop the run, optional ones never do."""

    def __init__(
        self,
        required: Sequence[Sink],
        optional: Sequence[Sink] = (),
        warn: Callable[[str], None] = _LOG.warning,
    ) -> None:
        """Take the sinks.

        Args:
            required: told first, in order; what they raise is passed on.
            optional: told next. One that raises is named in a warning, closed, and
                told nothing more.
            warn: where warnings go.
        """
        self._required = tuple(required)
        self._optional = list(optional)
        self._warn = warn

    def start(self, info: RunInfo) -> None:
        """Start every sink."""
        self._each(lambda sink: sink.start(info))

    def log(self, rows: Rows, *, step: int) -> None:
        """Hand one chunk to every sink."""
        self._each(lambda sink: sink.log(rows, step=step))

    def finish(
        self,
        summary: Mapping[str, Any],
        outcomes: Table | None = None,
        films: Sequence[Path] = (),
    ) -> None:
        """Finish every sink."""
        self._each(lambda sink: sink.finish(summary, outcomes, films))

    def close(self) -> None:
        """Close every sink, also those after one that cannot be closed."""
        with contextlib.ExitStack() as stack:
            for sink in reversed(self._required):
                stack.callback(sink.close)
            for sink in self._optional:
                self._try(sink, lambda each: each.close())

    def _each(self, call: Callable[[Sink], None]) -> None:
        for sink in self._required:
            call(sink)
        for sink in tuple(self._optional):
            if not self._try(sink, call):
                self._optional.remove(sink)
                with contextlib.suppress(Exception):
                    sink.close()

    def _try(self, sink: Sink, call: Callable[[Sink], None]) -> bool:
        try:
            call(sink)
        except Exception as error:
            self._warn(
                f"{type(sink).__name__} failed and is left out from here on "
                f"({type(error).__name__}: {error}). The run goes on."
            )
            return False
        return True
