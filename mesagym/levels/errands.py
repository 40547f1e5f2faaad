"""Errands on a grid: keys to fetch and chests to bring them to, bounds and ways."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int

from mesagym.levels import orders
from mesagym.levels.solve import UNREACHABLE, downhill
from mesagym.levels.visits import steps_to

PLAN_DISCOUNT = 0.999
"""Of the oracle's plan (Abdel Sadek et al. 2025's own): it opens chests soon."""

UNPLANNED = 1_000
"""Rank, in an oracle's guide, of items that it takes as they come near."""

AFTERWARDS = 100_000
"""Rank of items that it takes when all others are taken."""

DETOUR = 1_000
"""Steps that a path over a chest seems to cost whoever saves keys."""


class Survey(NamedTuple):
    """Where keys and chests lie, and the steps to them. Items are keys, then chests."""

    keys: Int[Array, "key 2"]  # absent ones (-1, -1), last
    chests: Int[Array, "chest 2"]
    counts: Int[Array, "2"]  # keys and chests that there are
    fields: Int[Array, "item height width"]  # steps to each item from every tile
    first: Int[Array, " item"]  # steps to each from the start
    between: Int[Array, "item item"]  # steps from each to each


@struct.dataclass
class Guide:
    """Where an oracle wants to go, item by item."""

    fields: Any  # int16[item, height, width] steps to each
    places: Any  # int32[item, 2], (-1, -1) absent
    kinds: Any  # uint8[item] KEY, CHEST or GHOST
    ranks: Any  # int32[item] lowest first; UNPLANNED and above by distance


def places_of(tiles: Bool[Array, "height width"], n: int) -> Int[Array, "{n} 2"]:
    """Return the first n true tiles in reading order, (-1, -1) where they are fewer."""
    found = jnp.nonzero(tiles, size=n, fill_value=-1)
    return jnp.stack(found, axis=-1).astype(jnp.int32)


def survey(
    walls: Bool[Array, "height width"],
    start: Int[Array, "2"],
    keys: Int[Array, "key 2"],
    chests: Int[Array, "chest 2"],
    counts: Int[Array, "2"],
) -> Survey:
    """Return what is known of a level's errands.

    Args:
        walls: tiles that cannot be entered.
        start: where the agent is.
        keys: places, absent ones last.
        chests: places, absent ones last.
        counts: how many of each there are.
    """
    places = jnp.concatenate([keys, chests])
    fields = steps_to(walls, places)
    first, between = orders.steps_between(fields, start, places)
    return Survey(keys, chests, counts, fields, first, between)


def best_order(
    found: Survey,
    limit: Int[Array, ""] | int,
    discount: Float[Array, ""] | float,
    decay: Float[Array, ""] | float,
) -> tuple[Float[Array, ""], Int[Array, " depth"]]:
    """Return the best value of an order of visits, and the order.

    Arguments and results as those of `mesagym.levels.orders.best_order`.
    """
    return orders.best_order(
        found.first,
        found.between,
        found.counts,
        jnp.asarray(limit, jnp.int32),
        jnp.asarray(discount, jnp.float32),
        jnp.asarray(decay, jnp.float32),
        max_keys=len(found.keys),
    )


