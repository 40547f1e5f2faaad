"""Sets of tiles as bits behave like sets of tiles, whatever the width of a row."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mesagym.levels import bitgrid
from tests import reference

HEIGHT = 6


def tiles(seed: int, width: int, share: float = 0.5) -> np.ndarray:
    return np.random.default_rng(seed).random((HEIGHT, width)) < share


def neighbours_of(inside: np.ndarray) -> np.ndarray:
    """Tiles beside a tile of the set, without wrapping around."""
    touched = np.zeros_like(inside)
    touched[1:] |= inside[:-1]
    touched[:-1] |= inside[1:]
    touched[:, 1:] |= inside[:, :-1]
    touched[:, :-1] |= inside[:, 1:]
    return touched


@jax.jit
def through_words(inside: jax.Array) -> tuple[jax.Array, jax.Array]:
    words = bitgrid.pack(inside)
    width = inside.shape[1]
    spread = bitgrid.unpack(bitgrid.spread(words), width)
    return bitgrid.unpack(words, width), spread


@settings(max_examples=20)
@given(width=st.integers(5, 64), seed=st.integers(0, 2**32 - 1))
@example(width=31, seed=0)
@example(width=32, seed=0)
@example(width=33, seed=0)
@example(width=63, seed=0)
@example(width=64, seed=0)
def test_unpacking_gives_back_what_was_packed(width: int, seed: int):
    inside = tiles(seed, width)
    unpacked, _ = through_words(jnp.asarray(inside))
    np.testing.assert_array_equal(unpacked, inside)


@settings(max_examples=20)
@given(width=st.integers(5, 64), seed=st.integers(0, 2**32 - 1))
@example(width=31, seed=0)
@example(width=32, seed=0)
@example(width=33, seed=0)
@example(width=63, seed=0)
@example(width=64, seed=0)
def test_a_set_spreads_to_its_four_neighbours_and_no_further(width: int, seed: int):
    inside = tiles(seed, width, 0.15)
    _, spread = through_words(jnp.asarray(inside))
    np.testing.assert_array_equal(spread, neighbours_of(inside))


def test_a_tile_is_the_bit_of_its_column():
    inside = np.zeros((2, 40), dtype=bool)
    inside[0, 3] = inside[1, 35] = True
    words = bitgrid.pack(jnp.asarray(inside))
    np.testing.assert_array_equal(words, [[8, 0], [0, 8]])


@pytest.mark.parametrize(("width", "words"), [(5, 1), (32, 1), (33, 2), (64, 2)])
def test_a_row_takes_as_many_words_as_it_needs(width: int, words: int):
    assert bitgrid.num_words(width) == words


@jax.jit
def flood(floor: jax.Array, start: jax.Array) -> jax.Array:
    words = bitgrid.reachable(bitgrid.pack(floor), bitgrid.pack(start))
    return bitgrid.unpack(words, floor.shape[1])


@pytest.mark.parametrize("width", [9, 40])
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.3, 0.9))
def test_a_flood_reaches_what_a_search_reaches(width: int, seed: int, share: float):
    floor = tiles(seed, width, share)
    floor[[0, -1]] = floor[:, [0, -1]] = False
    start = np.zeros_like(floor)
    start[1, 1] = True
    source = [width + 1] if floor[1, 1] else []
    far = reference.distances(reference.neighbours(~floor), source)
    reached = np.array(far).reshape(floor.shape) >= 0
    np.testing.assert_array_equal(flood(jnp.array(floor), jnp.array(start)), reached)
