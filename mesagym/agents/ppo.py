"""Proximal policy optimisation (Schulman et al. 2017), one update at a time."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Float

from mesagym.agents.advantages import generalised_advantages
from mesagym.agents.distributions import Categorical
from mesagym.agents.policy import remembers
from mesagym.agents.rollout import Finals, Steppable, Transitions, Workers, collect
from mesagym.agents.shape import PPOShape
from mesagym.errors import UserError


@struct.dataclass
class PPOHyper:
    """What a sweep varies: float32[] each, traced."""

    learning_rate: Any  # at the first update
    final_learning_rate: Any  # as a share of the first, reached linearly at the end
    discount: Any  # γ
    trace: Any  # λ of the advantages
    clip: Any  # of the probability ratio, and of the value where that is clipped
    entropy: Any  # weight of the entropy bonus
    value_weight: Any  # weight of the value loss
    max_gradient_norm: Any


def make_hyper(
    learning_rate: float = 5e-4,
    final_learning_rate: float = 1.0,
    discount: float = 0.99,
    trace: float = 0.95,
    clip: float = 0.2,
    entropy: float = 0.01,
    value_weight: float = 0.5,
    max_gradient_norm: float = 0.5,
) -> PPOHyper:
    """Return hyper-parameters as arrays, checked.

    Raises:
        UserError: one is out of range.
    """
    given = dict(locals())
    ranges = {
        "discount": (0.0, 1.0),
        "trace": (0.0, 1.0),
        "final_learning_rate": (0.0, 1.0),
    }
    for name, value in given.items():
        low, high = ranges.get(name, (0.0, float("inf")))
        if not low <= value <= high:
            raise UserError(f"agent.{name}: {value} is outside [{low:g}, {high:g}]")
    return PPOHyper(**{name: jnp.float32(value) for name, value in given.items()})


@struct.dataclass
class Optimised:
    """Weights and the optimiser's state."""

    params: Any
    moments: Any


@struct.dataclass
class UpdateMetrics:
    """Averages over the minibatches of one update, float32[] each."""

    loss_policy: Any
    loss_value: Any
    entropy: Any  # nats
    kl: Any  # nats, estimated (Schulman 2020, "k3")
    clip_fraction: Any
    grad_norm: Any  # before clipping
    learning_rate: Any


_ADAM = optax.scale_by_adam(eps=1e-5)


def start_optimising(params: Any) -> Optimised:
    """Return fresh optimiser state around weights."""
    return Optimised(params, _ADAM.init(params))


@struct.dataclass
class Batch:
    """Transitions with what was estimated from them.

    A row is a step, leaves [B, ...]; of a policy that remembers, a segment of one
    environment, leaves [B, L, ...].
    """

    obs: Any
    action: Any
    log_prob: Any
    value: Any
    advantage: Any
    target: Any
    carry: Any = ()  # before a segment's first step, leaves [B, ...]
    reset: Any = ()  # bool[B, L] where an episode starts


def estimate(
    policy: Any,
    params: Any,
    workers: Workers,
    transitions: Transitions,
    finals: Finals,
    hyper: PPOHyper,
    carries: Any = (),
) -> Batch:
    """Turn a rollout into a batch with advantages and value targets.

    The value after a step is the next step's, which the rollout has; only final
    observations of truncated episodes and the last ones of all need the network.

    Args:
        policy: that acted.
        params: its weights.
        workers: as the rollout left them.
        transitions: of the rollout.
        finals: of its truncated episodes.
        hyper: discount and trace.
        carries: before each segment, see `Rollout`; nothing of policies without any.
    """
    last = policy.evaluate(params, workers.obs, workers.carry, workers.reset)[1]
    slots, n = finals.obs.shape[:2]
    cut = finals.obs.reshape(slots * n, *finals.obs.shape[2:])
    carry = jax.tree.map(
        lambda leaf: leaf.reshape(slots * n, *leaf.shape[2:]), finals.carry
    )
    at_cut = policy.evaluate(params, cut, carry)[1].reshape(slots, n)
    following = jnp.concatenate([transitions.value[1:], last[None]])
    place = jnp.minimum(transitions.slot, slots - 1)
    final_value = jnp.take_along_axis(at_cut, place, axis=0)
    advantage = generalised_advantages(
        transitions.reward,
        transitions.value,
        jnp.where(transitions.truncated, final_value, following),
        transitions.terminated,
        transitions.truncated,
        hyper.discount,
        hyper.trace,
    )
    batch = Batch(
        obs=transitions.obs,
        action=transitions.action,
        log_prob=transitions.log_prob,
        value=transitions.value,
        advantage=advantage,
        target=advantage + transitions.value,
    )
    if not jax.tree.leaves(carries):
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), batch)
    batch = dataclasses.replace(batch, reset=transitions.reset)
    count = jax.tree.leaves(carries)[0].shape[0]

    def segments(leaf: jax.Array) -> jax.Array:
        # [T, N, ...] to [T / L, L, N, ...] to [T / L, N, L, ...] to [rows, L, ...]
        leaf = leaf.reshape(count, -1, *leaf.shape[1:]).swapaxes(1, 2)
        return leaf.reshape(-1, *leaf.shape[2:])

    before = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), carries)
    return dataclasses.replace(jax.tree.map(segments, batch), carry=before)


