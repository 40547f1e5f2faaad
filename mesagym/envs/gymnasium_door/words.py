"""What is said at the Gymnasium door: settings, options and actions in, infos out."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces

from mesagym.envs.base import DEFAULT_POOL_SIZE, Environment
from mesagym.envs.gymnasium_door import episodes
from mesagym.envs.gymnasium_door.episodes import Seen
from mesagym.errors import UserError, nearest
from mesagym.levels.pool import LABEL_NAMES
from mesagym.registry import make

METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}
"""What both classes can render, and how many steps a second a film should show."""

_LABELS = np.array(LABEL_NAMES, dtype=object)


def gymnasium_space(space: spaces.Discrete | spaces.Box) -> gymnasium.Space:
    """Return the Gymnasium space for one of gymnax's.

    A box of truth values becomes a box of 0 and 1 in uint8, which learners take as
    they take pixels; ``MultiBinary`` many of them flatten or refuse.
    """
    if isinstance(space, spaces.Discrete):
        return gymnasium.spaces.Discrete(space.n)
    dtype = np.dtype(space.dtype)
    dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    low, high = (np.asarray(bound).astype(dtype) for bound in (space.low, space.high))
    low, high = (np.broadcast_to(bound, space.shape).copy() for bound in (low, high))
    return gymnasium.spaces.Box(low, high, space.shape, dtype.type)


def _read_alpha(alpha: Any) -> float:
    try:
        number = float(alpha)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 1:
        raise UserError(f"env.alpha: {alpha!r} is not a probability; use 0 to 1")
    return number


def resolve(
    env: str | Environment,
    params: Any,
    alpha: float | None,
    max_episode_steps: int | None,
    static: Mapping[str, Any],
) -> tuple[Environment, Any]:
    """Return the environment and the parameters that a constructor was asked for.

    Arguments as those of `GymnasiumEnv`; ``static`` are settings to make it with.

    Raises:
        UserError: an unknown name or setting, or one out of range.
    """
    if isinstance(env, str):
        env, default = make(env, **static)
        params = default if params is None else params
    elif static:
        raise UserError(
            f"env.{next(iter(static))}: the environment is made already; give its "
            "name to make it with other settings"
        )
    elif params is None:
        params = env.default_params
    assert isinstance(env, Environment)
    if alpha is not None:
        alpha = _read_alpha(alpha)
        env.check_levels(params, alpha)
        pool = episodes.draw_pool(
            env, jax.random.key(0), DEFAULT_POOL_SIZE, params, alpha
        )
        params = params.replace(pool=pool)
    if max_episode_steps is not None:
        if max_episode_steps < 1:
            raise UserError(
                f"env.max_episode_steps: {max_episode_steps} is below 1; an episode "
                "has steps"
            )
        limit = jnp.int32(max_episode_steps)
        params = params.replace(max_steps_in_episode=limit)
    return env, params


def check_usable(env: Environment, usable: Any, alpha: float | None) -> None:
    """Raise a UserError where no level could be drawn at an alpha."""
    if not np.all(usable):
        raise UserError(
            f"env.alpha: no level of {env.height}x{env.width} tiles could be drawn at "
            f"{alpha}; take a larger env.size, fewer items or another env.layout"
        )


def check_render_mode(render_mode: str | None) -> None:
    """Raise a UserError for a mode that there is not."""
    if render_mode not in (None, *METADATA["render_modes"]):
        raise UserError(
            f"env.render_mode: unknown mode '{render_mode}'."
            + nearest(str(render_mode), METADATA["render_modes"])
        )


def read_options(
    options: Mapping[str, Any] | None, allowed: Sequence[str]
) -> dict[str, Any]:
    """Return the options that were given and are not None.

    Raises:
        UserError: an option that is not allowed, two that exclude one another, or an
            alpha that is not a probability.
    """
    given = {k: v for k, v in (options or {}).items() if v is not None}
    for name in given:
        if name not in allowed:
            raise UserError(f"options: no option '{name}'." + nearest(name, allowed))
    if {"level", "alpha"} <= given.keys():
        raise UserError(
            "options: level and alpha exclude one another; alpha draws a level"
        )
    if "alpha" in given:
        given["alpha"] = _read_alpha(given["alpha"])
    return given


def read_level(env: Environment, params: Any, level: Any) -> Any:
    """Return a level from a text, or as it is if it fits the environment.

    Raises:
        UserError: it is neither.
    """
    if isinstance(level, str):
        return env.parse(level)
    pool = params.pool.levels
    same = jax.tree.structure(level) == jax.tree.structure(pool)
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(level)]
    if not same or shapes != [leaf.shape[1:] for leaf in jax.tree.leaves(pool)]:
        raise UserError(
            f"options.level: neither a text nor one level of a {env.height}x"
            f"{env.width} {type(env).__name__}; draw it with env.sample_levels or "
            "env.parse"
        )
    # As the pool's, so that nothing is compiled anew for a level of other types.
    return jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), level, pool)


def describe(env: Environment, seen: Seen) -> dict[str, Any]:
    """Return the info of one episode, or of a batch with its leading axis."""
    paid = seen.objectives.astype(np.float64)
    return {
        "objectives": {n: paid[..., k] for k, n in enumerate(env.objective_names)},
        "level_class": _LABELS[seen.label],
        "level_clean": seen.clean,
        "level_index": seen.index.astype(np.int64),
    }


def plain_info(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return one episode's info in Python's own numbers."""
    return {
        name: plain_info(value) if isinstance(value, Mapping) else _plain(value)
        for name, value in info.items()
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else value.item()


def mask_info(info: Mapping[str, Any], told: np.ndarray) -> dict[str, Any]:
    """Return a batch's info as Gymnasium has it: beside each key, who was told it."""
    out: dict[str, Any] = {}
    for name, value in info.items():
        if isinstance(value, Mapping):
            out[name] = mask_info(value, told)
        else:
            blank = None if value.dtype == object else value.dtype.type(0)
            out[name] = np.where(told, value, blank)
        out[f"_{name}"] = told.copy()
    return out


def random_words(generator: np.random.Generator) -> np.ndarray:
    """Return two words for `episodes.key_of`: uint32[2]."""
    return generator.integers(2**32, size=2, dtype=np.uint32)


def to_host(seen: Seen) -> Seen:
    """Return the same on the host, in arrays that are the receiver's to write into."""
    return jax.tree.map(np.array, seen)


def read_actions(env: Environment, actions: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return actions as int32 of the shape wanted.

    Raises:
        UserError: another shape, something else than integers, or out of range.
    """
    array = np.asarray(actions)
    if array.shape != shape or array.dtype.kind not in "iu":
        what = f"{shape[0]} integers, one an environment" if shape else "one integer"
        raise UserError(f"action: {actions!r} is not {what}; see env.action_space")
    if ((array < 0) | (array >= env.num_actions)).any():
        names = ", ".join(f"{i} {name}" for i, name in enumerate(env.action_names))
        raise UserError(f"action: {actions!r} is out of range; use {names}")
    return array.astype(np.int32)
