"""Walks by hand and searches by queue, which the tests of mazes are made of."""

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np

from mesagym.grid import DOWN, LEFT, RIGHT, UP
from tests import reference

MOVES = {"U": UP, "L": LEFT, "D": DOWN, "R": RIGHT}


@dataclass(frozen=True)
class Walk:
    """What each step of a walk brought, leading axis time."""

    places: list[tuple[int, int]]
    objectives: dict[str, list[float]]
    reward: list[float]
    terminated: list[bool]
    truncated: list[bool]


def walk(env: Any, text: str, moves: str, **settings: Any) -> Walk:
    """Follow moves such as "RRD", starting over never, whatever ends.

    Args:
        env: the environment.
        text: a level.
        moves: letters of up, left, down, right.
        **settings: of the parameters, if not the default ones.
    """
    params = env.params_with(**settings)
    _, state = env.reset_to_level(jax.random.key(0), env.parse(text), params)
    steps = []
    for move in moves:
        state, *seen = _step(env)(state, MOVES[move], params)
        steps.append((tuple(map(int, state.agent)), *map(np.asarray, seen)))
    places, paid, *others = zip(*steps, strict=True)
    paid = dict(zip(env.objective_names, np.array(paid).T.tolist(), strict=True))
    return Walk(list(places), paid, *(np.array(each).tolist() for each in others))


@cache
def _step(env: Any) -> Any:
    @jax.jit
    def step(state: Any, action: Any, params: Any) -> tuple[Any, ...]:
        out = env.step_env(jax.random.key(0), state, action, params)
        _, state, reward, terminated, info = out
        truncated = env.is_truncated(state, params)
        return state, info["objectives"], reward, terminated, truncated

    return step


class Paths(NamedTuple):
    """Shortest paths from one tile to another."""

    steps: int  # reference.NOWHERE where there are none
    count: int
    free: int  # those that touch none of the tiles asked about


def paths(walls: Any, start: Any, end: Any, touching: Any) -> Paths:
    """Count shortest paths, and those that touch none of some tiles.

    Args:
        walls: bool[height, width].
        start: (row, column).
        end: (row, column); (-1, -1) is nowhere.
        touching: bool[height, width].
    """
    beside = reference.neighbours(np.asarray(walls))
    first, last = (int(r) * walls.shape[1] + int(c) for r, c in (start, end))
    far = reference.distances(beside, [first])
    if end[0] < 0 or far[last] == reference.NOWHERE:
        return Paths(reference.NOWHERE, 0, 0)
    avoid = set(np.flatnonzero(touching).tolist())
    every = reference.count_paths(beside, far)[last]
    return Paths(far[last], every, reference.count_paths(beside, far, avoid)[last])


def mask(shape: tuple[int, int], *places: Any) -> np.ndarray:
    """Return bool[shape] of some places, absent ones (-1, -1) nowhere."""
    tiles = np.zeros(shape, dtype=bool)
    for row, column in places:
        if row >= 0:
            tiles[row, column] = True
    return tiles
