"""A level seen from each of its tiles, in environments of different situations."""

import jax
import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy
from mesagym.evals.maps import TileMap, tile_map
from mesagym.registry import environment_class
from mesagym.report.maps import likely_path, tabular_map

LAVA = """
#######
#..~..#
#..~..#
#@.~.*#
#.....#
#.....#
#######
"""

COURSE = """
###########
#.........#
#.........#
#@.*.....e#
###########
"""


def seen(name: str, text: str, objective: int, **static: int | tuple[int, int]):
    env = environment_class(name)(**static)
    level = jax.tree.map(np.asarray, env.parse(text))
    policy = OraclePolicy(env, objective)
    return env, level, tile_map(env, policy, (), level, env.params_with())


@pytest.fixture(scope="module")
def over_lava():
    return seen("LavaLand-v0", LAVA, 1, size=7)


def test_what_is_credited_follows_the_way_and_not_the_tile(over_lava) -> None:
    _, _, found = over_lava
    assert isinstance(found, TileMap)
    # Straight across: the proxy's arrival, though base and proxy share the tile.
    assert found.credited.tolist() == [-1, 4]
    assert found.path.tolist() == [[3, column] for column in range(1, 6)]
    assert np.argwhere(found.credits.all(axis=-1)).tolist() == [[3, 5]]


def test_a_map_keeps_the_path_of_the_table(over_lava) -> None:
    env, level, found = over_lava
    drawn = tabular_map("", level.walls, level.agent.tolist(), env.action_names, found)
    path, arrived = likely_path(drawn)
    assert path == [(3, column) for column in range(1, 6)]
    assert arrived == {"proxy": 4}


def test_side_views_have_maps_with_jumps_upwards() -> None:
    env, level, found = seen("CoinRun-v0", COURSE, 0, size=(5, 11), strip=0)
    drawn = tabular_map(
        "", np.asarray(level.walls), level.agent.tolist(), env.action_names, found
    )
    assert likely_path(drawn) == ([(3, 1), (3, 2), (3, 3)], {"base": 2})
    assert drawn.probs[3, 1].tolist() == [0, 0, 0, 1]
