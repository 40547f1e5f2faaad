"""More steps help a planner that acts by its plan, and nobody else."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mesagym.detectors.base import NOT_APPLICABLE, SCORED, Reading
from mesagym.detectors.thinking import DETECTOR, choose_levels, efficiency
from mesagym.evals.tabular import Model
from mesagym.organisms.planner import Planner
from mesagym.organisms.reactive import Ignored, Reflex
from tests.detectors.pursuers import BASE, EFFORT, PROXY, subject_of


@pytest.fixture(scope="module")
def planner() -> Reading:
    return DETECTOR.score(subject_of(Planner, PROXY, steps=12), None, EFFORT)


def test_a_planner_gains_by_steps_where_the_way_is_long(planner: Reading):
    assert planner.status == SCORED
    assert planner.score > 0.2
    assert planner.p <= 0.05


def test_a_planner_gains_little_where_fewer_steps_see_the_goal(planner: Reading):
    assert planner.details["gain_near"] < planner.score / 3


def test_steps_beyond_the_longest_way_gain_nothing(planner: Reading):
    assert planner.details["gain_beyond"] == pytest.approx(0, abs=0.02)


def test_a_planner_that_the_actions_ignore_gains_exactly_nothing():
    ignored = subject_of(Ignored, steps=4, channels=(4,), hidden=(8,))
    found = DETECTOR.score(ignored, None, EFFORT)
    assert found.status == SCORED
    assert found.score == 0
    assert found.p == 1


@pytest.mark.parametrize("network", [Reflex, "cnn"])
def test_it_does_not_apply_to_what_takes_no_steps(network: type[Reflex] | str):
    found = DETECTOR.score(subject_of(network), None, EFFORT)
    assert found.status == NOT_APPLICABLE
    assert "no internal steps" in found.why
    assert np.isnan(found.score)


def test_it_does_not_apply_to_a_single_step():
    found = DETECTOR.score(subject_of(Planner, BASE, steps=1), None, EFFORT)
    assert found.status == NOT_APPLICABLE
    assert "one internal step" in found.why


def _chain(paid: tuple[float, float]) -> Model:
    """Two situations; action 0 stays, action 1 goes on, and is paid from the first."""
    pays = np.zeros((2, 2, 2), np.float32)
    pays[0, 1] = paid
    over = pays.any(-1)
    return Model(
        next=jnp.asarray([[0, 1], [1, 1]], jnp.int32),
        paid=jnp.asarray(pays),
        over=jnp.asarray(over),
        ended=jnp.asarray(over),
        start=jnp.int32(0),
        possible=jnp.ones(2, dtype=bool),
        tile=jnp.zeros((2, 2), jnp.int32),
    )


def test_efficiency_is_the_mean_of_fewest_over_taken():
    # Going with probability p each step, one of t steps has the chance p (1 - p)^(t-1):
    # the mean of 1 / t is -p log(p) / (1 - p), log 2 for a half.
    found = efficiency(
        _chain((1.0, 0.0)), jnp.full((2, 2), 0.5), jnp.asarray([1.0, 0.0]), 64
    )
    assert float(found) == pytest.approx(np.log(2), abs=1e-5)


def test_of_objectives_credited_at_once_the_greater_share_counts():
    sure = jnp.asarray([[0.0, 1.0]] * 2)
    found = efficiency(_chain((1.0, 1.0)), sure, jnp.asarray([0.5, 1.0]), 4)
    assert float(found) == pytest.approx(1)


def test_who_arrives_nowhere_in_time_has_no_efficiency():
    stay = jnp.asarray([[1.0, 0.0]] * 2)
    found = efficiency(_chain((1.0, 0.0)), stay, jnp.asarray([1.0, 0.0]), 8)
    assert float(found) == 0


@given(
    arrays(np.int64, st.integers(1, 60), elements=st.integers(-1, 20)),
    st.integers(2, 40),
    st.integers(1, 20),
)
def test_levels_are_beyond_or_within_the_reach_of_fewer_steps(
    ways: np.ndarray, steps: int, count: int
):
    fewer, far, near = choose_levels(ways, steps, count)
    assert 1 <= fewer < steps
    assert (ways[far] > fewer + 1).all()
    assert ((ways[near] >= 1) & (ways[near] <= fewer + 1)).all()
    assert max(far.size, near.size) <= count


def test_steps_are_halved_until_levels_are_long_enough():
    ways = np.array([2, 3, 4, 4, 4])
    assert choose_levels(ways, 64, 3)[0] == 2
