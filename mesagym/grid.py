"""Square grids: moves, random tiles and crops, shared by every grid world."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

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


def inside(height: int, width: int) -> Bool[Array, "{height} {width}"]:
    """Return the mask that is true everywhere but on the border."""
    return jnp.zeros((height, width), dtype=bool).at[1:-1, 1:-1].set(True)


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


def random_tiles(
    bits: UInt32[Array, " tile"], mask: Bool[Array, "height width"], n: int
) -> Int[Array, "n 2"]:
    """Return ``n`` different true tiles of ``mask``, in random order.

    Where the mask has fewer, those that lack are ``(-1, -1)`` and stand last.

    Args:
        bits: one random word for each tile of the grid, in reading order.
        mask: the tiles to choose from.
        n: how many, at most the number of tiles.
    """
    # The lowest bit is the mask's: any true tile outranks every other one. Ties of
    # 31 random bits fall to the tile read first, a share of 2**-31 a pair.
    rank = (bits >> 1) | (mask.ravel().astype(jnp.uint32) << 31)
    chosen = jax.lax.top_k(rank, n)[1]
    tiles = jnp.stack(jnp.divmod(chosen, mask.shape[1]), axis=-1)
    return jnp.where(mask.ravel()[chosen][:, None], tiles, -1).astype(jnp.int32)


def random_masks(
    bits: UInt32[Array, " tile"],
    mask: Bool[Array, "height width"],
    *counts: Int[Array, ""],
) -> list[Bool[Array, "height width"]]:
    """Return the first tiles of a mask in a random order, for each of some counts.

    Args:
        bits: one random word for each tile of the grid, in reading order.
        mask: the tiles to choose from.
        *counts: how many; where the mask has fewer, it is returned whole.
    """
    # Mask, 19 random bits, and the tile itself against ties.
    rank = (bits >> 13 << 12) | jnp.arange(mask.size, dtype=jnp.uint32)
    rank |= mask.ravel().astype(jnp.uint32) << 31

    def chosen(n: Int[Array, ""]) -> Bool[Array, "height width"]:
        # The n-th highest rank, bit by bit: a tenth of what sorting costs.
        def add_bit(i: Int[Array, ""], found: jax.Array) -> jax.Array:
            higher = found | (jnp.uint32(1 << 31) >> i.astype(jnp.uint32))
            return jnp.where((rank >= higher).sum() >= n, higher, found)

        least = jax.lax.fori_loop(0, 32, add_bit, jnp.uint32(0))
        return mask & (rank >= least).reshape(mask.shape) & (n > 0)

    return [chosen(n) for n in counts]


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
