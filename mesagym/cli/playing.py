"""Episodes played for the eye: frames of the first steps, and what each step paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.cli.levels import glyphs_of
from mesagym.envs.base import Environment
from mesagym.report.films import LONGEST, Episode
from mesagym.sprites import Glyph, present


@dataclass(frozen=True)
class Played:
    """One episode as it went."""

    frames: np.ndarray
    """uint8[shown + 1, rows, columns, 3], the first before any step; of the first
    `LONGEST` steps at most."""
    paid: np.ndarray  # float32[steps, K] of each objective, to the episode's end
    legend: Mapping[str, Glyph] = field(default_factory=dict)
    """How the things that its frames show are drawn, by name."""

    @property
    def steps(self) -> int:
        """Steps that it took."""
        return len(self.paid)

    def first(self, names: Sequence[str]) -> dict[str, int]:
        """Return the 1-based step that first credited each objective, -1 never."""
        credited = self.paid > 0
        return {
            name: int(credited[:, k].argmax()) + 1 if credited[:, k].any() else -1
            for k, name in enumerate(names)
        }

    def episode(
        self, env: Environment, shift: str = "", seed: int = 0, note: str = ""
    ) -> Episode:
        """Return it as films show it: amounts as they grow, or what was reached.

        What a user's own objectives paid is left out: they decide nothing.
        """
        own = env.own_objectives
        return Episode(
            self.frames,
            self.first(own),
            shift,
            seed,
            note,
            paid=self.paid[:, : len(own)] if env.kind == "allocation" else None,
            length=self.steps,
            legend=self.legend,
            phrases=env.phrases,
        )


def play(
    env: Environment,
    env_params: Any,
    levels: Any,
    policy: Any,
    params: Sequence[Any],
    *,
    seed: int = 0,
    tile: int = 16,
) -> list[Played]:
    """Play one episode on each level.

    Args:
        env: the environment.
        env_params: its parameters.
        levels: leaves [n, ...].
        policy: keeps the policy protocol, hashable.
        params: n sets of weights, ``()`` for a policy without any.
        seed: of actions and dynamics.
        tile: pixels a tile.
    """
    n = len(params)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params)
    keys = jax.random.split(jax.random.key(seed), n)
    limit = int(env_params.max_steps_in_episode)
    played = _play(env, policy, stacked, levels, env_params, keys, limit, tile)
    *arrays, seen = played
    frames, paid, lengths = map(np.asarray, arrays)
    glyphs = glyphs_of(env, env_params, jax.tree.map(lambda leaf: leaf[0], levels))
    # Frames are fewer than that where an episode was longer than is shown.
    return [
        Played(
            frames[k, : lengths[k] + 1],
            paid[k, : lengths[k]],
            {
                name: glyph
                for name, glyph in glyphs.items()
                if np.asarray(seen[name])[k, : lengths[k] + 1].any()
            },
        )
        for k in range(n)
    ]


@partial(jax.jit, static_argnames=("env", "policy", "max_steps", "tile"))
def _play(
    env: Environment,
    policy: Any,
    params: Any,
    levels: Any,
    env_params: Any,
    keys: jax.Array,
    max_steps: int,
    tile: int,
) -> tuple[jax.Array, jax.Array, jax.Array, dict[str, jax.Array]]:
    """Return frames [n, steps + 1, ...], what each step paid, and lengths [n].

    Last comes for each name of a legend which frames show it, bool[n, steps + 1].
    """

    def one(params: Any, level: Any, key: jax.Array) -> Any:
        obs, start = env.reset_to_level(key, level, env_params)

        def step(loop: Any, key: jax.Array) -> Any:
            obs, state, carry, over, reset = loop
            key_act, key_step = jax.random.split(key)
            action, carry, _ = policy.act(
                params,
                carry,
                obs[None],
                key_act,
                reset=reset[None],
                state=jax.tree.map(lambda leaf: leaf[None], state),
            )
            obs, state, _, terminated, info = env.step_env(
                key_step, state, action[0], env_params
            )
            paid = jnp.where(over, 0.0, info["objectives"])
            counted = ~over
            over |= terminated | env.is_truncated(state, env_params)
            loop = (obs, state, carry, over, jnp.bool_(False))
            return loop, (state, paid, counted)

        loop = (obs, start, policy.init_carry(1), jnp.bool_(False), jnp.bool_(True))
        keys = jax.random.split(key, max_steps)
        loop, (states, *shown) = jax.lax.scan(step, loop, keys[:LONGEST])

        def unseen(loop: Any, key: jax.Array) -> Any:
            # No state is kept of what nobody watches.
            loop, (_, *counts) = step(loop, key)
            return loop, counts

        if max_steps > LONGEST:
            _, rest = jax.lax.scan(unseen, loop, keys[LONGEST:])
            shown = map(jnp.concatenate, zip(shown, rest, strict=True))
        paid, counted = shown
        states = jax.tree.map(
            lambda first, rest: jnp.concatenate([first[None], rest]), start, states
        )

        def draw(state: Any) -> Any:
            seen = present(env.layers(state, env_params))
            return env.render(state, env_params, tile), seen

        frames, seen = jax.lax.map(draw, states)
        return frames, paid, counted.sum(), seen

    return jax.vmap(one)(params, levels, keys)
