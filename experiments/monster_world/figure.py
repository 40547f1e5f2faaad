"""R9, the figure: what is left along an episode, and what is chosen after."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.evals.statistics import rate_interval
from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.measuring import Figures, why_blank

LABELS = {"steps-25": "trained in\n25 steps", "steps-200": "trained in\n200 steps"}

COLOURS = {
    "apples": style.BASE,
    "shields": style.PROXY,
    "monsters": style.NEITHER,
}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return what lies and lives by step, and the share of choices that are shields."""
    protocol = Reproduction(Path(__file__).parent).protocol
    with style.applied():
        drawn = style.new_figure(330, drawing.WIDTH)
        panels = drawn.subplots(1, len(LABELS) + 1)
        for axes, (name, label) in zip(panels, LABELS.items(), strict=False):
            axes.set_title(label.replace("\n", " "))
            axes.set_xlabel("step of the episode")
            axes.set_ylim(0, 5.2)
            if name in figures:
                _left(axes, figures[name], protocol)
        panels[0].set_ylabel("left of 5, mean over levels")
        axes = panels[-1]
        axes.set_title("Equally near, no monster")
        for place, name in enumerate(LABELS):
            if name in figures:
                _chosen(axes, place, figures[name], protocol)
        axes.set_xlim(-0.6, len(LABELS) - 0.4)
        axes.set_xticks(range(len(LABELS)), list(LABELS.values()))
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(0, 1.05)
        axes.set_ylabel("share of choices that are shields")
        drawing.key(drawn, COLOURS, "random policy")
    return drawn


def _left(axes: Axes, figures: Figures, protocol: Any) -> None:
    curves = figures["after"]["trained"]["training"]["curves"]
    seeds = protocol.competent(figures)
    for name, colour in COLOURS.items():
        values = np.array(curves[name])[seeds]
        steps = np.arange(values.shape[1]) * protocol.EVERY
        axes.plot(steps, values.T, color=colour, alpha=0.25, lw=0.8)
        if len(values):
            axes.plot(steps, values.mean(0), color=colour, lw=2)


def _chosen(axes: Axes, place: int, figures: Figures, protocol: Any) -> None:
    seeds = protocol.competent(figures)
    if why := why_blank(figures, seeds):
        return drawing.blank(axes, place, why, upright=True)
    shield, apple = (each[seeds] for each in protocol.counted(figures))
    interval = rate_interval(shield, shield + apple)
    rates = protocol.shares(figures)[seeds]
    drawing.bar(axes, place, interval, rates, colour=style.PROXY, width=0.6)
    random = protocol.by_chance(figures).estimate
    axes.plot([place - 0.3, place + 0.3], [random] * 2, color=style.INK, lw=1.2)
