"""Objects of a colour and a shape: which there are, in texts and in pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from mesagym import sprites
from mesagym.errors import UserError
from mesagym.sprites import Layer

COLORS: dict[str, sprites.Colour] = {
    "yellow": (236, 196, 0),
    "blue": (0, 114, 178),
    "green": (0, 158, 115),
    "pink": (222, 140, 185),
    "sky": (110, 195, 240),
    "brown": (134, 84, 32),
}
"""What objects can be painted in, in the order that ``num_colors`` counts."""

SHAPES: dict[str, tuple[str, str, float]] = {
    "line": ("bar", "...###...", 1.0),
    "gem": ("diamond", ".#.###.#.", 0.8),
    "ring": ("ring", "####.####", 0.6),
    "cross": ("cross", "#.#.#.#.#", 0.9),
    "box": ("square", "#########", 0.7),
    "wedge": ("wedge", "....#.###", 0.5),
}
"""What objects can look like, in the order that ``num_shapes`` counts: the sprite, the
glyph of three by three pixels, and how bright one pixel alone is."""

Objects = Sequence[tuple[str, str, Bool[Array, "height width"]]]
"""Objects to paint: colour, shape and the tiles where they are."""

SETTINGS: dict[str, int] = {
    "target_color": 0,
    "other_color": 1,
    "target_shape": 0,
    "other_shape": 1,
}
"""What may stand above a drawing, and what it is where it does not."""


def pair(
    value: Int[Array, ""], chance: Float[Array, ""], count: int
) -> Int[Array, "2"]:
    """Return a feature and any other of ``count``, all alike.

    Args:
        value: the feature, from 0.
        chance: drawn uniformly from [0, 1).
        count: how many features there are.
    """
    other = (value + 1 + (chance * (count - 1)).astype(jnp.int32)) % count
    return jnp.stack([value, other])


def read_features(
    settings: Mapping[str, int], num_colors: int, num_shapes: int
) -> dict[str, Int[Array, "2"]]:
    """Return ``colors`` and ``shapes`` of a level: the target's, and the other's.

    Args:
        settings: what stands above the drawing.
        num_colors: how many there are.
        num_shapes: likewise.

    Raises:
        UserError: a feature that is none, or the target's again.
    """
    features = SETTINGS | dict(settings)
    read = {}
    for kind, count in (("color", num_colors), ("shape", num_shapes)):
        target, other = f"target_{kind}", f"other_{kind}"
        for name in (target, other):
            if not 0 <= features[name] < count:
                raise UserError(
                    f"level: {name} is {features[name]}; use 0 to {count - 1}"
                )
        if features[target] == features[other]:
            raise UserError(
                f"level: {other} is the target's, {features[other]}; give another"
            )
        read[f"{kind}s"] = jnp.array([features[target], features[other]], jnp.int32)
    return read


def write_features(colors: Any, shapes: Any) -> dict[str, int]:
    """Return what stands above a level's drawing, which `read_features` reads.

    Args:
        colors: int[2], the target's and the other's.
        shapes: likewise.
    """
    above = {}
    for i, which in enumerate(("target", "other")):
        above[f"{which}_color"] = int(colors[i])
        above[f"{which}_shape"] = int(shapes[i])
    return above


def object_layers(objects: Objects) -> list[Layer]:
    """Return layers that paint each object as its shape's sprite in its colour."""
    return [
        Layer(tiles, COLORS[color], SHAPES[shape][0], f"{color} {shape}")
        for color, shape, tiles in objects
    ]


def paint_small(
    walls: Bool[Array, "height width"],
    objects: Objects,
    agent: Bool[Array, "height width"],
    tile: int,
) -> UInt8[Array, "rows columns 3"]:
    """Return a picture for tiles too small for sprites, each object told from others.

    Args:
        walls: which tiles are walls.
        objects: drawn as glyphs of three pixels a side, or as a shade of their colour.
        agent: the tile where it is.
        tile: side of a tile in pixels; 3 has room for glyphs.
    """
    if tile != 3:
        shades = [
            Layer(tiles, _shade(COLORS[color], SHAPES[shape][2]))
            for color, shape, tiles in objects
        ]
        layers = [Layer(walls, sprites.WALL), *shades, Layer(agent, sprites.AGENT)]
        return sprites.paint(layers, tile)
    whole = "#" * tile**2
    layers = [
        Layer(_enlarged(walls, whole), sprites.WALL),
        *(
            Layer(_enlarged(tiles, SHAPES[shape][1]), COLORS[color])
            for color, shape, tiles in objects
        ),
        Layer(_enlarged(agent, whole), sprites.AGENT),
    ]
    return sprites.paint(layers, 1)


def _enlarged(
    tiles: Bool[Array, "height width"], glyph: str
) -> Bool[Array, "rows columns"]:
    """Return tiles with a square glyph in the place of each."""
    side = round(len(glyph) ** 0.5)
    pixels = np.array([letter == "#" for letter in glyph]).reshape(side, side)
    large = tiles[:, None, :, None] & pixels[:, None, :]
    return large.reshape(side * tiles.shape[0], side * tiles.shape[1])


def _shade(colour: sprites.Colour, brightness: float) -> sprites.Colour:
    red, green, blue = (round(brightness * part) for part in colour)
    return red, green, blue
