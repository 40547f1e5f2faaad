from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym
from mesagym.agents.policy import NetworkPolicy, activation_names
from mesagym.errors import UserError
from mesagym.evals.tabular import arrivals, soft_values, tabulate
from mesagym.organisms.modular import Modular
from mesagym.organisms.planner import Planner, ahead, plan
from mesagym.organisms.reactive import Ignored, PlanHead, PotentialField, Reflex
from mesagym.organisms.senses import senses_of
from mesagym.organisms.vin import VIN

STEPS = 24


@pytest.fixture(scope="module", params=["TwoGoals-v0", "Corner-v0"])
def home(request: pytest.FixtureRequest) -> tuple[Any, Any, Any]:
    env, env_params = mesagym.make(request.param, size=7)
    levels = env.sample_levels(jax.random.key(0), 64, env_params, 1.0)
    return env, env_params, levels


def observations(env: Any, env_params: Any, levels: Any) -> jax.Array:
    def of(level: Any) -> jax.Array:
        see = partial(env.observe, jax.random.key(0), params=env_params)
        return jax.vmap(lambda state: see(state, None))(env.situations(level))

    return jax.vmap(of)(levels)


@pytest.mark.parametrize("wanted", [0, 1])
def test_the_planner_advises_what_tables_solve(
    home: tuple[Any, Any, Any], wanted: int
) -> None:
    env, env_params, levels = home
    obs = observations(env, env_params, levels)
    policy = NetworkPolicy(Planner(4, senses=senses_of(env), steps=STEPS))
    params = policy.init(jax.random.key(0), obs[0])
    goal = jnp.eye(2)[wanted]
    params["params"] |= {"goal": goal, "beta": jnp.float32(50.0)}
    logits, _ = policy.evaluate(params, obs.reshape(-1, *obs.shape[2:]))
    model = tabulate(env, levels, env_params)
    if "base_tile" in env.channel_names:
        tiles = (levels.base_tile, levels.proxy_tile)[wanted]
    else:
        tiles = (levels.cheese, jnp.ones_like(levels.cheese))[wanted]
    reward, over = jax.vmap(arrivals)(model, tiles)
    solve = partial(soft_values, discount=0.97, beta=50.0, horizon=STEPS + 1)
    q = jax.vmap(solve)(model, reward, over)
    possible = np.asarray(model.possible)
    advised = np.asarray(logits).reshape(q.shape) / 50
    np.testing.assert_allclose(advised[possible], np.asarray(q)[possible], atol=2e-6)
    # Nothing above could tell a planner that says the same everywhere.
    assert np.ptp(np.asarray(q)[possible]) > 0.3


def test_a_move_into_a_wall_stays_where_it_is() -> None:
    walls = jnp.ones((1, 3, 4)).at[0, 1, 1:3].set(0)
    values = jnp.arange(12.0).reshape(1, 3, 4)
    up, left, down, right = np.asarray(ahead(values, walls))[0, 1, 1]
    assert (up, left, down, right) == (5, 5, 5, 6)


def test_values_are_worth_less_with_every_step_from_the_goal() -> None:
    walls = jnp.ones((1, 3, 8)).at[0, 1, 1:7].set(0)
    goal = jnp.zeros((1, 3, 8)).at[0, 1, 6].set(1)
    # So sure of itself that the best move is all there is.
    q = plan(goal, goal, walls, jnp.float32(1e5), jnp.float32(0.9), 8)
    best = np.asarray(q.max(-1))[0, 1, 1:6]
    np.testing.assert_allclose(best, 0.9 ** np.arange(4, -1, -1), atol=1e-3)


