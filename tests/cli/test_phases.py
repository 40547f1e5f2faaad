"""Where long work says it is: at once on a terminal, after some silence elsewhere."""

import io
import itertools
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.cli.phases import AGAIN, Phases
from mesagym.tracking.console import SILENCE


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """What believes to be a terminal."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """Every line that was shown, without colours and movements."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


@pytest.fixture(autouse=True)
def silence_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesagym.cli.phases.SILENCE", SILENCE)


def told() -> tuple[Phases, Clock, list[str]]:
    clock, lines = Clock(), []
    return Phases(lines.append, clock, watched=False), clock, lines


def test_what_is_quickly_done_says_nothing() -> None:
    phases, clock, lines = told()
    for number in range(1, 10):
        clock.now += SILENCE / 10
        phases("testing", number, 9, "clean, trained")
    assert lines == []


def test_after_some_silence_the_part_that_begins_is_named_with_its_count() -> None:
    phases, clock, lines = told()
    clock.now = SILENCE
    phases("testing", 3, 10, "clean, trained")
    phases("testing", 4, 10, "clean, random")
    assert lines == ["testing 3/10 (clean, trained)"]


def test_a_part_that_takes_long_is_named_while_it_goes_on_with_its_time() -> None:
    phases, clock, lines = told()
    phases("compiling")
    for clock.now in range(1, 1 + round(SILENCE * (1 + AGAIN))):
        phases.tick()
    assert lines == ["compiling, 5s so far", "compiling, 15s so far"]


def test_after_a_line_of_another_kind_silence_begins_anew() -> None:
    phases, clock, lines = told()
    clock.now = SILENCE
    phases.say("compiled in 5s")
    phases("testing", 1, 2)
    assert lines == ["compiled in 5s"]


def test_what_is_over_is_not_named_any_more() -> None:
    phases, clock, lines = told()
    phases("compiling")
    phases.close()
    clock.now = 10 * SILENCE
    phases.tick()
    assert lines == []


@given(st.lists(st.floats(0, 20), max_size=40))
def test_no_two_lines_are_closer_than_the_silence(waits: list[float]) -> None:
    clock, times = Clock(), [0.0]
    phases = Phases(lambda _: times.append(clock.now), clock, watched=False)
    for number, wait in enumerate(waits):
        clock.now += wait
        phases("testing", number + 1, len(waits))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(gap >= SILENCE for gap in gaps)


def test_a_watch_names_a_part_that_nobody_follows_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import threading

    monkeypatch.setattr("mesagym.cli.phases.SILENCE", 0.0)
    said = threading.Event()
    with Phases(lambda line: said.set()) as phases:
        phases("compiling")
        assert said.wait(30)


def test_a_terminal_shows_phase_count_and_part_at_once_in_one_line_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Phases() as phases:
        phases("testing", 3, 10, "a shift with a very long name, " * 5)
        phases("compiling")
    lines = terminal.lines()
    assert any(re.match(r"testing 3/10 .* 0:00:0\d a shift with", x) for x in lines)
    assert any(x.startswith("compiling ") for x in lines)
    assert all(len(line.rstrip()) <= 80 for line in lines)
    shown, hidden = (terminal.getvalue().rfind(f"\x1b[?25{each}") for each in "hl")
    assert shown > hidden, "the cursor is not given back"
