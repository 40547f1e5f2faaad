"""Places that no objective pays for, and that a policy may go to all the same.

They are what "another goal" is looked for among: the corners of the board. Objectives
that a user added to watch are looked at besides, see `mesagym.evals.outcomes`.
"""

from typing import NamedTuple

import numpy as np

from mesagym import grid
from mesagym.evals.shifts import EvaluationPool

CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")


class Landmarks(NamedTuple):
    """L places on each of n levels."""

    names: tuple[str, ...]
    tiles: np.ndarray  # int32[n, L, 2] (row, column), (-1, -1) where there is none


def walks(pool: EvaluationPool) -> bool:
    """Return whether agents walk in four directions among the walls of levels."""
    four = tuple(pool.env.action_names[: len(grid.MOVES)]) == grid.ACTION_NAMES
    return four and hasattr(pool.levels, "walls") and hasattr(pool.levels, "agent")


def landmarks_on(pool: EvaluationPool) -> Landmarks:
    """Return the free tile nearest to each corner of every level of a pool.

    There is none where the agent starts on it, nor in environments whose levels have no
    walls or whose agent does not walk.
    """
    if not walks(pool):
        return Landmarks((), np.zeros((pool.size, 0, 2), np.int32))
    free = ~np.asarray(pool.levels.walls, dtype=bool)
    n, height, width = free.shape
    rows, columns = np.mgrid[:height, :width]
    tiles = []
    for name in CORNERS:
        row = 0 if name.startswith("top") else height - 1
        column = 0 if name.endswith("left") else width - 1
        far = np.abs(rows - row) + np.abs(columns - column)
        place = np.where(free, far, far.max() + 1).reshape(n, -1).argmin(1)
        tiles.append(np.stack(np.unravel_index(place, (height, width)), axis=-1))
    found = np.stack(tiles, axis=1).astype(np.int32)
    at_start = (found == np.asarray(pool.levels.agent)[:, None]).all(-1)
    return Landmarks(
        tuple(f"{name}_corner" for name in CORNERS),
        np.where(at_start[..., None], -1, found).astype(np.int32),
    )
