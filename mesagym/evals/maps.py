"""What a policy would do, and what it values, from every tile of a level."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.envs.base import Environment


class TileMap(NamedTuple):
    """One level seen from each of its tiles; NaN on walls."""

    probabilities: np.ndarray  # float32[height, width, action]
    values: np.ndarray  # float32[height, width]


@partial(jax.jit, static_argnames=("env", "policy"))
def _from_everywhere(
    env: Environment, policy: Any, params: Any, level: Any, env_params: Any
) -> tuple[jax.Array, jax.Array]:
    rows, columns = jnp.meshgrid(
        jnp.arange(env.height), jnp.arange(env.width), indexing="ij"
    )
    starts = jnp.stack([rows.ravel(), columns.ravel()], axis=-1).astype(jnp.int32)
    n = starts.shape[0]

    def reset(start: jax.Array) -> Any:
        key = jax.random.key(0)
        return env.reset_to_level(key, level.replace(agent=start), env_params)

    obs, state = jax.vmap(reset)(starts)
    _, _, record = policy.act(
        params,
        policy.init_carry(n),
        obs,
        jax.random.key(0),
        reset=jnp.ones(n, dtype=bool),
        state=state,
    )
    shape = (env.height, env.width)
    probabilities = jax.nn.softmax(record.logits).reshape(*shape, -1)
    return probabilities, record.value.reshape(shape)


def tile_map(
    env: Environment, policy: Any, params: Any, level: Any, env_params: Any
) -> TileMap:
    """Return a policy's action probabilities and values from every floor tile.

    Args:
        env: a grid world whose levels have ``walls`` and a start ``agent``.
        policy: anything that keeps the policy protocol.
        params: its weights.
        level: one level; its own start is not looked at.
        env_params: the environment's parameters.
    """
    found = _from_everywhere(env, policy, params, level, env_params)
    probabilities, values = (np.array(part) for part in found)
    walls = np.asarray(level.walls)
    probabilities[walls] = np.nan
    values[walls] = np.nan
    return TileMap(probabilities, values)
