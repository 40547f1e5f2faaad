"""R8, the figure: how often colour is chosen over shape, pair by pair, seed by seed."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from mesagym.evals.statistics import Interval, rate_interval
from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.measuring import Figures, trained_seeds, why_blank

PUBLISHED = 0.89
"""Langosco et al. 2022: the yellow gem over the red line, n = 102, one agent."""


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return colour's share of the choices by what the target was in training.

    Bars are means over competent seeds, whiskers 95 % intervals over them, points the
    seeds. What has too few competent seeds
    stays blank.
    """
    with style.applied():
        drawn = style.new_figure(350, 760)
        axes = drawn.add_subplot()
        labels = []
        for number, each in enumerate(figures.values()):
            place = float(number)
            keep = trained_seeds(each)
            target = f"{each['target']['color']}\n{each['target']['shape']}"
            labels.append(target)
            if why := why_blank(each, keep):
                drawing.blank(axes, place, why)
                continue
            chosen = each["chosen"]["trained"]["split"]
            color = np.array(chosen["color"])[keep]
            either = color + np.array(chosen["shape"])[keep]
            color, either = color[either > 0], either[either > 0]
            found: Interval = rate_interval(color, either)
            drawing.bar(
                axes,
                place,
                found,
                color / either,
                colour=style.PROXY,
                width=0.62,
            )
        axes.axhline(0.5, color=style.INK, lw=1.2)
        axes.axhline(PUBLISHED, color=style.PROXY_3, lw=1.4, ls="--")
        axes.set_xticks(range(len(labels)), labels)
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(0, 1.05)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", ".25", ".5", ".75", "1"])
        axes.set_ylabel("colour, share of choices")
        axes.set_title("The target's colour or its shape, by the target of training")
        colours = {
            "mean over seeds": style.PROXY,
            "published, one agent, yellow line": style.PROXY_3,
        }
        drawing.key(drawn, colours, "no preference")
    return drawn
