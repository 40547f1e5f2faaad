"""Trained policies put to evaluators, and what they found kept beside the outcomes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from mesagym.cli.assess import contestants_of, oracles
from mesagym.evals.evaluators.base import Evaluator, History, Study
from mesagym.evals.examine import (
    FACTS,
    ROWS,
    Findings,
    examine,
    from_files,
    latest,
    needed_shifts,
    to_files,
)
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.evals.shifts import EvaluationPool, shifts_of
from mesagym.levels.shift import Shift
from mesagym.tracking.progress import Progress, silent
from mesagym.tracking.record import Record
from mesagym.training.saved import Saved

WITNESSED = 128
"""Levels of a shift, at most, on which evaluators are asked at the end of a training:
enough for readings, and few enough that they take seconds."""

_UNTRAINED = 20_221_105
"""Seed of the weights that no training has touched."""


def shifts_besides(
    asked: Sequence[Shift], evaluators: Sequence[Evaluator], trained: Saved
) -> list[Shift]:
    """Return the shifts that evaluators read besides those asked for."""
    there = {shift.name for shift in asked}
    known = shifts_of(trained.env)
    names = needed_shifts(evaluators, trained.env)
    return [known[name] for name in names if name not in there]


def find(
    trained: Saved,
    evaluators: Sequence[Evaluator],
    pools: Mapping[str, EvaluationPool],
    outcomes: Columns,
    modes: Sequence[str],
    seed: int,
    progress: Progress,
    histories: Mapping[str, History],
) -> Findings:
    """Put evaluators to trained policies, random and the experts.

    Args:
        trained: the policies.
        evaluators: those that do not apply here are named and left out.
        pools: by the shift's name.
        outcomes: of all of them on all pools.
        modes: how the trained policies act.
        seed: of everything random.
        progress: told of each evaluator.
        histories: of `histories_of`.
    """
    contestants = (*contestants_of(trained, modes), *oracles(trained.env))
    study = Study(
        trained.env,
        trained.env_params,
        pools,
        outcomes,
        contestants,
        _untrained(trained),
        seed,
        **histories,
    )
    return examine(study, evaluators, progress)


def witnesses(
    trained: Saved,
    evaluators: Sequence[Evaluator],
    pools: Mapping[str, EvaluationPool],
    outcomes: Columns,
    mode: str,
    seed: int,
    progress: Progress = silent,
) -> Findings:
    """Ask evaluators about trained policies alone, on `WITNESSED` levels of a shift.

    What a verdict's witnesses say; the null policies and the experts, on which an
    evaluator is checked, are `mesagym evaluate`'s. Arguments as those of `find`.
    """
    few = {name: _first(pool, WITNESSED) for name, pool in pools.items()}
    policies = contestants_of(trained, [mode])[:1]
    study = Study(
        trained.env, trained.env_params, few, outcomes, tuple(policies), None, seed
    )
    found, refused = [], {}
    for number, evaluator in enumerate(evaluators, 1):
        progress("evaluators", number, len(evaluators), evaluator.name)
        try:
            found.append(examine(study, [evaluator]))
        except UserError as error:
            # Too few levels for one of them bars none of the others.
            refused[evaluator.name] = str(error)
    if not found:
        return examine(study, [])
    together = latest(found)
    return replace(together, absent=together.absent | refused)


def _first(pool: EvaluationPool, n: int) -> EvaluationPool:
    """Return a pool of the first levels of another."""

    def cut(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[:n], tree)

    return replace(
        pool,
        levels=cut(pool.levels),
        classes=cut(pool.classes),
        solution=cut(pool.solution),
    )


def _untrained(trained: Saved) -> Contestant:
    """Return the same network with fresh weights, as many as there are seeds."""
    env = trained.env
    obs = jnp.zeros((1, *env.observation_shape), env.observation_space().dtype)
    key = jax.random.key(_UNTRAINED)
    fresh: list[Any] = [
        trained.policy.init(jax.random.fold_in(key, seed), obs)
        for seed in trained.seeds
    ]
    weights = jax.tree.map(lambda *leaves: jnp.stack(leaves), *fresh)
    return Contestant("untrained", "sampled", trained.policy, weights, trained.seeds)


def keep(record: Record, findings: Findings) -> None:
    """Write findings into an evaluation's folder."""
    for name, content in to_files(findings).items():
        record.write_file(name, content)


def kept(record: Record) -> Findings | None:
    """Return the findings of an evaluation's folder, None where it has none."""
    if not {ROWS, FACTS} <= set(record.contents):
        return None
    return from_files(record.read_file(ROWS), record.read_file(FACTS))
