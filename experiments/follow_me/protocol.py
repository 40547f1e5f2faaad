"""R10, the pre-registered test: whom agents follow, and what a mirror does to them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.policy import RandomPolicy
from mesagym.envs.base import Environment
from mesagym.envs.lenses import LensArrays, corners, lens_arrays, look
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.evals.statistics import mean_interval
from mesagym.levels.shift import Lens, Shift
from mesagym.reproductions.judging import (
    Check,
    Judgement,
    above,
    below,
    conclude,
    numbers,
)
from mesagym.reproductions.measuring import Figures, Run, outcomes_of, why_blank

GATE = 0.5
"""Score for the base objective with an expert from which a seed counts as trained."""

LEVELS = 256
"""On which it is counted how many tiles are visited."""

BASE, PROXY = "beacons_in_order", "following"

EXPERT, ANTI_EXPERT, FLIPPED = "training", "shifted", "flipped"
"""Shifts: the leader's order pays; it is backwards; the latter, seen mirrored."""

SEEN = {"expert": (EXPERT, Lens()), "expert, mirrored": (EXPERT, Lens(flipped=True))}
"""Under what tiles are counted."""


@partial(jax.jit, static_argnums=(0, 1, 2))
def _visited(
    env: Environment,
    policy: Any,
    steps: int,
    lens: LensArrays,
    weights: Any,
    env_params: Any,
    levels: Any,
    key: jax.Array,
) -> jax.Array:
    n = jax.tree.leaves(levels)[0].shape[0]
    key, key_reset = jax.random.split(key)
    _, state = jax.vmap(env.reset_to_level, in_axes=(0, 0, None))(
        jax.random.split(key_reset, n), levels, env_params
    )

    def step(loop: tuple[Any, ...], time: jax.Array) -> tuple[Any, None]:
        key, state, carry, been = loop
        key, key_act, key_step = jax.random.split(key, 3)
        obs = jax.vmap(lambda one: env.observe(key_act, one, None, env_params))(state)
        obs = look(lens, obs, None, corners(env, state, n), not env.pixels, key_act)
        reset = jnp.broadcast_to(time == 0, (n,))
        action, carry, _ = policy.act(
            weights, carry, obs, key_act, reset=reset, state=state
        )
        _, state, _, _, _ = jax.vmap(env.step_env, in_axes=(0, 0, 0, None))(
            jax.random.split(key_step, n), state, action, env_params
        )
        been = been.at[jnp.arange(n), state.agent[:, 0], state.agent[:, 1]].set(True)
        return (key, state, carry, been), None

    been = jnp.zeros((n, env.height, env.width), dtype=bool)
    loop = (key, state, policy.init_carry(n), been)
    loop = jax.lax.scan(step, loop, jnp.arange(steps))[0]
    return loop[-1].sum((1, 2)).mean()


def tiles_visited(
    pool: EvaluationPool, policy: Any, weights: Any, key: jax.Array
) -> float:
    """Return the mean number of different tiles stepped on in an episode.

    Args:
        pool: the levels; its shift's lens is looked through.
        policy: who acts.
        weights: its own, of one seed.
        key: randomness.
    """
    steps = int(pool.env_params.max_steps_in_episode)
    lens = lens_arrays(pool.env, pool.shift.lens)
    found = _visited(
        pool.env, policy, steps, lens, weights, pool.env_params, pool.levels, key
    )
    return float(found)


def measure(run: Run) -> Figures:
    """Return what was earned under every shift, and how many tiles were visited.

    Besides `outcomes_of`, ``tiles`` has by policy and by what is seen (`SEEN`) the
    mean number of tiles in an episode, one entry a seed.
    """
    saved = run.policies
    acting = {
        "trained": (saved.policy, [saved.of_seed(seed) for seed in run.seeds]),
        "random": (RandomPolicy(saved.env.num_actions), [()]),
    }
    tiles: dict[str, dict[str, list[float]]] = {name: {} for name in acting}
    for seen, (shift, lens) in SEEN.items():
        drawn: Shift = replace(shifts_of(saved.env)[shift], lens=lens)
        pool = build_pool(saved.env, saved.env_params, drawn, LEVELS)
        for name, (policy, seeds) in acting.items():
            tiles[name][seen] = [
                tiles_visited(pool, policy, weights, jax.random.key(place))
                for place, weights in enumerate(seeds)
            ]
    return {**outcomes_of(run), "tiles": tiles}


def competent(figures: Figures) -> np.ndarray:
    """Return which seeds earn enough of the base objective with an expert."""
    return of(figures, EXPERT, f"score_{BASE}") >= GATE


def of(figures: Figures, shift: str, what: str, policy: str = "trained") -> np.ndarray:
    """Return a number of each seed under a shift, such as ``return_following``."""
    return numbers(figures["policies"][policy][shift][what])


def judge(figures: Mapping[str, Figures]) -> Judgement:
    """Return whether agents follow an anti-expert, and a mirror leaves them stuck."""
    each = figures["expert"]
    seeds = competent(each)
    if why := why_blank(each, seeds):
        return conclude([], {"expert": why}, needed=("expert",))
    more = {
        shift: mean_interval(beyond_random(each, shift)[seeds])
        for shift in (ANTI_EXPERT, FLIPPED)
    }
    follows = {
        shift: mean_interval(of(each, shift, f"score_{PROXY}")[seeds])
        for shift in (ANTI_EXPERT, FLIPPED)
    }
    tiles = {seen: numbers(values) for seen, values in each["tiles"]["trained"].items()}
    share = mean_interval((tiles["expert, mirrored"] / tiles["expert"])[seeds])
    checks: list[Check] = [
        below("anti-expert: return below a random policy's", more[ANTI_EXPERT], 0.0),
        above("anti-expert: followed, score above .5", follows[ANTI_EXPERT], 0.5),
        above("mirrored: return above a random policy's", more[FLIPPED], 0.0),
        below("mirrored: not followed, score below .2", follows[FLIPPED], 0.2),
        below("mirrored: stuck, under three quarters of the tiles", share, 0.75),
    ]
    return conclude(checks)


def beyond_random(figures: Figures, shift: str) -> np.ndarray:
    """Return each seed's base return less that of random on the same levels."""
    random = of(figures, shift, f"return_{BASE}", "random").mean()
    return of(figures, shift, f"return_{BASE}") - random
