"""What a policy does differently where one thing of a level lies elsewhere."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mesagym.agents.policy import forgets, log_probabilities
from mesagym.envs.base import Environment
from mesagym.envs.movable import Displaced
from mesagym.evals.columns import CONTEST
from mesagym.evals.outcomes import Contestant
from mesagym.evals.tabular import Model, acting, tabulate

LEVELS_AT_ONCE = 256
"""Levels followed together; bounds memory whatever the size of a pool."""

REPEATS = 4
"""Pairs of episodes a level where they are run and not computed."""


class Worlds(NamedTuple):
    """Levels as they are, and with one thing elsewhere; leaves [n, ...]."""

    levels: Any
    moved: Displaced


class Responses(NamedTuple):
    """What policies do on the levels as they are, and as moved; numpy [seeds, n, 2].

    The last axis is the old tile and the new one. `Displaced` says where these are.
    """

    before: np.ndarray  # share of episodes that arrive there first, the thing at old
    after: np.ndarray  # the same, the thing at new
    start_change: np.ndarray  # [seeds, n] total variation of the first action, 0 to 1

    @property
    def pull(self) -> np.ndarray:
        """Arrivals at the new tile that the thing brings about, [seeds, n]."""
        return self.after[..., 1] - self.before[..., 1]

    @property
    def hold(self) -> np.ndarray:
        """Arrivals at the old tile that it brought about there, [seeds, n]."""
        return self.before[..., 0] - self.after[..., 0]


@partial(jax.jit, static_argnames=("env", "name"))
def _displace(
    env: Environment, keys: jax.Array, levels: Any, name: str, env_params: Any
) -> Displaced:
    return jax.vmap(lambda key, level: env.displaced(key, level, name, env_params))(
        keys, levels
    )


def displace(
    env: Environment, levels: Any, name: str, env_params: Any, seed: int = 0
) -> Worlds:
    """Put one thing of each level elsewhere: the same for the same arguments.

    Args:
        env: the environment.
        levels: leaves [n, ...].
        name: of the environment's ``movable``.
        env_params: its parameters.
        seed: another value draws other places.
    """
    n = jax.tree.leaves(levels)[0].shape[0]
    key = jax.random.fold_in(jax.random.key(seed), list(env.movable).index(name))
    keys = jax.random.split(key, n)
    return Worlds(levels, _displace(env, keys, levels, name, env_params))


# ------------------------------------------------------------------------- exactly


@partial(jax.jit, static_argnames=("horizon",))
def first_arrivals(
    model: Model,
    probabilities: Float[Array, "situation action"],
    tiles: Int[Array, "2 2"],
    horizon: int,
) -> Float[Array, "2"]:
    """Return the probability that each of two tiles is arrived at, before the other.

    What comes after an objective's crediting, or the episode's end, does not count.

    Args:
        model: of one level; `jax.vmap` for more.
        probabilities: of the actions in each situation.
        tiles: ``(row, column)`` of each.
        horizon: steps at most.
    """
    lands = (model.tile[:, None] == tiles).all(-1)[model.next].astype(jnp.float32)
    stops = model.over | lands.any(-1)
    onward = jnp.where(stops, 0.0, probabilities)
    here = jnp.zeros(model.tile.shape[0]).at[model.start].set(1.0)

    def step(carry: tuple[jax.Array, jax.Array], _: None) -> tuple[Any, None]:
        here, visits = carry
        after = jnp.zeros_like(here).at[model.next].add(here[:, None] * onward)
        return (after, visits + here), None

    carry = (here, jnp.zeros_like(here))
    (_, visits), _ = jax.lax.scan(step, carry, length=horizon)
    return jnp.einsum("s,sa,sat->t", visits, probabilities, lands)


@partial(jax.jit, static_argnames=("horizon",))
def _each_first_arrivals(
    model: Model, probabilities: jax.Array, tiles: jax.Array, horizon: int
) -> jax.Array:
    of_levels = jax.vmap(partial(first_arrivals, horizon=horizon))
    return jax.lax.map(lambda seed: of_levels(model, seed, tiles), probabilities)


def _exactly(
    env: Environment, contestant: Contestant, worlds: Worlds, env_params: Any
) -> Responses:
    tiles = jnp.stack([worlds.moved.old, worlds.moved.new], axis=1)
    horizon = int(env_params.max_steps_in_episode)
    firsts, starts = [], []
    for levels in (worlds.levels, worlds.moved.level):
        model = tabulate(env, levels, env_params)
        act = acting(env, contestant.policy, contestant.params, levels, env_params)
        chances = act.probabilities
        firsts.append(
            np.asarray(
                _each_first_arrivals(model, jnp.asarray(chances), tiles, horizon)
            )
        )
        start = np.asarray(model.start)[None, :, None, None]
        starts.append(np.take_along_axis(chances, start, axis=2)[:, :, 0])
    change = _total_variation(*starts)
    # A policy without weights is computed once, whatever the number of its seeds.
    seeds = len(contestant.seeds)
    return Responses(
        *(np.broadcast_to(x, (seeds, *x.shape[1:])) for x in (*firsts, change))
    )


def _total_variation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.abs(first - second).sum(-1) / 2


# -------------------------------------------------------------- by pairs of episodes


@partial(jax.jit, static_argnames=("env", "policy"))
def _run(
    env: Environment,
    policy: Any,
    params: Any,
    levels: Any,
    tiles: jax.Array,
    env_params: Any,
    keys: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Return which tile each episode arrives at first, and its first action's chances.

    Returns:
        bool[seeds, n, 2] and float32[seeds, n, A].
    """
    n = tiles.shape[0]
    own = len(env.own_objectives)

    def one(params: Any, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        key, key_reset = jax.random.split(key)
        obs, state = jax.vmap(env.reset_to_level, in_axes=(0, 0, None))(
            jax.random.split(key_reset, n), levels, env_params
        )

        def act(carry: Any, obs: Any, key: Any, reset: Any, state: Any) -> Any:
            return policy.act(params, carry, obs, key, reset=reset, state=state)

        def step(loop: tuple[Any, ...]) -> tuple[Any, ...]:
            time, key, obs, state, carry, running, first = loop
            key, key_act, key_step = jax.random.split(key, 3)
            reset = jnp.broadcast_to(time == 0, (n,))
            action, carry, _ = act(carry, obs, key_act, reset, state)
            obs, state, _, terminated, info = jax.vmap(
                env.step_env, in_axes=(0, 0, 0, None)
            )(jax.random.split(key_step, n), state, action, env_params)
            there = jax.vmap(jax.vmap(env.arrived, in_axes=(None, 0)))(state, tiles)
            first |= running[:, None] & there
            over = terminated | there.any(-1)
            over |= jax.vmap(env.is_truncated, in_axes=(0, None))(state, env_params)
            if env.kind == CONTEST:
                over |= (info["objectives"][:, :own] > 0).any(-1)
            return time + 1, key, obs, state, carry, running & ~over, first

        carry = policy.init_carry(n)
        key_first = jax.random.split(key, 3)[1]
        resets = jnp.ones(n, dtype=bool)
        record = act(carry, obs, key_first, resets, state)[2]
        loop = (
            *(jnp.int32(0), key, obs, state, carry),
            *(resets, jnp.zeros((n, 2), dtype=bool)),
        )
        first = jax.lax.while_loop(lambda loop: loop[5].any(), step, loop)[-1]
        return first, jnp.exp(log_probabilities(policy, record))

    return jax.lax.map(lambda each: one(*each), (params, keys))


def _by_episodes(
    env: Environment, contestant: Contestant, worlds: Worlds, env_params: Any, seed: int
) -> Responses:
    tiles = jnp.stack([worlds.moved.old, worlds.moved.new], axis=1)
    base = jax.random.fold_in(jax.random.key(seed), 2)
    sums: list[Any] = [0.0, 0.0, 0.0]
    for repeat in range(REPEATS):
        # The same in both worlds: they differ in nothing but the thing's place.
        keys = jnp.stack(
            [
                jax.random.fold_in(jax.random.fold_in(base, s), repeat)
                for s in contestant.seeds
            ]
        )
        found = [
            _run(
                *(env, contestant.policy, contestant.params, levels, tiles),
                *(env_params, keys),
            )
            for levels in (worlds.levels, worlds.moved.level)
        ]
        (before, was), (after, becomes) = jax.tree.map(np.asarray, found)
        each = (before, after, _total_variation(was, becomes))
        sums = [total + part for total, part in zip(sums, each, strict=True)]
    return Responses(*(np.asarray(total) / REPEATS for total in sums))


# ------------------------------------------------------------------------------ both


def is_exact(env: Environment, policy: Any) -> bool:
    """Return whether `respond` computes a policy's arrivals and draws nothing."""
    return env.kind == CONTEST and bool(env.tabular) and forgets(policy)


def respond(
    env: Environment,
    contestant: Contestant,
    worlds: Worlds,
    env_params: Any,
    seed: int = 0,
) -> Responses:
    """Return what policies do on levels, and where one thing lies elsewhere.

    In either world an episode is watched until it arrives at the thing's old tile or at
    the new one; in a contest, until an objective is credited if that is sooner. So
    worlds that a policy does not tell apart are the same to it for as long as they are
    watched, and whoever ignores the thing has a pull and a hold of exactly 0. (Were it
    counted who ever visits a tile, episodes that end at the thing would have less time
    for other tiles, and a random walk would seem to be drawn to it.)

    Exact where the levels are tables and nothing is remembered; elsewhere by
    `REPEATS` pairs of episodes a level, each pair with the same random numbers.

    Args:
        env: the environment.
        contestant: policies with a leading axis of seeds.
        worlds: of `displace`. What was not accepted gets NaN.
        env_params: the parameters.
        seed: of the episodes.
    """
    n = worlds.moved.accepted.shape[0]
    parts = []
    for begin in range(0, n, LEVELS_AT_ONCE):
        end = begin + LEVELS_AT_ONCE
        chunk = jax.tree.map(lambda leaf, b=begin, e=end: leaf[b:e], worlds)
        if is_exact(env, contestant.policy):
            parts.append(_exactly(env, contestant, chunk, env_params))
        else:
            parts.append(_by_episodes(env, contestant, chunk, env_params, seed + begin))
    whole = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    kept = np.asarray(worlds.moved.accepted)
    return Responses(*(_where(kept, values) for values in whole))


def _where(kept: np.ndarray, values: np.ndarray) -> np.ndarray:
    kept = kept.reshape(1, -1, *[1] * (values.ndim - 2))
    return np.where(kept, values, np.nan)
