"""Wall layouts by name: a key and a size in, walls with a closed border out."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt32

from mesagym.errors import UserError, nearest
from mesagym.levels import bitgrid, mazes
from mesagym.levels.noise import noise_field
from mesagym.levels.randomness import chances, random_words

Layout = Callable[[jax.Array, int, int], Bool[Array, "height width"]]

EDGE_PROBABILITY = 0.75
"""Chance that `edges` opens a passage. Far enough above 1/2, where the square lattice
begins to percolate (Kesten 1980), that most cells are joined, and walls remain."""

NOISE_OCTAVES = 2
"""Octaves of `noise`, of 4 and 2 tiles: bays, and the last grain that tiles show."""

NOISE_THRESHOLD = 0.55
"""Height of the noise, in standard deviations, above which `noise` has walls: a share
of .30 over levels, a little more than the .25 of `blocks`, which block more."""

ROOM_PITCH = 6
"""Tiles from wall to wall in `rooms`, on average: two rooms a side at 13 tiles, the
size of the four rooms of Sutton, Precup & Singh 1999."""

SMALLEST_ROOM = 2
"""Tiles that a room of `rooms` is wide at least, where the size has them."""

DOOR_PROBABILITY = 0.5
"""Chance that `rooms` opens a door that its spanning tree left closed: half way from
a tree of rooms to all doors open, as in the four rooms."""


def _border(height: int, width: int) -> np.ndarray:
    walls = np.zeros((height, width), dtype=bool)
    walls[[0, -1], :] = True
    walls[:, [0, -1]] = True
    return walls


def open_layout(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return a room without inner walls."""
    del key
    return jnp.asarray(_border(height, width))


def blocks(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return a room whose inner tiles are walls with probability .25 each.

    After the block mazes of Abdel Sadek et al. 2025 (arXiv 2507.03068).
    """
    # Two fair bits that are both set have probability .25, 32 tiles a word.
    words = jax.random.bits(key, (2, height, bitgrid.num_words(width)), jnp.uint32)
    inner = bitgrid.unpack(words[0] & words[1], width)
    return inner | _border(height, width)


def edges(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return cells on the odd tiles, each passage between two open with chance .75.

    Bond percolation on a rectangle: loops of every size, and cells here and there
    that no path reaches. In an even size the last inner row or column stays wall.
    """
    cells = mazes.num_cells(height, width)
    (words,) = random_words(key, (2, *cells))
    opened = (chances(words) < EDGE_PROBABILITY) & mazes.between_cells(*cells)
    return mazes.carve(opened, height, width)


def noise(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return a room whose inner tiles are walls where gradient noise is high.

    Caves and bays where `blocks` is salt and pepper. About .3 of the inner tiles are
    walls, more in one level and fewer in another.
    """
    field = noise_field(key, height, width, NOISE_OCTAVES)
    return (field > NOISE_THRESHOLD) | _border(height, width)


def rooms(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return rooms beside and above one another, joined by doors one tile wide.

    After the four rooms of Sutton, Precup & Singh 1999 (Artificial Intelligence
    112), with walls at random places and as many rooms as the size holds: 2 x 2 up
    to 15 x 15 tiles, one more a side for every 6 tiles. A random spanning tree of
    the rooms has its doors open, so every floor tile is joined to every other; a
    door between two rooms that the tree does not join is open with probability .5.
    """
    count = (_rooms_a_side(height), _rooms_a_side(width))
    cut_rows, cut_columns, doors, extra, words = random_words(
        key, *((n - 1,) for n in count), *[(2, *count)] * 3
    )
    rows, columns = _cuts(cut_rows, height), _cuts(cut_columns, width)
    opened = mazes.spanning_tree(mazes.weigh(words))
    opened |= (chances(extra) < DOOR_PROBABILITY) & mazes.between_cells(*count)

    wall_rows = (rows[:, None] == np.arange(height)).any(axis=0)
    wall_columns = (columns[:, None] == np.arange(width)).any(axis=0)
    walls = wall_rows[:, None] | wall_columns
    # A door stands at a random place of the wall between two rooms.
    gaps = jnp.diff(rows)[:, None] - 1, jnp.diff(columns) - 1
    chance = chances(doors)
    door_row = rows[:-1, None] + 1 + (chance[0] * gaps[0]).astype(jnp.int32)
    door_column = columns[:-1] + 1 + (chance[1] * gaps[1]).astype(jnp.int32)
    # A closed door is written outside, which drops it.
    door_row = jnp.where(opened[0], door_row, height)
    door_column = jnp.where(opened[1], door_column, width)
    walls = walls.at[door_row, columns[1:]].set(False, mode="drop")
    return walls.at[rows[1:, None], door_column].set(False, mode="drop")


def _rooms_a_side(size: int) -> int:
    return max(2, round((size - 1) / ROOM_PITCH))


def _cuts(words: UInt32[Array, " inner"], size: int) -> Int[Array, " wall"]:
    """Return the places of the walls along one side, rising, first and last the border.

    Rooms are at least :data:`SMALLEST_ROOM` tiles wide where the size allows it. What
    is left over is split at points drawn independently and uniformly.
    """
    count = len(words) + 1
    pitch = min(SMALLEST_ROOM + 1, (size - 1) // count)
    spare = size - 1 - count * pitch
    split = jnp.sort((chances(words) * (spare + 1)).astype(jnp.int32))
    inner = split + pitch * np.arange(1, count)
    return jnp.concatenate([jnp.array([0]), inner, jnp.array([size - 1])])


LAYOUTS: dict[str, Layout] = {
    "blocks": blocks,
    "open": open_layout,
    "tree": mazes.tree,
    "loopy": mazes.loopy,
    "edges": edges,
    "noise": noise,
    "rooms": rooms,
    "procgen": mazes.procgen,
}


def get_layout(name: str) -> Layout:
    """Return the layout of a name.

    Raises:
        UserError: no layout has that name.
    """
    if name not in LAYOUTS:
        raise UserError(
            f"env.layout: unknown layout '{name}'." + nearest(name, LAYOUTS)
        )
    return LAYOUTS[name]
