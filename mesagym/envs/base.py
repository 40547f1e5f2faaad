"""The contract that every environment keeps, on top of gymnax's."""

import abc
import dataclasses
import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int

from mesagym.envs.movable import Movable
from mesagym.envs.seeing import PIXELS, Seen
from mesagym.envs.supply import NO_LEVEL
from mesagym.envs.supply import compiled as compiled
from mesagym.errors import UserError, nearest
from mesagym.levels.pool import LevelPool, draw_index, key_bits
from mesagym.levels.shift import Shift

DEFAULT_POOL_SIZE = 1024
"""Levels in the pool of an environment's default parameters."""

SMALLEST, LARGEST = 5, 64
"""Bounds of a grid's height and width, the border counted."""


@struct.dataclass(kw_only=True)
class Params(environment.EnvParams):
    """What may differ between runs of one compiled program. All leaves are traced."""

    max_steps_in_episode: Any = 1  # int32[]; a default because gymnax has one
    pool: Any  # LevelPool
    weights: Any  # float32[K] of the objectives in the training reward
    time_penalty: Any  # float32[] share of the reward lost at the time limit, 0 to 1


@struct.dataclass
class State(environment.EnvState):
    """What an episode carries. Environments add their own fields."""

    time: Any  # int32[] steps taken
    level: Any  # the level under the episode, whatever becomes of the pool
    level_index: Any  # int32[] its place in the pool, -1 where given by hand
    generation: Any  # int32[] of the pool it was drawn from


Objective = Callable[[Any, Any, Any], Float[Array, ""]]
"""Reward of one transition: ``(state, action, next_state) -> float32[]``."""