def bounds(
    found: Survey, ghosts: Int[Array, "ghost 2"], last: Int[Array, ""]
) -> tuple[Int[Array, "3"], Float[Array, "3"]]:
    """Bound what can be earned of chests opened, keys picked up and ghosts opened.

    The bound of the chests is the best of all orders of visits by shortest walks,
    where they are listed; that of the keys the best tour of up to `orders.SUBSETS`.
    Elsewhere what is near enough to be visited first counts.

    Args:
        found: the survey.
        ghosts: places, absent ones last.
        last: the last step that counts.

    Returns:
        Steps to the first of each, -1 where there is none in time; and bounds of the
        numbers, which no policy exceeds.
    """
    n = len(found.keys)
    to_key, between = found.first[:n], found.between[:n]
    to_chest = (to_key[:, None] + between[:, n:]).min(axis=0)
    to_ghost = found.fields[:n, ghosts[:, 0], ghosts[:, 1]].astype(jnp.int32)
    to_ghost = (to_key[:, None] + to_ghost).min(axis=0)
    near = [(far <= last).sum() for far in (to_chest, to_key, to_ghost)]
    # One item a step at most, and for each chest a key.
    chests = jnp.minimum(jnp.minimum(near[0], near[1]), last // 2)
    listed = best_order(found, last, 1.0, 0.0)[0]
    chests = jnp.where(listed >= 0, jnp.round(listed).astype(jnp.int32), chests)
    picked = jnp.minimum(near[1], last)
    if n <= orders.SUBSETS:
        tours = orders.fastest_tours(to_key, between[:, :n])[0]
        picked = (tours[1:] <= last).sum()
    opened = jnp.minimum(jnp.minimum(near[2], near[1]), last // 2)
    least = jnp.stack([far.min() for far in (to_chest, to_key, to_ghost)])
    least = jnp.where(least <= last, least, -1)
    return least, jnp.stack([chests, picked, opened]) * 1.0


def guide_to_chests(found: Survey, kinds: np.ndarray) -> Guide:
    """Return the way by the best order, or to what is nearest where none is listed.

    Args:
        found: the survey.
        kinds: uint8[item], the bit of each item.
    """
    places = jnp.concatenate([found.keys, found.chests])
    order = best_order(found, UNREACHABLE - 1, PLAN_DISCOUNT, 0.0)[1]
    ranks = _ranked(jnp.full(len(places), UNPLANNED, jnp.int32), order)
    return Guide(found.fields, places, jnp.asarray(kinds), ranks)


def guide_to_keys(
    found: Survey, kinds: np.ndarray, around: Bool[Array, "height width"]
) -> Guide:
    """Return the fastest tour of the keys, and then to what is nearest of the chests.

    Args:
        found: the survey.
        kinds: uint8[item], the bit of each item.
        around: walls, and the chests that are gone around where that can be.
    """
    n, places = len(found.keys), jnp.concatenate([found.keys, found.chests])
    ranks = jnp.full(len(places), UNPLANNED, jnp.int32).at[n:].set(AFTERWARDS)
    if n <= orders.SUBSETS:
        order = orders.fastest_tours(found.first[:n], found.between[:n, :n])[1]
        ranks = _ranked(ranks, order)
    fields = _going_around(found.fields, around, places)
    return Guide(fields, places, jnp.asarray(kinds), ranks)


def guide_to_ghosts(
    walls: Bool[Array, "height width"],
    keys: Int[Array, "key 2"],
    ghosts: Int[Array, "ghost 2"],
    kinds: np.ndarray,
    around: Bool[Array, "height width"],
) -> Guide:
    """Return the way to the nearest ghost or, without a key, to the nearest key.

    Args:
        walls: tiles that cannot be entered.
        keys: places, absent ones last.
        ghosts: places, absent ones last.
        kinds: uint8[item], the bit of each item: keys, then ghosts.
        around: walls, and the chests that are gone around where that can be.
    """
    places = jnp.concatenate([keys, ghosts])
    ranks = jnp.full(len(places), UNPLANNED, jnp.int32)
    fields = _going_around(steps_to(walls, places), around, places)
    return Guide(fields, places, jnp.asarray(kinds), ranks)


def _ranked(ranks: Int[Array, " item"], order: Int[Array, " visit"]) -> Any:
    """Return the ranks with those of an order's items their places in it."""
    order = jnp.where(order < 0, len(ranks), order)
    return ranks.at[order].set(jnp.arange(order.size), mode="drop")


def _going_around(
    fields: Int[Array, "item height width"],
    around: Bool[Array, "height width"],
    places: Int[Array, "item 2"],
) -> Int[Array, "item height width"]:
    # A chest on the way would use up a key, or end the episode.
    free = steps_to(around, places)
    over = jnp.where(fields < UNREACHABLE, fields + DETOUR, UNREACHABLE)
    return jnp.where(free < UNREACHABLE, free, over).astype(jnp.int16)


def guided_move(
    guide: Guide,
    wanted: Bool[Array, " item"],
    is_key: Bool[Array, " item"],
    walls: Bool[Array, "height width"],
    agent: Int[Array, "2"],
) -> Int[Array, ""]:
    """Return the move towards what a guide wants most.

    Args:
        guide: the guide.
        wanted: which items are there and can be taken or opened now.
        is_key: which items are keys.
        walls: tiles that cannot be entered.
        agent: where it stands.
    """
    far = guide.fields[:, agent[0], agent[1]].astype(jnp.int32)
    # Nothing to open is left for later while a key for it is held.
    far += jnp.where(is_key & (wanted & ~is_key).any(), UNREACHABLE, 0)
    score = guide.ranks + jnp.where(guide.ranks < UNPLANNED, 0, far)
    field = guide.fields[jnp.argmin(jnp.where(wanted, score, 2 * AFTERWARDS))]
    return downhill(walls, field, agent)
