"""The half of an environment's contract that is about levels, apart from stepping."""

import abc
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, TypeVar, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Num

from mesagym import grid
from mesagym.errors import UserError
from mesagym.levels.pool import LevelClass, LevelPool, Solution, make_pool
from mesagym.levels.sample import sample_accepted
from mesagym.levels.solve import UNREACHABLE

NO_LEVEL = (
    "env: no level of {}x{} tiles can be drawn with these settings; take a larger "
    "env.size, fewer items or another env.layout"
)

_Method = TypeVar("_Method", bound=Callable[..., Any])


def compiled(*static: str) -> Callable[[_Method], _Method]:
    """Return ``jax.jit`` for a method, which readers of types see through.

    Args:
        *static: arguments, beside ``self``, that a program is compiled for.
    """
    return cast(Any, partial(jax.jit, static_argnames=("self", *static)))


class LevelSource(abc.ABC):
    """Draws, classes, solves, edits, reads and writes the levels of an environment."""

    own_objectives: ClassVar[tuple[str, ...]]
    height: Any
    width: Any
    num_objectives: Any

    def at(self, place: Int[Array, "2"]) -> Bool[Array, "height width"]:
        """Return the mask that is true at one tile alone; of (-1, -1), at none."""
        return grid.at(place, self.height, self.width)

    @abc.abstractmethod
    def make_params(self, pool: LevelPool | None) -> Any:
        """Return default parameters around a pool; None where only settings count."""

    @abc.abstractmethod
    def draw_level(
        self,
        key: jax.Array,
        params: Any,
        alpha: float | int | Num[Array, ""],
        solvable: bool,
    ) -> tuple[Any, Bool[Array, ""]]:
        """Draw one level, and whether it may be used; if not, it is drawn again.

        Arguments as those of `sample_levels`.
        """

    @compiled("n", "solvable")
    def sample_and_judge(
        self,
        key: jax.Array,
        n: int,
        params: Any = None,
        alpha: float | int | Num[Array, ""] = 0.0,
        solvable: bool = True,
    ) -> tuple[Any, Bool[Array, " n"]]:
        """Return what `sample_levels` does, and which levels may be used.

        Where settings allow levels at all, every one may; see `check_levels`.
        """
        params = self.make_params(None) if params is None else params
        return sample_accepted(
            key, n, lambda key: self.draw_level(key, params, alpha, solvable)
        )

    def sample_levels(
        self,
        key: jax.Array,
        n: int,
        params: Any = None,
        alpha: float | int | Num[Array, ""] = 0.0,
        solvable: bool = True,
    ) -> Any:
        """Draw a batch of levels.

        Args:
            key: randomness.
            n: how many.
            params: where the environment's level settings lie; default ones if None.
            alpha: probability of each level to come from the shifted distribution.
            solvable: ``False`` asks for the published distribution, where the base
                objective may be out of reach.

        Returns:
            A level whose leaves have a leading axis n.
        """
        return self.sample_and_judge(key, n, params, alpha, solvable)[0]

    @abc.abstractmethod
    def is_valid(self, level: Any, params: Any) -> Bool[Array, ""]:
        """Return whether a level keeps the rules and the base objective is in reach."""

    @abc.abstractmethod
    def propose_edit(
        self,
        key: jax.Array,
        level: Any,
        params: Any,
        alpha: float | int | Num[Array, ""],
    ) -> Any:
        """Return a level with one thing changed at random: a wall, a place, a count.

        An edit that gives the base object or a proxy a new place draws it as
        `draw_level` would: shifted with probability α. The result need not be valid;
        `mesagym.envs.edits` keeps what is.
        """

    @abc.abstractmethod
    def classify(self, level: Any) -> LevelClass:
        """Return what the level can tell about base and proxy."""

    @abc.abstractmethod
    def solve(self, level: Any, params: Any) -> Solution:
        """Return the fewest steps and the highest return of each objective alone.

        Returns are undiscounted, of one episode within the time limit. A ``bounded``
        solver gives returns that no policy exceeds; where only a reference policy is
        known, returns are not a number. Steps are -1 where not known or out of reach.
        """

    def solution(
        self, steps: Int[Array, " own"], returns: Float[Array, " own"]
    ) -> Solution:
        """Return a solution; extra objectives have none: -1 steps, a return of NaN."""
        extra = self.num_objectives - len(self.own_objectives)
        return Solution(
            jnp.concatenate([steps, jnp.full(extra, -1)]).astype(jnp.int32),
            jnp.concatenate([returns, jnp.full(extra, jnp.nan)]).astype(jnp.float32),
        )

    def in_time(self, steps: Int[Array, " own"], params: Any) -> Int[Array, " own"]:
        """Return steps as a solution has them: -1 where no way leads within the time.

        Args:
            steps: the fewest to each objective's crediting, `UNREACHABLE` where none
                lead there.
            params: the parameters, which hold the time limit.
        """
        last = jnp.minimum(params.max_steps_in_episode, UNREACHABLE - 1)
        return jnp.where(steps <= last, steps, -1)

    def arrivals(self, steps: Int[Array, " own"], params: Any) -> Solution:
        """Return the solution where each objective pays 1 for arriving, once.

        Args:
            steps: as those of `in_time`.
            params: the parameters, which hold the time limit.
        """
        steps = self.in_time(steps, params)
        return self.solution(steps, (steps > 0).astype(jnp.float32))

    @abc.abstractmethod
    def guide(self, level: Any, objective: int) -> Any:
        """Return what the oracle of an objective needs to know of a level."""

    @abc.abstractmethod
    def guided_action(self, guide: Any, state: Any) -> Int[Array, ""]:
        """Return the oracle's action."""

    @abc.abstractmethod
    def parse(self, text: str) -> Any:
        """Return the level that a text draws in the letters of `legend`."""

    @abc.abstractmethod
    def show(self, level: Any) -> str:
        """Return the text of a level, which `parse` reads back."""

    def make_pool(
        self,
        key: jax.Array,
        n: int,
        params: Any = None,
        alpha: float | int | Num[Array, ""] = 0.0,
        generation: int | Int[Array, ""] = 0,
    ) -> LevelPool:
        """Draw and classify a pool of levels; arguments as `sample_levels`."""
        return self.make_pool_and_judge(key, n, params, alpha, generation)[0]

    def make_pool_and_judge(
        self,
        key: jax.Array,
        n: int,
        params: Any = None,
        alpha: float | int | Num[Array, ""] = 0.0,
        generation: int | Int[Array, ""] = 0,
    ) -> tuple[LevelPool, Bool[Array, " n"]]:
        """Return what `make_pool` does, and which of its levels may be used."""
        levels, accepted = self.sample_and_judge(key, n, params, alpha)
        classes = jax.vmap(self.classify)(levels)
        return make_pool(levels, classes, None, generation), accepted

    def check_levels(self, params: Any, alpha: float = 0.0) -> None:
        """Raise a UserError where no level can be drawn with these settings.

        Draws some: inside a compiled program nobody could be told.
        """
        accepted = self.sample_and_judge(jax.random.key(0), 8, params, alpha)[1]
        if not bool(accepted.any()):
            raise UserError(NO_LEVEL.format(self.height, self.width))
