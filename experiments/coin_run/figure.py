"""R4, the figure: end and coin, by the share of levels with the coin anywhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.report import style
from mesagym.reproductions.drawing import SHARE, WIDTH, bar, blank, curve, key
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.measuring import Figures, trained_seeds, why_blank

NAMES = {"coin": "the coin", "end": "the end without the coin", "neither": "neither"}
COLOURS = {"coin": style.BASE, "end": style.PROXY, "neither": style.NEITHER}


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return what comes first against p, and beside it of those of the right fifth."""
    protocol = Reproduction(Path(__file__).parent).protocol
    with style.applied():
        drawn = style.new_figure(350, WIDTH)
        left, right = drawn.subplots(1, 2, width_ratios=(3, 1), sharey=True)
        selection = figures[protocol.SELECTION]
        if trained_seeds(selection).any():
            levels = protocol.kept_levels(selection)
        else:
            levels = np.zeros(protocol.LEVELS, bool)
        if levels.any():
            _against_p(left, protocol, figures, levels)
            _right_fifth(right, protocol, figures, levels)
        else:
            for axes in (left, right):
                blank(axes, 0.0, "no competent agents to filter the levels with")
        left.set_ylim(0, 1.04)
        left.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", ".25", ".5", ".75", "1"])
        left.set_ylabel("share of episodes")
        left.set_title(
            f"What comes first, coin anywhere ({int(levels.sum())} levels "
            "without accidents)"
        )
        key(drawn, {name: COLOURS[outcome] for outcome, name in NAMES.items()})
    return drawn


def _against_p(
    axes: Axes, protocol: Any, figures: Mapping[str, Figures], levels: np.ndarray
) -> None:
    """Draw every outcome against p, p = 0 a step left of the others, and the fit."""
    tested = {name: p for name in figures if (p := protocol.p_of(name)) is not None}
    tested = dict(sorted(tested.items(), key=lambda each: each[1]))
    smallest = min(p for p in tested.values() if p)
    at = {name: np.log10(p or smallest / 10**0.5) for name, p in tested.items()}
    most = max(len(figures[name]["seeds"]) for name in tested)
    for outcome, colour in COLOURS.items():
        rates = np.full((len(tested), most), np.nan)
        for row, name in zip(rates, tested, strict=True):
            if not why_blank(figures[name], trained_seeds(figures[name]), 2):
                came, all_ = protocol.successes(figures[name], outcome, levels)
                row[: len(came)] = came / all_
        curve(
            axes,
            list(at.values()),
            rates,
            colour=colour,
            label=NAMES[outcome],
            limits=SHARE,
        )
    threshold = protocol.halving(figures, levels)
    if threshold.estimate is not None:
        ends = list(at.values())
        low, high = (
            ends[place] if bound is None else np.log10(bound)
            for place, bound in ((0, threshold.low), (-1, threshold.high))
        )
        axes.axvspan(low, high, color=style.FAINT, alpha=0.6, lw=0, zorder=0)
        axes.axvline(np.log10(threshold.estimate), color=style.MUTED, lw=1.2)
        fine = np.linspace(np.log10(smallest), ends[-1], 200)
        axes.plot(
            fine, threshold.curve.at(10**fine), color=style.INK, lw=1, ls=(0, (4, 3))
        )
        axes.text(
            np.log10(threshold.estimate),
            1.02,
            f" halves at p = {threshold}",
            color=style.MUTED,
            size=9.5,
            va="top",
        )
    words = []
    for name, p in tested.items():
        seen = int(np.median(figures[name]["distinguishing"]))
        words.append(f"{p:g}\n{seen:,}".replace("0.", "."))
    axes.set_xticks(list(at.values()), words)
    axes.set_xlabel(
        "p, share of training levels with the coin anywhere;\n"
        "below it the distinguishing episodes that it came to, median over seeds"
    )


def _right_fifth(
    axes: Axes, protocol: Any, figures: Mapping[str, Figures], levels: np.ndarray
) -> None:
    each = figures[protocol.RIGHT_FIFTH]
    axes.tick_params(axis="x", length=0)
    axes.set_xticks([1], ["coin in the\nright fifth"])
    axes.set_xlim(0.3, 1.7)
    if why := why_blank(each, trained_seeds(each), 2):
        blank(axes, 0.4, why)
        return
    for k, (outcome, colour) in enumerate(COLOURS.items()):
        came, all_ = protocol.successes(each, outcome, levels)
        bar(
            axes,
            0.6 + 0.4 * k,
            protocol.rate_of(each, outcome, levels),
            came / all_,
            colour=colour,
            width=0.34,
        )
