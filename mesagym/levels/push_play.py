"""Box-pushing puzzles by playing them: random pulls and pushes, and plans replayed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt32

from mesagym import grid
from mesagym.levels.places import as_mask
from mesagym.levels.solve import distances, reachable

OPPOSITE = 2
"""Added to an action, modulo 4, it gives the opposite one."""


class Played(NamedTuple):
    """A puzzle after some moves of boxes, and how it came there.

    A move is ``(row, column, action)`` of a box before it is moved; what was not made
    is (-1, -1, -1) and stands after all that were.
    """

    agent: Int[Array, "2"]
    boxes: Int[Array, "box 2"]
    moves: Int[Array, "move 3"]
    history: Int[Array, "move box 2"]  # the boxes after each move


def same_tiles(one: Int[Array, "tile 2"], other: Int[Array, "tile 2"]) -> jax.Array:
    """Return whether all tiles of the one stand in the other; (-1, -1) does, too."""
    return (one[:, None] == other).all(axis=-1).any(axis=-1).all()


def play(
    bits: UInt32[Array, "move box action"],
    walls: Bool[Array, "height width"],
    agent: Int[Array, "2"],
    boxes: Int[Array, "box 2"],
    count: Int[Array, ""],
    avoid: Int[Array, "box 2"],
    pull: Bool[Array, ""],
) -> Played:
    """Push, or pull, boxes at random, one move after another.

    All moves that the agent can walk to are alike, but those that bring a box where
    that box has not been go before all others, so that play does not run to and fro.
    It is over where there is no move.

    Args:
        bits: random, for each move that may be made.
        walls: what neither agent nor box enters.
        agent: where it starts.
        boxes: where they start; (-1, -1) is not there.
        count: how many moves.
        avoid: no move may bring all boxes onto these tiles.
        pull: whether boxes are pulled, as if time ran backwards.
    """
    height, width = walls.shape
    ways = jnp.array(grid.MOVES)
    present = boxes[:, :1] >= 0

    def on(tiles: Int[Array, "*any 2"]) -> Bool[Array, "*any"]:
        return (tiles[..., None, :] == avoid).all(axis=-1).any(axis=-1)

    def move(carry: tuple[jax.Array, ...], now: tuple[jax.Array, jax.Array]):
        agent, boxes, been = carry
        bits, index = now
        filled = walls | as_mask(boxes, height, width)
        home = reachable(filled, grid.at(agent, height, width))
        ends = boxes[:, None] + ways  # of each box by each action
        stand = jnp.where(pull, ends, boxes[:, None] - ways)
        beyond = ends + jnp.where(pull, ways, 0)
        allowed = present & home[stand[..., 0], stand[..., 1]]
        allowed &= ~filled[beyond[..., 0], beyond[..., 1]]
        # (-1, -1) stands on (-1, -1): what is not there is never missing.
        others = on(boxes)
        all_others = (others | jnp.eye(len(boxes), dtype=bool)).all(axis=1)
        allowed &= ~(all_others[:, None] & on(ends))
        number = jnp.arange(len(boxes))[:, None]
        fresh = ~been[number, ends[..., 0], ends[..., 1]]
        rank = bits >> 2 | jnp.uint32(1) << 30 | fresh.astype(jnp.uint32) << 31
        rank = jnp.where(allowed, rank, 0).ravel()
        best = jnp.argmax(rank)
        made = (rank[best] > 0) & (index < count)
        which, action = jnp.divmod(best, len(grid.MOVES))
        start, end = boxes[which], ends[which, action]
        after = jnp.where(made & (number == which), end, boxes)
        walked = jnp.where(pull, end + ways[action], start)
        mine = made & (number[..., None] == which)
        been = been | (mine & grid.at(end, height, width))
        record = jnp.where(made, jnp.append(start, action), -1)
        carry = jnp.where(made, walked, agent), after, been
        return carry, (record.astype(jnp.int32), after)

    been = jax.vmap(lambda tile: grid.at(tile, height, width))(boxes)
    steps = bits, jnp.arange(len(bits))
    (agent, boxes, _), record = jax.lax.scan(move, (agent, boxes, been), steps)
    return Played(agent, boxes, *record)


def undone(moves: Int[Array, "move 3"]) -> Int[Array, "move 3"]:
    """Return the pushes that undo some pulls, in the order to make them."""
    made = moves[:, 2] >= 0
    ends = moves[:, :2] + jnp.array(grid.MOVES)[moves[:, 2]]
    action = (moves[:, 2:] + OPPOSITE) % len(grid.MOVES)
    pushes = jnp.where(made[:, None], jnp.concatenate([ends, action], axis=1), -1)
    return jnp.roll(pushes[::-1], made.sum(), axis=0)


def configurations(
    boxes: Int[Array, "box 2"], pushes: Int[Array, "move 3"]
) -> Int[Array, "move box 2"]:
    """Return where the boxes stand before each push."""
    ways = jnp.array(grid.MOVES)

    def push(boxes: jax.Array, move: jax.Array) -> tuple[jax.Array, jax.Array]:
        pushed = (boxes == move[:2]).all(axis=1, keepdims=True) & (move[2] >= 0)
        return jnp.where(pushed, boxes + ways[move[2]], boxes), boxes

    return jax.lax.scan(push, boxes, pushes)[1]


def replayed_action(
    walls: Bool[Array, "height width"],
    agent: Int[Array, "2"],
    boxes: Int[Array, "box 2"],
    pushes: Int[Array, "move 3"],
    before: Int[Array, "move box 2"],
) -> Int[Array, ""]:
    """Return the next step of a plan: walk the shortest way to the next push, push.

    Args:
        walls: what neither agent nor box enters.
        agent: where it stands.
        boxes: where they stand. What stands as before no push of the plan has none.
        pushes: the plan.
        before: of `configurations`.
    """
    height, width = walls.shape
    here = jax.vmap(same_tiles, (None, 0))(boxes, before) & (pushes[:, 2] >= 0)
    # The last push that fits: a plan that comes twice to one place is cut short.
    last = len(pushes) - 1 - jnp.argmax(here[::-1])
    row, column, action = pushes[last]
    behind = jnp.stack([row, column]) - jnp.array(grid.MOVES)[action]
    filled = walls | as_mask(boxes, height, width)
    far = distances(filled, grid.at(behind, height, width))
    beside = agent + jnp.array(grid.MOVES)
    walk = jnp.argmin(far[beside[:, 0], beside[:, 1]])
    at_box = (agent == behind).all()
    action = jnp.where(at_box, action, walk)
    return jnp.where(here.any(), action, 0).astype(jnp.int32)
