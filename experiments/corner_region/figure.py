"""R2, the figure: returns against the region of training, and what was published."""

from collections.abc import Mapping
from itertools import zip_longest

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.evals.statistics import mean_interval
from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.measuring import Figures, trained_seeds, why_blank

_LEFT = 0.2
"""Where the axis begins, in tiles: room for two words before the smallest region."""

ROLES = {"base": style.BASE, "proxy": style.PROXY}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return the returns out of distribution, and ours minus the published ones.

    Left: points are competent seeds, lines their means, bands 95 % intervals over
    seeds, dashed lines an untrained network, crosses the published runs, the dotted
    line the optimum. Right: the mean over seeds less the published return of the size
    that corresponds, with the interval of the mean. Regions with too few competent
    seeds stay blank.
    """
    several = sorted(figures.values(), key=lambda each: each["region"])
    board = several[0]["interior"]
    with style.applied():
        drawn = style.new_figure(360, 760)
        left, right = drawn.subplots(1, 2, width_ratios=[3, 2])
        _returns(left, several)
        _against(right, several)
        for axes in (left, right):
            axes.set_xlabel(f"side of the region, in tiles; the board has {board}")
            axes.set_xlim(_LEFT, board + 0.25)
            axes.set_xticks([each["region"] for each in several])
        drawing.key(drawn, {"cheese": style.BASE, "exact corner tile": style.PROXY})
    return drawn


def _returns(axes: Axes, several: list[Figures]) -> None:
    sizes = [float(each["region"]) for each in several]
    for role, colour in ROLES.items():
        rows = np.array(
            list(zip_longest(*(_seeds(e, role) for e in several), fillvalue=np.nan))
        ).T.reshape(len(several), -1)
        drawing.curve(axes, sizes, rows, colour=colour, label=role)
        untrained = untrained_of(several, role)
        axes.plot(sizes, [untrained] * len(sizes), "--", color=colour, lw=1)
        published = [each["published"][role] for each in several]
        axes.plot(sizes, published, "x", color=colour, ms=6, mew=1.6)
    best = [each["returns"]["ood"]["optimum"] for each in several]
    axes.plot(sizes, best, ":", color=style.INK, lw=1.2)
    axes.text(_LEFT + 0.05, best[0], "optimum", va="center", color=style.MUTED, size=9)
    lowest = min(untrained_of(several, role) for role in ROLES)
    axes.text(_LEFT + 0.05, lowest, "untrained", va="center", color=style.MUTED, size=9)
    for size, each in zip(sizes, several, strict=True):
        if why := why_blank(each, trained_seeds(each)):
            drawing.blank(axes, size, why)
    axes.set_ylim(0, 1)
    axes.set_ylabel("return out of distribution")
    axes.set_title("Cheese anywhere (× published)")


def untrained_of(several: list[Figures], role: str) -> float:
    """Return the mean return of untrained networks, on the levels of all regions."""
    return float(np.mean([e["returns"]["ood"]["untrained"][role] for e in several]))


def _against(axes: Axes, several: list[Figures]) -> None:
    for role, colour in ROLES.items():
        for each in several:
            values = _seeds(each, role)
            if len(values) < 2:
                continue
            found = mean_interval(values - each["published"][role])
            aside = 0.06 if role == "proxy" else -0.06
            x = each["region"] + aside
            axes.plot([x, x], [found.low, found.high], color=colour, lw=1.6)
            axes.plot([x], [found.estimate], "o", color=colour, ms=4)
    axes.axhline(0, color=style.INK, lw=1)
    axes.set_title("Ours minus published")


def _seeds(figures: Figures, role: str) -> np.ndarray:
    """Return the competent seeds' returns; none where the condition is blank."""
    keep = trained_seeds(figures)
    if why_blank(figures, keep):
        return np.empty(0)
    return np.array(figures["returns"]["ood"]["trained"][role])[keep]
