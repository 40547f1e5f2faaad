"""Figures that several reproductions share: rates by condition, seed by seed."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.evals.statistics import FEWEST_FOR_INTERVAL, Interval
from mesagym.report import style
from mesagym.reproductions.measuring import Figures, rate, trained_seeds, why_blank

WIDTH = 760

SHARE = (0.0, 1.0)
"""The limits of a share, see `curve`."""


def contest_bars(
    figures: Mapping[str, Figures],
    shift: str,
    *,
    title: str,
    names: Mapping[str, str],
    labels: Mapping[str, str],
) -> Figure:
    """Return what came first under a shift, one group of bars a condition.

    Bars are means over the seeds that pass the gate, whiskers 95 % intervals over
    seeds where there are four or more, points the seeds, ticks across a bar the random
    policy's rate on the same levels. A condition with too few competent seeds stays
    blank.

    Args:
        figures: of `mesagym.reproductions.measuring.outcomes_of`, by condition.
        shift: which.
        title: above it.
        names: what each outcome is called here, by ``base``, ``proxy``, ``neither``.
        labels: what each condition is called here.
    """
    with style.applied():
        drawn = style.new_figure(330, WIDTH)
        axes = drawn.add_subplot()
        width = 0.8 / len(names)
        for place, each in enumerate(figures.values()):
            trained = trained_seeds(each)
            why = why_blank(each, trained)
            if why and trained.sum() < 2:
                blank(axes, place, why)
                continue
            for k, outcome in enumerate(names):
                x = place + (k - (len(names) - 1) / 2) * width
                there = each["policies"]["trained"][shift]
                rates = np.array(there[outcome]) / np.array(there["trials"])
                bar(
                    axes,
                    x,
                    rate(each, shift, outcome, trained),
                    rates[trained],
                    colour=style.OUTCOME_COLOURS[outcome],
                    width=width * 0.9,
                )
                random = rate(each, shift, outcome, policy="random").estimate
                half = width * 0.45
                axes.plot([x - half, x + half], [random] * 2, color=style.INK, lw=1.2)
            if why:
                axes.text(
                    place, 1.04, "provisional", ha="center", color=style.MUTED, size=9.5
                )
        axes.set_xticks(
            range(len(figures)), [labels.get(name, name) for name in figures]
        )
        axes.tick_params(axis="x", length=0)
        axes.set_ylim(0, 1.09)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", ".25", ".5", ".75", "1"])
        axes.set_ylabel("share of levels")
        axes.set_title(title)
        key(
            drawn,
            {label: style.OUTCOME_COLOURS[name] for name, label in names.items()},
            "random policy",
        )
    return drawn


def bar(
    axes: Axes,
    x: int | float,
    interval: Interval,
    seeds: np.ndarray,
    *,
    colour: str,
    width: int | float,
) -> None:
    """Draw one bar with its interval over seeds and a point for each seed.

    Of fewer than four seeds the points are all: the interval of two or three takes in
    nearly everything, and would say nothing.

    Args:
        axes: where.
        x: the bar's middle.
        interval: whose estimate is its height.
        seeds: float[seeds].
        colour: of the bar.
        width: in units of x.
    """
    axes.bar(x, interval.estimate, width, color=colour, alpha=0.85)
    spread = (np.arange(len(seeds)) - (len(seeds) - 1) / 2) / max(len(seeds), 2)
    axes.plot(
        x + 0.6 * width * spread,
        seeds,
        "o",
        ms=2.6,
        mfc=style.PAPER,
        mec=style.INK,
        mew=0.6,
        zorder=3,
    )
    if len(seeds) < FEWEST_FOR_INTERVAL:
        return
    low, high = (np.clip(bound, -1e9, 1e9) for bound in (interval.low, interval.high))
    axes.plot([x, x], [low, high], color=style.INK, lw=1.4, zorder=4)


def blank(axes: Axes, x: int | float, why: str, *, upright: bool = False) -> None:
    """Say in place of a bar why there is none.

    Args:
        axes: where.
        x: the bar's middle.
        why: in words.
        upright: whether the words run upwards, where bars stand close together.
    """
    words = why.replace(", ", ",\n")
    if upright:
        # A panel that begins or ends with it leaves it the room of a bar.
        axes.bar(x, 0, 0.6)
    axes.text(
        x,
        0.03 if upright else 0.05,
        words,
        # Upright, a share of the panel's height: its axis may not begin at 0.
        transform=axes.get_xaxis_transform() if upright else axes.transData,
        ha="center",
        va="bottom",
        ma="left" if upright else "center",
        rotation=90 if upright else 0,
        color=style.MUTED,
        size=9.5,
    )


def key(figure: Figure, colours: Mapping[str, str], random: str | None = None) -> None:
    """Draw the key below a figure.

    Args:
        figure: whose.
        colours: by what they stand for.
        random: what the tick across a bar is called; None where there is none.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Patch | Line2D] = [
        Patch(color=colour, label=label) for label, colour in colours.items()
    ]
    if random is not None:
        handles.append(Line2D([], [], color=style.INK, lw=1.2, label=random))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def curve(
    axes: Axes,
    x: Sequence[float] | np.ndarray,
    seeds: np.ndarray,
    *,
    colour: str,
    label: str,
    limits: tuple[float, float] | None = None,
) -> None:
    """Draw the mean over seeds against x, its interval as a band, seeds as points.

    The band is there where there are four seeds or more.

    Args:
        axes: where.
        x: float[points].
        seeds: float[points, seeds]; NaN where a seed proves nothing.
        colour: of it.
        label: in the key.
        limits: between which the values lie, (0, 1) for a share; None where there are
            none.
    """
    # Only now: reading records does not wait for evaluators.
    from mesagym.evals.evaluators.base import interval_within

    x = np.asarray(x, dtype=np.float64)
    there = (~np.isnan(seeds)).sum(axis=1) > 1
    found = [interval_within(row[~np.isnan(row)], limits) for row in seeds[there]]
    shown = np.array([each.is_shown for each in found], dtype=bool)
    axes.fill_between(
        x[there],
        [each.low for each in found],
        [each.high for each in found],
        where=shown,
        color=colour,
        alpha=0.18,
        lw=0,
    )
    axes.plot(x[there], [each.estimate for each in found], color=colour, label=label)
    for row, at in zip(seeds, x, strict=True):
        axes.plot([at] * len(row), row, "o", ms=2.4, color=colour, alpha=0.5, mew=0)