@dataclass(frozen=True)
class Environment(Seen, Movable, environment.Environment[Any, Any]):
    """A grid world whose episodes start from levels and pay a vector of objectives.

    A subclass is a frozen dataclass of its static settings, so that environments
    made alike are equal, hash alike and compile once. It provides the abstract
    methods below and the class attributes:

    - ``kind``: "contest" or "allocation";
    - ``solver``: what `solve` returns is "exact", "bounded" (returns that no policy
      exceeds) or from a "reference" policy, whose returns are not claimed best;
    - ``own_objectives``: names, the base objective first;
    - ``phrases``: what an agent did that an objective pays for, as it stands in a
      sentence, by name: "reached the cheese" for "it reached the cheese first in 93 %
      of episodes"; "kept off the grass" where nothing is reached. See
      `mesagym.evals.columns.phrase` for those without one;
    - ``legend``: what each letter of a text stands for;
    - ``shifts``: how its levels are tested. A contest has ``agreeing`` and ``clean``
      first, an allocation ``training`` and ``shifted``;
    - ``levels_alone``: settings that change what levels are drawn and nothing else, so
      that a shift of these is stepped by what is compiled for training;
    - ``movable``: what can be put elsewhere on a level, see `mesagym.envs.movable`;
    - ``dynamics_version``: raised when anything that `step` returns changes.

    Settings of every environment: ``size``; ``pixels``, what is observed: boolean
    channels (0) or a picture with so many pixels a tile; ``crop_radius``, the window
    of ``2 r + 1`` tiles a side around the agent that is observed, or None for all;
    ``extra_objectives``, a user's own: pairs of a name and a function ``(state,
    action, next_state) -> float32[]``.
    """

    kind: ClassVar[str]
    solver: ClassVar[str]
    own_objectives: ClassVar[tuple[str, ...]]
    phrases: ClassVar[dict[str, str]] = {}
    action_names: ClassVar[tuple[str, ...]]
    legend: ClassVar[dict[str, str]]
    shifts: ClassVar[tuple[Shift, ...]]
    levels_alone: ClassVar[frozenset[str]] = frozenset({"layout"})
    dynamics_version: ClassVar[int]

    size: Any = 13  # int or (height, width), kept as the latter
    pixels: int = 0
    crop_radius: int | None = None
    extra_objectives: tuple[tuple[str, Objective], ...] = ()

    def __post_init__(self) -> None:
        sides = self.size if isinstance(self.size, Sequence) else (self.size,) * 2
        try:
            size = tuple(operator.index(side) for side in sides)
        except TypeError:
            size = ()
        if len(size) != 2 or min(size) < SMALLEST or max(size) > LARGEST:
            raise UserError(
                f"env.size: {self.size!r} is not a whole number from {SMALLEST} to "
                f"{LARGEST}, or two of them (height, width); the border counts"
            )
        # Frozen: one spelling of a size, so that equal environments are equal.
        object.__setattr__(self, "size", size)
        if self.pixels not in PIXELS:
            allowed = ", ".join(map(str, PIXELS))
            raise UserError(
                f"env.pixels: {self.pixels!r} is not one of {allowed} a tile; 0 shows "
                "boolean channels"
            )
        if self.crop_radius is not None and not 1 <= self.crop_radius <= LARGEST:
            raise UserError(
                f"env.crop_radius: {self.crop_radius} is outside 1 to {LARGEST}; "
                "null shows the whole grid"
            )

    # ------------------------------------------------------------ static facts

    @property
    def height(self) -> int:
        """Rows of the grid, the border counted."""
        return self.size[0]

    @property
    def width(self) -> int:
        """Columns of the grid, the border counted."""
        return self.size[1]

    @property
    def objective_names(self) -> tuple[str, ...]:
        """Names of the K objectives: the base objective, proxies, then extra ones."""
        return self.own_objectives + tuple(name for name, _ in self.extra_objectives)

    @property
    def num_objectives(self) -> int:
        """K."""
        return len(self.objective_names)

    @property
    def described(self) -> dict[str, Any]:
        """What a run's manifest keeps of it, for reports that make no environment."""
        own = {name: self.phrases.get(name) for name in self.own_objectives}
        return {
            "kind": self.kind,
            "solver": self.solver,
            "phrases": {name: said for name, said in own.items() if said},
        }

    @property
    def num_actions(self) -> int:
        """Number of discrete actions."""
        return len(self.action_names)

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """Return gymnax's description of the actions."""
        return spaces.Discrete(self.num_actions)

    # -------------------------------------------------------------- parameters

    @property
    def default_params(self) -> Any:
        """Parameters with a pool of agreeing levels, made once for equal settings."""
        return _default_params(self)

    def common_params(self, pool: LevelPool | None, max_steps: int) -> dict[str, Any]:
        """Return the parameters that all environments have: the base alone rewarded.

        Args:
            pool: of levels.
            max_steps: the default time limit, in steps.
        """
        return {
            "max_steps_in_episode": jnp.int32(max_steps),
            "pool": pool,
            "weights": jnp.zeros(self.num_objectives).at[0].set(1.0),
            "time_penalty": jnp.float32(0.0),
        }

    def params_with(self, **settings: Any) -> Any:
        """Return parameters with other settings, and with a pool of one blank level.

        Args:
            **settings: values by the name of the parameter.

        Raises:
            UserError: no such parameter, or a value that cannot be.
        """
        blank = jax.eval_shape(lambda: self.make_pool(jax.random.key(0), 1))
        pool = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), blank)
        params = self.make_params(pool)
        known = [each.name for each in dataclasses.fields(params)]
        known.remove("pool")
        for name in settings:
            if name not in known:
                static = [each.name for each in dataclasses.fields(self)]
                raise UserError(
                    f"env.{name}: {self.name} has no such setting."
                    + nearest(name, [*static, *known])
                )
        params = params.replace(
            **{
                name: jnp.asarray(value, getattr(params, name).dtype)
                for name, value in settings.items()
            }
        )
        self.check(params)
        return params

    def check(self, params: Any) -> None:
        """Raise a UserError where settings do not fit one another; on the host.

        An environment whose own settings have bounds says here which.
        """
        limit = int(params.max_steps_in_episode)
        if limit < 1:
            raise UserError(f"env.max_steps: {limit} is below 1; an episode has steps")
        penalty = float(params.time_penalty)
        if not 0 <= penalty <= 1:
            raise UserError(f"env.time_penalty: {penalty:g} is outside [0, 1]")

    # --------------------------------------------------------------- stepping

    @abc.abstractmethod
    def initial_state(
        self, level: Any, index: Int[Array, ""], generation: Int[Array, ""]
    ) -> Any:
        """Return the state at the start of an episode on a level."""

    def common_state(
        self, level: Any, index: Int[Array, ""], generation: Int[Array, ""]
    ) -> dict[str, Any]:
        """Return the fields that all states have, at the start of an episode."""
        return {
            "time": jnp.int32(0),
            "level": level,
            "level_index": index,
            "generation": generation,
        }

    @abc.abstractmethod
    def transition(
        self, key: jax.Array, state: Any, action: Int[Array, ""], params: Any
    ) -> Any:
        """Return the next state: dynamics alone, no reward; time is counted by `step`.

        Args:
            key: randomness of the dynamics, for nothing else.
            state: before the step.
            action: index into ``action_names``.
            params: parameters.
        """

    @abc.abstractmethod
    def is_terminated(self, state: Any, params: Any) -> Bool[Array, ""]:
        """Return whether the episode came to its end, the time limit apart."""

    @abc.abstractmethod
    def objectives(
        self, state: Any, action: Int[Array, ""], next_state: Any
    ) -> Float[Array, " own"]:
        """Return the reward of each of the environment's own objectives."""

    def all_objectives(
        self, state: Any, action: Int[Array, ""], next_state: Any
    ) -> Float[Array, " objective"]:
        """Return the reward of every objective, extra ones last: float32[K]."""
        own = self.objectives(state, action, next_state)
        extra = [f(state, action, next_state) for _, f in self.extra_objectives]
        if not extra:
            return own
        return jnp.concatenate([own, jnp.stack(extra).astype(own.dtype)])

    def is_truncated(self, state: Any, params: Any) -> Bool[Array, ""]:
        """Return whether the time limit ended the episode, and nothing else did."""
        out_of_time = state.time >= params.max_steps_in_episode
        return out_of_time & ~self.is_terminated(state, params)

    def reset_env(self, key: jax.Array, params: Any) -> tuple[Any, Any]:
        """Start an episode on a level drawn from the pool."""
        state = self._draw_state(key_bits(key), params)
        return self.observe(key, state, None, params), state

    @partial(jax.jit, static_argnames=("self",))
    def reset_to_level(
        self, key: jax.Array, level: Any, params: Any = None
    ) -> tuple[Any, Any]:
        """Start an episode on a given level; its index in the state is -1."""
        if params is None:
            params = self.default_params
        state = self.initial_state(level, jnp.int32(-1), jnp.int32(-1))
        return self.observe(key, state, None, params), state

    def step_env(
        self, key: jax.Array, state: Any, action: Any, params: Any
    ) -> tuple[Any, Any, Any, Any, dict[Any, Any]]:
        """Step without starting over at an episode's end.

        Returns:
            ``(observation, state, reward, terminated, info)``; ``info`` holds
            ``"objectives"``, float32[K].
        """
        state, reward, terminated, objectives = self._advance(
            key, state, jnp.asarray(action), params
        )
        observation = self.observe(key, state, action, params)
        return observation, state, reward, terminated, {"objectives": objectives}

    @partial(jax.jit, static_argnames=("self",))
    def step(
        self, key: jax.Array, state: Any, action: Any, params: Any = None
    ) -> tuple[Any, Any, Any, Any, Any, dict[Any, Any]]:
        """Step, and start over on a level of the pool where the episode ended.

        Unlike gymnax's own, the state is chosen before it is observed, so one
        observation is made and not two, and the level is drawn from the bits of
        ``key``, which must come from a split as everywhere in JAX.

        Returns:
            ``(observation, state, reward, terminated, truncated, info)``.
            ``info["objectives"]`` is float32[K]; ``info["final_observation"]`` is
            what the episode's last state looked like, computed only if it is read.
        """
        if params is None:
            params = self.default_params
        action = jnp.asarray(action)
        ended, reward, terminated, objectives = self._advance(
            key, state, action, params
        )
        truncated = self.is_truncated(ended, params)
        fresh = self._draw_state(key_bits(key), params)
        done = terminated | truncated
        state = jax.tree.map(lambda new, old: jnp.where(done, new, old), fresh, ended)
        info = {
            "objectives": objectives,
            "terminated": terminated,
            "truncated": truncated,
            "final_observation": self.observe(key, ended, action, params),
        }
        observation = self.observe(key, state, action, params)
        return observation, state, reward, terminated, truncated, info

    def _advance(
        self, key: jax.Array, state: Any, action: jax.Array, params: Any
    ) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        moved = self.transition(key, state, action, params)
        moved = moved.replace(time=state.time + 1)
        objectives = self.all_objectives(state, action, moved)
        # The first step keeps the full reward, as in the published corner data: what
        # counts is the time before the step.
        elapsed = state.time / params.max_steps_in_episode
        reward = (params.weights @ objectives) * (1.0 - params.time_penalty * elapsed)
        return moved, reward, self.is_terminated(moved, params), objectives

    def _draw_state(self, bits: jax.Array, params: Any) -> Any:
        pool = params.pool
        index = draw_index(pool, bits)
        level = jax.tree.map(lambda leaf: leaf[index], pool.levels)
        return self.initial_state(level, index, pool.generation)


@functools.lru_cache(maxsize=64)
def _default_params(env: Environment) -> Any:
    # Also when first asked for inside a traced function, so that no tracer is kept.
    with jax.ensure_compile_time_eval():
        draw = jax.jit(env.make_pool_and_judge, static_argnums=1)
        pool, accepted = draw(jax.random.key(0), DEFAULT_POOL_SIZE)
        if not bool(accepted.any()):
            raise UserError(NO_LEVEL.format(env.height, env.width))
        return env.make_params(pool)
