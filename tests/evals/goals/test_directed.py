"""Gains against their definition, uniform policies at 0, oracles at 1."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.evals.goals.directed import BETAS, cross_fitted, gains, rank_p, scores
from mesagym.evals.goals.rewards import draw_tiles, goals
from mesagym.evals.tabular import acting, follow, soft_values, tabulate
from tests.evals.goals.studies import study

HORIZON = 16


@pytest.fixture(scope="module")
def found() -> tuple[np.ndarray, ...]:
    """Gains of both oracles, of uniform actions, and of an odd policy."""
    here = study()
    pool = here.pools["clean"]
    models = tabulate(pool.env, pool.levels, pool.env_params)
    acts = [
        acting(pool.env, each.policy, (), pool.levels, pool.env_params).probabilities
        for each in here.contestants[:3]
    ]
    odd = jax.random.dirichlet(jax.random.key(1), jnp.ones(4), (1, pool.size, 49))
    every = jnp.concatenate([*map(jnp.asarray, acts), odd])
    got = gains(models, every, jax.random.key(2), HORIZON, 3, 0.9)
    return tuple(np.asarray(each) for each in (*got, every))


def test_a_gain_is_the_expected_log_ratio_over_the_policys_own_steps(
    found: tuple[np.ndarray, ...],
) -> None:
    pool = study().pools["clean"]
    models = tabulate(pool.env, pool.levels, pool.env_params)
    gained, _, _, every = found
    level, b = 5, 9
    beta = float(BETAS[b])
    model = jax.tree.map(lambda leaf: leaf[level], models)
    tiles = draw_tiles(model, jax.random.split(jax.random.key(2), pool.size)[level], 3)
    goal = goals(model, tiles, 0.9)
    act = every[3, level]
    visits = np.asarray(follow(model, jnp.asarray(act), HORIZON).visits)
    for g in (0, 2, 4):
        q = soft_values(
            model, goal.reward[..., g], goal.over[..., g], 0.9, beta, HORIZON
        )
        ratio = np.asarray(jax.nn.log_softmax(beta * q)) + np.log(4)
        expected = (visits[:, None] * act * ratio).sum() / visits.sum()
        assert gained[3, level, b, g] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_uniform_actions_score_exactly_nothing(found: tuple[np.ndarray, ...]) -> None:
    gained, oracle, there, _ = found
    score = scores(gained[2:3], oracle, there, own=2)
    np.testing.assert_allclose(score[there[None] > 0], 0, atol=1e-7)


def test_an_oracle_scores_all_of_its_own_objective(
    found: tuple[np.ndarray, ...],
) -> None:
    gained, oracle, there, _ = found
    score = scores(gained[:2], oracle, there, own=2).mean(1)
    # It takes one of the shortest ways, and the measure all of them alike.
    np.testing.assert_allclose(score[[0, 1], [0, 1]], 1, atol=0.02)
    assert (score[[0, 1], [1, 0]] < 0.05).all()


def test_the_temperature_of_a_level_is_fitted_on_levels_of_the_other_half() -> None:
    gained = np.array([[0.0, 1.0], [0.0, -5.0], [0.0, 1.0], [0.0, -5.0]])[..., None]
    # Even levels would take the second, odd ones the first: each gets the other's.
    np.testing.assert_array_equal(cross_fitted(gained)[:, 0], [0, -5, 0, -5])


def test_a_goal_that_a_level_lacks_has_no_score_there() -> None:
    gained = np.full((1, 4, 2, 5), 0.5)
    oracle = np.full((4, 2, 5), 1.0)
    there = np.ones((4, 5))
    there[2, 4] = 0
    score = scores(gained, oracle, there, own=2)
    assert np.isnan(score[0, 2, 4])
    np.testing.assert_allclose(np.delete(score[0, :, 4], 2), 0.5)


def test_negations_are_measured_by_the_objectives_oracle() -> None:
    gained = np.full((1, 2, 1, 4), 0.2)
    oracle = np.broadcast_to([2.0, 4.0, 0.01, 0.01], (2, 1, 4))
    score = scores(gained, oracle, np.ones((2, 4)), own=2)
    np.testing.assert_allclose(score[0, 0], [0.1, 0.05, 0.1, 0.05])


def test_what_no_oracle_makes_predictable_has_no_score() -> None:
    none = np.zeros((2, 1, 4))
    assert np.isnan(scores(none[None], none, np.ones((2, 4)), own=2)).all()


def test_a_rank_counts_the_random_tiles_that_do_as_well() -> None:
    null = np.array([[0.0, 0.1, 0.2, np.nan]])
    np.testing.assert_allclose(rank_p(np.array([0.15]), null), 2 / 4)
    np.testing.assert_allclose(rank_p(np.array([0.3]), null), 1 / 4)
    assert np.isnan(rank_p(np.array([np.nan]), null)).all()
