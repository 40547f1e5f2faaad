"""The table of tests: what stands in it, and what is said below."""

import math
from dataclasses import replace

import pytest

from mesagym.evals.power import PowerNote
from mesagym.evals.suite import ShiftTest
from mesagym.report.significance import (
    HEADINGS,
    p_text,
    suite_note,
    suite_rows,
    suite_table,
)
from mesagym.report.terminal import show

CLEAN = ShiftTest(
    "clean", "base", "rate", 8, 0.91, 0.3, 0.0088, 0.0088, 0.0176,
    PowerNote(0.61, 0.1, 6, 8, 0.05, 0.8, 1),
)  # fmt: skip
FEW = ShiftTest(
    "larger", "base", "rate", 4, 0.31, 0.3, 1.0, 0.126, 1.0,
    PowerNote(0.01, 0.3, None, 4, 0.05, 0.8, 1),
)  # fmt: skip
NONE = ShiftTest("dark", "base", "rate", 4, why="no episodes of the random policy")
SCORED = ShiftTest("training", "chests", "score", 8, 0.5, 0.0, 0.5, 0.0088, 0.5)


def test_a_row_stands_under_each_heading() -> None:
    row = dict(zip(HEADINGS, suite_rows([CLEAN])[0], strict=True))
    assert row == {
        "shift": "Clean distinguishing",
        "trained": ".91",
        "random": ".30",
        "p": ".009",
        "adjusted": ".018 *",
        "seeds": "8 (needed 6)",
    }


def test_only_what_is_beyond_chance_is_marked() -> None:
    assert suite_rows([FEW])[0][-2:] == ("1", "4 (needed no number)")


def test_the_note_says_why_no_number_of_seeds_is_enough() -> None:
    assert "No number: the difference is within the error" in suite_note([FEW])
    assert "No number" not in suite_note([CLEAN])


def test_a_test_that_was_not_made_has_no_numbers_and_a_reason() -> None:
    assert suite_rows([NONE])[0] == ("Dark", "–", "–", "–", "–", "4")
    assert "Dark: no episodes of the random policy." in suite_note([CLEAN, NONE])


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0314, ".031"), (0.0009, "<.001"), (1.0, "1"), (0.9996, "1"), (math.nan, "–")],
)
def test_p_values_are_written_in_three_digits(p: float, text: str) -> None:
    assert p_text(p) == text


def test_the_note_says_what_so_few_seeds_cannot_show() -> None:
    note = suite_note([FEW])
    assert (
        "With 4 seeds p cannot be below .126, whatever they do: that takes 6." in note
    )
    assert "cannot be below" not in suite_note([CLEAN])


def test_the_note_counts_the_tests_that_were_made() -> None:
    assert "for 2 shifts" in suite_note([CLEAN, FEW, NONE])


def test_the_note_says_what_was_measured() -> None:
    assert suite_note([CLEAN]).startswith("Rates of coming first to the base objective")
    both = suite_note([CLEAN, replace(CLEAN, of="success")])
    assert (
        "first to the base objective and of reaching the base objective at all" in both
    )
    assert suite_note([SCORED]).startswith("Scores of chests, 0 for random")


def test_the_table_prints_in_eighty_columns(capsys: pytest.CaptureFixture) -> None:
    show(suite_table([CLEAN, FEW, NONE]), width=80)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("Clean distinguishing" in line and ".018 *" in line for line in lines)
