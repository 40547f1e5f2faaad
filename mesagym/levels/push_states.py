"""Sets of states of a box-pushing puzzle as bits, for many levels at once.

A state is where the agent and each box stand, among the T inner tiles. A set of states
is ``uint32[word, slot, ..., slot, lane]``: for each place of the boxes, one axis each,
the agent's tiles as bits. Every box but the first has one slot more, the last, for a
box that is not there. So a step of a breadth-first search is a few shifts of words,
for every state of every level alike.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt32

from mesagym.grid import MOVES
from mesagym.levels.bitgrid import WORD

LARGEST_SET = 2**15
"""Words of the largest set of states that is searched, 128 KiB a level. One box fits
a 34×34 grid, two 11×11, three 7×7."""


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


class States:
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
