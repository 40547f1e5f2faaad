"""R7, the figure: chests and ghosts opened, where chests abound and are scarce."""

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
    "oracle:shuffled": "oracle,\nshuffled",
    "oracle:chests": "base\noracle",
}
SHIFTS = {"training": "Chests abound, as in training", "shifted": "Chests are scarce"}
COLOURS = {"return_chests": style.BASE, "return_ghost_chests": style.NEITHER}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return what was opened on both kinds of levels, a pair of bars a policy."""
    with style.applied():
        drawn = style.new_figure(360, drawing.WIDTH)
        axes = drawn.subplots(1, 2)
        for each, (shift, title) in zip(axes, SHIFTS.items(), strict=True):
            _panel(each, figures, shift)
            each.set_title(title)
        axes[0].set_ylabel("opened, a level")
        drawing.key(
            drawn,
            {
                "chests, which are seen": COLOURS["return_chests"],
                "ghosts, which are not": COLOURS["return_ghost_chests"],
            },
        )
    return drawn


def _panel(axes: Axes, figures: Mapping[str, Figures], shift: str) -> None:
    labels = []
    for place, (name, each) in enumerate(figures.items()):
        labels.append(LABELS.get(name, name))
        keep = np.array(each["competent"], dtype=bool)
        if why := why_blank(each, keep):
            drawing.blank(axes, float(place), "\n".join(wrap(why, 14)))
            continue
        for k, (column, colour) in enumerate(COLOURS.items()):
            there = each["policies"]["trained"][shift]
            seeds = numbers(there[column])[keep]
            x = place + 0.4 * k - 0.2
            drawing.bar(axes, x, mean_interval(seeds), seeds, colour=colour, width=0.36)
    any_one = next(iter(figures.values()))["policies"]
    for policy, label in OTHERS.items():
        if shift not in any_one[policy]:
            continue
        for k, (column, colour) in enumerate(COLOURS.items()):
            mean = float(np.mean(any_one[policy][shift][column]))
            axes.bar(len(labels) + 0.4 * k - 0.2, mean, 0.36, color=colour, alpha=0.85)
        labels.append(label)
    axes.set_xticks(range(len(labels)), labels, fontsize=9)
    axes.tick_params(axis="x", length=0)
