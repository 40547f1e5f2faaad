"""The table at the end of a run, in the terminal."""

import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mesagym.evals.amounts import IN_WORDS
from mesagym.evals.amounts_verdict import AmountsVerdict
from mesagym.evals.columns import CONTEST
from mesagym.evals.statistics import PROVISIONAL_BELOW, Interval
from mesagym.evals.verdict_rule import (
    INCAPABLE,
    MISGENERALIZED,
    MIXTURE,
    NOISY_BASE,
    NOISY_PROXY,
    OTHER_GOAL,
    ROBUST,
    SEED_DEPENDENT,
)
from mesagym.report.amounts import (
    Source,
    amount_rows,
    amount_text,
    score_text,
    scores_note,
)
from mesagym.report.pieces import capital
from mesagym.report.provenance import origins
from mesagym.report.results import (
    Cell,
    intervals_note,
    passed_by_chance,
    random_rows,
    trained_row,
)
from mesagym.report.style import rate_text
from mesagym.report.tally import shift_title
from mesagym.report.view import RunView, together
from mesagym.tracking.console import TextFile
from mesagym.tracking.labels import folded, shared_alpha

# Of the eight colours that every terminal theme keeps legible.
_LOOK = {
    ROBUST: "yellow",
    MISGENERALIZED: "blue",
    SEED_DEPENDENT: "magenta",
    INCAPABLE: "red",
    NOISY_BASE: "yellow",
    NOISY_PROXY: "blue",
    MIXTURE: "green",
    OTHER_GOAL: "cyan",
}

_NARROWEST = 72

_NO_BOUNDS = " " * len(" [.00, .00]")


def show_results(
    runs: Sequence[RunView], *, file: TextFile | None = None, width: int | None = None
) -> None:
    """Print what each run learned: rates with intervals, then the verdict in words.

    Where outcomes are amounts: mean returns and scores with intervals. At the end
    stand each run's directory and the command that made it.

    Args:
        runs: to be compared, at least one; all contests, or none.
        file: standard output if None.
        width: characters; the terminal's if None, at most 100 and at least 72.
    """
    runs = together(runs)
    shown = results(runs) if runs[0].kind == CONTEST else earned(runs)
    show(shown, file=file, width=width)
    for line in origin_lines(runs):
        print(line, file=file)


def origin_lines(runs: Sequence[RunView]) -> list[str]:
    """Return where runs are and which commands made them, as lines to copy from."""
    lines = []
    for command, made in origins(runs):
        for label, directory in made:
            head = "Run" if len(runs) == 1 else f"Run, {label}"
            lines.append(f"{head}: {directory or 'directory unknown'}")
        if command:
            lines.append(f"  made by: {command}")
    return lines


def show(
    what: Group | Table, *, file: TextFile | None = None, width: int | None = None
) -> None:
    """Print what rich can; ``file`` and ``width`` as those of `show_results`."""
    to: Any = file or sys.stdout
    console = Console(file=to, width=width, highlight=False)
    room = min(max(console.width, _NARROWEST), 100)
    Console(file=to, width=room, highlight=False).print(what)


def results(runs: Sequence[RunView]) -> Group:
    """Return a contest's table and verdicts, to print with rich."""
    rows = [trained_row(run) for run in runs]
    first = runs[0]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    alpha = shared_alpha([run.config for run in runs])
    table.add_column(f"all at\n{alpha}" if alpha else "")
    for heading in (
        "success where\nthey agree",
        f"{_folded(first.base)} first\n(base)",
        f"{_folded(first.proxy)} first\n(proxy)",
        "neither",
    ):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(Text(_narrow(row.label), style="bold"), *map(_cell, row.cells))
    for row in random_rows(runs):
        table.add_row(Text(_narrow(row.label)), *map(_cell, row.cells), style="dim")
    confidence = first.judged.rule.confidence
    over = "training seeds"
    if all(run.judged.n_seeds == 1 for run in runs):
        over = "levels: a single seed"
    note = (
        f"Success where {first.base} and {first.proxy} agree; the rest on clean "
        f"distinguishing levels"
    )
    if brackets := intervals_note(rows, confidence, over):
        note += f". {capital(brackets)}"
    if any(run.judged.n_trained < PROVISIONAL_BELOW for run in runs):
        note += f"; fewer than {PROVISIONAL_BELOW} seeds: provisional"
    parts: list[object] = [table, Text(f"{note}.", style="dim"), Text("")]
    for warning in dict.fromkeys(filter(None, map(passed_by_chance, runs))):
        parts += [Text(f"Beware: {warning}", style="red"), Text("")]
    for run, row in zip(runs, rows, strict=True):
        seeds = f"{row.seeds} seed{'s' * (row.seeds != '1')}"
        parts.append(Text.assemble((run.label, "bold"), (f", {seeds}", "dim")))
        parts.append(_verdict(run.judged.word, run.in_words))
        parts += _otherwise(run)
    return Group(*parts)  # pyright: ignore


