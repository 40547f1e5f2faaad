"""Step many environments with a policy, keeping what learning and counting need."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import struct

from mesagym.agents.distributions import Categorical
from mesagym.levels.pool import DISTINGUISHING


@runtime_checkable
class Steppable(Protocol):
    """What learning asks of an environment: gymnax's two functions and a vector."""

    @property
    def num_objectives(self) -> int:
        """K, the length of ``info["objectives"]``."""
        ...

    def reset(self, key: jax.Array, params: Any) -> tuple[Any, Any]:
        """Start an episode; the state has a ``level_index`` into ``params.pool``."""
        ...

    def step(
        self, key: jax.Array, state: Any, action: Any, params: Any
    ) -> tuple[Any, Any, Any, Any, Any, dict[Any, Any]]:
        """Step, and start over where the episode ended."""
        ...


@struct.dataclass
class Workers:
    """N environments under way, and what their running episodes brought so far."""

    env_state: Any  # a state whose leaves have a leading axis N
    obs: Any  # bool[N, ...]
    carry: Any  # the policy's, leading axis N
    reset: Any  # bool[N] whether obs is an episode's first
    label: Any  # int8[N] class of the level under the episode
    returns: Any  # float32[N, K] of each objective so far
    length: Any  # int32[N] steps so far
    visited: Any  # bool[n] levels of this generation that an episode started on


@struct.dataclass
class Transitions:
    """T steps of N environments; leaves [T, N, ...]."""

    obs: Any  # bool[T, N, ...] before the step
    action: Any  # int32[T, N]
    log_prob: Any  # float32[T, N]
    value: Any  # float32[T, N]
    reward: Any  # float32[T, N] that training pays
    terminated: Any  # bool[T, N]
    truncated: Any  # bool[T, N]
    slot: Any  # int32[T, N] where `Finals` keeps the final observation, if truncated
    reset: Any  # bool[T, N]


@struct.dataclass
class Finals:
    """Final observations of truncated episodes, S places for each environment.

    Only they need another value. An environment is truncated at most once in the
    time that an episode lasts, so S is the rollout's length over that, rounded up:
    one place for 128 steps, and not 128.
    """

    obs: Any  # bool[S, N, ...]
    carry: Any  # the policy's after the step that was cut off, leaves [S, N, ...]
    used: Any  # int32[N] places taken


@struct.dataclass
class EpisodeCounts:
    """What finished in one rollout, summed over environments."""

    episodes: Any  # int32[]
    returns: Any  # float32[K] summed over finished episodes
    length: Any  # int32[] summed over finished episodes
    distinguishing_episodes: Any  # int32[] finished on distinguishing levels
    distinguishing_transitions: Any  # int32[]


class Rollout(NamedTuple):
    """What `collect` returns."""

    workers: Workers
    transitions: Transitions
    finals: Finals
    counts: EpisodeCounts
    carries: Any  # the policy's before each segment, leaves [T / segment, N, ...]


def start_workers(
    env: Steppable, policy: Any, key: jax.Array, env_params: Any, n: int
) -> Workers:
    """Reset ``n`` environments."""
    obs, state = jax.vmap(env.reset, in_axes=(0, None))(
        jax.random.split(key, n), env_params
    )
    pool = env_params.pool
    return Workers(
        env_state=state,
        obs=obs,
        carry=policy.init_carry(n),
        reset=jnp.ones(n, dtype=bool),
        label=pool.classes.label[state.level_index],
        returns=jnp.zeros((n, env.num_objectives)),
        length=jnp.zeros(n, jnp.int32),
        visited=jnp.zeros(pool.size, dtype=bool).at[state.level_index].set(True),
    )


