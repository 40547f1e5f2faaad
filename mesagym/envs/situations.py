"""Episodes as tables: the few situations that one level can be in, where it is few."""

import abc
import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int


class Situated(abc.ABC):
    """Lists the situations of a level, for evaluators that solve it as a table.

    A *situation* is all that matters for what happens next, until an objective is first
    credited. Where nothing but the agent's tile matters, an environment says so by
    ``positional``, and names in ``remembered`` a flag that matters besides; where more
    does, it overrides `situations` and `situation_of`; elsewhere levels have too many,
    and `tabular` is false.
    """

    positional: ClassVar[bool] = False
    """Whether only the agent's tile changes until an objective is first credited."""
    remembered: ClassVar[str | None] = None
    """Name of a flag of the state, bool[], that matters besides the tile."""
    height: Any
    width: Any

    @property
    def tabular(self) -> bool:
        """Whether `situations` lists what the episodes on a level can come to."""
        return self.positional

    def situations(self, level: Any) -> Any:
        """Return every situation of a level as a state, leaves [S, ...].

        S is the same for all levels. Some may be impossible, such as inside a wall.
        """
        rows, columns = jnp.meshgrid(
            jnp.arange(self.height), jnp.arange(self.width), indexing="ij"
        )
        tiles = jnp.stack([rows.ravel(), columns.ravel()], axis=-1).astype(jnp.int32)
        start = self.initial_state(level, jnp.int32(-1), jnp.int32(-1))
        found = jax.vmap(lambda tile: dataclasses.replace(start, agent=tile))(tiles)
        if self.remembered is None:
            return found
        flag = {self.remembered: jnp.ones_like(getattr(found, self.remembered))}
        raised = dataclasses.replace(found, **flag)
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), found, raised)

    def situation_of(self, state: Any) -> Int[Array, ""]:
        """Return the place of a state's situation among `situations`."""
        place = state.agent[0] * self.width + state.agent[1]
        if self.remembered is None:
            return place
        return place + getattr(state, self.remembered) * (self.height * self.width)

    def for_any_start(self, level: Any) -> Any:
        """Return a level that credits alike whatever tile an episode starts from.

        Most do as they are.
        """
        return level

    @abc.abstractmethod
    def initial_state(
        self, level: Any, index: Int[Array, ""], generation: Int[Array, ""]
    ) -> Any:
        """Return the state at the start of an episode on a level."""
