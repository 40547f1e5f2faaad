"""Fixed pools of levels, drawn from an environment's shifts."""

import dataclasses
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.envs.base import LARGEST, Environment
from mesagym.envs.lenses import lens_arrays
from mesagym.envs.level_files import SUFFIX, read_levels
from mesagym.errors import UserError, nearest
from mesagym.levels.pool import AGREEING, LevelClass, Solution
from mesagym.levels.shift import Shift, Times

EVALUATION_STREAM = 20210528
"""Seed of the random stream that evaluation levels come from. Training draws from
another stream, so that no evaluation pool depends on anything a run did."""

LONGEST_TEST = 10_000
"""Steps of an episode of a test at most: where training never starts over, a test still
has an end."""

MAX_ROUNDS = 200
"""Batches drawn before a filter that keeps nothing is reported."""


@dataclass(frozen=True)
class EvaluationPool:
    """Levels of one shift with what is known of each.

    Attributes:
        shift: where they come from.
        env: what to step them in; the trained one unless the grid's size changed.
        env_params: its parameters.
        levels: leaves [n, ...].
        classes: leaves [n].
        solution: leaves [n, K].
    """

    shift: Shift
    env: Environment
    env_params: Any
    levels: Any
    classes: LevelClass
    solution: Solution

    @property
    def size(self) -> int:
        """Number of levels, n."""
        return int(self.classes.label.shape[0])


SUITES: tuple[str, ...] = ("quick", "standard", "all")
"""The first two shifts of an environment; those that its table in a report shows;
every one."""


def shifts_of(env: Environment) -> dict[str, Shift]:
    """Return an environment's shifts by name."""
    return {shift.name: shift for shift in env.shifts}


def choose_shifts(env: Environment, names: str | Sequence[str]) -> list[Shift]:
    """Return shifts by name, suites spelled out, each once and in order.

    Suites leave out what hides or doubles channels where pictures are observed.

    Raises:
        UserError: no shift or suite has that name, or none was asked for, or one by
            name that needs channels where pictures are observed.
    """
    known = shifts_of(env)
    shown = [name for name, shift in known.items() if _shows(env, shift)]
    members = {
        "quick": list(known)[:2],
        "standard": [name for name in shown if known[name].standard],
        "all": shown,
    }
    chosen: dict[str, Shift] = {}
    for name in [names] if isinstance(names, str) else names:
        if name not in known and name not in members and _is_path(name):
            chosen[name] = Shift(name, f"the levels of '{name}'", folder=name)
            continue
        if name not in known and name not in members:
            allowed = [*members, *known]
            raise UserError(f"shifts: unknown shift '{name}'." + nearest(name, allowed))
        if name in known:
            lens_arrays(env, known[name].lens, f"shifts: '{name}'")
        chosen.update({each: known[each] for each in members.get(name, [name])})
    if not chosen:
        raise UserError("shifts: none given; use shifts=standard or a list of names")
    return list(chosen.values())


def choose_shift(env: Environment, name: str) -> Shift:
    """Return one shift by its name, or the levels of a folder as one.

    Raises:
        UserError: no shift has that name; gives the nearest of those that can be seen.
    """
    known = shifts_of(env)
    if name not in known and not (name not in SUITES and _is_path(name)):
        allowed = [each for each, shift in known.items() if _shows(env, shift)]
        what = f"'{name}' is a suite; name one of its shifts" if name in SUITES else ""
        what = what or f"unknown shift '{name}'"
        raise UserError(f"shift: {what}." + nearest(name, allowed))
    return choose_shifts(env, name)[0]


def _shows(env: Environment, shift: Shift) -> bool:
    return not (env.pixels and shift.lens.names_channels)


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith(SUFFIX) or Path(name).is_dir()


def shifted_environment(env: Environment, shift: Shift) -> Environment:
    """Return the environment that a shift's levels are drawn in.

    Raises:
        UserError: the grid would exceed the largest size.
    """
    static = dict(shift.static)
    grow = static.pop("grow", 0)
    if grow:
        size = (env.height + grow, env.width + grow)
        if max(size) > LARGEST:
            raise UserError(
                f"shifts: '{shift.name}' needs a {size[0]}x{size[1]} grid and "
                f"{LARGEST} is the largest; leave it out"
            )
        static["size"] = size
    return dataclasses.replace(env, **static)


def fits(env: Environment, shift: Shift) -> bool:
    """Return whether a policy trained in ``env`` can read the shift's observations."""
    shifted = shifted_environment(env, shift)
    return shifted.observation_shape == env.observation_shape