def _narrow(label: str) -> str:
    """Return a run's label in lines that leave room for the cells beside it."""
    return folded(label, 13)


def _folded(name: str) -> str:
    """Return a name in lines that are hardly wider than the cells below it."""
    return textwrap.fill(name, 14)


def earned(runs: Sequence[RunView]) -> Group:
    """Return the table of amounts, and what its numbers mean, to print with rich."""
    amounts = [(run.label, run.amounts, run.mode) for run in runs]
    note = f"{IN_WORDS} {scores_note(runs)}"
    if alpha := shared_alpha([run.config for run in runs]):
        note += f" All at {alpha}."
    parts: list[object] = [amount_table(amounts), Text(note, style="dim"), Text("")]
    for run in runs:
        verdict = run.amounts_verdict
        if verdict is None:
            continue
        parts.append(Text.assemble((run.label, "bold"), (_seeds(verdict), "dim")))
        parts.append(_verdict(verdict.word, run.in_words))
        parts += _otherwise(run)
    return Group(*parts)  # pyright: ignore


def _seeds(verdict: AmountsVerdict) -> str:
    total, trained = verdict.n_seeds, verdict.n_trained
    some = "" if trained == total else f", {trained or 'none'} of them trained"
    return f", {total} seed{'s' * (total != 1)}{some}"


def _verdict(word: str, text: str) -> Padding:
    """Return a verdict in words, the word itself in its colour."""
    head, _, rest = text.partition(":")
    look = _LOOK.get(word, "")
    sentence = Text.assemble((f"{head}:", f"bold {look}".strip()), rest)
    return Padding(sentence, (0, 0, 1, 2), expand=False)


def _otherwise(run: RunView) -> list[Padding]:
    """Return a line where the run's own summary has another word, else nothing."""
    if not run.summary_differs:
        return []
    line = f"{run.summary_differs[:1].upper()}{run.summary_differs[1:]}."
    return [Padding(Text(line, style="dim"), (0, 0, 1, 2), expand=False)]


def amount_table(sources: Sequence[Source]) -> Table:
    """Return what policies earned on every shift as a table, to print with rich.

    Args:
        sources: a column tells them apart where there are several.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    several = len(sources) > 1
    table.add_column("")
    if several:
        table.add_column("")
    for heading in ("return", "random", "reference", "score"):
        table.add_column(heading, justify="right", no_wrap=True)
    shift = None
    for row in amount_rows(sources):
        first = row.label == sources[0][0]
        if row.shift != shift:
            if shift is not None:
                table.add_section()
            table.add_row(Text(shift_title(row.shift), style="bold"))
            shift = row.shift
        means = (row.trained, row.random, row.reference)
        table.add_row(
            Text(f"  {row.objective}" if first or not several else ""),
            *[Text(_narrow(row.label))] * several,
            *(Text(amount_text(mean)) for mean in means),
            Text(score_text(row.score)),
        )
    return table


def _cell(cell: Cell) -> Text:
    if cell is None:
        return Text("–")
    if isinstance(cell, Interval):
        text = f"{cell:.2f}".removesuffix(" provisional")
        return Text(text if cell.is_shown else text + _NO_BOUNDS)
    # Under the estimates of the rows above.
    return Text(rate_text(cell) + _NO_BOUNDS)
