"""How monsters come after somebody: straight, or the more astray the hotter."""

from itertools import accumulate

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mesagym import grid
from mesagym.levels.chance import step_chances
from mesagym.levels.solve import distances


def chase(
    key: jax.Array,
    walls: Bool[Array, "height width"],
    chasers: Int[Array, "chaser 2"],
    target: Int[Array, "2"],
    temperature: Float[Array, ""],
    is_open: bool = False,
) -> Int[Array, "chaser 2"]:
    """Return where chasers go in a step; absent ones, at (-1, -1), stay absent.

    Each takes one of the four moves with probability in proportion to
    exp(-d / ``temperature``), where d is the way from where the move ends to the
    target, and a blocked move ends where it began; at temperature 0 it takes a
    shortest path, ties broken evenly.

    A move ends one step closer, one farther, or where it began: a grid has no other
    ways. So only which is which matters, never the distance itself.

    Args:
        key: the step's randomness.
        walls: tiles that cannot be entered; the border is.
        chasers: ``(row, column)`` each.
        target: ``(row, column)`` of whom they are after.
        temperature: from 0, in steps.
        is_open: whether there are no walls but the border, for which the ways have a
            closed form.
    """
    row, column = chasers[:, 0], chasers[:, 1]
    if is_open:
        height, width = walls.shape
        closer = [row > target[0], column > target[1], row < target[0]]
        closer.append(column < target[1])
        blocked = [row == 1, column == 1, row == height - 2, column == width - 2]
    else:
        far = distances(walls, grid.at(target, *walls.shape))
        ends = [(row + down, column + right) for down, right in grid.MOVES]
        closer = [far[end] < far[row, column] for end in ends]
        blocked = [walls[end] for end in ends]

    # exp(-1 / 0) is 0, as it should be.
    farther = jnp.exp(-1.0 / temperature)
    shares = [
        jnp.where(near, 1.0, jnp.where(wall, farther, farther**2))
        for near, wall in zip(closer, blocked, strict=True)
    ]
    up_to = list(accumulate(shares))
    chance = step_chances(key, len(chasers)) * up_to[-1]
    chosen = sum((chance >= end).astype(row.dtype) for end in up_to[:-1])
    there = row >= 0
    goes = [(chosen == k) & there & ~wall for k, wall in enumerate(blocked)]
    up, left, down, right = (each.astype(row.dtype) for each in goes)
    return jnp.stack([row + down - up, column + right - left], axis=1)
