"""The phase diagram, drawn: what is pursued, and where it turns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import NullFormatter

from mesagym.report import style
from mesagym.reproductions.drawing import WIDTH
from mesagym.reproductions.fitting import Threshold
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.measuring import Figures

SCALE = LinearSegmentedColormap.from_list(
    "base-proxy", [style.BASE, style.PAPER, style.PROXY]
)
"""From no level proxy-first, over half of them, to all."""

SERIES = (style.PROXY_3, style.PROXY_2, style.BOTH, style.INK)

_HEIGHT = 900


def draw(figures: Mapping[str, Figures]) -> Figure:
    """Return a map for each redundancy and network, and the thresholds by length.

    A cell's colour is the mean share of proxy-first levels over competent seeds, its
    number the mean count of distinguishing episodes seen until then. Cells whose seeds
    failed the gate stay blank. Crosses with bars are α* and its interval.
    """
    protocol = Reproduction(Path(__file__).parent).protocol
    found = protocol.cells(figures)
    groups, lengths = protocol.groups(found), protocol.lengths(found)
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    with style.applied():
        drawn = style.new_figure(_HEIGHT * (rows + 1) / 3, WIDTH)
        grid = GridSpec(rows + 1, columns, figure=drawn)
        maps: list[Axes] = []
        image: Any = None
        thresholds: dict[Any, list[tuple[Threshold, Threshold, float]]] = {}
        for k, group in enumerate(groups):
            mine = [each for each in found if each.group == group]
            axes = drawn.add_subplot(grid[k // columns, k % columns])
            maps.append(axes)
            thresholds[group] = [_thresholds(protocol, mine, n) for n in lengths]
            image = _map(axes, protocol, mine, lengths)
            _mark(axes, [alpha for alpha, *_ in thresholds[group]], mine)
            axes.set_title(_name(group))
            if k % columns == 0:
                axes.set_ylabel("training, steps")
            if k // columns == rows - 1:
                axes.set_xlabel("α")
        bar = drawn.colorbar(image, ax=maps, shrink=0.7, aspect=30, pad=0.02)
        bar.set_label("dish first, share of clean levels", color=style.MUTED)
        bar.set_ticks([0, 0.5, 1], labels=["0", ".5", "1"])
        bar.outline.set_visible(False)
        left = drawn.add_subplot(grid[rows, 0])
        _by_length(left, thresholds, lengths, 0)
        left.set_title("α* by length")
        left.set_ylabel("α*")
        right = drawn.add_subplot(grid[rows, columns - 1]) if columns > 1 else None
        if right is not None:
            _by_length(right, thresholds, lengths, 1)
            right.set_title("The same in episodes")
            right.set_ylabel("distinguishing episodes seen")
        handles, labels = left.get_legend_handles_labels()
        if handles:
            drawn.legend(
                handles, labels, loc="outside lower center", ncols=2, columnspacing=3
            )
    return drawn


def _name(group: tuple[int, tuple[int, ...]]) -> str:
    redundancy, hidden = group
    channels = f"{redundancy} channel{'s' * (redundancy != 1)}"
    return f"{channels}, network {'×'.join(map(str, hidden))}"


def _thresholds(
    protocol: Any, mine: list[Any], env_steps: int
) -> tuple[Threshold, Threshold, float]:
    there = [each for each in mine if each.env_steps == env_steps]
    return (protocol.threshold_alpha(there), *protocol.threshold_episodes(there))


def _map(axes: Axes, protocol: Any, mine: list[Any], lengths: list[int]) -> Any:
    alphas = sorted({each.alpha for each in mine})
    shown = np.full((len(lengths), len(alphas)), np.nan)
    for each in mine:
        row, column = lengths.index(each.env_steps), alphas.index(each.alpha)
        if each.why_blank:
            axes.text(
                column, row, "–", ha="center", va="center", color=style.MUTED, size=10
            )
            continue
        mean = float(each.proxy.mean())
        shown[row, column] = mean
        dark = mean > 0.8
        axes.text(
            column,
            row - 0.18,
            protocol.in_thousands(float(each.episodes.mean())),
            ha="center",
            va="center",
            color=style.PAPER if dark else style.INK,
            size=9,
        )
    image = axes.imshow(
        shown, cmap=SCALE, vmin=0, vmax=1, origin="lower", aspect="auto"
    )
    axes.grid(False)
    axes.set_xticks(range(len(alphas)), [_short(alpha) for alpha in alphas])
    axes.set_yticks(range(len(lengths)), [protocol.in_thousands(n) for n in lengths])
    axes.tick_params(length=0)
    return image


def _short(alpha: float) -> str:
    return f"{alpha:g}".replace("0.", ".", 1) if 0 < alpha < 1 else f"{alpha:g}"


def _plain(amount: float) -> str:
    """Write a power of ten without an exponent."""
    if amount >= 1e3:
        return f"{amount / 1e3:g}k"
    return f"{amount:g}".replace("0.", ".", 1) if amount < 1 else f"{amount:g}"


def _mark(axes: Axes, thresholds: list[Threshold], mine: list[Any]) -> None:
    """Draw α* into each row, between the columns of the α's on either side."""
    positive = sorted({each.alpha for each in mine if each.alpha > 0})
    first = len({each.alpha for each in mine}) - len(positive)
    logs, places = np.log10(positive), first + np.arange(len(positive))

    def place(alpha: float) -> float:
        return float(np.interp(np.log10(alpha), logs, places))

    for row, each in enumerate(thresholds):
        if each.estimate is None:
            continue
        low = place(each.low) if each.low is not None else places[0] - 0.5
        high = place(each.high) if each.high is not None else places[-1] + 0.5
        y = row + 0.22
        axes.plot([low, high], [y, y], color=style.INK, lw=1.6, zorder=4)
        axes.plot([place(each.estimate)], [y], "X", color=style.INK, ms=6, zorder=5)


def _by_length(
    axes: Axes,
    thresholds: Mapping[Any, list[tuple[Threshold, Threshold, float]]],
    lengths: list[int],
    which: int,
) -> None:
    """Draw thresholds against length; an open bound is an arrow."""
    for k, (group, several) in enumerate(thresholds.items()):
        colour = SERIES[k % len(SERIES)]
        points = []
        for row, (alpha, episodes, most) in enumerate(several):
            found, scale = ((alpha, 1.0), (episodes, most))[which]
            if found.estimate is None:
                continue
            x = row + 0.12 * (k - (len(thresholds) - 1) / 2)
            y = found.estimate * scale
            points.append((x, y))
            low = y / 3 if found.low is None else found.low * scale
            high = y * 3 if found.high is None else found.high * scale
            axes.plot([x, x], [low, high], color=colour, lw=1.3)
            for bound, end, mark in ((found.low, low, "v"), (found.high, high, "^")):
                if bound is None:
                    axes.plot([x], [end], mark, color=colour, ms=4)
        if points:
            axes.plot(
                *zip(*points, strict=True),
                "o-",
                ms=4,
                color=colour,
                lw=1,
                label=_name(group),
            )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda y, _: _plain(y))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(range(len(lengths)), [f"{n / 1e3:.0f}k" for n in lengths])
    axes.set_xlim(-0.4, len(lengths) - 0.6)
    axes.set_xlabel("training, steps")
