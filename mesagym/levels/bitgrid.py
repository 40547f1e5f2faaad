"""Sets of tiles as bits, 32 tiles a word, which floods and searches run on.

A set is ``uint32[height, word]``. What is annotated ``*lanes`` may have more axes
behind, for many sets at once.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, UInt32

from mesagym.levels.lanes import over_lanes

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
    words: UInt32[Array, "*sets height word"], width: int
) -> Bool[Array, "*sets height {width}"]:
    """Return sets of tiles as booleans; bits beyond ``width`` are dropped."""
    bits = words[..., None] >> jnp.arange(min(WORD, width), dtype=jnp.uint32)
    bits = (bits & 1).astype(bool)
    return bits.reshape(*words.shape[:-1], -1)[..., :width]


def spread(
    words: UInt32[Array, "height word *lanes"],
) -> UInt32[Array, "height word *lanes"]:
    """Return the tiles that touch a tile of the set on one of four sides.

    Nothing is masked: a set inside a closed border spreads onto the border at
    most, and the caller keeps what is floor.
    """
    height, num, *lanes = words.shape
    # Words in one row: beside each other whatever the axis, without index arithmetic.
    flat = words.reshape(height * num, *lanes)
    padded = jnp.pad(flat, [(num, num), *[(0, 0)] * len(lanes)])
    touched = flat << 1 | flat >> 1 | padded[: -2 * num] | padded[2 * num :]
    if num > 1:
        # The last tile of a word touches the first of the next in the same row.
        inner = np.tile(np.arange(num) > 0, height).astype(np.uint32)
        inner = inner.reshape(-1, *[1] * len(lanes))
        before, after = padded[num - 1 : -num - 1], padded[num + 1 : -num + 1]
        touched |= (before >> (WORD - 1)) & inner
        touched |= (after & np.roll(inner, -1, axis=0)) << (WORD - 1)
    return touched.reshape(words.shape)


def any_of(words: UInt32[Array, "height word *lanes"]) -> UInt32[Array, "*lanes"]:
    """Return a word for each lane that is 0 where its set is empty."""
    words = words.reshape(-1, *words.shape[2:])
    # Halves over one another: XLA does not vectorise a reduction of leading axes.
    while len(words) > 1:
        half = -(-len(words) // 2)
        words = words[:half] | words[-half:]
    return words[0]


def reachable(
    floor: UInt32[Array, "height word"], start: UInt32[Array, "height word"]
) -> UInt32[Array, "height word"]:
    """Return the floor tiles that some path joins to a tile of ``start``."""
    return over_lanes(_flood)(floor, start)


def _flood(
    floor: UInt32[Array, "height word lane"], start: UInt32[Array, "height word lane"]
) -> UInt32[Array, "height word lane"]:
    def grow(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        _, now = carry
        # Several steps a round: the test for an end costs as much as a step.
        before = now
        for _ in range(4):
            before, now = now, now | (spread(now) & floor)
        return before, now

    carry = (jnp.zeros_like(start), start & floor)
    return jax.lax.while_loop(lambda c: (c[0] != c[1]).any(), grow, carry)[1]
