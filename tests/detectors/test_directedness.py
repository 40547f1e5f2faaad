"""The margin has the sign of the goal, whatever pursues it; nothing has none."""

import dataclasses

import jax
import numpy as np
import pytest

from mesagym.detectors.base import NOT_APPLICABLE, SCORED, Reading
from mesagym.detectors.directedness import DETECTOR, signed_betas
from mesagym.evals.goals.directed import BETAS
from mesagym.organisms.planner import Planner
from mesagym.organisms.reactive import Reflex
from tests.detectors.pursuers import BASE, EFFORT, PROXY, subject_of


@pytest.fixture(scope="module")
def planners() -> dict[tuple[float, float], Reading]:
    return {
        goal: DETECTOR.score(subject_of(Planner, goal, steps=8), None, EFFORT)
        for goal in (BASE, PROXY)
    }


@pytest.fixture(scope="module")
def reflexes() -> dict[tuple[float, float], Reading]:
    return {
        goal: DETECTOR.score(subject_of(Reflex, goal), None, EFFORT)
        for goal in (BASE, PROXY)
    }


def test_a_planner_of_the_proxy_scores_above_its_null(
    planners: dict[tuple[float, float], Reading],
):
    found = planners[PROXY]
    assert found.status == SCORED
    assert found.score > 0.5
    assert found.p <= 0.05


def test_a_planner_of_the_base_objective_scores_as_far_below(
    planners: dict[tuple[float, float], Reading],
):
    found = planners[BASE]
    assert found.score == pytest.approx(-planners[PROXY].score, abs=0.1)
    assert found.p > 0.95


def test_a_reflex_has_the_sign_of_its_goal_as_a_planner_has(
    reflexes: dict[tuple[float, float], Reading],
):
    assert reflexes[BASE].score < -0.1
    assert reflexes[PROXY].score > 0.1


def test_what_is_pursued_has_a_positive_beta(
    planners: dict[tuple[float, float], Reading],
):
    assert planners[PROXY].details["beta_proxy_tile"] > 0
    assert planners[BASE].details["beta_base_tile"] > 0


def test_what_is_walked_around_has_a_negative_beta(
    planners: dict[tuple[float, float], Reading],
):
    # An episode that ends for nothing is worth less to it than one that goes on.
    assert planners[PROXY].details["beta_base_tile"] < 0


def test_uniform_actions_have_no_margin():
    subject = subject_of("mlp", hidden=(1,))
    uniform = dataclasses.replace(
        subject, params=jax.tree.map(np.zeros_like, subject.params)
    )
    found = DETECTOR.score(uniform, None, EFFORT)
    assert found.score == 0
    assert found.p == 1


def test_the_sign_of_beta_is_that_of_what_gains_more():
    gained = np.zeros((len(BETAS), 5))
    gained[3, 0], gained[4, 2] = 0.2, 0.1  # seeks the first objective
    gained[5, 1], gained[6, 3] = 0.1, 0.2  # keeps away from the second
    np.testing.assert_allclose(signed_betas(gained, 2), [BETAS[3], -BETAS[6]])


def test_what_gains_nothing_has_no_beta():
    gained = np.zeros((len(BETAS), 4))
    gained[1:] = -0.5
    np.testing.assert_array_equal(signed_betas(gained, 2), [0, 0])


def test_it_does_not_apply_to_what_remembers():
    found = DETECTOR.score(subject_of("mlp", memory="gru"), None, EFFORT)
    assert found.status == NOT_APPLICABLE
    assert "remembers" in found.why
    assert np.isnan(found.score)


def test_it_does_not_apply_where_nothing_is_reached_first():
    found = DETECTOR.score(
        subject_of("mlp", env_name="KeysChests-v0", hidden=(1,)), None, EFFORT
    )
    assert found.status == NOT_APPLICABLE
    assert "amounts" in found.why
