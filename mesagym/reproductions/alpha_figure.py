"""The figure of a sweep over α: return and rates, against α and what it bought."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.evals.columns import CONTEST, proxies_in_words, spoken
from mesagym.report import style
from mesagym.reproductions import drawing
from mesagym.reproductions.alpha_sweep import (
    CURRICULUM,
    counted,
    curricula,
    scores,
    shifts_in,
    why_left_blank,
)
from mesagym.reproductions.fitting import fit_threshold
from mesagym.reproductions.judging import numbers
from mesagym.reproductions.measuring import Figures

_WIDTH, _HEIGHT = 760, 600

Line = tuple[str, str, Callable[[Figures], np.ndarray]]
"""A line's label, its colour, and how a condition's seeds are read for it."""

_OTHERS = (style.PROXY_2, style.PROXY_3, style.BOTH)


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return return and rates against α, and against the episodes that it bought.

    Points are seeds that count, lines their means, bands 95 % intervals over seeds.
    The upper panels have a line for each curriculum, the lower ones domain
    randomisation alone. Conditions with too few seeds stay blank and are named below.
    """
    groups = curricula(figures)
    main = list(groups.get(CURRICULUM, {}).values())
    with style.applied():
        drawn = style.new_figure(_HEIGHT, _WIDTH)
        contest = next(iter(figures.values()))["kind"] == CONTEST
        limits = drawing.SHARE if contest else None
        axes = drawn.subplots(2, 2, sharex="col", sharey="row")
        for column, read_x in enumerate((_alpha, _episodes)):
            ticks = _Ticks.over([read_x(each) for each in figures.values()])
            for k, (name, several) in enumerate(groups.items()):
                colour = style.INK if name == CURRICULUM else _OTHERS[k % 3]
                line = (_NAMES.get(name, name), colour, scores)
                _draw_line(axes[0, column], list(several.values()), read_x, ticks, line)
            for line in _rates(main):
                _draw_line(axes[1, column], main, read_x, ticks, line, limits)
            ticks.put(axes[1, column])
        axes[0, 0].set_ylabel("return, random 0, oracle 1")
        axes[1, 0].set_ylabel("share of levels" if contest else "score")
        axes[1, 0].set_xlabel("α")
        axes[1, 1].set_xlabel("distinguishing episodes met in training")
        axes[0, 0].set_title(f"Return on distinguishing levels{_threshold(main)}")
        axes[1, 0].set_title("What is pursued there")
        for row in axes:
            if row[0].lines:
                row[0].legend(loc="best")
        if blank := _blank_words(figures):
            drawn.supxlabel(blank, color=style.MUTED, size=9.5)
    return drawn


_NAMES = {CURRICULUM: "domain randomisation"}


def _alpha(figures: Figures) -> float:
    return figures["alpha"]


def _episodes(figures: Figures) -> float:
    """Return the mean over seeds: those of one α differ by chance alone."""
    return float(np.mean(figures["bought"]["episodes"]))


def _blank_words(figures: Mapping[str, Figures]) -> str:
    return "\n".join(
        f"blank: {name}, {why}"
        for name, each in figures.items()
        if (why := why_left_blank(each))
    )


def _threshold(several: list[Figures]) -> str:
    """Return the fitted α* in words, empty where it is not identified."""
    rates = {
        each["alpha"]: np.clip(scores(each)[counted(each)], 0, 1).tolist()
        for each in several
        if not why_left_blank(each)
    }
    found = fit_threshold(rates, rising=True)
    return "" if found.estimate is None else f", α* = {found}"


def _rates(several: list[Figures]) -> list[Line]:
    if not several:
        return []
    objectives = several[0]["objectives"]
    shift = shifts_in(several[0])[1]

    if several[0]["kind"] == CONTEST:
        names = {
            "base": f"{spoken(objectives[0])} first",
            "proxy": f"{proxies_in_words(objectives)} first",
            "neither": "neither",
        }
        return [
            (label, style.OUTCOME_COLOURS[name], partial(_share, shift, name))
            for name, label in names.items()
        ]
    colours = (style.BASE, style.PROXY)
    return [
        (spoken(name), colour, partial(_there, shift, f"score_{name}"))
        for name, colour in zip(objectives, colours, strict=False)
    ]


def _there(shift: str, name: str, figures: Figures) -> np.ndarray:
    return numbers(figures["policies"]["trained"][shift][name])


def _share(shift: str, outcome: str, figures: Figures) -> np.ndarray:
    return _there(shift, outcome, figures) / _there(shift, "trials", figures)


def _draw_line(
    axes: Axes,
    several: list[Figures],
    read_x: Callable[[Figures], float],
    ticks: "_Ticks",
    line: Line,
    limits: tuple[float, float] | None = None,
) -> None:
    label, colour, read = line
    shown = [each for each in several if not why_left_blank(each)]
    if not shown:
        return
    values = np.full((len(shown), max(len(each["seeds"]) for each in shown)), np.nan)
    for row, each in zip(values, shown, strict=True):
        found = read(each)[counted(each)]
        row[: found.size] = found
    places = [ticks.place(read_x(each)) for each in shown]
    drawing.curve(axes, places, values, colour=colour, label=label, limits=limits)


@dataclass(frozen=True)
class _Ticks:
    """A logarithmic axis that has room for 0, a decade left of the smallest amount."""

    low: int
    high: int
    has_zero: bool

    @classmethod
    def over(cls, amounts: Sequence[float]) -> "_Ticks":
        """Return the axis that holds some amounts, none below 0."""
        powers = [math.log10(each) for each in amounts if each > 0] or [0.0]
        low, high = math.floor(min(powers)), math.ceil(max(powers))
        return cls(low, max(high, low + 1), any(each == 0 for each in amounts))

    def place(self, amount: float) -> float:
        return math.log10(amount) if amount > 0 else self.low - 1.0

    def put(self, axes: Axes) -> None:
        at = list(range(self.low, self.high + 1))
        labels = [_power(each) for each in at]
        if self.has_zero:
            at, labels = [self.low - 1, *at], ["0", *labels]
        axes.set_xticks(at, labels)
        axes.set_xlim(at[0] - 0.2, self.high + 0.2)


def _power(exponent: int) -> str:
    """Write a power of ten as people do: .001, 1, 1000, 10k, 1M."""
    if exponent < 0:
        return f"{10.0**exponent:.{-exponent}f}"[1:]
    for least, size, unit in ((6, 6, "M"), (4, 3, "k")):
        if exponent >= least:
            return f"{10 ** (exponent - size)}{unit}"
    return f"{10**exponent}"
