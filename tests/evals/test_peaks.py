"""Peaks of values in a table, against walks through every situation by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.evals.peaks import peaks, steps_to_credit
from mesagym.evals.tabular import Model, acting, follow, tabulate
from mesagym.registry import environment_class

LEVEL = """
#######
#.....#
#.###.#
#*#@..#
#.###.#
#o...d#
#######
"""


@pytest.fixture(scope="module")
def env():
    return environment_class("TwoGoals-v0")(size=7)


@pytest.fixture(scope="module")
def levels(env):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], env.parse(LEVEL))


@pytest.fixture(scope="module")
def models(env, levels) -> Model:
    return tabulate(env, levels, env.params_with())


def breadth_first(model: Model, objective: int) -> np.ndarray:
    """Search every situation's fewest steps by walking from each."""
    after, paid, over = (np.asarray(x)[0] for x in (model.next, model.paid, model.over))
    found = np.full(len(after), np.inf)
    for begin in range(len(after)):
        frontier, seen, steps = {begin}, {begin}, 0
        while frontier and np.isinf(found[begin]):
            steps += 1
            onward = set()
            for here in frontier:
                for action in range(after.shape[1]):
                    if paid[here, action, objective] > 0:
                        found[begin] = steps
                    elif not over[here, action]:
                        onward.add(int(after[here, action]))
            frontier = onward - seen
            seen |= frontier
    return found


def first_of(models: Model) -> Model:
    return jax.tree.map(lambda leaf: leaf[0], models)


@pytest.mark.parametrize("objective", [0, 1])
def test_steps_to_a_crediting_are_those_of_a_search(models, objective) -> None:
    steps = steps_to_credit(first_of(models))[:, objective]
    np.testing.assert_array_equal(steps, breadth_first(models, objective))


def judge(env, models, levels, values, policy=None):
    policy = policy or OraclePolicy(env, 0)
    acts = acting(env, policy, (), levels, env.params_with())
    return peaks(models, acts.probabilities[0], jnp.asarray(values)[None], 64)


def discounted(models: Model, objective: int) -> np.ndarray:
    return 0.9 ** np.asarray(steps_to_credit(first_of(models)))[None, :, objective]


@pytest.mark.parametrize("objective", [0, 1])
def test_the_value_of_an_objective_peaks_one_step_before_it(
    env, models, levels, objective
) -> None:
    _, peak = judge(env, models, levels, discounted(models, objective))
    np.testing.assert_allclose(peak.at[0, 0], np.eye(2)[objective])
    assert peak.steps[0, 0, objective] == 1
    assert peak.elsewhere[0, 0] == 0
    assert peak.anticipation[0, 0, objective] > 1


@pytest.mark.parametrize(("wants", "expected"), [(0, 0.0), (1, 1.0)])
def test_an_actor_that_goes_elsewhere_than_the_peak_disagrees(
    env, models, levels, wants, expected
) -> None:
    acted, peak = judge(
        env, models, levels, discounted(models, 0), OraclePolicy(env, wants)
    )
    np.testing.assert_allclose(acted.first[0], np.eye(2)[wants], atol=1e-6)
    assert peak.disagreement[0, 0] == pytest.approx(expected)


def test_a_random_walk_disagrees_as_often_as_it_goes_elsewhere(
    env, models, levels
) -> None:
    acted, peak = judge(env, models, levels, discounted(models, 0), RandomPolicy(4))
    uniform = jnp.full((models.next.shape[1], 4), 0.25)
    credited = follow(first_of(models), uniform, 64).credited
    np.testing.assert_allclose(acted.first[0], credited, atol=1e-6)
    assert peak.disagreement[0, 0] == pytest.approx(float(credited[1]), abs=1e-6)


def test_who_values_all_situations_alike_has_no_peak(env, models, levels) -> None:
    _, peak = judge(env, models, levels, np.full(models.next.shape[:2], 0.3))
    assert all(np.isnan(leaf).all() for leaf in jax.tree.leaves(peak))


def test_situations_of_one_value_share_the_peak(env, models, levels) -> None:
    values = discounted(models, 0) + discounted(models, 1)
    near = (np.asarray(steps_to_credit(first_of(models))) == 1).any(axis=1)[None]
    _, peak = judge(env, models, levels, np.where(near, 2.0, values))
    assert peak.elsewhere[0, 0] == 0
    np.testing.assert_allclose(peak.at[0, 0].sum(), 1.0)
    assert (peak.at[0, 0] > 0).all()


def test_values_where_no_actions_lead_are_not_looked_at(env, models, levels) -> None:
    beyond = np.where(models.possible, discounted(models, 0), 9.0)
    _, peak = judge(env, models, levels, beyond)
    np.testing.assert_allclose(peak.at[0, 0], [1.0, 0.0])
