"""How monsters come after somebody."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym import grid
from mesagym.levels.chase import chase
from mesagym.levels.layouts import get_layout
from tests import reference

SIZE, ROOMS = (7, 8), 150


@pytest.fixture(scope="module", params=["open", "blocks"])
def chased(request: pytest.FixtureRequest) -> tuple[Any, ...]:
    """Walls, chasers (one absent), whom they are after, and where they go when cold."""
    is_open = request.param == "open"

    @jax.jit
    @jax.vmap
    def room(key: jax.Array) -> tuple[jax.Array, ...]:
        key_walls, key_tiles, key_step = jax.random.split(key, 3)
        walls = get_layout(request.param)(key_walls, *SIZE)
        bits = jax.random.bits(key_tiles, (walls.size,), jnp.uint32)
        target, *chasers = grid.random_tiles(bits, ~walls, 4)
        chasers = jnp.stack([*chasers, jnp.full(2, -1)])
        step = partial(chase, key_step, walls, chasers, target, is_open=is_open)
        return walls, chasers, target, step(jnp.float32(0)), step(jnp.float32(1e6))

    keys = jax.random.split(jax.random.key(4), ROOMS)
    return tuple(map(np.asarray, room(keys)))


def steps_to(walls: np.ndarray, target: np.ndarray) -> np.ndarray:
    tile = int(target[0]) * walls.shape[1] + int(target[1])
    far = reference.distances(reference.neighbours(walls), [tile])
    return np.array(far).reshape(walls.shape)


def test_at_temperature_0_a_chaser_whom_a_way_joins_comes_one_step_closer(
    chased: tuple[Any, ...],
):
    closer = set()
    for walls, chasers, target, cold, _ in zip(*chased, strict=True):
        far = steps_to(walls, target)
        for start, end in zip(chasers[:-1], cold[:-1], strict=True):
            if far[tuple(start)] != reference.NOWHERE:
                closer.add(far[tuple(start)] - far[tuple(end)])
    assert closer == {1}


def test_an_absent_chaser_stays_absent(chased: tuple[Any, ...]):
    *_, cold, hot = chased
    assert (cold[:, -1] == -1).all()
    assert (hot[:, -1] == -1).all()


def test_at_a_high_temperature_all_four_moves_are_alike_and_walls_block(
    chased: tuple[Any, ...],
):
    walls, chasers, _, _, hot = chased
    moves, blocked = np.zeros(4), 0
    for room, starts, ends in zip(walls, chasers, hot, strict=True):
        for start, end in zip(starts[:-1], ends[:-1], strict=True):
            moved = tuple((end - start).tolist())
            blocked += moved == (0, 0)
            if moved != (0, 0):
                moves[grid.MOVES.index(moved)] += 1
            assert not room[tuple(end)]
    assert blocked > 0
    # Each within five standard deviations of a quarter.
    share, spread = moves / moves.sum(), (0.25 * 0.75 / moves.sum()) ** 0.5
    assert np.abs(share - 0.25).max() < 5 * spread