@pytest.mark.parametrize(
    ("network", "there"),
    [
        (Planner, ("gate", "goal", "plan/00", "plan/01", "readout")),
        (VIN, ("goal", "plan/00", "plan/01", "readout", "trunk_0", "wire")),
        (Ignored, ("gate", "goal", "plan/00", "readout", "conv_0", "dense_0")),
        (Modular, ("encoder_0", "z", "goal", "plan/00", "readout")),
        (Reflex, ("way", "free")),
        (PotentialField, ("potential", "free")),
        (PlanHead, ("conv_0", "plan_head", "dense_0")),
    ],
)
def test_every_network_names_its_inside(
    network: Any, there: tuple[str, ...], home: tuple[Any, Any, Any]
) -> None:
    env = home[0]
    fields = network.__dataclass_fields__
    given: dict[str, Any] = {"steps": 2} if "steps" in fields else {}
    if "senses" in fields:
        given["senses"] = senses_of(env)
    names = activation_names(network(4, **given), env.observation_shape)
    assert set(there) < set(names)
    assert len(set(names)) == len(names)
    assert names[0] == "input"
    assert names[-2:] == ("logits", "value")


def test_in_an_even_field_the_straight_line_is_taken(
    home: tuple[Any, Any, Any],
) -> None:
    env, env_params, levels = home
    obs = observations(env, env_params, levels)
    obs = obs.reshape(-1, *obs.shape[2:])
    for goal in ((1.0, 0.0), (0.0, 1.0), (0.25, 0.75)):
        params = {"goal": jnp.array(goal), "beta": jnp.float32(1.7)}
        chances = [
            np.asarray(jax.nn.softmax(policy.evaluate({"params": weights}, obs)[0]))
            for policy, weights in (
                (NetworkPolicy(Reflex(4, senses=senses_of(env))), params),
                (
                    NetworkPolicy(PotentialField(4, senses=senses_of(env))),
                    params | {"pull": jnp.ones(2)},
                ),
            )
        ]
        np.testing.assert_allclose(*chances, atol=1e-4)


def test_a_potential_is_minus_half_the_squared_distance_rows_and_columns_apart() -> (
    None
):
    env, env_params = mesagym.make("TwoGoals-v0", size=7)
    obs, _ = env.reset(jax.random.key(3), env_params)
    policy = NetworkPolicy(PotentialField(4, senses=senses_of(env)))
    params = policy.init(jax.random.key(0), obs[None])
    params["params"]["pull"] = jnp.array([2.0, 0.5])
    there = policy.look(params, obs[None], ("potential",)).captured["potential"]
    goal = np.argwhere(np.asarray(obs[..., 2]))[0]
    far = np.square(np.moveaxis(np.indices((7, 7)), 0, -1) - goal) @ [2.0, 0.5]
    np.testing.assert_allclose(there[0, ..., 0], -far / 2)


def test_an_edited_plan_is_followed() -> None:
    env, env_params = mesagym.make("TwoGoals-v0", size=7, layout="open")
    obs, _ = env.reset(jax.random.key(3), env_params)
    policy = NetworkPolicy(Planner(4, senses=senses_of(env), steps=8), greedy=True)
    params = policy.init(jax.random.key(0), obs[None])
    agent = np.argwhere(np.asarray(obs[..., 1]))[0]
    moves = ((-1, 0), (0, -1), (1, 0), (0, 1))
    for action, move in enumerate(moves):
        there = agent + move
        if obs[there[0], there[1], 0] or obs[there[0], there[1], 2]:
            continue
        last = {"plan/07": lambda x, t=there: x.at[0, t[0], t[1], 0].set(5.0)}
        chosen, _, _ = policy.act(
            params,
            (),
            obs[None],
            jax.random.key(0),
            reset=jnp.ones(1, bool),
            intervene=last,
        )
        assert int(chosen[0]) == action


def test_other_environments_and_pictures_are_refused() -> None:
    for env in (
        mesagym.make("Dish-v0", size=7)[0],
        mesagym.make("Corner-v0", size=7, pixels=3)[0],
    ):
        with pytest.raises(UserError, match=r"organisms: "):
            senses_of(env)
