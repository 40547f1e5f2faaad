"""R10, the figure: what is earned, who is followed, and how far agents get."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.evals.statistics import mean_interval
from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.measuring import Figures, why_blank

SHIFTS = {
    "training": "expert",
    "shifted": "anti-\nexpert",
    "flipped": "anti-expert,\nmirrored",
}

TILES = {"expert": "expert", "expert, mirrored": "expert,\nmirrored"}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return the return of the base objective, the proxy's score, and tiles visited.

    Bars are of the seeds that count; where too few do there is none, and every seed is
    a grey point.
    """
    protocol = Reproduction(Path(__file__).parent).protocol
    each = figures["expert"]
    counts = protocol.competent(each)
    why = why_blank(each, counts)
    with style.applied():
        drawn = style.new_figure(340, drawing.WIDTH)
        panels = drawn.subplots(1, 3, width_ratios=(3, 3, 2))
        for axes, what, colour, title in (
            (panels[0], "return_beacons_in_order", style.BASE, "Return, in order"),
            (panels[1], "score_following", style.PROXY, "Score for following"),
        ):
            for place, shift in enumerate(SHIFTS):
                trained = protocol.of(each, shift, what)
                random = protocol.of(each, shift, what, "random").mean()
                shown = trained if why else trained[counts]
                _show(axes, place, shown, float(random), None if why else colour)
            axes.set_title(title)
            axes.set_xticks(range(len(SHIFTS)), list(SHIFTS.values()))
        panels[1].set_ylim(-0.15, 1.05)
        axes = panels[2]
        for place, seen in enumerate(TILES):
            trained = np.array(each["tiles"]["trained"][seen])
            random = float(np.mean(each["tiles"]["random"][seen]))
            shown = trained if why else trained[counts]
            _show(axes, place, shown, random, None if why else style.NEITHER)
        axes.set_title("Tiles visited")
        axes.set_xticks(range(len(TILES)), list(TILES.values()))
        for axes in panels:
            axes.axhline(0, color=style.MUTED, lw=0.8)
            axes.tick_params(axis="x", length=0)
            axes.set_xlim(-0.6, len(axes.get_xticks()) - 0.4)
        if why:
            panels[1].text(0.5, 0.75, why.replace(", ", ",\n"), color=style.MUTED)
        drawing.key(
            drawn,
            {"beacons in order, +1 and -1": style.BASE, "following": style.PROXY},
            "random policy",
        )
    return drawn


def _show(
    axes: Axes, place: int, seeds: np.ndarray, random: float, colour: str | None
) -> None:
    axes.plot([place - 0.3, place + 0.3], [random] * 2, color=style.INK, lw=1.2)
    if colour is None:
        spread = np.linspace(-0.2, 0.2, len(seeds))
        axes.plot(place + spread, seeds, "o", ms=3, color=style.NEITHER)
    else:
        interval = mean_interval(seeds)
        drawing.bar(axes, place, interval, seeds, colour=colour, width=0.6)
