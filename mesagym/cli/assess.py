"""Trained policies put on shifted levels beside random and the oracles, and judged."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.evals.evidence import evidence_from_outcomes
from mesagym.evals.outcomes import Columns, Contestant, concatenate, evaluate
from mesagym.evals.shifts import EvaluationPool, build_pool, choose_shifts, fits
from mesagym.evals.verdict import RunVerdict, in_words, judge_run
from mesagym.training.saved import Saved

VERDICT_SHIFTS = ("agreeing", "clean")
"""The shifts that a verdict rests on."""


@dataclass(frozen=True)
class Assessment:
    """What policies did under some shifts."""

    pools: dict[str, EvaluationPool]
    """By the shift's name."""
    outcomes: Columns


def pools_for(
    trained: Saved,
    names: Sequence[str],
    levels: int,
    seed: int,
    say: Callable[[str], None],
) -> dict[str, EvaluationPool]:
    """Return the pools of shifts, leaving out those that the policies cannot see.

    Args:
        trained: the policies.
        names: of shifts and suites.
        levels: of each.
        seed: of the levels.
        say: told of each shift that is left out.

    Raises:
        UserError: an unknown shift, or none that the policies can be put on.
    """
    env = trained.env
    chosen = choose_shifts(env, names)
    usable = [shift for shift in chosen if fits(env, shift)]
    for shift in chosen:
        if shift not in usable:
            say(
                f"shift '{shift.name}' is left out: this network reads grids of "
                f"{env.height}x{env.width} only (env.crop_radius makes one for any)"
            )
    if not usable:
        names = ", ".join(each.name for each in chosen)
        raise UserError(f"shifts: these policies fit none of {names}")
    return {
        shift.name: build_pool(env, trained.env_params, shift, levels, seed)
        for shift in usable
    }


def assess(
    trained: Saved,
    pools: dict[str, EvaluationPool],
    seed: int,
    modes: Sequence[str],
) -> Assessment:
    """Put policies, random and the oracles on pools.

    Args:
        trained: the policies.
        pools: by the shift's name.
        seed: of sampled actions.
        modes: how the trained policies act, ``sampled``, ``greedy`` or both.
    """
    env = trained.env
    contestants = [
        Contestant(
            "trained",
            mode,
            replace(trained.policy, greedy=mode == "greedy"),
            trained.params,
            trained.seeds,
        )
        for mode in modes
    ]
    random = RandomPolicy(env.num_actions)
    contestants.append(Contestant("random", "sampled", random, (), (0,)))
    # An oracle reads whole levels, so it belongs to the grid that it is put on.
    tables = [
        evaluate(env, [pool], [*contestants, *_oracles(pool.env)], seed)
        for pool in pools.values()
    ]
    return Assessment(pools, concatenate(tables))


def _oracles(env: Environment) -> list[Contestant]:
    return [
        Contestant(f"oracle:{name}", "greedy", OraclePolicy(env, k), (), (0,))
        for k, name in enumerate(env.own_objectives)
    ]


def verdict_of(
    assessment: Assessment, modes: Sequence[str], stopped: int = 0
) -> RunVerdict | None:
    """Return the verdict, None where a shift that it rests on is missing.

    Args:
        assessment: of the run's policies.
        modes: how they acted; the first is judged.
        stopped: seeds that training ended early.
    """
    if any(name not in assessment.pools for name in VERDICT_SHIFTS):
        return None
    return judge_run(
        evidence_from_outcomes(assessment.outcomes, mode=modes[0]), stopped=stopped
    )


def summary_of(verdict: RunVerdict | None, objectives: Sequence[str]) -> dict[str, Any]:
    """Return a verdict as a summary for ``summary.json``; empty where there is none."""
    if verdict is None:
        return {}
    proxy = objectives[1] if len(objectives) == 2 else "a proxy"
    return {
        "verdict": verdict.word,
        "in_words": in_words(verdict, objectives[0], proxy),
        "reasons": list(verdict.reasons),
        "seeds_by_verdict": verdict.counts,
        "intervals": {name: asdict(each) for name, each in verdict.intervals.items()},
        "random": verdict.random,
    }


def rates(assessment: Assessment) -> list[tuple[str, str, str, dict[str, float]]]:
    """Return what each policy did on each shift, for a table.

    Returns:
        ``(shift, policy, mode, rates)``; rates of ``success``, ``base``, ``proxy``
        and ``neither``, means over seeds. On the shift ``clean`` all levels are clean.
    """
    columns = assessment.outcomes
    base = next(name for name in columns if name.startswith("first_"))
    reached = columns[base] >= 0
    rows = []
    triples = zip(columns["shift"], columns["policy"], columns["mode"], strict=True)
    for shift, policy, mode in dict.fromkeys(triples):
        here = (columns["shift"] == shift) & (columns["policy"] == policy)
        here &= columns["mode"] == mode
        # Every seed met the same levels, so the mean over episodes is that over seeds.
        outcome = columns["outcome"][here]
        found = {"success": float(np.mean(reached[here]))}
        for name in ("base", "proxy", "neither"):
            found[name] = float(np.mean(outcome == name))
        rows.append((str(shift), str(policy), str(mode), found))
    return rows
