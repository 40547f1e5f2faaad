"""Exact search of box-pushing puzzles, breadth first, over sets of states as bits."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt32

from mesagym.grid import MOVES
from mesagym.levels import bitgrid
from mesagym.levels.bitgrid import WORD
from mesagym.levels.lanes import in_parts, over_lanes
from mesagym.levels.push_states import Board, States
from mesagym.levels.solve import UNREACHABLE, Ways

LANES = 64
"""Levels that are searched at once: at 13x13 parts are worth a factor of 2 on a CPU."""


def _of_each(search: Callable[..., Any]) -> Callable[..., Any]:
    """Return a search of many lanes as a function of one level."""
    return over_lanes(in_parts(search, LANES))


def _any(states: jax.Array) -> jax.Array:
    """Return a word for each lane that is 0 where its set is empty."""
    return bitgrid.any_of(states.reshape(1, -1, states.shape[-1]))


def steps_to(
    board: Board,
    walls: Bool[Array, "height width"],
    agent: Int[Array, "2"],
    boxes: Int[Array, "box 2"],
    targets: Bool[Array, "height width"],
    ends: Bool[Array, "height width"],
) -> Int[Array, ""]:
    """Return the fewest steps until all boxes stand on targets.

    Args:
        board: the shape.
        walls: what neither agent nor box enters.
        agent: where it starts.
        boxes: where they start; (-1, -1) is not there.
        targets: where boxes are to stand.
        ends: all boxes on these tiles end the episode, if they are not targets.

    Returns:
        int32; 0 where they stand there already, :data:`~mesagym.levels.solve.
        UNREACHABLE` where no steps lead there.
    """

    def search(floor: Any, agent: Any, boxes: Any, targets: Any, ends: Any) -> Any:
        states = States(board, floor)
        goal = states.solved(targets)
        unseen = states.valid & (goal | ~states.solved(ends))

        def unfinished(carry: tuple[Any, ...]) -> jax.Array:
            return (_any(carry[2]) != 0).any()

        def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
            step, unseen, front, found = carry
            met = (_any(front & goal) != 0) & (found == UNREACHABLE)
            found = jnp.where(met, step, found)
            front = jnp.where(found == UNREACHABLE, front, 0)
            front = states.spread(front) & unseen
            return step + 1, unseen & ~front, front, found

        start = states.one(agent, boxes)
        found = jnp.full(floor.shape[-1], UNREACHABLE, jnp.int32)
        carry = (jnp.int32(0), unseen & ~start, start, found)
        return jax.lax.while_loop(unfinished, grow, carry)[3]

    return _of_each(search)(~walls, agent, boxes, targets, ends)


def best_actions(
    board: Board,
    walls: Bool[Array, "height width"],
    targets: Bool[Array, "height width"],
    ends: Bool[Array, "height width"],
) -> UInt32[Array, "2 word *slot"]:
    """Return for every state an action of a fewest-steps way to the targets.

    Arguments as those of `steps_to`.

    Returns:
        The two bits of the action, each as a set of states; 0 where nothing is left
        to do, or to be done. `action_at` reads it.
    """

    def search(floor: Any, targets: Any, ends: Any) -> Any:
        states = States(board, floor)
        goal = states.solved(targets)
        unseen = states.valid & (goal | ~states.solved(ends))

        def unfinished(carry: tuple[Any, ...]) -> jax.Array:
            return (_any(carry[1]) != 0).any()

        def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
            unseen, front, low, high = carry
            fresh = jnp.zeros_like(front)
            for action in range(len(MOVES)):
                before = states.joined(front, action, forward=False) & unseen
                unseen, fresh = unseen & ~before, fresh | before
                low = low | before if action & 1 else low
                high = high | before if action & 2 else high
            return unseen, fresh, low, high

        start = states.valid & goal
        none = jnp.zeros_like(start)
        carry = (unseen & ~start, start, none, none)
        return jnp.stack(jax.lax.while_loop(unfinished, grow, carry)[2:])

    return _of_each(search)(~walls, targets, ends)


def action_at(
    board: Board,
    actions: UInt32[Array, "2 word *slot"],
    agent: Int[Array, "2"],
    boxes: Int[Array, "box 2"],
) -> Int[Array, ""]:
    """Return the action of a state, from what `best_actions` found."""
    columns = board.inner[1]
    tile = (agent[0] - 1) * columns + agent[1] - 1
    slots = (boxes[:, 0] - 1) * columns + boxes[:, 1] - 1
    slots = jnp.where(boxes[:, 0] < 0, board.tiles, slots)
    words = actions[(slice(None), tile // WORD, *slots)]
    bits = (words >> (tile % WORD).astype(jnp.uint32)) & 1
    return (bits[0] | bits[1] << 1).astype(jnp.int32)


def push_ways(
    board: Board,
    walls: Bool[Array, "height width"],
    agent: Int[Array, "2"],
    boxes: Int[Array, "box 2"],
    first: Bool[Array, "height width"],
    second: Bool[Array, "height width"],
) -> Ways:
    """Relate the shortest ways to two sets of targets, as `mesagym.levels.solve.ways`.

    A way meets a set of targets where all boxes stand on it; to meet one ends nothing
    here.

    Args:
        board: the shape.
        walls: what neither agent nor box enters.
        agent: where it starts.
        boxes: where they start; (-1, -1) is not there.
        first: the first targets.
        second: the second targets.
    """

    def search(floor: Any, agent: Any, boxes: Any, first: Any, second: Any) -> Any:
        states = States(board, floor)
        at_first, at_second = states.solved(first), states.solved(second)
        # Only what is met first can lie on a way to the other: `near`, and `far`.
        # Both are met at once where all targets are of both kinds.

        def look(step: jax.Array, fronts: tuple[Any, Any], seen: tuple[Any, ...]):
            """Note what the fronts meet, and part them once the nearer is known."""
            by_near, not_near = fronts
            to_first, to_second, by, not_by = seen
            front = by_near | not_near
            new_first = (_any(front & at_first) != 0) & (to_first == UNREACHABLE)
            new_second = (_any(front & at_second) != 0) & (to_second == UNREACHABLE)
            to_first = jnp.where(new_first, step, to_first)
            to_second = jnp.where(new_second, step, to_second)
            # The first is the nearer of two that are met at once.
            near = jnp.where(to_first <= to_second, at_first, at_second)
            near = jnp.where(to_first + to_second < 2 * UNREACHABLE, near, 0)
            far = jnp.where(to_first <= to_second, at_second, at_first)
            by_near, not_near = by_near | (front & near), not_near & ~near
            through = (new_first | new_second) & (
                jnp.maximum(to_first, to_second) < UNREACHABLE
            )
            by |= through & (_any(by_near & far) != 0)
            not_by |= through & (_any(not_near & far) != 0)
            return (by_near, not_near), (to_first, to_second, by, not_by)

        def unfinished(carry: tuple[Any, ...]) -> jax.Array:
            _, _, (by_near, not_near), _ = carry
            return (_any(by_near | not_near) != 0).any()

        def grow(carry: tuple[Any, ...]) -> tuple[Any, ...]:
            step, unseen, fronts, seen = carry
            missing = jnp.maximum(seen[0], seen[1]) == UNREACHABLE
            unseen = jnp.where(missing, unseen, 0)
            # Spread both at once, and only once: XLA would repeat it for each use.
            stacked = jnp.concatenate(fronts, axis=-1)
            spread = jax.lax.optimization_barrier(states.spread(stacked))
            by_near, not_near = jnp.split(spread, 2, axis=-1)
            step = step + 1
            fronts, seen = look(step, (by_near & unseen, not_near & unseen), seen)
            return step, unseen & ~(fronts[0] | fronts[1]), fronts, seen

        start = states.one(agent, boxes)
        never = jnp.full(floor.shape[-1], UNREACHABLE, jnp.int32)
        no = jnp.zeros(floor.shape[-1], dtype=bool)
        step = jnp.int32(0)
        fronts, seen = look(
            step, (jnp.zeros_like(start), start), (never, never, no, no)
        )
        carry = (step, states.valid & ~start, fronts, seen)
        to_first, to_second, by, not_by = jax.lax.while_loop(unfinished, grow, carry)[3]
        both = jnp.maximum(to_first, to_second) < UNREACHABLE
        first_is_near = to_first <= to_second
        by_first = first_is_near & by
        by_second = (to_second <= to_first) & by
        # What is met second, or never, lies on no way to the other.
        all_by_first = both & first_is_near & ~not_by
        return to_first, to_second, all_by_first, by_first, by_second

    return Ways(*_of_each(search)(~walls, agent, boxes, first, second))
