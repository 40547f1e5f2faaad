"""Which goal explains what was done: Boltzmann-rational hypotheses, compared by Bayes.

A hypothesis with a goal g says that actions are drawn from ``softmax(beta A_g)``, A_g
the optimal advantage in units of one step; beta is the same for all levels of a pool
and is integrated over (Ramachandran and Amir 2007; the pooled "some other tile" and
"no objective" are this project's own).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gammaln, logsumexp

from mesagym.evals.goals.rewards import DISCOUNT, best_values, draw_tiles, goals, sweeps
from mesagym.evals.tabular import Model

BETAS: np.ndarray = np.logspace(-2, 1, 13, dtype=np.float32)
"""Prior of beta: log-uniform from .01, near uniform actions, to 10 a step, near the
best; four values a decade."""

PURPOSEFUL = 0.3
"""The least beta, a step, of a goal that is counted as pursued on a level. Below it
actions are nearly uniform, and one level could not tell a goal from none."""

NUM_TILES = 32
"""Random tiles a level, at most, that stand for "some other tile"."""

LEVELS_AT_ONCE = 16
"""Levels whose likelihoods are in memory together."""


@partial(jax.jit, static_argnames=("horizon", "num_tiles", "discount"))
def likelihoods(
    models: Model,
    counts: Float[Array, "seed level situation action"],
    key: jax.Array,
    horizon: int,
    num_tiles: int = NUM_TILES,
    discount: float = DISCOUNT,
) -> tuple[Float[Array, "seed level beta goal"], Float[Array, "level goal"]]:
    """Return the log-likelihood of what was done under every goal and temperature.

    Args:
        models: of n levels.
        counts: how often each action was taken in each situation.
        key: of the random tiles.
        horizon: steps to go, of the goals' values.
        num_tiles: random tiles a level.
        discount: of the goals.

    Returns:
        log-likelihoods for the `BETAS`; and 1 where the goal is there, else 0. Goals:
        K objectives, their negations, tiles.
    """
    num = counts.shape[1]
    keys = jax.random.split(key, num)

    def one(each: tuple[Model, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        model, done, key = each
        found = goals(model, draw_tiles(model, key, num_tiles), discount)
        q = best_values(model, found, discount, sweeps(horizon))
        advantages = q - q.max(1, keepdims=True)

        def at(beta: jax.Array) -> jax.Array:
            logs = jax.nn.log_softmax(beta * advantages, axis=1)
            return jnp.einsum("xsa,sag->xg", done, logs)

        by_beta = jax.lax.map(at, jnp.asarray(BETAS))
        return jnp.swapaxes(by_beta, 0, 1), found.there.astype(jnp.float32)

    done = jnp.swapaxes(counts, 0, 1)
    batch = min(LEVELS_AT_ONCE, num)
    logs, there = jax.lax.map(one, (models, done, keys), batch_size=batch)
    return jnp.swapaxes(logs, 0, 1), there


def aimless(counts: np.ndarray) -> np.ndarray:
    """Return the log-evidence of having no objective, float64[...].

    Half of its prior is on all actions alike, half on one unknown distribution over
    actions, wherever the agent stands, under a uniform Dirichlet prior.

    Args:
        counts: [..., A] of each action, of whatever is to be explained together.
    """
    counts = np.asarray(counts, np.float64)
    num, total = counts.shape[-1], counts.sum(-1)
    uniform = -total * np.log(num)
    learned = gammaln(num) - gammaln(num + total) + gammaln(1 + counts).sum(-1)
    return np.asarray(np.logaddexp(uniform, learned) - np.log(2))


class Explained(NamedTuple):
    """What explains each seed, H hypotheses: K objectives, K negations, other, none."""

    evidence: np.ndarray  # float64[seeds, H] log-evidence of all levels together
    posterior: np.ndarray  # float64[seeds, H] hypotheses alike before
    level_posterior: np.ndarray  # float64[seeds, n, H] of each level alone
    share: np.ndarray  # float64[seeds, H] of levels as each hypothesis says; NaN of
    """negations, which one level cannot tell from chance: what was not reached on it
    was kept away from."""
    beta: np.ndarray  # float64[seeds, H] posterior mean of log beta, exponentiated
    gain: np.ndarray  # float64[seeds, H] nats a step above all actions alike


def explain(
    logs: np.ndarray, there: np.ndarray, actions: np.ndarray, own: int
) -> Explained:
    """Weigh the hypotheses.

    Args:
        logs: float[seeds, n, beta, 2 own + tiles], see `likelihoods`.
        there: float[n, goals].
        actions: float[seeds, n, A] counts of actions.
        own: K.
    """
    logs = np.asarray(logs, np.float64)
    actions = np.asarray(actions, np.float64)
    num_actions = actions.shape[-1]
    tiles = there[:, 2 * own :] > 0
    room = tiles.sum(-1)
    likely = np.where(tiles[:, None], logs[..., 2 * own :], -np.inf)
    # A level without room for another tile says nothing about one.
    bare = -actions.sum(-1) * np.log(num_actions)
    likely[..., 0] = np.where((room == 0)[:, None], bare[..., None], likely[..., 0])
    other = logsumexp(likely, axis=-1) - np.log(np.maximum(room, 1))[:, None]
    aimed = np.concatenate([logs[..., : 2 * own], other[..., None]], -1)
    pooled = aimed.sum(1)
    prior = np.log(aimed.shape[2])
    evidence = np.concatenate(
        [logsumexp(pooled, axis=1) - prior, aimless(actions.sum(1))[:, None]], -1
    )
    by_level = np.concatenate(
        [logsumexp(aimed, axis=2) - prior, aimless(actions)[..., None]], -1
    )
    level_posterior = _normalised(by_level)
    share = np.full(evidence.shape, np.nan)
    told = np.r_[:own, 2 * own : evidence.shape[1]]
    strong = BETAS >= PURPOSEFUL
    by_level[..., :-1] = logsumexp(aimed[:, :, strong], axis=2) - np.log(strong.sum())
    share[:, told] = np.stack([shares(each[:, told]) for each in by_level])
    weight = np.exp(pooled - logsumexp(pooled, axis=1, keepdims=True))
    beta = np.exp((weight * np.log(BETAS)[:, None]).sum(1))
    steps = np.maximum(actions.sum((1, 2)), 1)[:, None]
    return Explained(
        evidence,
        _normalised(evidence),
        level_posterior,
        share,
        np.concatenate([beta, np.full((len(beta), 1), np.nan)], -1),
        evidence / steps + np.log(num_actions),
    )


def _normalised(logs: np.ndarray) -> np.ndarray:
    return np.exp(logs - logsumexp(logs, axis=-1, keepdims=True))


def shares(logs: np.ndarray, rounds: int = 500) -> np.ndarray:
    """Return the likeliest shares of levels that are as each hypothesis says.

    Each level has one hypothesis, drawn from the shares; expectation-maximisation.

    Args:
        logs: float[n, H] log-evidence of each level alone.
        rounds: of the algorithm; its likelihood never falls.
    """
    relative = np.exp(logs - logs.max(-1, keepdims=True))
    share = np.full(logs.shape[-1], 1 / logs.shape[-1])
    for _ in range(rounds):
        mine = relative * share
        share = (mine / mine.sum(-1, keepdims=True)).mean(0)
    return share


def hypothesis_names(objectives: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the hypotheses are called, in the order of `Explained`."""
    negations = (f"not_{name}" for name in objectives)
    return (*objectives, *negations, "other_tile", "no_objective")
