"""Wall layouts by name: a key and a size in, walls with a closed border out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from mesagym.errors import UserError, nearest
from mesagym.levels import bitgrid

Layout = Callable[[jax.Array, int, int], Bool[Array, "height width"]]

LOOP_PROBABILITY = 0.15
"""Share of the walls left by `tree` that `loopy` opens between two cells."""


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


def tree(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return a maze without loops: a random spanning tree of the odd tiles.

    Cells are the tiles with odd row and column; the tree is the minimum spanning
    tree of independent uniform edge weights, found by Borůvka's algorithm. In an
    even size the last inner row or column stays wall.
    """
    return _carve(key, height, width, 0.0)


def loopy(key: jax.Array, height: int, width: int) -> Bool[Array, "h w"]:
    """Return `tree` with each closed passage opened with probability .15."""
    return _carve(key, height, width, LOOP_PROBABILITY)


def _carve(
    key: jax.Array, height: int, width: int, loop_probability: float
) -> Bool[Array, "h w"]:
    rows, columns = (height - 1) // 2, (width - 1) // 2
    ends, tiles = _passages(rows, columns)
    key_weights, key_loops = jax.random.split(key)
    weights = jax.random.uniform(key_weights, (len(ends),))
    opened = _spanning_tree(weights, jnp.asarray(ends), rows * columns)
    if loop_probability:
        opened |= jax.random.bernoulli(key_loops, loop_probability, (len(ends),))
    walls = np.ones((height, width), dtype=bool)
    walls[1 : 2 * rows : 2, 1 : 2 * columns : 2] = False
    tiles = jnp.asarray(tiles)
    return jnp.asarray(walls).at[tiles[:, 0], tiles[:, 1]].set(~opened)


def _passages(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the two cells and the wall tile of every possible passage."""
    cell = np.arange(rows * columns).reshape(rows, columns)
    across = np.stack([cell[:, :-1].ravel(), cell[:, 1:].ravel()], axis=1)
    down = np.stack([cell[:-1].ravel(), cell[1:].ravel()], axis=1)
    ends = np.concatenate([across, down])
    place = np.stack([2 * (ends // columns) + 1, 2 * (ends % columns) + 1], axis=-1)
    return ends, place.sum(axis=1) // 2


def _spanning_tree(
    weights: jax.Array, ends: jax.Array, num_cells: int
) -> Bool[Array, " edge"]:
    """Return which edges are in the minimum spanning tree (Borůvka 1926).

    Each round joins every component to another by its lightest outgoing edge, so
    their number at least halves. Edges are ranked first: without ties, no round
    can close a loop.
    """
    num_edges = weights.shape[0]
    rank = jnp.argsort(jnp.argsort(weights)).astype(jnp.int32)
    by_rank = jnp.zeros(num_edges, jnp.int32).at[rank].set(jnp.arange(num_edges))

    def join(_: Any, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        component, chosen = carry
        here, there = component[ends[:, 0]], component[ends[:, 1]]
        cost = jnp.where(here == there, num_edges, rank)
        lightest = jnp.full(num_cells, num_edges, jnp.int32)
        lightest = lightest.at[here].min(cost).at[there].min(cost)
        has_edge = lightest < num_edges
        edge = by_rank[jnp.minimum(lightest, num_edges - 1)]
        chosen = chosen.at[jnp.where(has_edge, edge, num_edges)].set(True, mode="drop")
        # Components point along their edge; of two that chose the same edge the
        # lower becomes the root.
        label = jnp.arange(num_cells)
        other = component[ends[edge, 0]] + component[ends[edge, 1]] - label
        parent = jnp.where(has_edge, other, label)
        mutual = (parent[parent] == label) & (label < parent)
        parent = jnp.where(mutual, label, parent)
        for _ in range(max(1, int(np.ceil(np.log2(max(num_cells, 2)))))):
            parent = parent[parent]
        return parent[component], chosen

    rounds = max(1, int(np.ceil(np.log2(max(num_cells, 2)))))
    start = (jnp.arange(num_cells), jnp.zeros(num_edges, bool))
    return jax.lax.fori_loop(0, rounds, join, start)[1]


LAYOUTS: dict[str, Layout] = {
    "blocks": blocks,
    "open": open_layout,
    "tree": tree,
    "loopy": loopy,
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
