"""Ways between things that are visited in turn, and how many visits fit a time."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt16

from mesagym import grid
from mesagym.levels.solve import UNREACHABLE, distances

MOST = 8
"""Things whose ways fit 16 bits."""


def steps_to(
    walls: Bool[Array, "height width"], things: Int[Array, "thing 2"]
) -> Int[Array, "thing height width"]:
    """Return the fewest steps from each tile to each thing, int16, on or over others.

    Args:
        walls: tiles that cannot be entered.
        things: ``(row, column)`` each; (-1, -1) is nowhere and out of reach.
    """
    return jax.vmap(partial(distances, walls))(_masks(walls, things))


def ways_around(
    walls: Bool[Array, "height width"], things: Int[Array, "thing 2"]
) -> tuple[UInt16[Array, "height width"], Int[Array, "thing height width"]]:
    """Return how to go to each thing without touching another.

    Args:
        walls: tiles that cannot be entered.
        things: ``(row, column)`` each, at most :data:`MOST`.

    Returns:
        ``(ways, steps)``: bits 2k and 2k + 1 of a tile's way are the action, of
        `grid.MOVES`, that begins a shortest path to thing k; ``steps`` is its length,
        above `UNREACHABLE` where there is none. Paths may start on a thing, and
        return to it.
    """
    masks = _masks(walls, things)
    others = masks.any(axis=0) & ~masks
    fields = jax.vmap(distances)(walls | others, masks)
    height, width = walls.shape
    padded = jnp.pad(
        fields, ((0, 0), (1, 1), (1, 1)), constant_values=fields.dtype.type(UNREACHABLE)
    )
    beside = jnp.stack(
        [
            padded[:, 1 + row : 1 + row + height, 1 + column : 1 + column + width]
            for row, column in grid.MOVES
        ]
    )
    moves = jnp.argmin(beside, axis=0).astype(jnp.uint16)
    place = 2 * jnp.arange(len(things), dtype=jnp.uint16)[:, None, None]
    ways = (moves << place).sum(axis=0, dtype=jnp.uint16)
    return ways, beside.min(axis=0) + jnp.int16(1)


def way_to(
    ways: UInt16[Array, "height width"], tile: Int[Array, "2"], thing: Int[Array, ""]
) -> Int[Array, ""]:
    """Return the action that `ways_around` found to lead from a tile to a thing."""
    return (ways[tile[0], tile[1]].astype(jnp.int32) >> (2 * thing)) & 3


def visits_in_time(
    steps: Int[Array, "thing height width"],
    things: Int[Array, "thing 2"],
    order: Int[Array, " thing"],
    start: Int[Array, "2"],
    limit: Int[Array, ""],
) -> Int[Array, ""]:
    """Return how many things can be visited in an order, over and over, in a time.

    Args:
        steps: of `steps_to`.
        things: ``(row, column)`` each.
        order: the things in the order of visits, -1 beyond their number.
        start: where the way begins.
        limit: the time, in steps.
    """
    steps = steps.astype(jnp.int32)
    first = steps[order[0], start[0], start[1]]
    tiles = things[order]
    after = jnp.roll(order, -1)
    after = jnp.where(after >= 0, after, order[0])
    legs = jnp.where(order >= 0, steps[after, tiles[:, 0], tiles[:, 1]], 0)
    ends = jnp.cumsum(legs)
    rounds, rest = jnp.divmod(limit - first, jnp.maximum(ends[-1], 1))
    more = ((ends <= rest) & (order >= 0)).sum()
    visits = 1 + rounds * (order >= 0).sum() + more
    return jnp.where(first <= limit, visits, 0)


def _masks(
    walls: Bool[Array, "height width"], things: Int[Array, "thing 2"]
) -> Bool[Array, "thing height width"]:
    return jax.vmap(lambda place: grid.at(place, *walls.shape))(things)
