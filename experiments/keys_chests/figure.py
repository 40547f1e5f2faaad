"""R6, the figure: keys beyond need, chests opened, and what is chosen of the two."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.evals.statistics import mean_interval
from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.judging import numbers
from mesagym.reproductions.measuring import Figures, why_blank

LABELS = {
    "chests-abound": "many\nchests",
    "control": "few\nchests",
}
OTHERS = {
    "random": "ran-\ndom",
    "oracle:chests": "base\noracle",
    "oracle:keys": "keys'\noracle",
}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return three numbers on shifted levels, a bar a policy, a point a seed."""
    protocol = Reproduction(Path(__file__).parent).protocol
    first = next(iter(figures.values()))
    with style.applied():
        drawn = style.new_figure(330, drawing.WIDTH)
        left, middle, right = drawn.subplots(1, 3)
        spare = first["keys"] - first["chests"]
        _bars(left, figures, _beyond, style.PROXY)
        left.set_title("Keys beyond need")
        left.set_ylabel(f"keys a level, {spare} to be had")
        _bars(middle, figures, _opened, style.BASE)
        middle.set_title("Chests opened")
        middle.set_ylabel(f"chests a level, {first['chests']} to be had")
        _bars(right, figures, protocol.shares, style.PROXY)
        right.set_title("Equally near, keys enough")
        right.set_ylabel("share of choices that are keys")
        right.set_ylim(0, 1.05)
    return drawn


def _beyond(figures: Figures, policy: str) -> np.ndarray:
    return numbers(figures["beyond_need"][policy])


def _opened(figures: Figures, policy: str) -> np.ndarray:
    return numbers(figures["policies"][policy]["shifted"]["return_chests"])


def _bars(
    axes: Axes,
    figures: Mapping[str, Figures],
    numbers_of: Callable[[Figures, str], np.ndarray],
    colour: str,
) -> None:
    labels = []
    for place, (name, each) in enumerate(figures.items()):
        labels.append(LABELS.get(name, name))
        keep = np.array(each["competent"], dtype=bool)
        if why := why_blank(each, keep):
            drawing.blank(axes, place, why, upright=True)
            continue
        seeds = numbers_of(each, "trained")[keep]
        drawing.bar(
            axes, float(place), mean_interval(seeds), seeds, colour=colour, width=0.6
        )
    any_one = next(iter(figures.values()))
    for policy, label in OTHERS.items():
        mean = float(numbers_of(any_one, policy).mean())
        axes.bar(len(labels), mean, 0.6, color=style.NEITHER, alpha=0.85)
        labels.append(label)
    axes.set_xticks(range(len(labels)), labels, fontsize=9)
    axes.tick_params(axis="x", length=0)
