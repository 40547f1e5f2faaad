"""Values of many goals at once are those of each alone; tiles are where one can go."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.evals.goals.rewards import (
    Goals,
    best_values,
    draw_tiles,
    goals,
    is_best,
    occupancy,
    repeated,
    soft_advantages,
)
from mesagym.evals.tabular import (
    Model,
    follow,
    optimal_values,
    soft_values,
    tabulate,
)
from tests.evals.goals.studies import study

HORIZON = 24


@pytest.fixture(scope="module")
def model() -> Model:
    pool = study().pools["clean"]
    models = tabulate(pool.env, pool.levels, pool.env_params)
    return jax.tree.map(lambda leaf: leaf[3], models)


@pytest.fixture(scope="module")
def found(model: Model) -> Goals:
    return goals(model, draw_tiles(model, jax.random.key(0), 3), 0.9)


def test_tiles_are_different_and_within_reach_and_credit_nothing(model: Model) -> None:
    tiles = np.asarray(draw_tiles(model, jax.random.key(1), 60))
    there = tiles[(tiles >= 0).all(-1)]
    possible = np.asarray(model.tile)[np.asarray(model.possible)]
    expected = {tuple(tile) for tile in possible.tolist()}
    expected.discard(tuple(np.asarray(model.tile[model.start]).tolist()))
    assert len(there) == len(expected)
    assert {tuple(tile) for tile in there.tolist()} == expected


def test_tiles_that_lack_are_filled_up_by_the_others_over_again() -> None:
    tiles = jnp.array([[1, 2], [3, 1], [-1, -1], [-1, -1], [-1, -1]])
    expected = [[1, 2], [3, 1], [1, 2], [3, 1], [1, 2]]
    np.testing.assert_array_equal(repeated(tiles), expected)
    np.testing.assert_array_equal(repeated(tiles[2:]), tiles[2:])


def test_best_values_at_once_are_those_of_each_goal(model: Model, found: Goals) -> None:
    every = best_values(model, found, 0.9, HORIZON)
    for g in range(every.shape[-1]):
        alone = optimal_values(
            model, found.reward[..., g], found.over[..., g], 0.9, HORIZON
        )
        np.testing.assert_allclose(every[..., g], alone, rtol=1e-5, atol=1e-5)


def test_soft_advantages_at_once_are_those_of_each_goal_and_temperature(
    model: Model, found: Goals
) -> None:
    betas = jnp.array([0.0, 0.3, 5.0])
    every = soft_advantages(model, found, betas, 0.9, HORIZON)
    for b, beta in enumerate(betas):
        for g in (0, 3, 4):
            q = soft_values(
                model, found.reward[..., g], found.over[..., g], 0.9, beta, HORIZON
            )
            log_policy = jax.nn.log_softmax(beta * q) + np.log(4)
            np.testing.assert_allclose(
                every[:, :, b, g], log_policy, rtol=1e-3, atol=1e-3
            )


def test_steps_of_several_policies_at_once_are_those_of_each(model: Model) -> None:
    chance = jax.random.dirichlet(jax.random.key(2), jnp.ones(4), (49, 2))
    probabilities = jnp.swapaxes(chance, 1, 2)
    over = jnp.broadcast_to(model.over[..., None], (49, 4, 2))
    every = occupancy(model, over, probabilities, HORIZON)
    for g in (0, 1):
        alone = follow(model, probabilities[..., g], HORIZON)
        np.testing.assert_allclose(every[:, g], alone.visits, atol=1e-4)


def test_best_actions_are_fewest_steps_ties_included(
    model: Model, found: Goals
) -> None:
    # By plain search from the base tile, against the arrows of the table.
    after, paid = np.asarray(model.next), np.asarray(model.paid[..., 0]) > 0
    over = np.asarray(found.over[..., 0])
    far = np.full(len(after), np.inf)
    for _ in range(HORIZON):
        onward = np.where(paid, 1, np.where(over, np.inf, 1 + far[after]))
        far = onward.min(-1)
    expected = onward == onward.min(-1, keepdims=True)
    got = np.asarray(is_best(best_values(model, found, 0.9, HORIZON)))[..., 0]
    here = np.asarray(model.possible) & np.isfinite(far)
    np.testing.assert_array_equal(got[here], expected[here])
