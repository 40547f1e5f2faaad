"""Which first moves are best on the way to each tile, by one wavefront of bits."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt32

from mesagym.grid import MOVES
from mesagym.levels import bitgrid
from mesagym.levels.lanes import over_lanes


def first_moves(
    walls: Bool[Array, "height width"], start: Bool[Array, "height width"]
) -> Bool[Array, "move height width"]:
    """Return, for each move, the tiles that some shortest path begins so to reach.

    Args:
        walls: tiles that cannot be entered; the border is.
        start: one tile.

    Returns:
        By action (up, left, down, right). A tile that several first moves are best
        for is true in each; the start and what no path reaches are true in none.
    """
    # The border is closed, so nothing that rolls over it is floor.
    beside = jnp.stack([jnp.roll(start & ~walls, step, (0, 1)) for step in MOVES])
    fronts = jax.vmap(bitgrid.pack)(beside & ~walls)
    packed = bitgrid.pack(~walls), bitgrid.pack(start)
    return bitgrid.unpack(over_lanes(_first_moves)(*packed, fronts), walls.shape[1])


def share_first_move(
    moves: Bool[Array, "move height width"], place: Int[Array, "2"]
) -> Bool[Array, "height width"]:
    """Return the tiles that some first move is best for, which is best for one too.

    Args:
        moves: of `first_moves`.
        place: ``(row, column)`` of the one.
    """
    best = moves[:, place[0], place[1]]
    return (moves & best[:, None, None]).any(axis=0)


def _first_moves(
    floor: UInt32[Array, "height word lane"],
    start: UInt32[Array, "height word lane"],
    fronts: UInt32[Array, "move height word lane"],
) -> UInt32[Array, "move height word lane"]:
    def any_move(fronts: jax.Array) -> jax.Array:
        return fronts[:, :, 0] | fronts[:, :, 1] | fronts[:, :, 2] | fronts[:, :, 3]

    def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        # A front for each first move; a tile that two reach at once is in both.
        unseen, fronts, seen = carry
        fronts = bitgrid.spread(fronts) & unseen[:, :, None]
        return unseen & ~any_move(fronts), fronts, seen | fronts

    fronts = jnp.moveaxis(fronts, 0, 2)
    carry = (floor & ~start & ~any_move(fronts), fronts, fronts)
    carry = jax.lax.while_loop(lambda carry: (carry[1] != 0).any(), grow, carry)
    return jnp.moveaxis(carry[2], 2, 0)
