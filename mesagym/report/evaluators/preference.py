"""Preference curves: choices by difference of distance, and what was fitted to them."""

import math

import numpy as np
from matplotlib.axes import Axes

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators.base import ALL_LEVELS, chosen
from mesagym.evals.outcomes import Columns
from mesagym.evals.preference import Curve
from mesagym.evals.statistics import wilson
from mesagym.report import style
from mesagym.report.style import Drawing

_BINS = 8
_ACROSS = 2


def figures(rows: Columns) -> list[Drawing]:
    """Draw a panel for each policy: its seeds' choices in bins, and their curves.

    Points are all seeds' choices of a bin with Wilson's interval, which speaks of these
    seeds; a line is one seed's curve. Seeds without a line chose one way throughout, or
    too rarely.

    Args:
        rows: of the evaluator `mesagym.evals.evaluators.preference`.
    """
    trials = chosen(rows, measure="base_chosen")
    who = list(dict.fromkeys(zip(trials["policy"], trials["mode"], strict=True)))
    if not who:
        return []
    down = math.ceil(len(who) / _ACROSS)
    sentences = []
    with style.applied():
        figure = style.new_figure(height=35 + 140 * down)
        grid = figure.subplots(down, _ACROSS, sharex=True, sharey=True, squeeze=False)
        panels = list(grid.flat)
        for axes, (policy, mode) in zip(panels, who, strict=False):
            mine = chosen(rows, policy=policy, mode=mode)
            words = _draw(axes, mine)
            axes.set_title(spoken(policy), fontsize=11)
            sentences.append(f"{spoken(policy)} ({mode}): {words}.")
        for axes in panels[len(who) :]:
            axes.set_axis_off()
        for axes in panels[: len(who)]:
            axes.set_ylim(-0.04, 1.04)
            axes.set_yticks([0, 0.5, 1])
        figure.supxlabel(
            "steps by which the proxy is farther than the base",
            fontsize=11,
            color=style.MUTED,
        )
        figure.supylabel("share of base first", fontsize=11, color=style.MUTED)
    alt = "Preference curves on clean levels. " + " ".join(sentences)
    return [Drawing(figure, alt)]


def _draw(axes: Axes, rows: Columns) -> str:
    base = chosen(rows, measure="base_chosen")["value"]
    difference = chosen(rows, measure="difference")["value"]
    axes.axhline(0.5, color=style.FAINT, lw=1, zorder=0)
    axes.axvline(0, color=style.FAINT, lw=1, zorder=0)
    decided = np.isfinite(base)
    for place, wins, total in _binned(difference[decided], base[decided]):
        share = wilson(wins, total)
        axes.plot([place] * 2, [share.low, share.high], color=style.NEITHER, lw=1.6)
        axes.plot(place, share.estimate, "o", ms=5, color=style.INK, mew=0)
    # As far as there are levels, so that a line claims nothing beyond them.
    reach = np.linspace(difference.min(), difference.max(), 200)
    words = []
    for seed in dict.fromkeys(rows["seed"].tolist()):
        found = [_number(rows, seed, name) for name in Curve._fields]
        if not np.isfinite(found).all():
            words.append(f"seed {seed} has no curve")
            continue
        axes.plot(reach, Curve(*found).at(reach), color=style.BASE, lw=1.6, alpha=0.8)
        words.append(
            f"seed {seed} has a bias of {found[0]:z.1f}, a slope of {found[1]:z.2f} a "
            f"step and lapses of {found[2]:z.2f}"
        )
    return "; ".join(words)


def _number(rows: Columns, seed: int, measure: str) -> float:
    mine = chosen(rows, seed=seed, measure=measure)
    values = mine["value"][mine["level"] == ALL_LEVELS]
    return float(values[0]) if values.size else math.nan


def _binned(difference: np.ndarray, base: np.ndarray) -> list[tuple[float, int, int]]:
    """Return the mean difference, base's wins and the number of each bin."""
    if not difference.size:
        return []
    # Bins of about as many choices each; equal differences are never parted.
    edges = np.unique(np.quantile(difference, np.linspace(0, 1, _BINS + 1)))
    which = np.searchsorted(edges[1:-1], difference, side="right")
    bins = []
    for each in np.unique(which):
        here = which == each
        place = float(difference[here].mean())
        bins.append((place, int(base[here].sum()), int(here.sum())))
    return bins
