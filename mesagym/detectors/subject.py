"""What a detector is given: one policy, its environment, and sites inside it."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax

from mesagym.agents.networks import activation_shapes
from mesagym.agents.policy import NetworkPolicy
from mesagym.envs.base import Environment
from mesagym.errors import UserError, nearest
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.organisms.cost import operations

OUTSIDE: tuple[str, ...] = ("input", "logits", "value")
"""Activations that are no inside: what is seen, and what comes out."""


@dataclass(frozen=True)
class Site:
    """Activations that are one thing at one place, or after each step of a process.

    Attributes:
        name: such as ``conv_1``, or ``plan`` for ``plan/00`` to ``plan/15``.
        activations: their names, in order.
        shape: of each, the batch apart.
        spatial: whether the first two axes are the tiles of a level.
    """

    name: str
    activations: tuple[str, ...]
    shape: tuple[int, ...]
    spatial: bool

    @property
    def last(self) -> str:
        """The name of the last of them."""
        return self.activations[-1]


@dataclass(frozen=True)
class Subject:
    """One policy that is looked into; nothing here says how it was made.

    Attributes:
        name: what it is called in tables.
        env: the environment that it acts in.
        env_params: its parameters.
        policy: a network, sampling its actions.
        params: weights, of one seed.
        seed: of everything random that detectors do.
    """

    name: str
    env: Environment
    env_params: Any
    policy: NetworkPolicy
    params: Any
    seed: int = 0

    @property
    def steps(self) -> int | None:
        """How many internal steps the network takes; None for one that takes none.

        A network says so by a setting of the name ``steps``.
        """
        return getattr(self.policy.network, "steps", None)

    def thinking(self, steps: int) -> "Subject":
        """Return the same weights with another number of internal steps.

        Raises:
            UserError: the network takes none.
        """
        if self.steps is None:
            raise UserError(f"{self.name}: its network takes no internal steps")
        network = self.policy.network.clone(steps=steps)
        policy = dataclasses.replace(self.policy, network=network)
        return dataclasses.replace(self, policy=policy)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every named activation of one observation, in order."""
        return activation_shapes(self.policy.network, self.env.observation_shape)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The places inside, from input to output."""
        groups: dict[tuple[str, tuple[int, ...]], list[str]] = {}
        for name, shape in self.shapes.items():
            if name not in OUTSIDE:
                head, slash, tail = name.rpartition("/")
                group = head if slash and tail.isdecimal() else name
                groups.setdefault((group, shape), []).append(name)
        size = tuple(self.env.size)
        return tuple(
            Site(name, tuple(names), shape, len(shape) == 3 and shape[:2] == size)
            for (name, shape), names in groups.items()
        )

    def site(self, name: str) -> Site:
        """Return one of `sites` by its name.

        Raises:
            UserError: there is none of that name; gives the nearest.
        """
        there = {each.name: each for each in self.sites}
        if name not in there:
            said = nearest(name, there) if there else " It has none."
            raise UserError(f"{self.name}: no activation '{name}'.{said}")
        return there[name]

    @property
    def flops(self) -> int:
        """Floating point operations of one observation's forward pass."""
        return operations(self.policy, tuple(self.env.observation_shape))

    def pool(self, shift: str, levels: int, seed: int = 0) -> EvaluationPool:
        """Return test levels of one of the environment's shifts.

        Args:
            shift: its name, such as ``clean``.
            levels: how many.
            seed: another value draws others.
        """
        return build_pool(
            self.env, self.env_params, shifts_of(self.env)[shift], levels, seed
        )

    def key(self, purpose: int) -> jax.Array:
        """Return randomness for one purpose, the same each time."""
        return jax.random.fold_in(jax.random.key(self.seed), purpose)
