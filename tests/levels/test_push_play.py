"""Random pulls and pushes of boxes, and plans that undo and replay them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.grid import MOVES
from mesagym.levels.push_play import configurations, play, same_tiles, undone
from tests import reference

N, SIZE, LONGEST = 64, 8, 10


@pytest.fixture(scope="module", params=[True, False], ids=["pulled", "pushed"])
def played(request: pytest.FixtureRequest) -> Any:
    """Games of three boxes in an open room, with what they began from."""

    @reference.jit_once
    @jax.vmap
    def game(key: jax.Array) -> Any:
        walls = jnp.ones((SIZE, SIZE), dtype=bool).at[1:-1, 1:-1].set(False)
        bits = jax.random.bits(key, (LONGEST, 3, 4), jnp.uint32)
        boxes = jnp.array([[2, 2], [4, 5], [-1, -1]], jnp.int32)
        agent = jnp.array([3, 3], jnp.int32)
        count = jnp.int32(LONGEST - 2)
        pull = jnp.bool_(request.param)
        found = play(bits, walls, agent, boxes, count, boxes, pull)
        pushes = undone(found.moves) if request.param else found.moves
        start = found.boxes if request.param else boxes
        return boxes, found, pushes, start, configurations(start, pushes)

    games = game(jax.random.split(jax.random.key(0), N))
    return request.param, *jax.tree.map(np.asarray, games)


def test_as_many_moves_are_made_as_were_asked_for_where_boxes_do_not_get_stuck(
    played: Any,
):
    made = (played[2].moves >= 0).all(axis=2)
    assert made.sum(axis=1).max() == LONGEST - 2
    assert (made.sum(axis=1) == LONGEST - 2).mean() > 0.7
    # What was not made stands last.
    assert (np.diff(made.astype(int), axis=1) <= 0).all()


def test_each_move_brings_one_box_one_tile_on(played: Any):
    _, boxes, found, *_ = played
    before = np.concatenate([boxes[:, None], found.history[:, :-1]], axis=1)
    made = found.moves[:, :, 2] >= 0
    shift = (found.history - before).sum(axis=2)
    np.testing.assert_array_equal(shift[made], np.array(MOVES)[found.moves[made][:, 2]])
    assert (shift[~made] == 0).all()


def test_a_box_that_is_not_there_stays_away(played: Any):
    assert (played[2].history[:, :, 2] == -1).all()


def test_play_never_brings_all_boxes_onto_what_it_avoids(played: Any):
    _, boxes, found, *_ = played
    avoided = np.asarray(
        jax.vmap(jax.vmap(same_tiles, (0, None)))(found.history, boxes)
    )
    moved = (found.moves[:, :, 2] >= 0).cumsum(axis=1) > 0
    assert not avoided[moved].any()


def test_pushes_lead_from_one_end_to_the_other(played: Any):
    pulled, boxes, found, pushes, start, before = played
    made = (pushes[:, :, 2] >= 0).sum(axis=1)
    np.testing.assert_array_equal(before[:, 0], start)
    end = boxes if pulled else found.boxes
    np.testing.assert_array_equal(before[np.arange(N), made], end)
