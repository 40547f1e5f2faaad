"""Beacons that are visited in a cyclic order."""

import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.levels import beacons
from mesagym.levels.ascii import read_drawing
from mesagym.levels.visits import steps_to, ways_around

LEGEND = {"#": "wall", ".": "floor", **dict.fromkeys(beacons.LETTERS, "beacon")}

# The third beacon is the only way between the others.
CORRIDOR = """
    #######
    #.*32.#
    #######
"""


def places(text: str, most: int = 4) -> tuple[int, np.ndarray]:
    return beacons.read_beacons(read_drawing(text, LEGEND), most)


@pytest.mark.parametrize("backwards", [False, True])
def test_an_order_names_each_beacon_once(backwards: bool):
    order = beacons.order_of(5, jnp.int32(3), backwards)
    expected = [2, 1, 0] if backwards else [0, 1, 2]
    assert order.tolist() == [*expected, -1, -1]


def test_the_order_that_pays_pays_every_visit_and_backwards_few():
    order = jnp.array([0, 1, 2, 3])
    assert int(beacons.paid_in_rounds(order, jnp.int32(4), rounds=3)) == 12
    # Of 0, 3, 2, 1, 0, ... the first and then each fourth visit's beacon has its turn.
    backwards = jnp.array([3, 2, 1, 0])
    turn, paid = 0, 0
    for beacon in [3, 2, 1, 0] * 3:
        paid += 1 if beacon == turn else -1
        turn = (turn + (beacon == turn)) % 4
    assert int(beacons.paid_in_rounds(backwards, jnp.int32(4), rounds=3)) == paid


def test_a_beacon_in_the_way_blocks_those_behind_it():
    _, there = places(CORRIDOR)
    walls = jnp.asarray(read_drawing(CORRIDOR, LEGEND).letters == "#")
    tiles = jnp.asarray(there)
    _, steps = ways_around(walls, tiles)
    starts = jnp.array([(1, 1), (-1, -1)])
    found = beacons.blocked(walls, starts, tiles, steps)
    assert found.tolist() == [[False, True, True, False], [False] * 4]


def test_the_two_closest_beacons_are_found_among_those_there_are():
    _, there = places(CORRIDOR)
    walls = jnp.asarray(read_drawing(CORRIDOR, LEGEND).letters == "#")
    tiles = jnp.asarray(there)
    assert int(beacons.closest(steps_to(walls, tiles), tiles)) == 1


def test_beacons_are_read_in_the_order_of_their_numbers():
    count, there = places(CORRIDOR)
    assert count == 3
    assert there.tolist() == [[1, 2], [1, 4], [1, 3], [-1, -1]]


@pytest.mark.parametrize("most", [3, 4])
def test_a_gap_in_the_numbers_or_too_few_beacons_are_refused(most: int):
    with pytest.raises(UserError, match="no beacon 2" if most == 4 else "4 beacons"):
        places(CORRIDOR.replace("2", "4"), most)


def test_an_order_is_read_back_and_the_one_that_pays_goes_unsaid():
    backwards = np.array([2, 1, 0, -1])
    assert beacons.write_order(backwards) == {"leader_order": 321}
    assert beacons.read_order({"leader_order": 321}, 3, 4).tolist() == [2, 1, 0, -1]
    assert beacons.write_order(np.array([0, 1, 2, -1])) == {}
    assert beacons.read_order({}, 3, 4).tolist() == [0, 1, 2, -1]


def test_an_order_that_names_a_beacon_twice_is_refused():
    with pytest.raises(UserError, match="leader_order is 331; name each beacon"):
        beacons.read_order({"leader_order": 331}, 3, 4)
