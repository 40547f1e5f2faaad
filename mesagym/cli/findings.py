"""Trained policies put to evaluators, and what they found kept beside the outcomes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from mesagym.cli.assess import contestants_of, oracles
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import Evaluator, History, Study
from mesagym.evals.examine import (
    FACTS,
    ROWS,
    Findings,
    examine,
    from_files,
    needed_shifts,
    to_files,
)
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.evals.shifts import EvaluationPool, shifts_of
from mesagym.levels.shift import Shift
from mesagym.tracking import RunDirectory
from mesagym.tracking.record import Record
from mesagym.training.saved import Saved, load_snapshots

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
    say: Callable[[str], None],
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
        say: told what is under way.
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
    return examine(study, evaluators, say)


def histories_of(
    run: RunDirectory,
    trained: Saved,
    baseline: str | None,
    outward: str | None,
    mode: str,
) -> dict[str, History]:
    """Return the policies of a run's snapshots, and of the runs it is compared with.

    Args:
        run: without snapshots it has no history, which is none of its faults.
        trained: its policies at the end.
        baseline: a run matched with it.
        outward: the run that it comes back from.
        mode: how the policies act.

    Raises:
        UserError: a run to compare with that has no snapshots, another environment,
            other seeds or, the baseline, other steps.
    """
    found: dict[str, History] = {}
    if run.snapshots():
        found["history"] = _history(run, trained, mode, "run")
    for key, path in (("baseline", baseline), ("outward", outward)):
        if path is not None:
            found[key] = _history(RunDirectory.read(path), trained, mode, key)
    matched = [[t for t, _ in found.get(k, ())] for k in ("history", "baseline")]
    if all(matched) and matched[0] != matched[1]:
        raise UserError(
            f"baseline: '{baseline}' has snapshots at other steps than '{run.path}'; "
            "train it with the same train.steps and train.snapshots"
        )
    return found


def _history(run: RunDirectory, trained: Saved, mode: str, key: str) -> History:
    found = load_snapshots(run)
    for _, saved in found:
        if saved.env != trained.env:
            raise UserError(
                f"{key}: '{run.path}' was trained in another environment, or with "
                "other settings of it; compare runs of the same"
            )
        if missing := sorted(set(trained.seeds) - set(saved.seeds)):
            raise UserError(
                f"{key}: '{run.path}' has no snapshot of seed {missing[0]}; name the "
                "seeds that all have, seeds=[...]"
            )
    return tuple(
        (steps, contestants_of(saved, [mode])[0])
        for steps, saved in load_snapshots(run, trained.seeds)
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
