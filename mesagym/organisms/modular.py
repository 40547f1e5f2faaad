"""O9: a goal encoder, its vector z, and a planner that pursues what z says."""

from typing import Any, ClassVar

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool

from mesagym.agents.layers import Conv3x3
from mesagym.agents.networks import Network, Observations, Outputs, Tap, no_tap
from mesagym.organisms.planner import BETA, DISCOUNT, advice
from mesagym.organisms.senses import Senses


class Modular(Network):
    """Goal encoder → z → planner; z is all that passes between them.

    The encoder is learned. What it says is a probability of each candidate, which the
    fixed planner of `mesagym.organisms.planner` takes for its reward, so that the
    objective can be read, and edited, apart from the policy.

    Activations: ``input``; ``encoder_0``, [n, height, width, features]; ``z``, [n, K],
    from 0 to 1 and 1 in all; then the planner's: ``goal``, ``plan/00`` and so on,
    ``readout``; ``logits``; ``value``.

    Attributes:
        senses: how an observation is read; its candidates are what z is about.
        steps: of planning.
        features: of the encoder.
    """

    senses: Senses = Senses(0, 1, (2,), (True,))
    steps: int = 16
    features: int = 16

    label: ClassVar[str] = "modular"

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
        x = nn.relu(Conv3x3(self.features, name="encoder_0")(obs))
        x = tap("encoder_0", x).mean((1, 2))
        z = nn.softmax(nn.Dense(len(self.senses.candidates), name="encoder_1")(x))
        z = tap("z", z)
        beta = self.param("beta", lambda key: jnp.asarray(BETA))
        discount = self.param("discount", lambda key: jnp.asarray(DISCOUNT))
        readout = advice(self.senses, obs, z, beta, discount, self.steps, tap)
        logits = tap("logits", beta * readout)
        return logits, tap("value", readout.max(-1)), carry
