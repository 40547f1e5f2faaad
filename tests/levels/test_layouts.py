"""Each layout has the form its name promises, in every size."""

import functools

import jax
import numpy as np
import pytest
from scipy import stats

from mesagym.errors import UserError
from mesagym.levels.layouts import (
    DOOR_PROBABILITY,
    EDGE_PROBABILITY,
    LAYOUTS,
    SMALLEST_ROOM,
    get_layout,
)
from mesagym.levels.mazes import LOOP_PROBABILITY
from tests import reference

SIZES = [(5, 5), (6, 7), (9, 12), (64, 33)]
"""The smallest, small and large ones that are even and not square, two words a row."""

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
    assert batch("edges", (9, 12))[:, :, 10].all()


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


# ------------------------------------------------------------------------------- edges


def test_edges_opens_its_share_of_the_passages_between_cells():
    n, possible = 1000, 60
    opened = [cells_and_passages(walls)[1] for walls in batch("edges", (13, 13), n)]
    bound = 4 * np.sqrt(EDGE_PROBABILITY * (1 - EDGE_PROBABILITY) / (n * possible))
    assert abs(np.mean(opened) / possible - EDGE_PROBABILITY) < bound


def test_passages_of_edges_are_independent_of_one_another():
    n = 2000
    inner = batch("edges", (9, 9), n)[:, 1:-1, 1:-1]
    passages = np.concatenate([inner[:, ::2, 1::2], inner[:, 1::2, ::2]], axis=None)
    passages = passages.reshape(2, n, -1).transpose(1, 0, 2).reshape(n, 24)
    correlations = np.corrcoef(passages.T) - np.eye(24)
    # 276 pairs at a standard error of 1 / sqrt(2000).
    assert np.abs(correlations).max() < 5 / np.sqrt(n)


def test_most_cells_of_edges_are_joined_to_the_one_in_the_middle():
    joined = []
    for walls in batch("edges", (13, 13)):
        far = reference.distances(reference.neighbours(walls), [7 * 13 + 7])
        joined.append(np.array(far).reshape(walls.shape)[1::2, 1::2] >= 0)
    assert np.mean(joined) > 0.9


# ------------------------------------------------------------------------------- noise


@pytest.mark.parametrize("size", [(9, 9), (13, 13), (25, 25)], ids=str)
def test_a_quarter_to_a_third_of_the_inner_tiles_of_noise_are_walls(size):
    inner = batch("noise", size, 1000)[:, 1:-1, 1:-1]
    assert 0.25 < inner.mean() < 1 / 3


def test_no_inner_tile_of_noise_is_favoured():
    n = 1000
    inner = batch("noise", (13, 13), n)[:, 1:-1, 1:-1]
    share = inner.mean()
    spread = np.sqrt(share * (1 - share) / n)
    # 121 tiles: none as far off as 5 standard errors.
    assert np.abs(inner.mean(axis=0) - share).max() < 5 * spread


def test_walls_of_noise_lie_together():
    inner = batch("noise", (13, 13), 1000)[:, 1:-1, 1:-1]
    beside_a_wall = inner[:, :, 1:][inner[:, :, :-1]]
    assert beside_a_wall.mean() > inner.mean() + 0.2


# ------------------------------------------------------------------------------- rooms


def test_rooms_are_connected(mazes):
    assert all(map(floor_is_connected, mazes["rooms"]))


def four_rooms() -> list[tuple[np.ndarray, int, int]]:
    """Walls of 13x13 tiles, and where their inner wall row and column are."""
    found = []
    for walls in batch("rooms", (13, 13), 500):
        inner = walls[1:-1, 1:-1]
        row, column = inner.sum(axis=1).argmax() + 1, inner.sum(axis=0).argmax() + 1
        found.append((walls, int(row), int(column)))
    return found


def test_thirteen_tiles_hold_four_rooms_behind_one_wall_each_way():
    for walls, row, column in four_rooms():
        rest = walls[1:-1, 1:-1].copy()
        rest[row - 1] = rest[:, column - 1] = False
        assert not rest.any()
        assert walls[row, column]


def test_four_rooms_have_three_doors_or_four():
    doors = [
        int((~walls[row]).sum() + (~walls[:, column]).sum())
        for walls, row, column in four_rooms()
    ]
    counts = np.bincount(doors, minlength=5)
    assert counts[:3].sum() == 0
    bound = 4 * np.sqrt(DOOR_PROBABILITY * (1 - DOOR_PROBABILITY) / len(doors))
    assert abs(counts[4] / len(doors) - DOOR_PROBABILITY) < bound


def test_walls_between_four_rooms_stand_anywhere_that_leaves_room():
    rows, columns = np.array([found[1:] for found in four_rooms()]).T
    allowed = set(range(1 + SMALLEST_ROOM, 12 - SMALLEST_ROOM))
    assert set(rows.tolist()) == set(columns.tolist()) == allowed


def test_larger_sizes_have_more_rooms():
    walls = batch("rooms", (64, 33))
    # A row with at least half of its tiles wall is a wall between rooms.
    lines = [
        (walls[:, 1:-1, 1:-1].mean(axis=axis) > 0.5).sum(axis=1) for axis in (2, 1)
    ]
    assert (lines[0] == 9).all()
    assert (lines[1] == 4).all()


# ----------------------------------------------------------------------------- procgen


def box(walls: np.ndarray) -> tuple[int, int, int, int]:
    """First row and column of the floor, and how many of each it spans."""
    rows, columns = np.nonzero(~walls)
    first = int(rows.min()), int(columns.min())
    return *first, int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_a_procgen_maze_is_a_tree_in_its_own_square(mazes):
    for walls in mazes["procgen"]:
        top, left, height, width = box(walls)
        assert height == width
        assert height % 2 == 1
        inner = walls[top - 1 : top + height + 1, left - 1 : left + width + 1]
        cells, passages = cells_and_passages(inner)
        assert passages == cells - 1
        assert floor_is_connected(walls)


def test_a_procgen_maze_of_any_size_has_its_corner_at_the_top_left(mazes):
    for walls in mazes["procgen"]:
        assert box(walls)[:2] == (1, 1)
        assert not walls[1, 1]


@pytest.mark.parametrize(
    ("size", "sides"), [((13, 13), [3, 5, 7, 9, 11]), ((12, 15), [3, 5, 7, 9])]
)
def test_procgen_sides_are_drawn_uniformly(size, sides):
    drawn = [box(walls)[2] for walls in batch("procgen", size, 1000)]
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == sides
    assert stats.chisquare(counts).pvalue > 0.001


# ------------------------------------------------------------------------------- names


def test_an_unknown_layout_is_an_error_with_the_nearest_name():
    with pytest.raises(UserError, match=r"env\.layout: .*'block'.*'blocks'"):
        get_layout("block")
