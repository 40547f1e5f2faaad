"""Whole episodes kept step by step: tiles, actions, values and what was paid."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from mesagym.envs.base import Environment
from mesagym.evals.shifts import EvaluationPool

STEPS_AT_ONCE = 1 << 20
"""Steps, of all levels together, that are kept at a time: bounds memory whatever the
size of a pool and the length of its episodes."""

LEVELS_AT_ONCE = 256
"""Levels stepped together at most."""


@struct.dataclass
class Traces:
    """Episodes of one seed; leaves [levels, steps, ...], of T steps at most.

    What comes after an episode's end is not `running` and means nothing.
    """

    tile: Any  # int32[n, T, 2] where the agent stands before the step
    action: Any  # int32[n, T]
    values: Any  # float32[n, T, C] of each critic before the step
    paid: Any  # float32[n, T, K] what each own objective pays for the step
    running: Any  # bool[n, T] whether the step was taken


class Critic(NamedTuple):
    """A policy whose values are asked for along another's episodes."""

    policy: Any
    params: Any  # of one seed


@partial(jax.jit, static_argnames=("env", "policies", "horizon"))
def _run(
    env: Environment,
    policies: tuple[Any, ...],
    params: tuple[Any, ...],
    levels: Any,
    env_params: Any,
    key: jax.Array,
    horizon: int,
) -> Traces:
    n = jax.tree.leaves(levels)[0].shape[0]
    own = len(env.own_objectives)
    key, key_reset = jax.random.split(key)
    obs, state = jax.vmap(env.reset_to_level, in_axes=(0, 0, None))(
        jax.random.split(key_reset, n), levels, env_params
    )
    carries = tuple(policy.init_carry(n) for policy in policies)

    def step(loop: tuple[Any, ...], time: jax.Array) -> tuple[Any, Traces]:
        key, obs, state, carries, running = loop
        key, key_act, key_step = jax.random.split(key, 3)
        reset = jnp.broadcast_to(time == 0, (n,))
        acted = [
            policy.act(weights, carry, obs, key_act, reset=reset, state=state)
            for policy, weights, carry in zip(policies, params, carries, strict=True)
        ]
        action = acted[0][0]
        tile = state.agent
        obs, state, _, terminated, info = jax.vmap(
            env.step_env, in_axes=(0, 0, 0, None)
        )(jax.random.split(key_step, n), state, action, env_params)
        truncated = jax.vmap(env.is_truncated, in_axes=(0, None))(state, env_params)
        kept = Traces(
            tile=tile,
            action=action,
            values=jnp.stack([record.value for _, _, record in acted], axis=-1),
            paid=jnp.where(running[:, None], info["objectives"][:, :own], 0.0),
            running=running,
        )
        carries = tuple(carry for _, carry, _ in acted)
        running &= ~(terminated | truncated)
        return (key, obs, state, carries, running), kept

    loop = (key, obs, state, carries, jnp.ones(n, dtype=bool))
    kept = jax.lax.scan(step, loop, jnp.arange(horizon))[1]
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, 1), kept)


