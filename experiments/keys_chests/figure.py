"""R6, the figure: keys beyond need and chests opened, where keys abound."""

from collections.abc import Mapping
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.evals.statistics import mean_interval
from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.judging import numbers
from mesagym.reproductions.measuring import Figures, why_blank

LABELS = {
    "chests-abound": "trained:\nmany chests",
    "control": "control:\nfew chests",
}
OTHERS = {
    "random": "random\nwalk",
    "oracle:chests": "base\noracle",
    "oracle:keys": "keys'\noracle",
}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return both amounts on shifted levels, a bar a policy, a point a seed."""
    first = next(iter(figures.values()))
    with style.applied():
        drawn = style.new_figure(330, drawing.WIDTH)
        left, right = drawn.subplots(1, 2)
        spare = first["keys"] - first["chests"]
        _bars(left, figures, "beyond_need", style.PROXY)
        left.set_title("Keys beyond need")
        left.set_ylabel(f"keys a level, {spare} to be had")
        _bars(right, figures, "chests", style.BASE)
        right.set_title("Chests opened")
        right.set_ylabel(f"chests a level, {first['chests']} to be had")
    return drawn


def _bars(axes: Axes, figures: Mapping[str, Figures], what: str, colour: str) -> None:
    labels = []
    for place, (name, each) in enumerate(figures.items()):
        labels.append(LABELS.get(name, name))
        keep = np.array(each["competent"], dtype=bool)
        if why := why_blank(each, keep):
            drawing.blank(axes, float(place), "\n".join(wrap(why, 14)))
            continue
        seeds = _read(each, what, "trained")[keep]
        drawing.bar(
            axes, float(place), mean_interval(seeds), seeds, colour=colour, width=0.6
        )
    any_one = next(iter(figures.values()))
    for policy, label in OTHERS.items():
        mean = float(_read(any_one, what, policy).mean())
        axes.bar(len(labels), mean, 0.6, color=style.NEITHER, alpha=0.85)
        labels.append(label)
    axes.set_xticks(range(len(labels)), labels, fontsize=9)
    axes.tick_params(axis="x", length=0)


def _read(figures: Figures, what: str, policy: str) -> np.ndarray:
    if what == "beyond_need":
        return numbers(figures[what][policy])
    return numbers(figures["policies"][policy]["shifted"]["return_chests"])
