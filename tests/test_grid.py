"""Moves, random tiles and crops of grids."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mesagym import grid

ROOM = np.array(
    [
        [1, 1, 1, 1, 1],
        [1, 0, 0, 1, 1],
        [1, 0, 0, 0, 1],
        [1, 1, 1, 1, 1],
    ],
    dtype=bool,
)


@pytest.fixture(scope="module")
def walk():
    """Follow actions from a tile of ROOM and return the tiles stood on."""

    @jax.jit
    def scan(start: jax.Array, actions: jax.Array) -> jax.Array:
        def step(position: jax.Array, action: jax.Array):
            position = grid.move(jnp.asarray(ROOM), position, action)
            return position, position

        return jax.lax.scan(step, start, actions)[1]

    def follow(start: tuple[int, int], actions: list[int]) -> list[tuple[int, int]]:
        tiles = scan(jnp.array(start, jnp.int32), jnp.array(actions, jnp.int32))
        return [(int(row), int(column)) for row, column in tiles]

    return follow


def test_each_action_moves_the_way_its_name_says(walk):
    actions = [grid.RIGHT, grid.DOWN, grid.LEFT, grid.UP]
    assert walk((1, 1), actions) == [(1, 2), (2, 2), (2, 1), (1, 1)]


def test_the_names_of_the_actions_are_in_their_order():
    order = (grid.UP, grid.LEFT, grid.DOWN, grid.RIGHT)
    assert [grid.ACTION_NAMES[a] for a in order] == ["up", "left", "down", "right"]


def test_a_wall_blocks(walk):
    assert walk((2, 3), [grid.UP] * 4) == [(2, 3)] * 4


def test_the_border_blocks(walk):
    assert walk((1, 1), [grid.UP, grid.LEFT, grid.UP, grid.LEFT]) == [(1, 1)] * 4


@jax.jit
def all_tiles(mask: jax.Array) -> jax.Array:
    return jax.vmap(grid.nth_tile, (None, 0))(mask, jnp.arange(mask.size))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 1))
def test_the_nth_tile_is_counted_in_reading_order(seed: int, share: float):
    mask = np.random.default_rng(seed).random((6, 7)) < share
    expected = np.argwhere(mask)
    np.testing.assert_array_equal(all_tiles(jnp.array(mask))[: len(expected)], expected)


chosen = jax.jit(jax.vmap(grid.random_tile, (0, None)))


@jax.jit
def random_tiles(mask: jax.Array) -> jax.Array:
    chances = jax.random.uniform(jax.random.key(0), (20_000,))
    return chosen(chances, mask)


def test_random_tiles_are_uniform_over_the_mask():
    mask = np.random.default_rng(1).random((6, 7)) < 0.5
    rows, columns = np.asarray(random_tiles(jnp.array(mask))).T
    counts = np.zeros(mask.shape, dtype=int)
    np.add.at(counts, (rows, columns), 1)
    assert counts[~mask].sum() == 0
    assert stats.chisquare(counts[mask]).pvalue > 0.001


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 1))
def test_the_least_and_the_greatest_chance_give_the_first_and_last_tile(
    seed: int, share: float
):
    mask = np.random.default_rng(seed).random((64, 64)) < share
    chances = jnp.array([0, np.nextafter(np.float32(1), np.float32(0))], jnp.float32)
    ends = chosen(chances, jnp.array(mask))
    np.testing.assert_array_equal(ends, np.argwhere(mask)[[0, -1]])


def test_an_empty_mask_gives_the_upper_left_tile():
    assert not random_tiles(jnp.zeros((6, 7), dtype=bool)).any()


@pytest.mark.parametrize("radius", [1, 2, 7])
def test_a_crop_is_the_window_around_its_centre_with_walls_beyond(radius: int):
    channels = np.random.default_rng(2).random((5, 6, 3)) < 0.5
    cut = jax.jit(grid.crop, static_argnums=2)
    for centre in [(0, 0), (2, 3), (4, 5), (1, 4)]:
        window = np.asarray(cut(jnp.array(channels), jnp.array(centre), radius))
        assert window.shape == (2 * radius + 1, 2 * radius + 1, 3)
        for i, j in np.ndindex(window.shape[:2]):
            row, column = centre[0] + i - radius, centre[1] + j - radius
            if 0 <= row < 5 and 0 <= column < 6:
                expected = channels[row, column]
            else:
                expected = [True, False, False]
            np.testing.assert_array_equal(window[i, j], expected)


def test_the_inside_is_all_but_the_border():
    assert grid.inside(4, 5).tolist() == [
        [False] * 5,
        [False, True, True, True, False],
        [False, True, True, True, False],
        [False] * 5,
    ]


def test_one_tile_alone_is_marked():
    mask = grid.at(jnp.array([1, 3]), 4, 5)
    np.testing.assert_array_equal(np.argwhere(mask), [[1, 3]])


def test_a_tile_outside_the_grid_marks_nothing():
    assert not grid.at(jnp.array([-1, -1]), 4, 5).any()


def test_random_tiles_are_different_true_tiles():
    draw = jax.jit(lambda bits: grid.random_tiles(bits, jnp.asarray(~ROOM), 4))
    bits = jax.random.bits(jax.random.key(0), (64, ROOM.size), jnp.uint32)
    tiles = np.asarray(jax.vmap(draw)(bits))
    assert not ROOM[tiles[..., 0], tiles[..., 1]].any()
    assert all(len({tuple(tile) for tile in four}) == 4 for four in tiles.tolist())


def test_random_tiles_are_uniform_in_every_place():
    draw = jax.jit(
        jax.vmap(lambda bits: grid.random_tiles(bits, jnp.asarray(~ROOM), 2))
    )
    bits = jax.random.bits(jax.random.key(1), (5000, ROOM.size), jnp.uint32)
    tiles = np.asarray(draw(bits)) @ [ROOM.shape[1], 1]
    for place in range(2):
        counts = np.bincount(tiles[:, place], minlength=ROOM.size)
        assert stats.chisquare(counts[~ROOM.ravel()]).pvalue > 0.001


def test_tiles_that_a_mask_lacks_are_nowhere_and_last():
    mask = jnp.asarray(~ROOM)
    bits = jax.random.bits(jax.random.key(2), (ROOM.size,), jnp.uint32)
    tiles = np.asarray(grid.random_tiles(bits, mask, 8))
    count = int((~ROOM).sum())
    assert (tiles[:count] >= 0).all()
    assert (tiles[count:] == -1).all()


def test_random_masks_of_one_order_hold_as_many_tiles_as_asked_for():
    mask = grid.inside(5, 6).at[2, 2].set(False)
    words = jax.random.bits(jax.random.key(8), (30,))
    counts = [0, 1, 4, 11, 20]
    masks = grid.random_masks(words, mask, *map(jnp.int32, counts))
    assert [int(each.sum()) for each in masks] == [0, 1, 4, 11, 11]
    for fewer, more in zip(masks, [*masks[1:], mask], strict=True):
        assert not (fewer & ~more).any()


def test_random_masks_are_uniform_over_the_mask():
    mask = grid.inside(5, 6).at[2, 2].set(False)
    words = jax.random.bits(jax.random.key(9), (4000, 30))
    drawn = jax.vmap(lambda bits: grid.random_masks(bits, mask, jnp.int32(3))[0])(words)
    places = np.asarray(drawn).sum(axis=0)[np.asarray(mask)]
    assert places.sum() == 12000
    # Without replacement, so the counts vary a little less than independent ones.
    assert stats.chisquare(places).pvalue > 0.001
