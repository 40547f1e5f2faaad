"""Functions of a batch at once, seen from one level and from nested vmaps."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.levels.lanes import in_parts, over_lanes


def affine(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A product, and what takes a loop until the last lane is through."""
    doubled = jax.lax.while_loop(
        lambda x: (x < 100).any(), lambda x: jnp.where(x < 100, 2 * x, x), b
    )
    return a * b[:, None], doubled.sum(axis=0)


def plain(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    doubled = np.array([x * 2 ** max(0, int(np.ceil(np.log2(100 / x)))) for x in b])
    return a * b[:, None], doubled.sum()


A = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5) + 1
B = np.arange(2 * 3 * 4).reshape(2, 3, 4) + 1


def test_one_level_needs_no_vmap():
    product, doubled = over_lanes(affine)(jnp.array(A[0, 0]), jnp.array(B[0, 0]))
    expected = plain(A[0, 0], B[0, 0])
    np.testing.assert_array_equal(product, expected[0])
    assert doubled == expected[1]


@pytest.mark.parametrize("compiled", [jax.jit, lambda f: f], ids=["jit", "eager"])
def test_nested_vmaps_give_what_the_levels_give_one_by_one(compiled: Callable):
    nested = compiled(jax.vmap(jax.vmap(over_lanes(affine))))
    product, doubled = nested(jnp.array(A), jnp.array(B))
    for i in range(2):
        for j in range(3):
            expected = plain(A[i, j], B[i, j])
            np.testing.assert_array_equal(product[i, j], expected[0])
            assert doubled[i, j] == expected[1]


def test_what_is_the_same_for_all_levels_is_given_once():
    mapped = jax.vmap(jax.vmap(over_lanes(affine), in_axes=(None, 0)), in_axes=(0, 0))
    product, _ = mapped(jnp.array(A[:, 0]), jnp.array(B))
    assert product.shape == (2, 3, 4, 5)
    np.testing.assert_array_equal(product[1, 2], plain(A[1, 0], B[1, 2])[0])


def test_a_batch_is_worked_on_at_once_in_the_last_axis():
    shapes = []

    def seen(a: jax.Array) -> jax.Array:
        shapes.append(a.shape)
        return a

    jax.eval_shape(jax.vmap(jax.vmap(over_lanes(seen))), jnp.zeros((2, 3, 4, 5)))
    assert shapes[-1] == (4, 5, 6)


def test_any_axis_may_be_the_batch():
    mapped = jax.vmap(over_lanes(affine), in_axes=(2, 1), out_axes=(1, 0))
    product, doubled = mapped(jnp.array(A[0, 0])[:, :, None], jnp.array(B[0, :1]).T)
    expected = plain(A[0, 0], B[0, 0])
    np.testing.assert_array_equal(product[:, 0], expected[0])
    assert doubled[0] == expected[1]


@pytest.mark.parametrize("size", [1, 4, 6, 7])
def test_in_parts_a_function_says_the_same(size: int):
    a, b = jnp.array(A.reshape(6, 4, 5)), jnp.array(B.reshape(6, 4))
    mapped = jax.vmap(over_lanes(in_parts(affine, size)))
    product, doubled = mapped(a, b)
    expected = jax.vmap(over_lanes(affine))(a, b)
    np.testing.assert_array_equal(product, expected[0])
    np.testing.assert_array_equal(doubled, expected[1])


def test_no_more_lanes_than_asked_for_are_worked_on_at_once():
    shapes = []

    def seen(a: jax.Array) -> jax.Array:
        shapes.append(a.shape)
        return a

    jax.eval_shape(in_parts(seen, 4), jnp.zeros((2, 10)))
    assert set(shapes) == {(2, 4)}
