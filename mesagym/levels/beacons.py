"""Beacons that are visited in a cyclic order: orders, ways, channels and texts."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from mesagym.errors import UserError
from mesagym.levels.ascii import Drawing
from mesagym.levels.solve import UNREACHABLE
from mesagym.levels.visits import MOST, steps_to

FEWEST = 3
"""Beacons of a level at least: two have the same cyclic order backwards."""

LETTERS = ["*", *map(str, range(2, MOST + 1))]
"""The letter of each beacon in a text, in the order that pays."""


def order_of(
    most: int, count: Int[Array, ""], backwards: bool | Bool[Array, ""]
) -> Int[Array, "{most}"]:
    """Return the order that pays, or that backwards; -1 beyond ``count``.

    Args:
        most: how many beacons there may be.
        count: how many there are.
        backwards: which of the two.
    """
    places = jnp.arange(most, dtype=jnp.int32)
    order = jnp.where(backwards, count - 1 - places, places)
    return jnp.where(places < count, order, -1)


def paid_in_rounds(
    order: Int[Array, " beacon"], count: Int[Array, ""], rounds: int
) -> Int[Array, ""]:
    """Return what visits in an order pay: 1 for the beacon in turn, -1 for another.

    Args:
        order: of the visits, over and over.
        count: how many beacons there are.
        rounds: how often each beacon is visited.
    """

    def visit(i: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        turn, paid = carry
        right = order[i % count] == turn
        return (turn + right) % count, paid + jnp.where(right, 1, -1)

    zero = jnp.int32(0)
    return jax.lax.fori_loop(0, rounds * count, visit, (zero, zero))[1]


def blocked(
    walls: Bool[Array, "height width"],
    starts: Int[Array, "start 2"],
    beacons: Int[Array, "beacon 2"],
    steps: Int[Array, "beacon height width"],
) -> Bool[Array, "start beacon"]:
    """Return whence no shortest path leads to a beacon that touches no other.

    Args:
        walls: tiles that cannot be entered.
        starts: ``(row, column)`` each; absent ones, (-1, -1), are not blocked.
        beacons: likewise.
        steps: to each beacon from every tile, around the others.
    """
    rows, columns = starts.T
    longer = steps != steps_to(walls, beacons)
    exist = (rows >= 0)[:, None] & (beacons[:, 0] >= 0)
    here = (starts[:, None] == beacons).all(axis=-1)
    return longer[:, rows, columns].T & exist & ~here


def closest(
    steps: Int[Array, "beacon height width"], beacons: Int[Array, "beacon 2"]
) -> Int[Array, ""]:
    """Return the steps between the two closest beacons."""
    rows, columns = beacons.T
    apart = steps[:, rows, columns].astype(jnp.int32)
    exist = (rows >= 0)[:, None] & (rows >= 0) & (apart > 0)
    return jnp.where(exist, apart, UNREACHABLE).min()


def as_channels(
    walls: Bool[Array, "row column"],
    rows: Int[Array, " row"],
    columns: Int[Array, " column"],
    agent: Int[Array, "2"],
    leader: Int[Array, "2"],
    beacons: Int[Array, "beacon 2"],
) -> Bool[Array, "row column 4"]:
    """Return the channels of some tiles, given where they are: walls, and the things.

    Args:
        walls: which of the tiles are walls.
        rows: of the tiles, which may lie beyond the border.
        columns: likewise.
        agent: ``(row, column)``.
        leader: likewise; what is absent, at (-1, -1), is not shown.
        beacons: likewise, each.
    """
    # A bit for each thing, in its row and in its column: one operation a tile
    # finds where both are set, however many things there are.
    things = jnp.concatenate([jnp.stack([agent, leader]), beacons])
    bits = (1 << jnp.arange(len(things))).astype(jnp.uint16)[:, None]
    # What is not there is at -1, which a window may show beyond the border.
    bits = jnp.where(things[:, :1] >= 0, bits, 0)
    in_row = jnp.where(things[:, :1] == rows, bits, 0).sum(0, dtype=jnp.uint16)
    in_column = jnp.where(things[:, 1:] == columns, bits, 0)
    at = in_row[:, None] & in_column.sum(0, dtype=jnp.uint16)
    return jnp.stack([walls, (at & 1) > 0, (at & 2) > 0, at > 3], axis=-1)


def read_beacons(drawing: Drawing, most: int) -> tuple[int, np.ndarray]:
    """Return how many beacons a drawing has, and their places in the order that pays.

    Args:
        drawing: the level.
        most: how many there may be; places beyond their number are (-1, -1).

    Raises:
        UserError: fewer than :data:`FEWEST` or more than ``most``, a gap in their
            numbers, or two of one number.
    """
    count = max((n for n, c in enumerate(LETTERS, 1) if drawing.all(c)), default=0)
    if not FEWEST <= count <= most:
        raise UserError(
            f"level: {count} beacons; draw {FEWEST} to {most}, the first '*', the "
            "others '2', '3' and so on (env.max_beacons allows more)"
        )
    beacons = np.full((most, 2), -1, np.int32)
    for n in range(count):
        beacons[n] = drawing.only(LETTERS[n], f"beacon {n + 1}")
    return count, beacons


def read_order(settings: Mapping[str, int], count: int, most: int) -> np.ndarray:
    """Return the leader's order, -1 beyond ``count``; the one that pays if not said.

    Args:
        settings: what stands above the drawing, ``leader_order: 321`` perhaps.
        count: how many beacons there are.
        most: how many there may be.

    Raises:
        UserError: an order of other beacons than all of them, once each.
    """
    order = np.full(most, -1, np.int32)
    order[:count] = np.arange(count)
    if "leader_order" not in settings:
        return order
    given = [int(digit) - 1 for digit in str(settings["leader_order"])]
    if sorted(given) != list(range(count)):
        raise UserError(
            f"level: leader_order is {settings['leader_order']}; name each beacon "
            f"from 1 to {count} once, as {''.join(str(n + 1) for n in range(count))}"
        )
    order[:count] = given
    return order


def write_order(order: np.ndarray) -> dict[str, int]:
    """Return what stands above a drawing; the order that pays goes unsaid."""
    order = order[order >= 0]
    if (order == np.arange(len(order))).all():
        return {}
    return {"leader_order": int("".join(str(n + 1) for n in order.tolist()))}
