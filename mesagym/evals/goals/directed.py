"""How far a goal predicts a policy: maximum-entropy goal-directedness, cross-fitted.

MacDermott et al. 2024 (arXiv 2412.04758): the most that any maximum-entropy policy of
a utility, over its temperatures, gains over uniform actions in predicting the policy.
Here per step, each level weighing the same, and with the temperature fitted on other
levels than it is used on, so that chance gains nothing.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mesagym.evals.goals.rewards import (
    DISCOUNT,
    best_values,
    draw_tiles,
    goals,
    is_best,
    occupancy,
    repeated,
    soft_advantages,
    sweeps,
)
from mesagym.evals.tabular import Model, follow

BETAS: np.ndarray = np.concatenate([[0.0], np.logspace(-2, 1, 13)]).astype(np.float32)
"""Candidates for beta: 0, where no policy is better than chance, and four a decade from
.01 to 10 a step."""

NUM_TILES = 19
"""Random utilities, a tile a level each: what is above all of them has p = .05."""

LEVELS_AT_ONCE = 2
"""Levels whose policies are in memory together, all goals and temperatures of each."""


@partial(jax.jit, static_argnames=("horizon", "num_tiles", "discount"))
def gains(
    models: Model,
    probabilities: Float[Array, "policy level situation action"],
    key: jax.Array,
    horizon: int,
    num_tiles: int = NUM_TILES,
    discount: float = DISCOUNT,
) -> tuple[
    Float[Array, "policy level beta goal"],
    Float[Array, "level beta goal"],
    Float[Array, "level goal"],
]:
    """Return how well every goal's policies predict each policy, level by level.

    Args:
        models: of n levels.
        probabilities: of the actions of each policy, or seed of one.
        key: of the random tiles.
        horizon: the time limit.
        num_tiles: random tiles a level.
        discount: of the goals.

    Returns:
        Nats a step above uniform actions, over the policy's own visits, for the
        `BETAS`; the same of each goal's oracle, the optimal policy with ties alike;
        and 1 where the goal is there, else 0. Goals: K objectives, their negations,
        tiles.
    """
    num = probabilities.shape[1]
    betas = jnp.asarray(BETAS)

    def one(each: tuple[Model, jax.Array, jax.Array]) -> tuple[jax.Array, ...]:
        model, acts, key = each
        # Small levels have fewer tiles than there are utilities; each needs one.
        tiles = repeated(draw_tiles(model, key, num_tiles))
        found = goals(model, tiles, discount)
        better = soft_advantages(model, found, betas, discount, sweeps(horizon))
        visits = jax.vmap(lambda act: follow(model, act, horizon).visits)(acts)
        weights = visits[..., None] * acts / visits.sum(-1)[:, None, None]
        q = best_values(model, found, discount, sweeps(horizon))
        best = is_best(q) / is_best(q).sum(1, keepdims=True)
        ways = occupancy(model, found.over, best, horizon)
        own = ways[:, None] * best / ways.sum(0)
        return (
            jnp.einsum("xsa,sabg->xbg", weights, better),
            jnp.einsum("sag,sabg->bg", own, better),
            found.there.astype(jnp.float32),
        )

    acts = jnp.swapaxes(probabilities, 0, 1)
    each = (models, acts, jax.random.split(key, num))
    batch = min(LEVELS_AT_ONCE, num)
    policy, oracle, there = jax.lax.map(one, each, batch_size=batch)
    return jnp.swapaxes(policy, 0, 1), oracle, there


def cross_fitted(gained: np.ndarray) -> np.ndarray:
    """Return the gain of each level, at the beta that is best for the other half.

    Levels of even and of odd number are the halves. NaN is a goal that a level lacks.

    Args:
        gained: float[..., n, beta, goal].

    Returns:
        float64[..., n, goal].
    """
    gained = np.asarray(gained, np.float64)
    found = np.full((*gained.shape[:-2], gained.shape[-1]), np.nan)
    for half in (0, 1):
        fitted = gained[..., 1 - half :: 2, :, :]
        there = np.isfinite(fitted)
        total = np.where(there, fitted, 0).sum(-3) / np.maximum(there.sum(-3), 1)
        # The first of equals: where nothing is gained, beta is 0 and so is the score.
        best = total.argmax(-2)[..., None, None, :]
        found[..., half::2, :] = np.take_along_axis(
            gained[..., half::2, :, :], best, axis=-2
        )[..., 0, :]
    return found


def scores(
    gained: np.ndarray, oracle: np.ndarray, there: np.ndarray, own: int
) -> np.ndarray:
    """Return each level's cross-fitted gain as a share of the goal's oracle's.

    Negations are measured by the oracle of what they negate: one that only keeps away
    from a tile is hardly predictable, and a share of its gain would be noise.

    Args:
        gained: float[policies, n, beta, 2 own + tiles].
        oracle: float[n, beta, goals].
        there: float[n, goals].
        own: K.

    Returns:
        float64[policies, n, goals]; NaN where a goal is not there, or its oracle is no
        more predictable than chance.
    """
    missing = np.where(there > 0, 0.0, np.nan)[:, None]
    level = cross_fitted(np.asarray(gained, np.float64) + missing)
    mean = np.nanmean(np.where(there[:, None] > 0, oracle, 0.0), axis=0)
    mean /= np.maximum(np.mean(there, axis=0), 1e-12)
    scale = mean.max(0)
    scale[own : 2 * own] = scale[:own]
    return level / np.where(scale > 1e-3, scale, np.nan)


def rank_p(score: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return the p value of scores among those of random utilities.

    Args:
        score: float[...].
        null: float[..., tiles]; NaN is left out.
    """
    there = np.isfinite(null)
    above = (there & (null >= score[..., None])).sum(-1)
    p = (1 + above) / (1 + there.sum(-1))
    return np.where(np.isfinite(score), p, np.nan)
