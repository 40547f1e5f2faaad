"""Imitation: a network learns the actions that a teacher would take, and how surely."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float, Key

from mesagym.agents.policy import NetworkPolicy


@struct.dataclass
class Lessons:
    """What a teacher showed: N situations and what it would do in each."""

    obs: Any  # [N, ...] observations, an episode's first each
    log_probabilities: Any  # float32[N, A] of the teacher's actions
    targets: Any  # dict of [N, ...]: activations to learn besides, by name


@dataclass(frozen=True)
class Imitation:
    """How a network learns from lessons.

    Attributes:
        updates: steps of the optimiser.
        batch: lessons in each.
        learning_rate: at the start; it falls to 0 along a cosine.
        clip: norm that gradients are cut to.
        weights: of the mean squared error of each activation that is learned besides,
            by name.
    """

    updates: int = 2000
    batch: int = 512
    learning_rate: float = 1e-3
    clip: float = 1.0
    weights: tuple[tuple[str, float], ...] = ()


def _loss(
    params: Any,
    policy: NetworkPolicy,
    lessons: Lessons,
    weights: tuple[tuple[str, float], ...],
) -> tuple[jax.Array, jax.Array]:
    record = policy.look(params, lessons.obs, [name for name, _ in weights])
    shown = lessons.log_probabilities
    student = jax.nn.log_softmax(record.logits)
    divergence = (jnp.exp(shown) * (shown - student)).sum(-1).mean()
    besides = sum(
        weight * jnp.square(record.captured[name] - lessons.targets[name]).mean()
        for name, weight in weights
    )
    return divergence + besides, divergence


@partial(jax.jit, static_argnames=("policy", "how"))
def imitate(
    policy: NetworkPolicy,
    params: Any,
    lessons: Lessons,
    key: Key[Array, ""],
    how: Imitation,
) -> tuple[Any, Float[Array, " update"]]:
    """Return the weights after learning, and how far each batch was from the teacher.

    The loss is the Kullback-Leibler divergence of the student's actions from the
    teacher's, ``KL(teacher || student)``: distillation at temperature 1 (Hinton et al.
    2015, arXiv 1503.02531).

    Args:
        policy: the student; without memory, as every lesson is an episode's first.
        params: its weights before.
        lessons: what the teacher showed.
        key: of the batches, drawn with replacement.
        how: the settings.

    Returns:
        weights, and the divergence in nats of each update's batch.
    """
    optimiser = optax.chain(
        optax.clip_by_global_norm(how.clip),
        optax.adam(optax.cosine_decay_schedule(how.learning_rate, how.updates)),
    )
    total = lessons.log_probabilities.shape[0]

    def update(carry: tuple[Any, Any], key: jax.Array) -> tuple[Any, jax.Array]:
        params, state = carry
        rows = jax.random.randint(key, (how.batch,), 0, total)
        batch = jax.tree.map(lambda leaf: leaf[rows], lessons)
        grads, divergence = jax.grad(_loss, has_aux=True)(
            params, policy, batch, how.weights
        )
        steps, state = optimiser.update(grads, state, params)
        return (optax.apply_updates(params, steps), state), divergence

    keys = jax.random.split(key, how.updates)
    (params, _), curve = jax.lax.scan(update, (params, optimiser.init(params)), keys)
    return params, curve
