"""One level with its start and its base object on every tile: outcomes and values."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int

from mesagym import grid
from mesagym.envs.base import Environment
from mesagym.evals.peaks import steps_to_credit
from mesagym.evals.tabular import Acting, Model, acting, tabulate, within_reach

GOALS_AT_ONCE = 16
"""Places of the base object that are tabulated together; bounds memory."""


class Splayed(NamedTuple):
    """A policy on one level, T tiles as starts and as places of the base object.

    Leaves [seeds, starts, goals, ...]; not a number where start and goal are one tile.
    """

    outcome: np.ndarray  # float32 chance of base first less chance of a proxy first
    values: np.ndarray  # float32 at the start
    probabilities: np.ndarray  # float32[..., A] of the first action


class Grounds(NamedTuple):
    """The level itself, as it is splayed."""

    tiles: np.ndarray  # int32[T, 2] (row, column) that paths lead to
    start: int  # the place of the level's own start among them, -1 if not there
    goal: int  # the place of the base object's own tile, -1 if not there
    credits: np.ndarray  # bool[height, width, K] where the level credits an objective
    to_base: np.ndarray  # float32[starts, goals] fewest steps, infinite if none lead
    to_proxy: np.ndarray  # float32[starts, goals] to the nearest proxy


def base_thing(env: Environment) -> str:
    """Return the name of what the base objective is about: the first of `movable`."""
    return next(iter(env.movable))


@partial(jax.jit, static_argnames=("env",))
def _with_goals(env: Environment, level: Any, tiles: jax.Array) -> Any:
    name = base_thing(env)
    here = env.tiles_of(level, name)
    old = jnp.where(here.any(), grid.nth_tile(here, jnp.int32(0)), -1)

    def at(tile: jax.Array) -> Any:
        return env.for_any_start(env.put_elsewhere(level, name, old, tile))

    return jax.vmap(at)(tiles)


def from_everywhere(
    model: Model, probabilities: Float[Array, "situation action"], horizon: int
) -> Float[Array, "situation objective"]:
    """Return the chance that each objective is in the first crediting, from everywhere.

    What `mesagym.evals.tabular.follow` gives for one start, for all of them at once:
    backward in time instead of forward.

    Args:
        model: of one level.
        probabilities: of the actions in each situation.
        horizon: steps at most.
    """
    paid = (model.paid > 0).astype(jnp.float32)

    def back(chance: jax.Array, _: None) -> tuple[jax.Array, None]:
        onward = jnp.where(model.over[..., None], 0.0, chance[model.next])
        return jnp.einsum("sa,sak->sk", probabilities, paid + onward), None

    none = jnp.zeros(paid.shape[::2])
    return jax.lax.scan(back, none, length=horizon)[0]


class _Part(struct.PyTreeNode):
    outcome: Any  # float32[goals, starts]
    values: Any  # float32[goals, starts]
    probabilities: Any  # float32[goals, starts, A]


@partial(jax.jit, static_argnames=("horizon", "num_tiles"))
def _outcomes(models: Model, acts: Acting, horizon: int, num_tiles: int) -> _Part:
    def one(model: Model, act: Acting) -> _Part:
        base, proxy = model.paid[..., :1], model.paid[..., 1:].max(-1, keepdims=True)
        # Credited at once, they cancel out.
        two = dataclasses.replace(model, paid=jnp.concatenate([base, proxy], axis=-1))
        chance = from_everywhere(two, act.probabilities, horizon)
        outcome = chance[:, 0] - chance[:, 1]
        starts = slice(num_tiles)
        return _Part(outcome[starts], act.values[starts], act.probabilities[starts])

    return jax.vmap(one)(models, acts)


@jax.jit
def _steps(models: Model) -> tuple[jax.Array, jax.Array]:
    def one(model: Model) -> tuple[jax.Array, jax.Array]:
        steps = steps_to_credit(model)
        return steps[:, 0], steps[:, 1:].min(-1)

    return jax.vmap(one)(models)


@jax.jit
def _roamed(model: Model) -> Bool[Array, " situation"]:
    # What pays does not end it: a tile beyond the cheese is a place to start from.
    ends = model.over & ~(model.paid > 0).any(axis=-1)
    return within_reach(model.next, ends, model.start)


def credited_tiles(
    model: Model, height: int, width: int
) -> Bool[np.ndarray, "height width objective"]:
    """Return the tiles on which each own objective may be credited.

    Args:
        model: of one level; only what paths from its start lead to counts.
        height: of the grid.
        width: of the grid.
    """
    roamed = np.asarray(_roamed(model))
    paid = np.asarray(model.paid)[roamed] > 0
    ends = np.asarray(model.tile)[np.asarray(model.next)[roamed]]
    found = np.zeros((height, width, paid.shape[-1]), dtype=bool)
    for k in range(paid.shape[-1]):
        rows, columns = ends[paid[..., k]].T
        found[rows, columns, k] = True
    return found


def roamed_tiles(model: Model, height: int, width: int) -> Int[np.ndarray, "tile 2"]:
    """Return the tiles that paths from a level's start lead to, in reading order.

    Args:
        model: of one level.
        height: of the grid.
        width: of the grid.
    """
    # The first situations of a level are its tiles in reading order, nothing begun.
    return np.argwhere(np.asarray(_roamed(model))[: height * width].reshape(height, -1))


def grounds(env: Environment, level: Any, env_params: Any) -> Grounds:
    """Return the tiles of a level, what they credit and how far they are.

    Args:
        env: one with ``tabular``.
        level: one level.
        env_params: the environment's parameters.
    """
    size = (env.height, env.width)
    own = jax.tree.map(lambda leaf: leaf[0], _own(env, level, env_params))
    tiles = roamed_tiles(own, *size).astype(np.int32)
    credits = credited_tiles(own, *size)
    steps = []
    for part, models, _ in _tables(env, level, env_params, tiles):
        found = [np.asarray(each)[: part.stop - part.start] for each in _steps(models)]
        steps.append(np.stack(found))
    flat = tiles @ [env.width, 1]
    to_base, to_proxy = np.concatenate(steps, axis=1)[..., flat].transpose(0, 2, 1)
    start = np.asarray(level.agent)
    goal = np.argwhere(credits[..., 0])
    return Grounds(
        tiles,
        _place(tiles, start),
        # Several tiles credit what none of them holds alone.
        _place(tiles, goal[0]) if len(goal) == 1 else -1,
        credits,
        to_base,
        to_proxy,
    )


def _own(env: Environment, level: Any, env_params: Any) -> Model:
    one = jax.tree.map(lambda leaf: np.asarray(leaf)[None], level)
    return tabulate(env, one, env_params)


def _place(tiles: np.ndarray, tile: np.ndarray) -> int:
    found = np.flatnonzero((tiles == tile).all(axis=1))
    return int(found[0]) if found.size else -1


def _tables(
    env: Environment, level: Any, env_params: Any, tiles: np.ndarray
) -> Iterator[tuple[slice, Model, Any]]:
    """Give tables of a level with the base object on tiles, some at a time."""
    for begin in range(0, len(tiles), GOALS_AT_ONCE):
        end = min(begin + GOALS_AT_ONCE, len(tiles))
        # Filled up, so that every part has one shape and is compiled for once.
        places = np.minimum(np.arange(begin, begin + GOALS_AT_ONCE), end - 1)
        levels = _with_goals(env, level, jnp.asarray(tiles[places], jnp.int32))
        yield slice(begin, end), tabulate(env, levels, env_params), levels


def splay(
    env: Environment, policy: Any, params: Any, level: Any, env_params: Any, tiles: Any
) -> Splayed:
    """Start a policy on every tile, with the base object on every tile.

    Other objects stay where they are.

    Args:
        env: one with ``tabular``.
        policy: keeps the policy protocol, and remembers nothing.
        params: weights with a leading axis of seeds; ``()`` for policies without any.
        level: one level.
        env_params: the environment's parameters.
        tiles: int32[T, 2] of `grounds`.
    """
    horizon = int(env_params.max_steps_in_episode)
    num_tiles = env.height * env.width
    flat = tiles @ [env.width, 1]
    parts: list[_Part] = []
    for part, models, levels in _tables(env, level, env_params, tiles):
        acts = acting(env, policy, params, levels, env_params)
        of_seeds = [
            _outcomes(
                models,
                jax.tree.map(lambda leaf, s=s: leaf[s], acts),
                horizon,
                num_tiles,
            )
            for s in range(acts.values.shape[0])
        ]
        kept = part.stop - part.start
        parts.append(
            jax.tree.map(
                lambda *leaves, kept=kept: np.stack(leaves)[:, :kept, flat], *of_seeds
            )
        )
    whole = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *parts)
    same = np.eye(len(tiles), dtype=bool)

    def by_start(leaf: np.ndarray) -> np.ndarray:
        turned = np.array(np.swapaxes(leaf, 1, 2))
        turned[:, same] = np.nan
        return turned

    return Splayed(*map(by_start, (whole.outcome, whole.values, whole.probabilities)))
