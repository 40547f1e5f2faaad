"""Actor against critic: where the one goes and the other peaks, and CoinRun's wall."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators.base import chosen, of_seeds
from mesagym.evals.outcomes import Columns
from mesagym.evals.statistics import share_interval
from mesagym.report import style
from mesagym.report.style import Drawing, rate_text
from mesagym.report.tally import shift_title

_LINES: tuple[tuple[str, str], ...] = (
    ("actor_first", "actor goes first to"),
    ("peak_at", "critic peaks just before"),
    ("peak_at_untrained", "untrained critic"),
    ("peak_by_chance", "any situation"),
)
"""Measures, and what a line of the figure calls them."""


def figures(rows: Columns) -> list[Drawing]:
    """Return actor against critic of the first policy with a critic, and the wall test.

    Args:
        rows: the evaluator's tidy table.
    """
    drawings = []
    for measure, draw in (("peak_at", _against), ("wall_columns", _wall)):
        judged = chosen(rows, measure=measure)
        if judged["value"].size:
            policy, mode = str(judged["policy"][0]), str(judged["mode"][0])
            drawings.append(draw(chosen(rows, policy=policy, mode=mode), policy, mode))
    return drawings


def _per_seed(rows: Columns, measure: str, shift: str, about: str) -> np.ndarray:
    mine = chosen(rows, measure=measure, shift=shift, about=about)
    values = of_seeds(mine["seed"], mine["value"])
    return values[np.isfinite(values)]


def _against(rows: Columns, policy: str, mode: str) -> Drawing:
    judged = chosen(rows, measure="peak_at")
    shifts = list(dict.fromkeys(judged["shift"].tolist()))
    objectives = list(dict.fromkeys(judged["about"].tolist()))
    colours = dict(zip(objectives, (style.BASE, *style.PROXIES), strict=False))
    words: list[str] = []
    rows_of_shift = len(_LINES) + 1.2
    with style.applied():
        figure = style.new_figure(height=26 * rows_of_shift * len(shifts) + 66)
        axes = figure.subplots()
        ticks: list[tuple[float, str]] = []
        y = 0.0
        for shift in shifts:
            axes.text(0, y, shift_title(shift), weight="bold", fontsize=11.5)
            said = []
            for measure, label in _LINES:
                y += 1
                ticks.append((y, label))
                for k, about in enumerate(objectives):
                    values = _per_seed(rows, measure, shift, about)
                    if not values.size:
                        continue
                    # Objectives of one rate would hide one another.
                    place = y + 0.26 * (k - (len(objectives) - 1) / 2)
                    colour = colours.get(about, style.MUTED)
                    _draw_rates(axes, place, values, colour)
                    said.append(f"{label} {spoken(about)} {rate_text(values.mean())}")
            words.append(f"{shift_title(shift)}: {', '.join(said)}.")
            y += 1.2
        axes.set_ylim(y - 0.6, -0.7)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.5, 1], ["0", "share of levels", "1"])
        axes.set_yticks([at for at, _ in ticks], [label for _, label in ticks])
        axes.tick_params(axis="y", labelcolor=style.INK)
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        figure.legend(
            handles=_handles(objectives, colours),
            loc="outside lower left",
            ncols=len(objectives),
            handletextpad=0.3,
        )
    alt = f"Actor against critic, policy {policy} ({mode}). " + " ".join(words)
    return Drawing(figure, alt)


def _handles(objectives: Sequence[str], colours: Mapping[str, str]) -> list[Line2D]:
    return [
        Line2D(
            [],
            [],
            ls="",
            marker="o",
            ms=7,
            mec="none",
            mfc=colours.get(each, style.MUTED),
            label=spoken(each),
        )
        for each in objectives
    ]


def _draw_rates(axes: Axes, y: float, values: np.ndarray, colour: str) -> None:
    interval = share_interval(values)
    if interval.is_shown:
        ends = [interval.low, interval.high]
        axes.plot(ends, [y, y], color=colour, lw=2.2, zorder=2)
    axes.scatter(
        values,
        np.full(len(values), y),
        s=9,
        color=style.PAPER,
        edgecolor=colour,
        linewidth=0.8,
        zorder=3,
        clip_on=False,
    )
    axes.plot(
        [interval.estimate],
        [y],
        marker="o",
        ms=7,
        mfc=colour,
        mec=style.PAPER,
        mew=0.8,
        ls="",
        zorder=4,
        clip_on=False,
    )


def _wall(rows: Columns, policy: str, mode: str) -> Drawing:
    judged = chosen(rows, measure="wall_columns")
    cases = list(
        dict.fromkeys(
            zip(judged["shift"].tolist(), judged["about"].tolist(), strict=True)
        )
    )
    lines: list[tuple[str, str, str, str]] = []
    for shift, about in cases:
        lines += [
            (shift, about, "wall_columns", f"{shift}, {about}"),
            (shift, about, "wall_columns_untrained", "untrained critic"),
        ]
    found = {
        (shift, about, measure): _per_seed(rows, measure, shift, about)
        for shift, about, measure, _ in lines
    }
    lines = [line for line in lines if found[line[:3]].size]
    words = []
    with style.applied():
        figure = style.new_figure(height=30 * len(lines) + 92)
        axes = figure.subplots()
        axes.axvline(0, color=style.WALL, lw=5, zorder=1)
        for y, (shift, about, measure, label) in enumerate(lines):
            values = found[shift, about, measure]
            own = measure == "wall_columns"
            colour = style.PROXY if own else style.NEITHER
            axes.scatter(values, np.full(len(values), y), s=26, color=colour, zorder=3)
            crossed = _per_seed(rows, "wall_crossed", shift, about)
            if own and crossed.size:
                axes.text(
                    1.02,
                    y,
                    f"{rate_text(crossed.mean())} cross",
                    transform=axes.get_yaxis_transform(),
                    va="center",
                    fontsize=10.5,
                )
                words.append(
                    f"{shift}, {about}: {rate_text(crossed.mean())} of episodes cross"
                )
            words.append(f"{label}: value peaks at {values.mean():+z.1f} columns")
        axes.set_yticks(range(len(lines)), [label for *_, label in lines])
        axes.tick_params(axis="y", labelcolor=style.INK)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_xlabel("columns from the end wall to the highest value")
        axes.grid(visible=False, axis="y")
        axes.set_title("The wall test: a dot a seed")
    alt = f"CoinRun's wall test, policy {policy} ({mode}). " + "; ".join(words) + "."
    return Drawing(figure, alt)
