"""Sets of tiles as bits, 32 tiles a word, which floods and searches run on."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, UInt32

WORD = 32


def num_words(width: int) -> int:
    """Return how many words hold a row of ``width`` tiles."""
    return -(-width // WORD)


def pack(tiles: Bool[Array, "height width"]) -> UInt32[Array, "height word"]:
    """Return a set of tiles as words; tile ``c`` of a row is bit ``c % 32``."""
    height, width = tiles.shape
    words = num_words(width)
    padded = jnp.pad(tiles, ((0, 0), (0, words * WORD - width)))
    bits = padded.reshape(height, words, WORD).astype(jnp.uint32)
    return (bits << jnp.arange(WORD, dtype=jnp.uint32)).sum(-1, dtype=jnp.uint32)


def unpack(
    words: UInt32[Array, "height word"], width: int
) -> Bool[Array, "height {width}"]:
    """Return a set of tiles as booleans; bits beyond ``width`` are dropped."""
    column = jnp.arange(width)
    bits = words[:, column // WORD] >> (column % WORD).astype(jnp.uint32)
    return (bits & 1).astype(bool)


def spread(words: UInt32[Array, "height word"]) -> UInt32[Array, "height word"]:
    """Return the tiles that touch a tile of the set on one of four sides.

    Nothing is masked: a set inside a closed border spreads onto the border at
    most, and the caller keeps what is floor.
    """
    right, left = words << 1, words >> 1
    if words.shape[1] > 1:
        # The last tile of a word touches the first of the next.
        carry = words[:, :-1] >> (WORD - 1), words[:, 1:] << (WORD - 1)
        right = right.at[:, 1:].set(right[:, 1:] | carry[0])
        left = left.at[:, :-1].set(left[:, :-1] | carry[1])
    padded = jnp.pad(words, ((1, 1), (0, 0)))
    return right | left | padded[:-2] | padded[2:]


def reachable(
    floor: UInt32[Array, "height word"], start: UInt32[Array, "height word"]
) -> UInt32[Array, "height word"]:
    """Return the floor tiles that some path joins to a tile of ``start``."""

    def grow(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        _, now = carry
        # Two steps a round: the test for an end costs as much as a step.
        once = (spread(now) & floor) | now
        return now, (spread(once) & floor) | once

    carry = (jnp.zeros_like(start), start & floor)
    return jax.lax.while_loop(lambda c: (c[0] != c[1]).any(), grow, carry)[1]
