"""Lists of places, as levels hold them: in reading order, absent ones (-1, -1) last."""

from functools import reduce
from operator import or_

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from mesagym.levels import bitgrid


def reading_order(places: Int[Array, "n 2"]) -> Int[Array, " n"]:
    """Return the indices that put places in reading order, absent ones last.

    Things that are alike have one order this way, and a level one spelling: what is
    read back from a text equals what was drawn.

    Args:
        places: ``(row, column)`` each, (-1, -1) where absent.
    """
    # Above any row and column of a grid, so that absent ones sort last.
    side = 1 << 10
    rank = jnp.where(places[:, 0] >= 0, places[:, 0] * side + places[:, 1], side * side)
    return jnp.argsort(rank)


def in_order(places: Int[Array, "n 2"]) -> Int[Array, "n 2"]:
    """Return the places in reading order, absent ones last."""
    return places[reading_order(places)]


def as_mask(
    places: Int[Array, "n 2"], height: int, width: int
) -> Bool[Array, "{height} {width}"]:
    """Return the tiles where one of the places is; absent ones are nowhere."""
    rows, columns = jnp.arange(height)[:, None], places[:, 1].astype(jnp.uint32)
    words = jnp.arange(bitgrid.num_words(width), dtype=jnp.uint32)
    # Whole rows of bits: a comparison a tile and place would be ten times as much.
    marked = [
        jnp.where(
            (place[0] == rows) & (column // bitgrid.WORD == words),
            jnp.uint32(1) << (column % bitgrid.WORD),
            jnp.uint32(0),
        )
        for place, column in zip(places, columns, strict=True)
    ]
    return bitgrid.unpack(reduce(or_, marked), width)


def draw(
    walls: Bool[Array, "height width"], *things: Int[Array, "_ 2"]
) -> Bool[Array, "height width channel"]:
    """Return walls as the first channel and things in one each behind it.

    Args:
        walls: which tiles are walls.
        *things: of each further channel, the places of what it shows; absent ones
            are nowhere.
    """
    height, width = walls.shape
    num = 1 + len(things)
    # One write for all, which costs a fraction of drawing each channel.
    flat = [
        jnp.where(
            places[:, 0] >= 0,
            (places[:, 0] * width + places[:, 1]) * num + channel,
            height * width * num,
        )
        for channel, places in enumerate(things, 1)
    ]
    bare = jax.lax.pad(walls.ravel(), False, [(0, num - 1, num - 1)])
    drawn = bare.at[jnp.concatenate(flat)].set(True, mode="drop")
    return drawn.reshape(height, width, num)
