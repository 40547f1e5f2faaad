"""The figures of each evaluator, by its name."""

from collections.abc import Callable

from mesagym.evals.outcomes import Columns
from mesagym.report.style import Drawing

_FIGURES: dict[str, Callable[[Columns], list[Drawing]]] = {}
"""Functions of an evaluator's tidy rows. Outcomes have their bars in the page."""


def figures_of(evaluator: str, rows: Columns) -> list[Drawing]:
    """Return an evaluator's figures; none where it has none."""
    draw = _FIGURES.get(evaluator)
    return draw(rows) if draw else []
