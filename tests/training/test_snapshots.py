"""Snapshots of training, and training that goes on from given weights."""

import itertools

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.training.loop import Hooks, snapshot_updates, train
from tests.training.test_chunk import leaves_equal


class Taken:
    """What a training handed out."""

    def __init__(self):
        self.snapshots, self.saved, self.order = {}, {}, []

    def hooks(self):
        return Hooks(lambda _: None, self._save, lambda _: None, self._snapshot)

    def _save(self, updates, arrays):
        self.saved[updates] = arrays
        self.order.append(("checkpoint", updates))

    def _snapshot(self, updates, params, alive):
        self.snapshots[updates] = (params, alive)
        self.order.append(("snapshot", updates))


@pytest.fixture(scope="module")
def whole(program, cells):
    """A training with a snapshot before it and after every chunk."""
    taken = Taken()
    trained = train(
        program, cells, taken.hooks(), save_seconds=-1.0, snapshots=[0, 2, 4, 6]
    )
    return trained, taken


def test_the_last_snapshot_is_what_training_leaves(whole):
    trained, taken = whole
    assert list(taken.snapshots) == [0, 2, 4, 6]
    assert leaves_equal(taken.snapshots[6][0], trained.params)


def test_the_first_snapshot_is_from_before_training(whole, program, cells, begin):
    _, taken = whole
    first = jax.tree.map(lambda leaf: leaf[0], taken.snapshots[0][0])
    cell = jax.tree.map(lambda leaf: leaf[0], cells)
    assert leaves_equal(first, begin(cell).optimised.params)
    assert not leaves_equal(taken.snapshots[0][0], taken.snapshots[2][0])


def test_snapshots_change_no_bit_of_training(whole, program, cells):
    plain = train(program, cells, Taken().hooks())
    assert leaves_equal(whole[0].params, plain.params)


def test_a_snapshot_is_out_before_the_checkpoint_of_its_update(whole):
    _, taken = whole
    for update in (2, 4, 6):
        before = taken.order.index(("snapshot", update))
        assert before < taken.order.index(("checkpoint", update))


def test_a_resumed_training_takes_the_snapshots_that_are_left(whole, program, cells):
    _, taken = whole
    again = Taken()
    train(
        program,
        cells,
        again.hooks(),
        resume=taken.saved[2],
        snapshots=[0, 2, 4, 6],
    )
    assert list(again.snapshots) == [4, 6]
    for update, (params, _) in again.snapshots.items():
        assert leaves_equal(params, taken.snapshots[update][0])


def test_a_seed_that_lost_its_loss_is_said_in_each_later_snapshot(program, cells):
    rates = cells.hyper.learning_rate.at[1].set(np.nan)
    poisoned = cells.replace(hyper=cells.hyper.replace(learning_rate=rates))
    taken = Taken()
    train(program, poisoned, taken.hooks(), snapshots=[0, 2, 6])
    alive = [each.tolist() for _, each in taken.snapshots.values()]
    assert alive == [[True] * 3, [True, False, True], [True, False, True]]


def test_training_from_given_weights_begins_with_them_and_changes_them(
    whole, program, cells
):
    trained, _ = whole
    taken = Taken()
    other = train(
        program, cells, taken.hooks(), snapshots=[0], start_from=trained.params
    )
    assert leaves_equal(taken.snapshots[0][0], trained.params)
    assert not leaves_equal(other.params, trained.params)


def test_training_from_the_weights_that_are_fresh_is_training_afresh(
    whole, program, cells
):
    trained, taken = whole
    same = train(program, cells, Taken().hooks(), start_from=taken.snapshots[0][0])
    assert leaves_equal(same.params, trained.params)


@given(st.data())
def test_snapshots_go_from_the_start_to_the_end_each_at_its_own_chunk(data):
    chunks = data.draw(st.integers(1, 300), "chunks")
    count = data.draw(st.integers(2, chunks + 1), "count")
    updates = snapshot_updates(count, chunks, 3)
    assert len(updates) == count
    assert updates[0] == 0
    assert updates[-1] == chunks * 3
    assert all(a < b for a, b in itertools.pairwise(updates))
    assert all(each % 3 == 0 for each in updates)


def test_snapshots_are_spaced_by_a_constant_factor():
    assert snapshot_updates(8, 64, 1) == [0, 1, 2, 4, 8, 16, 32, 64]
    assert snapshot_updates(0, 64, 1) == []
    assert snapshot_updates(2, 64, 5) == [0, 320]


@pytest.mark.parametrize("count", [1, 6, -1])
def test_snapshots_that_cannot_be_are_refused(count):
    with pytest.raises(ValueError, match="snapshots of 4 chunks"):
        snapshot_updates(count, 4, 1)
