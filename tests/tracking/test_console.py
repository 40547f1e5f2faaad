"""What the terminal shows."""

import io
import math
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.tracking import ConsoleSink, RunInfo, console, show_table

INFO = RunInfo("alpha-0.1", 2_000_000, (0, 1, 2, 3), ("cheese", "corner"))


class Terminal(io.StringIO):
    """What believes to be a terminal."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """Every line that was shown, without colours and movements."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def rows(env_steps: int, cheese: float = 0.5, corner: float = 0.25) -> dict:
    return {
        "seed": np.arange(4, dtype=np.int32),
        "update": np.full(4, 1, np.int32),
        "env_steps": np.full(4, env_steps, np.int64),
        "episodes": np.full(4, 10, np.int32),
        "return_cheese": np.full(4, cheese, np.float32),
        "return_corner": np.full(4, corner, np.float32),
    }


@pytest.fixture(autouse=True)
def eighty_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


def shown(info: RunInfo, *chunks: dict, seconds: float = 10.0) -> list[str]:
    """The lines on a terminal after some chunks, so many seconds apart."""
    file, clock = Terminal(), Clock()
    sink = ConsoleSink(file, clock)
    sink.start(info)
    for chunk in chunks:
        clock.now += seconds
        sink.log(chunk, step=1)
    sink.close()
    return file.lines()


def test_the_bar_shows_percent_speed_time_left_and_returns():
    last = shown(INFO, rows(400_000), rows(600_000))[-1]
    # 600,000 steps of 4 seeds in 20 s.
    for part in ("30%", "120k steps/s", "47s left", "cheese 0.50", "corner 0.25"):
        assert part in last


def test_the_bar_fits_a_terminal_80_wide():
    for name in ("a", "a-name-that-is-much-longer-than-the-column-for-it"):
        info = RunInfo(name, 10**9, tuple(range(8)), ("cheese", "corner", "region"))
        for line in shown(info, rows(10_000), rows(999_999, -0.99, 123.45)):
            assert len(line.rstrip()) <= 80
            assert "left" in line or "%" in line


def test_each_frame_is_one_line():
    frames = shown(INFO, rows(200_000), rows(600_000))
    assert all("%" in frame for frame in frames)


def test_the_end_is_said_in_one_line():
    file, clock = Terminal(), Clock()
    sink = ConsoleSink(file, clock)
    sink.start(INFO)
    clock.now = 20.0
    sink.log(rows(2_000_000), step=1)
    sink.finish({"verdict": "robust"})
    sink.close()
    assert file.lines()[-1] == (
        "alpha-0.1: 2.00M steps x 4 seeds in 20s (400k steps/s), "
        "cheese 0.50 corner 0.25"
    )


def test_without_a_terminal_a_line_comes_at_most_every_five_seconds():
    file, clock = io.StringIO(), Clock()
    sink = ConsoleSink(file, clock)
    sink.start(INFO)
    for second in range(1, 21):
        clock.now = float(second)
        sink.log(rows(100_000 * second), step=second)
    lines = file.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[1] == (
        "alpha-0.1:  30%  600k/2.00M steps  400k steps/s  14s left  "
        "cheese 0.50 corner 0.25"
    )
    assert "\x1b" not in file.getvalue()


def test_a_resumed_run_counts_from_where_it_is():
    info = RunInfo("run", 1_000_000, (0,), ("cheese",), done_env_steps=500_000)
    file, clock = io.StringIO(), Clock()
    sink = ConsoleSink(file, clock)
    sink.start(info)
    clock.now = 10.0
    sink.log(rows(600_000), step=1)
    sink.finish({})
    assert (
        file.getvalue()
        .splitlines()[0]
        .startswith("run:  60%  600k/1.00M steps  10.0k steps/s")
    )


def test_a_run_that_was_trained_before_is_called_that():
    info = RunInfo("run", 1_000_000, (0, 1), ("cheese",), done_env_steps=1_000_000)
    file = io.StringIO()
    sink = ConsoleSink(file, Clock())
    sink.start(info)
    sink.finish({})
    assert file.getvalue() == "run: already trained, 1.00M steps x 2 seeds\n"


def test_a_return_of_no_episode_is_no_zero():
    assert "cheese –" in shown(INFO, rows(1000, cheese=math.nan))[-1]


def test_a_return_stays_until_the_next_episode_ends():
    last = shown(INFO, rows(1000), rows(2000, cheese=math.nan))[-1]
    assert "cheese 0.50" in last


def test_no_return_is_shown_before_episodes_had_time_to_fail():
    info = replace(INFO, episode_env_steps=1000)
    early = [rows(env_steps, cheese=1.0) for env_steps in (500, 1000, 1500)]
    for k in range(1, 4):
        assert "cheese –" in shown(info, *early[:k])[-1]
    # Of the last 1,000 steps: no longer of the first, in which only the quick ended.
    late = [rows(2000, cheese=0.0), rows(2500, cheese=0.5)]
    assert "cheese 0.50" in shown(info, *early, late[0])[-1]
    assert "cheese 0.25" in shown(info, *early, *late)[-1]


def test_no_zero_is_negative_in_a_progress_line_or_a_table():
    assert console.returns_text({"cheese": -0.001}, 80) == "cheese 0.00"
    file = io.StringIO()
    show_table("t", ["a"], [[-0.0], [-0.001]], file=file)
    assert "-0.001" in file.getvalue()
    assert not re.search(r"-0(?!\.)", file.getvalue())


def test_episodes_weigh_the_mean():
    chunk = {
        "return_cheese": np.array([1.0, 0.0, np.nan]),
        "episodes": np.array([1, 3, 0]),
    }
    assert console.episode_mean(chunk, "return_cheese") == 0.25


def test_a_sink_closed_before_its_start_does_no_harm():
    ConsoleSink().close()


def test_closing_gives_the_cursor_back():
    file = Terminal()
    sink = ConsoleSink(file)
    sink.start(INFO)
    sink.close()
    sink.close()
    assert file.getvalue().rfind("\x1b[?25h") > file.getvalue().rfind("\x1b[?25l")


@given(
    means=st.dictionaries(
        st.text("abcdefgh", min_size=1, max_size=20), st.floats(-99, 99), max_size=6
    ),
    room=st.integers(0, 60),
)
def test_returns_fit_their_room(means: dict[str, float], room: int):
    assert len(console.returns_text(means, room)) <= room


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00k"),
        (12_345, "12.3k"),
        (152_000, "152k"),
        (999_600, "1.00M"),
        (2_050_000, "2.05M"),
        (3e9, "3.00G"),
        (math.nan, "–"),
    ],
)
def test_numbers_are_short(number: float, text: str):
    assert console.short(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0s"), (59.4, "59s"), (83, "1m23s"), (7500, "2h05m"), (math.inf, "–")],
)
def test_times_are_short(seconds: float, text: str):
    assert console.duration(seconds) == text


def test_a_table_is_printed_plainly_where_there_is_no_terminal():
    file = io.StringIO()
    show_table("Outcomes", ["split", "base"], [["α = 0", 0.5], ["[b]", 1]], file=file)
    text = file.getvalue()
    assert "Outcomes" in text
    assert "α = 0" in text
    assert "[b]" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_reading_runs_imports_neither_jax_nor_what_is_slow():
    code = "import sys, mesagym.tracking; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    slow = {"jax", "flax", "gymnax", "wandb", "rich", "pyarrow", "pandas", "yaml"}
    assert not imported & slow
    assert "mesagym.tracking.run_directory" in imported
