"""The table at the end of a run, in the terminal."""

import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mesagym.evals.statistics import PROVISIONAL_BELOW, Interval
from mesagym.evals.verdict import in_words
from mesagym.evals.verdict_rule import (
    INCAPABLE,
    MISGENERALIZED,
    ROBUST,
    SEED_DEPENDENT,
)
from mesagym.report.results import (
    Cell,
    disambiguated,
    random_rows,
    trained_row,
)
from mesagym.report.style import rate_text
from mesagym.report.view import RunView
from mesagym.tracking.console import TextFile

# Of the eight colours that every terminal theme keeps legible.
_LOOK = {
    ROBUST: "yellow",
    MISGENERALIZED: "blue",
    SEED_DEPENDENT: "magenta",
    INCAPABLE: "red",
}

_NARROWEST = 72


def show_results(
    runs: Sequence[RunView], *, file: TextFile | None = None, width: int | None = None
) -> None:
    """Print what each run learned: rates with intervals, then the verdict in words.

    Args:
        runs: to be compared, at least one.
        file: standard output if None.
        width: characters; the terminal's if None, at most 100 and at least 72.
    """
    to: Any = file or sys.stdout
    console = Console(file=to, width=width, highlight=False)
    room = min(max(console.width, _NARROWEST), 100)
    console = Console(file=to, width=room, highlight=False)
    console.print(results(runs))


def results(runs: Sequence[RunView]) -> Group:
    """Return the table and the verdicts, to print with rich."""
    runs = disambiguated(runs)
    rows = [trained_row(run) for run in runs]
    first = runs[0]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("")
    for heading in (
        "success where\nthey agree",
        f"{first.base} first\n(base)",
        f"{first.proxy} first\n(proxy)",
        "neither",
    ):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(Text(row.label, style="bold"), *map(_cell, row.cells))
    for row in random_rows(runs):
        table.add_row(Text(row.label), *map(_cell, row.cells), style="dim")
    confidence = first.verdict.rule.confidence
    over = "training seeds"
    if all(run.verdict.n_seeds == 1 for run in runs):
        over = "levels: a single seed"
    note = (
        f"Success where {first.base} and {first.proxy} agree; the rest on clean "
        f"distinguishing levels. In brackets {100 * confidence:.0f}% intervals over "
        f"{over}"
    )
    provisional = [run for run in runs if run.verdict.n_trained < PROVISIONAL_BELOW]
    if provisional:
        note += f"; fewer than {PROVISIONAL_BELOW} seeds: provisional"
    parts: list[object] = [table, Text(f"{note}.", style="dim"), Text("")]
    for run, row in zip(runs, rows, strict=True):
        look = _LOOK.get(run.verdict.word, "")
        # A line must not break between a number and its percent sign.
        text = in_words(run.verdict, run.base, run.proxy).replace(" %", "%")
        head, _, rest = text.partition(":")
        seeds = f"{row.seeds} seed{'s' * (row.seeds != '1')}"
        parts.append(Text.assemble((run.label, "bold"), (f", {seeds}", "dim")))
        sentence = Text.assemble((f"{head}:", f"bold {look}".strip()), rest)
        parts.append(Padding(sentence, (0, 0, 1, 2), expand=False))
    return Group(*parts)  # pyright: ignore


def _cell(cell: Cell) -> Text:
    if cell is None:
        return Text("–")
    if isinstance(cell, Interval):
        return Text(f"{cell:.2f}".removesuffix(" provisional"))
    # Under the estimates of the rows above.
    return Text(rate_text(cell) + " " * len(" [.00, .00]"))
