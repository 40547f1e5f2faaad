"""Episodes on tabular levels, remembered step by step until something is credited."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from mesagym.envs.base import Environment
from mesagym.evals.outcomes import Contestant
from mesagym.evals.shifts import EvaluationPool

WALKS_AT_ONCE = 512
"""Levels stepped together; bounds memory whatever the size of a pool."""

_STREAM = 4
"""Tells the random actions of walks from those of other evaluations."""


class Walks(struct.PyTreeNode):
    """One episode a level, until an own objective is credited or it ends.

    Leaves [seeds, n, T], T the time limit.
    """

    situations: Any  # int32 where each step is taken
    actions: Any  # int32
    taken: Any  # bool whether the step is of the episode; false after its end


@partial(jax.jit, static_argnames=("env", "policy", "horizon"))
def _walk(
    env: Environment,
    policy: Any,
    params: Any,
    levels: Any,
    env_params: Any,
    keys: jax.Array,
    horizon: int,
) -> Walks:
    n = jax.tree.leaves(levels)[0].shape[0]
    own = len(env.own_objectives)
    fixed = jax.random.key(0)  # tabular dynamics are not random

    def one(params: Any, key: jax.Array) -> Walks:
        begin = jax.vmap(
            lambda level: env.initial_state(level, jnp.int32(-1), jnp.int32(-1))
        )(levels)

        def step(carry: tuple[Any, ...], time: jax.Array) -> tuple[Any, Walks]:
            state, memory, going, key = carry
            key, key_act = jax.random.split(key)
            obs = jax.vmap(lambda s: env.observe(fixed, s, None, env_params))(state)
            action, memory, _ = policy.act(
                params,
                memory,
                obs,
                key_act,
                reset=jnp.broadcast_to(time == 0, (n,)),
                state=state,
            )

            def move(state: Any, action: jax.Array) -> tuple[Any, jax.Array]:
                moved = env.transition(fixed, state, action, env_params)
                moved = moved.replace(time=state.time + 1)
                paid = env.objectives(state, action, moved)[:own]
                return moved, env.is_terminated(moved, env_params) | (paid > 0).any()

            moved, over = jax.vmap(move)(state, action)
            here = jax.vmap(env.situation_of)(state).astype(jnp.int32)
            walked = Walks(here, action.astype(jnp.int32), going)
            return (moved, memory, going & ~over, key), walked

        carry = (begin, policy.init_carry(n), jnp.ones(n, dtype=bool), key)
        walked = jax.lax.scan(step, carry, jnp.arange(horizon))[1]
        return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), walked)

    return jax.lax.map(lambda each: one(*each), (params, keys))


def walks(pool: EvaluationPool, contestant: Contestant, seed: int = 0) -> Walks:
    """Let a contestant walk each level once; policies that remember may, too.

    Args:
        pool: levels of a tabular environment.
        contestant: a policy, its weights and the numbers of their seeds.
        seed: of the evaluation.

    Returns:
        Numpy leaves.
    """
    horizon = int(pool.env_params.max_steps_in_episode)
    base = jax.random.fold_in(jax.random.key(seed), _STREAM)
    parts = []
    for begin in range(0, pool.size, WALKS_AT_ONCE):
        chunk = slice(begin, begin + WALKS_AT_ONCE)
        levels = jax.tree.map(lambda leaf, chunk=chunk: leaf[chunk], pool.levels)
        keys = [
            jax.random.fold_in(jax.random.fold_in(base, each), begin)
            for each in contestant.seeds
        ]
        walked = _walk(
            pool.env,
            contestant.policy,
            contestant.params,
            levels,
            pool.env_params,
            jnp.stack(keys),
            horizon,
        )
        parts.append(jax.tree.map(np.asarray, walked))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *parts)


def counts(walked: Walks, num_situations: int, num_actions: int) -> np.ndarray:
    """Return how often each action was taken in each situation.

    Returns:
        float32[seeds, n, S, A].
    """
    seeds, n, _ = walked.actions.shape
    place = walked.situations * num_actions + walked.actions
    row = np.arange(seeds * n).reshape(seeds, n, 1)
    size = num_situations * num_actions
    flat = (row * size + place)[walked.taken]
    found = np.bincount(flat, minlength=seeds * n * size)
    return found.reshape(seeds, n, num_situations, num_actions).astype(np.float32)