def collect(
    env: Steppable,
    policy: Any,
    params: Any,
    workers: Workers,
    key: jax.Array,
    env_params: Any,
    steps: int,
    shortest_episode: int,
    segment: int | None = None,
) -> Rollout:
    """Take ``steps`` steps in every environment.

    Args:
        env: the environment.
        policy: anything that keeps the policy protocol.
        params: the policy's.
        workers: environments under way.
        key: randomness of actions and of the levels drawn at resets.
        env_params: the environment's parameters.
        steps: T.
        shortest_episode: the fewest steps after which the time limit can cut an
            episode off; sizes the store of final observations.
        segment: steps between two carries that are kept; divides T, and is T if None.
    """
    n = workers.reset.shape[0]
    num_slots = (steps - 1) // shortest_episode + 1
    finals = Finals(
        obs=jnp.zeros((num_slots, *workers.obs.shape), workers.obs.dtype),
        carry=jax.tree.map(
            lambda leaf: jnp.zeros((num_slots, *leaf.shape), leaf.dtype), workers.carry
        ),
        used=jnp.zeros(n, jnp.int32),
    )
    labels = env_params.pool.classes.label
    step_all = jax.vmap(env.step, in_axes=(0, 0, 0, None))

    def one_step(
        loop: tuple[Workers, Finals, EpisodeCounts], key: jax.Array
    ) -> tuple[tuple[Workers, Finals, EpisodeCounts], Transitions]:
        workers, finals, counts = loop
        key_act, key_step = jax.random.split(key)
        action, carry, record = policy.act(
            params, workers.carry, workers.obs, key_act, reset=workers.reset
        )
        obs, state, reward, terminated, truncated, info = step_all(
            jax.random.split(key_step, n), workers.env_state, action, env_params
        )
        transition = Transitions(
            obs=workers.obs,
            action=action,
            log_prob=Categorical(record.logits).log_prob(action),
            value=record.value,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            slot=finals.used,
            reset=workers.reset,
        )
        done = terminated | truncated
        finals = _keep_finals(finals, truncated, info["final_observation"], carry)
        returns = workers.returns + info["objectives"]
        length = workers.length + 1
        telling = workers.label == DISTINGUISHING
        counts = EpisodeCounts(
            episodes=counts.episodes + done.sum(),
            returns=counts.returns + (returns * done[:, None]).sum(axis=0),
            length=counts.length + (length * done).sum(),
            distinguishing_episodes=counts.distinguishing_episodes
            + (done & telling).sum(),
            distinguishing_transitions=counts.distinguishing_transitions
            + telling.sum(),
        )
        # A fresh episode always stands on a level of the pool as it is now.
        started = jnp.where(done, state.level_index, workers.visited.shape[0])
        workers = Workers(
            env_state=state,
            obs=obs,
            carry=carry,
            reset=done,
            label=jnp.where(done, labels[state.level_index], workers.label),
            returns=jnp.where(done[:, None], 0.0, returns),
            length=jnp.where(done, 0, length),
            visited=workers.visited.at[started].set(True, mode="drop"),
        )
        return (workers, finals, counts), transition

    counts = EpisodeCounts(
        episodes=jnp.int32(0),
        returns=jnp.zeros(env.num_objectives),
        length=jnp.int32(0),
        distinguishing_episodes=jnp.int32(0),
        distinguishing_transitions=jnp.int32(0),
    )
    loop, keys = (workers, finals, counts), jax.random.split(key, steps)
    if segment is None or segment == steps:
        carries = jax.tree.map(lambda leaf: leaf[None], workers.carry)
        loop, transitions = jax.lax.scan(one_step, loop, keys)
    else:

        def one_segment(loop: Any, keys: jax.Array) -> tuple[Any, Any]:
            carry = loop[0].carry
            loop, transitions = jax.lax.scan(one_step, loop, keys)
            return loop, (carry, transitions)

        keys = keys.reshape(-1, segment)
        loop, (carries, transitions) = jax.lax.scan(one_segment, loop, keys)
        transitions = jax.tree.map(
            lambda leaf: leaf.reshape(steps, *leaf.shape[2:]), transitions
        )
    workers, finals, counts = loop
    return Rollout(workers, transitions, finals, counts, carries)


def _keep_finals(
    finals: Finals, truncated: jax.Array, obs: jax.Array, carry: Any
) -> Finals:
    envs = jnp.arange(truncated.shape[0])

    def store(finals: Finals) -> Finals:
        places = jnp.where(truncated, finals.used, finals.obs.shape[0])

        def put(store: jax.Array, leaf: jax.Array) -> jax.Array:
            return store.at[places, envs].set(leaf, mode="drop")

        return Finals(
            put(finals.obs, obs),
            jax.tree.map(put, finals.carry, carry),
            finals.used + truncated,
        )

    # Most steps cut nothing off; a branch leaves the store alone in them.
    return jax.lax.cond(truncated.any(), store, lambda finals: finals, finals)
