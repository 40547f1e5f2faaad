"""What contests share whose agent walks a maze to one tile or another."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Int

from mesagym import grid
from mesagym.envs import base
from mesagym.levels.layouts import get_layout
from mesagym.levels.pool import Solution
from mesagym.levels.solve import downhill


@dataclass(frozen=True)
class MazeContest(base.Environment):
    """A maze by ``layout``, in which each objective pays 1 for an arrival, once.

    What a subclass's `guide` returns are the steps to go from every tile to an
    objective's crediting, int[height, width], around what would end the episode: to
    take the move that leaves the fewest is exact.
    """

    kind: ClassVar[str] = "contest"
    solver: ClassVar[str] = "exact"
    action_names: ClassVar[tuple[str, ...]] = grid.ACTION_NAMES

    layout: str = "blocks"

    def __post_init__(self) -> None:
        super().__post_init__()
        get_layout(self.layout)

    def guided_action(
        self, guide: Int[Array, "height width"], state: Any
    ) -> Int[Array, ""]:
        return downhill(state.level.walls, guide, state.agent)

    def steps_to_go(self, level: Any) -> Int[Array, " own"]:
        """Return the fewest steps from the start to each objective's crediting."""
        fields = [self.guide(level, k) for k in range(len(self.own_objectives))]
        return jnp.stack([far[level.agent[0], level.agent[1]] for far in fields])

    @base.compiled()
    def solve(self, level: Any, params: Any) -> Solution:
        """Solve exactly; an objective is out of reach past the time limit."""
        return self.arrivals(self.steps_to_go(level), params)