def traces(
    pool: EvaluationPool,
    policy: Any,
    params: Any,
    key: jax.Array,
    critics: Sequence[Critic] = (),
) -> Iterator[tuple[slice, Traces]]:
    """Run one episode a level, and give them in parts that fit into memory.

    Args:
        pool: the levels.
        policy: who acts.
        params: its weights, of one seed.
        key: randomness.
        critics: whose values are kept as well, after the actor's own.

    Yields:
        Which levels, and their episodes as numpy leaves.
    """
    horizon = int(pool.env_params.max_steps_in_episode)
    size = max(1, min(LEVELS_AT_ONCE, STEPS_AT_ONCE // horizon, pool.size))
    policies = (policy, *(each.policy for each in critics))
    weights = (params, *(each.params for each in critics))
    for part, levels in in_parts(pool.levels, pool.size, size):
        found = _run(
            pool.env,
            policies,
            weights,
            levels,
            pool.env_params,
            jax.random.fold_in(key, part.start),
            horizon,
        )
        kept = part.stop - part.start
        yield part, jax.tree.map(lambda leaf, kept=kept: np.asarray(leaf[:kept]), found)


def in_parts(levels: Any, n: int, size: int) -> Iterator[tuple[slice, Any]]:
    """Give levels in parts of one size, so that a program is compiled for it once.

    Args:
        levels: leaves [n, ...].
        n: how many there are.
        size: of a part.

    Yields:
        Which levels, and these; the last part is filled up with its last level.
    """
    for begin in range(0, n, size):
        end = min(begin + size, n)
        places = np.minimum(np.arange(begin, begin + size), end - 1)
        yield (
            slice(begin, end),
            jax.tree.map(lambda leaf, places=places: np.asarray(leaf)[places], levels),
        )


class PathPeak(NamedTuple):
    """Where a critic's value peaks along episodes; NaN where it never differs."""

    at: np.ndarray  # float64[n, K] share of the peak that one step ends in crediting k
    elsewhere: np.ndarray  # float64[n] share before no crediting
    lag: np.ndarray  # float64[n] steps from the first crediting's to the peak's
    anticipation: np.ndarray  # float64[n, K] value just before k, in its spreads
    disagreement: np.ndarray  # float64[n] whether it peaks only before what came later


def path_peak(found: Traces, critic: int) -> PathPeak:
    """Return where one critic's value peaks along each episode.

    ``lag`` is 0 where the value is highest just before the first crediting, below 0
    where it is higher earlier, above 0 where later.

    Args:
        found: the episodes.
        critic: which, 0 for the actor's own.
    """
    running, paid = found.running, found.paid > 0
    values = found.values[..., critic].astype(np.float64)
    top = np.where(running, values, -np.inf).max(axis=1)
    low = np.where(running, values, np.inf).min(axis=1)
    spread = top - low
    peak = running & (values >= (top - 1e-5 * spread)[:, None])
    share = peak / peak.sum(axis=1, keepdims=True)
    at = np.einsum("nt,ntk->nk", share, paid)
    elsewhere = (share * ~paid.any(axis=-1)).sum(axis=1)
    length = running.sum(axis=1)
    mean = np.where(running, values, 0).sum(axis=1) / length
    squares = np.where(running, (values - mean[:, None]) ** 2, 0).sum(axis=1)
    deviation = np.sqrt(squares / length)
    scaled = values - mean[:, None]
    scaled /= np.where(deviation > 0, deviation, 1)[:, None]
    times = paid.sum(axis=1)
    anticipation = np.einsum("nt,ntk->nk", scaled, paid) / np.where(times, times, 1)
    anticipation[times == 0] = np.nan
    credited = paid.any(axis=-1)
    first = credited.argmax(axis=1)
    place = (share * np.arange(peak.shape[1])).sum(axis=1)
    lag = np.where(credited.any(axis=1), place - first, np.nan)
    earliest = paid[np.arange(len(first)), first]
    peaked = (peak[..., None] & paid).any(axis=1)
    disagreement = peaked.any(axis=-1) & ~(peaked & earliest).any(axis=-1)
    flat = ~(spread > 1e-7 * np.maximum(1.0, np.abs(top)))

    def unless_flat(numbers: np.ndarray) -> np.ndarray:
        numbers = numbers.astype(np.float64)
        numbers[flat] = np.nan
        return numbers

    return PathPeak(
        unless_flat(at),
        unless_flat(elsewhere),
        unless_flat(lag),
        unless_flat(anticipation),
        unless_flat(disagreement),
    )


def first_credited(found: Traces) -> np.ndarray:
    """Return whether each own objective is in an episode's first crediting, [n, K]."""
    paid = found.paid > 0
    first = paid.any(axis=-1).argmax(axis=1)
    return paid[np.arange(len(first)), first]
