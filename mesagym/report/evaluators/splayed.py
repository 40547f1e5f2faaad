"""Splayed levels: outcome by start and by goal, and the policy for the level's own."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mesagym.evals.evaluators.base import chosen
from mesagym.evals.outcomes import Columns
from mesagym.report import style
from mesagym.report.maps import VALUES, tile_patch
from mesagym.report.style import Drawing
from mesagym.report.tally import shift_title

OUTCOMES = LinearSegmentedColormap.from_list(
    "outcomes", [style.PROXY, "#9cc4df", "#f7f6f2", "#f5d28a", style.BASE]
)
"""From the proxy first to the base objective first, pale where neither is likelier."""

MOVES: dict[str, tuple[int, int]] = {
    "up": (-1, 0),
    "jump": (-1, 0),
    "left": (0, -1),
    "down": (1, 0),
    "right": (0, 1),
    "stay": (0, 0),
}
"""Where the arrow of an action points, (row, column)."""

_BASE_HERE, _PROXY_HERE = 1, 2  # bits of map_ground


class _Level(NamedTuple):
    """Maps of one level, means over seeds; NaN on walls."""

    by_start: np.ndarray  # float64[height, width]
    by_goal: np.ndarray
    value: np.ndarray
    moves: dict[str, np.ndarray]  # chance of each action by its name
    base: np.ndarray  # bool[height, width]
    proxy: np.ndarray
    start: tuple[int, int] | None
    seeds: int

    @property
    def walls(self) -> np.ndarray:
        return np.isnan(self.by_start) & np.isnan(self.by_goal)


def figures(rows: Columns) -> list[Drawing]:
    """Return the figure of each splayed shift, of the first policy in the table.

    Args:
        rows: the evaluator's tidy table.
    """
    mapped = rows["measure"] == "map_by_start"
    if not mapped.any():
        return []
    first = int(np.flatnonzero(mapped)[0])
    policy, mode = str(rows["policy"][first]), str(rows["mode"][first])
    mine = chosen(rows, policy=policy, mode=mode, measure="map_by_start")
    return [
        splayed_figure(rows, policy, mode, shift)
        for shift in dict.fromkeys(mine["shift"].tolist())
    ]


def splayed_figure(
    rows: Columns,
    policy: str,
    mode: str,
    shift: str,
    *,
    limits: tuple[float, float] | None = None,
) -> Drawing:
    """Draw one level in three panels: by start, by goal, and for its own goal.

    The first two share a scale, the same in every figure.

    Args:
        rows: the evaluator's tidy table.
        policy: whose outcomes.
        mode: how it acted.
        shift: of which levels the first that has maps.
        limits: values of the palest and darkest colour; the map's own if None.
    """
    mine = chosen(rows, policy=policy, mode=mode, shift=shift)
    level = _read(mine)
    height, width = level.walls.shape
    wide = width > 1.7 * height
    panel = style.PANEL_WIDTH * (1 if wide else 0.32)
    tall = panel * height / width
    with style.applied():
        figure = style.new_figure(height=3 * tall + 170 if wide else tall + 92)
        shape = (3, 1) if wide else (1, 3)
        axes = figure.subplots(*shape).ravel()
        outcome = Normalize(-1, 1)
        own = ~level.walls & np.isfinite(level.value) & ~level.base
        low, high = limits or _limits(level.value[own])
        panels = (
            ("a  by start", level.by_start, OUTCOMES, outcome),
            ("b  by goal", level.by_goal, OUTCOMES, outcome),
            ("c  own goal", np.where(own, level.value, np.nan), VALUES, None),
        )
        for each, (title, values, colours, norm) in zip(axes, panels, strict=True):
            norm = norm or Normalize(low, max(high, low + 1e-3))
            _draw_tiles(each, level, values, norm, colours)
            each.set_title(title, fontsize=11)
            _draw_proxy(each, level)
        _draw_moves(axes[2], level, own)
        _draw_places(axes[2], level)
        bar = figure.colorbar(
            ScalarMappable(outcome, OUTCOMES),
            ax=list(axes[:2]),
            location="bottom",
            fraction=0.05,
            pad=0.03,
            aspect=24,
            ticks=[-1, 1],
        )
        bar.ax.set_xticklabels(["proxy first", "base first"])
        bars = [bar]
        if low < high:
            bars.append(
                figure.colorbar(
                    ScalarMappable(Normalize(low, high), VALUES),
                    ax=axes[2],
                    location="bottom",
                    fraction=0.05,
                    pad=0.03,
                    aspect=24 if wide else 11,
                    ticks=[low, high],
                )
            )
            # Plus zero, so that no zero is shown as a negative one.
            ends = [f"{end:z.2f}" for end in (low, high)]
            bars[1].ax.set_xticklabels([ends[0], f"{ends[1]} value"])
        for each in bars:
            each.ax.tick_params(labelsize=10, length=0, labelcolor=style.INK)
            each.outline.set_visible(False)
            _align_ends(each.ax)
        _legend(figure)
    return Drawing(figure, _alt(level, policy, mode, shift))


def _read(rows: Columns) -> _Level:
    ground = chosen(rows, measure="map_ground")
    number = ground["level"].min()
    kept = {name: column[rows["level"] == number] for name, column in rows.items()}
    tiles = [tuple(map(int, about.split(",")[:2])) for about in ground["about"]]
    size = tuple(np.max(tiles, axis=0) + 2)

    def grid(measure: str, action: str | None = None) -> np.ndarray:
        found = chosen(kept, measure=measure)
        total, count = np.zeros(size), np.zeros(size)
        for about, value in zip(found["about"], found["value"], strict=True):
            row, column, *name = about.split(",")
            if np.isfinite(value) and name == ([action] if action else []):
                total[int(row), int(column)] += value
                count[int(row), int(column)] += 1
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    abouts = chosen(kept, measure="map_action")["about"].tolist()
    actions = dict.fromkeys(about.split(",")[2] for about in abouts)
    kinds = np.nan_to_num(grid("map_ground")).astype(int)
    starts = np.argwhere(np.isfinite(grid("map_start")))
    return _Level(
        by_start=grid("map_by_start"),
        by_goal=grid("map_by_goal"),
        value=grid("map_value"),
        moves={action: grid("map_action", action) for action in actions},
        base=kinds & _BASE_HERE > 0,
        proxy=kinds & _PROXY_HERE > 0,
        start=(int(starts[0][0]), int(starts[0][1])) if len(starts) else None,
        seeds=len(np.unique(kept["seed"])),
    )


def _align_ends(axes: Axes) -> None:
    """Keep the labels of a bar's two ends within its length."""
    labels = axes.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")


