"""The host loop: chunk after chunk, logging, saving and stopping between them."""

import functools
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.ppo import start_optimising
from mesagym.errors import UserError
from mesagym.tracking.progress import Progress, silent
from mesagym.training import placement, state_io
from mesagym.training.chunk import (
    Cell,
    ChunkMetrics,
    Program,
    TrainState,
    start,
    train_chunk,
)

Rows = dict[str, np.ndarray]


@dataclass
class Hooks:
    """What the loop hands out; it does not know where any of it goes."""

    log: Callable[[Rows], None]  # metrics of one chunk, one row a seed and update
    save: Callable[[int, Rows], None]  # updates done, arrays of the training state
    say: Callable[[str], None]  # one line for a person
    # Updates done, weights with a leading axis of cells, bool[cells] still alive.
    snapshot: Callable[[int, Any, np.ndarray], None] = lambda *_: None
    progress: Progress = silent
    # Once, before the first chunk: seconds that it took to compile, and to start.
    compiled: Callable[[float], None] = lambda _: None


@dataclass(frozen=True)
class Trained:
    """What a finished or stopped training leaves."""

    params: Any  # weights with a leading axis of cells
    alive: np.ndarray  # bool[cells]
    updates: int
    stopped: str | None  # the signal's name where one ended it early
    seconds: float  # of this session, compilation included


class StopSignal:
    """Remembers SIGINT and SIGTERM, so that a chunk can end before the program."""

    def __init__(self) -> None:
        self.name: str | None = None

    @contextmanager
    def caught(self) -> Iterator["StopSignal"]:
        """Catch the signals inside; a second one acts as it did outside."""
        previous: dict[int, Any] = {}

        def remember(number: int, frame: FrameType | None) -> None:
            del frame
            self.name = signal.Signals(number).name
            signal.signal(number, previous[number])

        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                previous[number] = signal.signal(number, remember)
        except ValueError:
            pass  # not the main thread: whoever runs it keeps the signals
        try:
            yield self
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


@functools.lru_cache(maxsize=16)
def _compiled(program: Program, how: str) -> tuple[Any, Any]:
    """Return the start and the chunk of a grid; equal programs share them."""
    return (
        placement.over_cells(partial(start, program), how),
        placement.over_cells(partial(train_chunk, program), how),
    )


def train(
    program: Program,
    cells: Cell,
    hooks: Hooks,
    resume: Rows | None = None,
    save_seconds: float = 15.0,
    stop: StopSignal | None = None,
    how: str | None = None,
    snapshots: Collection[int] = (),
    start_from: Any = None,
) -> Trained:
    """Train a grid of cells together.

    Args:
        program: the static part.
        cells: leaves with a leading axis of cells.
        hooks: where metrics, checkpoints and words go.
        resume: arrays of a checkpoint to go on from.
        save_seconds: time between checkpoints; one is always made at the end.
        stop: a signal to end early at the next chunk, with a checkpoint.
        how: how cells are batched, see `placement`; chosen where not given.
        snapshots: after how many updates the weights are handed out, at ends of
            chunks; 0 is before the first. See `snapshot_updates`.
        start_from: weights to begin with, leaves with a leading axis of cells; fresh
            ones if None. The optimiser is fresh in either case.

    Raises:
        UserError: the checkpoint does not fit the program.
    """
    began = saved = time.monotonic()
    stop = stop or StopSignal()
    count = int(cells.seed.shape[0])
    how = how or placement.choose(count)
    begin, advance = _compiled(program, how)
    hooks.progress("compiling")
    if resume is None:
        state = begin(cells)
        if start_from is not None:
            given = jax.tree.map(jnp.asarray, start_from)
            state = replace(state, optimised=jax.vmap(start_optimising)(given))
        if 0 in snapshots:
            hooks.snapshot(0, *_weights(state))
    else:
        state = state_io.from_arrays(jax.eval_shape(begin, cells), resume)
    done = int(np.asarray(state.update)[0])
    if done % program.updates_per_chunk and done < program.total_updates:
        raise UserError(
            f"checkpoint: {done} updates do not end a chunk of "
            f"{program.updates_per_chunk}; start in a new run directory"
        )
    alive = np.asarray(state.alive)
    kept = done
    if done < program.total_updates and stop.name is None and alive.any():
        # Ahead of the first chunk, whose time is then that of a chunk; the call below
        # finds the program compiled.
        advance.lower(cells, state).compile()
        hooks.compiled(time.monotonic() - began)
    while done < program.total_updates and stop.name is None and alive.any():
        state, metrics = advance(cells, state)
        metrics = jax.tree.map(np.asarray, metrics)  # waits for the device
        done += program.updates_per_chunk
        rows = rows_of(program, np.asarray(cells.seed), metrics, alive)
        rows["clock_seconds"] = np.full(len(rows["seed"]), time.monotonic() - began)
        hooks.log(rows)
        for seed in np.asarray(cells.seed)[alive & ~metrics.alive[:, -1]]:
            hooks.say(
                f"seed {seed} stopped by update {done}: its loss is no longer finite; "
                "it is left out of the verdict. A lower agent.learning_rate may help"
            )
        alive = metrics.alive[:, -1]
        if done in snapshots:
            hooks.snapshot(done, *_weights(state))
        if time.monotonic() - saved > save_seconds:
            hooks.save(done, state_io.to_arrays(state))
            kept, saved = done, time.monotonic()
    # Asked after the loop, since a signal may come at any moment of its last turn.
    if kept < done:
        hooks.save(done, state_io.to_arrays(state))
    return Trained(
        params=state.optimised.params,
        alive=np.asarray(state.alive),
        updates=done,
        stopped=stop.name if done < program.total_updates else None,
        seconds=time.monotonic() - began,
    )


