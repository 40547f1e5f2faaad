"""What the terminal shows while phases of work go on: a live line, or one now and then.

Drawn on standard error. Training itself, between compilation and tests, is shown by
`mesagym.tracking.ConsoleSink`; only one of the two is drawn at a time.
"""

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from mesagym.cli.commands import say
from mesagym.tracking.console import SILENCE, duration

AGAIN = 2
"""Times as long a silence before a part that still goes on is named again."""

_TICK = 0.5
_BAR_WIDTH = 20
_TIME_WIDTH = len(" 0:00:00  ") + 1


class Phases:
    """Shows the parts of phases; a `mesagym.tracking.progress.Progress`.

    On a terminal a line with a bar, taken away at the end of the work. Elsewhere a
    plain line, but only where the work has been silent for `SILENCE` seconds: what is
    quickly done says nothing.
    """

    def __init__(
        self,
        say: Callable[[str], None] = say,
        clock: Callable[[], float] = time.monotonic,
        watched: bool = True,
    ) -> None:
        """Show nothing before the first part.

        Args:
            say: prints a line where there is no terminal.
            clock: gives seconds.
            watched: whether a thread looks at the clock; without one, `tick` must be
                called.
        """
        self._say = say
        self._clock = clock
        self._watched = watched
        self._bar: Any = None
        self._task: Any = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._text = ""
        self._said_text = ""
        self._began = self._said = clock()

    def __enter__(self) -> "Phases":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the line away."""
        self.close()

    def __call__(
        self, phase: str, number: int = 1, total: int = 1, what: str = ""
    ) -> None:
        """Show a part that begins now; see `Progress`."""
        count = f" {number}/{total}" if total > 1 else ""
        with self._lock:
            self._text = f"{phase}{count}" + f" ({what})" * bool(what)
            self._began = self._clock()
        if sys.stderr.isatty():
            self._draw(f"{phase}{count}", number, total, what)
            return
        self.tick()
        if self._thread is None and self._watched:
            self._over.clear()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()

    def tick(self) -> None:
        """Say where the work is if it was silent for long."""
        with self._lock:
            now = self._clock()
            again = self._text == self._said_text
            if not self._text or now - self._said < SILENCE * (AGAIN if again else 1):
                return
            since = now - self._began
            self._said, self._said_text = now, self._text
            self._say(self._text + f", {duration(since)} so far" * (since >= SILENCE))

    def say(self, line: str) -> None:
        """Print a line, after which silence begins anew."""
        with self._lock:
            self._say(line)
            self._said = self._clock()

    def close(self) -> None:
        """Take the line away. A part that begins later draws it again."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
        with self._lock:
            self._text = self._said_text = ""

    def _watch(self) -> None:
        while not self._over.wait(_TICK):
            self.tick()

    def _draw(self, title: str, number: int, total: int, what: str) -> None:
        # What is done are the parts before this one; of a single part nothing is
        # known but that it goes on, which a bar without an end shows.
        if self._bar is None:
            self._bar = _bar()
            self._bar.start()
        else:
            # Not reset: rich would keep the total of a phase that had one.
            self._bar.remove_task(self._task)
        # What is too long is cut here: rich would cut the other columns as well.
        room = self._bar.console.width - len(title) - _BAR_WIDTH - _TIME_WIDTH
        self._task = self._bar.add_task(
            title,
            total=total if total > 1 else None,
            completed=number - 1,
            what=what[: max(room, 0)],
        )
        self._bar.refresh()


def _bar() -> Any:
    """Make rich's progress display, one line of the terminal's width."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR_WIDTH),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}", markup=False),
        console=Console(file=sys.stderr),
        refresh_per_second=4,
        transient=True,
    )
