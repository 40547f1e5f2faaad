"""Searches of side views with gravity, by spreading wavefronts of bits.

The physics, which `step` states for one body and the searches for sets of them: a body
is on a tile and rises or not. It stands where the tile below is solid and it does not
rise. A step moves it up or down, then sideways:

- A standing body that jumps goes up one tile, straight, and rises; under a solid tile
  it stays. Jumping does nothing where it does not stand.
- A rising body goes up one more tile, if that is not solid, and rises no longer.
- Else a body that does not stand falls one tile.
- But for the jump itself, it then moves left or right, if asked, and if the tile there
  is not solid.

So a jump lifts over two tiles and carries over two, and takes a step more than to walk
as far. Only the tile on which a step ends is touched.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt32

from mesagym.levels import bitgrid
from mesagym.levels.lanes import over_lanes
from mesagym.levels.solve import UNREACHABLE, Ways

STAY, LEFT, RIGHT, JUMP = range(4)

_Words = UInt32[Array, "height word lane"]
_Bodies = UInt32[Array, "2 height word lane"]
"""A set of bodies: those that do not rise, and those that do."""


def step(
    solid: Bool[Array, "height width"],
    place: Int[Array, "2"],
    rises: Bool[Array, ""],
    action: Int[Array, ""],
) -> tuple[Int[Array, "2"], Bool[Array, ""]]:
    """Return where a body is after a step, and whether it rises.

    Args:
        solid: tiles that cannot be entered; the border must be.
        place: ``(row, column)``.
        rises: whether it is to go up one more tile.
        action: 0 stay, 1 left, 2 right, 3 jump.
    """
    row, column = place
    stands = solid[row + 1, column] & ~rises
    jumps = stands & (action == JUMP)
    upward = (rises | jumps) & ~solid[row - 1, column]
    row = row + jnp.where(upward, -1, jnp.where(stands | rises, 0, 1))
    aside = (action == RIGHT).astype(jnp.int32) - (action == LEFT)
    column = jnp.where(solid[row, column + aside], column, column + aside)
    return jnp.stack([row, column]).astype(jnp.int32), jumps & upward


def reachable(
    solid: Bool[Array, "height width"],
    deadly: Bool[Array, "height width"],
    start: Bool[Array, "height width"],
) -> Bool[Array, "height width"]:
    """Return the tiles on which steps can end from a start, none on a deadly tile.

    Args:
        solid: tiles that cannot be entered.
        deadly: tiles that no way may touch.
        start: where bodies are that do not rise.
    """
    packed = [bitgrid.pack(tiles) for tiles in (solid, deadly, start)]
    return bitgrid.unpack(over_lanes(_reachable)(*packed), solid.shape[1])


def distances(
    solid: Bool[Array, "height width"],
    deadly: Bool[Array, "height width"],
    targets: Bool[Array, "height width"],
) -> Int[Array, "2 height width"]:
    """Return the fewest steps to a target, of bodies that do not rise, and that do.

    Args:
        solid: tiles that cannot be entered.
        deadly: tiles that no way may touch; those that are targets do not count.
        targets: where the distance is 0.

    Returns:
        int16; :data:`~mesagym.levels.solve.UNREACHABLE` where no way leads.
    """
    width = solid.shape[1]
    packed = [bitgrid.pack(tiles) for tiles in (solid, deadly, targets)]
    reached, planes = over_lanes(_distance_bits)(*packed)
    bits = bitgrid.unpack(planes, width).astype(jnp.int16)
    place = jnp.arange(len(planes), dtype=jnp.int16)[:, None, None, None]
    far = (bits << place).sum(axis=0, dtype=jnp.int16)
    return jnp.where(bitgrid.unpack(reached, width), far, jnp.int16(UNREACHABLE))


def downhill(
    solid: Bool[Array, "height width"],
    steps: Int[Array, "2 height width"],
    place: Int[Array, "2"],
    rises: Bool[Array, ""],
) -> Int[Array, ""]:
    """Return the action that ends where the fewest steps are left, the first of equals.

    Args:
        solid: tiles that cannot be entered.
        steps: to go, of `distances`.
        place: ``(row, column)``.
        rises: whether the body is to go up one more tile.
    """

    def to_go(action: Int[Array, ""]) -> Int[Array, ""]:
        end, still_rises = step(solid, place, rises, action)
        return steps[still_rises.astype(jnp.int32), end[0], end[1]]

    return jnp.argmin(jax.vmap(to_go)(jnp.arange(JUMP + 1)))


def ways(
    solid: Bool[Array, "height width"],
    deadly: Bool[Array, "height width"],
    start: Bool[Array, "height width"],
    first: Bool[Array, "height width"],
    second: Bool[Array, "height width"],
) -> Ways:
    """Relate the shortest ways from a start to two sets of tiles.

    As `mesagym.levels.solve.ways`, of which this is the side view: the search is over
    bodies, and a way meets the tiles on which its steps end.

    Args:
        solid: tiles that cannot be entered.
        deadly: tiles that no way may touch.
        start: one tile, on which a body is that does not rise.
        first: the first target's tiles.
        second: the second target's tiles.
    """
    packed = [bitgrid.pack(tiles) for tiles in (solid, deadly, start, first, second)]
    return Ways(*over_lanes(_ways)(*packed))


# ------------------------------------------------------------------------- sets of bits


def _up(tiles: jax.Array) -> jax.Array:
    """Return the set one row up: whose tile below is in it."""
    return jnp.concatenate([tiles[1:], jnp.zeros_like(tiles[:1])])


def _down(tiles: jax.Array) -> jax.Array:
    return jnp.concatenate([jnp.zeros_like(tiles[:1]), tiles[:-1]])


def _widen(tiles: _Words) -> _Words:
    """Return the set and the tiles beside it, left and right."""
    wide = tiles | tiles << 1 | tiles >> 1
    if tiles.shape[1] > 1:
        none = jnp.zeros_like(tiles[:, :1])
        last = bitgrid.WORD - 1
        wide |= jnp.concatenate([none, tiles[:, :-1]], axis=1) >> last
        wide |= jnp.concatenate([tiles[:, 1:], none], axis=1) << last
    return wide


def _after(solid: _Words, bodies: _Bodies) -> _Bodies:
    """Return where bodies can be a step later, deadly tiles or not."""
    free, floor, ceiling = ~solid, _up(solid), _down(solid)
    level, rising = bodies
    standing = level & floor
    moved = standing | _down(level & ~floor) | (_up(rising) & free) | rising & ceiling
    return jnp.stack([_widen(moved) & free, _up(standing) & free])


def _before(solid: _Words, bodies: _Bodies) -> _Bodies:
    """Return from where some action leads into a set of bodies."""
    free, floor, ceiling = ~solid, _up(solid), _down(solid)
    level, rising = bodies
    moved = _widen(level) & free
    standing = floor & (moved | _down(rising))
    falling = ~floor & _up(moved)
    lifted = (~ceiling & _down(moved)) | (ceiling & moved)
    return jnp.stack([(standing | falling) & free, lifted & free])


def _unfinished(carry: tuple[Any, ...]) -> jax.Array:
    """Return whether the last two sets, first in the carry, differ."""
    return (carry[0] != carry[1]).any()


def _reachable(solid: _Words, deadly: _Words, start: _Words) -> _Words:
    alive = ~(solid | deadly)

    def grow(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        _, now = carry
        return now, now | (_after(solid, now) & alive)

    begin = jnp.stack([start & alive, jnp.zeros_like(start)])
    now = jax.lax.while_loop(_unfinished, grow, (jnp.zeros_like(begin), begin))[1]
    return now[0] | now[1]


def _distance_bits(
    solid: _Words, deadly: _Words, targets: _Words
) -> tuple[_Bodies, UInt32[Array, "bit 2 height word lane"]]:
    """Return the bodies that reach a target, and those whose distance has bit k.

    A body's distance is the number of rounds in which it was not reached yet, which
    is counted for all at once: the planes are the digits, and each round adds one.
    """
    height, words, _ = solid.shape
    num_bits = (2 * height * words * bitgrid.WORD).bit_length()
    alive = ~(solid | deadly) | targets

    def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        _, now, planes = carry
        planes, add = list(planes), ~now
        for bit, plane in enumerate(planes):
            planes[bit], add = plane ^ add, plane & add
        return now, now | (_before(solid, now) & alive), tuple(planes)

    begin = jnp.stack([targets & ~solid] * 2)
    none = jnp.zeros_like(begin)
    carry = (none, begin, (none,) * num_bits)
    _, reached, planes = jax.lax.while_loop(_unfinished, grow, carry)
    return reached, jnp.stack(planes)


def _ways(
    solid: _Words, deadly: _Words, start: _Words, first: _Words, second: _Words
) -> tuple[Int[Array, " lane"] | Bool[Array, " lane"], ...]:
    """Return the fields of `Ways`."""
    alive = ~(solid | deadly)
    lanes = start.shape[-1]

    def look(step: jax.Array, fronts: tuple[Any, ...], seen: tuple[Any, ...]):
        """Note what the front meets, where it is the first that meets a target."""
        by_first, not_first, by_second = fronts
        first_steps, second_steps, by, around, other = seen
        front = by_first | not_first
        first_now = _any(front & first) & (first_steps < 0)
        second_now = _any(front & second) & (second_steps < 0)
        return (
            jnp.where(first_now, step, first_steps),
            jnp.where(second_now, step, second_steps),
            jnp.where(second_now, _any(by_first & second), by),
            jnp.where(second_now, _any(not_first & second), around),
            jnp.where(first_now, _any(by_second & first), other),
        )

    def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        step, unseen, (by_first, not_first, by_second), seen = carry
        # A level whose two targets are met is through.
        missing = (seen[0] < 0) | (seen[1] < 0)
        unseen = jnp.where(missing, unseen, 0)
        by_first = _after(solid, by_first) & unseen
        not_first = _after(solid, not_first) & unseen
        front = by_first | not_first
        fronts = (
            by_first | (front & first),
            not_first & ~first,
            (_after(solid, by_second) | second) & front,
        )
        step = step + 1
        return step, unseen & ~front, fronts, look(step, fronts, seen)

    def unfinished(carry: tuple[Any, ...]) -> jax.Array:
        by_first, not_first, _ = carry[2]
        return ((by_first | not_first) != 0).any()

    begin = jnp.stack([start & alive, jnp.zeros_like(start)])
    fronts = (begin & first, begin & ~first, begin & second)
    unmet, no = jnp.full(lanes, -1, jnp.int32), jnp.zeros(lanes, dtype=bool)
    seen = look(jnp.int32(0), fronts, (unmet, unmet, no, no, no))
    unseen = jnp.stack([alive] * 2) & ~begin
    carry = (jnp.int32(0), unseen, fronts, seen)
    first_steps, second_steps, by, around, other = jax.lax.while_loop(
        unfinished, grow, carry
    )[-1]
    return (
        jnp.where(first_steps < 0, UNREACHABLE, first_steps),
        jnp.where(second_steps < 0, UNREACHABLE, second_steps),
        (second_steps >= 0) & ~around,
        by,
        other,
    )


def _any(bodies: _Bodies) -> Bool[Array, " lane"]:
    """Return whether a lane's set holds any body."""
    return bitgrid.any_of(bodies[0] | bodies[1]) > 0
