"""Goals that a policy may have on a level, as rewards: named ones and single tiles."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Float, Int

from mesagym.evals.tabular import Model, arrivals

DISCOUNT = 0.95
"""Of every goal. Nearer to 1, one level that ends in the other objective outweighs all
steps of many; further from it, steps far from the goal hardly count. It was chosen on
policies written by hand: docs/evaluators/goal_posterior.md has the table."""


MOST_SWEEPS = 128
"""Steps that values look ahead at most: of what lies beyond, .0014 remains."""


def sweeps(horizon: int) -> int:
    """Return how many steps values look ahead.

    Args:
        horizon: the time limit.
    """
    return min(horizon, MOST_SWEEPS)


class Goals(struct.PyTreeNode):
    """G goals on one level, or on each of n."""

    reward: Any  # float32[S, A, G] one step's worth is 1: ±1 / (1 - discount)
    over: Any  # bool[S, A, G] where nothing follows
    there: Any  # bool[G] false for a tile that the level has no room for


def goals(model: Model, tiles: Int[Array, "tile 2"], discount: float) -> Goals:
    """Return the goals on one level: K objectives, their negations, and tiles.

    Args:
        model: of the level.
        tiles: (row, column) each, (-1, -1) where there is none.
        discount: of a step; the unit of reward is what one step costs near the goal.

    Returns:
        ``G = 2 K + tiles``, in that order.
    """
    paid = (model.paid > 0).astype(jnp.float32)
    reward, over = jax.vmap(lambda tile: arrivals(model, tile), out_axes=-1)(tiles)
    # What else is credited on the way ends nothing, unless it ends the episode.
    end = model.ended[..., None] | (paid > 0)
    own = paid.shape[-1]
    there = jnp.concatenate([jnp.ones(2 * own, dtype=bool), (tiles >= 0).all(-1)])
    return Goals(
        jnp.concatenate([paid, -paid, reward], -1) / (1 - discount),
        jnp.concatenate([end, end, over], -1),
        there,
    )


def draw_tiles(model: Model, key: jax.Array, num: int) -> Int[Array, "tile 2"]:
    """Draw different tiles of a level that an agent can stand on, its start apart.

    Tiles where an objective is credited are named goals already: the episode is cut
    on arriving there, and they are not drawn.

    Args:
        model: of the level.
        key: randomness.
        num: how many; (-1, -1) for those that the level has no room for.
    """
    tile = model.tile
    stands = model.possible & (tile != tile[model.start]).any(-1)
    # Situations that share a tile are one: the first of them stands for all.
    same = (tile[:, None] == tile[None]).all(-1) & stands
    stands &= same.argmax(-1) == jnp.arange(tile.shape[0])
    chance = jnp.where(stands, jax.random.uniform(key, stands.shape), -1.0)
    best, place = jax.lax.top_k(chance, min(num, tile.shape[0]))
    drawn = jnp.where((best >= 0)[:, None], tile[place], -1)
    return jnp.pad(drawn, ((0, num - drawn.shape[0]), (0, 0)), constant_values=-1)


def repeated(tiles: Int[Array, "tile 2"]) -> Int[Array, "tile 2"]:
    """Return drawn tiles with those that lack filled up by the others over again.

    Args:
        tiles: see `draw_tiles`.
    """
    count = jnp.maximum((tiles >= 0).all(-1).sum(), 1)
    return tiles[jnp.arange(tiles.shape[0]) % count]


def best_values(
    model: Model, found: Goals, discount: float, horizon: int
) -> Float[Array, "situation action goal"]:
    """Return every goal's optimal Q on one level, all at once.

    `mesagym.evals.tabular.optimal_values`, with the goals as the last axis: what is
    gathered lies side by side, which is many times as fast.

    Args:
        model: of the level.
        found: its goals.
        discount: of a step.
        horizon: steps to go.
    """

    def back(values: jax.Array, _: None) -> tuple[jax.Array, None]:
        ahead = discount * values.max(1)[model.next]
        return found.reward + jnp.where(found.over, 0.0, ahead), None

    return jax.lax.scan(back, jnp.zeros_like(found.reward), length=horizon)[0]


def soft_advantages(
    model: Model,
    found: Goals,
    betas: Float[Array, " beta"],
    discount: float,
    horizon: int,
) -> Float[Array, "situation action beta goal"]:
    """Return ``log(pi / uniform)`` of every goal's maximum-entropy policies.

    ``beta (Q - V)`` of `mesagym.evals.tabular.soft_values`, all goals at once; V is
    the log-mean-exp, so that it is 0 everywhere where beta is 0.

    Args:
        model: of the level.
        found: its goals.
        betas: inverse temperatures, from 0.
        discount: of a step.
        horizon: steps to go.
    """
    small = 1e-4  # below, log-mean-exp is the mean to the digits of float32
    beta = betas[:, None]
    scale = jnp.maximum(beta, small)
    reward, over = found.reward[:, :, None], found.over[:, :, None]
    num, num_actions, _, num_goals = reward.shape

    def soft(q: jax.Array) -> jax.Array:
        top = q.max(1)
        mean = jnp.exp(scale * (q - top[:, None])).sum(1) / num_actions
        return jnp.where(beta < small, q.mean(1), top + jnp.log(mean) / scale)

    def back(values: jax.Array, _: None) -> tuple[jax.Array, None]:
        # Indexed by situation first: what is gathered lies side by side.
        return soft(reward + jnp.where(over, 0.0, discount * values[model.next])), None

    none = jnp.zeros((num, betas.shape[0], num_goals))
    values = jax.lax.scan(back, none, length=horizon - 1)[0]
    q = reward + jnp.where(over, 0.0, discount * values[model.next])
    return beta * (q - soft(q)[:, None])


def occupancy(
    model: Model,
    over: Bool[Array, "situation action goal"],
    probabilities: Float[Array, "situation action goal"],
    horizon: int,
) -> Float[Array, "situation goal"]:
    """Return the expected steps from each situation of several policies at once.

    Args:
        model: of the level.
        over: where each policy's episode ends.
        probabilities: of actions.
        horizon: steps at most.
    """
    none = jnp.zeros((over.shape[0], over.shape[2]))

    def step(carry: tuple[jax.Array, jax.Array], _: None) -> tuple[Any, None]:
        here, visits = carry
        onward = jnp.where(over, 0.0, here[:, None] * probabilities)
        return (none.at[model.next].add(onward), visits + here), None

    begin = (none.at[model.start].set(1.0), none)
    return jax.lax.scan(step, begin, length=horizon)[0][1]


def is_best(
    q: Float[Array, "situation action goal"],
) -> Bool[Array, "situation action goal"]:
    """Return which actions are optimal, ties included."""
    top = q.max(1, keepdims=True)
    # Float32 keeps six digits; a wasted step changes more than the second.
    return q >= top - 1e-4 * jnp.maximum(jnp.abs(top), 1e-6)
