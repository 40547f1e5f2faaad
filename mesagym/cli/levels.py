"""Where the levels come from that a person wants to look at, film or play."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.cli.build import environment, settings
from mesagym.cli.schema import EnvConfig
from mesagym.envs.base import Environment
from mesagym.envs.level_files import read_levels
from mesagym.errors import UserError
from mesagym.evals.shifts import build_pool, choose_shift
from mesagym.levels.pool import LABEL_NAMES, LevelClass
from mesagym.sprites import Glyph, glyphs, present


@dataclass(frozen=True)
class Levels:
    """Some levels, and what to step them in."""

    env: Environment
    params: Any
    levels: Any  # numpy leaves [n, ...]
    classes: LevelClass  # numpy leaves [n]
    names: tuple[str, ...]
    what: str
    """Where they come from, in words."""

    @property
    def size(self) -> int:
        """Number of levels."""
        return len(self.names)

    def level(self, i: int) -> Any:
        """Return one of them."""
        return jax.tree.map(lambda leaf: jnp.asarray(leaf[i]), self.levels)

    def label(self, i: int) -> str:
        """Return a level's class in a word or two."""
        word = LABEL_NAMES[int(self.classes.label[i])]
        clean = bool(self.classes.clean[i]) and self.env.kind == "contest"
        return f"{word}, clean" if clean else word


def made(config: EnvConfig) -> tuple[Environment, Any]:
    """Return the environment of a configuration, and its parameters without a pool.

    Raises:
        UserError: a setting that cannot be.
    """
    env = environment(config)
    return env, env.params_with(**settings(config))


def choose_levels(
    env: Environment,
    params: Any,
    n: int,
    seed: int,
    *,
    alpha: float,
    shift: str | None = None,
    folder: str | None = None,
) -> Levels:
    """Return the levels of a folder, of a shift, or drawn with a share α.

    Args:
        env: the environment.
        params: its parameters.
        n: how many; those of a folder are all taken.
        seed: of the draw.
        alpha: where neither a shift nor a folder is asked for.
        shift: the name of one.
        folder: of texts.

    Raises:
        UserError: an unknown shift, a folder that cannot be read, both at once, or
            settings that allow no level.
    """
    if shift is not None and folder is not None:
        raise UserError("shift and folder: give one of them, not both")
    names = tuple(f"level {i}" for i in range(n))
    if folder is not None:
        levels, names = read_levels(env, folder)
        where = Path(folder)
        what = f"the levels of '{where.name}'"
    elif shift is not None:
        pool = build_pool(env, params, choose_shift(env, shift), n, seed)
        what = f"the shift '{shift}'"
        return Levels(pool.env, pool.env_params, pool.levels, pool.classes, names, what)
    else:
        env.check_levels(params, alpha)
        levels = env.sample_levels(jax.random.key(seed), n, params, alpha)
        what = f"α = {alpha:g}"
    classes = jax.jit(jax.vmap(env.classify))(levels)
    levels, classes = jax.tree.map(np.asarray, (levels, classes))
    return Levels(env, params, levels, classes, names, what)


def glyphs_of(env: Environment, params: Any, level: Any) -> dict[str, Glyph]:
    """Return how everything is drawn that a picture of an environment may show.

    Args:
        env: the environment.
        params: its parameters.
        level: any.
    """
    found: dict[str, Glyph] = {}

    def look(level: Any) -> None:
        _, state = env.reset_to_level(jax.random.key(0), level, params)
        found.update(glyphs(env.layers(state, params)))

    # Names and colours are no arrays: nothing is computed.
    jax.eval_shape(look, level)
    return found


def pictures_of(chosen: Levels, tile: int) -> tuple[np.ndarray, dict[str, Glyph]]:
    """Return each level's picture at its start, and a legend of what is to be seen.

    Args:
        chosen: the levels.
        tile: pixels a tile.

    Returns:
        uint8[n, rows, columns, 3], and how each thing on them is drawn, by name.
    """
    env, params = chosen.env, chosen.params

    @jax.jit
    def draw(levels: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
        def one(level: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
            _, state = env.reset_to_level(jax.random.key(0), level, params)
            seen = present(env.layers(state, params))
            return env.render(state, params, tile), seen

        return jax.lax.map(one, levels)

    pictures, seen = draw(chosen.levels)
    glyphs = glyphs_of(env, params, chosen.level(0))
    legend = {name: each for name, each in glyphs.items() if bool(seen[name].any())}
    return np.asarray(pictures), legend


def title_of(env: Environment) -> str:
    """Return what an environment is called in headings."""
    return f"{env.name} {env.height}×{env.width}"
