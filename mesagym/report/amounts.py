"""Amounts earned: the rows of their table, and how base and proxy scores moved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from mesagym.evals.amounts import Amounts
from mesagym.evals.columns import spoken
from mesagym.evals.statistics import (
    FEWEST_FOR_INTERVAL,
    PROVISIONAL_BELOW,
    Interval,
    no_interval,
)
from mesagym.report import style
from mesagym.report.style import Drawing
from mesagym.report.tally import shift_title
from mesagym.report.view import RunView
from mesagym.tracking.console import short


@dataclass(frozen=True)
class AmountRow:
    """What one run's policies earned of one objective on one shift."""

    shift: str
    objective: str
    """As it stands in a sentence; the base objective says so."""
    label: str
    """Of the run."""
    trained: float
    """Mean return over seeds, of these policies and of those it is measured by; NaN
    where there is none."""
    random: float
    reference: float
    score: Interval | None
    """None where the reference policy earns no more than random does."""


Source = tuple[str, Amounts, str | None]
"""A label, what was earned, and how the policies acted: ``sampled`` or ``greedy``."""


def amount_rows(sources: Sequence[Source]) -> list[AmountRow]:
    """Return rows by shift, then objective, then run."""
    shifts = dict.fromkeys(s for _, amounts, _ in sources for s in amounts.shifts)
    objectives = dict.fromkeys(
        o for _, amounts, _ in sources for o in amounts.objectives
    )
    return [
        _row(shift, objective, source)
        for shift in shifts
        for objective in objectives
        for source in sources
        if shift in source[1].shifts and objective in source[1].objectives
    ]


def run_rows(runs: Sequence[RunView], mode: str | None = None) -> list[AmountRow]:
    """Return the rows of runs; of another mode than their own those that have it."""
    sources = [(run.label, run.amounts, mode or run.mode) for run in runs]
    return amount_rows([each for each in sources if each[2] in each[1].modes()])


def _row(shift: str, objective: str, source: Source) -> AmountRow:
    label, amounts, mode = source

    def mean(policy: str, mode: str | None = None) -> float:
        found = amounts.means(policy, shift, objective, mode)
        return float(found.mean()) if found.size else math.nan

    name = spoken(objective) + " (base)" * (objective == amounts.objectives[0])
    return AmountRow(
        shift,
        name,
        label,
        mean("trained", mode),
        mean("random"),
        mean(f"oracle:{objective}"),
        amounts.interval(shift, objective, mode),
    )


def amount_text(amount: float) -> str:
    """Write a mean return with three digits or so: 0.07, 2.31, 41.5, 1.20k."""
    if math.isnan(amount):
        return "–"
    size = abs(amount)
    if size >= 999.5:
        return short(amount)
    return f"{amount:z.2f}" if size < 9.995 else f"{amount:z.1f}"


def score_text(score: Interval | None) -> str:
    """Write a score with its interval, ``.93 [.88, .98]``; of few seeds without."""
    if score is None:
        return "–"
    return f"{score:.2f}".removesuffix(" provisional")


def in_a_sentence(run: RunView, shift: str) -> str:
    """Return the scores of a shift: ``On training levels: chests .93 […], keys …``."""
    rows = [row for row in run_rows([run]) if row.shift == shift]
    parts = [
        f"{row.objective} {score_text(row.score)}"
        if row.score
        else f"{row.objective} no score"
        for row in rows
    ]
    return f"{shift_title(shift)} levels: {', '.join(parts)}."


def scores_note(runs: Sequence[RunView]) -> str:
    """Return what the brackets are, and that few seeds are provisional."""
    seeds = [len(run.amounts.seeds()) for run in runs]
    if max(seeds) == 1:
        return "A single seed: nothing is known about another one."
    without = no_interval(seeds)
    if max(seeds) < FEWEST_FOR_INTERVAL:
        return f"{without}; provisional."
    note = "In brackets 95% intervals over training seeds"
    if min(seeds) < PROVISIONAL_BELOW:
        note += f"; fewer than {PROVISIONAL_BELOW} seeds: provisional"
    return f"{'; '.join(filter(None, [note, without]))}."


def unscored(run: RunView) -> list[str]:
    """Return where there is no score: ``keys on shifted levels``."""
    return [
        f"{row.objective} on {shift_title(row.shift).lower()} levels"
        for row in run_rows([run])
        if row.score is None
    ]


# --- the figure -----------------------------------------------------------------------


