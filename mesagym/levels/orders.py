"""Best orders in which to take keys and open chests, by listing or by subsets."""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Float, Int

from mesagym.levels.lanes import in_parts, over_lanes
from mesagym.levels.solve import UNREACHABLE

LISTED = 25_000
"""Orders that are listed at most; 3 keys and 10 chests have 21,600 of them."""

FEW = 3
"""Items of the scarcer kind, up to which orders are listed where all are too many."""

CHUNK = 16
"""Levels whose subsets are gone through at once: those of so many fit a cache."""

SUBSETS = 10
"""Items up to which `fastest_tours` goes through all of their subsets."""


class Tree(NamedTuple):
    """All orders in which keys and chests can be visited, begun alike kept together.

    A node is a visit; its number is its place in the arrays of its depth.
    """

    parents: tuple[np.ndarray, ...]  # one array a depth: the visit before
    items: tuple[np.ndarray, ...]  # one array a depth: which item is visited
    orders: np.ndarray  # int[order, depth] the items of every complete order


def count_orders(keys: int, chests: int) -> int:
    """Return how many orders `list_orders` would list.

    Which of the more plentiful kind are visited, in which order each kind, and how
    the kinds interleave such that no chest comes before its key: 3 keys and 10 chests
    have 3! · 10·9·8 · 5 = 21,600, as many as 10 keys and 3 chests.
    """
    n = min(keys, chests)
    interleavings = math.comb(2 * n, n) // (n + 1)  # the Catalan number
    return math.perm(keys, n) * math.perm(chests, n) * interleavings


@functools.lru_cache(maxsize=32)
def list_orders(keys: tuple[int, ...], chests: tuple[int, ...]) -> Tree:
    """List every order in which as many chests as possible are opened.

    Args:
        keys: numbers of the items that are keys.
        chests: numbers of the items that are chests.
    """
    n = min(len(keys), len(chests))
    paths: list[tuple[int, ...]] = [()]
    parents: list[np.ndarray] = []
    for _ in range(2 * n):
        grown = []
        for number, path in enumerate(paths):
            taken = sum(item in keys for item in path)
            opened = len(path) - taken
            allowed = (keys if taken < n else ()) + (chests if taken > opened else ())
            grown += [(number, (*path, item)) for item in allowed if item not in path]
        parents.append(np.array([number for number, _ in grown], np.int32))
        paths = [path for _, path in grown]
    orders = np.array(paths, np.int32).reshape(len(paths), 2 * n)
    # Back from the leaves: what a node visits is what the orders through it visit.
    items: list[np.ndarray] = []
    through = np.arange(len(orders))
    for depth in reversed(range(2 * n)):
        visited = np.zeros(len(parents[depth]), np.int32)
        visited[through] = orders[:, depth]
        items.insert(0, visited)
        through = parents[depth][through]
    return Tree(tuple(parents), tuple(items), orders)


def trees(keys: int, chests: int) -> tuple[tuple[int, int, Tree], ...]:
    """Return the lists that levels of up to so many items are searched with.

    Each is given with the numbers of keys and of chests up to which it is complete.
    Items are numbered keys first. There is one list where all orders are few enough;
    otherwise one for few keys and one for few chests, or none.
    """
    sizes = [(keys, chests)]
    if count_orders(keys, chests) > LISTED:
        sizes = [(min(keys, FEW), chests), (keys, min(chests, FEW))]
    return tuple(
        (k, c, list_orders(tuple(range(k)), tuple(range(keys, keys + c))))
        for k, c in sizes
        if count_orders(k, c) <= LISTED
    )


def steps_between(
    fields: Int[Array, "item height width"],
    start: Int[Array, "2"],
    places: Int[Array, "item 2"],
) -> tuple[Int[Array, " item"], Int[Array, "item item"]]:
    """Return the steps from the start to each item, and from each item to each.

    Args:
        fields: distances to each item, of `mesagym.levels.visits.steps_to`.
        start: a tile.
        places: of the items; one at (-1, -1) is absent, and out of reach.
    """
    fields = fields.astype(jnp.int32)
    # Tile (-1, -1) is the border's last, a wall: out of reach without another test.
    between = fields[:, places[:, 0], places[:, 1]]
    return fields[:, start[0], start[1]], between


