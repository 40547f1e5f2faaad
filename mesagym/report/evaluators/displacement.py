"""Displacement: how much each policy follows each thing, and its first actions."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators.base import SHARE, SIGNED, chosen, of_seeds
from mesagym.evals.outcomes import Columns
from mesagym.evals.statistics import share_interval
from mesagym.report import style
from mesagym.report.style import Drawing

_COLOURS = (style.BASE, *style.PROXIES)
_UNWANTED = ("distractor", "wall")
_MARKS = "oDs^v"


def figures(rows: Columns) -> list[Drawing]:
    """Draw the following of each thing, and the change of the first action.

    A mark is the mean over seeds, with its interval, of four or more; of a single seed
    the interval is over its levels. Dots are seeds.

    Args:
        rows: of the evaluator `mesagym.evals.evaluators.displacement`.

    Returns:
        A drawing of each, none of what has no rows.
    """
    found = [
        _drawing(
            chosen(rows, measure="following"),
            "following",
            "share of arrivals that go where the thing goes",
            SIGNED,
            (-0.5, 1.05),
        ),
        _drawing(
            chosen(rows, measure="start_change"),
            "first",
            "change of the first action (total variation)",
            SHARE,
            (-0.03, 1.05),
        ),
    ]
    return [drawing for drawing in found if drawing is not None]


def _drawing(
    rows: Columns,
    name: str,
    label: str,
    limits: tuple[float, float],
    room: tuple[float, float],
) -> Drawing | None:
    who = list(dict.fromkeys(zip(rows["policy"], rows["mode"], strict=True)))
    things = list(dict.fromkeys(rows["about"]))
    if not who:
        return None
    tips, sentences = {}, []
    looks = _looks(things)
    with style.applied():
        figure = style.new_figure(height=80 + (16 + 11 * len(things)) * len(who))
        axes = figure.subplots()
        for y, (policy, mode) in enumerate(who):
            mine = chosen(rows, policy=policy, mode=mode)
            for place, thing in enumerate(things):
                part = chosen(mine, about=thing)
                offset = (place - (len(things) - 1) / 2) * 0.7 / len(things)
                words = _draw(
                    axes,
                    y + offset,
                    part,
                    looks[thing],
                    f"{name}-{y}-{place}",
                    limits,
                )
                if words is None:
                    continue
                said = f"{spoken(policy)} ({mode}), {spoken(thing)}: {words}"
                tips[f"{name}-{y}-{place}"] = said
                sentences.append(f"{said}.")
        axes.axvline(0, color=style.MUTED, lw=1, zorder=0)
        axes.set_ylim(len(who) - 0.5, -0.5)
        axes.set_xlim(*room)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(who)), [spoken(policy) for policy, _ in who])
        axes.tick_params(axis="y", labelcolor=style.INK)
        axes.set_xlabel(label)
        figure.legend(
            handles=[
                Line2D([], [], ls="", ms=7, label=spoken(t), **looks[t]) for t in things
            ],
            loc="outside upper left",
            ncols=4,
            columnspacing=1.1,
            handletextpad=0.3,
        )
    return Drawing(figure, f"{label.capitalize()}. " + " ".join(sentences), tips)


def _looks(things: list[str]) -> dict[str, dict[str, Any]]:
    wanted = [thing for thing in things if thing not in _UNWANTED]
    colours = dict(zip(wanted, _COLOURS * len(things), strict=False))
    return {
        thing: {
            "marker": _MARKS[place % len(_MARKS)],
            "mfc": colours.get(thing, style.NEITHER),
            "mec": style.INK,
        }
        for place, thing in enumerate(things)
    }


def _draw(
    axes: Axes,
    y: float,
    rows: Columns,
    look: dict[str, Any],
    gid: str,
    limits: tuple[float, float],
) -> str | None:
    seeds = of_seeds(rows["seed"], rows["value"])
    seeds = seeds[np.isfinite(seeds)]
    if not seeds.size:
        return None
    found = rows["value"][np.isfinite(rows["value"])]
    if seeds.size > 1:
        levels = int(np.unique(rows["seed"], return_counts=True)[1].min())
        interval = share_interval(seeds, levels=levels, limits=limits)
    else:
        interval = share_interval(found, limits=limits)
    if interval.is_shown:
        ends = [interval.low, interval.high]
        axes.plot(ends, [y, y], color=look["mfc"], lw=2)
    if seeds.size > 1:
        axes.plot(
            *(seeds, np.full(seeds.shape, y)), "o", ms=2.5, color=style.INK, mew=0
        )
    marks = axes.plot(interval.estimate, y, ls="", ms=6.5, mew=0.9, zorder=4, **look)
    marks[0].set_gid(gid)
    over = f"{seeds.size} seeds" if seeds.size > 1 else f"{found.size} levels"
    return f"{interval:z.2f}".removesuffix(" provisional") + f" over {over}"
