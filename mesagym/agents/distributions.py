"""The distribution that actions are drawn from."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float, Int


@struct.dataclass
class Categorical:
    """A choice among the last axis of logits, which need not be normalised.

    Quantities of information are in nats. A logit of -inf is an action never taken.
    """

    logits: Any  # float32[..., A]

    def log_probs(self) -> Float[Array, "*batch action"]:
        """Return the logarithm of every action's probability."""
        return jax.nn.log_softmax(self.logits)

    def log_prob(self, action: Int[Array, "*batch"]) -> Float[Array, "*batch"]:
        """Return the logarithm of the probability of one action each."""
        every = self.log_probs()
        return jnp.take_along_axis(every, action[..., None], axis=-1)[..., 0]

    def sample(self, key: jax.Array) -> Int[Array, "*batch"]:
        """Draw one action each, by the Gumbel trick of `jax.random.categorical`."""
        return jax.random.categorical(key, self.logits).astype(jnp.int32)

    def mode(self) -> Int[Array, "*batch"]:
        """Return the likeliest action, the first of equals."""
        return jnp.argmax(self.logits, axis=-1).astype(jnp.int32)

    def entropy(self) -> Float[Array, "*batch"]:
        """Return the entropy, 0 to log A."""
        return -_mean(self.log_probs(), self.log_probs())

    def kl(self, other: "Categorical") -> Float[Array, "*batch"]:
        """Return the divergence of ``other`` from this one, KL(self || other)."""
        return _mean(self.log_probs(), self.log_probs() - other.log_probs())


def _mean(log_probs: jax.Array, values: jax.Array) -> jax.Array:
    """Average values over actions; one of probability 0 counts 0, even times -inf."""
    possible = log_probs > -jnp.inf
    # The inner choice keeps -inf out of the gradient, where it would become NaN.
    values = jnp.where(possible, values, 0.0)
    return (jnp.exp(log_probs) * values).sum(axis=-1)
