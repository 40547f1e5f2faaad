"""Trained against random over a suite of shifts, as the rows of a table."""

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from mesagym.evals.columns import spoken
from mesagym.evals.suite import FEWEST, LEVEL, RATE, RETURN, SUCCESS, ShiftTest
from mesagym.report.style import rate_text
from mesagym.report.tally import shift_title

HEADINGS: tuple[str, ...] = ("shift", "trained", "random", "p", "adjusted", "seeds")
"""Of `suite_rows`; under ``seeds`` stands how many there are, and are needed."""


_COUNTED = {
    "base": "of coming first to the base objective",
    "proxy": "of coming first to the proxy",
    SUCCESS: "of reaching the base objective at all where the objectives agree",
}


def suite_rows(tests: Sequence[ShiftTest]) -> list[tuple[str, ...]]:
    """Return a row a shift, as texts under `HEADINGS`."""
    return [
        (
            shift_title(test.shift),
            _number(test.trained, test.unit),
            _number(test.random, test.unit),
            p_text(test.p),
            p_text(test.adjusted) + " *" * test.beyond_chance,
            _seeds(test),
        )
        for test in tests
    ]


def p_text(p: float) -> str:
    """Write a p value: ``.031``, ``<.001``, ``1``, and ``–`` where there is none."""
    if math.isnan(p):
        return "–"
    if p < 0.001:
        return "<.001"
    return "1" if p >= 0.9995 else f"{p:.3f}".removeprefix("0")


def suite_note(tests: Sequence[ShiftTest]) -> str:
    """Return what the numbers mean, to stand below the table.

    Args:
        tests: of one run, at least one.
    """
    counted = list(dict.fromkeys(test.of for test in tests))
    if tests[0].unit == RATE:
        rates = [_COUNTED.get(of, f"of the outcome '{of}'") for of in counted]
        what = f"Rates {' and '.join(rates)}"
    else:
        what = f"Scores of {spoken(counted[0])}, 0 for random and 1 for its reference"
        if any(test.unit == RETURN for test in tests):
            what += "; returns where that is no better"
    made = [test for test in tests if not math.isnan(test.p)]
    note = (
        f"{what}, means over seeds. p: are new seeds of training different from random "
        "on these levels, by flipping the signs of the seeds' differences; adjusted: "
        f"for {len(made)} shifts (Benjamini and Hochberg), * at most {LEVEL}; "
        "needed: seeds that show a difference of this size 80% of the time, roughly."
    )
    few = [test for test in made if test.smallest > LEVEL]
    if few:
        note += (
            f" With {few[0].seeds} seeds p cannot be below {p_text(few[0].smallest)}, "
            f"whatever they do: that takes {FEWEST}."
        )
    if any(
        test.power and 0 < abs(test.power.effect) <= test.power.margin for test in made
    ):
        note += (
            " No number: the difference is within the error of random's own number, "
            "which more levels make smaller."
        )
    for test in tests:
        if test.why:
            note += f" {shift_title(test.shift)}: {test.why}."
    return note


def suite_table(tests: Sequence[ShiftTest]) -> Table:
    """Return the rows as a table, to print with rich."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("")
    for heading in HEADINGS[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in suite_rows(tests):
        table.add_row(*map(Text, row))
    return table


def _number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "–"
    return rate_text(value) if unit == RATE else f"{value:z.2f}"


def _seeds(test: ShiftTest) -> str:
    note = test.power
    if note is None or math.isnan(note.spread):
        return str(test.seeds)
    needed = "no number" if note.needed is None else f"{note.needed:,}"
    return f"{test.seeds} (needed {needed})"
