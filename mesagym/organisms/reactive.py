"""O3r, O3s, O5a, O5b: policies that no search drives, two of them beside a plan."""

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
        gained, value = self.aimed(wanted, here, tap)
        free = tap("free", 1 - _beside(self.senses.read_walls(obs), here))
        logits = tap("logits", jnp.where(free > 0.5, beta * gained, BLOCKED))
        return logits, tap("value", value), carry

    def aimed(
        self, wanted: jax.Array, here: jax.Array, tap: Tap
    ) -> tuple[jax.Array, jax.Array]:
        """Return what each move gains, [n, 4], and what its place is worth, [n].

        Args:
            wanted: where what it follows is, [n, height, width].
            here: where it is itself, likewise.
            tap: sees and replaces what it is aimed by.
        """
        way = tap("way", _place(wanted) - _place(here))
        moves = jnp.asarray(grid.MOVES).T.astype(way.dtype)
        return way @ moves, -jnp.abs(way).sum(-1)


def _beside(maps: jax.Array, here: jax.Array) -> jax.Array:
    """Return what maps are on the four tiles around the agent, [n, 4]."""
    moved = [jnp.roll(maps, (-down, -right), (1, 2)) for down, right in grid.MOVES]
    return (jnp.stack(moved, -1) * here[..., None]).sum((1, 2))


def _place(weights: jax.Array) -> jax.Array:
    """Return (row, column) of the weights' mean, [n, 2]; (0, 0) where all are 0."""
    rows, columns = (jnp.arange(size) for size in weights.shape[1:])
    total = jnp.maximum(weights.sum((1, 2)), 1e-6)[:, None]
    sums = [(weights.sum(2) * rows).sum(1), (weights.sum(1) * columns).sum(1)]
    return jnp.stack(sums, axis=-1) / total


class PotentialField(Reflex):
    """O3s: climbs a map of how far what it wants lies, whatever lies between.

    The potential of a tile is minus half its squared distance, rows and columns weighed
    apart: at even weights a move's rise is that much of the straight line, and it moves
    as `Reflex` does. It is one fixed function of where the wanted thing is, linear and
    made at once; walls are no part of it, and nothing is repeated. So there is a map
    with the tiles of the level that tells a move wherever the way is open, and drives
    it; and no search made it. After the artificial potential fields of Khatib 1986
    (International Journal of Robotics Research 5(1)), whose obstacles are left out.

    Parameters: as `Reflex`, and ``pull`` float32[2], weights of rows and of columns.

    Activations: ``input``; ``potential``, the map, [n, height, width, 1]; ``free``, 1
    where no wall is next to the agent, [n, 4]; ``logits``; ``value``, the potential
    where it is.
    """

    label: ClassVar[str] = "potential-field"

    def aimed(
        self, wanted: jax.Array, here: jax.Array, tap: Tap
    ) -> tuple[jax.Array, jax.Array]:
        """Return the rise by each move, and the potential, see `Reflex.aimed`."""
        pull = self.param("pull", lambda key: jnp.ones(2))
        potential = _potential(wanted, pull)
        potential = tap("potential", potential[..., None])[..., 0]
        own = (potential * here).sum((1, 2))
        return _beside(potential, here) - own[:, None], own


def _potential(wanted: jax.Array, pull: jax.Array) -> jax.Array:
    """Return minus half the mean squared distance to what is wanted, of every tile."""
    rows, columns = wanted.shape[1:]
    down, right = (
        weight * jnp.square(jnp.arange(size)[:, None] - jnp.arange(size)) / 2
        for weight, size in ((pull[0], rows), (pull[1], columns))
    )
    total = jnp.maximum(wanted.sum((1, 2)), 1e-6)[:, None, None]
    far = (wanted.sum(2) @ down)[:, :, None] + (wanted.sum(1) @ right)[:, None, :]
    return -far / total


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
