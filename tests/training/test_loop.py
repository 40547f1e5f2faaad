"""The host loop: rows, checkpoints, resuming to the same bits, stopping."""

import os
import signal
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.training import loop
from mesagym.training.loop import Hooks, StopSignal, make_cells, train
from tests.training.conftest import make_program, make_three_cells
from tests.training.test_chunk import leaves_equal


class Kept:
    """What a training handed out."""

    def __init__(self, on_log=lambda: None):
        self.rows, self.saved, self.said = [], {}, []
        self.on_log = on_log

    def hooks(self):
        return Hooks(self._log, self._save, self.said.append)

    def _log(self, rows):
        self.rows.append(rows)
        self.on_log()

    def _save(self, updates, arrays):
        self.saved[updates] = arrays

    def column(self, name):
        return np.concatenate([rows[name] for rows in self.rows])


@pytest.fixture(scope="module")
def whole(program, cells):
    """A training from start to end, saved after every chunk."""
    kept = Kept()
    return train(program, cells, kept.hooks(), save_seconds=-1.0), kept


def test_there_is_one_row_a_seed_and_update(whole):
    _, kept = whole
    pairs = set(zip(kept.column("seed"), kept.column("update"), strict=True))
    assert pairs == {(seed, update) for seed in range(3) for update in range(1, 7)}
    assert len(kept.column("seed")) == 18


def test_steps_are_counted_for_each_seed_alone(whole):
    _, kept = whole
    np.testing.assert_array_equal(kept.column("env_steps"), kept.column("update") * 64)


@pytest.mark.parametrize("at", [2, 4])
def test_a_resumed_training_ends_with_the_same_bits(whole, program, cells, at):
    trained, kept = whole
    again = Kept()
    resumed = train(
        program, cells, again.hooks(), resume=kept.saved[at], save_seconds=-1.0
    )
    assert leaves_equal(trained.params, resumed.params)
    for name, array in kept.saved[6].items():
        np.testing.assert_array_equal(array, again.saved[6][name], err_msg=name)
    old = kept.column("update") > at
    for name in again.rows[0]:
        if not name.startswith("clock_"):
            np.testing.assert_array_equal(kept.column(name)[old], again.column(name))


def test_a_finished_training_resumes_to_nothing(whole, program, cells):
    trained, kept = whole
    again = Kept()
    resumed = train(program, cells, again.hooks(), resume=kept.saved[6])
    assert again.rows == []
    assert leaves_equal(trained.params, resumed.params)


def test_a_signal_ends_the_chunk_saves_and_says_which(program, cells):
    stop = StopSignal()
    kept = Kept(on_log=lambda: os.kill(os.getpid(), signal.SIGTERM))
    with stop.caught():
        trained = train(program, cells, kept.hooks(), stop=stop)
    assert trained.stopped == "SIGTERM"
    assert trained.updates == 2
    assert list(kept.saved) == [2]


def test_a_signal_after_a_chunk_was_not_saved_saves_it_yet(program, cells, monkeypatch):
    stop, kept = StopSignal(), Kept()

    def clock():
        # The loop looks at the clock once the chunk is logged: the signal comes then.
        stop.name = "SIGTERM" if kept.rows else None
        return 0.0

    monkeypatch.setattr("mesagym.training.loop.time", SimpleNamespace(monotonic=clock))
    trained = train(program, cells, kept.hooks(), stop=stop)
    assert trained.stopped == "SIGTERM"
    assert list(kept.saved) == [2]


def test_a_lost_seed_is_named_and_the_others_end_as_without_it(whole, program, cells):
    trained, _ = whole
    rates = cells.hyper.learning_rate.at[1].set(np.nan)
    poisoned = cells.replace(hyper=cells.hyper.replace(learning_rate=rates))
    kept = Kept()
    other = train(program, poisoned, kept.hooks())
    np.testing.assert_array_equal(other.alive, [True, False, True])
    assert len(kept.said) == 1
    assert kept.said[0].startswith("seed 1 stopped")
    sound = [
        jax.tree.map(lambda leaf: np.asarray(leaf)[[0, 2]], each.params)
        for each in (trained, other)
    ]
    assert leaves_equal(*sound)
    assert (kept.column("seed") == 1).sum() == 1


def test_training_ends_where_every_seed_is_lost(program):
    cells = make_three_cells(program)
    rates = cells.hyper.learning_rate * np.nan
    cells = cells.replace(hyper=cells.hyper.replace(learning_rate=rates))
    kept = Kept()
    trained = train(program, cells, kept.hooks())
    assert trained.updates == 2
    assert not trained.alive.any()


def test_a_checkpoint_of_another_shape_is_refused(whole, cells):
    _, kept = whole
    other = make_program(pool_size=17)
    with pytest.raises(UserError, match=r"17.* is needed here"):
        train(other, cells, kept.hooks(), resume=kept.saved[2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"alpha": 1.2}, "split.alpha: 1.2 is outside"),
        ({"alpha": 0.5, "time_penalty": -1.0}, "env.time_penalty"),
        ({"alpha": 0.5, "max_steps_in_episode": 0}, "env.max_steps"),
        ({"alpha": 0.5, "weights": {"chese": 1.0}}, "unknown objective 'chese'"),
    ],
)
def test_bad_cells_are_refused_before_compiling(program, cells, given, message):
    with pytest.raises(UserError, match=message):
        make_cells(program, [0], hyper=cells.hyper, **given)


def test_compilation_is_over_before_the_first_chunk(monkeypatch, program, cells):
    begin, advance = loop._compiled(program, "map")
    done = []

    class Advance:
        def lower(self, *arguments):
            done.append("compiled")
            return advance.lower(*arguments)

        def __call__(self, *arguments):
            done.append("chunk")
            return advance(*arguments)

    monkeypatch.setattr(loop, "_compiled", lambda *_: (begin, Advance()))
    hooks = Kept().hooks()
    hooks.compiled = lambda seconds: done.append(seconds)
    trained = train(program, cells, hooks)
    assert (done[0], done[2:]) == ("compiled", ["chunk"] * 3)
    assert 0 < done[1] < trained.seconds


def test_a_signal_during_compilation_ends_before_the_first_step(program, cells):
    stop, kept = StopSignal(), Kept()

    def compiled(_):
        stop.name = "SIGINT"

    hooks = kept.hooks()
    hooks.compiled = compiled
    trained = train(program, cells, hooks, stop=stop)
    assert (trained.updates, trained.stopped) == (0, "SIGINT")
    assert (kept.rows, kept.saved) == ([], {})


def test_a_finished_training_compiles_no_chunk(whole, program, cells):
    _, kept = whole
    told = []
    hooks = Kept().hooks()
    hooks.compiled = told.append
    train(program, cells, hooks, resume=kept.saved[6])
    assert told == []
