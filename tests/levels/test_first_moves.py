"""First moves of shortest paths, against a search tile by tile."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym import grid
from mesagym.levels.first_moves import first_moves
from tests import reference


def random_mazes(seed: int, height: int, width: int, n: int) -> np.ndarray:
    """Return walls with closed borders, bool[n, height, width]."""
    walls = np.ones((n, height, width), dtype=bool)
    inner = np.random.default_rng(seed).random((n, height - 2, width - 2))
    walls[:, 1:-1, 1:-1] = inner < np.linspace(0, 0.5, n)[:, None, None]
    return walls


def searched(walls: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the same as `first_moves`, from a search from each neighbour."""
    beside, width = reference.neighbours(walls), walls.shape[1]
    tile = start[0] * width + start[1]
    whole = np.array(reference.distances(beside, [tile]))
    best = []
    for row, column in grid.MOVES:
        after = tile + row * width + column
        rest = np.array(reference.distances(beside, [after]))
        led_to = (rest >= 0) & (rest == whole - 1)
        best.append(led_to & (not walls.ravel()[after]))
    return np.array(best).reshape(4, *walls.shape)


@pytest.mark.parametrize("size", [(7, 9), (5, 40)])
def test_first_moves_are_those_of_a_search(size: tuple[int, int]):
    walls = random_mazes(0, *size, n=60)
    rng = np.random.default_rng(1)
    starts = np.array([rng.choice(np.argwhere(~one)) for one in walls])
    at = jax.vmap(lambda start: grid.at(start, *size))(jnp.asarray(starts))
    found = np.asarray(jax.jit(jax.vmap(first_moves))(jnp.asarray(walls), at))
    for i in range(len(walls)):
        np.testing.assert_array_equal(found[i], searched(walls[i], starts[i]))
    # Some tiles are reached as quickly by two first moves, some by none.
    assert set(found.sum(axis=1).ravel().tolist()) >= {0, 1, 2}


def test_a_batch_has_what_each_level_has_alone():
    walls = jnp.asarray(random_mazes(2, 7, 7, n=3)).at[:, 3, 3].set(False)
    start = grid.at(jnp.array([3, 3]), 7, 7)
    batched = jax.jit(jax.vmap(first_moves, (0, None)))(walls, start)
    alone = jax.jit(first_moves)
    for one, expected in zip(walls, batched, strict=True):
        np.testing.assert_array_equal(alone(one, start), expected)


def test_no_first_move_leads_to_the_start_or_to_walls():
    walls = jnp.asarray(random_mazes(3, 7, 7, n=2)[1]).at[3, 3].set(False)
    moves = jax.jit(first_moves)(walls, grid.at(jnp.array([3, 3]), 7, 7))
    assert not moves[:, 3, 3].any()
    assert not (moves & walls).any()
