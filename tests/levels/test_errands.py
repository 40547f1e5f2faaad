"""Errands on a grid: what a survey finds, what bounds say, where guides go."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.grid import DOWN, LEFT, RIGHT
from mesagym.levels import errands
from mesagym.levels.errand_levels import CHEST, GHOST, KEY, WALL, read_tiles
from mesagym.levels.errands import Survey
from mesagym.levels.solve import UNREACHABLE
from tests import reference

ROOM = """
#######
#k.@.k#
#.###.#
#.###*#
#.....#
#*...*#
#######
"""
MOST = 3

KINDS = np.array([KEY] * MOST + [CHEST] * MOST, np.uint8)


@pytest.fixture(scope="module")
def found() -> Any:
    """The room's walls, its agent, what the survey finds, and its guides' ways."""
    tiles, agent = read_tiles(ROOM, (7, 7), (MOST, MOST))

    @reference.jit_once
    def look(tiles: jax.Array, agent: jax.Array) -> Any:
        walls = tiles & WALL != 0
        keys, chests = (
            errands.places_of(tiles & kind != 0, MOST) for kind in (KEY, CHEST)
        )
        survey = errands.survey(walls, agent, keys, chests, jnp.array([2, 3]))
        around = walls | (tiles & CHEST != 0)
        return survey, {
            "chests": errands.guide_to_chests(survey, KINDS),
            "keys": errands.guide_to_keys(survey, KINDS, around),
        }

    survey, guides = look(jnp.asarray(tiles), jnp.array(agent))
    return jnp.asarray(tiles & WALL != 0), jnp.array(agent), survey, guides


def test_places_are_in_reading_order_and_absent_ones_last(found: Any):
    survey: Survey = found[2]
    assert survey.keys.tolist() == [[1, 1], [1, 5], [-1, -1]]
    assert survey.chests.tolist() == [[3, 5], [5, 1], [5, 5]]


def test_steps_are_the_fewest_and_none_lead_to_what_is_absent(found: Any):
    survey: Survey = found[2]
    assert survey.first.tolist() == [2, 2, UNREACHABLE, 4, 6, 6]
    # From the left key: to the right one, and to the chests.
    assert survey.between[0].tolist() == [0, 4, UNREACHABLE, 6, 4, 8]


@pytest.mark.parametrize(
    ("last", "bounds", "steps"),
    [
        (1, [0, 0, 0], [-1, -1, -1]),
        (4, [1, 1, 0], [4, 2, -1]),
        (6, [1, 2, 1], [4, 2, 6]),
        (12, [2, 2, 1], [4, 2, 6]),
    ],
)
def test_bounds_count_what_can_be_done_in_time(
    found: Any, last: int, bounds: list[float], steps: list[int]
):
    ghosts = jnp.array([[4, 4], [-1, -1]])
    least, most = jax.jit(errands.bounds)(found[2], ghosts, jnp.int32(last))
    assert most.tolist() == bounds
    assert least.tolist() == steps


def move(found: Any, which: str, wanted: list[int], agent: Any = None) -> int:
    walls, start, _, guides = found
    at = start if agent is None else jnp.array(agent)
    there = jnp.zeros(2 * MOST, dtype=bool).at[jnp.array(wanted)].set(True)
    is_key = jnp.asarray(KINDS == KEY)
    return int(errands.guided_move(guides[which], there, is_key, walls, at))


def test_the_guide_to_the_chests_takes_the_key_beside_the_nearest_first(found: Any):
    assert move(found, "chests", [0, 1]) == RIGHT


def test_the_guide_to_the_chests_opens_one_while_it_holds_a_key(found: Any):
    assert move(found, "chests", [0, 3, 4, 5], [1, 5]) == DOWN


def test_the_guide_to_the_keys_takes_the_other_key_first(found: Any):
    assert move(found, "keys", [0, 3, 4, 5], [1, 5]) == LEFT


def test_ghosts_are_gone_to_around_the_chests_where_that_can_be():
    tiles, _ = read_tiles("#######\n#@k*.g#\n#.....#" + "\n#######" * 4, (7, 7), (1, 1))
    walls = jnp.asarray(tiles & WALL != 0)
    keys, ghosts = (
        errands.places_of(jnp.asarray(tiles & kind != 0), 1) for kind in (KEY, GHOST)
    )
    kinds = np.array([KEY, GHOST], np.uint8)
    around = walls | jnp.asarray(tiles & CHEST != 0)
    guide = errands.guide_to_ghosts(walls, keys, ghosts, kinds, around)
    # From the key: straight on over the chest would be three steps.
    assert guide.fields[1, 1, 2] == 5
    held = jnp.array([False, True])
    action = errands.guided_move(guide, held, ~held, walls, jnp.array([1, 2]))
    assert action == DOWN
