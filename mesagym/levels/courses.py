"""Courses to run and jump along: what is on their tiles, how it is drawn and shown."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from mesagym import grid

CHANNELS = ("walls", "agent", "coin", "crates", "saws", "pits", "rising")

AIR, WALL, CRATE, SAW, PIT, VEIL = 0, 1 << 0, 1 << 3, 1 << 4, 1 << 5, 1 << 0 | 1 << 7
"""What a tile is: a bit for each channel that shows it, so that one operation a tile
finds them all. A veil looks like a wall and stops nobody."""

_AGENT, _COIN, _RISING = 1 << 1, 1 << 2, 1 << 6

LETTERS = {".": AIR, "#": WALL, "X": CRATE, "S": SAW, "~": PIT, "%": VEIL}
"""The letter of each tile in a text."""

SECTION = 4
"""Columns of a section, which has one obstacle at most and one height of ground. Its
last column is always free of obstacles, for a landing."""

FIRST, LAST = 3, 2
"""Columns without obstacles before the first section, border counted, and before the
end wall."""


def solid(tiles: UInt8[Array, "height width"]) -> Bool[Array, "height width"]:
    """Return the tiles that cannot be entered."""
    return (tiles == WALL) | (tiles == CRATE)


def deadly(tiles: UInt8[Array, "height width"]) -> Bool[Array, "height width"]:
    """Return the tiles that no step survives."""
    return (tiles == SAW) | (tiles == PIT)


def end_column(width: int, strip: int) -> int:
    """Return the column before the end wall, the border where there is no strip.

    Args:
        width: of the grid, in columns.
        strip: columns beyond the end wall, the border left out.
    """
    return width - 2 - (strip + 1 if strip else 0)


def most_ground(height: int) -> int:
    """Return most rows of ground, the bottom border apart; above are four to jump."""
    return min(max(height - 6, 1), 3)


def draw_course(
    key: jax.Array,
    size: tuple[int, int],
    strip: int,
    hills: Float[Array, ""],
    obstacles: Float[Array, "3"],
    permeable_wall: Bool[Array, ""],
) -> tuple[Int[Array, " width"], UInt8[Array, "height width"]]:
    """Draw a course of sections, from left to right, and its end wall.

    Args:
        key: randomness.
        size: height and width of the grid.
        strip: columns beyond the end wall.
        hills: probability of a new height of the ground, per section.
        obstacles: probabilities of a pit, of a pile of crates and of a saw.
        permeable_wall: whether the end wall is a veil; without a strip it is the
            border, and solid.

    Returns:
        ``(ground, tiles)``: the rows of ground in each column, and the tiles.
    """
    height, width = size
    end = end_column(width, strip)
    last = end - LAST
    sections = max(1, math.ceil((last + 1 - FIRST) / SECTION))
    columns = np.arange(width)
    section = np.clip((columns - FIRST) // SECTION, -1, sections - 1)

    chance = jax.random.uniform(key, (5, sections + 1))
    is_new, new, kind, offset, extent = chance
    is_new = (is_new < hills).at[0].set(True)
    drawn = 1 + (new * most_ground(height)).astype(jnp.int32)
    place = jnp.arange(sections + 1)
    ground = drawn[jax.lax.cummax(jnp.where(is_new, place, 0))][section + 1]

    begin = FIRST + SECTION * (place - 1) + (offset * 2).astype(jnp.int32)
    extent = 1 + (extent * 2).astype(jnp.int32)
    kind = (kind[:, None] >= jnp.cumsum(obstacles)).sum(axis=1)[section + 1]
    behind = columns - begin[section + 1]
    extent = extent[section + 1]
    inside = (columns >= FIRST) & (columns <= last) & (behind >= 0)
    pit = inside & (kind == 0) & (behind < extent)
    crates = jnp.where(inside & (kind == 1) & (behind == 0), extent, 0)
    saw = inside & (kind == 2) & (behind == 0)

    rows = np.arange(height)[:, None]
    above = (height - 2) - ground - rows  # 0 where one stands, -1 on the ground
    tiles = jnp.where(above < 0, WALL, AIR)
    tiles = jnp.where((above >= 0) & (above < crates), CRATE, tiles)
    tiles = jnp.where((above == 0) & saw, SAW, tiles)
    tiles = jnp.where(pit, jnp.where(rows == height - 2, PIT, AIR), tiles)
    if strip:
        wall = jnp.where(permeable_wall, VEIL, WALL)
        tiles = jnp.where((columns == end + 1) & (above >= 0), wall, tiles)
    border = np.ones(size, dtype=bool)
    border[1:-1, 1:-1] = False
    return ground, jnp.where(border, WALL, tiles).astype(jnp.uint8)


def with_ground(
    tiles: UInt8[Array, "height width"], column: Int[Array, ""], ground: Int[Array, ""]
) -> UInt8[Array, "height width"]:
    """Return a course with other ground in one column; its obstacles stay.

    Args:
        tiles: the course.
        column: which.
        ground: rows of ground, the bottom border apart; 0 is a pit.
    """
    height, width = tiles.shape
    rows = jnp.arange(height)[:, None]
    dug = jnp.where((tiles == WALL) | (tiles == PIT), AIR, tiles)
    dug = jnp.where(rows > height - 2 - ground, WALL, dug)
    dug = jnp.where((ground == 0) & (rows == height - 2), PIT, dug)
    inner = (jnp.arange(width) == column) & (rows > 0) & (rows < height - 1)
    return jnp.where(inner, dug, tiles).astype(jnp.uint8)


def edit_tiles(
    chance: Float[Array, "2"],
    which: Int[Array, ""],
    tiles: UInt8[Array, "height width"],
    end: Int[Array, ""],
) -> UInt8[Array, "height width"]:
    """Toggle a crate or a saw, or redraw a column's ground.

    Args:
        chance: drawn uniformly from [0, 1).
        which: 0 a crate, 1 a saw, 2 the ground, 3 nothing.
        tiles: the course.
        end: the column before the end wall, up to which ground is redrawn.
    """
    toggled = jnp.where(which == 0, CRATE, SAW).astype(jnp.uint8)
    tile = grid.random_tile(chance[0], (tiles == AIR) | (tiles == toggled))
    toggled = jnp.where(tiles == toggled, jnp.uint8(AIR), toggled)
    edited = jnp.where(grid.at(tile, *tiles.shape), toggled, tiles)

    column = 2 + (chance[0] * (end - 2)).astype(jnp.int32)
    ground = (chance[1] * (most_ground(tiles.shape[0]) + 1)).astype(jnp.int32)
    edited = jnp.where(which == 2, with_ground(tiles, column, ground), edited)
    return jnp.where(which == 3, tiles, edited)


def read_tiles(letters: np.ndarray) -> UInt8[Array, "height width"]:
    """Return the tiles of a text's letters; what is no tile's letter stands in air."""
    tiles = [[LETTERS.get(letter, AIR) for letter in row] for row in letters.tolist()]
    return jnp.array(tiles, jnp.uint8)


def write_tiles(tiles: UInt8[Array | np.ndarray, "height width"]) -> np.ndarray:
    """Return the letter of each tile, ``str[height, width]``."""
    of_tile = {tile: letter for letter, tile in LETTERS.items()}
    rows = np.asarray(tiles).tolist()
    return np.array([[of_tile[tile] for tile in row] for row in rows])


def window(
    tiles: UInt8[Array, "height width"], centre: Int[Array, "2"], radius: int
) -> UInt8[Array, "side side"]:
    """Return the tiles around one, ``2 radius + 1`` a side; beyond them are walls.

    Cut out before it is spread over channels, columns first: rows are few.
    """
    side, wall = 2 * radius + 1, jnp.uint8(WALL)
    for axis, middle in ((1, centre[1]), (0, centre[0])):
        margin = [(0, 0), (0, 0)]
        margin[axis] = (radius, radius)
        tiles = jnp.pad(tiles, margin, constant_values=wall)
        tiles = jax.lax.dynamic_slice_in_dim(tiles, middle, side, axis)
    return tiles


def as_channels(
    tiles: UInt8[Array, "row column"],
    rows: Int[Array, " row"],
    columns: Int[Array, " column"],
    agent: Int[Array, "2"],
    rises: Bool[Array, ""],
    coin: Int[Array, "2"],
) -> Bool[Array, "row column channel"]:
    """Return the channels of some tiles, given where they are.

    Args:
        tiles: the course, or a window of it.
        rows: of the tiles, which may lie beyond the course.
        columns: likewise.
        agent: ``(row, column)``.
        rises: whether the agent goes up one more tile.
        coin: ``(row, column)``, (-1, -1) where there is none.
    """
    here = (rows == agent[0])[:, None] & (columns == agent[1])
    # Without a coin it is at -1, which a window may show beyond the border.
    at_coin = (rows == coin[0])[:, None] & (columns == coin[1]) & (coin[0] >= 0)
    body = jnp.where(rises, _AGENT | _RISING, _AGENT).astype(jnp.uint8)
    seen = tiles | jnp.where(here, body, 0) | at_coin.astype(jnp.uint8) * _COIN
    # Else XLA cuts out each channel of a window anew.
    seen = jax.lax.optimization_barrier(seen)
    bits = [1 << channel for channel in range(len(CHANNELS))]
    return jnp.stack([(seen & jnp.uint8(bit)) > 0 for bit in bits], axis=-1)
