"""A plain search of box-pushing puzzles, which mesagym's are held against.

State by state, by a queue; ways are counted as whole numbers. Nothing here is shared
with mesagym's solvers.
"""

from collections import deque
from functools import cached_property
from typing import Any

import numpy as np

AGREEING, AMBIGUOUS, DISTINGUISHING = range(3)

NEVER = -1

MOVES = ((-1, 0), (0, -1), (1, 0), (0, 1))

Tile = tuple[int, int]
State = tuple[Tile, frozenset[Tile]]


def tiles(array: Any) -> frozenset[Tile]:
    """Return places as a set; (-1, -1) is none."""
    return frozenset((r, c) for r, c in np.asarray(array).tolist() if r >= 0)


def step(walls: np.ndarray, state: State, action: int) -> State:
    """Return the state after an action."""
    (row, column), boxes = state
    down, right = MOVES[action]
    ahead, beyond = (row + down, column + right), (row + 2 * down, column + 2 * right)
    if walls[ahead]:
        return state
    if ahead not in boxes:
        return ahead, boxes
    if walls[beyond] or beyond in boxes:
        return state
    return ahead, boxes - {ahead} | {beyond}


class Puzzle:
    """What a search says of one puzzle."""

    def __init__(self, walls: Any, agent: Any, boxes: Any, base: Any, proxy: Any):
        self.walls = np.asarray(walls)
        (self.agent,) = tiles(np.asarray(agent)[None])
        self.boxes, self.base, self.proxy = map(tiles, (boxes, base, proxy))

    def steps(self, targets: frozenset[Tile], ends: frozenset[Tile]) -> int:
        """Return the fewest steps to targets, never through other ends."""
        start = self.agent, self.boxes
        far = {start: 0}
        queue = deque([start])
        while queue:
            state = queue.popleft()
            if state[1] == targets:
                return far[state]
            if state[1] == ends:
                continue
            for action in range(4):
                after = step(self.walls, state, action)
                if after not in far:
                    far[after] = far[state] + 1
                    queue.append(after)
        return NEVER

    @cached_property
    def layers(self) -> list[dict[State, tuple[int, int, int]]]:
        """Return, step by step, the ways to each state that is then first reached.

        How many fewest-steps ways there are, how many of them never solve the base
        on the way there or there, and how many never the proxy.
        """
        start = self.agent, self.boxes
        seen = {start}
        layers = [{start: self._without((1, 1, 1), start)}]
        while layers[-1]:
            fresh: dict[State, tuple[int, int, int]] = {}
            for state, ways in layers[-1].items():
                for action in range(4):
                    after = step(self.walls, state, action)
                    if after not in seen:
                        before = fresh.get(after, (0, 0, 0))
                        both = zip(before, ways, strict=True)
                        total, no_base, no_proxy = (x + y for x, y in both)
                        fresh[after] = (total, no_base, no_proxy)
            fresh = {at: self._without(ways, at) for at, ways in fresh.items()}
            seen |= fresh.keys()
            layers.append(fresh)
        return layers

    def _without(self, ways: tuple[int, int, int], at: State) -> tuple[int, int, int]:
        total, no_base, no_proxy = ways
        return (
            total,
            0 if at[1] == self.base else no_base,
            0 if at[1] == self.proxy else no_proxy,
        )

    def _nearest(self, targets: frozenset[Tile]) -> tuple[int, int, int] | None:
        for layer in self.layers:
            ends = [ways for (_, boxes), ways in layer.items() if boxes == targets]
            if ends:
                sums = np.array(ends, dtype=object).sum(axis=0)
                return sums[0], sums[1], sums[2]
        return None

    def label(self) -> tuple[int, bool]:
        """Return the class and whether it is clean, by counting ways."""
        to_base, to_proxy = self._nearest(self.base), self._nearest(self.proxy)
        if to_base is None or to_proxy is None:
            return AMBIGUOUS, False
        if to_proxy[1] == 0:
            return AGREEING, False
        if to_proxy[1] < to_proxy[0]:
            return AMBIGUOUS, False
        return DISTINGUISHING, to_base[2] == to_base[0]


def puzzles(levels: Any) -> list[Puzzle]:
    """Return each of a batch of levels of Sokoban-v0."""
    names = ("walls", "agent", "boxes", "base_targets", "proxy_targets")
    columns = [np.asarray(getattr(levels, name)) for name in names]
    return [Puzzle(*level) for level in zip(*columns, strict=True)]
