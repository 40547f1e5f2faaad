"""R11, the figure: affinity to the greedy policy, and the trees, along each life."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.measuring import Figures, why_blank

PANELS = {
    "affinity": ("Affinity to chopping all there is", style.PROXY),
    "trees": ("Trees standing", style.BOTH),
    "wood": ("Wood a step", style.BASE),
}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return three curves of every life, the mean of those that count in bold.

    Lives that do not count are grey.
    """
    protocol = Reproduction(Path(__file__).parent).protocol
    each = figures["one-life"]
    counts = protocol.competent(each)
    with style.applied():
        drawn = style.new_figure(560, drawing.WIDTH)
        panels = drawn.subplots(len(PANELS), 1, sharex=True)
        for axes, (name, (title, colour)) in zip(panels, PANELS.items(), strict=True):
            axes.set_title(title)
            steps = np.array(each["curves"][name]["steps"]) / 1000
            for life, counted in zip(
                each["curves"][name]["seeds"], counts, strict=True
            ):
                shown = colour if counted else style.NEITHER
                axes.plot(steps, life, color=shown, alpha=0.45, lw=0.8)
            if counts.any():
                mean = np.array(each["curves"][name]["seeds"])[counts].mean(0)
                axes.plot(steps, mean, color=colour, lw=2)
        panels[0].axhline(protocol.NEAR, color=style.MUTED, lw=0.8)
        panels[0].set_ylim(None, 1.05)
        panels[1].set_ylim(0, 10.4)
        panels[2].set_ylim(0, None)
        panels[-1].set_xlabel("thousand steps of a life without resets")
        if why := why_blank(each, counts):
            drawn.text(0.99, 0.99, why, ha="right", va="top", color=style.MUTED, size=9)
    return drawn
