"""Records of an environment's dynamics, which guard against a silent change.

A record holds levels, actions and everything that stepping them gave. The levels lie
in it, so a change of how levels are drawn alters no record; a change of what a step
does must raise the environment's ``dynamics_version``, and be recorded anew:

    python -m tests.envs.dynamics Corner-v0
"""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

import mesagym
from tests.envs.conftest import small_settings

FOLDER = Path(__file__).parent / "golden"

LEVELS, STEPS = 6, 24


def play(env: Any, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Step the recorded levels by the recorded actions; never start over.

    Args:
        env: the environment.
        arrays: ``level.<i>`` the leaves of the levels [n, ...], ``actions`` int32[n,
            time].

    Returns:
        Leaves [n, time, ...]: observations (packed bits), rewards, objectives,
        terminated, truncated and ``state.<i>``.
    """
    params = _params(env)
    blank = params.pool.levels
    leaves = [jnp.asarray(arrays[f"level.{i}"]) for i in range(len(_leaves(blank)))]
    levels = jax.tree.unflatten(jax.tree.structure(blank), leaves)

    def episode(level: Any, actions: jax.Array, key: jax.Array) -> Any:
        _, state = env.reset_to_level(key, level, params)

        def step(state: Any, now: Any) -> Any:
            action, key = now
            out = env.step_env(key, state, action, params)
            obs, state, reward, terminated, info = out
            truncated = env.is_truncated(state, params)
            seen = (obs, reward, info["objectives"], terminated, truncated, state)
            return state, seen

        keys = jax.random.split(key, actions.size)
        return jax.lax.scan(step, state, (actions, keys))[1]

    actions = jnp.asarray(arrays["actions"])
    keys = jax.random.split(jax.random.key(2), len(actions))
    played = jax.jit(jax.vmap(episode))(levels, actions, keys)
    obs, reward, objectives, terminated, truncated, state = played
    return {
        "observations": np.packbits(np.asarray(obs), axis=-1),
        "rewards": np.asarray(reward),
        "objectives": np.asarray(objectives),
        "terminated": np.asarray(terminated),
        "truncated": np.asarray(truncated),
        **_named("state", state.replace(level=())),
    }


def recorded(name: str) -> tuple[Any, int, dict[str, np.ndarray]] | None:
    """Return the environment, its version and the arrays of a record; None if none."""
    path = FOLDER / f"{name}.safetensors"
    if not path.exists():
        return None
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
        arrays = {part: file.get_tensor(part) for part in file.keys()}  # noqa: SIM118 (no mapping)
    settings = json.loads(about["settings"])
    settings["size"] = tuple(settings["size"])
    env, _ = mesagym.make(name, **settings)
    return env, int(about["dynamics_version"]), arrays


def record(name: str) -> Path:
    """Record an environment's dynamics as they are now."""
    settings = small_settings(name)
    settings["size"] = [settings["size"]] * 2
    env, params = mesagym.make(name, **{**settings, "size": tuple(settings["size"])})
    levels = env.sample_levels(jax.random.key(0), LEVELS, params, 0.5)
    key = jax.random.key(1)
    actions = jax.random.randint(key, (LEVELS, STEPS), 0, env.num_actions)
    # Half follow the experts, so that every objective is paid.
    arrays = {**_named("level", levels), "actions": np.array(actions, np.int32)}
    for i in range(LEVELS // 2):
        arrays["actions"][i] = _expert_actions(env, levels, i)
    arrays |= play(env, arrays)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.safetensors"
    about = {
        "dynamics_version": str(env.dynamics_version),
        "settings": json.dumps(settings),
    }
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path, about)
    return path


def _expert_actions(env: Any, levels: Any, i: int) -> np.ndarray:
    level = jax.tree.map(lambda leaf: leaf[i], levels)
    params = _params(env)
    key = jax.random.key(2)
    _, state = env.reset_to_level(key, level, params)
    guide = env.guide(level, i % len(env.own_objectives))
    actions, step = [], jax.jit(env.step_env)
    for now in jax.random.split(jax.random.split(key, LEVELS)[i], STEPS):
        actions.append(int(env.guided_action(guide, state)))
        state = step(now, state, actions[-1], params)[1]
    return np.array(actions, np.int32)


def _params(env: Any) -> Any:
    # A short episode, so that its truncation is recorded, and distinct weights.
    weights = [2.0**k for k in range(env.num_objectives)]
    return env.params_with(max_steps_in_episode=STEPS - 4, weights=weights)


def _leaves(tree: Any) -> list[Any]:
    return jax.tree.leaves(tree)


def _named(prefix: str, tree: Any) -> dict[str, np.ndarray]:
    return {f"{prefix}.{i}": np.asarray(x) for i, x in enumerate(_leaves(tree))}


if __name__ == "__main__":
    for each in sys.argv[1:]:
        print(record(each))
