"""Pictures of grids: shapes and sprites painted tile by tile, and windows cut out."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt8

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

DETAIL = 5
"""Pixels a tile from which shapes are drawn; below, each fills its tile."""

FLOOR: Colour = (247, 246, 242)
WALL: Colour = (52, 58, 70)
AGENT: Colour = (190, 62, 60)
"""What every environment paints floor, walls and the agent with."""

_DRAWN: dict[str, str] = {
    # 8x8 each, drawn for this project: # is covered.
    "key": "........ .###.... #...#... #...#### .###.#.# ........ ........ ........",
    "chest": "........ .######. ######## ######## ###..### ######## ######## ........",
    "shield": ".##..##. .######. .######. .######. .######. ..####.. ...##... ........",
    "tree": "...##... ..####.. .######. ..####.. .######. ######## ...##... ...##...",
    "saw": "#..##..# .######. .##..##. ##....## ##....## .##..##. .######. #..##..#",
    "ghost": "..####.. .######. .#.##.#. .######. ######## #.#..#.# #......# ........",
    "apple": "....#... ...#.... .##.##.. #######. #######. #######. .#####.. ..#.#...",
    "crate": "######## ##....## #.#..#.# #..##..# #..##..# #.#..#.# ##....## ########",
    "flag": ".#...... .#####.. .######. .#####.. .#...... .#...... .#...... .#......",
    "waves": "........ .##..##. #..##..# ........ .##..##. #..##..# ........ ........",
}

SHAPES: tuple[str, ...] = (
    "tile",
    "disc",
    "wedge",
    "ring",
    "square",
    "diamond",
    "bar",
    "cross",
    "dot",
    *_DRAWN,
)
"""What a layer can be painted with."""


class Layer(NamedTuple):
    """Tiles to paint, in one colour and shape."""

    tiles: Bool[Array, "height width"]
    colour: Colour
    shape: str = "tile"  # one of SHAPES
    name: str = ""  # what it shows, for a legend; see `glyphs`


Glyph = tuple[tuple[Colour, str], ...]
"""How a thing is drawn: colours and shapes, from the bottom up."""


def paint(
    layers: list[Layer], tile: int, background: Colour = FLOOR
) -> UInt8[Array, "rows columns 3"]:
    """Draw masks over one another, later ones on top.

    Args:
        layers: from the bottom up, one at least.
        tile: side of a tile in pixels. Shapes are drawn from `DETAIL` pixels up;
            below, they fill the tile.
        background: the colour of a tile that nothing covers.
    """
    height, width = layers[0].tiles.shape
    image = jnp.broadcast_to(
        jnp.array(background, jnp.uint8), (height, tile, width, tile, 3)
    )
    for layer in layers:
        where = layer.tiles[:, None, :, None]
        shape = stencil(layer.shape, tile)
        if not shape.all():
            where = where & jnp.asarray(shape)[:, None, :]
        image = jnp.where(where[..., None], jnp.array(layer.colour, jnp.uint8), image)
    return image.reshape(height * tile, width * tile, 3)


def glyphs(layers: list[Layer]) -> dict[str, Glyph]:
    """Return how each named thing is drawn, in the order of the layers.

    A name that goes on where another ends, such as "box on a target" after "box", is
    drawn over that one. Layers without a name are left out, as are those whose colour
    depends on the state.
    """
    named = [
        each
        for each in layers
        if each.name and all(isinstance(part, int) for part in each.colour)
    ]
    return {
        name: tuple(
            (each.colour, each.shape)
            for each in named
            if f"{name} ".startswith(f"{each.name} ")
        )
        for name in dict.fromkeys(each.name for each in named)
    }


def present(layers: list[Layer]) -> dict[str, Bool[Array, ""]]:
    """Return for each name of layers whether any tile shows it."""
    found: dict[str, Bool[Array, ""]] = {}
    for each in layers:
        if each.name:
            here = each.tiles.any()
            found[each.name] = found[each.name] | here if each.name in found else here
    return found


def draw_glyph(glyph: Glyph, tile: int, background: Colour = FLOOR) -> np.ndarray:
    """Return a picture of one thing, uint8[tile, tile, 3]."""
    picture = np.full((tile, tile, 3), background, np.uint8)
    for colour, shape in glyph:
        picture[stencil(shape, tile)] = colour
    return picture


def crop_picture(
    picture: UInt8[Array, "rows columns 3"],
    centre: Int[Array, "2"],
    radius: int,
    tile: int,
) -> UInt8[Array, "side side 3"]:
    """Return the window of ``2 radius + 1`` tiles a side around a tile.

    What lies beyond the grid is painted as wall.

    Args:
        picture: of the whole grid.
        centre: ``(row, column)`` of the middle tile.
        radius: in tiles.
        tile: side of a tile in pixels.
    """
    margin = radius * tile
    shape = (picture.shape[0] + 2 * margin, picture.shape[1] + 2 * margin, 3)
    around = jnp.broadcast_to(jnp.array(WALL, jnp.uint8), shape)
    padded = jax.lax.dynamic_update_slice(around, picture, (margin, margin, 0))
    side = (2 * radius + 1) * tile
    start = (centre[0] * tile, centre[1] * tile, 0)
    return jax.lax.dynamic_slice(padded, start, (side, side, 3))


def stencil(shape: str, tile: int) -> np.ndarray:
    """Return the pixels of one tile that a shape covers, bool[tile, tile].

    Raises:
        ValueError: no such shape.
    """
    if shape not in SHAPES:
        raise ValueError(f"shape '{shape}' is not one of {', '.join(SHAPES)}")
    if tile < DETAIL or shape == "tile":
        return np.ones((tile, tile), dtype=bool)
    if shape in _DRAWN:
        drawn = np.array([list(row) for row in _DRAWN[shape].split()]) == "#"
        nearest = np.arange(tile) * len(drawn) // tile
        return drawn[np.ix_(nearest, nearest)]
    middle = (np.arange(tile) + 0.5) / tile - 0.5
    down, right = np.meshgrid(middle, middle, indexing="ij")
    farther = np.maximum(np.abs(down), np.abs(right))
    if shape == "disc":
        return down**2 + right**2 < 0.36**2
    if shape == "dot":
        return down**2 + right**2 < 0.2**2
    if shape == "wedge":
        return (np.abs(right) < (down + 0.42) * 0.55) & (down < 0.34)
    if shape == "ring":
        return (farther > 0.28) & (farther < 0.44)
    if shape == "square":
        return farther < 0.42
    if shape == "diamond":
        return np.abs(down) + np.abs(right) < 0.51
    if shape == "bar":
        return (np.abs(down) < 0.14) & (np.abs(right) < 0.42)
    # cross
    return (np.abs(np.abs(down) - np.abs(right)) < 0.13) & (farther < 0.44)