def best_order(
    first: Int[Array, " item"],
    between: Int[Array, "item item"],
    counts: Int[Array, "2"],
    limit: Int[Array, ""],
    discount: Float[Array, ""],
    decay: Float[Array, ""],
    *,
    max_keys: int,
) -> tuple[Float[Array, ""], Int[Array, " depth"]]:
    """Return the best value of an order of visits, and the order.

    A chest opened at step t up to the limit is worth ``discount^t (1 - decay (t -
    1))``. Walks are the shortest from item to item; what else lies on them is not
    looked at.

    Args:
        first: steps from the start to each item, of `steps_between`.
        between: steps from each item to each.
        counts: keys and chests that there are; the first of the places of each kind
            are theirs.
        limit: the last step that counts.
        discount: in (0, 1].
        decay: share of a chest's worth lost with each step.
        max_keys: items numbered below are keys, the others chests.

    Returns:
        The value, -1 where so many items are not listed; and the items in order of
        the visits, -1 behind them.
    """
    max_chests = first.shape[0] - max_keys
    depth = 2 * min(max_keys, max_chests)
    lists = trees(max_keys, max_chests)

    # One level after the other: all nodes of one fit a cache, those of many do not.
    @sequential_vmap
    def search(first, between, counts, limit, discount, decay):
        value, order = jnp.float32(-1.0), jnp.full(depth, -1, jnp.int32)
        log_discount = jnp.log(discount)
        for keys, chests, tree in lists:
            steps, total = jnp.zeros(1, jnp.int32), jnp.zeros(1)
            hops, before = first, np.zeros(1, np.int32)
            for parents, items in zip(tree.parents, tree.items, strict=True):
                begun = 0 if hops is first else before[parents] * len(between)
                steps = steps[parents] + hops[begun + items]
                # A power, by the function that vectorises.
                worth = jnp.exp(steps * log_discount) * (1.0 - decay * (steps - 1))
                counted = (steps <= limit) & (items >= max_keys)
                total = total[parents] + jnp.where(counted, worth, 0.0)
                hops, before = between.ravel(), items
            best = jnp.argmax(total)
            path = jnp.asarray(tree.orders)[best]
            path = jnp.pad(path, (0, depth - path.size), constant_values=-1)
            whole = (counts[0] <= keys) & (counts[1] <= chests)
            value = jnp.where(whole, total[best], value)
            order = jnp.where(whole, path, order)
        return value, order

    return search(first, between, counts, limit, discount, decay)


def fastest_tours(
    first: Int[Array, " item"], between: Int[Array, "item item"]
) -> tuple[Int[Array, " size"], Int[Array, " item"]]:
    """Return the fewest steps to visit any n items, and an order for all present.

    Goes through the subsets of the items (Held & Karp 1962), at most `SUBSETS`.

    Args:
        first: steps from the start to each item; absent ones are out of reach.
        between: steps from each item to each.

    Returns:
        Steps for n from 0 to all items, large where so many cannot be visited; and
        the items in the order that visits all within reach soonest, then -1.
    """
    return over_lanes(in_parts(_tours, CHUNK))(first, between)


def _tours(
    first: Int[Array, "item lane"], between: Int[Array, "item item lane"]
) -> tuple[Int[Array, "size lane"], Int[Array, "item lane"]]:
    n = len(first)
    subsets = np.arange(2**n)
    inside = (subsets[:, None] >> np.arange(n)) & 1 == 1
    without = subsets[:, None] & ~(1 << np.arange(n))
    sizes = inside.sum(axis=1)
    far = n * UNREACHABLE
    start = jnp.where((inside & (sizes == 1)[:, None])[..., None], first, far)
    longer = (inside & (sizes > 1)[:, None])[..., None]

    def extend(_: Any, ending: jax.Array) -> jax.Array:
        # ending[S, j]: fewest steps to visit the items of S, j last.
        onward = (ending[without] + between.swapaxes(0, 1)).min(axis=2)
        return jnp.where(longer, jnp.minimum(onward, far), start)

    ending = jax.lax.fori_loop(1, n, extend, start)
    fewest = ending.min(axis=1).at[0].set(0)
    tours = jnp.stack([fewest[sizes == size].min(axis=0) for size in range(n + 1)])
    return tours, jax.vmap(_backwards, in_axes=-1, out_axes=-1)(first, between, ending)


def _backwards(
    first: Int[Array, " item"],
    between: Int[Array, "item item"],
    ending: Int[Array, "subset item"],
) -> Int[Array, " item"]:
    """Return the tour of all items within reach, read from its end."""
    n = len(first)

    def before(carry: tuple[jax.Array, jax.Array], _: Any) -> tuple[Any, jax.Array]:
        subset, onward = carry
        last = jnp.argmin(ending[subset] + onward)
        item = jnp.where(subset > 0, last, -1).astype(jnp.int32)
        return (subset & ~(1 << last), between[:, last]), item

    whole = ((first < UNREACHABLE) << np.arange(n)).sum()
    _, items = jax.lax.scan(before, (whole, jnp.zeros(n, jnp.int32)), None, n)
    items = items[::-1]
    return items[jnp.argsort(items < 0)]
