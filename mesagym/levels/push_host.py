"""An exact solver of box-pushing puzzles with any number of boxes, one at a time."""

from collections import deque
from heapq import heappop, heappush

import numpy as np

from mesagym.errors import UserError
from mesagym.grid import MOVES

Tile = tuple[int, int]
_State = tuple[Tile, frozenset[Tile]]

MOST_STATES = 2_000_000
"""States looked at before a puzzle is given up: a minute, and about a gigabyte."""


def solve_on_host(
    walls: np.ndarray,
    agent: Tile,
    boxes: frozenset[Tile],
    targets: frozenset[Tile],
    ends: frozenset[Tile] = frozenset(),
    most_states: int = MOST_STATES,
) -> list[int] | None:
    """Return the actions of a fewest-steps way that brings all boxes onto targets.

    A* (Hart, Nilsson & Raphael 1968) over where agent and boxes stand, guided by the
    pushes that each box needs to its nearest target were it alone: a way is never
    shorter, so the first that is found is a shortest one.

    Args:
        walls: bool[height, width], the border closed.
        agent: where it starts.
        boxes: where they start.
        targets: where boxes are to stand; as many, or no way is there.
        ends: all boxes on these tiles end the episode, if they are not targets.
        most_states: how many states to look at before giving up.

    Returns:
        Actions, none where the boxes stand there already; None where no way leads.

    Raises:
        UserError: the way was not found among that many states.
    """
    if len(targets) != len(boxes):
        return None
    pushes = _pushes(walls, targets)
    if any(box not in pushes for box in boxes):
        return None
    start: _State = agent, boxes
    steps = {start: 0}
    came: dict[_State, tuple[_State, int]] = {}
    # Of the equally promising, the deepest first: fewer are looked at.
    queue = [(sum(pushes[box] for box in boxes), 0, 0, start)]
    added = 0
    while queue:
        _, depth, _, state = heappop(queue)
        if -depth > steps[state]:
            continue
        if state[1] == targets:
            return _actions(came, state)
        for action, after in _successors(walls, state):
            if after[1] == ends and ends != targets:
                continue
            far = steps[state] + 1
            if far >= steps.get(after, far + 1):
                continue
            if after[1] is not state[1] and any(box not in pushes for box in after[1]):
                continue
            if len(steps) >= most_states:
                raise UserError(
                    f"level: no way found among {most_states} states; give more, or "
                    "fewer boxes"
                )
            steps[after], came[after] = far, (state, action)
            added += 1
            promise = far + sum(pushes[box] for box in after[1])
            heappush(queue, (promise, -far, added, after))
    return None


def _successors(walls: np.ndarray, state: _State) -> list[tuple[int, _State]]:
    (row, column), boxes = state
    found = []
    for action, (down, right) in enumerate(MOVES):
        ahead = row + down, column + right
        if walls[ahead]:
            continue
        if ahead in boxes:
            beyond = ahead[0] + down, ahead[1] + right
            if walls[beyond] or beyond in boxes:
                continue
            found.append((action, (ahead, boxes - {ahead} | {beyond})))
        else:
            found.append((action, (ahead, boxes)))
    return found


def _pushes(walls: np.ndarray, targets: frozenset[Tile]) -> dict[Tile, int]:
    """Return the fewest pushes of a box alone to a target, where any bring it there."""
    found = dict.fromkeys(targets, 0)
    queue = deque(targets)
    while queue:
        row, column = tile = queue.popleft()
        for down, right in MOVES:
            before = row - down, column - right
            if walls[before] or before in found:
                continue
            if not walls[before[0] - down, before[1] - right]:
                found[before] = found[tile] + 1
                queue.append(before)
    return found


def _actions(came: dict[_State, tuple[_State, int]], state: _State) -> list[int]:
    actions = []
    while state in came:
        state, action = came[state]
        actions.append(action)
    return actions[::-1]