def score_figure(run: RunView, proxy: str, shift: str) -> Drawing | None:
    """Draw every seed's score for the base objective against that for a proxy.

    Open circles are the first shift, filled ones another; a line joins what one seed
    did on both. Diamonds and triangles are the objectives' reference policies, a cross
    is random. None where neither shift has a scale for both.

    Args:
        run: of amounts.
        proxy: the objective on the vertical axis.
        shift: what is compared with the first shift; may be the first one itself.
    """
    amounts, base = run.amounts, run.objective_names[0]
    first = amounts.shifts[0]
    shifts = [
        each
        for each in dict.fromkeys((first, shift))
        if not math.isnan(amounts.scale(each, base) + amounts.scale(each, proxy))
    ]
    if not shifts:
        return None
    names = (spoken(base), spoken(proxy))
    with style.applied():
        figure = style.new_figure(height=330)
        axes = figure.subplots()
        axes.grid(visible=False)
        for line in (0, 1):
            axes.axhline(line, color=style.FAINT, lw=1, zorder=0)
            axes.axvline(line, color=style.FAINT, lw=1, zorder=0)
        points = {each: _points(run, "trained", each, proxy) for each in shifts}
        shown = list(points.values())
        tips: dict[str, str] = {}
        if len(shifts) == 2:
            for start, end in zip(*points.values(), strict=True):
                axes.plot(*zip(start, end, strict=True), color=style.FAINT, lw=1.2)
        for each in shifts:
            filled = each != first
            shown += _draw_references(axes, run, each, proxy, filled)
            gid = f"seeds-{int(filled)}"
            _draw_seeds(axes, points[each], filled, gid)
            x, y = points[each].mean(0)
            tips[gid] = (
                f"{shift_title(each)}, mean over {len(points[each])} seeds: "
                f"{names[0]} {x:z.2f}, {names[1]} {y:z.2f}"
            )
        axes.plot(0, 0, "x", color=style.MUTED, ms=7, mew=2)
        _limit(axes, np.concatenate(shown))
        # Where there are several proxies, each has a panel of its own.
        which = f"{names[1]}, " if len(run.objective_names) > 2 else ""
        title = f"{run.label}: {which}{shift_title(shift).lower()}"
        style.set_title(axes, title)
        axes.set_xlabel(f"score: {names[0]} (base)")
        axes.set_ylabel(f"score: {names[1]}")
        handles = _legend(shifts, first, names)
        figure.legend(
            handles=handles,
            loc="outside lower left",
            # Two long names side by side would not fit a panel.
            ncols=1 if max(len(str(h.get_label())) for h in handles) > 24 else 2,
            columnspacing=1.1,
            handletextpad=0.5,
            fontsize=10,
        )
    alt = (
        f"{run.label}: score of {names[0]} against score of {names[1]}, 0 a random "
        "policy and 1 the reference policy of each. " + ". ".join(tips.values()) + "."
    )
    return Drawing(figure, alt, tips)


def _points(run: RunView, policy: str, shift: str, proxy: str) -> np.ndarray:
    """Return base and proxy score of each seed, float64[seeds, 2]."""
    mode = run.mode if policy == "trained" else None
    scores = [
        run.amounts.scores(policy, shift, name, mode)
        for name in (run.objective_names[0], proxy)
    ]
    return np.stack(scores, axis=-1)


def _draw_seeds(axes: Axes, points: np.ndarray, filled: bool, gid: str) -> None:
    face = style.INK if filled else style.PAPER
    axes.scatter(
        *points.T,
        s=34,
        color=face,
        edgecolor=style.INK,
        linewidth=1.4,
        zorder=4,
        clip_on=False,
        gid=gid,
    )


_REFERENCES = ("D", style.BASE), ("^", style.PROXY)


def _draw_references(
    axes: Axes, run: RunView, shift: str, proxy: str, filled: bool
) -> list[np.ndarray]:
    """Draw the references of base and proxy, and return where they are."""
    drawn = []
    names = (run.objective_names[0], proxy)
    for name, (marker, colour) in zip(names, _REFERENCES, strict=True):
        drawn.append(_points(run, f"oracle:{name}", shift, proxy))
        face = colour if filled else style.PAPER
        look = {"mfc": face, "mec": colour, "mew": 1.8, "ms": 8, "zorder": 3}
        axes.plot(*drawn[-1].T, marker, clip_on=False, **look)
    return drawn


def _limit(axes: Axes, points: np.ndarray) -> None:
    """Show every point, and random's."""
    for set_limits, values in zip(
        (axes.set_xlim, axes.set_ylim), points.T, strict=True
    ):
        low, high = min(0.0, values.min()), max(1.0, values.max())
        margin = 0.12 * (high - low)
        set_limits(low - margin, high + margin)


def _legend(shifts: Sequence[str], first: str, names: tuple[str, str]) -> list[Line2D]:
    def mark(marker: str, face: str, edge: str, label: str) -> Line2D:
        return Line2D(
            [], [], marker=marker, ls="", mfc=face, mec=edge, mew=1.6, ms=7, label=label
        )

    seeds = [
        mark(
            "o",
            style.PAPER if shift == first else style.INK,
            style.INK,
            f"seeds, {shift_title(shift).lower()}",
        )
        for shift in shifts
    ]
    references = [
        mark(marker, colour, colour, f"reference: {name}")
        for name, (marker, colour) in zip(names, _REFERENCES, strict=True)
    ]
    return [*seeds, *references, mark("x", "none", style.MUTED, "random")]
