"""Square grids: moves, random tiles, crops and drawing, shared by every grid world."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

Colour = tuple[int, int, int]

SHAPES: tuple[str, ...] = ("tile", "disc", "wedge", "ring")

UP, LEFT, DOWN, RIGHT = range(4)

ACTION_NAMES: tuple[str, ...] = ("up", "left", "down", "right")

MOVES: tuple[tuple[int, int], ...] = ((-1, 0), (0, -1), (1, 0), (0, 1))
"""``(row, column)`` displacement of each action, in the order of the actions."""


def move(
    walls: Bool[Array, "height width"],
    position: Int[Array, "2"],
    action: Int[Array, ""],
) -> Int[Array, "2"]:
    """Return the tile that a move reaches; walls block, and the border is walls.

    Args:
        walls: which tiles are walls. The border must be, as in every level.
        position: ``(row, column)``.
        action: 0 up, 1 left, 2 down, 3 right.
    """
    target = position + jnp.array(MOVES, dtype=position.dtype)[action]
    return jnp.where(walls[target[0], target[1]], position, target)


def at(
    position: Int[Array, "2"], height: int, width: int
) -> Bool[Array, "{height} {width}"]:
    """Return the mask that is true at one tile alone."""
    return (jnp.arange(height)[:, None] == position[0]) & (
        jnp.arange(width) == position[1]
    )


def nth_tile(mask: Bool[Array, "height width"], n: Int[Array, ""]) -> Int[Array, "2"]:
    """Return ``(row, column)`` of the ``n``-th true tile in reading order.

    Args:
        mask: the tiles to count.
        n: from 0; the caller keeps it below the number of true tiles.
    """
    # Rows first, then one row: two short running sums instead of one long one.
    row_ends = jnp.cumsum(mask.sum(axis=1))
    row = jnp.argmax(row_ends > n)
    before = jnp.where(row > 0, row_ends[jnp.maximum(row - 1, 0)], 0)
    column = jnp.argmax(jnp.cumsum(mask[row]) > n - before)
    return jnp.stack([row, column]).astype(jnp.int32)


def random_tile(
    chance: Float[Array, ""], mask: Bool[Array, "height width"]
) -> Int[Array, "2"]:
    """Return a true tile of ``mask``, all alike; ``(0, 0)`` where none is true.

    Args:
        chance: drawn uniformly from [0, 1).
        mask: the tiles to choose from.
    """
    count = mask.sum()
    # A product instead of a remainder: its bias is below 2**-11 of a tile's share.
    n = (chance * count).astype(jnp.int32)
    return jnp.where(count > 0, nth_tile(mask, n), 0)


def crop(
    channels: Bool[Array, "height width channel"], centre: Int[Array, "2"], radius: int
) -> Bool[Array, "side side channel"]:
    """Return the square window around ``centre``, ``2 radius + 1`` tiles a side.

    Tiles beyond the grid show every channel false but the first, which is walls.
    """
    padded = jnp.pad(channels, ((radius, radius), (radius, radius), (0, 0)))
    outside = jnp.ones(channels.shape[:2], dtype=bool)
    outside = ~jnp.pad(outside, radius)
    padded = padded.at[..., 0].max(outside)
    side = 2 * radius + 1
    start = (centre[0], centre[1], 0)
    return jax.lax.dynamic_slice(padded, start, (side, side, channels.shape[-1]))


def paint(
    layers: list[tuple[Bool[Array, "height width"], Colour, str]],
    background: Colour,
    tile: int,
) -> UInt8[Array, "rows columns 3"]:
    """Draw masks over one another, later ones on top.

    Args:
        layers: for each the tiles to draw on, the red, green, blue colour (0 to
            255), and a shape: one of :data:`SHAPES`.
        background: the colour of a tile that nothing covers.
        tile: side of a tile in pixels. Shapes are drawn from 5 pixels up; below,
            they fill the tile.
    """
    height, width = layers[0][0].shape
    image = jnp.broadcast_to(
        jnp.array(background, jnp.uint8), (height * tile, width * tile, 3)
    )
    for mask, colour, shape in layers:
        stencil = jnp.asarray(_stencil(shape, tile))
        where = jnp.kron(mask, stencil) > 0
        image = jnp.where(where[..., None], jnp.array(colour, jnp.uint8), image)
    return image


def _stencil(shape: str, tile: int) -> np.ndarray:
    """Return the pixels of one tile that a shape covers, int[tile, tile]."""
    middle = (np.arange(tile) + 0.5) / tile - 0.5
    down, right = np.meshgrid(middle, middle, indexing="ij")
    if tile < 5 or shape == "tile":
        covered = np.ones((tile, tile), dtype=bool)
    elif shape == "disc":
        covered = down**2 + right**2 < 0.36**2
    elif shape == "wedge":
        covered = (np.abs(right) < (down + 0.42) * 0.55) & (down < 0.34)
    elif shape == "ring":
        edge = np.maximum(np.abs(down), np.abs(right))
        covered = (edge > 0.28) & (edge < 0.44)
    else:
        raise ValueError(f"shape '{shape}' is not one of {', '.join(SHAPES)}")
    return covered.astype(np.int32)
