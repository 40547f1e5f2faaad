"""Spanning-tree mazes: cells on the odd tiles, passages by random weights."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, UInt32

from mesagym.levels.lanes import over_lanes
from mesagym.levels.randomness import chances, random_words

LOOP_PROBABILITY = 0.15
"""Share of the walls left by `tree` that `loopy` opens between two cells."""

NEVER = np.uint32(0xFFFFFFFF)
"""The weight of a passage that cannot be opened."""


def tree(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return a maze without loops: a random spanning tree of the odd tiles.

    Cells are the tiles with odd row and column; the tree is the minimum spanning
    tree of independent uniform edge weights, which is what joining cells in a
    random order of the walls between them draws (Kruskal), as in Procgen's mazes
    (Cobbe et al. 2020, arXiv 1912.01588). In an even size the last inner row or
    column stays wall.
    """
    cells = num_cells(height, width)
    (words,) = random_words(key, (2, *cells))
    return carve(spanning_tree(weigh(words)), height, width)


def loopy(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return `tree` with each closed passage opened with probability .15."""
    cells = num_cells(height, width)
    words, loops = random_words(key, (2, *cells), (2, *cells))
    extra = (chances(loops) < LOOP_PROBABILITY) & between_cells(*cells)
    return carve(spanning_tree(weigh(words)) | extra, height, width)


def procgen(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return a square `tree` of random size in the top left, walls all around it.

    The maze's inner side is drawn uniformly from the odd numbers from 3 to the
    largest that fits inside the border, as in Procgen's maze (Cobbe et al. 2020,
    arXiv 1912.01588; its game `maze`), on which Langosco et al. 2022 (arXiv
    2105.14111) built theirs. Procgen puts it in the middle of the array; here the
    tile (1, 1) is its corner whatever its size, so that every size has the same
    corner.
    """
    inner = min(height, width) - 2
    most = (inner + 1) // 2
    chance, words = random_words(key, (), (2, most, most))
    # Cells a side, on every other tile: 2 to the most that fit.
    cells = 2 + (chances(chance) * (most - 1)).astype(jnp.int32)
    inside = jnp.arange(most) < cells
    inside = inside[:, None] & inside
    ends = jnp.stack([_beside(inside, 1), _beside(inside, 0)])
    weights = jnp.where(inside & ends, weigh(words), NEVER)
    return carve(spanning_tree(weights), height, width, inside)


def num_cells(height: int, width: int) -> tuple[int, int]:
    """Return how many rows and columns of cells fit, on odd tiles."""
    return (height - 1) // 2, (width - 1) // 2


def weigh(words: UInt32[Array, "2 row column"]) -> UInt32[Array, "2 row column"]:
    """Turn random words into distinct weights of each cell's passages right and down.

    The high bits stay, at least 21 of them up to 64×64 tiles; the low bits number
    the passages, so that none weigh the same. Passages out of the grid weigh
    :data:`NEVER`.
    """
    count = words.size
    bits = (count + 1).bit_length()
    numbers = np.arange(count, dtype=np.uint32).reshape(words.shape)
    weights = (words >> bits << bits) | numbers
    return jnp.where(between_cells(*words.shape[1:]), weights, NEVER)


def between_cells(rows: int, columns: int) -> np.ndarray:
    """Return which passages right and down join two cells, bool[2, rows, columns]."""
    between = np.ones((2, rows, columns), dtype=bool)
    between[0, :, -1] = between[1, -1] = False
    return between


def spanning_tree(
    weights: UInt32[Array, "2 row column"],
) -> Bool[Array, "2 row column"]:
    """Return which passages are in the minimum spanning tree of the first cell.

    The tree grows by the lightest passage that leaves it (Prim 1957). Every step
    looks at all passages, which takes more work than sorting them, but the same
    work at the same place in every level.

    Args:
        weights: of each cell's passage to the right and down, all different but
            those of :data:`NEVER`. Cells that only such passages join to the first
            stay apart.
    """
    _, rows, columns = weights.shape
    grow = over_lanes(partial(_grow_tree, columns=columns))
    return grow(weights.reshape(2, -1)).reshape(2, rows, columns)


def _grow_tree(
    weights: UInt32[Array, "2 cell lane"], columns: int
) -> Bool[Array, "2 cell lane"]:
    right, down = weights
    num_cells, lanes = right.shape
    own = slice(columns, columns + num_cells)

    def join(_: jax.Array, carry: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        # Each cell is one place from that on its right and `columns` from that below;
        # a margin of `columns` stands for what is outside.
        joined, rightward, downward = carry
        here = joined[:num_cells]
        lightest = jnp.minimum(
            jnp.where(here != joined[1 : num_cells + 1], right, NEVER),
            jnp.where(here != joined[columns:], down, NEVER),
        )
        # Halves over one another: XLA does not vectorise a minimum of leading axes.
        while len(lightest) > 1:
            half = -(-len(lightest) // 2)
            lightest = jnp.minimum(lightest[:half], lightest[-half:])
        # Where nothing is left to join, what weighs NEVER must not be taken for it.
        weight = lightest[0]
        going = weight != NEVER
        rightward = rightward.at[own].set(rightward[own] | ((right == weight) & going))
        downward = downward.at[own].set(downward[own] | ((down == weight) & going))
        joined = (
            rightward[columns:]
            | rightward[columns - 1 : -1]
            | downward[columns:]
            | downward[:-columns]
        )
        return joined.at[0].set(True), rightward, downward

    joined = jnp.zeros((num_cells + columns, lanes), bool).at[0].set(True)
    closed = jnp.zeros((num_cells + 2 * columns, lanes), bool)
    carry = (joined, closed, closed)
    _, *opened = jax.lax.fori_loop(0, num_cells - 1, join, carry)
    return jnp.stack(opened)[:, own]


def carve(
    opened: Bool[Array, "2 row column"],
    height: int,
    width: int,
    cells: Bool[Array, "row column"] | None = None,
) -> Bool[Array, "h w"]:
    """Return the walls of a maze with its first cell at (1, 1).

    Args:
        opened: each cell's passage to the right and down; those out of the grid
            are closed.
        height: of the level.
        width: of the level.
        cells: which cells there are, all unless given.
    """
    _, rows, columns = opened.shape
    if cells is None:
        cells = jnp.ones((rows, columns), dtype=bool)
    right, down = opened
    # Two by two tiles a cell: itself, right of it, below it, and a post.
    top = jnp.stack([cells, right], axis=-1).reshape(rows, 2 * columns)
    bottom = jnp.stack([down, jnp.zeros_like(down)], axis=-1).reshape(rows, -1)
    floor = jnp.stack([top, bottom], axis=1).reshape(2 * rows, 2 * columns)
    rest = (height - 1 - 2 * rows, width - 1 - 2 * columns)
    return jnp.pad(~floor, [(1, n) for n in rest], constant_values=True)


def _beside(inside: Bool[Array, "row column"], axis: int) -> Bool[Array, "row column"]:
    """Return for each cell whether the next one along an axis is inside."""
    return jnp.roll(inside, -1, axis)
