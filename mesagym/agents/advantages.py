"""Generalised advantage estimation with episode ends told apart."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def generalised_advantages(
    rewards: Float[Array, "time env"],
    values: Float[Array, "time env"],
    next_values: Float[Array, "time env"],
    terminated: Bool[Array, "time env"],
    truncated: Bool[Array, "time env"],
    discount: float | Float[Array, ""],
    trace: float | Float[Array, ""],
) -> Float[Array, "time env"]:
    """Return GAE(λ) advantages (Schulman et al. 2016, equation 16).

    A terminated step has no value after it; a truncated one keeps the value of
    its final observation, and neither passes advantage on from the next episode
    (Pardo et al. 2018, "Time limits in reinforcement learning").

    Args:
        rewards: of each step.
        values: of the observation before each step.
        next_values: of the observation after each step: the final one where the
            episode ended, not the first of the next.
        terminated: whether the step ended its episode for good.
        truncated: whether a time limit cut it off.
        discount: γ.
        trace: λ.
    """
    deltas = rewards + discount * next_values * ~terminated - values
    flow = discount * trace * ~(terminated | truncated)

    def back(
        after: Float[Array, " env"], step: tuple[Float[Array, " env"], ...]
    ) -> tuple[Float[Array, " env"], Float[Array, " env"]]:
        delta, keep = step
        advantage = delta + keep * after
        return advantage, advantage

    none = jnp.zeros_like(deltas[0])
    return jax.lax.scan(back, none, (deltas, flow), reverse=True)[1]