def _limits(values: np.ndarray) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    return float(values.min()), float(values.max())


def _draw_tiles(
    axes: Axes,
    level: _Level,
    values: np.ndarray,
    norm: Normalize,
    colours: LinearSegmentedColormap,
) -> None:
    style.clear_frame(axes)
    height, width = values.shape
    for row in range(height):
        for column in range(width):
            wall = level.walls[row, column]
            value = values[row, column]
            face = "#f7f6f2" if np.isnan(value) else colours(float(norm(value)))
            axes.add_patch(
                tile_patch(
                    row,
                    column,
                    facecolor=style.WALL if wall else face,
                    edgecolor=style.WALL if wall else "#e6e3ec",
                    linewidth=0.5,
                )
            )
    axes.set_aspect("equal")
    # The border is walls all around: a strip of it is enough.
    axes.set_xlim(0.15, width - 1.15)
    axes.set_ylim(height - 1.15, 0.15)


def _draw_proxy(axes: Axes, level: _Level) -> None:
    for row, column in np.argwhere(level.proxy).tolist():
        # White between ring and tile, so that it stands out from its own colour.
        for colour, wide in ((style.PAPER, 3.4), (style.PROXY, 1.8)):
            look = {"facecolor": "none", "edgecolor": colour, "linewidth": wide}
            axes.add_patch(tile_patch(row, column, inset=0.14, zorder=5, **look))


def _draw_places(axes: Axes, level: _Level) -> None:
    look = {"ls": "", "mec": style.PAPER, "mew": 0.8, "zorder": 6}
    for row, column in np.argwhere(level.base).tolist():
        axes.plot([column], [row], marker="^", ms=7, mfc=style.BASE, **look)
    if level.start:
        row, column = level.start
        axes.plot([column], [row], marker="o", ms=5, mfc=style.AGENT, **look)


def _draw_moves(axes: Axes, level: _Level, where: np.ndarray) -> None:
    if not level.moves:
        return
    names = list(level.moves)
    chances = np.stack([np.nan_to_num(level.moves[name]) for name in names], axis=-1)
    rows, columns = np.nonzero(where)
    best = chances[rows, columns].argmax(axis=-1)
    moves = np.array([MOVES.get(name, (0, 0)) for name in names])[best]
    still = ~moves.any(axis=1)
    length = 0.66
    axes.quiver(
        columns - moves[:, 1] * length / 2,
        rows - moves[:, 0] * length / 2,
        moves[:, 1] * length,
        moves[:, 0] * length,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=style.INK,
        units="xy",
        width=0.12,
        headwidth=3.4,
        headlength=2.8,
        headaxislength=2.6,
        minlength=0,
        zorder=4,
    )
    axes.plot(columns[still], rows[still], ls="", marker=".", ms=3, color=style.INK)


def _legend(figure: Figure) -> None:
    def mark(label: str, **look: Any) -> Line2D:
        return Line2D([], [], ls="", label=label, **look)

    figure.legend(
        handles=[
            mark("base", marker="^", ms=7, mfc=style.BASE, mec="none"),
            mark("proxy", marker="s", ms=7, mfc="none", mec=style.PROXY, mew=1.8),
            mark("start", marker="o", ms=6, mfc=style.AGENT, mec="none"),
            # With its arrow in the label: a marker's would be too thin to see.
            mark("→ likeliest action", marker=""),
        ],
        loc="outside lower left",
        ncols=4,
        columnspacing=1.0,
        handletextpad=0.2,
        handlelength=1.2,
        fontsize=10,
    )


def _alt(level: _Level, policy: str, mode: str, shift: str) -> str:
    def of(values: np.ndarray) -> str:
        seen = values[np.isfinite(values)]
        if not seen.size:
            return "nothing"
        return f"{seen.min():z.2f} to {seen.max():z.2f}, mean {seen.mean():z.2f}"

    seeds = f"{level.seeds} seed" + "s" * (level.seeds != 1)
    return (
        f"Three maps of one level, {shift_title(shift).lower()}, policy {policy} "
        f"({mode}), mean over {seeds}. Outcome, 1 base first and -1 proxy first: by "
        f"start {of(level.by_start)}; by goal {of(level.by_goal)}. Value with the "
        f"level's own goal: {of(level.value)}; arrows show the likeliest action."
    )
