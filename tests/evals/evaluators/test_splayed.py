"""Splayed levels: known answers on experts, and numbers against numpy's own."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import (
    APPROXIMATE,
    EXACT,
    NOT_APPLICABLE,
    Study,
    chosen,
)
from mesagym.evals.evaluators.splayed import (
    EVALUATOR,
    MAPPED,
    _agreement,
    _explained,
    tile_name,
)
from mesagym.evals.outcomes import Contestant
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.registry import environment_class, registered_envs


@pytest.fixture(scope="module")
def study() -> Study:
    env = environment_class("TwoGoals-v0")(size=7)
    params = env.params_with(max_steps_in_episode=24)
    pools = {"clean": build_pool(env, params, shifts_of(env)["clean"], 2)}
    contestants = (
        Contestant("base", "greedy", OraclePolicy(env, 0), (), (0,)),
        Contestant("proxy", "greedy", OraclePolicy(env, 1), (), (0,)),
        Contestant("random", "sampled", RandomPolicy(4), (), (0,)),
    )
    return Study(env, params, pools, {}, contestants)


@pytest.fixture(scope="module")
def rows(study: Study):
    return EVALUATOR.examine(study).rows


def values(rows: Any, policy: str, measure: str, about: str | None = None):
    return chosen(rows, policy=policy, measure=measure, about=about)["value"]


def test_experts_are_told_apart_and_random_lies_between(rows) -> None:
    base, random, proxy = (
        values(rows, each, "outcome").mean() for each in ("base", "random", "proxy")
    )
    # Not 1: on some tiles the other tile bars the way.
    assert base > 0.5
    assert proxy < -0.5
    assert proxy < random < base


def test_experts_without_an_estimate_have_no_value_near_anything(rows) -> None:
    assert not values(rows, "base", "value_near").size


def test_maps_have_each_floor_tile_of_the_first_levels(study, rows) -> None:
    walls = study.pools["clean"].levels.walls[:MAPPED]
    mine = chosen(rows, policy="random", measure="map_by_start")
    assert sorted(mine["about"].tolist()) == sorted(
        map(tile_name, np.argwhere(~walls[0]))
    )
    assert set(mine["level"].tolist()) == {0}


def test_the_map_of_starts_has_the_mean_outcome_of_all(rows) -> None:
    first = chosen(rows, policy="random", measure="outcome")["value"][0]
    by_start = values(rows, "random", "map_by_start").mean()
    by_goal = values(rows, "random", "map_by_goal").mean()
    # All starts have equally many goals: theirs are means of equal weight.
    assert by_start == pytest.approx(first, abs=1e-6)
    assert by_goal == pytest.approx(first, abs=1e-6)


def test_chances_of_actions_add_up_to_one(rows) -> None:
    mine = chosen(rows, policy="random", measure="map_action")
    assert mine["value"].sum() == pytest.approx(len(mine["value"]) / 4)


def test_tiles_are_marked_by_what_they_credit(study, rows) -> None:
    level = study.pools["clean"].levels
    for place, kind in ((level.base_tile[0], 1), (level.proxy_tile[0], 2)):
        assert values(rows, "base", "map_ground", tile_name(place)) == [kind]


def test_a_variance_between_goals_alone_is_theirs() -> None:
    outcome = np.tile([1.0, -1.0, 0.5], (1, 4, 1))
    assert _explained(outcome, axis=1) == pytest.approx(1)
    assert _explained(outcome, axis=2) == pytest.approx(0)


def test_outcomes_without_variance_are_explained_by_nothing() -> None:
    assert np.isnan(_explained(np.ones((1, 4, 3)), axis=1)).all()


def test_agreement_is_the_rank_correlation_of_what_is_finite() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 1, 5, 6))
    first[0, 0, 0] = np.nan
    there = np.isfinite(first)
    expected: Any = spearmanr(first[there], second[there])
    np.testing.assert_allclose(_agreement(first, second), expected[0], atol=1e-9)


def test_rows_name_measures_that_are_explained(rows) -> None:
    assert set(rows["measure"].tolist()) <= set(EVALUATOR.measures)


def test_a_study_without_its_shifts_is_refused(study) -> None:
    with pytest.raises(UserError, match="no clean"):
        EVALUATOR.examine(dataclasses.replace(study, pools={}))


@pytest.mark.parametrize("name", registered_envs)
def test_it_says_where_levels_can_be_splayed(name: str) -> None:
    env = environment_class(name)()
    expected = EXACT if env.kind == "contest" and env.tabular else NOT_APPLICABLE
    expected = APPROXIMATE if name == "LavaLand-v0" else expected
    assert EVALUATOR.scope(env).how == expected
