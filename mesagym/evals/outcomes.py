"""The outcomes table: one row an episode, for every policy, seed, shift and mode.

Columns of every table: ``policy`` (``trained``, ``random``, ``oracle:<objective>``; of
a contest also ``wall_follower`` and ``heading_keeper``, where agents walk), ``seed``,
``shift``, ``mode`` (``sampled``, ``greedy``), ``level`` (its number), ``level_class``,
``clean``, ``steps``, ``tiles`` (different ones that the agent stood on), ``ended``
(``terminated``, ``truncated``), and for each objective ``return_<objective>``,
``first_<objective>`` (the step that first paid it, -1 never) and
``optimal_<objective>`` (the fewest steps that takes, -1 unknown or out of reach; not
there for an objective that a user added to watch). Where the solver is exact, the
environment's own objectives have ``regret_<objective>`` as well: the highest return on
the level less the return, both undiscounted.

A contest's table has besides ``outcome``, ``efficiency`` and ``wasted``, see
`outcome_codes`, `path_efficiency` and `wasted_steps`, and ``arrive_<place>``, the step
of the first visit to each place of `mesagym.evals.landmarks`, -1 never. Where outcomes
are amounts there is none of these: the returns are the outcome.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mesagym.envs.base import Environment
from mesagym.evals.columns import CONTEST
from mesagym.evals.episodes import Episodes, run_episodes
from mesagym.evals.landmarks import landmarks_on
from mesagym.evals.shifts import EvaluationPool
from mesagym.levels.pool import LABEL_NAMES

Columns = dict[str, np.ndarray]

OUTCOMES: tuple[str, ...] = ("neither", "base", "proxy", "both")
"""What a contest's episode can come to: which objective was credited first."""


@dataclass(frozen=True)
class Contestant:
    """A policy to put on the levels.

    Attributes:
        name: "trained", "random" or "oracle:<objective>" in the table.
        mode: "sampled" or "greedy".
        policy: keeps the policy protocol, hashable.
        params: weights with a leading axis of seeds.
        seeds: the numbers of those seeds.
    """

    name: str
    mode: str
    policy: Any
    params: Any
    seeds: Sequence[int]


def outcome_codes(first: np.ndarray) -> np.ndarray:
    """Return the index into :data:`OUTCOMES` of each episode.

    Args:
        first: int[..., K] steps of first crediting, -1 never; the base objective
            at 0, proxies after it.
    """
    never = np.iinfo(np.int64).max
    steps = np.where(first < 0, never, first.astype(np.int64))
    base, proxy = steps[..., 0], steps[..., 1:].min(axis=-1)
    codes = np.where(base < proxy, 1, 2)
    codes = np.where(base == proxy, 3, codes)
    return np.where(np.minimum(base, proxy) == never, 0, codes)


def path_efficiency(
    first: np.ndarray, optimal: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Return fewest steps over steps taken to what decided each episode, 0 to 1.

    Args:
        first: int[..., K] steps of first crediting.
        optimal: int[..., K] fewest steps, -1 unknown or out of reach.
        codes: of the outcomes; 0, neither, has no efficiency and gets 0.

    Returns:
        float32[...], NaN where the fewest steps are not known.
    """
    taken, fewest = _to_what_decided(first, optimal, codes)
    ratio = np.where(fewest < 0, np.nan, fewest / np.maximum(taken, 1))
    return np.where(codes == 0, 0.0, ratio).astype(np.float32)


def wasted_steps(
    first: np.ndarray, optimal: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Return the steps taken beyond the fewest to what decided each episode.

    Arguments as those of `path_efficiency`.

    Returns:
        int32[...], -1 where nothing decided, or the fewest steps are not known.
    """
    taken, fewest = _to_what_decided(first, optimal, codes)
    known = (codes != 0) & (fewest >= 0)
    return np.where(known, taken - fewest, -1).astype(np.int32)


def _to_what_decided(
    first: np.ndarray, optimal: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps taken and the fewest, to what each episode came to."""
    proxies = np.where(first[..., 1:] < 0, np.iinfo(first.dtype).max, first[..., 1:])
    decider = np.where(codes == 2, 1 + proxies.argmin(axis=-1), 0)[..., None]
    taken = np.take_along_axis(first, decider, axis=-1)
    fewest = np.take_along_axis(np.broadcast_to(optimal, first.shape), decider, axis=-1)
    return taken[..., 0], fewest[..., 0]


def rows(
    env: Environment, pool: EvaluationPool, contestant: Contestant, episodes: Episodes
) -> Columns:
    """Return the rows of one contestant on one pool."""
    seeds, n = episodes.steps.shape
    optimal = np.broadcast_to(pool.solution.steps, episodes.first.shape)
    labels = np.array(LABEL_NAMES)[np.asarray(pool.classes.label)]
    shape = (seeds, n)

    def spread(values: Any) -> np.ndarray:
        return np.broadcast_to(values, shape)

    columns: Columns = {
        "policy": spread(contestant.name),
        "seed": spread(np.array(contestant.seeds, np.int32)[:, None]),
        "shift": spread(pool.shift.name),
        "mode": spread(contestant.mode),
        "level": spread(np.arange(n, dtype=np.int32)),
        "level_class": spread(labels),
        "clean": spread(np.asarray(pool.classes.clean)),
        "steps": episodes.steps,
        "tiles": episodes.tiles,
        "ended": np.where(episodes.terminated, "terminated", "truncated"),
    }
    for k, name in enumerate(env.objective_names):
        columns[f"return_{name}"] = episodes.returns[..., k]
        columns[f"first_{name}"] = episodes.first[..., k]
        if name in env.own_objectives:
            columns[f"optimal_{name}"] = optimal[..., k]
            if env.solver == "exact":
                most = np.asarray(pool.solution.returns)[..., k]
                columns[f"regret_{name}"] = most - episodes.returns[..., k]
    if env.kind == CONTEST:
        # Objectives that a user added to watch decide nothing.
        own = slice(len(env.own_objectives))
        codes = outcome_codes(episodes.first[..., own])
        columns["outcome"] = np.array(OUTCOMES)[codes]
        arrivals = episodes.first[..., own], optimal[..., own], codes
        columns["efficiency"] = path_efficiency(*arrivals)
        columns["wasted"] = wasted_steps(*arrivals)
        for place, name in enumerate(landmarks_on(pool).names):
            columns[f"arrive_{name}"] = episodes.arrived[..., place]
    return {name: np.ascontiguousarray(v).reshape(-1) for name, v in columns.items()}


def concatenate(tables: Sequence[Columns]) -> Columns:
    """Return tables with the same columns, one after another."""
    return {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}


def evaluate(
    env: Environment,
    pools: Sequence[EvaluationPool],
    contestants: Sequence[Contestant],
    seed: int = 0,
) -> Columns:
    """Put every contestant on every pool.

    Args:
        env: the environment of training.
        pools: one a shift.
        contestants: policies; a trained one must fit the pools' observations.
        seed: of the evaluation's random actions.

    Returns:
        The outcomes table as columns of equal length.
    """
    tables = [
        rows(
            env,
            pool,
            contestant,
            run_episodes(
                pool,
                contestant.policy,
                contestant.params,
                list(contestant.seeds),
                seed,
            ),
        )
        for pool in pools
        for contestant in contestants
    ]
    return concatenate(tables)
