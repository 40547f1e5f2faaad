"""Shortest distances and reachability on a grid, by spreading wavefronts of bits."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt32

from mesagym import grid
from mesagym.levels import bitgrid
from mesagym.levels.lanes import over_lanes

UNREACHABLE = 32_000
"""Stands for an infinite distance: above any path in a 64×64 grid, and far enough
below the limit of int16 that adding two steps to it does not overflow."""

_ROUND = 1
"""A wavefront of distances looks for its end every 2**_ROUND steps."""


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
    width = walls.shape[1]
    packed = bitgrid.pack(~walls), bitgrid.pack(targets)
    reached, planes = over_lanes(_distance_bits)(*packed)
    bits = bitgrid.unpack(planes, width).astype(jnp.int16)
    place = jnp.arange(len(planes), dtype=jnp.int16)[:, None, None]
    far = (bits << place).sum(axis=0, dtype=jnp.int16)
    return jnp.where(bitgrid.unpack(reached, width), far, jnp.int16(UNREACHABLE))


def _distance_bits(
    floor: UInt32[Array, "height word lane"], targets: UInt32[Array, "height word lane"]
) -> tuple[UInt32[Array, "height word lane"], UInt32[Array, "bit height word lane"]]:
    """Return the tiles that are reached, and those whose distance has bit k, for all k.

    Say a tile is at distance d. Of the sets reached within s steps it is in those of
    s >= d; among the s = m 2**k - 1 (m = 1, 2, ... up to an even number) these are
    even or odd in number as bit k of d is 0 or 1. So bit k's set is the sum without
    carry of the sets reached within 2**k - 1, 2 * 2**k - 1, ... steps: about two sums
    a step keep all bits. What never changes again is summed at the end.
    """
    height, words, _ = floor.shape
    num_bits = max(_ROUND + 1, (height * words * bitgrid.WORD - 1).bit_length())
    high_bits = jnp.arange(num_bits - _ROUND - 1) + 1

    def unfinished(carry: tuple[Any, ...]) -> jax.Array:
        _, before, now, _, _ = carry
        return (before != now).any()

    def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        rounds, before, now, low, high = carry
        low = list(low)
        for step in range(1, 2**_ROUND + 1):
            for bit in range(_ROUND + 1):
                if step % 2**bit == 0:
                    low[bit] ^= now
            if step == 2**_ROUND:
                divides = (rounds + 1) % (1 << high_bits) == 0
                divides = divides[:, None, None, None]
                high ^= jnp.where(divides, now, jnp.uint32(0))
            before, now = now, now | (bitgrid.spread(now) & floor)
        return rounds + 1, before, now, tuple(low), high

    none = jnp.zeros_like(floor)
    low, high = (none,) * (_ROUND + 1), jnp.stack([none] * len(high_bits))
    carry = (jnp.int32(0), none, targets & floor, low, high)
    rounds, _, reached, low, high = jax.lax.while_loop(unfinished, grow, carry)
    planes = jnp.concatenate([jnp.stack(low), high])
    odd = ((rounds << _ROUND) >> jnp.arange(num_bits)) & 1 == 1
    return reached, planes ^ jnp.where(odd[:, None, None, None], reached, jnp.uint32(0))


def downhill(
    walls: Bool[Array, "height width"],
    steps: Int[Array, "height width"],
    position: Int[Array, "2"],
) -> Int[Array, ""]:
    """Return the move that ends where the fewest steps are left, the first of equals.

    Args:
        walls: tiles that cannot be entered; the border is.
        steps: to go from every tile, of `distances`.
        position: ``(row, column)``.
    """
    move = partial(grid.move, walls, position)
    ends = jax.vmap(move)(jnp.arange(len(grid.MOVES)))
    return jnp.argmin(steps[ends[:, 0], ends[:, 1]])


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
    packed = [bitgrid.pack(tiles) for tiles in (~walls, start, first, second)]
    return Ways(*over_lanes(_ways)(*packed))


def _ways(
    floor: UInt32[Array, "height word lane"],
    start: UInt32[Array, "height word lane"],
    first: UInt32[Array, "height word lane"],
    second: UInt32[Array, "height word lane"],
) -> tuple[Int[Array, " lane"] | Bool[Array, " lane"], ...]:
    """Return the fields of :class:`Ways`."""
    spread, any_of = bitgrid.spread, bitgrid.any_of
    start, first, second = start & floor, first & floor, second & floor
    none = jnp.zeros_like(floor)

    def look(step: jax.Array, fronts: tuple[Any, ...], seen: tuple[Any, ...]):
        """Note what the front meets, where it is the first that meets a target."""
        by_first, not_first, by_second = fronts
        first_steps, second_steps, ends_by_first, ends_not, ends_by_second = seen
        open_first, open_second = first_steps < 0, second_steps < 0
        front = by_first | not_first
        at_first, at_second = any_of(front & first) > 0, any_of(front & second) > 0
        to_first = jnp.where(open_first, first, 0)
        to_second = jnp.where(open_second, second, 0)
        return (
            jnp.where(open_first & at_first, step, first_steps),
            jnp.where(open_second & at_second, step, second_steps),
            ends_by_first | (by_first & to_second),
            ends_not | (not_first & to_second),
            ends_by_second | (by_second & to_first),
        )

    def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        # One step a round: XLA repeats what two steps share.
        step, unseen, (by_first, not_first, by_second), seen = carry
        # A level whose two targets are met is through.
        missing = (seen[0] < 0) | (seen[1] < 0)
        unseen = jnp.where(missing, unseen, 0)
        by_first, not_first = spread(by_first) & unseen, spread(not_first) & unseen
        front = by_first | not_first
        fronts = (
            by_first | (front & first),
            not_first & ~first,
            (spread(by_second) | second) & front,
        )
        step = step + 1
        return step, unseen & ~front, fronts, look(step, fronts, seen)

    def unfinished(carry: tuple[Any, ...]) -> jax.Array:
        _, _, (by_first, not_first, _), _ = carry
        return ((by_first | not_first) != 0).any()

    fronts = (start & first, start & ~first, start & second)
    unmet = jnp.full(floor.shape[-1], -1, jnp.int32)
    step = jnp.int32(0)
    seen = look(step, fronts, (unmet, unmet, none, none, none))
    carry = (step, floor & ~start, fronts, seen)
    *_, seen = jax.lax.while_loop(unfinished, grow, carry)
    first_steps, second_steps, *ends = seen
    ends_by_first, ends_not_first, ends_by_second = (any_of(end) > 0 for end in ends)
    return (
        jnp.where(first_steps < 0, UNREACHABLE, first_steps),
        jnp.where(second_steps < 0, UNREACHABLE, second_steps),
        (second_steps >= 0) & ~ends_not_first,
        ends_by_first,
        ends_by_second,
    )
