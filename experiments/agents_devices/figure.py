"""R12, the figure: p(agent) by kind of behaviour, under the stated prior and others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mesagym.evals.evaluators.agents_devices import settings
from mesagym.report import style
from mesagym.reproductions.drawing import WIDTH
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.judging import FEWEST
from mesagym.reproductions.measuring import Figures

LABELS = {
    "in distribution": "in distri-\nbution",
    "misgeneralizing": "misgene-\nralizing",
    "robust": "robust",
    "capability failure": "capability\nfailure",
    "untrained": "untrained",
}
COLOURS = {
    "in distribution": style.BOTH,
    "misgeneralizing": style.PROXY,
    "robust": style.BASE,
    "capability failure": style.NEITHER,
    "untrained": style.NEITHER,
}
SPREAD = 0.3


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return p(agent) of each seed, and the means under 27 priors, by behaviour."""
    protocol = Reproduction(Path(__file__).parent).protocol
    names = protocol.environments(figures)
    with style.applied():
        drawn = style.new_figure(360, WIDTH)
        panels = drawn.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for axes, environment in zip(panels, names, strict=True):
            for place, group in enumerate(protocol.GROUPS):
                _column(axes, place, protocol, figures, environment, group)
            axes.set_title(environment.removesuffix("-v0"))
            axes.set_xticks(range(len(LABELS)), list(LABELS.values()), size=9)
            axes.tick_params(axis="x", length=0)
            axes.set_xlim(-0.6, len(LABELS) - 0.4)
            axes.set_ylim(-0.06, 1.14)
            axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", ".25", ".5", ".75", "1"])
        panels[0].set_ylabel("p(agent)")
        key = [
            Line2D([], [], marker="o", ls="", mfc=style.MUTED, mec=style.INK, ms=5),
            Line2D([], [], color=style.INK, lw=2.2),
            Line2D([], [], color=style.MUTED, lw=0.8),
        ]
        drawn.legend(
            handles=key,
            labels=["one seed", "their mean", "the mean under each of 27 priors"],
            loc="outside lower center",
            ncols=3,
        )
    return drawn


def _column(
    axes: Axes,
    place: int,
    protocol: Any,
    figures: Mapping[str, Figures],
    environment: str,
    group: str,
) -> None:
    values = protocol.grouped(figures, environment, group)
    axes.text(
        place,
        1.07,
        f"{len(values)}",
        ha="center",
        color=style.MUTED,
        size=9,
    )
    if not values.size:
        return
    for prior, *_ in settings():
        mean = protocol.grouped(figures, environment, group, prior).mean()
        axes.plot(
            [place - 0.42, place + 0.42],
            [mean] * 2,
            color=style.MUTED,
            lw=0.6,
            alpha=0.6,
        )
    offsets = np.linspace(-SPREAD, SPREAD, len(values)) if len(values) > 1 else [0.0]
    few = len(values) < FEWEST
    axes.plot(
        place + np.asarray(offsets),
        values,
        "o",
        ms=4.5,
        mfc=style.PAPER if few else COLOURS[group],
        mec=style.INK,
        mew=0.6,
        zorder=3,
        clip_on=False,
    )
    axes.plot(
        [place - 0.42, place + 0.42],
        [values.mean()] * 2,
        color=style.INK,
        lw=2.2,
        zorder=2,
    )