def _weights(state: TrainState) -> tuple[Any, np.ndarray]:
    weights = jax.tree.map(np.asarray, state.optimised.params)
    return weights, np.asarray(state.alive)


def snapshot_updates(count: int, chunks: int, updates_per_chunk: int) -> list[int]:
    """Return after how many updates snapshots are taken, always at ends of chunks.

    The first is before training, the second after the first chunk, the last at the
    end. From the second on each number of chunks is, as nearly as whole chunks allow,
    the same multiple of the one before it: behaviour changes most early on, and what a
    snapshot cannot tell apart is then always the same factor of time.

    Args:
        count: of snapshots; 0 for none, else from 2 to ``chunks + 1``.
        chunks: of the whole training.
        updates_per_chunk: of each.
    """
    if count and not 2 <= count <= chunks + 1:
        raise ValueError(f"{count} snapshots of {chunks} chunks")
    taken = [0, chunks if count == 2 else 1] if count else []
    while len(taken) < count:
        factor = (chunks / taken[-1]) ** (1 / (count - len(taken)))
        taken.append(max(taken[-1] + 1, round(taken[-1] * factor)))
    return [each * updates_per_chunk for each in taken]


def rows_of(
    program: Program, seeds: np.ndarray, metrics: ChunkMetrics, alive: np.ndarray
) -> Rows:
    """Return a chunk's metrics as columns, one row a seed and update.

    Args:
        program: what was trained.
        seeds: int[cells].
        metrics: leaves [cells, updates, ...].
        alive: bool[cells] before the chunk. A seed's rows end with the update that
            lost it.
    """
    cells, updates = metrics.update.shape
    columns: dict[str, np.ndarray] = {
        "seed": np.broadcast_to(seeds[:, None], (cells, updates)),
        "update": metrics.update,
        "env_steps": metrics.update.astype(np.int64) * program.shape.steps_per_update,
        "episodes": metrics.episodes,
        "length": metrics.length,
    }
    for k, name in enumerate(program.env.objective_names):
        columns[f"return_{name}"] = metrics.returns[..., k]
    for name, values in vars(metrics.learning).items():
        columns[name] = values
    for name in ("episodes", "transitions", "levels"):
        key = f"distinguishing_{name}"
        columns[key] = getattr(metrics, key).astype(np.int64)
    was_alive = np.concatenate([alive[:, None], metrics.alive[:, :-1]], axis=1)
    return {name: values[was_alive] for name, values in columns.items()}


def make_cells(
    program: Program,
    seeds: list[int],
    alpha: float,
    hyper: Any,
    weights: dict[str, float] | None = None,
    **settings: Any,
) -> Cell:
    """Return cells that differ by their seed alone.

    Args:
        program: what is compiled.
        seeds: one a cell.
        alpha: share of levels from the shifted distribution.
        hyper: of the learner.
        weights: of objectives in the reward, by name; the base one alone if None.
        **settings: of the environment's parameters, such as ``time_penalty``.

    Raises:
        UserError: a value is out of range, or a weight names no objective.
    """
    if not 0.0 <= alpha <= 1.0:
        raise UserError(f"split.alpha: {alpha} is outside [0, 1]; it is a probability")
    params = program.env.params_with(**settings)
    names = program.env.objective_names
    weights = {names[0]: 1.0} if weights is None else weights
    for name in weights:
        if name not in names:
            raise UserError(
                f"train.objectives: unknown objective '{name}'. "
                f"Allowed: {', '.join(names)}."
            )
    row = Cell(
        seed=jnp.int32(0),
        alpha=jnp.float32(alpha),
        hyper=hyper,
        weights=jnp.array([weights.get(name, 0.0) for name in names], jnp.float32),
        settings={name: getattr(params, name) for name in settings},
    )
    cells = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(seeds)), row)
    return cells.replace(seed=jnp.array(seeds, jnp.int32))
