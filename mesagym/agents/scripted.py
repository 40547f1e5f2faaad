"""Policies written by hand, whose distributions over actions are known exactly.

They are the known answers, and the misspecified ones, that whatever infers a policy's
objective is tested on. Of each the record's logits are the logarithms of its action's
true probabilities, given what it carries.
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mesagym import grid
from mesagym.agents.combined import Blend as Blend
from mesagym.agents.combined import EpsilonGreedy as EpsilonGreedy
from mesagym.agents.combined import Lensed as Lensed
from mesagym.agents.combined import Mirrored as Mirrored
from mesagym.agents.combined import Mixture as Mixture
from mesagym.agents.distributions import Categorical
from mesagym.agents.policy import (
    IMPOSSIBLE,
    Actions,
    Flags,
    Intervention,
    Observations,
    OraclePolicy,
    Record,
    refuse_taps,
    sure,
)
from mesagym.envs.maze import MazeContest
from mesagym.errors import UserError
from mesagym.levels.solve import UNREACHABLE

LogProbabilities = Float[Array, "batch action"]


def _alike(allowed: Bool[Array, "batch action"]) -> LogProbabilities:
    """Return the choice among the allowed actions, all alike; among all if none is."""
    allowed = allowed | ~allowed.any(axis=-1, keepdims=True)
    count = allowed.sum(axis=-1, keepdims=True)
    return jnp.where(allowed, -jnp.log(count), IMPOSSIBLE)


class _Scripted(abc.ABC):
    """Draws from the distribution that a subclass decides on."""

    def init_carry(self, n: int) -> Any:
        """Return nothing."""
        return ()

    def act(
        self,
        params: Any,
        carry: Any,
        obs: Observations,
        key: jax.Array,
        *,
        reset: Flags,
        state: Any = None,
        capture: Sequence[str] = (),
        intervene: Mapping[str, Intervention] | None = None,
    ) -> tuple[Actions, Any, Record]:
        """Draw actions, see `mesagym.agents.policy.Policy.act`.

        Raises:
            UserError: no state, where it is needed, or a named activation asked for.
        """
        refuse_taps(capture, intervene)
        key_decide, key_draw = jax.random.split(key)
        carry, logits = self._decide(params, carry, key_decide, reset, state)
        action = Categorical(logits).sample(key_draw)
        record = Record(logits, jnp.zeros(action.shape[0]), {})
        return action, self.carried(carry, action), record

    def carried(self, carry: Any, action: jax.Array) -> Any:
        """Return what is carried on after an action was taken.

        A policy made of this one takes an action of its own, and says so here.
        """
        return carry

    @abc.abstractmethod
    def _decide(
        self, params: Any, carry: Any, key: jax.Array, reset: jax.Array, state: Any
    ) -> tuple[Any, jax.Array]:
        """Return what is carried on, and the logarithm of every probability."""


def _must_see(policy: Any, state: Any) -> None:
    if state is None:
        name = type(policy).__name__
        raise UserError(f"{name}: it reads the state; pass state= to act")


# ------------------------------------------------------------- guided by an objective


def _must_have_fields(policy: Any, env: Any) -> None:
    if not isinstance(env, MazeContest):
        raise UserError(
            f"{type(policy).__name__}: {getattr(env, 'name', env)} has no field of "
            "steps to go to each objective; Corner-v0, Dish-v0, LavaLand-v0, "
            "TwoGoals-v0 and ColorShape-v0 have"
        )


def _steps_after(
    fields: Int[Array, "batch height width"], state: Any
) -> Int[Array, "batch action"]:
    """Return the steps to go after each action, `UNREACHABLE` where none lead there."""

    def one(field: jax.Array, walls: jax.Array, agent: jax.Array) -> jax.Array:
        moves = jnp.arange(len(grid.MOVES))
        ends = jax.vmap(lambda action: grid.move(walls, agent, action))(moves)
        return field[ends[:, 0], ends[:, 1]].astype(jnp.int32)

    return jax.vmap(one)(fields, state.level.walls, state.agent)


@dataclass(frozen=True)
class _Guided(_Scripted):
    """Knows the steps to go to one objective from every tile of a maze."""

    memoryless: ClassVar[bool] = True
    """Fields follow from the level alone, so that nothing earlier is remembered."""

    env: Any
    objective_index: int

    def __post_init__(self) -> None:
        _must_have_fields(self, self.env)
        _ = self._oracle

    @property
    def _oracle(self) -> OraclePolicy:
        return OraclePolicy(self.env, self.objective_index)

    def init_carry(self, n: int) -> Any:
        """Return empty fields."""
        return self._oracle.init_carry(n)

    def _decide(
        self, params: Any, carry: Any, key: jax.Array, reset: jax.Array, state: Any
    ) -> tuple[Any, jax.Array]:
        _must_see(self, state)
        carry = self._oracle.guides(carry, reset, state)
        return carry, self._log_probabilities(params, _steps_after(carry, state))

    @abc.abstractmethod
    def _log_probabilities(self, params: Any, steps: jax.Array) -> jax.Array:
        """Return the choice, by the steps to go after each action."""


@dataclass(frozen=True)
class Softened(_Guided):
    """Softly optimal: ``softmax(-steps_to_go_after_the_move / temperature)``.

    As the temperature falls it takes the shortest ways, all alike; as it rises it walks
    at random. A move after which no way leads there is not made.

    Attributes:
        env: a maze whose guides are fields of steps to go.
        objective_index: of its own objectives.
        temperature: in steps, above 0. None takes it from ``params``, float32[], so
            that one program serves many temperatures.
    """

    temperature: float | None = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature is not None and not self.temperature > 0:
            raise UserError(
                f"Softened: temperature is {self.temperature}; it must be above 0"
            )

    def _log_probabilities(self, params: Any, steps: jax.Array) -> jax.Array:
        temperature = params if self.temperature is None else self.temperature
        # Less the fewest, so that a cold one's differences keep all their digits.
        more = steps - steps.min(axis=-1, keepdims=True)
        logits = -more / jnp.asarray(temperature, jnp.float32)
        lost = (steps >= UNREACHABLE) & (more > 0)
        logits = jax.nn.log_softmax(jnp.where(lost, IMPOSSIBLE, logits))
        return jnp.maximum(logits, IMPOSSIBLE)


@dataclass(frozen=True)
class Negated(_Guided):
    """Walks away: ``softmax(+steps_to_go_after_the_move / temperature)``.

    A move after which no way leads there is not made: it would end most episodes.

    Attributes:
        env: a maze whose guides are fields of steps to go.
        objective_index: of the objective that it flees.
        temperature: in steps, above 0.
    """

    temperature: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temperature > 0:
            raise UserError(
                f"Negated: temperature is {self.temperature}; it must be above 0"
            )

    def _log_probabilities(self, params: Any, steps: jax.Array) -> jax.Array:
        lost = (steps >= UNREACHABLE) & ~(steps >= UNREACHABLE).all(-1, keepdims=True)
        steps = jnp.where(lost, 0, steps)
        more = steps - steps.max(axis=-1, keepdims=True)
        logits = jnp.where(lost, IMPOSSIBLE, more / self.temperature)
        return jnp.maximum(jax.nn.log_softmax(logits), IMPOSSIBLE)


@dataclass(frozen=True)
class NearestObject(_Scripted):
    """Goes to whichever of the objectives is fewest steps away from where it stands.

    Moves that are equally good, for one objective or for several equally near ones,
    are taken alike.

    Attributes:
        env: a maze whose guides are fields of steps to go.
    """

    memoryless: ClassVar[bool] = True

    env: Any

    def __post_init__(self) -> None:
        _must_have_fields(self, self.env)

    @property
    def _oracles(self) -> list[OraclePolicy]:
        return [OraclePolicy(self.env, k) for k in range(len(self.env.own_objectives))]

    def init_carry(self, n: int) -> Any:
        """Return empty fields, one for each objective."""
        return tuple(oracle.init_carry(n) for oracle in self._oracles)

    def _decide(
        self, params: Any, carry: Any, key: jax.Array, reset: jax.Array, state: Any
    ) -> tuple[Any, jax.Array]:
        _must_see(self, state)
        carry = tuple(
            oracle.guides(fields, reset, state)
            for oracle, fields in zip(self._oracles, carry, strict=True)
        )
        nearest = jnp.stack([_steps_after(fields, state) for fields in carry]).min(0)
        return carry, _alike(nearest == nearest.min(axis=-1, keepdims=True))


# ------------------------------------------------------------------- without an aim


def _must_walk(policy: Any, env: Any) -> None:
    moves = len(grid.ACTION_NAMES)
    if tuple(env.action_names[:moves]) != grid.ACTION_NAMES:
        raise UserError(
            f"{type(policy).__name__}: the actions of {env.name} are "
            f"{', '.join(env.action_names)}; it walks up, left, down and right"
        )


def _blocked(state: Any) -> Bool[Array, "batch 4"]:
    """Return which of the four moves walk into a wall."""
    targets = state.agent[:, None, :] + jnp.array(grid.MOVES)
    return jax.vmap(lambda walls, tiles: walls[tiles[:, 0], tiles[:, 1]])(
        state.level.walls, targets
    )


def _fresh_heading(
    heading: jax.Array, key: jax.Array, reset: jax.Array
) -> Int[Array, " batch"]:
    drawn = jax.random.randint(key, heading.shape, 0, len(grid.MOVES), jnp.int32)
    return jnp.where(reset, drawn, heading)


@dataclass(frozen=True)
class WallFollower(_Scripted):
    """Keeps its left hand on a wall.

    It walks straight on, in a direction drawn at the episode's start, until there is a
    wall beside or before it. In a maze without loops it visits every tile.

    Attributes:
        env: one whose first actions are up, left, down and right, and whose levels
            have walls.
    """

    env: Any

    def __post_init__(self) -> None:
        _must_walk(self, self.env)

    def init_carry(self, n: int) -> Any:
        """Return headings, int32[n], and whether a wall was found, bool[n]."""
        return jnp.zeros(n, jnp.int32), jnp.zeros(n, dtype=bool)

    def carried(self, carry: Any, action: jax.Array) -> Any:
        """Return the direction that was walked, and whether a wall was found."""
        heading, found = carry
        return jnp.where(action < len(grid.MOVES), action, heading), found

    def _decide(
        self, params: Any, carry: Any, key: jax.Array, reset: jax.Array, state: Any
    ) -> tuple[Any, jax.Array]:
        _must_see(self, state)
        heading, found = carry
        heading = _fresh_heading(heading, key, reset)
        blocked, num = _blocked(state), len(grid.MOVES)

        def wall(direction: jax.Array) -> jax.Array:
            return jnp.take_along_axis(blocked, direction[:, None] % num, axis=1)[:, 0]

        # The actions go round against the clock: one more is a turn to the left.
        found = found & ~reset
        ahead, left = wall(heading), wall(heading + 1)
        # A wall met head-on is turned along, so that it comes to the left hand.
        turned = jnp.where(~found & ahead & ~left, (heading + 3) % num, heading)
        found = found | ahead | left
        order = jnp.stack([turned + turn for turn in (1, 0, 3, 2)]) % num
        opens = jnp.stack([~wall(direction) for direction in order])
        followed = jnp.take_along_axis(order, opens.argmax(axis=0)[None], axis=0)[0]
        heading = jnp.where(found, followed, heading)
        return (heading, found), sure(heading, self.env.num_actions)


@dataclass(frozen=True)
class Heading(_Scripted):
    """Walks straight on, and turns where a wall is before it, any open way alike.

    The first direction is drawn at the episode's start.

    Attributes:
        env: one whose first actions are up, left, down and right, and whose levels
            have walls.
    """

    env: Any

    def __post_init__(self) -> None:
        _must_walk(self, self.env)

    def init_carry(self, n: int) -> Any:
        """Return headings, int32[n]."""
        return jnp.zeros(n, jnp.int32)

    def carried(self, carry: Any, action: jax.Array) -> Any:
        """Return the direction that was walked."""
        return jnp.where(action < len(grid.MOVES), action, carry)

    def _decide(
        self, params: Any, carry: Any, key: jax.Array, reset: jax.Array, state: Any
    ) -> tuple[Any, jax.Array]:
        _must_see(self, state)
        blocked = _blocked(state)
        ahead = jax.nn.one_hot(carry, blocked.shape[1], dtype=bool)
        onward = ahead & ~blocked & ~reset[:, None]
        # Without a way on, as at the start, every open one.
        ways = jnp.where(onward.any(axis=1, keepdims=True), onward, ~blocked)
        unused = self.env.num_actions - blocked.shape[1]
        return carry, _alike(jnp.pad(ways, ((0, 0), (0, unused))))


@dataclass(frozen=True)
class Stuck(_Scripted):
    """Takes one action for ever.

    Attributes:
        num_actions: that there are.
        action: the one.
    """

    memoryless: ClassVar[bool] = True

    num_actions: int
    action: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.action < self.num_actions:
            raise UserError(
                f"Stuck: action {self.action} is outside 0 to {self.num_actions - 1}"
            )

    def _decide(
        self, params: Any, carry: Any, key: jax.Array, reset: jax.Array, state: Any
    ) -> tuple[Any, jax.Array]:
        action = jnp.full(reset.shape, self.action)
        return carry, sure(action, self.num_actions)
