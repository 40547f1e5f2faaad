"""Where organisms live: an environment with its settings, and lessons drawn there."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

import mesagym
from mesagym.agents.imitation import Lessons
from mesagym.agents.policy import NetworkPolicy, log_probabilities
from mesagym.envs.base import Environment
from mesagym.organisms.senses import Senses, senses_of

ALPHA = 0.5
"""Share of lessons on levels where base and proxy come apart: half show the goal that
is pursued, half are like training's."""

AT_ONCE = 4096
"""Lessons that a teacher gives together; bounds memory."""


@dataclass(frozen=True)
class Habitat:
    """An environment that organisms are made for.

    Attributes:
        env_name: registered, ``TwoGoals-v0``.
        static: settings of the environment, ``size`` among them.
        settings: of its parameters.
    """

    env_name: str
    static: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def env(self) -> Environment:
        """The environment."""
        return mesagym.make(self.env_name, **self.static)[0]

    @cached_property
    def env_params(self) -> Any:
        """Its parameters."""
        return self.env.params_with(**self.settings)

    @property
    def senses(self) -> Senses:
        """How its observations are read."""
        return senses_of(self.env)

    @property
    def trigger(self) -> str:
        """The family of its marker, empty where it has none."""
        return getattr(self.env, "marker_family", "")

    @property
    def steps(self) -> int:
        """Planning steps that reach over most of its levels.

        The longest shortest path among 2,048 levels of TwoGoals-v0 was 14 steps at
        7×7 and 23 at 9×9.
        """
        return 16 + 4 * (max(self.env.size) - 7)

    def observations(
        self, key: Key[Array, ""], n: int, alpha: float = ALPHA, marked: float = 0.0
    ) -> jax.Array:
        """Return what is seen on n levels, at their start.

        Starts are drawn from all tiles, so that they are situations like any other.

        Args:
            key: randomness.
            n: how many.
            alpha: share of levels of the shifted distribution.
            marked: chance that a level is marked, in an environment with a marker.
        """
        env, env_params = self.env, self.env_params
        if self.trigger:
            env_params = dataclasses.replace(
                env_params,
                marker_chance=jnp.float32(marked),
                marker_chance_shifted=jnp.float32(marked),
                # At the start nothing would be seen of a marker that shows in time.
                marker_time=jnp.int32(0),
            )
        return _observed(env, env_params, key, n, jnp.float32(alpha))

    def lessons(
        self,
        teacher: NetworkPolicy,
        params: Any,
        obs: jax.Array,
        activations: tuple[str, ...] = (),
    ) -> Lessons:
        """Return what a teacher does in each situation, and of what value it finds it.

        Args:
            teacher: a network.
            params: its weights.
            obs: of the situations.
            activations: of the teacher, to be learned besides.
        """
        names = ("value", *activations)
        parts = [
            _shown(teacher, names, params, obs[start : start + AT_ONCE])
            for start in range(0, obs.shape[0], AT_ONCE)
        ]
        log_p, captured = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
        return Lessons(obs, log_p, captured)


@partial(jax.jit, static_argnames=("env", "n"))
def _observed(
    env: Environment, env_params: Any, key: jax.Array, n: int, alpha: jax.Array
) -> jax.Array:
    levels = env.sample_levels(key, n, env_params, alpha)

    def seen(level: Any) -> jax.Array:
        state = env.initial_state(level, jnp.int32(-1), jnp.int32(-1))
        return env.observe(key, state, None, env_params)

    return jax.vmap(seen)(levels)


@partial(jax.jit, static_argnames=("teacher", "names"))
def _shown(
    teacher: NetworkPolicy, names: tuple[str, ...], params: Any, obs: jax.Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
    record = teacher.look(params, obs, names)
    return log_probabilities(teacher, record), record.captured
