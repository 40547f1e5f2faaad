"""Exact search of box-pushing puzzles: sets of states as bits, many levels at once.

A state is where the agent and each box stand, among the T inner tiles. A set of states
is ``uint32[word, slot, ..., slot, lane]``: for each place of the boxes, one axis each,
the agent's tiles as bits. Every box but the first has one slot more, the last, for a
box that is not there. So a step of a breadth-first search is a few shifts of words,
for every state of every level alike.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt32

from mesagym.grid import MOVES
from mesagym.levels import bitgrid
from mesagym.levels.bitgrid import WORD
from mesagym.levels.lanes import over_lanes
from mesagym.levels.solve import UNREACHABLE, Ways

LARGEST_SET = 2**15
"""Words of the largest set of states that is searched, 128 KiB a level. One box fits
a 34×34 grid, two 11×11, three 7×7."""


LANES = 64
"""Levels that are searched at once."""


@dataclass(frozen=True)
class Board:
    """The shape of a puzzle, which searches are compiled for.

    Attributes:
        height: rows, the border counted.
        width: columns, the border counted.
        boxes: how many there are at most.
    """

    height: int
    width: int
    boxes: int

    @property
    def inner(self) -> tuple[int, int]:
        """Rows and columns without the border."""
        return self.height - 2, self.width - 2

    @property
    def tiles(self) -> int:
        """T, how many inner tiles there are."""
        return self.inner[0] * self.inner[1]

    @property
    def slots(self) -> tuple[int, ...]:
        """Places of each box."""
        return (self.tiles,) + (self.tiles + 1,) * (self.boxes - 1)

    @property
    def is_searchable(self) -> bool:
        """Whether a set of states is of at most :data:`LARGEST_SET` words."""
        words = -(-self.tiles // WORD)
        return words * math.prod(self.slots) <= LARGEST_SET

    @cached_property
    def tile_bits(self) -> UInt32[np.ndarray, "word slot"]:
        """The bit of each tile; none for a box that is not there."""
        bits = np.zeros((-(-self.tiles // WORD), self.tiles + 1), np.uint32)
        tile = np.arange(self.tiles)
        bits[tile // WORD, tile] = np.uint32(1) << (tile % WORD).astype(np.uint32)
        return bits

    def offset(self, action: int) -> int:
        """Return how far an action moves along the numbering of the tiles."""
        down, right = MOVES[action]
        return down * self.inner[1] + right

    @cached_property
    def pushers(self) -> UInt32[np.ndarray, "action word slot"]:
        """Where the agent stands to push a box by each action: one bit, or none."""
        rows, columns = self.inner
        row, column = np.divmod(np.arange(self.tiles), columns)
        bits = np.zeros((len(MOVES), *self.tile_bits.shape), np.uint32)
        for action, (down, right) in enumerate(MOVES):
            behind = row - down, column - right
            inside = (behind[0] >= 0) & (behind[0] < rows)
            inside &= (behind[1] >= 0) & (behind[1] < columns)
            tile = np.where(inside, behind[0] * columns + behind[1], self.tiles)
            bits[action, :, :-1] = self.tile_bits[:, tile]
        return bits

    def entered(self, action: int) -> UInt32[np.ndarray, " word"]:
        """Return the tiles that a move by an action can end on."""
        moved = self.pushers[action].any(axis=0)[:-1]
        return np.bitwise_or.reduce(self.tile_bits[:, :-1][:, moved], axis=1)

    def on_axis(self, array: Any, box: int) -> Any:
        """Reshape ``[slot, *lane]`` to broadcast along the axis of a box."""
        shape = [1] * self.boxes
        shape[box] = array.shape[0]
        return array.reshape(*shape, *array.shape[1:])


def _words_on_axis(board: Board, bits: np.ndarray, box: int) -> np.ndarray:
    """Reshape ``[word, tile or slot]`` to broadcast with a set of states."""
    bits = bits[:, : board.slots[box]]
    return np.stack([board.on_axis(row[:, None], box) for row in bits])


class _States:
    """The states of a batch of levels, and how one step joins them."""

    def __init__(self, board: Board, floor: Bool[Array, "height width lane"]):
        self.board = board
        inner = floor[1:-1, 1:-1].reshape(board.tiles, -1)
        self.floor = inner
        bits = jnp.asarray(board.tile_bits)[:, :-1, None]
        words = jnp.where(inner, bits, 0).sum(axis=1, dtype=jnp.uint32)
        may_stand = self._boxes_in(inner)
        taken = jnp.uint32(0)
        for box in range(board.boxes):
            taken = taken | _words_on_axis(board, board.tile_bits, box)
            for other in range(box):
                here, there = (np.arange(board.slots[i]) for i in (box, other))
                here, there = here[:, None], there[:, None]
                here, there = board.on_axis(here, box), board.on_axis(there, other)
                may_stand &= (here != there) | (here == board.tiles)
        words = words.reshape(-1, *[1] * board.boxes, inner.shape[-1])
        self.valid = jnp.where(may_stand, words & ~taken, 0)

    def _boxes_in(self, tiles: Bool[Array, "tile lane"]) -> jax.Array:
        """Return where all boxes that are there stand on some tiles."""
        inside = jnp.array(True)
        absent = jnp.ones((1, tiles.shape[-1]), dtype=bool)
        for box, slots in enumerate(self.board.slots):
            padded = jnp.concatenate([tiles, absent])[:slots]
            inside = inside & self.board.on_axis(padded, box)
        return inside

    def solved(self, targets: Bool[Array, "height width lane"]) -> jax.Array:
        """Return a mask over the places of boxes: all stand on targets."""
        tiles = targets[1:-1, 1:-1].reshape(self.board.tiles, -1)
        solved = self._boxes_in(tiles)
        return jnp.where(solved, jnp.uint32(0xFFFFFFFF), jnp.uint32(0))

    def one(self, agent: Int[Array, "2 lane"], boxes: Int[Array, "box 2 lane"]):
        """Return the set of one state; a box at (-1, -1) is not there."""
        board = self.board
        columns = board.inner[1]
        tile = (agent[0] - 1) * columns + agent[1] - 1
        bits = board.tile_bits[:, :-1, None]
        here = jnp.arange(board.tiles)[:, None] == tile
        words = jnp.where(here, bits, 0).sum(axis=1, dtype=jnp.uint32)
        words = words.reshape(-1, *[1] * board.boxes, tile.shape[-1])
        for box, slots in enumerate(board.slots):
            slot = (boxes[box, 0] - 1) * columns + boxes[box, 1] - 1
            slot = jnp.where(boxes[box, 0] < 0, board.tiles, slot)
            here = board.on_axis(jnp.arange(slots)[:, None] == slot, box)
            words = jnp.where(here, words, 0)
        return words

    def joined(self, states: jax.Array, action: int, forward: bool) -> jax.Array:
        """Return the states that an action leads to, or that it leads from.

        What is no state at all is not yet taken out.
        """
        board = self.board
        offset = board.offset(action) * (1 if forward else -1)
        # To undo a move is to make the opposite one.
        entered = board.entered(action if forward else (action + 2) % len(MOVES))
        shape = (-1, *[1] * (board.boxes + 1))
        out = _shifted(states, offset) & entered.reshape(shape)
        for box, slots in enumerate(board.slots):
            # The agent is behind the box before a push, and behind it after.
            behind = _words_on_axis(board, board.pushers[action], box)
            pushing = states & behind
            at_box = pushing[0]
            for word in range(1, len(pushing)):
                at_box = at_box | pushing[word]
            at_box = _slid(at_box, box, offset, slots, board.tiles)
            out = out | jnp.where(at_box != 0, behind, 0)
        return out

    def spread(self, states: jax.Array) -> jax.Array:
        """Return the states that one step leads to; what is none not taken out."""
        out = self.joined(states, 0, True)
        for action in range(1, len(MOVES)):
            out = out | self.joined(states, action, True)
        return out


def _shifted(words: jax.Array, offset: int) -> jax.Array:
    """Move every bit of a row of words, along the first axis, by ``offset`` places."""
    skip, bits = divmod(abs(offset), WORD)
    count = len(words)
    padding = [(skip + 1, skip + 1), *[(0, 0)] * (words.ndim - 1)]
    padded = jnp.pad(words, padding) if count > 1 or skip else words
    if padded is words:
        return words << bits if offset > 0 else words >> bits
    near = 1 if offset > 0 else 2 * skip + 1
    far = near - 1 if offset > 0 else near + 1
    left, right = padded[near : near + count], padded[far : far + count]
    if offset > 0:
        return left << bits | (right >> (WORD - bits) if bits else 0)
    return left >> bits | (right << (WORD - bits) if bits else 0)


def _slid(places: jax.Array, axis: int, offset: int, slots: int, tiles: int):
    """Move along the axis of a box; what leaves it, and an absent box, is dropped."""
    away = abs(offset)
    if away >= tiles:
        return jnp.zeros_like(places)
    kept = (0, tiles - away) if offset > 0 else (away, tiles)
    padding = [(0, 0)] * places.ndim
    before, after = (away, 0) if offset > 0 else (0, away)
    padding[axis] = (before, after + slots - tiles)
    return jnp.pad(jax.lax.slice_in_dim(places, *kept, axis=axis), padding)


def _over_parts(search: Callable[..., Any]) -> Callable[..., Any]:
    """Return `over_lanes` of a search, a part of the lanes at a time.

    A search goes on until the last of its lanes is through, and so ends sooner in most
    parts; and sets of so many lanes stay in a cache. At 13x13 this is worth a factor
    of 2 on a CPU.
    """

    def parted(*arrays: jax.Array) -> Any:
        lanes = arrays[0].shape[-1]
        parts = -(-lanes // LANES)
        if parts == 1:
            return search(*arrays)

        def part(array: jax.Array) -> jax.Array:
            padding = [(0, 0)] * (array.ndim - 1) + [(0, parts * LANES - lanes)]
            padded = jnp.pad(array, padding, mode="edge")
            padded = padded.reshape(*array.shape[:-1], parts, LANES)
            return jnp.moveaxis(padded, -2, 0)

        def whole(array: jax.Array) -> jax.Array:
            array = jnp.moveaxis(array, 0, -2)
            return array.reshape(*array.shape[:-2], -1)[..., :lanes]

        found = jax.lax.map(lambda some: search(*some), tuple(map(part, arrays)))
        return jax.tree.map(whole, found)

    return over_lanes(parted)


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
        states = _States(board, floor)
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

    return _over_parts(search)(~walls, agent, boxes, targets, ends)


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
        states = _States(board, floor)
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

    return _over_parts(search)(~walls, targets, ends)


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
        states = _States(board, floor)
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

    return Ways(*_over_parts(search)(~walls, agent, boxes, first, second))
