"""The README's pictures of environments, and its table of them.

    python scripts/draw_environments.py

Writes docs/environments/<name>.png, a level of each environment's shifted distribution
(the first clean one of a contest), and prints the table for the README.
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

import mesagym
from mesagym.registry import config_name

FOLDER = Path(__file__).parents[1] / "docs" / "environments"
WIDTH = 320


def example(env: Any, params: Any) -> Any:
    """Return a level that shows what the environment is about."""
    levels = env.sample_levels(jax.random.key(0), 64, params, 1.0)
    clean = np.asarray(jax.vmap(env.classify)(levels).clean)
    i = int(clean.argmax())
    return jax.tree.map(lambda leaf: leaf[i], levels)


def picture(env: Any, params: Any) -> Image.Image:
    """Return the example's picture, about as wide as the table shows it."""
    _, state = env.reset_to_level(jax.random.key(0), example(env, params), params)
    tile = max(8, WIDTH // max(env.height, env.width))
    return Image.fromarray(np.asarray(env.render(state, params, tile)))


def row(env: Any, name: str) -> str:
    """Return an environment's row of the table."""
    base, *proxies = (each.replace("_", " ") for each in env.own_objectives)
    cells = [
        f'<img src="docs/environments/{config_name(name)}.png" width="120" '
        f'alt="A level of {name}">',
        f"`{name}`",
        env.kind,
        base,
        ", ".join(proxies),
        env.solver,
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    print("| | environment | kind | base objective | proxies | solver |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in mesagym.registered_envs:
        env, params = mesagym.make(name)
        picture(env, params).quantize(64).save(
            FOLDER / f"{config_name(name)}.png", optimize=True
        )
        print(row(env, name))


if __name__ == "__main__":
    main()
