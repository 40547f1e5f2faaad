"""Each layout has the form its name promises, in every size."""

import functools

import jax
import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.levels.layouts import LAYOUTS, LOOP_PROBABILITY, get_layout
from tests import reference

SIZES = [(5, 5), (9, 12), (64, 33)]
"""The smallest, one that is even and not square, one of two words a row."""

N = 100


@functools.cache
def batch(layout: str, size: tuple[int, int], n: int = N) -> np.ndarray:
    @reference.jit_once
    @jax.vmap
    def draw(key: jax.Array) -> jax.Array:
        return get_layout(layout)(key, *size)

    return np.asarray(draw(jax.random.split(jax.random.key(7), n)))


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: "x".join(map(str, size)))
def mazes(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """A batch of walls of each layout in one size."""
    return {name: batch(name, request.param) for name in LAYOUTS}


def cells_and_passages(walls: np.ndarray) -> tuple[int, int]:
    """Number of cells (odd tiles) and of openings between two of them."""
    rows, columns = ((side - 1) // 2 * 2 for side in walls.shape)
    inner = ~walls[1:rows, 1:columns]
    cells = inner[::2, ::2]
    assert cells.all()
    assert not inner[1::2, 1::2].any()
    return cells.size, int(inner[::2, 1::2].sum() + inner[1::2, ::2].sum())


def floor_is_connected(walls: np.ndarray) -> bool:
    start = int(np.flatnonzero(~walls.ravel())[0])
    far = np.array(reference.distances(reference.neighbours(walls), [start]))
    return bool((far[~walls.ravel()] >= 0).all())


def test_every_border_is_closed(mazes):
    for name, walls in mazes.items():
        edges = [walls[:, 0], walls[:, -1], walls[:, :, 0], walls[:, :, -1]]
        assert all(edge.all() for edge in edges), name


def test_an_open_room_has_no_inner_walls(mazes):
    assert not mazes["open"][:, 1:-1, 1:-1].any()


def test_a_tree_joins_all_cells_with_one_passage_fewer_than_cells(mazes):
    for walls in mazes["tree"]:
        cells, passages = cells_and_passages(walls)
        assert passages == cells - 1
        assert floor_is_connected(walls)


def test_loopy_is_connected_too(mazes):
    assert all(map(floor_is_connected, mazes["loopy"]))


def test_an_even_size_leaves_its_last_inner_line_wall():
    walls = batch("tree", (9, 12))
    assert walls[:, :, 10].all()
    assert not walls[:, 1, 9].any()


def test_loopy_opens_a_share_of_the_passages_that_the_tree_left_closed():
    shape = (13, 13)
    cells, possible = 36, 60
    closed = (possible - (cells - 1)) * N
    extra = sum(
        passages - (count - 1)
        for count, passages in map(cells_and_passages, batch("loopy", shape))
    )
    bound = 4 * np.sqrt(closed * LOOP_PROBABILITY * (1 - LOOP_PROBABILITY))
    assert abs(extra - closed * LOOP_PROBABILITY) < bound


def test_a_quarter_of_the_inner_tiles_of_blocks_are_walls():
    inner = batch("blocks", (9, 9), 2000)[:, 1:-1, 1:-1]
    bound = 4 * np.sqrt(0.25 * 0.75 / inner.size)
    assert abs(inner.mean() - 0.25) < bound


def test_no_inner_tile_of_blocks_is_favoured():
    n = 2000
    share = batch("blocks", (9, 9), n)[:, 1:-1, 1:-1].mean(axis=0)
    # 49 tiles: a deviation of 4.5 standard errors in none of them.
    assert np.abs(share - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / n)


def test_walls_of_blocks_are_independent_of_one_another():
    inner = batch("blocks", (9, 9), 2000)[:, 1:-1, 1:-1].reshape(2000, -1)
    correlations = np.corrcoef(inner.T) - np.eye(49)
    # 1176 pairs at a standard error of 1 / sqrt(2000).
    assert np.abs(correlations).max() < 5 / np.sqrt(2000)


def test_every_spanning_tree_of_a_small_maze_is_drawn():
    walls = batch("tree", (5, 5), N)
    # Four cells in a ring: a tree leaves out one of four passages.
    assert len({maze.tobytes() for maze in walls}) == 4


def test_trees_of_larger_mazes_are_all_different():
    walls = batch("tree", (13, 13))
    assert len({maze.tobytes() for maze in walls}) == N


def test_an_unknown_layout_is_an_error_with_the_nearest_name():
    with pytest.raises(UserError, match=r"env\.layout: .*'block'.*'blocks'"):
        get_layout("block")
