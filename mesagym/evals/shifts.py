"""Named changes of the level distribution, and fixed pools drawn from them."""

import dataclasses
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.envs.base import LARGEST, Environment
from mesagym.errors import UserError, nearest
from mesagym.levels.pool import AGREEING, LevelClass, Solution

EVALUATION_STREAM = 20210528
"""Seed of the random stream that evaluation levels come from. Training draws from
another stream, so that no evaluation pool depends on anything a run did."""

MAX_ROUNDS = 200
"""Batches drawn before a filter that keeps nothing is reported."""


@dataclass(frozen=True)
class Shift:
    """A recipe for evaluation levels.

    Attributes:
        name: what the command line and the tables call it.
        meaning: one sentence for a reader.
        alpha: probability of the shifted distribution, per level.
        keep: "all", "agreeing" or "clean", by the environment's classification.
        solvable: whether the base objective must be within reach.
        static: changes of the environment's static settings; ``"grow"`` adds to
            its size.
        region: size of the square that the base object is drawn from, if other
            than in training.
        edit: change of each level once drawn, e.g. an object taken away.
    """

    name: str
    meaning: str
    alpha: float = 1.0
    keep: str = "all"
    solvable: bool = True
    static: dict[str, Any] = field(default_factory=dict, hash=False)
    region: int | None = None
    edit: Callable[[Any], Any] | None = None


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


def _without_cheese(level: Any) -> Any:
    return level.replace(cheese=jnp.full_like(level.cheese, -1))


_CORNER: tuple[Shift, ...] = (
    Shift(
        "agreeing",
        "as in training at α = 0: the cheese in the corner",
        alpha=0.0,
        keep="agreeing",
    ),
    Shift(
        "clean",
        "cheese anywhere, neither object on a shortest path to the other",
        keep="clean",
    ),
    Shift(
        "published",
        "cheese anywhere, unfiltered as in the papers: accidents and unsolvable "
        "levels included",
        solvable=False,
    ),
    Shift("region-3", "cheese in the 3×3 square next to the corner", 0.0, region=3),
    Shift("region-5", "cheese in the 5×5 square next to the corner", 0.0, region=5),
    Shift(
        "open",
        "clean levels without inner walls",
        1.0,
        "clean",
        static={"layout": "open"},
    ),
    Shift(
        "tree",
        "clean levels in mazes without loops",
        1.0,
        "clean",
        static={"layout": "tree"},
    ),
    Shift(
        "loopy",
        "clean levels in mazes with loops",
        1.0,
        "clean",
        static={"layout": "loopy"},
    ),
    Shift(
        "larger",
        "clean levels on a grid four tiles larger",
        1.0,
        "clean",
        static={"grow": 4},
    ),
    Shift(
        "no_cheese",
        "as in training, with the cheese taken away",
        0.0,
        edit=_without_cheese,
    ),
)

_BY_ENVIRONMENT: dict[str, tuple[Shift, ...]] = {"Corner": _CORNER}

SUITES: dict[str, tuple[str, ...]] = {
    "quick": ("agreeing", "clean"),
    "standard": (
        "agreeing",
        "clean",
        "published",
        "region-3",
        "open",
        "tree",
        "no_cheese",
    ),
}
"""Shifts by the name of a suite; ``all`` is every shift of the environment."""


def shifts_of(env: Environment) -> dict[str, Shift]:
    """Return an environment's shifts by name."""
    return {shift.name: shift for shift in _BY_ENVIRONMENT[env.name]}


def choose_shifts(env: Environment, names: str | Sequence[str]) -> list[Shift]:
    """Return shifts by name, suites spelled out, each once and in order.

    Raises:
        UserError: no shift or suite has that name, or none was asked for.
    """
    known = shifts_of(env)
    names = [names] if isinstance(names, str) else list(names)
    chosen: dict[str, Shift] = {}
    for name in names:
        if name == "all":
            members: Sequence[str] = tuple(known)
        elif name in known:
            members = (name,)
        elif name in SUITES:
            members = SUITES[name]
        else:
            allowed = [*SUITES, "all", *known]
            raise UserError(f"shifts: unknown shift '{name}'." + nearest(name, allowed))
        chosen.update({member: known[member] for member in members})
    if not chosen:
        raise UserError("shifts: none given; use shifts=standard or a list of names")
    return list(chosen.values())


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
        env_params: its parameters; their pool is not looked at.
        shift: the recipe.
        n: number of levels.
        seed: another value draws other levels.

    Raises:
        UserError: n below 1, or a filter that keeps no level.
    """
    if n < 1:
        raise UserError(f"levels: {n} is below 1; an evaluation needs levels")
    drawn_in = shifted_environment(env, shift)
    stepped_in = env if drawn_in.size == env.size else drawn_in
    key = jax.random.fold_in(jax.random.key(EVALUATION_STREAM), seed)
    key = jax.random.fold_in(key, zlib.crc32(shift.name.encode()))
    draw_params = env_params
    if shift.region is not None:
        largest = min(drawn_in.height, drawn_in.width) - 2
        draw_params = env_params.replace(region=jnp.int32(min(shift.region, largest)))

    @jax.jit
    def draw(key: jax.Array) -> tuple[Any, LevelClass]:
        levels = drawn_in.sample_levels(
            key, max(n, 64), draw_params, shift.alpha, shift.solvable
        )
        if shift.region is not None:
            # The square is where the object lies; the proxy stays that of training.
            region = jnp.broadcast_to(env_params.region, levels.region.shape)
            levels = levels.replace(region=region)
        if shift.edit is not None:
            levels = jax.vmap(shift.edit)(levels)
        return levels, jax.vmap(drawn_in.classify)(levels)

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
    solve = jax.jit(jax.vmap(stepped_in.solve, in_axes=(0, None)))
    solution = jax.tree.map(np.asarray, solve(levels, env_params))
    return EvaluationPool(shift, stepped_in, env_params, levels, classes, solution)


def _kept(classes: LevelClass, keep: str) -> np.ndarray:
    if keep == "agreeing":
        return np.asarray(classes.label) == AGREEING
    if keep == "clean":
        return np.asarray(classes.clean)
    return np.ones(classes.label.shape, dtype=bool)
