"""Environments with known values, for testing a learner rather than an environment."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from mesagym.levels.pool import LevelClass, make_pool


@struct.dataclass
class ProbeParams:
    """What the rollout asks of parameters."""

    pool: Any


@struct.dataclass
class ProbeState:
    """A counter and one random bit, fixed for the episode."""

    time: Any  # int32[]
    bit: Any  # int32[]
    level_index: Any  # int32[]


def probe_params() -> ProbeParams:
    """Return parameters around a pool of one agreeing level."""
    classes = LevelClass(jnp.zeros(1, jnp.int8), jnp.zeros(1, bool))
    return ProbeParams(make_pool((), classes))


@dataclass(frozen=True)
class Probe:
    """An episode of ``length`` steps that shows the time and the bit, one-hot.

    ``rule`` says what a step pays: "last" 1 on the last step; "each" 1 on every
    step; "bit" 1 or 0 as the bit says, on the last step; "match" 1 on the last
    step if the action equals the bit. ``cut`` ends the episode by a time limit
    (truncated) instead of for good. ``cue_once`` shows the bit at the first step alone,
    so that only who remembers it knows it later.
    """

    length: int = 1
    rule: str = "last"
    cut: bool = False
    show_time: bool = True
    cue_once: bool = False
    num_objectives: int = 1
    num_actions: int = 2

    def _observe(self, state: ProbeState) -> jax.Array:
        time = state.time if self.show_time else jnp.zeros_like(state.time)
        bit = state.bit if self.rule in ("bit", "match") else jnp.zeros_like(state.bit)
        if self.cue_once:
            bit = jnp.where(state.time == 0, bit, 0)
        return jax.nn.one_hot(time * 2 + bit, 2 * (self.length + 1)) > 0

    def reset(self, key: jax.Array, params: ProbeParams) -> tuple[Any, ProbeState]:
        bit = jax.random.bernoulli(key).astype(jnp.int32)
        state = ProbeState(jnp.int32(0), bit, jnp.int32(0))
        return self._observe(state), state

    def step(
        self, key: jax.Array, state: ProbeState, action: jax.Array, params: ProbeParams
    ) -> tuple[Any, ...]:
        ended = state.replace(time=state.time + 1)
        done = ended.time >= self.length
        paid = {
            "last": done,
            "each": jnp.bool_(True),
            "bit": done & (state.bit == 1),
            "match": done & (action == state.bit),
        }[self.rule]
        reward = paid.astype(jnp.float32)
        _, fresh = self.reset(key, params)
        state = jax.tree.map(lambda a, b: jnp.where(done, a, b), fresh, ended)
        info = {
            "objectives": reward[None],
            "final_observation": self._observe(ended),
        }
        terminated = done & (not self.cut)
        return self._observe(state), state, reward, terminated, done & self.cut, info
