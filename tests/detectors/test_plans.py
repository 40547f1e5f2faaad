"""A policy's own plans, tile by tile, and the site that tells them."""

import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.detectors.plans import (
    NEAR,
    Plans,
    PlanSite,
    best_plan_site,
    look,
    obstacle,
    read_plans,
)
from mesagym.errors import UserError
from tests.detectors.constructed import ENV, planner, reflex

PLANNER = planner()


@pytest.fixture(scope="module")
def plans() -> Plans:
    return read_plans(PLANNER, 32, 5)


def _tiles(plans: Plans) -> np.ndarray:
    rows, columns = np.divmod(np.arange(plans.told.shape[1]), ENV.width)
    return np.stack([rows, columns], -1)


def test_a_planners_ways_end_at_its_goal(plans: Plans):
    ends = plans.end[np.arange(plans.size), plans.start]
    goals = np.asarray(plans.levels.base_tile) @ [ENV.width, 1]
    assert (ends == goals).all()


def test_every_move_brings_the_end_one_step_nearer(plans: Plans):
    level, tile = np.nonzero(plans.told & (plans.steps > 1))
    onward = plans.next[level, tile, plans.move[level, tile]]
    assert (plans.steps[level, onward] == plans.steps[level, tile] - 1).all()


def test_no_plan_is_asked_of_tiles_near_the_agent(plans: Plans):
    tiles = _tiles(plans)
    away = np.abs(tiles - tiles[plans.start][:, None]).max(-1)
    assert plans.told.any()
    assert away[plans.told].min() >= NEAR


def test_a_planner_tells_its_plan_in_its_values():
    place = best_plan_site(PLANNER)
    assert isinstance(place, PlanSite)
    assert place.site.name == "plan"
    assert place.f1 > place.seen_f1 + 0.1


def test_a_network_of_vectors_has_no_site_and_the_words_say_so():
    assert "no activation with the tiles" in str(best_plan_site(reflex()))


def test_an_unknown_activation_is_refused_by_name(plans: Plans):
    with pytest.raises(UserError, match="no activation 'plam/00'"):
        look(PLANNER.policy, PLANNER.params, jnp.asarray(plans.obs), ("plam/00",))


def test_a_policy_is_asked_where_tiles_are_all_that_matters():
    assert obstacle(PLANNER) == ""
