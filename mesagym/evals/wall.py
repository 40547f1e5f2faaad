"""CoinRun's wall test: does the actor walk through a wall at which its critic peaks?"""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Float

from mesagym.envs.coin_run import CoinRun
from mesagym.evals.peaks import SAME
from mesagym.evals.tabular import Model, follow, tabulate, within_reach


class Wall(struct.PyTreeNode):
    """What comes of one level's end wall."""

    crossed: Any  # float32[...] chance that the episode leads beyond it
    columns: (
        Any  # float32[...] column of the critic's peak less the wall's; NaN if flat
    )


def without_coin(levels: Any) -> Any:
    """Return levels of CoinRun without a coin, which would end the episode."""
    return dataclasses.replace(levels, coin=np.full_like(levels.coin, -1))


@partial(jax.jit, static_argnames=("env",))
def wall_models(env: CoinRun, levels: Any, env_params: Any) -> Model:
    """Return tables in which the one thing credited is a step beyond the end wall.

    Other than those of `tabulate`, episodes go on at the right end; the coin and what
    is deadly end them.

    Args:
        env: CoinRun.
        levels: leaves [n, ...].
        env_params: its parameters.
    """
    models = tabulate(env, levels, env_params)

    def one(level: Any, model: Model) -> Model:
        wall = level.end[1] + 1
        columns = model.tile[:, 1]
        crossed = (columns[:, None] <= wall) & (columns[model.next] > wall)
        return dataclasses.replace(
            model,
            paid=crossed[..., None].astype(jnp.float32),
            over=model.ended,
            possible=within_reach(model.next, model.ended, model.start),
        )

    return jax.vmap(one)(levels, models)


@partial(jax.jit, static_argnames=("horizon",))
def wall_test(
    models: Model,
    walls: Float[Array, " level"],
    probabilities: Float[Array, "level situation action"],
    values: Float[Array, "level situation"],
    horizon: int,
) -> Wall:
    """Return the chance to walk through each level's end wall, and the critic's peak.

    Args:
        models: of `wall_models`.
        walls: the column of each end wall.
        probabilities: of the actor.
        values: of the critic.
        horizon: steps at most.

    Returns:
        Leaves [n].
    """

    def one(
        model: Model, wall: jax.Array, probabilities: jax.Array, values: jax.Array
    ) -> Wall:
        # To have come beyond the wall is to be done: nobody crosses twice.
        over = model.over | (model.paid[..., 0] > 0)
        once = dataclasses.replace(model, over=over)
        crossed = follow(once, probabilities, horizon).credited[0]
        top = jnp.where(model.possible, values, -jnp.inf).max()
        spread = top - jnp.where(model.possible, values, jnp.inf).min()
        peak = model.possible & (values >= top - SAME * spread)
        column = (peak * model.tile[:, 1]).sum() / peak.sum()
        flat = ~(spread > 1e-7 * jnp.maximum(1.0, jnp.abs(top)))
        return Wall(crossed, jnp.where(flat, jnp.nan, column - wall))

    return jax.vmap(one)(models, walls, probabilities, values)
