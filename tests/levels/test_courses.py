"""Courses to run and jump along: their tiles, how they are drawn, edited and shown."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.levels import courses
from mesagym.levels.courses import AIR, CRATE, PIT, SAW, VEIL, WALL

SIZE, STRIP = (9, 33), 4


def draw(n: int, **settings: float) -> tuple[np.ndarray, np.ndarray]:
    """The ground and tiles of some courses."""
    given = {"hills": 0.5, "pits": 0.3, "crates": 0.3, "saws": 0.2, **settings}
    hills, *obstacles = (jnp.float32(given[name]) for name in given if name != "veil")

    def course(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        veil = jnp.bool_(settings.get("veil", False))
        return courses.draw_course(key, SIZE, STRIP, hills, jnp.stack(obstacles), veil)

    ground, tiles = jax.jit(jax.vmap(course))(jax.random.split(jax.random.key(0), n))
    return np.asarray(ground), np.asarray(tiles)


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    return draw(200)


def test_the_border_is_wall(drawn: tuple[np.ndarray, np.ndarray]):
    _, tiles = drawn
    inside = np.zeros(SIZE, dtype=bool)
    inside[1:-1, 1:-1] = True
    assert (tiles[:, ~inside] == WALL).all()


def test_start_end_and_each_section_s_last_column_are_free_of_obstacles(
    drawn: tuple[np.ndarray, np.ndarray],
):
    _, tiles = drawn
    columns = np.isin(tiles, [CRATE, SAW, PIT]).any(axis=(0, 1))
    end = courses.end_column(SIZE[1], STRIP)
    landing = range(courses.FIRST + courses.SECTION - 1, end, courses.SECTION)
    assert columns.any()
    assert not columns[
        [*range(courses.FIRST), *landing, *range(end - 1, end + 1)]
    ].any()


def test_four_rows_above_the_highest_ground_are_left_to_jump(
    drawn: tuple[np.ndarray, np.ndarray],
):
    ground, _ = drawn
    assert set(ground.ravel().tolist()) == {1, 2, 3}
    assert courses.most_ground(SIZE[0]) == SIZE[0] - 2 - 4


def test_without_hills_the_ground_is_level_and_without_odds_there_is_no_obstacle():
    ground, tiles = draw(50, hills=0.0, pits=0.0, crates=0.0, saws=0.0)
    assert (ground == ground[:, :1]).all()
    assert set(np.unique(tiles).tolist()) == {AIR, WALL}


def test_a_permeable_wall_stands_where_the_end_wall_would():
    _, plain = draw(50)
    _, veiled = draw(50, veil=True)
    changed = plain != veiled
    assert (veiled[changed] == VEIL).all()
    column = courses.end_column(SIZE[1], STRIP) + 1
    assert np.flatnonzero(changed.any(axis=(0, 1))).tolist() == [column]


def test_what_looks_like_a_wall_and_what_is_deadly():
    tiles = jnp.array([[AIR, WALL, CRATE, SAW, PIT, VEIL]], jnp.uint8)
    assert courses.solid(tiles).tolist()[0] == [False, True, True, False, False, False]
    assert courses.deadly(tiles).tolist()[0] == [False] * 3 + [True] * 2 + [False]


def test_tiles_are_read_back_from_their_letters(
    drawn: tuple[np.ndarray, np.ndarray],
):
    tiles = drawn[1][0]
    assert (courses.read_tiles(courses.write_tiles(tiles)) == tiles).all()


def test_other_ground_in_a_column_changes_that_column_alone(
    drawn: tuple[np.ndarray, np.ndarray],
):
    tiles = jnp.asarray(drawn[1][0])
    dug = courses.with_ground(tiles, jnp.int32(2), jnp.int32(0))
    assert (np.delete(dug, 2, axis=1) == np.delete(tiles, 2, axis=1)).all()
    assert dug[1:-1, 2].tolist() == [AIR] * (SIZE[0] - 3) + [PIT]


def test_a_window_shows_walls_beyond_the_border(
    drawn: tuple[np.ndarray, np.ndarray],
):
    tiles = jnp.asarray(drawn[1][0])
    seen = courses.window(tiles, jnp.array([7, 1]), 3)
    whole = np.pad(tiles, 3, constant_values=WALL)
    assert (seen == whole[7:14, 1:8]).all()