def build_pool(
    env: Environment, env_params: Any, shift: Shift, n: int, seed: int = 0
) -> EvaluationPool:
    """Draw a shift's levels: always the same for the same arguments.

    Args:
        env: the environment of training.
        env_params: its parameters; their pool is not looked at, and a time limit above
            `LONGEST_TEST` is cut to it.
        shift: the recipe.
        n: number of levels; those of a folder are all taken.
        seed: another value draws other levels.

    Raises:
        UserError: n below 1, a filter that keeps no level, or a lens that needs
            channels where pictures are observed.
    """
    if n < 1:
        raise UserError(f"levels: {n} is below 1; an evaluation needs levels")
    lens_arrays(env, shift.lens, f"shifts: '{shift.name}'")
    env_params = _with_an_end(env_params)
    if shift.folder is not None:
        levels = read_levels(env, shift.folder)[0]
        classes = _classify(env, levels)
        return _solved(env, env_params, shift, levels, classes)
    drawn_in = shifted_environment(env, shift)
    stepped_in = env if shift.static.keys() <= env.levels_alone else drawn_in
    key = jax.random.fold_in(jax.random.key(EVALUATION_STREAM), seed)
    name = shift.drawn_as or shift.name
    key = jax.random.fold_in(key, zlib.crc32(name.encode()))
    drawn_with = _changed(env_params, shift.drawn_with)
    stepped_with = _with_an_end(_changed(env_params, shift.stepped_with))

    def draw(key: jax.Array) -> tuple[Any, LevelClass]:
        how = drawn_with, jnp.float32(shift.alpha), shift.solvable
        levels = drawn_in.sample_levels(key, max(n, 64), *how)
        if shift.edit is not None:
            levels = _edited(shift.edit, levels, env_params)
        return levels, _classify(drawn_in, levels)

    drawn_in.check_levels(drawn_with, shift.alpha)
    parts: list[tuple[Any, LevelClass]] = []
    found = 0
    for round_ in range(MAX_ROUNDS):
        levels, classes = jax.tree.map(
            np.asarray, draw(jax.random.fold_in(key, round_))
        )
        kept = _kept(classes, shift.keep)
        parts.append(
            jax.tree.map(lambda leaf, kept=kept: leaf[kept], (levels, classes))
        )
        found += int(kept.sum())
        if found >= n:
            break
        if round_ >= 9 and found == 0:
            break
    if found < n:
        raise UserError(
            f"shifts: '{shift.name}' found {found} of {n} {shift.keep} levels in this "
            "environment; choose another layout, a smaller env.region, or leave the "
            "shift out"
        )
    levels, classes = jax.tree.map(lambda *leaves: np.concatenate(leaves)[:n], *parts)
    return _solved(stepped_in, stepped_with, shift, levels, classes)


def _solved(
    env: Environment, env_params: Any, shift: Shift, levels: Any, classes: LevelClass
) -> EvaluationPool:
    found = (levels, classes, _solve(env, levels, env_params))
    return EvaluationPool(shift, env, env_params, *jax.tree.map(np.asarray, found))


# One by one, so that what shifts have in common is compiled once.


@partial(jax.jit, static_argnums=0)
def _edited(edit: Callable[[Any, Any], Any], levels: Any, env_params: Any) -> Any:
    return jax.vmap(edit, in_axes=(0, None))(levels, env_params)


@partial(jax.jit, static_argnums=0)
def _classify(env: Environment, levels: Any) -> LevelClass:
    return jax.vmap(env.classify)(levels)


@partial(jax.jit, static_argnums=0)
def _solve(env: Environment, levels: Any, env_params: Any) -> Solution:
    return jax.vmap(env.solve, in_axes=(0, None))(levels, env_params)


def _with_an_end(env_params: Any) -> Any:
    limit = jnp.minimum(env_params.max_steps_in_episode, LONGEST_TEST)
    return env_params.replace(max_steps_in_episode=limit)


def _changed(env_params: Any, settings: dict[str, Any]) -> Any:
    """Return parameters with other settings, kept as arrays of the same types."""

    def changed(name: str) -> jax.Array:
        now, value = getattr(env_params, name), settings[name]
        if isinstance(value, Times):
            value = now * value.factor
        return jnp.asarray(value, now.dtype)

    return env_params.replace(**{name: changed(name) for name in settings})


def _kept(classes: LevelClass, keep: str) -> np.ndarray:
    if keep == "agreeing":
        return np.asarray(classes.label) == AGREEING
    if keep == "clean":
        return np.asarray(classes.clean)
    return np.ones(classes.label.shape, dtype=bool)
