"""Spanning trees are the lightest there are, whatever the weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.levels import mazes
from tests import reference

SHAPES = [(2, 2), (4, 5), (6, 3)]


def lightest_tree(weights: np.ndarray) -> np.ndarray:
    """Kruskal's way: passages from light to heavy, where they join two parts."""
    _, rows, columns = weights.shape
    part = {(r, c): (r, c) for r in range(rows) for c in range(columns)}
    opened = np.zeros(weights.shape, dtype=bool)
    for place in np.argsort(weights, axis=None):
        down, row, column = map(int, np.unravel_index(place, weights.shape))
        if weights[down, row, column] == mazes.NEVER:
            break
        here, there = part[row, column], part[row + down, column + 1 - down]
        if here != there:
            opened[down, row, column] = True
            part = {cell: there if p == here else p for cell, p in part.items()}
    return opened


def random_weights(shape: tuple[int, int], n: int) -> np.ndarray:
    words = jax.random.bits(jax.random.key(3), (n, 2, *shape), jnp.uint32)
    return np.array(jax.vmap(mazes.weigh)(words))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_tree_is_the_lightest(shape: tuple[int, int]):
    weights = random_weights(shape, 50)
    trees = reference.jit_once(jax.vmap(mazes.spanning_tree))(jnp.array(weights))
    for tree, weight in zip(np.asarray(trees), weights, strict=True):
        np.testing.assert_array_equal(tree, lightest_tree(weight))


def test_cells_that_nothing_joins_to_the_first_stay_apart():
    weights = random_weights((4, 5), 20)
    weights[:, 0, :, 2] = mazes.NEVER  # no passage from the third column on
    weights[:, 1, :, 3:] = mazes.NEVER
    trees = reference.jit_once(jax.vmap(mazes.spanning_tree))(jnp.array(weights))
    for tree, weight in zip(np.asarray(trees), weights, strict=True):
        near = weight.copy()
        near[:, :, 3:] = mazes.NEVER
        np.testing.assert_array_equal(tree, lightest_tree(near))


def test_weights_are_distinct_even_where_the_words_are_equal():
    words = jnp.full((2, 4, 5), 2**32 - 1, jnp.uint32)
    weights = np.asarray(mazes.weigh(words))
    inside = mazes.between_cells(4, 5)
    assert len(set(weights[inside].tolist())) == inside.sum() == 4 * 4 + 3 * 5
    assert (weights[inside] < mazes.NEVER).all()
    assert (weights[~inside] == mazes.NEVER).all()


def test_no_passage_is_lighter_than_another_on_average():
    n = 4000
    weights = random_weights((2, 3), n)[:, mazes.between_cells(2, 3)]
    lightest = np.bincount(weights.argmin(axis=1), minlength=7)
    assert stats.chisquare(lightest).pvalue > 0.001


def test_the_largest_mazes_keep_twenty_one_random_bits():
    words = jnp.zeros((2, 31, 31), jnp.uint32).at[0, 0, 0].set(1 << 11)
    weights = mazes.weigh(words)
    assert weights[0, 0, 0] == 1 << 11
    assert int(weights[1, 29, 29]) < 1 << 11
