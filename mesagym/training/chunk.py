"""The compiled unit of training: refill the pool, then some updates. Pure."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from mesagym.agents import ppo
from mesagym.agents.ppo import Optimised, PPOHyper, PPOShape, UpdateMetrics
from mesagym.agents.rollout import Workers, start_workers
from mesagym.envs.base import Environment
from mesagym.levels.pool import DISTINGUISHING, LevelPool

EXPLODED = 1e6
"""A loss above this counts as lost, like one that is not a number."""


@dataclass(frozen=True)
class Program:
    """What a compiled chunk is built around. Equal programs compile once."""

    env: Environment
    policy: Any  # hashable, see the policy protocol
    shape: PPOShape
    updates_per_chunk: int
    total_updates: int
    pool_size: int
    refill: bool  # fresh levels each chunk; otherwise the first ones for good
    shortest_episode: int  # steps after which the time limit first cuts off

    @property
    def steps_per_chunk(self) -> int:
        """Environment steps of one cell in one chunk."""
        return self.updates_per_chunk * self.shape.steps_per_update


@struct.dataclass
class Cell:
    """One training run of a grid: what may differ between them, all traced."""

    seed: Any  # int32[]
    alpha: Any  # float32[]
    hyper: PPOHyper
    weights: Any  # float32[K] of the objectives in the reward
    settings: Any  # other values of the environment's parameters, by name


@struct.dataclass
class Bought:
    """What α bought so far; a rate alone does not say what a run has seen."""

    episodes: Any  # int32[] finished on distinguishing levels
    transitions: Any  # int32[] on them
    levels: Any  # int32[] distinct ones started, in pools before this one


@struct.dataclass
class TrainState:
    """Everything that training carries, and all that a checkpoint holds."""

    optimised: Optimised
    workers: Workers
    pool: LevelPool
    key: Any
    update: Any  # int32[] updates done
    alive: Any  # bool[] false once the loss was lost
    bought: Bought


@struct.dataclass
class ChunkMetrics:
    """One row an update; leaves [updates, ...]."""

    update: Any  # int32[] from 1
    alive: Any  # bool[]
    episodes: Any  # int32[]
    returns: Any  # float32[K] mean per finished episode, NaN where none finished
    length: Any  # float32[] mean steps of finished episodes
    learning: UpdateMetrics
    distinguishing_episodes: Any  # int32[] so far
    distinguishing_transitions: Any  # int32[] so far
    distinguishing_levels: Any  # int32[] distinct ones so far


def _env_params(program: Program, cell: Cell, pool: LevelPool) -> Any:
    params = program.env.make_params(pool)
    return params.replace(weights=cell.weights, **cell.settings)


def _fresh_pool(
    program: Program, cell: Cell, key: jax.Array, generation: Any
) -> LevelPool:
    n = program.pool_size
    blank = jax.eval_shape(lambda: program.env.make_pool(key, n))
    settings = _env_params(program, cell, blank)
    return program.env.make_pool(key, n, settings, cell.alpha, generation)


def _distinct(state: TrainState) -> jax.Array:
    """Return how many distinct distinguishing levels were ever started."""
    telling = state.pool.classes.label == DISTINGUISHING
    return state.bought.levels + (telling & state.workers.visited).sum()


def start(program: Program, cell: Cell) -> TrainState:
    """Return the state before the first update."""
    key = jax.random.fold_in(jax.random.key(0), cell.seed)
    key, key_pool, key_network, key_reset = jax.random.split(key, 4)
    pool = _fresh_pool(program, cell, key_pool, 0)
    workers = start_workers(
        program.env,
        program.policy,
        key_reset,
        _env_params(program, cell, pool),
        program.shape.num_envs,
    )
    params = program.policy.init(key_network, workers.obs[:1])
    none = jnp.int32(0)
    return TrainState(
        optimised=ppo.start_optimising(params),
        workers=workers,
        pool=pool,
        key=key,
        update=none,
        alive=jnp.bool_(True),
        bought=Bought(none, none, none),
    )


def _refill(program: Program, cell: Cell, state: TrainState) -> TrainState:
    """Replace the pool. Running episodes keep the level in their state."""
    key, key_pool = jax.random.split(state.key)
    pool = _fresh_pool(program, cell, key_pool, state.pool.generation + 1)
    unvisited = jnp.zeros_like(state.workers.visited)
    return replace(
        state,
        key=key,
        pool=pool,
        bought=replace(state.bought, levels=_distinct(state)),
        workers=replace(state.workers, visited=unvisited),
    )


def train_chunk(
    program: Program, cell: Cell, state: TrainState
) -> tuple[TrainState, ChunkMetrics]:
    """Run ``updates_per_chunk`` updates of one cell.

    A cell whose loss or weights are lost (not finite, or a loss above
    :data:`EXPLODED`) keeps the weights from before and stays as it is from then
    on; it cannot touch another cell.

    Returns:
        The state after, and metrics with a leading axis of updates.
    """
    if program.refill:
        # The first chunk has the pool that the run started with.
        state = jax.lax.cond(
            state.update > 0,
            lambda state: _refill(program, cell, state),
            lambda state: state,
            state,
        )
    env_params = _env_params(program, cell, state.pool)

    def one_update(state: TrainState, _: None) -> tuple[TrainState, ChunkMetrics]:
        key, key_update = jax.random.split(state.key)
        optimised, workers, learning, counts = ppo.update(
            program.env,
            program.policy,
            program.shape,
            program.shortest_episode,
            state.optimised,
            state.workers,
            key_update,
            cell.hyper,
            env_params,
            state.update / program.total_updates,
        )
        sound = jnp.isfinite(_sum_of(optimised.params))
        for value in (learning.loss_policy, learning.loss_value, learning.grad_norm):
            sound &= jnp.abs(value) < EXPLODED  # false for NaN, too
        alive = state.alive & sound
        optimised = jax.tree.map(
            lambda new, old: jnp.where(alive, new, old), optimised, state.optimised
        )
        state = replace(
            state,
            optimised=optimised,
            workers=workers,
            key=key,
            update=state.update + 1,
            alive=alive,
            bought=replace(
                state.bought,
                episodes=state.bought.episodes + counts.distinguishing_episodes,
                transitions=state.bought.transitions
                + counts.distinguishing_transitions,
            ),
        )
        some = jnp.maximum(counts.episodes, 1)
        none = jnp.where(counts.episodes > 0, 0.0, jnp.nan)
        return state, ChunkMetrics(
            update=state.update,
            alive=alive,
            episodes=counts.episodes,
            returns=counts.returns / some + none,
            length=counts.length / some + none,
            learning=learning,
            distinguishing_episodes=state.bought.episodes,
            distinguishing_transitions=state.bought.transitions,
            distinguishing_levels=_distinct(state),
        )

    return jax.lax.scan(one_update, state, None, length=program.updates_per_chunk)


def _sum_of(tree: Any) -> jax.Array:
    return jnp.stack([leaf.sum() for leaf in jax.tree.leaves(tree)]).sum()
