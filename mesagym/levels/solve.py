"""Shortest distances and reachability on a grid, by a spreading wavefront."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from mesagym.levels import bitgrid

UNREACHABLE = 32_000
"""Stands for an infinite distance: above any path in a 64×64 grid, and far enough
below the limit of int16 that adding two steps to it does not overflow."""


def spread(tiles: Bool[Array, "height width"]) -> Bool[Array, "height width"]:
    """Return the tiles that touch a true tile on one of four sides."""
    padded = jnp.pad(tiles, 1)
    across = padded[1:-1, :-2] | padded[1:-1, 2:]
    return across | padded[:-2, 1:-1] | padded[2:, 1:-1]


def distances(
    walls: Bool[Array, "height width"], targets: Bool[Array, "height width"]
) -> Int[Array, "height width"]:
    """Return the fewest moves from each floor tile to the nearest target.

    Args:
        walls: tiles that cannot be entered.
        targets: where the distance is 0. Targets inside walls do not count.

    Returns:
        int16; :data:`UNREACHABLE` on walls and where no path leads to a target.
    """
    floor = ~walls
    start = targets & floor
    far = jnp.where(start, 0, UNREACHABLE).astype(jnp.int16)

    def grow(carry: tuple[jax.Array, jax.Array, jax.Array, jax.Array]):
        step, front, reached, far = carry
        front = spread(front) & floor & ~reached
        far = jnp.where(front, step, far)
        return step + jnp.int16(1), front, reached | front, far

    carry = (jnp.int16(1), start, start, far)
    return jax.lax.while_loop(lambda carry: carry[1].any(), grow, carry)[-1]


def reachable(
    walls: Bool[Array, "height width"], start: Bool[Array, "height width"]
) -> Bool[Array, "height width"]:
    """Return the floor tiles that some path joins to a true tile of ``start``."""
    floor, start_words = bitgrid.pack(~walls), bitgrid.pack(start)
    return bitgrid.unpack(bitgrid.reachable(floor, start_words), walls.shape[1])


class Ways(NamedTuple):
    """How the shortest paths from a start to two targets relate."""

    first_steps: Int[Array, ""]  # to the first target, UNREACHABLE if none leads
    second_steps: Int[Array, ""]  # to the second
    first_before_all: Bool[Array, ""]  # every shortest path to the second meets it
    first_before_some: Bool[Array, ""]  # some shortest path to the second meets it
    second_before_some: Bool[Array, ""]  # some shortest path to the first meets it


def ways(
    walls: Bool[Array, "height width"],
    start: Bool[Array, "height width"],
    first: Bool[Array, "height width"],
    second: Bool[Array, "height width"],
) -> Ways:
    """Relate the shortest paths from a start to two sets of tiles.

    One wavefront from the start carries, beside its front, the tiles of the front
    that some shortest path reaches by way of the first target, those that some
    reaches without it, and those reached by way of the second. A path meets what
    stands on its own start and end, too; to reach a set is to reach its nearest
    tiles.

    Args:
        walls: tiles that cannot be entered.
        start: one tile.
        first: the first target's tiles.
        second: the second target's tiles.
    """
    floor = bitgrid.pack(~walls)
    start, first, second = (bitgrid.pack(t) & floor for t in (start, first, second))
    none = jnp.int32(UNREACHABLE)
    unknown = Ways(none, none, *[jnp.bool_(False)] * 3)

    def look(step: jax.Array, fronts: tuple[jax.Array, ...], seen: Ways) -> Ways:
        front, by_first, not_first, by_second = fronts
        at_first, at_second = (front & first).any(), (front & second).any()
        new_first = at_first & (seen.first_steps == none)
        new_second = at_second & (seen.second_steps == none)
        return Ways(
            jnp.where(new_first, step, seen.first_steps),
            jnp.where(new_second, step, seen.second_steps),
            jnp.where(new_second, ~(not_first & second).any(), seen.first_before_all),
            jnp.where(new_second, (by_first & second).any(), seen.first_before_some),
            jnp.where(new_first, (by_second & first).any(), seen.second_before_some),
        )

    def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        step, reached, (front, by_first, not_first, by_second), seen = carry
        front = bitgrid.spread(front) & floor & ~reached
        fronts = (
            front,
            (bitgrid.spread(by_first) | first) & front,
            bitgrid.spread(not_first) & ~first & front,
            (bitgrid.spread(by_second) | second) & front,
        )
        return step + 1, reached | front, fronts, look(step, fronts, seen)

    def unfinished(carry: tuple[Any, ...]) -> jax.Array:
        _, _, (front, *_), seen = carry
        missing = (seen.first_steps == none) | (seen.second_steps == none)
        return front.any() & missing

    fronts = (start, start & first, start & ~first, start & second)
    carry = (jnp.int32(1), start, fronts, look(jnp.int32(0), fronts, unknown))
    return jax.lax.while_loop(unfinished, grow, carry)[-1]
