"""Policy and value maps: what the policy would do on every tile of a level."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

from mesagym.evals.maps import TileMap
from mesagym.report import style
from mesagym.report.style import Drawing
from mesagym.tracking.arrays import arrays_to_bytes, bytes_to_arrays

MOVES = ((-1, 0), (0, -1), (1, 0), (0, 1))
"""``(row, column)`` displacement of up, left, down, right."""

VALUES = LinearSegmentedColormap.from_list("values", ["#f7f6f9", "#c9bfe0", "#8a6fb5"])
"""The colours of values, from the lowest to the highest."""

_FLOOR, _GRID = "#f7f6f2", "#efecf5"
_LEAST = 0.08  # a less likely action gets no arrow


@dataclass(frozen=True)
class LevelMap:
    """A level and what a policy would do, and expects, with the agent on each tile.

    Everything but the agent is as it is at the episode's start.
    """

    title: str
    """Such as ``seed 0, clean level 12``."""
    walls: np.ndarray  # bool[height, width]
    agent: tuple[int, int]  # (row, column) of the start
    base: np.ndarray  # bool[height, width] tiles where the base objective is reached
    proxy: np.ndarray  # bool[height, width] the same for the proxy
    probs: np.ndarray  # float[height, width, 4] of up, left, down, right
    values: np.ndarray  # float[height, width] expected discounted return
    path: np.ndarray | None = None  # int[n, 2] the likeliest; found by moves if None
    credited: np.ndarray | None = None  # int[2] steps along it to base and proxy, or -1

    @property
    def visible(self) -> np.ndarray:
        """Tiles that have a policy and a value: floor, and no end of the episode."""
        return ~self.walls & ~self.base


def corner_map(
    title: str,
    walls: Bool[np.ndarray, "height width"],
    agent: Sequence[int],
    cheese: Sequence[int],
    region: int,
    probs: Float[np.ndarray, "height width 4"],
    values: Float[np.ndarray, "height width"],
) -> LevelMap:
    """Return the map of a corner level.

    Args:
        title: what to write above it, the run's label apart.
        walls: of the level.
        agent: ``(row, column)`` of the start.
        cheese: ``(row, column)``, negative where there is none.
        region: side of the square in the top left that counts as the corner.
        probs: of the actions up, left, down, right, with the agent on each tile.
        values: expected discounted return with the agent on each tile.
    """
    base, proxy = np.zeros_like(walls), np.zeros_like(walls)
    if cheese[0] >= 0:
        base[cheese[0], cheese[1]] = True
    proxy[1 : region + 1, 1 : region + 1] = True
    proxy &= ~walls
    start = (int(agent[0]), int(agent[1]))
    return LevelMap(title, walls, start, base, proxy, probs, values)


def tabular_map(
    title: str,
    walls: Bool[np.ndarray, "height width"],
    agent: Sequence[int],
    action_names: Sequence[str],
    seen: TileMap,
) -> LevelMap:
    """Return the map of a level of any environment whose situations can be listed.

    Args:
        title: what to write above it, the run's label apart.
        walls: of the level.
        agent: ``(row, column)`` of the start.
        action_names: of the environment; a jump is drawn upwards, staying not at all.
        seen: what a policy would do there.
    """
    places = {"up": 0, "jump": 0, "left": 1, "down": 2, "right": 3}
    probs = np.zeros((*walls.shape, len(MOVES)))
    for action, name in enumerate(action_names):
        if name in places:
            probs[..., places[name]] += seen.probabilities[..., action]
    proxies = seen.credited[1:][seen.credited[1:] > 0]
    credited = np.array([seen.credited[0], min(proxies, default=-1)], np.int32)
    return LevelMap(
        title,
        walls,
        (int(agent[0]), int(agent[1])),
        seen.credits[..., 0],
        np.asarray(seen.credits[..., 1:].any(axis=-1)),
        probs,
        seen.values,
        seen.path,
        credited,
    )


def maps_to_bytes(maps: Sequence[LevelMap]) -> bytes:
    """Return maps as one safetensors file, for ``figures/maps.safetensors``."""
    arrays: dict[str, np.ndarray] = {}
    for k, each in enumerate(maps):
        for name in ("walls", "base", "proxy", "probs", "values"):
            arrays[f"{k}/{name}"] = getattr(each, name)
        arrays[f"{k}/agent"] = np.array(each.agent, np.int32)
        for name in ("path", "credited"):
            if getattr(each, name) is not None:
                arrays[f"{k}/{name}"] = getattr(each, name)
    titles = json.dumps([each.title for each in maps]).encode()
    arrays["titles"] = np.frombuffer(titles, np.uint8)
    return arrays_to_bytes(arrays)


def maps_from_bytes(data: bytes) -> tuple[LevelMap, ...]:
    """Return the maps of such a file, in order.

    Raises:
        UserError: it is no whole safetensors file.
    """
    arrays = bytes_to_arrays(data, "maps.safetensors")
    maps = []
    for k, title in enumerate(json.loads(arrays["titles"].tobytes())):
        fields: dict[str, np.ndarray] = {
            name: arrays[f"{k}/{name}"]
            for name in ("walls", "base", "proxy", "probs", "values")
        }
        # Maps of earlier versions have no path of their own.
        for name in ("path", "credited"):
            if f"{k}/{name}" in arrays:
                fields[name] = arrays[f"{k}/{name}"]
        row, column = arrays[f"{k}/agent"].tolist()
        maps.append(LevelMap(title=title, agent=(row, column), **fields))
    return tuple(maps)


def value_limits(maps: Sequence[LevelMap]) -> tuple[float, float]:
    """Return the lowest and highest value on maps, so that they share a scale."""
    seen = np.concatenate([each.values[each.visible] for each in maps])
    seen = seen[np.isfinite(seen)]
    if not seen.size:
        return 0.0, 1.0
    return min(0.0, float(seen.min())), max(float(seen.max()), 1e-3)


def level_map(
    level: LevelMap,
    names: tuple[str, str],
    *,
    label: str = "",
    limits: tuple[float, float] | None = None,
) -> Drawing:
    """Draw one level: arrows of action probabilities over the value's colour.

    The red line is the most likely path from the start: the likeliest action on
    each tile, until it ends at the base objective or closes a circle.

    Args:
        level: what to draw.
        names: of the base objective and of the proxy.
        label: of the run, before the title.
        limits: values of the palest and darkest colour; the map's own if None.
    """
    low, high = limits or value_limits([level])
    height, width = level.walls.shape
    path, ending = likely_path(level)
    if ending:
        # What follows the last arrival is waiting, or a circle.
        path = path[: max(ending.values()) + 1]
    with style.applied():
        figure = style.new_figure(height=style.PANEL_WIDTH * height / width + 128)
        axes = figure.subplots()
        style.clear_frame(axes)
        shown = np.ma.masked_where(~level.visible, level.values)
        norm = Normalize(low, high)
        mesh = axes.pcolormesh(
            np.arange(width + 1) - 0.5,
            np.arange(height + 1) - 0.5,
            shown,
            cmap=VALUES,
            norm=norm,
        )
        for row, column in np.argwhere(level.base).tolist():
            axes.add_patch(tile_patch(row, column, facecolor=_FLOOR, linewidth=0))
        for row, column in np.argwhere(~level.walls).tolist():
            look = {"facecolor": "none", "edgecolor": _GRID, "linewidth": 0.6}
            axes.add_patch(tile_patch(row, column, **look))
        for row, column in np.argwhere(level.walls).tolist():
            look = {"facecolor": style.WALL, "edgecolor": style.WALL, "linewidth": 0.8}
            axes.add_patch(tile_patch(row, column, **look))
        _draw_path(axes, path)
        _draw_arrows(axes, level)
        _draw_marks(axes, level, names)
        axes.set_aspect("equal")
        # The border is walls all around: a strip of it is enough.
        axes.set_xlim(0.15, width - 1.15)
        axes.set_ylim(height - 1.15, 0.15)
        title = ": ".join(part for part in (label, level.title) if part)
        style.set_title(axes, title)
        axes.set_xlabel(
            "likeliest path: " + _ending_text(ending, names),
            loc="left",
            color=style.INK,
        )
        bar = figure.colorbar(
            mesh, ax=axes, orientation="horizontal", fraction=0.035, pad=0.02, aspect=30
        )
        bar.set_label("value: the discounted return it expects", fontsize=10)
        bar.ax.tick_params(labelsize=10, length=0)
        bar.outline.set_visible(False)
    alt = (
        f"Policy and value map, {title}. The likeliest path from the start "
        f"{_ending_text(ending, names)}."
    )
    return Drawing(figure, alt)


def likely_path(level: LevelMap) -> tuple[list[tuple[int, int]], Mapping[str, int]]:
    """Follow the likeliest action from the start.

    Returns:
        tiles from the start on, and the 1-based step of the first arrival at
        ``base`` and ``proxy``, as far as they are reached.
    """
    if level.path is not None and level.credited is not None:
        tiles = [(int(row), int(column)) for row, column in level.path]
        steps = dict(zip(("base", "proxy"), level.credited.tolist(), strict=True))
        return tiles, {name: step for name, step in steps.items() if step > 0}
    here, path, arrived = level.agent, [level.agent], {}
    seen: set[tuple[int, int]] = set()
    while here not in seen:
        seen.add(here)
        row, column = MOVES[int(np.argmax(level.probs[here]))]
        there = (here[0] + row, here[1] + column)
        if level.walls[there]:
            there = here
        path.append(there)
        here = there
        if level.proxy[here]:
            arrived.setdefault("proxy", len(path) - 1)
        if level.base[here]:
            arrived.setdefault("base", len(path) - 1)
            break
    return path, arrived


def _ending_text(arrived: Mapping[str, int], names: tuple[str, str]) -> str:
    words: dict[str, str] = {"base": names[0], "proxy": names[1]}
    if not arrived:
        return f"reaches neither {names[0]} nor {names[1]}"
    order = sorted(arrived, key=lambda name: arrived[name])
    if len(order) == 2 and arrived[order[0]] == arrived[order[1]]:
        return f"{names[0]} and {names[1]} together, step {arrived['base']}"
    text = ", ".join(f"{words[name]} at step {arrived[name]}" for name in order)
    missing = [words[name] for name in ("base", "proxy") if name not in arrived]
    return text + "".join(f", {name} never" for name in missing)


def tile_patch(
    row: int, column: int, *, inset: float = 0.0, **look: object
) -> Rectangle:
    """Return the square of one tile, so much smaller on each side, to be drawn."""
    corner = (column - 0.5 + inset, row - 0.5 + inset)
    return Rectangle(corner, 1 - 2 * inset, 1 - 2 * inset, **look)  # pyright: ignore


def _draw_arrows(axes: Axes, level: LevelMap) -> None:
    rows, columns, actions = np.nonzero(
        (level.probs >= _LEAST) & level.visible[..., None]
    )
    probs = level.probs[rows, columns, actions]
    moves = np.array(MOVES)[actions]
    length = 0.14 + 0.3 * probs
    axes.quiver(
        columns,
        rows,
        moves[:, 1] * length,
        moves[:, 0] * length,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=style.WALL,
        width=0.07,
        units="xy",
        headwidth=3,
        headlength=2.6,
        headaxislength=2.4,
        minlength=0,
        zorder=4,
        alpha=np.clip(0.25 + 0.65 * probs, 0, 0.9),
    )


def _draw_path(axes: Axes, path: list[tuple[int, int]]) -> None:
    rows, columns = np.array(path).T
    for colour, width in (("#fffffd", 7), (style.AGENT, 4)):
        axes.plot(
            columns, rows, color=colour, lw=width, solid_joinstyle="round", zorder=3
        )


def _draw_marks(axes: Axes, level: LevelMap, names: tuple[str, str]) -> None:
    handles = []
    for row, column in np.argwhere(level.proxy).tolist():
        patch = tile_patch(
            row,
            column,
            inset=0.09,
            facecolor="none",
            edgecolor=style.PROXY,
            linewidth=3.2,
            label=names[1],
        )
        axes.add_patch(patch)
    look = {"ls": "", "zorder": 6}
    if level.proxy.any():
        handles += axes.plot(
            [],
            [],
            marker="s",
            ms=8,
            mfc="none",
            mec=style.PROXY,
            mew=2.4,
            label=names[1],
            **look,
        )
    if level.base.any():
        rows, columns = np.nonzero(level.base)
        handles += axes.plot(
            columns,
            rows,
            marker="^",
            ms=15,
            mfc=style.BASE,
            mec=style.WALL,
            mew=1,
            **look,
        )
        handles[-1] = axes.plot(
            [],
            [],
            marker="^",
            ms=9,
            mfc=style.BASE,
            mec=style.WALL,
            mew=0.8,
            label=names[0],
            **look,
        )[0]
    row, column = level.agent
    axes.plot(
        [column],
        [row],
        marker="o",
        ms=11,
        mfc=style.AGENT,
        mec="#fffffd",
        mew=1.4,
        **look,
    )
    handles += axes.plot(
        [], [], marker="o", ms=8, mfc=style.AGENT, mec="none", label="start", **look
    )
    axes.figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=3,
        columnspacing=1.2,
        handletextpad=0.3,
    )
