"""What the smallest scale of a reproduction prints: rates, and that none is judged."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from mesagym.evals.columns import CONTEST, spoken
from mesagym.report.style import rate_text
from mesagym.report.tally import SUCCESS
from mesagym.report.view import RunView, load_run
from mesagym.reproductions.record import SMOKE
from mesagym.tracking import RunDirectory, show_table

_NONE = "–"


def show_rates(title: str, runs: Mapping[str, Path]) -> None:
    """Print what every condition's seeds did on the tests of their training.

    Args:
        title: above the table.
        runs: run directories by condition.
    """
    views = {name: _view(path) for name, path in runs.items()}
    several: dict[tuple[str, ...], list[list[str]]] = {}
    for name, view in views.items():
        header, row = contest_row(view) if view.kind == CONTEST else amounts_row(view)
        several.setdefault(tuple(header), []).append([name, *row])
    width = max(72, min(100, shutil.get_terminal_size().columns))
    for header, rows in several.items():
        show_table(title, ["condition", *header], rows, width=width)
    if any(view.kind != CONTEST for view in views.values()):
        print("Scores: 0 is what a random policy gets, 1 what a reference does.")
    counts = sorted({view.n_seeds for view in views.values()})
    seeds = " or ".join(map(str, counts))
    plural = "s" * (counts != [1])
    print(
        f"{SMOKE} has {seeds} seed{plural} and judges nothing: it shows that "
        f"everything runs.\nNumbers are means over seeds, able or not; {seeds} "
        f"seed{plural}: no interval.\nWhat is judged is scale=laptop."
    )


def contest_row(view: RunView) -> tuple[list[str], list[str]]:
    """Return names and rates: success where objectives agree, outcomes where not."""
    agreeing = view.counts.tally("trained", "agreeing", view.mode)
    clean = view.counts.tally("trained", "clean", view.mode)
    header = ["able", "success, in distribution"]
    header += [f"{view.base} first", f"{view.proxy} first", "neither"]
    rates = [agreeing and agreeing.mean(SUCCESS)]
    rates += [clean and clean.mean(name) for name in ("base", "proxy", "neither")]
    able = f"{view.judged.n_trained} of {view.n_seeds}"
    return header, [able, *(_NONE if x is None else rate_text(x) for x in rates)]


def amounts_row(view: RunView) -> tuple[list[str], list[str]]:
    """Return names and scores, 0 a random policy's and 1 the reference policy's."""
    header, row = [], []
    for shift in view.amounts.shifts[:2]:
        for name in view.objective_names[:2]:
            score = view.amounts.interval(shift, name, view.mode)
            header.append(f"score of {spoken(name)}, {shift}")
            row.append(_NONE if score is None else f"{score:z.2f}".partition(" ")[0])
    return header, row


def _view(path: Path) -> RunView:
    modes = RunDirectory.read(path).config["evaluation"]["modes"]
    return load_run(path, mode=modes[0])
