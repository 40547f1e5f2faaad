"""O3r, O5a, O5b: policies that no plan drives, two of them beside one."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool

from mesagym import grid
from mesagym.agents.networks import CNN, Network, Observations, Outputs, Tap, no_tap
from mesagym.organisms.planner import Planner
from mesagym.organisms.senses import Senses

BLOCKED = -1e4
"""Logit of a move into a wall, for a reflex that feels the walls around it."""


class Reflex(Network):
    """O3r: moves along the straight line to what it wants, whatever lies between.

    Parameters: ``goal`` float32[K], weights of the candidates, of which it follows the
    nearest to the sum; ``beta`` float32[], logits a tile of the way.

    Activations: ``input``; ``way``, tiles (down, right) to what it wants, [n, 2];
    ``free``, 1 where no wall is next to the agent, [n, 4]; ``logits``; ``value``, minus
    the tiles of the way.

    Attributes:
        senses: how an observation is read.
    """

    senses: Senses = Senses(0, 1, (2,), (True,))

    label: ClassVar[str] = "reflex"

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
        count = len(self.senses.candidates)
        first = (1.0, *(0.0,) * (count - 1))
        goal = self.param("goal", lambda key: jnp.asarray(first))
        beta = self.param("beta", lambda key: jnp.asarray(2.0))
        wanted = (self.senses.read_candidates(obs) * goal).sum(-1)
        here = self.senses.read_agent(obs)
        way = tap("way", _place(wanted) - _place(here))
        moves = jnp.asarray(grid.MOVES)
        walls = self.senses.read_walls(obs)
        beside = [jnp.roll(walls, (-d, -r), (1, 2)) for d, r in grid.MOVES]
        blocked = (jnp.stack(beside, -1) * here[..., None]).sum((1, 2))
        free = tap("free", 1 - blocked)
        logits = beta * (way @ moves.T.astype(way.dtype))
        logits = tap("logits", jnp.where(free > 0.5, logits, BLOCKED))
        return logits, tap("value", -jnp.abs(way).sum(-1)), carry


def _place(weights: jax.Array) -> jax.Array:
    """Return (row, column) of the weights' mean, [n, 2]; (0, 0) where all are 0."""
    rows, columns = (jnp.arange(size) for size in weights.shape[1:])
    total = jnp.maximum(weights.sum((1, 2)), 1e-6)[:, None]
    sums = [(weights.sum(2) * rows).sum(1), (weights.sum(1) * columns).sum(1)]
    return jnp.stack(sums, axis=-1) / total


class Ignored(Network):
    """O5a: a planner runs, and a reactive network beside it chooses the actions.

    Activations: those of the planner as `Planner` names them, but for its logits and
    value; ``conv_0`` and so on, ``dense_0``, ``logits``, ``value`` of the reactive one.

    Attributes:
        senses: how the planner reads an observation.
        steps: of planning.
        channels: of the reactive network's convolutions.
    """

    hidden: tuple[int, ...] = (128,)
    senses: Senses = Senses(0, 1, (2,), (True,))
    steps: int = 16
    channels: tuple[int, ...] = (32, 32, 32)

    label: ClassVar[str] = "ignored-planner"

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
        planner = Planner(
            self.num_actions, senses=self.senses, steps=self.steps, name="planner"
        )
        planner.planned(obs, tap)
        reactive = CNN(
            self.num_actions,
            hidden=self.hidden,
            channels=self.channels,
            name="reactive",
        )
        logits, value, _ = reactive(obs, tap=_all_but_input(tap))
        return logits, value, carry


def _all_but_input(tap: Tap) -> Tap:
    return lambda name, x: x if name == "input" else tap(name, x)


class PlanHead(Network):
    """O5b: a reactive trunk that also tells a plan, which nothing reads.

    Activations: ``input``, ``conv_0`` and so on; ``plan_head``, the plan that is told,
    [n, height, width, 1]; ``dense_0``, ``logits``, ``value``.

    Attributes:
        channels: of the trunk's convolutions.
    """

    hidden: tuple[int, ...] = (128,)
    channels: tuple[int, ...] = (32, 32, 32)

    label: ClassVar[str] = "plan-head"

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
        told = nn.Dense(1, name="plan_head")
        last = f"conv_{len(self.channels) - 1}"

        def tapped(name: str, x: jax.Array) -> jax.Array:
            x = tap(name, x)
            if name == last:
                tap("plan_head", told(x))
            return x

        trunk = CNN(
            self.num_actions, hidden=self.hidden, channels=self.channels, name="trunk"
        )
        logits, value, _ = trunk(obs, tap=tapped)
        return logits, value, carry
