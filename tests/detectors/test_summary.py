"""What a cell of the benchmark comes to, and that expectations are written down."""

import re
from pathlib import Path

import pytest

from mesagym.detectors import expected as written
from mesagym.detectors.base import NOT_APPLICABLE, SCORED, VOID
from mesagym.detectors.scoring import Row
from mesagym.detectors.summary import _word

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmark.md"
NAN = float("nan")


def row(status: str, score: float, p: float, goal: bool | None = None) -> Row:
    return Row(
        "d",
        "O1",
        "fixed kernels",
        "two_goals",
        0,
        False,
        status,
        score,
        p,
        dict.fromkeys("SRGC", goal),
        dict.fromkeys("SRGC", "constructed"),
        1.0,
    )


FIRED, QUIET = row(SCORED, 1.0, 0.02), row(SCORED, 0.0, 0.8)
SILENT_ROW, BROKEN = row(NOT_APPLICABLE, NAN, NAN), row(VOID, NAN, NAN)


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([FIRED, FIRED, QUIET], written.FIRES),
        ([FIRED, QUIET], written.SILENT),
        # One of four is not most of them, whatever the others lack.
        ([FIRED, SILENT_ROW, SILENT_ROW, BROKEN], written.SILENT),
        ([SILENT_ROW, SILENT_ROW], written.NONE),
        ([BROKEN, BROKEN, SILENT_ROW], VOID),
        # What has no null is not silent: nobody knows.
        ([row(SCORED, 1.0, NAN)], written.NO_NULL),
    ],
)
def test_a_cell_speaks_of_most_of_all_its_specimens(rows: list[Row], word: str) -> None:
    assert _word(rows, signed=False) == word


def test_a_cell_is_signed_where_most_scores_have_the_sign_of_the_goal() -> None:
    right = [row(SCORED, 0.3, NAN, True), row(SCORED, -0.2, NAN, False)]
    wrong = [row(SCORED, 0.1, NAN, False), row(SCORED, 0.0, NAN, True)]
    assert _word([*right, wrong[0]], signed=True) == written.SIGNED
    assert _word([*right, *wrong], signed=True) == written.UNSIGNED


def test_the_document_says_what_the_code_expects() -> None:
    section = DOCUMENT.read_text("utf-8").split("## What was expected", 1)[1]
    head, _, *lines = [x for x in section.splitlines() if x.startswith("|")]
    organisms = [each.strip() for each in head.strip("|").split("|")][1:]
    said = {written.NONE: "–"}
    for line in lines:
        name, *words = [each.strip() for each in line.strip("|").split("|")]
        wanted = [written.expected(name.replace(" ", "_"), each) for each in organisms]
        assert words == [said.get(word, word) for word in wanted], name
    assert len(lines) == len(written.EXPECTED)
    for detector, habitat in written.BLIND:
        if habitat == "two_goals-time":
            assert re.search(r"D1, D3, D4, D5 and D6 do not\s+apply", section)
        assert written.expected(detector, "O1", habitat) != written.FIRES
