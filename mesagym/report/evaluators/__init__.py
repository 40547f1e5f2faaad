"""The figures of each evaluator, by its name."""

from importlib import import_module

from mesagym.evals.outcomes import Columns
from mesagym.report.style import Drawing

DRAWN: tuple[str, ...] = (
    "displacement",
    "preference",
    "goal_posterior",
    "directedness",
    "agents_devices",
    "critic",
    "splayed",
    "stability",
)
"""Evaluators with a module of this folder, which has ``figures(rows)``. Outcomes have
their bars in the page."""


def figures_of(evaluator: str, rows: Columns) -> list[Drawing]:
    """Return an evaluator's figures, drawn of its tidy rows; none where it has none."""
    if evaluator not in DRAWN:
        return []
    # matplotlib's parts take a second to import, and most runs need few of them.
    return import_module(f"{__name__}.{evaluator}").figures(rows)
