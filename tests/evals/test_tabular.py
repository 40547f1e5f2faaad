"""Tables of levels: as the environment steps, and as followed and solved by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym
from mesagym.agents.policy import OraclePolicy, RandomPolicy, forgets
from mesagym.envs.sokoban import Sokoban
from mesagym.errors import UserError
from mesagym.evals.tabular import (
    Model,
    acting,
    arrivals,
    follow,
    optimal_values,
    soft_values,
    tabulate,
)

TABULAR = ("Corner-v0", "Dish-v0", "LavaLand-v0", "TwoGoals-v0", "ColorShape-v0")
SIZES = {"CoinRun-v0": (7, 17)}
STEPS = 24


def chain() -> Model:
    """Two situations in a row; action 1 goes on, and from the second is paid."""
    nowhere = jnp.zeros((2, 2), dtype=bool)
    return Model(
        next=jnp.array([[0, 1], [0, 1]], jnp.int32),
        paid=jnp.zeros((2, 2, 2)).at[1, 1, 0].set(1.0),
        over=nowhere.at[1, 1].set(True),
        ended=nowhere.at[1, 1].set(True),
        start=jnp.int32(0),
        possible=jnp.ones(2, dtype=bool),
        tile=jnp.array([[1, 1], [1, 2]], jnp.int32),
    )


def solved(model: Model) -> tuple[jax.Array, jax.Array]:
    return model.paid[..., 0], model.over


# --- tables ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*TABULAR, "CoinRun-v0"])
def test_a_table_says_what_stepping_the_environment_does(name: str) -> None:
    env, params = mesagym.make(name, size=SIZES.get(name, 7))
    levels = env.sample_levels(jax.random.key(1), 16, params, 1.0)
    models = tabulate(env, levels, params)
    own = len(env.own_objectives)

    @jax.jit
    def run(level: object, model: Model, key: jax.Array) -> jax.Array:
        state = env.initial_state(level, jnp.int32(-1), jnp.int32(-1))

        def step(carry: tuple, key: jax.Array) -> tuple:
            state, here, going, right = carry
            action = jax.random.randint(key, (), 0, env.num_actions)
            moved = env.transition(key, state, action, params)
            paid = env.objectives(state, action, moved)[:own]
            ended = env.is_terminated(moved, params)
            over = ended | (paid > 0).any()
            same = (
                (model.paid[here, action] == paid).all()
                & (model.over[here, action] == over)
                & (model.ended[here, action] == ended)
                & (over | (model.next[here, action] == env.situation_of(moved)))
                & (model.tile[here] == state.agent).all()
                & model.possible[here]
            )
            right &= same | ~going
            after = env.situation_of(moved).astype(jnp.int32)
            return (moved, after, going & ~over, right), None

        carry = (state, model.start, jnp.bool_(True), jnp.bool_(True))
        return jax.lax.scan(step, carry, jax.random.split(key, STEPS))[0][3]

    keys = jax.random.split(jax.random.key(2), 16)
    assert bool(jax.vmap(run)(levels, models, keys).all())


def test_an_environment_with_too_many_situations_is_refused() -> None:
    with pytest.raises(UserError, match="too many situations"):
        tabulate(Sokoban(), (), None)


# --- following ------------------------------------------------------------------------


def test_following_a_chain_agrees_with_counting_by_hand() -> None:
    # Two steps in a row by chance a half each, the first of them from the start.
    found = follow(chain(), jnp.full((2, 2), 0.5), 3)
    np.testing.assert_allclose(found.credited, [3 / 8, 0], atol=1e-6)
    # Here at steps 0, 1, 2: 1, 1/2, 1/4 + 1/4 from the start and from beyond.
    np.testing.assert_allclose(found.visits, [1 + 0.5 + 0.5, 0.5 + 0.25], atol=1e-6)


def test_following_agrees_with_sampled_walks() -> None:
    env, params = mesagym.make("TwoGoals-v0", size=7)
    levels = env.sample_levels(jax.random.key(3), 1, params, 1.0)
    model = jax.tree.map(lambda leaf: leaf[0], tabulate(env, levels, params))
    chance = jax.random.dirichlet(jax.random.key(4), jnp.ones(4), model.next.shape[:1])
    exact = follow(model, chance, STEPS)
    draws = 20_000

    def step(carry: tuple, key: jax.Array) -> tuple:
        here, going, credited, visits = carry
        action = jax.random.categorical(key, jnp.log(chance[here]))
        visits += going[:, None] * jax.nn.one_hot(here, chance.shape[0])
        credited |= going[:, None] & (model.paid[here, action] > 0)
        going &= ~model.over[here, action]
        return (model.next[here, action], going, credited, visits), None

    begin = (
        jnp.full(draws, model.start),
        jnp.ones(draws, dtype=bool),
        jnp.zeros((draws, 2), dtype=bool),
        jnp.zeros((draws, chance.shape[0])),
    )
    keys = jax.random.split(jax.random.key(5), STEPS)
    _, _, credited, visits = jax.lax.scan(step, begin, keys)[0]
    np.testing.assert_allclose(credited.mean(0), exact.credited, atol=0.015)
    np.testing.assert_allclose(visits.mean(0), exact.visits, atol=0.08)


def test_what_is_credited_with_another_is_not_credited_alone() -> None:
    both = chain().replace(paid=jnp.zeros((2, 2, 2)).at[1, 1].set(1.0))
    found = follow(both, jnp.array([[0.0, 1.0], [0.0, 1.0]]), 2)
    np.testing.assert_allclose(found.credited, [1, 1])
    np.testing.assert_allclose(found.alone, [0, 0])


# --- values ---------------------------------------------------------------------------


def test_best_values_of_a_chain_are_those_by_hand() -> None:
    q = optimal_values(chain(), *solved(chain()), 0.9, 16)
    np.testing.assert_allclose(q, [[0.81, 0.9], [0.81, 1.0]], atol=1e-6)


def test_soft_values_of_a_chain_solve_their_equation_by_hand() -> None:
    gamma, beta = 0.9, 2.0
    # By plain iteration in two numbers, V of the two situations.
    first = second = 0.0
    for _ in range(2000):
        mean = (np.exp(beta * gamma * first) + np.exp(beta * gamma * second)) / 2
        last = (np.exp(beta * gamma * first) + np.exp(beta)) / 2
        first, second = np.log(mean) / beta, np.log(last) / beta
    q = soft_values(chain(), *solved(chain()), gamma, beta, 400)
    expected = [[gamma * first, gamma * second], [gamma * first, 1.0]]
    np.testing.assert_allclose(q, expected, atol=1e-5)


def test_cold_soft_values_are_the_best_ones() -> None:
    q = soft_values(chain(), *solved(chain()), 0.9, 1e5, 400)
    best = optimal_values(chain(), *solved(chain()), 0.9, 400)
    np.testing.assert_allclose(q, best, atol=1e-4)


def test_hot_soft_values_are_those_of_walking_at_random() -> None:
    gamma = 0.9
    # v0 = g (v0 + v1) / 2 and v1 = (g v0 + 1) / 2.
    system = np.array([[1 - gamma / 2, -gamma / 2], [-gamma / 2, 1.0]])
    first, second = np.linalg.solve(system, [0, 0.5])
    expected = [[gamma * first, gamma * second], [gamma * first, 1.0]]
    for beta in (0.0, 1e-3):
        q = soft_values(chain(), *solved(chain()), gamma, beta, 400)
        np.testing.assert_allclose(q, expected, atol=1e-3)


def test_a_tile_as_goal_pays_on_arrival_and_lies_beyond_what_ends_nothing() -> None:
    passing = chain().replace(over=chain().over.at[0, 1].set(True))
    reward, over = arrivals(passing, jnp.array([1, 2]))
    np.testing.assert_array_equal(reward, [[0, 1], [0, 1]])
    np.testing.assert_array_equal(over, [[False, True], [False, True]])
    reward, over = arrivals(passing, jnp.array([1, 1]))
    np.testing.assert_array_equal(over, [[True, False], [True, True]])


# --- acting ---------------------------------------------------------------------------


def test_an_oracle_credits_its_objective_and_random_acts_alike_everywhere() -> None:
    env, params = mesagym.make("TwoGoals-v0", size=7)
    levels = env.sample_levels(jax.random.key(6), 8, params, 1.0)
    models = tabulate(env, levels, params)
    random = acting(env, RandomPolicy(4), (), levels, params)
    assert (random.probabilities == 0.25).all()
    for k in (0, 1):
        sure = acting(env, OraclePolicy(env, k), (), levels, params).probabilities[0]
        found = jax.vmap(follow, in_axes=(0, 0, None))(models, jnp.asarray(sure), 64)
        np.testing.assert_allclose(found.credited[:, k], 1.0, atol=1e-6)


def test_oracles_forget_what_no_level_needs() -> None:
    env, _ = mesagym.make("TwoGoals-v0", size=7)
    assert forgets(OraclePolicy(env, 0))
    assert forgets(RandomPolicy(4))
