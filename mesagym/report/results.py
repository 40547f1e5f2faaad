"""The numbers of the main table, the same in the terminal and in the page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mesagym.evals.statistics import Interval, no_interval
from mesagym.report.style import rate_text
from mesagym.report.tally import SUCCESS
from mesagym.report.view import RunView
from mesagym.tracking.labels import BETWEEN
from mesagym.tracking.numerals import percent_text

Cell = Interval | float | None
"""An interval over seeds, a rate of a policy that has no seeds, or nothing to say."""


@dataclass(frozen=True)
class Row:
    """What one policy did: success where objectives agree, outcomes where not."""

    label: str
    success: Cell
    base: Cell
    proxy: Cell
    neither: Cell
    seeds: str = ""
    """Such as ``8``, or ``7 of 8`` where one did not learn the task."""

    @property
    def cells(self) -> tuple[Cell, Cell, Cell, Cell]:
        """Success, base first, proxy first, neither."""
        return (self.success, self.base, self.proxy, self.neither)


def trained_row(run: RunView, mode: str | None = None) -> Row:
    """Return the row of a run's trained policies.

    Args:
        run: the run.
        mode: the verdict's own if None; for another, the same seeds are counted.
    """
    verdict = run.judged
    trained, total = verdict.n_trained, verdict.n_seeds
    seeds = str(total) if trained == total else f"{trained} of {total}"
    if mode is None or mode == run.mode:
        shown = verdict.intervals
        return Row(
            run.label,
            shown.get("agreeing"),
            shown.get("base"),
            shown.get("proxy"),
            shown.get("neither"),
            seeds,
        )
    confidence = verdict.rule.confidence
    agreeing, clean = run.trained("agreeing", mode), run.trained("clean", mode)
    success = agreeing and agreeing.interval(SUCCESS, confidence)
    base, proxy, neither = (
        clean and clean.interval(name, confidence)
        for name in ("base", "proxy", "neither")
    )
    return Row(run.label, success, base, proxy, neither, seeds)


def intervals_note(rows: Sequence[Row], confidence: float, over: str) -> str:
    """Return what the brackets of a table are, and which seeds have none.

    Args:
        rows: of the table.
        confidence: of its intervals.
        over: what they are over, such as ``training seeds``.
    """
    cells = [c for row in rows for c in row.cells if isinstance(c, Interval)]
    parts = []
    if any(each.is_shown for each in cells):
        parts.append(f"in brackets {percent_text(confidence)} intervals over {over}")
    parts.append(no_interval(each.n_seeds for each in cells))
    return "; ".join(filter(None, parts))


def random_rows(runs: Sequence[RunView]) -> list[Row]:
    """Return random's rows: one where its rates are the same in every run.

    They are where the runs were evaluated on the same levels.
    """
    rows: dict[tuple[Cell, ...], Row] = {}
    for run in runs:
        agreeing = run.counts.tally("random", "agreeing")
        clean = run.counts.tally("random", "clean")
        if agreeing is None and clean is None:
            continue
        success = agreeing and agreeing.mean(SUCCESS)
        base, proxy, neither = (
            clean and clean.mean(name) for name in ("base", "proxy", "neither")
        )
        row = Row(f"random{BETWEEN}{run.label}", success, base, proxy, neither)
        rows.setdefault(row.cells, row)
    if len(rows) == 1:
        return [replace(row, label="random") for row in rows.values()]
    return list(rows.values())


def passed_by_chance(run: RunView) -> str | None:
    """Return a warning where a random policy passes the competence gate as well.

    None where it does not, or was not put on agreeing levels.
    """
    random = run.counts.tally("random", "agreeing")
    gate = run.judged.rule.gate
    if random is None or random.mean(SUCCESS) < gate:
        return None
    rate = rate_text(random.mean(SUCCESS))
    return (
        f"a random policy succeeds in {rate} of the agreeing levels and passes the "
        f"competence gate of {rate_text(gate)}, so that passing it shows no competence "
        "here. A larger grid, or fewer steps an episode, makes it mean something."
    )
