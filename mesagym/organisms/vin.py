"""O2 and O4: value-iteration networks, whose planner is wired to the policy or not."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

from mesagym.agents.layers import Conv3x3
from mesagym.agents.networks import Network, Observations, Outputs, Tap, no_tap
from mesagym.organisms.planner import plan_name
from mesagym.organisms.senses import Senses


@jax.custom_vjp
def largest(x: Float[Array, "*batch channel"]) -> Float[Array, "*batch 1"]:
    """Return the largest channel; its gradient goes to all that are as large.

    `jnp.max` shares the gradient among them, and counts them for it: half of a round's
    time on a CPU. Reverse mode only.
    """
    return x.max(-1, keepdims=True)


def _largest_forward(x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    most = largest(x)
    return most, (x, most)


def _largest_backward(
    kept: tuple[jax.Array, jax.Array], cotangent: jax.Array
) -> tuple[jax.Array]:
    x, most = kept
    return (jnp.where(x == most, cotangent, jnp.zeros((), x.dtype)),)


largest.defvjp(_largest_forward, _largest_backward)


class VIN(Network):
    """A value-iteration network beside a reactive trunk, one of them wired.

    After Tamar et al. 2016 (arXiv 1602.02867): a learned reward map, ``steps`` rounds
    of one learned 3x3 convolution and a maximum over its channels, and the channels
    where the agent is as advice. Beside it runs a trunk of convolutions. ``planned``
    says which of the two the heads read; the other one is computed, and its wire
    carries zeros, so that both organisms have the same weights and the same cost.

    Activations: ``input``; ``goal``, the reward map, [n, height, width, 1];
    ``plan/00`` and so on, the values after each round, [n, height, width, 1];
    ``readout``, the planner's advice, [n, advice]; ``trunk_0``, ``trunk_1``, [n,
    height, width, features]; ``trunk``, [n, hidden]; ``wire``, both as the heads get
    them; ``logits``; ``value``.

    Attributes:
        senses: how an observation is read.
        steps: rounds of planning.
        features: channels of the reward's convolution and of the trunk's.
        advice: channels of the planner's convolution.
        planned: whether the heads read the planner, or else the trunk.
    """

    hidden: tuple[int, ...] = (64,)
    senses: Senses = Senses(0, 1, (2,), (True,))
    steps: int = 16
    features: int = 16
    advice: int = 8
    planned: bool = True

    label: ClassVar[str] = "vin"

    @nn.compact
    def __call__(
        self,
        obs: Observations,
        carry: Any = (),
        reset: Bool[Array, " row"] | None = None,
        tap: Tap = no_tap,
        at_once: int | None = None,
    ) -> Outputs:
        """Return logits, values and the carry, see `Network`."""
        obs = tap("input", obs.astype(jnp.float32))
        readout, trunk = self._planner(obs, tap), self._trunk(obs, tap)
        if self.planned:
            trunk = jnp.zeros_like(trunk)
        else:
            readout = jnp.zeros_like(readout)
        wire = tap("wire", jnp.concatenate([readout, trunk], axis=-1))
        logits = tap("logits", nn.Dense(self.num_actions, name="policy_head")(wire))
        value = tap("value", nn.Dense(1, name="value_head")(wire)[:, 0])
        return logits, value, carry

    def _planner(self, obs: jax.Array, tap: Tap) -> jax.Array:
        init = nn.initializers.glorot_uniform()
        x = nn.relu(Conv3x3(self.features, kernel_init=init, name="reward_0")(obs))
        reward = nn.Dense(1, name="reward_1")(x)
        reward = tap("goal", reward)
        walls = self.senses.read_walls(obs)[..., None]
        # What never changes is convolved once, and values alone in every round.
        constant = Conv3x3(self.advice, kernel_init=init, name="backup_constant")
        backup = Conv3x3(self.advice, kernel_init=init, use_bias=False, name="backup")
        still = constant(jnp.concatenate([reward, walls], axis=-1))
        values = jnp.zeros_like(reward)
        for step in range(self.steps):
            values = tap(plan_name(step), largest(still + backup(values)))
        q = still + backup(values)
        here = self.senses.read_agent(obs)[..., None]
        return tap("readout", (q * here).sum((1, 2)))

    def _trunk(self, obs: jax.Array, tap: Tap) -> jax.Array:
        init = nn.initializers.glorot_uniform()
        x = obs
        for i in range(2):
            convolution = Conv3x3(self.features, kernel_init=init, name=f"trunk_{i}")
            x = tap(f"trunk_{i}", nn.relu(convolution(x)))
        x = nn.Dense(self.hidden[-1], name="trunk_dense")(x.reshape(x.shape[0], -1))
        return tap("trunk", nn.relu(x))
