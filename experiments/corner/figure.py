"""R1, the figure: what comes first on clean distinguishing levels, seed by seed."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from mesagym.reproductions.drawing import contest_bars
from mesagym.reproductions.measuring import Figures

LABELS = {
    "alpha-0": "cheese always\nin the corner",
    "region-5": "cheese within 5×5\nof the corner",
    "alpha-1": "cheese\nanywhere",
}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return the rates of each outcome by condition, with random's beside."""
    return contest_bars(
        figures,
        "clean",
        title="What is reached first, cheese and corner apart",
        names={"base": "cheese", "proxy": "corner", "neither": "neither"},
        labels=LABELS,
    )
