"""Distances and the relations of shortest paths, on drawn grids of any kind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesagym import grid as cells
from mesagym.levels import solve
from mesagym.levels.ascii import read_drawing
from tests import reference

SHAPE = (7, 9)
INSIDE = np.asarray(cells.inside(*SHAPE))


def grid(text: str) -> np.ndarray:
    legend = dict.fromkeys("#.@12", "")
    return read_drawing(text, legend).letters


def walls_with(seed: int, share: float) -> np.ndarray:
    walls = np.random.default_rng(seed).random(SHAPE) < share
    walls[[0, -1]] = walls[:, [0, -1]] = True
    return walls


@pytest.fixture(scope="module")
def distances():
    return jax.jit(solve.distances)


@pytest.fixture(scope="module")
def downhill():
    """Steps that are left to go after the move from each of some places."""

    def after(walls: jax.Array, far: jax.Array, place: jax.Array) -> jax.Array:
        end = cells.move(walls, place, solve.downhill(walls, far, place))
        return far[end[0], end[1]]

    return jax.jit(jax.vmap(after, (None, None, 0)))


@pytest.fixture(scope="module")
def ways():
    return jax.jit(solve.ways)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 0.6),
    targets=st.sets(st.integers(0, SHAPE[0] * SHAPE[1] - 1), max_size=4),
)
def test_distances_equal_a_search_tile_by_tile(distances, seed, share, targets):
    walls = walls_with(seed, share)
    mask = np.zeros(SHAPE, dtype=bool)
    mask.ravel()[list(targets)] = True
    sources = [tile for tile in targets if not walls.ravel()[tile]]
    far = reference.distances(reference.neighbours(walls), sources)
    expected = reference.as_grid(far, SHAPE, solve.UNREACHABLE)
    np.testing.assert_array_equal(
        distances(jnp.array(walls), jnp.array(mask)), expected
    )


@pytest.mark.parametrize("shape", [(9, 12), (7, 40)], ids=str)
def test_distances_in_a_batch_equal_a_search_level_by_level(shape):
    random = np.random.default_rng(0)
    # Few walls and many: what ends early and what goes on in one batch.
    walls = random.random((40, *shape)) < np.linspace(0, 0.6, 40)[:, None, None]
    targets = random.random((40, *shape)) < 0.03
    far = jax.jit(jax.vmap(solve.distances))(jnp.array(walls), jnp.array(targets))
    for wall, target, field in zip(walls, targets, far, strict=True):
        sources = np.flatnonzero(target & ~wall).tolist()
        expected = reference.distances(reference.neighbours(wall), sources)
        expected = reference.as_grid(expected, shape, solve.UNREACHABLE)
        np.testing.assert_array_equal(field, expected)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 0.6))
def test_reachable_is_where_the_distance_is_finite(distances, seed, share):
    walls = jnp.array(walls_with(seed, share))
    start = jnp.zeros(SHAPE, dtype=bool).at[1, 1].set(True)
    near = distances(walls, start) < solve.UNREACHABLE
    np.testing.assert_array_equal(jax.jit(solve.reachable)(walls, start), near)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 0.6))
def test_going_downhill_comes_a_step_closer_from_wherever_a_path_leads(
    distances, downhill, seed, share
):
    walls = jnp.asarray(walls_with(seed, share))
    far = distances(walls, jnp.zeros(SHAPE, dtype=bool).at[1, 1].set(True))
    after = downhill(walls, far, jnp.argwhere(INSIDE))
    before = far[INSIDE]
    joined = (before > 0) & (before < solve.UNREACHABLE)
    np.testing.assert_array_equal(after[joined], before[joined] - 1)


@pytest.mark.parametrize("spiral", [False, True])
def test_the_longest_paths_of_the_largest_grid_are_not_out_of_reach(spiral: bool):
    walls = np.ones((64, 64), dtype=bool)
    walls[1:63, 1:63] = False
    if spiral:  # every other row a wall, open at alternating ends
        walls[2:62:2] = True
        walls[2:62:4, 62 - 1] = False
        walls[4:62:4, 1] = False
    start = np.zeros((64, 64), dtype=bool)
    start[1, 1] = True
    far = np.asarray(jax.jit(solve.distances)(jnp.array(walls), jnp.array(start)))
    expected = reference.distances(reference.neighbours(walls), [65])
    assert far[~walls].max() == max(expected)
    assert max(expected) > (1800 if spiral else 100)


def searched_ways(walls, start, first, second) -> tuple[int, ...]:
    """What counting all shortest paths says of one level."""
    beside = reference.neighbours(walls)
    source = int(np.flatnonzero(start)[0])
    far = reference.distances(beside, [] if walls.ravel()[source] else [source])
    sets = [set(np.flatnonzero(target & ~walls).tolist()) for target in (first, second)]

    def nearest(ends: set[int]) -> tuple[int, list[int]]:
        steps = min((far[tile] for tile in ends if far[tile] >= 0), default=-1)
        return steps, [tile for tile in ends if far[tile] == steps >= 0]

    def met(ends: list[int], others: set[int]) -> tuple[bool, bool]:
        paths = reference.count_paths(beside, far)
        past = reference.count_paths(beside, far, avoid=others)
        every, without = sum(paths[t] for t in ends), sum(past[t] for t in ends)
        return every > 0 and without == 0, every > without

    first_steps, first_ends = nearest(sets[0])
    second_steps, second_ends = nearest(sets[1])
    steps = [d if d >= 0 else solve.UNREACHABLE for d in (first_steps, second_steps)]
    return (*steps, *met(second_ends, sets[0]), met(first_ends, sets[1])[1])


@pytest.mark.parametrize("shape", [(7, 9), (6, 40)], ids=str)
def test_ways_in_a_batch_equal_counting_all_shortest_paths(shape):
    random, n = np.random.default_rng(1), 150
    walls = random.random((n, *shape)) < random.choice([0, 0.2, 0.4], n)[:, None, None]
    start = np.zeros((n, *shape), dtype=bool)
    start.reshape(n, -1)[np.arange(n), random.integers(0, start[0].size, n)] = True
    targets = random.random((2, n, *shape)) < random.choice([0.02, 0.1], (2, n, 1, 1))
    batch = jax.jit(jax.vmap(solve.ways))(*map(jnp.array, (walls, start, *targets)))
    found = np.array([np.asarray(field) for field in batch]).T.tolist()
    expected = [
        searched_ways(*level) for level in zip(walls, start, *targets, strict=True)
    ]
    assert found == [list(map(int, level)) for level in expected]
    # Every answer is there, so that none goes untested.
    assert {level[2:] for level in expected} >= {
        (False, False, False),
        (True, True, False),
        (False, True, False),
        (False, False, True),
    }


def related(ways, text: str) -> solve.Ways:
    letters = grid(text)
    masks = [letters == "#", letters == "@", letters == "1", letters == "2"]
    return ways(*map(jnp.asarray, masks))


def test_every_shortest_path_may_meet_the_first_target(ways):
    way = related(ways, "#######\n#@.1.2#\n#######")
    assert (way.first_before_all, way.first_before_some) == (True, True)
    assert (int(way.first_steps), int(way.second_steps)) == (2, 4)


def test_some_shortest_paths_may_meet_the_first_target(ways):
    way = related(ways, "#####\n#@1.#\n#..2#\n#####")
    assert (way.first_before_all, way.first_before_some) == (False, True)


def test_no_shortest_path_may_meet_the_first_target(ways):
    way = related(ways, "######\n#1@.2#\n######")
    assert (way.first_before_all, way.first_before_some) == (False, False)
    assert not way.second_before_some


def test_a_target_past_the_other_is_not_before_it(ways):
    way = related(ways, "#######\n#@.2.1#\n#######")
    assert (way.first_before_some, way.second_before_some) == (False, True)


def test_only_the_nearest_tiles_of_a_target_count(ways):
    # The way to the farther tile of the second target leads past the first.
    way = related(ways, "#######\n#2@.12#\n#######")
    assert int(way.second_steps) == 1
    assert not way.first_before_some


def test_a_target_that_no_path_reaches_is_before_nothing(ways):
    way = related(ways, "#######\n#@.2#1#\n#######")
    assert int(way.first_steps) == solve.UNREACHABLE
    assert int(way.second_steps) == 2
    assert not way.first_before_some
    assert not way.second_before_some


def test_a_path_meets_what_stands_on_its_start(ways):
    letters = grid("#####\n#@.1#\n#####")
    at_start, end = jnp.array(letters == "@"), jnp.array(letters == "1")
    way = ways(jnp.array(letters == "#"), at_start, end, at_start)
    assert int(way.second_steps) == 0
    assert way.second_before_some


def test_the_word_for_unreachable_leaves_room_for_two_more_steps():
    far = jnp.int16(solve.UNREACHABLE) + jnp.int16(2)
    assert int(far) == solve.UNREACHABLE + 2
    assert solve.UNREACHABLE > 62 * 62
