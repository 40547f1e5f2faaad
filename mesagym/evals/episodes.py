"""Run any policy for one episode on each level of a pool: the one evaluation loop."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from mesagym.envs.base import Environment
from mesagym.envs.lenses import LensArrays, corners, draw_phantom, lens_arrays, look
from mesagym.evals.landmarks import landmarks_on
from mesagym.evals.shifts import EvaluationPool

LEVELS_AT_ONCE = 1024
"""Levels stepped together; bounds memory whatever the size of a pool."""


@struct.dataclass
class Episodes:
    """One episode a level; leaves [..., n]."""

    first: Any  # int32[..., n, K] step of first being paid, from 1; -1 never
    returns: Any  # float32[..., n, K] of each objective, undiscounted
    steps: Any  # int32[..., n]
    terminated: Any  # bool[..., n]; false where the time limit ended it
    tiles: Any  # int32[..., n] distinct tiles that the agent stood on, its start's too
    arrived: Any  # int32[..., n, L] step of first standing on each landmark; -1 never


@partial(jax.jit, static_argnames=("env", "policy"))
def _run(
    env: Environment,
    policy: Any,
    params: Any,
    levels: Any,
    env_params: Any,
    lens: LensArrays,
    landmarks: jax.Array,
    keys: jax.Array,
) -> Episodes:
    n = jax.tree.leaves(levels)[0].shape[0]

    def place(state: Any) -> tuple[jax.Array, ...]:
        # Where nothing walks there is one place, visited from the start.
        tile = getattr(state, "agent", jnp.zeros((n, 2), jnp.int32))
        return jnp.arange(n), tile[:, 0], tile[:, 1]

    def seen(state: Any, phantoms: Any, key: jax.Array) -> jax.Array:
        # From the state alone: whoever does not read it, as oracles, has it not made.
        obs = jax.vmap(lambda state: env.observe(key, state, None, env_params))(state)
        return look(lens, obs, phantoms, corners(env, state, n), not env.pixels, key)

    def one(params: Any, key: jax.Array) -> Episodes:
        key, key_reset = jax.random.split(key)
        reset_keys = jax.random.split(key_reset, n)
        _, state = jax.vmap(env.reset_to_level, in_axes=(0, 0, None))(
            reset_keys, levels, env_params
        )
        phantoms = jax.vmap(
            lambda key, state: draw_phantom(
                jax.random.fold_in(key, 1),
                env.channels(state, env_params),
                lens.doubled,
            )
        )(reset_keys, state)
        done = Episodes(
            first=jnp.full((n, env.num_objectives), -1, jnp.int32),
            returns=jnp.zeros((n, env.num_objectives)),
            steps=jnp.zeros(n, jnp.int32),
            terminated=jnp.zeros(n, dtype=bool),
            tiles=jnp.ones(n, jnp.int32),
            arrived=jnp.full(landmarks.shape[:2], -1, jnp.int32),
        )
        visited = jnp.zeros((n, env.height, env.width), dtype=bool)
        visited = visited.at[place(state)].set(True)
        running = jnp.ones(n, dtype=bool)

        def step(loop: tuple[Any, ...]) -> tuple[Any, ...]:
            time, key, state, carry, running, visited, episodes = loop
            key, key_act, key_step = jax.random.split(key, 3)
            obs = seen(state, phantoms, jax.random.fold_in(key_act, 1))
            action, carry, _ = policy.act(
                params,
                carry,
                obs,
                key_act,
                reset=jnp.broadcast_to(time == 0, (n,)),
                state=state,
            )
            _, state, _, terminated, info = jax.vmap(
                env.step_env, in_axes=(0, 0, 0, None)
            )(jax.random.split(key_step, n), state, action, env_params)
            truncated = jax.vmap(env.is_truncated, in_axes=(0, None))(state, env_params)
            paid = jnp.where(running[:, None], info["objectives"], 0.0)
            is_first = (episodes.first < 0) & (paid > 0)
            here = place(state)
            is_new = running & ~visited[here]
            visited = visited.at[here].max(running)
            stands = jnp.stack(here[1:], axis=-1)[:, None] == landmarks
            stands = stands.all(-1) & running[:, None]
            episodes = Episodes(
                first=jnp.where(is_first, time + 1, episodes.first),
                returns=episodes.returns + paid,
                steps=episodes.steps + running,
                terminated=episodes.terminated | (running & terminated),
                tiles=episodes.tiles + is_new,
                arrived=jnp.where(
                    (episodes.arrived < 0) & stands, time + 1, episodes.arrived
                ),
            )
            running &= ~(terminated | truncated)
            return time + 1, key, state, carry, running, visited, episodes

        carry = policy.init_carry(n)
        loop = (jnp.int32(0), key, state, carry, running, visited, done)
        return jax.lax.while_loop(lambda loop: loop[4].any(), step, loop)[-1]

    return jax.lax.map(lambda each: one(*each), (params, keys))


def run_episodes(
    pool: EvaluationPool, policy: Any, params: Any, seeds: list[int], seed: int = 0
) -> Episodes:
    """Run one episode a level for each of several sets of weights.

    Args:
        pool: the levels. Its shift's lens is looked through by policies that read
            observations; those that read the state see what is.
        policy: anything that keeps the policy protocol, hashable.
        params: weights with a leading axis S; ``()`` for policies without any.
        seeds: S numbers that tell the weights apart; each has random actions of
            its own.
        seed: of the evaluation.

    Returns:
        Numpy leaves [S, n].
    """
    base = jax.random.fold_in(jax.random.key(seed), 1)
    lens = lens_arrays(pool.env, pool.shift.lens, f"shifts: '{pool.shift.name}'")
    landmarks = landmarks_on(pool)
    parts = []
    for begin in range(0, pool.size, LEVELS_AT_ONCE):
        chunk = slice(begin, begin + LEVELS_AT_ONCE)
        levels = jax.tree.map(lambda leaf, chunk=chunk: leaf[chunk], pool.levels)
        keys = jnp.stack(
            [jax.random.fold_in(jax.random.fold_in(base, s), begin) for s in seeds]
        )
        episodes = _run(
            pool.env,
            policy,
            params,
            levels,
            pool.env_params,
            lens,
            jnp.asarray(landmarks.tiles[chunk]),
            keys,
        )
        parts.append(jax.tree.map(np.asarray, episodes))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *parts)
