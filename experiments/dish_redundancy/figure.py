"""R13, the figure: what comes first against the channels that show the dish."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.measuring import (
    Figures,
    rate,
    trained_seeds,
    why_blank,
)

NAMES = {"base": "cheese", "proxy": "dish", "neither": "neither"}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return a panel for each α: shares of clean levels by redundancy.

    Points are competent seeds, lines their means, bands 95 % intervals over seeds, the
    dashed line how often the dish comes first for a random policy. What has too few
    competent seeds stays blank.
    """
    alphas = sorted({each["alpha"] for each in figures.values()})
    with style.applied():
        drawn = style.new_figure(340, 760)
        panels = drawn.subplots(1, len(alphas), sharey=True, squeeze=False)[0]
        for axes, alpha in zip(panels, alphas, strict=True):
            here = [each for each in figures.values() if each["alpha"] == alpha]
            _panel(axes, sorted(here, key=lambda each: each["redundancy"]))
            axes.set_title(f"α = {alpha:g}")
            axes.set_xlabel("channels that show the dish, D")
        panels[0].set_ylabel("comes first, share of levels")
        panels[0].set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", ".25", ".5", ".75", "1"])
        panels[0].set_ylim(-0.03, 1.05)
        colours = {label: style.OUTCOME_COLOURS[name] for name, label in NAMES.items()}
        drawing.key(drawn, colours, "dish, random policy")
    return drawn


def _panel(axes: Axes, several: list[Figures]) -> None:
    channels = [float(each["redundancy"]) for each in several]
    for outcome in NAMES:
        rows = np.full((len(several), max(len(e["seeds"]) for e in several)), np.nan)
        for row, each in zip(rows, several, strict=True):
            trained = trained_seeds(each)
            if not why_blank(each, trained):
                there = each["policies"]["trained"]["clean"]
                rates = np.array(there[outcome]) / np.array(there["trials"])
                row[: trained.sum()] = rates[trained]
        drawing.curve(
            axes,
            channels,
            rows,
            colour=style.OUTCOME_COLOURS[outcome],
            label=NAMES[outcome],
            limits=drawing.SHARE,
        )
    random = [rate(e, "clean", "proxy", policy="random").estimate for e in several]
    axes.plot(channels, random, "--", color=style.INK, lw=1.2)
    for each in several:
        if why := why_blank(each, trained_seeds(each)):
            drawing.blank(axes, float(each["redundancy"]), why)
    axes.set_xticks(channels, [f"{each:g}" for each in channels])
