"""Episodes as Gymnasium counts them, started, stepped and told of, all compiled."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from gymnasium.vector import AutoresetMode
from jaxtyping import Array, Bool, Int, UInt32

from mesagym.envs.base import Environment
from mesagym.levels.pool import LevelPool


@struct.dataclass
class Episode:
    """An episode under way, whose key is the source of all its chances to come."""

    key: Any  # PRNG key[]
    state: Any  # the environment's state
    kind: Any  # LevelClass of its level


class Seen(NamedTuple):
    """What Gymnasium is told of one reset or step, before it is put in its words."""

    observation: Any  # as in the Gymnasium space
    reward: Any  # float32[]
    terminated: Any  # bool[]
    truncated: Any  # bool[]
    objectives: Any  # float32[K]
    label: Any  # int8[] index into LABEL_NAMES
    clean: Any  # bool[]
    index: Any  # int32[] of the level in the pool, -1 where it is from elsewhere
    usable: Any  # bool[] false where no level could be drawn to start on


def _see(
    episode: Episode,
    observation: Any,
    objectives: Any,
    reward: Any = 0.0,
    terminated: Any = False,
    truncated: Any = False,
) -> Seen:
    if observation.dtype == bool:
        observation = observation.astype(jnp.uint8)
    kind, index = episode.kind, episode.state.level_index
    return Seen(
        observation,
        jnp.asarray(reward, jnp.float32),
        jnp.asarray(terminated),
        jnp.asarray(truncated),
        objectives,
        kind.label,
        kind.clean,
        index,
        jnp.bool_(True),
    )


# ----------------------------------------------------------------------------- of one


def _begin(env: Environment, key: jax.Array, params: Any) -> tuple[Episode, Seen]:
    key, key_reset = jax.random.split(key)
    obs, state = env.reset(key_reset, params)
    kind = jax.tree.map(lambda leaf: leaf[state.level_index], params.pool.classes)
    episode = Episode(key, state, kind)
    return episode, _see(episode, obs, jnp.zeros(env.num_objectives))


def _begin_on(
    env: Environment, key: jax.Array, params: Any, level: Any
) -> tuple[Episode, Seen]:
    key, key_reset = jax.random.split(key)
    obs, state = env.reset_to_level(key_reset, level, params)
    episode = Episode(key, state, env.classify(level))
    return episode, _see(episode, obs, jnp.zeros(env.num_objectives))


def _begin_at(
    env: Environment, key: jax.Array, params: Any, alpha: Any
) -> tuple[Episode, Seen]:
    key, key_level = jax.random.split(key)
    drawn = env.sample_and_judge(key_level, 1, params, alpha)
    level, accepted = jax.tree.map(lambda leaf: leaf[0], drawn)
    episode, seen = _begin_on(env, key, params, level)
    return episode, seen._replace(usable=accepted)


def _advance(
    env: Environment, episode: Episode, action: Any, params: Any
) -> tuple[Episode, Seen]:
    key, key_step = jax.random.split(episode.key)
    obs, state, reward, terminated, info = env.step_env(
        key_step, episode.state, action, params
    )
    truncated = env.is_truncated(state, params)
    episode = Episode(key, state, episode.kind)
    objectives = info["objectives"]
    return episode, _see(episode, obs, objectives, reward, terminated, truncated)


@jax.jit
def key_of(words: UInt32[Array, "2"]) -> jax.Array:
    """Return the key that two random words stand for, whatever the generator."""
    return jax.random.fold_in(jax.random.key(words[0]), words[1])


@partial(jax.jit, static_argnums=0)
def begin(
    env: Environment, key: jax.Array, params: Any, level: Any, alpha: Any
) -> tuple[Episode, Seen]:
    """Start an episode.

    Args:
        env: the environment.
        key: chances of the episode, and of those that follow it.
        params: parameters.
        level: the level to start on, or None.
        alpha: probability with which a level drawn for the occasion is shifted, or
            None. Where both are None the level is one of the pool's.
    """
    if level is not None:
        return _begin_on(env, key, params, level)
    if alpha is not None:
        return _begin_at(env, key, params, alpha)
    return _begin(env, key, params)


@partial(jax.jit, static_argnums=0)
def advance(
    env: Environment, episode: Episode, action: Any, params: Any
) -> tuple[Episode, Seen]:
    """Take one step, and do not start over where it ends the episode."""
    return _advance(env, episode, action, params)


@partial(jax.jit, static_argnums=(0, 3))
def render(env: Environment, state: Any, params: Any, tile: int) -> Any:
    """Return a picture of a state: uint8[rows, columns, 3]."""
    return env.render(state, params, tile)


# -------------------------------------------------------------------------- of a batch


@jax.jit
def keys_of(words: UInt32[Array, "n 2"]) -> jax.Array:
    """Return n keys, as `key_of`."""
    return jax.vmap(key_of)(words)


@jax.jit
def select(chosen: Bool[Array, " n"], a: Any, b: Any) -> Any:
    """Return the batched tree that is ``a`` where ``chosen`` and elsewhere ``b``."""
    return jax.vmap(lambda one, *two: jax.tree.map(partial(jnp.where, one), *two))(
        chosen, a, b
    )


@partial(jax.jit, static_argnums=0)
def begin_batch(
    env: Environment, keys: jax.Array, params: Any, levels: Any, alpha: Any
) -> tuple[Episode, Seen]:
    """Start n episodes; arguments as `begin`, keys and levels with a leading axis n."""
    if levels is not None:
        return jax.vmap(partial(_begin_on, env), (0, None, 0))(keys, params, levels)
    if alpha is not None:
        return jax.vmap(partial(_begin_at, env), (0, None, None))(keys, params, alpha)
    return jax.vmap(partial(_begin, env), (0, None))(keys, params)


@partial(jax.jit, static_argnums=(0, 1))
def advance_batch(
    env: Environment,
    mode: AutoresetMode,
    episodes: Episode,
    over: Bool[Array, " n"],
    actions: Int[Array, " n"],
    params: Any,
) -> tuple[Episode, Seen, Seen | None]:
    """Step n episodes, and start over by the rule of a mode.

    Args:
        env: the environment.
        mode: NEXT_STEP starts over what was over before this step, and ignores its
            action; SAME_STEP what this step ended; DISABLED nothing.
        episodes: under way.
        over: which ended in the step before.
        actions: one each.
        params: parameters.

    Returns:
        The episodes; what is seen of them; and for SAME_STEP what was seen before
        starting over, else None.
    """
    begin_each = jax.vmap(partial(_begin, env), (0, None))
    moved = jax.vmap(partial(_advance, env), (0, 0, None))(episodes, actions, params)
    if mode is AutoresetMode.NEXT_STEP:
        return *select(over, begin_each(episodes.key, params), moved), None
    if mode is AutoresetMode.DISABLED:
        return *moved, None
    last = moved[1]
    fresh = begin_each(moved[0].key, params)
    episodes, seen = select(last.terminated | last.truncated, fresh, moved)
    return (
        episodes,
        seen._replace(
            reward=last.reward, terminated=last.terminated, truncated=last.truncated
        ),
        last,
    )


@partial(jax.jit, static_argnums=(0, 3))
def render_batch(env: Environment, states: Any, params: Any, tile: int) -> Any:
    """Return a picture of each state: uint8[n, rows, columns, 3]."""
    return jax.vmap(lambda state: env.render(state, params, tile))(states)


@partial(jax.jit, static_argnums=(0, 2))
def draw_pool(
    env: Environment, key: jax.Array, n: int, params: Any, alpha: Any
) -> LevelPool:
    """Return a pool of n levels, each shifted with probability alpha."""
    return env.make_pool(key, n, params, alpha)
