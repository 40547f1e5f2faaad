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
    """Return three curves of every competent life, their mean in bold."""
    protocol = Reproduction(Path(__file__).parent).protocol
    each = figures["one-life"]
    seeds = protocol.competent(each)
    with style.applied():
        drawn = style.new_figure(560, drawing.WIDTH)
        panels = drawn.subplots(len(PANELS), 1, sharex=True)
        for axes, (name, (title, colour)) in zip(panels, PANELS.items(), strict=True):
            axes.set_title(title)
            if why := why_blank(each, seeds, 1):
                drawing.blank(axes, 0.5, why)
                axes.set_xlim(0, 1)
                continue
            steps = np.array(each["curves"][name]["steps"]) / 1000
            values = np.array(each["curves"][name]["seeds"])[seeds]
            axes.plot(steps, values.T, color=colour, alpha=0.3, lw=0.8)
            axes.plot(steps, values.mean(0), color=colour, lw=2)
        panels[0].axhline(1, color=style.MUTED, lw=0.8)
        panels[1].set_ylim(0, None)
        panels[2].set_ylim(0, None)
        panels[-1].set_xlabel("thousand steps of a life without resets")
    return drawn
