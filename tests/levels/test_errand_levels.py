"""Levels with keys and chests: what is drawn and edited, and their texts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.levels.errand_levels import (
    CHEST,
    GHOST,
    KEY,
    WALL,
    Numbers,
    draw_fields,
    edited_fields,
    read_tiles,
    write_tiles,
)
from tests import reference

SIZE, MOST, N = (7, 7), (4, 4), 64


def numbers(keys: int, chests: int, ghosts: int) -> Numbers:
    few = jnp.float32(0.1)
    return Numbers(jnp.int32(keys), jnp.int32(chests), jnp.int32(ghosts), few, few)


BOTH = numbers(1, 4, 2), numbers(4, 1, 2)


def room(*rows: str) -> str:
    """A 7x7 level of these rows, walls for the rest."""
    return "\n".join(["#######", *rows, *["#######"] * (6 - len(rows))])


@pytest.fixture(scope="module")
def drawn() -> tuple:
    """Levels, whether they fit, and each after one edit."""

    @reference.jit_once
    @jax.vmap
    def draw(key: jax.Array) -> tuple:
        holes, alpha = jnp.float32(0), jnp.float32(0.5)
        key, key_edit = jax.random.split(key)
        fields, fits = draw_fields(key, "open", SIZE, holes, BOTH, alpha, MOST, True)
        return fields, fits, edited_fields(key_edit, fields, BOTH, alpha, MOST)

    return jax.tree.map(np.asarray, draw(jax.random.split(jax.random.key(0), N)))


def items(tiles: np.ndarray, kind: int) -> np.ndarray:
    return (tiles & kind != 0).sum(axis=(-2, -1))


def test_a_level_has_the_numbers_of_the_one_distribution_or_of_the_other(drawn):
    (tiles, _, keys, chests), fits, _ = drawn
    assert fits.all()
    assert set(zip(keys.tolist(), chests.tolist(), strict=True)) == {(1, 4), (4, 1)}
    np.testing.assert_array_equal(items(tiles, KEY), keys)
    np.testing.assert_array_equal(items(tiles, CHEST), chests)
    assert (items(tiles, GHOST) == 2).all()


def test_an_edit_keeps_the_numbers_that_it_says(drawn):
    *_, (tiles, _, keys, chests) = drawn
    np.testing.assert_array_equal(items(tiles, KEY), keys)
    np.testing.assert_array_equal(items(tiles, CHEST), chests)


def test_edits_toggle_one_wall_or_none_and_move_the_agent_in_some_levels(drawn):
    (before, start, *_), _, (after, moved, *_) = drawn
    toggled = ((before ^ after) & WALL != 0).sum(axis=(1, 2))
    assert set(toggled.tolist()) == {0, 1}
    away = (start != moved).any(axis=1)
    assert 0 < away.sum() < N
    np.testing.assert_array_equal(before[away], after[away])


def test_what_is_written_is_read_back():
    text = room("#@k*gb#", "#..#..#")
    tiles, agent = read_tiles(text, SIZE, MOST)
    assert agent == (1, 1)
    assert tiles[1].tolist() == [WALL, 0, KEY, CHEST, GHOST, CHEST | GHOST, WALL]
    assert write_tiles(tiles, np.array(agent)) == text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["#.k*..#"], "no agent; put one '@'"),
        (["#@k*@.#"], "line 2, column 5: a second agent"),
        (["#@.*..#"], "no key; put a 'k'"),
        (["#@kg..#"], "no chest; put a '\\*'"),
        (["#@kkkk#", "#*...k#"], "line 3, column 6: key 5, and env.max_keys is 4"),
        (["#@k***#", "#**...#"], "line 3, column 3: chest 5, and env.max_chests is 4"),
        (["#@k*gg#", "#.ggg.#"], "line 3, column 5: ghost 5, and env.max_chests is 4"),
        (["#@k*#k#"], "line 2, column 6: no path joins the agent at line 2, column 2"),
        (["#@k*#b#"], "line 2, column 6: no path .* this both, chest and ghost"),
        (["#@k*x.#"], "line 2, column 5: unknown letter 'x'"),
        (["#@k*..."], "line 2, column 7: the border must be walls"),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(
    rows: list[str], message: str
):
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        read_tiles(room(*rows), (7, 7), (4, 4))
    assert "\n" not in str(error.value)