def evaluated(
    policy: Any, params: Any, batch: Batch, at_once: int | None = None
) -> tuple[Float[Array, "*row action"], Float[Array, "*row"]]:
    """Return the logits and values that weights give the steps of a batch.

    Args:
        policy: the policy.
        params: its weights.
        batch: steps, or segments, whose memory starts from the carry that they have.
        at_once: rows of a network's torso at a time.
    """
    if not jax.tree.leaves(batch.carry):
        return policy.evaluate(params, batch.obs)
    n, steps = batch.reset.shape

    def by_time(leaf: jax.Array) -> jax.Array:
        return leaf.swapaxes(0, 1).reshape(n * steps, *leaf.shape[2:])

    logits, value = policy.evaluate(
        params, by_time(batch.obs), batch.carry, by_time(batch.reset), at_once
    )
    return (
        logits.reshape(steps, n, -1).swapaxes(0, 1),
        value.reshape(steps, n).swapaxes(0, 1),
    )


def loss(
    policy: Any,
    params: Any,
    batch: Batch,
    hyper: PPOHyper,
    clip_values: bool,
    at_once: int | None = None,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Return the PPO objective to minimise, and its parts.

    Advantages come normalised over the whole minibatch. The clipped surrogate is
    equation 7 of Schulman et al. 2017; value clipping is that of the original
    implementation (Engstrom et al. 2020, section 2).

    Args:
        policy: the policy.
        params: its weights.
        batch: rows of a minibatch.
        hyper: weights of the parts, and the clip.
        clip_values: whether the value is clipped, too.
        at_once: see `evaluated`.
    """
    logits, value = evaluated(policy, params, batch, at_once)
    choice = Categorical(logits)
    log_ratio = choice.log_prob(batch.action) - batch.log_prob
    ratio = jnp.exp(log_ratio)
    bounded = jnp.clip(ratio, 1 - hyper.clip, 1 + hyper.clip)
    gain = jnp.minimum(ratio * batch.advantage, bounded * batch.advantage)
    policy_loss = -gain.mean()

    error = jnp.square(value - batch.target)
    if clip_values:
        near = batch.value + jnp.clip(value - batch.value, -hyper.clip, hyper.clip)
        error = jnp.maximum(error, jnp.square(near - batch.target))
    value_loss = 0.5 * error.mean()

    entropy = choice.entropy().mean()
    total = policy_loss + hyper.value_weight * value_loss - hyper.entropy * entropy
    parts = {
        "loss_policy": policy_loss,
        "loss_value": value_loss,
        "entropy": entropy,
        "kl": (ratio - 1 - log_ratio).mean(),
        "clip_fraction": (jnp.abs(ratio - 1) > hyper.clip).mean(),
    }
    return total, parts


def normalised(batch: Batch) -> Batch:
    """Return a batch whose advantages have mean 0 and standard deviation 1."""
    advantage = batch.advantage - batch.advantage.mean()
    advantage = advantage / (batch.advantage.std() + 1e-8)
    return dataclasses.replace(batch, advantage=advantage)


def gradient(
    policy: Any, params: Any, batch: Batch, hyper: PPOHyper, shape: PPOShape
) -> tuple[Any, dict[str, Float[Array, ""]]]:
    """Return the gradient of the loss over a minibatch, and the loss's parts.

    With ``microbatch`` it is summed over parts of the minibatch one after another:
    what a convolution keeps for its gradient then stays in a CPU's cache. Of a policy
    that remembers, only the torso is cut so: the product that a memory waits for at
    every step is the better the more segments it has.
    """
    of_loss = jax.grad(loss, argnums=1, has_aux=True)
    if shape.microbatch is None or shape.microbatch >= shape.minibatch:
        return of_loss(policy, params, batch, hyper, shape.clip_values)
    if jax.tree.leaves(batch.carry):
        at_once = shape.microbatch
        return of_loss(policy, params, batch, hyper, shape.clip_values, at_once)
    count = shape.minibatch // shape.microbatch
    split = jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), batch)

    def each(part: Batch) -> Any:
        return of_loss(policy, params, part, hyper, shape.clip_values)

    def add(total: Any, part: Batch) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, each(part)), None

    first = jax.tree.map(lambda leaf: leaf[0], split)
    nothing = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(each, first)
    )
    total, _ = jax.lax.scan(add, nothing, split)
    return jax.tree.map(lambda leaf: leaf / count, total)


def learning_rate_at(hyper: PPOHyper, progress: jax.Array) -> Float[Array, ""]:
    """Return the learning rate at a share of training, 0 to 1."""
    return hyper.learning_rate * (1 + progress * (hyper.final_learning_rate - 1))


def optimise(
    policy: Any,
    optimised: Optimised,
    batch: Batch,
    key: jax.Array,
    hyper: PPOHyper,
    progress: Float[Array, ""],
    shape: PPOShape,
) -> tuple[Optimised, UpdateMetrics]:
    """Take ``epochs × minibatches`` gradient steps on a batch."""
    rate = learning_rate_at(hyper, progress)
    clip = optax.clip_by_global_norm(hyper.max_gradient_norm)

    def one_minibatch(
        optimised: Optimised, rows: jax.Array
    ) -> tuple[Optimised, UpdateMetrics]:
        part = normalised(jax.tree.map(lambda leaf: leaf[rows], batch))
        grads, parts = gradient(policy, optimised.params, part, hyper, shape)
        norm = optax.tree.norm(grads)
        grads, _ = clip.update(grads, optax.EmptyState())
        updates, moments = _ADAM.update(grads, optimised.moments)
        updates = jax.tree.map(lambda update: -rate * update, updates)
        params = optax.apply_updates(optimised.params, updates)
        metrics = UpdateMetrics(grad_norm=norm, learning_rate=rate, **parts)
        return Optimised(params, moments), metrics

    def one_epoch(
        optimised: Optimised, key: jax.Array
    ) -> tuple[Optimised, UpdateMetrics]:
        rows = jax.random.permutation(key, shape.rows(remembers(policy)))
        rows = rows.reshape(shape.minibatches, -1)
        return jax.lax.scan(one_minibatch, optimised, rows)

    keys = jax.random.split(key, shape.epochs)
    optimised, metrics = jax.lax.scan(one_epoch, optimised, keys)
    return optimised, jax.tree.map(jnp.mean, metrics)


def update(
    env: Steppable,
    policy: Any,
    shape: PPOShape,
    shortest_episode: int,
    optimised: Optimised,
    workers: Workers,
    key: jax.Array,
    hyper: PPOHyper,
    env_params: Any,
    progress: Float[Array, ""],
) -> tuple[Optimised, Workers, UpdateMetrics, Any]:
    """Collect a rollout and learn from it.

    Returns:
        Weights, workers, metrics of learning, and counts of what finished.
    """
    key_collect, key_optimise = jax.random.split(key)
    rollout = collect(
        env,
        policy,
        optimised.params,
        workers,
        key_collect,
        env_params,
        shape.rollout_steps,
        shortest_episode,
        shape.segment if remembers(policy) else None,
    )
    batch = estimate(
        policy,
        optimised.params,
        rollout.workers,
        rollout.transitions,
        rollout.finals,
        hyper,
        rollout.carries,
    )
    optimised, metrics = optimise(
        policy, optimised, batch, key_optimise, hyper, progress, shape
    )
    return optimised, rollout.workers, metrics, rollout.counts
