"""What the terminal shows while a run goes on, and the tables at its end."""

import math
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mesagym.tracking.sinks import Rows, RunInfo
from mesagym.tracking.tables import Table

SILENCE = 5.0
"""Least seconds between two lines where there is no terminal to draw on."""

_WINDOW = 10
_NAME_WIDTH = 12
_BAR_WIDTH = 8
# The widest that everything but name, bar and returns gets: "100%",
# "999k steps/s", "99h59m left", and a space before each of five columns.
_NUMBERS_WIDTH = 4 + 12 + 11 + 5


@runtime_checkable
class TextFile(Protocol):
    """What can be printed to: a standard stream, or a string in its place."""

    def write(self, text: str, /) -> object:
        """Take some text."""

    def flush(self) -> object:
        """Pass on what was taken."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        ...


class Pace:
    """How quickly a run goes, from the chunks it has done."""

    def __init__(self, total: int, done: int, seeds: int, now: float) -> None:
        """Start counting.

        Args:
            total: environment steps each seed will take.
            done: those that each has already taken.
            seeds: how many seeds there are.
            now: seconds on any clock.
        """
        self._total = max(total, 1)
        self._seeds = seeds
        self.done = done
        self._first = (now, done)
        # The last chunks, so that the rate follows a machine that gets busy.
        self._marks: deque[tuple[float, int]] = deque([self._first], _WINDOW)

    def update(self, done: int, now: float) -> None:
        """Take note of how many steps each seed has done by now."""
        self.done = done
        self._marks.append((now, done))

    @property
    def fraction(self) -> float:
        """How much of the run is done, in [0, 1]."""
        return min(self.done / self._total, 1.0)

    @property
    def steps_per_second(self) -> float:
        """Environment steps a second over all seeds; NaN before the first chunk."""
        return self._seeds * _rate(self._marks[0], self._marks[-1])

    @property
    def seconds_left(self) -> float:
        """Seconds to the end at this rate; NaN before the first chunk."""
        rate = self.steps_per_second / self._seeds if self._seeds else math.nan
        return (1 - self.fraction) * self._total / rate if rate > 0 else math.nan

    def whole(self, now: float) -> tuple[float, float]:
        """Return seconds since the start and steps a second over all of it."""
        return now - self._first[0], self._seeds * _rate(self._first, (now, self.done))


class ConsoleSink:
    """Progress on standard error: a bar on a terminal, else a line now and then.

    Shows percent, environment steps a second over all seeds, time left, and the
    mean return of each objective over the episodes that ended last: in the last chunk,
    or in as many steps as one episode can take, for failed ones may end together. The
    first so many steps do not count, see `mesagym.tracking.sinks.too_early`. Time runs
    from ``start``: called once the program is compiled, no speed has compilation in it.
    """

    def __init__(
        self,
        file: TextFile | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Choose where to write.

        Args:
            file: standard error if None.
            clock: gives seconds.
        """
        self._file = file
        self._clock = clock
        self._info: RunInfo | None = None
        self._progress: Any = None
        self._pace = Pace(1, 0, 1, 0.0)
        self._means: dict[str, float] = {}
        self._ended: deque[tuple[int, Rows]] = deque()
        self._said = -math.inf

    def start(self, info: RunInfo) -> None:
        """Draw an empty bar, or say nothing yet."""
        self._file = self._file or sys.stderr
        self._info = info
        self._pace = Pace(
            info.total_env_steps, info.done_env_steps, len(info.seeds), self._clock()
        )
        self._means = {name: math.nan for name in info.objective_names}
        if self._file.isatty():
            self._progress = _bar(self._file)
            name = info.name
            if len(name) > _NAME_WIDTH:
                name = name[: _NAME_WIDTH - 1] + "…"
            self._task = self._progress.add_task(name, total=1.0, speed="", means="")
            self._progress.start()

    def log(self, rows: Rows, *, step: int) -> None:
        """Move the bar, or print a line if the last is some seconds old."""
        if self._info is None:
            return
        now = self._clock()
        done = int(np.max(rows["env_steps"], initial=0))
        self._pace.update(done, now)
        self._note_returns(rows, done)
        if self._progress is not None:
            width = self._progress.console.width
            room = width - _NAME_WIDTH - _BAR_WIDTH - _NUMBERS_WIDTH
            self._progress.update(
                self._task,
                completed=self._pace.fraction,
                speed=f"{self._speed()} {self._left()}",
                means=returns_text(self._means, room),
            )
        elif now - self._said >= SILENCE:
            self._said = now
            self._line()

    def finish(
        self,
        summary: Mapping[str, Any],
        outcomes: Table | None = None,
        films: Sequence[Path] = (),
    ) -> None:
        """Take the bar away and say in one line how the run went."""
        self.close()
        if self._info is None:
            return
        seconds, rate = self._pace.whole(self._clock())
        seeds = len(self._info.seeds)
        what = (
            f"{short(self._pace.done)} steps x {seeds} seed{'s' if seeds != 1 else ''}"
        )
        if self._info.done_env_steps >= self._info.total_env_steps:
            self._print(f"{self._info.name}: already trained, {what}")
            return
        self._print(
            f"{self._info.name}: {what} in {duration(seconds)} "
            f"({short(rate)} steps/s), {returns_text(self._means, 200)}"
        )

    def close(self) -> None:
        """Take the bar away and give the cursor back."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _note_returns(self, rows: Rows, done: int) -> None:
        """Take the mean returns from the chunks of the last time limit of steps."""
        assert self._info is not None
        self._ended.append((done, rows))
        span = self._info.episode_env_steps
        while len(self._ended) > 1 and self._ended[0][0] <= done - span:
            self._ended.popleft()
        if done < 2 * span:
            return
        chunks = [chunk for _, chunk in self._ended]
        for name in self._info.objective_names:
            columns = [f"return_{name}", "episodes"]
            recent = {
                column: np.concatenate([chunk[column] for chunk in chunks])
                for column in columns
                if all(column in chunk for chunk in chunks)
            }
            mean = episode_mean(recent, f"return_{name}")
            if not math.isnan(mean):
                self._means[name] = mean

    def _line(self) -> None:
        assert self._info is not None
        self._print(
            f"{self._info.name}: {100 * self._pace.fraction:3.0f}%  "
            f"{short(self._pace.done)}/{short(self._info.total_env_steps)} steps  "
            f"{self._speed()}  {self._left()}  {returns_text(self._means, 200)}"
        )

    def _speed(self) -> str:
        return f"{short(self._pace.steps_per_second)} steps/s"

    def _left(self) -> str:
        return f"{duration(self._pace.seconds_left)} left"

    def _print(self, line: str) -> None:
        print(line.rstrip(), file=self._file, flush=True)


def show_table(
    title: str,
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    file: TextFile | None = None,
    width: int | None = None,
) -> None:
    """Print a table; numbers to the right, text to the left.

    Args:
        title: the line above it.
        header: the columns' names.
        rows: one sequence of cells for each row.
        file: standard output if None.
        width: characters; the terminal's if None, 80 where there is none.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    # Between columns one space and the box's own: eighty characters are to hold much.
    table = RichTable(
        title=title,
        box=box.SIMPLE,
        title_justify="left",
        collapse_padding=True,
        pad_edge=False,
    )
    for column, name in enumerate(header):
        numeric = bool(rows) and all(
            isinstance(row[column], int | float) for row in rows
        )
        table.add_column(Text(name), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text(_cell(each)) for each in row))
    to: Any = file or sys.stdout
    Console(file=to, width=width, highlight=False).print(table)


