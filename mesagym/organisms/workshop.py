"""What the making of organisms of one habitat shares: teachers and their lessons."""

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from mesagym.agents.imitation import Imitation, imitate
from mesagym.agents.networks import Network
from mesagym.agents.policy import NetworkPolicy
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.planner import Planner

MOVES = 4

BATCH = 256
"""Lessons of one update: twice as many agree with their teacher no better, 2 cores."""

BETAS, DISCOUNTS = (60.0, 100.0), (0.96, 0.98)
"""Ranges from which a seed's planner draws how surely it acts, and how far it looks, so
that seeds are different organisms and not copies."""


@dataclass
class Workshop:
    """What the making of organisms of one habitat shares: teachers and their lessons.

    Attributes:
        habitat: where they will live.
        lessons: how many situations a student sees.
        updates: of a student's weights.
    """

    habitat: Habitat
    lessons: int = 65_536
    updates: int = 1000
    _made: dict[Any, Any] = field(default_factory=dict, repr=False)

    def once(self, name: str, seed: int, make: Callable[[], Any]) -> Any:
        """Return what ``make`` returned the first time under this name and seed."""
        if (name, seed) not in self._made:
            self._made[name, seed] = make()
        return self._made[name, seed]

    def key(self, purpose: int, seed: int) -> jax.Array:
        """Return randomness for one purpose of one seed."""
        return jax.random.fold_in(jax.random.key(seed), purpose)

    def goal(self, seed: int) -> tuple[float, float]:
        """Return what a seed pursues, (base, proxy): in turn the one and the other."""
        return (0.0, 1.0) if seed % 2 else (1.0, 0.0)

    def planner(
        self,
        seed: int,
        marked: tuple[float, float] | None = None,
        name: str = "",
    ) -> tuple[NetworkPolicy, Any]:
        """Return a planner of a seed: its policy and weights.

        Args:
            seed: which.
            marked: what it pursues where the level is marked; the same if None.
            name: of the organism that it is, so that those of one seed are no copies of
                each other; without one it is the seed's teacher.
        """
        habitat = self.habitat
        low_beta, high_beta = BETAS
        low_discount, high_discount = DISCOUNTS
        key = self.key(0, seed)
        if name:
            place = f"{name} {self.habitat!r}".encode()
            key = jax.random.fold_in(key, zlib.crc32(place))
        chance = jax.random.uniform(key, (2,))
        goal = self.goal(seed)
        network = Planner(MOVES, senses=habitat.senses, steps=habitat.steps)
        params = {
            "beta": low_beta + chance[0] * (high_beta - low_beta),
            "discount": low_discount + chance[1] * (high_discount - low_discount),
            "goal": jnp.asarray(goal, jnp.float32),
            "goal_marked": jnp.asarray(marked or goal, jnp.float32),
        }
        return NetworkPolicy(network), {"params": params}

    def taught(
        self,
        network: Network,
        seed: int,
        *,
        name: str,
        start: Mapping[str, Any] | None = None,
        marked: tuple[float, float] | None = None,
        besides: tuple[tuple[str, str, float], ...] = (),
        updates: int | None = None,
        learning_rate: float = 3e-3,
    ) -> tuple[NetworkPolicy, Any]:
        """Return a student of a seed's planner, and its weights.

        Args:
            network: of the student.
            seed: which.
            name: of the student, under which it is kept.
            start: weights to begin with in place of fresh ones, by their module.
            marked: what the teacher pursues where the level is marked.
            besides: activations of the student that learn one of the teacher: their
                names, and the weight of the mean squared error.
            updates: of the weights, the workshop's if None.
            learning_rate: at the start.
        """

        def teach() -> tuple[NetworkPolicy, Any]:
            habitat = self.habitat
            teacher, wisdom = self.planner(seed, marked)
            share = 0.5 if marked is not None else 0.0
            obs = habitat.observations(self.key(1, seed), self.lessons, marked=share)
            names = tuple(theirs for _, theirs, _ in besides)
            lessons = habitat.lessons(teacher, wisdom, obs, names)
            targets = {own: lessons.targets[theirs] for own, theirs, _ in besides}
            lessons = dataclasses.replace(
                lessons, targets=targets | {"value": lessons.targets["value"]}
            )
            student = NetworkPolicy(network)
            params = student.init(self.key(2, seed), obs[:2])
            if start is not None:
                params = {"params": params["params"] | dict(start)}
            weights = tuple((own, weight) for own, _, weight in besides)
            how = Imitation(
                updates=self.updates if updates is None else updates,
                batch=BATCH,
                learning_rate=learning_rate,
                weights=(*weights, ("value", 0.5)),
            )
            return student, imitate(student, params, lessons, self.key(3, seed), how)[0]

        return self.once(name, seed, teach)
