"""Orders of visits: the fast search against trying every permutation."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.levels import orders
from mesagym.levels.solve import UNREACHABLE


def steps(n: int, seed: int, absent: tuple[int, ...] = ()) -> tuple[np.ndarray, ...]:
    """Steps from a start to n items and between them, as of points on a grid."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 12, (n + 1, 2))
    far = np.abs(points[:, None] - points).sum(-1)
    for item in absent:
        far[item + 1] = far[:, item + 1] = UNREACHABLE
    return far[0, 1:].astype(np.int32), far[1:, 1:].astype(np.int32)


def allowed(order: tuple[int, ...], keys: int) -> bool:
    """Whether no chest comes before its key, and all keys are used."""
    held = np.cumsum([1 if item < keys else -1 for item in order])
    return bool((held >= 0).all() and held[-1] == 0)


def plainly(keys: int, chests: int) -> list[tuple[int, ...]]:
    """Every order that opens as many chests as possible, by filtering permutations."""
    n = 2 * min(keys, chests)
    every = itertools.permutations(range(keys + chests), n)
    return [order for order in every if allowed(order, keys)]


def times(order: tuple[int, ...], first: np.ndarray, between: np.ndarray) -> list[int]:
    """The step at which each item of an order is visited."""
    hops = [first[order[0]], *(between[a, b] for a, b in itertools.pairwise(order))]
    return list(itertools.accumulate(map(int, hops)))


@pytest.mark.parametrize(("keys", "chests"), [(1, 1), (1, 4), (2, 3), (3, 2), (3, 3)])
def test_the_list_is_every_order_in_which_no_chest_comes_before_its_key(keys, chests):
    tree = orders.list_orders(tuple(range(keys)), tuple(range(keys, keys + chests)))
    listed = sorted(map(tuple, tree.orders.tolist()))
    assert listed == sorted(plainly(keys, chests))
    assert len(listed) == orders.count_orders(keys, chests)


def test_three_keys_and_ten_chests_have_21600_orders_as_has_the_reverse():
    assert orders.count_orders(3, 10) == orders.count_orders(10, 3) == 21_600
    lists = orders.trees(10, 10)
    assert [(k, c, len(tree.orders)) for k, c, tree in lists] == [
        (3, 10, 21_600),
        (10, 3, 21_600),
    ]


def test_all_orders_of_few_items_are_in_one_list_and_those_of_many_in_none():
    assert [(k, c) for k, c, _ in orders.trees(4, 4)] == [(4, 4)]
    assert orders.trees(30, 30) == ()


def search(first, between, counts, limit, discount, decay, keys):
    found = jax.jit(orders.best_order, static_argnames="max_keys")(
        jnp.asarray(first),
        jnp.asarray(between),
        jnp.asarray(counts, jnp.int32),
        jnp.int32(limit),
        jnp.float32(discount),
        jnp.float32(decay),
        max_keys=keys,
    )
    return map(np.asarray, found)


@pytest.mark.parametrize("limit", [9, 25, 500])
@pytest.mark.parametrize(("keys", "chests"), [(2, 4), (4, 2), (3, 3)])
@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_the_best_order_is_the_best_of_all(keys, chests, limit, discount):
    seen = set()
    for seed in range(8):
        first, between = steps(keys + chests, seed)
        counts = (keys, chests)
        value, order = search(first, between, counts, limit, discount, 0.01, keys)

        def worth(order, first=first, between=between):
            at = zip(order, times(order, first, between), strict=True)
            return sum(
                discount**t * (1 - 0.01 * (t - 1))
                for item, t in at
                if item >= keys and t <= limit
            )

        every = plainly(keys, chests)
        best = max(map(worth, every))
        np.testing.assert_allclose(value, best, rtol=1e-5)
        np.testing.assert_allclose(worth(tuple(order.tolist())), best, rtol=1e-5)
        seen.add(round(float(value), 3))
    assert len(seen) > 1


def test_items_that_are_absent_are_not_opened():
    first, between = steps(6, 0, absent=(1, 5))
    value, order = search(first, between, (1, 3), 500, 1.0, 0.0, 2)
    assert value == 1
    assert order[0] == 0
    assert order[1] in (2, 3, 4)


def test_more_of_both_kinds_than_are_listed_are_said_not_to_be():
    # Five and five have 604,800 orders; four of either kind are not few.
    first, between = steps(10, 0)
    value, order = search(first, between, (4, 4), 500, 1.0, 0.0, 5)
    assert value == -1
    assert (order == -1).all()
    value, _ = search(first, between, (3, 5), 500, 1.0, 0.0, 5)
    assert value == 3


@pytest.mark.parametrize("n", [1, 2, 5])
def test_tours_are_the_fastest_of_all(n: int):
    tours = jax.jit(jax.vmap(orders.fastest_tours))
    made = [steps(n, seed) for seed in range(20)]
    found, order = map(np.asarray, tours(*map(np.stack, zip(*made, strict=True))))
    for i, (first, between) in enumerate(made):
        fewest = [0]
        for size in range(1, n + 1):
            every = itertools.permutations(range(n), size)
            fewest.append(min(times(tour, first, between)[-1] for tour in every))
        assert found[i].tolist() == fewest
        assert times(tuple(order[i].tolist()), first, between)[-1] == fewest[-1]


def test_a_tour_leaves_out_what_is_absent():
    first, between = steps(5, 3, absent=(0, 3))
    found, order = orders.fastest_tours(jnp.asarray(first), jnp.asarray(between))
    assert set(order[:3].tolist()) == {1, 2, 4}
    assert order[3:].tolist() == [-1, -1]
    assert found[3] < UNREACHABLE <= found[4]


def test_a_batch_of_tours_is_that_of_each_by_itself():
    made = [steps(4, seed) for seed in range(37)]
    stacked = map(jnp.stack, zip(*made, strict=True))
    batch = jax.vmap(orders.fastest_tours)(*stacked)
    for i in (0, 16, 36):
        first, between = map(jnp.asarray, made[i])
        alone = orders.fastest_tours(first, between)
        for one, many in zip(alone, batch, strict=True):
            np.testing.assert_array_equal(one, many[i])


def test_as_many_orders_are_counted_as_ways_to_interleave_and_to_choose():
    for keys, chests in itertools.product(range(1, 4), repeat=2):
        n = min(keys, chests)
        ways = sum(
            allowed(tuple(0 if up else 1 for up in word), 1)
            for word in itertools.product([True, False], repeat=2 * n)
        )
        chosen = math.perm(keys, n) * math.perm(chests, n)
        assert orders.count_orders(keys, chests) == ways * chosen