def episode_mean(rows: Rows, name: str) -> float:
    """Return the mean of a column over finished episodes; NaN where none finished.

    Args:
        rows: columns; ``episodes``, if there, weighs the rows.
        name: a column of means per finished episode, NaN where none did.
    """
    if name not in rows:
        return math.nan
    values = np.asarray(rows[name], np.float64)
    weights = np.asarray(rows.get("episodes", np.ones(len(values))), np.float64)
    use = np.isfinite(values) & (weights > 0)
    if not use.any():
        return math.nan
    return float(np.average(values[use], weights=weights[use]))


def returns_text(means: Mapping[str, float], room: int) -> str:
    """Write ``cheese 0.93 corner 0.02`` in at most ``room`` characters.

    Long names are cut to what fits, all to the same length; where even two letters
    are too many, the last objectives are left out.
    """
    values = {
        name: "–" if math.isnan(mean) else f"{mean:z.2f}"
        for name, mean in means.items()
    }
    for letters in range(max(map(len, values), default=0), 1, -1):
        text = " ".join(f"{name[:letters]} {each}" for name, each in values.items())
        if len(text) <= room:
            return text
    return returns_text(dict(list(means.items())[:-1]), room) if means else ""


def short(number: int | float) -> str:
    """Write a number with three digits and a unit: 950, 152k, 2.05M."""
    if not math.isfinite(number):
        return "–"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999.6 thousand would round to a fourth digit.
        if abs(number) >= size * 0.9995:
            value = number / size
            digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
            return f"{value:.{digits}f}{unit}"
    return f"{number:z.0f}"


def progress_in_words(checkpoint: Mapping[str, int]) -> str:
    """Return how far a training is: ``after 1.20M of 5.00M steps``.

    Args:
        checkpoint: ``env_steps`` and ``total_env_steps``, of each seed.
    """
    done, total = checkpoint["env_steps"], checkpoint["total_env_steps"]
    return f"after {short(done)} of {short(total)} steps"


def duration(seconds: int | float) -> str:
    """Write a time: 8s, 1m23s, 2h05m."""
    if not math.isfinite(seconds):
        return "–"
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _bar(file: Any) -> Any:
    """Make rich's progress display, one line of the terminal's width."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[speed]}", markup=False),
        TextColumn("{task.fields[means]}", markup=False),
        console=Console(file=file),
        refresh_per_second=4,
        expand=True,
    )


def _rate(start: tuple[float, int], end: tuple[float, int]) -> float:
    seconds = end[0] - start[0]
    return (end[1] - start[1]) / seconds if seconds > 0 else math.nan


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:z.3g}"
    return str(value)
