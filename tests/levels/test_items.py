"""Levels of an agent and items strewn about."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.levels import items
from mesagym.levels.ascii import read_drawing
from mesagym.levels.solve import UNREACHABLE, distances

LEGEND = {"#": "wall", ".": "floor", "@": "agent", "*": "pear"}

ROOM = """
    ######
    #@.#*#
    #..#.#
    ######
"""

WALLS = jnp.asarray(read_drawing(ROOM, LEGEND).letters == "#")

CASES = {
    "joined": ([(1, 1), (2, 2), (-1, -1)], True),
    "two on one tile": ([(1, 1), (2, 2), (2, 2)], False),
    "one behind a wall": ([(1, 1), (1, 4), (-1, -1)], False),
    "one inside a wall": ([(1, 1), (1, 3), (-1, -1)], False),
}


@pytest.mark.parametrize(("places", "sound"), CASES.values(), ids=CASES)
def test_places_are_sound_where_paths_join_them_and_none_is_taken_twice(places, sound):
    found = items.are_joined_and_apart(WALLS, jnp.array(places, jnp.int32))
    assert bool(found) == sound


@pytest.mark.parametrize("joined", [True, False])
def test_places_are_drawn_on_different_floor_tiles_and_joined_where_asked(joined: bool):
    draw = partial(items.draw_places, layout="blocks", size=(7, 7), n=5, joined=joined)
    keys = jax.random.split(jax.random.key(0), 200)
    walls, places, _ = jax.jit(jax.vmap(draw))(keys)
    for room, tiles in zip(np.asarray(walls), np.asarray(places), strict=True):
        there = [tuple(tile) for tile in tiles.tolist() if tile[0] >= 0]
        assert len(set(there)) == len(there)
        assert not any(room[tile] for tile in there)
    full = (places[:, :, 0] >= 0).all(axis=1)
    sound = jax.vmap(items.are_joined_and_apart)(walls, places)
    assert bool(sound[full].all()) == joined


def test_of_each_kind_the_first_few_places_are_taken():
    counts = (jnp.int32(1), jnp.int32(0))
    assert items.taken(counts, (2, 1)).tolist() == [True, True, False, False]


def test_the_nearest_place_sought_counts_and_no_other():
    places = jnp.array([(2, 2), (1, 4), (-1, -1)])
    fields = items.fields(WALLS, places)
    ends = jnp.array([(1, 1), (2, 1)])

    def steps(*sought: bool) -> list[int]:
        return items.steps_to_nearest(fields, jnp.array(sought), ends).tolist()

    assert steps(True, True, False) == [2, 1]
    assert steps(False, True, True) == [UNREACHABLE] * 2
    far = distances(WALLS, jnp.zeros_like(WALLS).at[1, 1].set(True))
    assert int(items.nearest(far, places, places[:, 0] >= 0)) == 2


def test_an_item_behind_a_wall_and_one_too_many_are_refused_by_their_place():
    drawing = read_drawing(ROOM, LEGEND)
    start = jnp.zeros_like(WALLS).at[1, 1].set(True)
    steps = np.asarray(distances(WALLS, start))

    def read(most: int) -> None:
        limit = ("max_pears", most)
        items.read_items(drawing, "*", (1, 1), steps, limit, "pear", "pear number {}")

    with pytest.raises(UserError, match=r"line 3, column 9: no path .* to this pear"):
        read(1)
    with pytest.raises(UserError, match=r"pear number 1, and env.max_pears is 0"):
        read(0)


def test_an_open_room_has_no_walls_inside():
    with pytest.raises(UserError, match=r"line 3, column 8: a wall inside"):
        items.must_be_open(read_drawing(ROOM, LEGEND))
