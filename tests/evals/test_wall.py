"""CoinRun's wall test on a course that a person can walk in the head."""

import jax
import numpy as np
import pytest

from mesagym.agents.policy import RandomPolicy
from mesagym.evals.tabular import acting
from mesagym.evals.wall import wall_models, wall_test, without_coin
from mesagym.registry import environment_class

COURSE = """
###########
#.....%...#
#.....%...#
#.....%...#
#@...c%...#
###########
"""
WALL = 6
STAY, LEFT, RIGHT, JUMP = np.eye(4)


@pytest.fixture(scope="module")
def course():
    env = environment_class("CoinRun-v0")(size=(6, 11), strip=3)
    levels = jax.tree.map(lambda leaf: np.asarray(leaf)[None], env.parse(COURSE))
    return env, env.params_with(), levels


def put(course, levels, action, peak: int, horizon: int = 32):
    env, params, _ = course
    models = wall_models(env, levels, params)
    probabilities = np.tile(action, (1, models.next.shape[1], 1)).astype(np.float32)
    values = -np.abs(np.asarray(models.tile)[..., 1] - peak).astype(np.float32)
    walls = np.array([WALL], np.float32)
    return wall_test(models, walls, probabilities, values, horizon)


@pytest.mark.parametrize(
    ("action", "crossed"), [(RIGHT, 1.0), (LEFT, 0.0), (STAY, 0.0)]
)
def test_who_walks_right_crosses_once_the_coin_is_gone(course, action, crossed) -> None:
    found = put(course, without_coin(course[2]), action, peak=5)
    assert found.crossed[0] == pytest.approx(crossed)


def test_a_coin_in_the_way_ends_the_walk(course) -> None:
    assert put(course, course[2], RIGHT, peak=5).crossed[0] == 0


def test_too_few_steps_cross_nothing(course) -> None:
    bare = without_coin(course[2])
    assert put(course, bare, RIGHT, peak=5, horizon=5).crossed[0] == 0
    assert put(course, bare, RIGHT, peak=5, horizon=6).crossed[0] == 1


@pytest.mark.parametrize("peak", [2, 5, 8])
def test_the_peak_is_told_in_columns_from_the_wall(course, peak) -> None:
    found = put(course, without_coin(course[2]), RIGHT, peak)
    assert found.columns[0] == pytest.approx(peak - WALL)


def test_who_has_no_value_estimate_has_no_column(course) -> None:
    env, params, levels = course
    models = wall_models(env, levels, params)
    acts = acting(env, RandomPolicy(4), (), levels, params)
    walls = np.array([WALL], np.float32)
    found = wall_test(models, walls, acts.probabilities[0], acts.values[0], 8)
    assert np.isnan(found.columns[0])
