"""What a policy would do, and what it values, from every tile of a level."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.envs.base import Environment
from mesagym.evals.splay import credited_tiles
from mesagym.evals.tabular import Model, acting, tabulate


class TileMap(NamedTuple):
    """One level seen from each of its tiles; NaN on walls."""

    probabilities: np.ndarray  # float32[height, width, action]
    values: np.ndarray  # float32[height, width]
    credits: np.ndarray  # bool[height, width, K] where own objectives are credited
    path: np.ndarray  # int32[n, 2] tiles of the likeliest path, from the start
    credited: np.ndarray  # int32[K] step of its first crediting along it, -1 never


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

    The path takes the likeliest action until the episode ends or it closes a circle.

    Args:
        env: one with ``tabular``, whose levels have ``walls`` and a start ``agent``.
        policy: anything that keeps the policy protocol.
        params: its weights.
        level: one level; from elsewhere than its start, it is as if that were it.
        env_params: the environment's parameters.
    """
    found = _from_everywhere(env, policy, params, level, env_params)
    probabilities, values = (np.array(part) for part in found)
    walls = np.asarray(level.walls)
    probabilities[walls] = np.nan
    values[walls] = np.nan
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], level)
    one = jax.tree.map(lambda leaf: leaf[0], tabulate(env, batch, env_params))
    one_seed = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], params)
    acts = acting(env, policy, one_seed, batch, env_params)
    path, credited = _likeliest(one, acts.probabilities[0, 0])
    credits = credited_tiles(one, env.height, env.width)
    return TileMap(probabilities, values, credits, path, credited)


def _likeliest(
    model: Model, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the tiles of the likeliest path, and the step of each first crediting."""
    after, paid, ended, tile = map(
        np.asarray, (model.next, model.paid, model.ended, model.tile)
    )
    here = int(model.start)
    path, seen = [tile[here]], set()
    credited = np.full(paid.shape[-1], -1, np.int32)
    while here not in seen:
        seen.add(here)
        action = int(probabilities[here].argmax())
        now = (paid[here, action] > 0) & (credited < 0)
        credited[now] = len(path)
        there = int(after[here, action])
        path.append(tile[there])
        if ended[here, action]:
            break
        here = there
    return np.stack(path).astype(np.int32), credited
