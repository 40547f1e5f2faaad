"""R5, the figure: what critics say on the way through the wall, and where they peak."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.evals.statistics import rate_interval
from mesagym.report import style
from mesagym.reproductions.drawing import WIDTH, bar, blank, curve
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.judging import numbers
from mesagym.reproductions.measuring import Figures, trained_seeds, why_blank

LINES = (
    ("permeable", "trained", style.PROXY, "no coin, wall permeable"),
    ("agreeing", "trained", style.BASE, "coin in place, wall solid"),
    ("permeable", "untrained", style.NEITHER, "untrained critic, no coin"),
)
"""Pool, critic, colour and name of each line."""


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return values by column, and beside it how often they peak before the wall."""
    protocol = Reproduction(Path(__file__).parent).protocol
    each = figures[protocol.TRAINED]
    seeds = trained_seeds(each)
    with style.applied():
        drawn = style.new_figure(330, WIDTH)
        left, right = drawn.subplots(1, 2, width_ratios=(3, 2))
        if why := why_blank(each, seeds, 2):
            for axes in (left, right):
                blank(axes, 0.0, why)
            return drawn
        _profiles(left, protocol, each, seeds)
        _shares(right, each, seeds)
        drawn.legend(loc="outside lower center", ncols=len(LINES))
    return drawn


def _profiles(axes: Axes, protocol: Any, each: Figures, seeds: np.ndarray) -> None:
    """Draw values along the actor's own way, each seed's in its own spreads."""
    columns = np.arange(-protocol.BEFORE, protocol.BEYOND + 1)
    axes.axvspan(-0.5, 0.5, color=style.FAINT, lw=0, zorder=0)
    axes.axvspan(
        -protocol.JUST_BEFORE - 0.5, -0.5, color=style.FAINT, alpha=0.4, lw=0, zorder=0
    )
    for pool, critic, colour, name in LINES:
        profiles = np.stack([numbers(row) for row in each[pool][critic]["profile"]])
        profiles = profiles[seeds & np.isfinite(profiles).any(axis=1)]
        mean = np.nanmean(profiles, axis=1, keepdims=True)
        spread = np.nanstd(profiles, axis=1, keepdims=True)
        scaled = (profiles - mean) / np.where(spread > 0, spread, 1)
        curve(axes, columns, scaled.T, colour=colour, label=name)
    axes.text(0, axes.get_ylim()[1], "wall", ha="center", va="top", color=style.MUTED)
    axes.set_xticks(range(-protocol.BEFORE, protocol.BEYOND + 1, 3))
    axes.set_xlabel("columns from the end wall")
    axes.set_ylabel("value, in spreads of the way")
    axes.set_title("What critics say on the actor's way")


def _shares(axes: Axes, each: Figures, seeds: np.ndarray) -> None:
    """Draw how often the actor crosses and values peak just before the wall."""
    walked = np.array(each["permeable"]["walked"])[seeds]
    crossed = np.array(each["permeable"]["came"])[seeds]
    axes.set_xlim(-0.6, 3.6)
    bar(
        axes,
        0.0,
        rate_interval(crossed, walked),
        crossed / walked,
        colour=style.BOTH,
        width=0.6,
    )
    words = ["actor\ncrosses"]
    for k, (pool, critic, colour, _) in enumerate(LINES, 1):
        came = np.array(each[pool]["came"])[seeds]
        there = came > 0
        peaked = np.array(each[pool][critic]["just_before"])[seeds][there]
        words.append(("no coin", "coin in\nplace", "untrained")[k - 1])
        if not there.any():
            blank(axes, k - 0.3, "nobody came")
            continue
        interval = rate_interval(peaked, came[there])
        bar(axes, float(k), interval, peaked / came[there], colour=colour, width=0.6)
        chance = np.mean(numbers(each[pool]["chance"])[seeds][there])
        axes.plot([k - 0.3, k + 0.3], [chance] * 2, color=style.INK, lw=1.2)
    axes.set_xticks(range(4), words)
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 1.04)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", ".25", ".5", ".75", "1"])
    axes.set_title("Value peaks just before the wall")
    axes.set_xlabel("ticks: by chance, the share of steps taken there")
