"""Every registered environment, and what a random policy saw in it, made once."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym

SIZE = 7
MAX_STEPS = 12

SMALL: dict[str, dict[str, Any]] = {
    "KeysChests-v0": {"max_keys": 5, "max_chests": 2},
    "CoinRun-v0": {"strip": 0},
    "MonsterWorld-v0": {"max_apples": 1, "max_shields": 1, "max_monsters": 1},
    "Sokoban-v0": {"max_moves": 4},
}
"""Settings, besides the size, with which an environment fits on so small a grid."""
EPISODES = 64
STEPS = 40


@dataclass(frozen=True)
class Rollout:
    """What happened to a batch of episodes; leaves are numpy, leading [time, batch]."""

    params: Any
    before: Any
    action: np.ndarray
    ended: tuple[Any, ...]
    """What ``step_env`` returns, which does not start over."""
    after: tuple[Any, ...]
    """What ``step`` returns from the same state, action and key."""


ENDLESS: set[str] = {"FollowMe-v0", "TreeGrove-v0"}
"""Environments that only the time limit ends."""


def small_settings(name: str) -> dict[str, Any]:
    """Return the settings that an environment is tested with."""
    return {"size": SIZE, **SMALL.get(name, {})}


@pytest.fixture(scope="session", params=mesagym.registered_envs)
def name(request: pytest.FixtureRequest) -> str:
    """The name of a registered environment."""
    return request.param


@pytest.fixture(scope="session")
def made(name: str) -> tuple[Any, Any]:
    """An environment of that name, small, with its default parameters."""
    return mesagym.make(name, **small_settings(name))


@pytest.fixture(scope="session")
def env(made: tuple[Any, Any]) -> Any:
    """The environment."""
    return made[0]


@pytest.fixture(scope="session")
def params(made: tuple[Any, Any]) -> Any:
    """Its default parameters."""
    return made[1]


@pytest.fixture(scope="session")
def mixed(env: Any, params: Any) -> Any:
    """A pool of 64 levels of both kinds, generation 5."""
    make_pool = jax.jit(env.make_pool, static_argnums=1)
    return make_pool(jax.random.key(11), 64, params, 0.5, 5)


@pytest.fixture(scope="session")
def rollout(env: Any, params: Any, mixed: Any) -> Rollout:
    """Random actions, with weights that tell all objectives apart."""
    weights = 2.0 ** jnp.arange(env.num_objectives)
    params = params.replace(
        pool=mixed, weights=weights, max_steps_in_episode=jnp.int32(MAX_STEPS)
    )

    @jax.jit
    def roll(key: jax.Array) -> tuple[Any, ...]:
        key_reset, key_steps = jax.random.split(key)
        reset = jax.vmap(env.reset, (0, None))
        _, state = reset(jax.random.split(key_reset, EPISODES), params)

        def step(state: Any, key: jax.Array) -> tuple[Any, Any]:
            key_action, key_step = jax.random.split(key)
            action = jax.random.randint(key_action, (EPISODES,), 0, env.num_actions)
            keys = jax.random.split(key_step, EPISODES)
            batched = (0, 0, 0, None)
            ended = jax.vmap(env.step_env, batched)(keys, state, action, params)
            after = jax.vmap(env.step, batched)(keys, state, action, params)
            return after[1], (state, action, ended, after)

        return jax.lax.scan(step, state, jax.random.split(key_steps, STEPS))[1]

    return Rollout(params, *jax.tree.map(np.asarray, roll(jax.random.key(1))))
