"""Agents and devices: is it better explained as pursuing a goal, or as reacting?

Orseau, McGregor McGill and Legg 2018 (arXiv 1805.12387): a Bayesian mixture over
agents, which pursue a goal near-optimally, against one over devices, which map a
context to actions.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import expit, gammaln, logsumexp

from mesagym.evals.goals.rewards import (
    DISCOUNT,
    best_values,
    draw_tiles,
    goals,
    is_best,
    sweeps,
)
from mesagym.evals.goals.walks import Walks
from mesagym.evals.tabular import Model

EPSILONS: np.ndarray = np.array(
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5], dtype=np.float32
)
"""Shares of actions taken at random by an agent."""

EPSILON_PRIORS: dict[str, tuple[float, ...]] = {
    "wide": (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    "skilled": (0.01, 0.02, 0.05, 0.1),
    "clumsy": (0.2, 0.3, 0.4, 0.5),
}
"""Which of the `EPSILONS` are alike before; the others are out."""

CONTEXTS: tuple[str, ...] = ("nothing", "previous action", "walls", "both")
"""What a device may react to."""

CONTEXT_SETS: dict[str, int] = {"1": 1, "2": 2, "4": 4}
"""How many of the `CONTEXTS`, from the first, are among the devices."""

NUM_TILES = 32
"""Goal tiles of a level, at most; beside them are the objectives."""

LEVELS_AT_ONCE = 16
"""Levels whose likelihoods are in memory together."""


@partial(jax.jit, static_argnames=("horizon", "num_tiles", "discount"))
def agent_likelihoods(
    models: Model,
    counts: Float[Array, "seed level situation action"],
    key: jax.Array,
    horizon: int,
    num_tiles: int = NUM_TILES,
    discount: float = DISCOUNT,
) -> Float[Array, "seed level epsilon kind"]:
    """Return the log-likelihood of what was done on each level under kinds of agents.

    An agent's goal is one of the K objectives, or a tile of each level, all alike:
    K + 1 kinds. Given the goal, an action is with probability epsilon any, else a best
    one, ties alike.

    Args:
        models: of n levels.
        counts: how often each action was taken in each situation.
        key: of the tiles, where a level has more than ``num_tiles``.
        horizon: steps to go, of the goals' values.
        num_tiles: goal tiles a level at most.
        discount: of the goals.
    """
    num, num_actions = counts.shape[1], counts.shape[3]

    def one(each: tuple[Model, jax.Array, jax.Array]) -> jax.Array:
        model, done, key = each
        own = model.paid.shape[-1]
        found = goals(model, draw_tiles(model, key, num_tiles), discount)
        best = is_best(best_values(model, found, discount, sweeps(horizon)))
        best = best / best.sum(1, keepdims=True)
        tiles = found.there[2 * own :]

        def at(epsilon: jax.Array) -> jax.Array:
            logs = jnp.log((1 - epsilon) * best + epsilon / num_actions)
            logs = jnp.einsum("xsa,sag->xg", done, logs)
            tile = jnp.where(tiles, logs[:, 2 * own :], -jnp.inf)
            tile = jax.nn.logsumexp(tile, axis=-1) - jnp.log(tiles.sum())
            # A level without room for another tile is no agent's of that kind.
            bare = -done.sum((1, 2)) * jnp.log(num_actions)
            tile = jnp.where(tiles.any(), tile, bare)
            return jnp.concatenate([logs[:, :own], tile[:, None]], axis=-1)

        return jnp.swapaxes(jax.lax.map(at, jnp.asarray(EPSILONS)), 0, 1)

    keys = jax.random.split(key, num)
    done = jnp.swapaxes(counts, 0, 1)
    batch = min(LEVELS_AT_ONCE, num)
    logs = jax.lax.map(one, (models, done, keys), batch_size=batch)
    return jnp.swapaxes(logs, 0, 1)


def context_counts(models: Model, walked: Walks) -> list[np.ndarray]:
    """Return how often each action was taken in each context, level by level.

    Walls are known by which actions change nothing, so that this is of any environment.

    Args:
        models: of n levels.
        walked: episodes on them.

    Returns:
        For each of the `CONTEXTS`, float64[seeds, n, contexts, A].
    """
    seeds, n, _ = walked.actions.shape
    after = np.asarray(models.next)
    num_actions = after.shape[-1]
    blocked = after == np.arange(after.shape[1])[:, None]
    pattern = (blocked << np.arange(num_actions)).sum(-1)
    level = np.arange(n)[:, None]
    walls = pattern[level, walked.situations]
    first = np.full((seeds, n, 1), num_actions)
    before = np.concatenate([first, walked.actions[..., :-1]], -1)
    sizes = (1, num_actions + 1, 2**num_actions, (num_actions + 1) * 2**num_actions)
    places = (
        np.zeros_like(before),
        before,
        walls,
        before * 2**num_actions + walls,
    )
    row = np.arange(seeds * n).reshape(seeds, n, 1)
    found = []
    for size, place in zip(sizes, places, strict=True):
        flat = ((row * size + place) * num_actions + walked.actions)[walked.taken]
        counted = np.bincount(flat, minlength=seeds * n * size * num_actions)
        found.append(counted.reshape(seeds, n, size, num_actions).astype(np.float64))
    return found


def krichevsky_trofimov(counts: np.ndarray) -> np.ndarray:
    """Return the log-probability of actions under a device that learns as it goes.

    In each context the next action is predicted as often as it was taken, and half a
    time more (Krichevsky and Trofimov 1981); the order does not matter.

    Args:
        counts: [..., contexts, A].
    """
    num_actions, total = counts.shape[-1], counts.sum(-1)
    seen = gammaln(counts + 0.5).sum(-1) - num_actions * gammaln(0.5)
    logs = seen + gammaln(num_actions / 2) - gammaln(total + num_actions / 2)
    return np.asarray(logs.sum(-1))


class Weighed(NamedTuple):
    """Log-evidence of the two mixtures."""

    agents: np.ndarray  # float64[...]
    devices: np.ndarray  # float64[...]

    def posterior(self, prior: float) -> np.ndarray:
        """Return the probability of an agent.

        Args:
            prior: of one, between 0 and 1.
        """
        return expit(self.agents - self.devices + np.log(prior / (1 - prior)))


def weigh(
    agents: np.ndarray,
    contexts: list[np.ndarray],
    *,
    pooled: bool,
    epsilons: str = "wide",
    num_contexts: int = len(CONTEXTS),
) -> Weighed:
    """Return the evidence of each level alone, or of all levels together.

    Together, an agent has one epsilon and one kind of goal on all levels, and a device
    is the same on all of them. Kinds, epsilons and contexts are each alike before.

    Args:
        agents: float[seeds, n, epsilon, kind], see `agent_likelihoods`.
        contexts: see `context_counts`.
        pooled: whether all levels are explained together.
        epsilons: of the `EPSILON_PRIORS`.
        num_contexts: of the `CONTEXTS`, from the first.

    Returns:
        [seeds, n], or pooled [seeds].
    """
    allowed = np.isin(EPSILONS, np.array(EPSILON_PRIORS[epsilons], np.float32))
    likely = np.asarray(agents, np.float64)[:, :, allowed]
    used = contexts[:num_contexts]
    if pooled:
        likely, used = likely.sum(1), [each.sum(1) for each in used]
    size = likely.shape[-2] * likely.shape[-1]
    devices = np.stack([krichevsky_trofimov(each) for each in used], -1)
    return Weighed(
        logsumexp(likely, axis=(-2, -1)) - np.log(size),
        logsumexp(devices, axis=-1) - np.log(devices.shape[-1]),
    )
