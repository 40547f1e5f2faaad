"""Trained policies put on shifted levels beside random and the experts, and judged."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.agents.scripted import Heading, WallFollower
from mesagym.envs.base import Environment
from mesagym.envs.level_files import read_levels
from mesagym.errors import UserError
from mesagym.evals.amounts import IN_WORDS, Amounts
from mesagym.evals.amounts_verdict import (
    SHIFTED,
    TRAINING,
    AmountsVerdict,
    amounts_in_words,
    amounts_reasons,
    judge_amounts,
)
from mesagym.evals.columns import (
    CONTEST,
    kind_of,
    objectives_of,
    own_objectives_of,
    phrase,
    proxies_in_words,
    proxies_phrase,
    spoken,
)
from mesagym.evals.evidence import NULLS
from mesagym.evals.examine import Findings
from mesagym.evals.landmarks import walks
from mesagym.evals.outcomes import Columns, Contestant, concatenate, evaluate
from mesagym.evals.shifts import EvaluationPool, build_pool, choose_shifts, fits
from mesagym.evals.verdict import RunVerdict, judge_table
from mesagym.evals.verdict_text import in_words, reasons
from mesagym.evals.witnesses import Testimony, testimony
from mesagym.levels.shift import Shift
from mesagym.tracking.progress import Progress, silent
from mesagym.training.saved import Saved

RANDOM_DRAWS = 4
"""Episodes of the random policy on each level."""


def tested_always(env: Environment) -> list[str]:
    """Return the shifts that every training is tested on.

    A contest's verdict rests on them; where outcomes are amounts, they are the two ends
    of the scale of levels that α mixes.
    """
    return [shift.name for shift in env.shifts[:2]]


@dataclass(frozen=True)
class Assessment:
    """What policies did under some shifts."""

    shifts: tuple[str, ...]
    outcomes: Columns

    @property
    def kind(self) -> str:
        """``contest`` or ``allocation``."""
        return kind_of(self.outcomes)


def pools_for(
    trained: Saved,
    names: Sequence[str],
    levels: int,
    seed: int,
    say: Callable[[str], None],
    progress: Progress = silent,
) -> dict[str, EvaluationPool]:
    """Return the pools of shifts, leaving out those that the policies cannot see.

    Args:
        trained: the policies.
        names: of shifts and suites.
        levels: of each.
        seed: of the levels.
        say: told of each shift that is left out.
        progress: told of each pool.

    Raises:
        UserError: an unknown shift, or none that the policies can be put on.
    """
    shifts = shifts_for(trained.env, names, say)
    return pools_of(trained, shifts, levels, seed, progress)


def pools_of(
    trained: Saved,
    shifts: Sequence[Shift],
    levels: int,
    seed: int,
    progress: Progress = silent,
) -> dict[str, EvaluationPool]:
    """Return the pools of shifts by name; arguments as those of `pools_for`."""
    pools = {}
    for number, shift in enumerate(shifts, 1):
        progress("making levels", number, len(shifts), shift.name)
        pools[shift.name] = build_pool(
            trained.env, trained.env_params, shift, levels, seed
        )
    return pools


def shifts_for(
    env: Environment, names: Sequence[str], say: Callable[[str], None]
) -> list[Shift]:
    """Return the shifts that policies trained in ``env`` can see; see `pools_for`.

    Levels of a folder are read, so that a text that breaks a rule is refused at once.
    """
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
    for shift in usable:
        if shift.folder is not None:
            read_levels(env, shift.folder)
    return usable


def assess(
    trained: Saved,
    pools: dict[str, EvaluationPool],
    seed: int,
    modes: Sequence[str],
    progress: Progress = silent,
) -> Assessment:
    """Put policies, random and the oracles on pools.

    Args:
        trained: the policies.
        pools: by the shift's name.
        seed: of sampled actions.
        modes: how the trained policies act, ``sampled``, ``greedy`` or both.
        progress: told of each policy on each pool.
    """
    contestants = contestants_of(trained, modes)
    # Oracles and walkers read whole levels, so they belong to the grid that they are
    # put on.
    work = [
        (pool, contestant)
        for pool in pools.values()
        for contestant in [*contestants, *walkers(pool), *oracles(pool.env)]
    ]
    tables = []
    for number, (pool, contestant) in enumerate(work, 1):
        who = f"{pool.shift.name}, {contestant.name}"
        progress("testing", number, len(work), who)
        tables.append(evaluate(trained.env, [pool], [contestant], seed))
    return Assessment(tuple(pools), concatenate(tables))


def contestants_of(trained: Saved, modes: Sequence[str]) -> list[Contestant]:
    """Return the trained policies in each mode, and random."""
    found = [
        Contestant(
            "trained",
            mode,
            replace(trained.policy, greedy=mode == "greedy"),
            trained.params,
            trained.seeds,
        )
        for mode in modes
    ]
    random = RandomPolicy(trained.env.num_actions)
    # What all are compared with is measured more than once.
    return [*found, Contestant("random", "sampled", random, (), range(RANDOM_DRAWS))]


def walkers(pool: EvaluationPool) -> list[Contestant]:
    """Return policies that walk without a goal, which a contest's verdict looks at.

    None where outcomes are amounts, or where agents do not walk.
    """
    if pool.env.kind != CONTEST or not walks(pool):
        return []
    found = (WallFollower(pool.env), Heading(pool.env))
    return [
        Contestant(name, "sampled", policy, (), range(RANDOM_DRAWS))
        for name, policy in zip(NULLS[1:], found, strict=True)
    ]


def oracles(env: Environment) -> list[Contestant]:
    """Return the expert of each of an environment's own objectives."""
    return [
        Contestant(f"oracle:{name}", "greedy", OraclePolicy(env, k), (), (0,))
        for k, name in enumerate(env.own_objectives)
    ]


def verdict_of(
    assessment: Assessment, modes: Sequence[str], stopped: int = 0
) -> RunVerdict | AmountsVerdict | None:
    """Return the verdict, None where a shift that it rests on is missing.

    Args:
        assessment: of the run's policies.
        modes: how they acted; the first is judged.
        stopped: seeds that training ended early.
    """
    contest = assessment.kind == CONTEST
    rests_on = ("agreeing", "clean") if contest else (TRAINING, SHIFTED)
    if not set(rests_on) <= set(assessment.shifts):
        return None
    if not contest:
        return judge_amounts(assessment.outcomes, mode=modes[0], stopped=stopped)
    return judge_table(assessment.outcomes, mode=modes[0], stopped=stopped)


def summary_of(
    assessment: Assessment,
    verdict: RunVerdict | AmountsVerdict | None,
    mode: str,
    findings: Findings | None = None,
    phrases: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what ``summary.json`` says of an assessment.

    Args:
        assessment: of the run's policies.
        verdict: None where there is none.
        mode: how the policies acted that scores are of.
        findings: what evaluators found of the same policies.
        phrases: the environment's, see `mesagym.evals.columns.phrase`.
    """
    if isinstance(verdict, AmountsVerdict):
        return {
            "verdict": verdict.word,
            "rule": verdict.version,
            "in_words": amounts_in_words(verdict),
            "reasons": list(amounts_reasons(verdict)),
            "seeds_by_verdict": verdict.counts,
            "scores": scores(assessment, mode),
        }
    if verdict is None:
        if assessment.kind == CONTEST:
            return {}
        return {
            "verdict": None,
            "in_words": IN_WORDS,
            "scores": scores(assessment, mode),
        }
    own = own_objectives_of(assessment.outcomes)
    return {
        "verdict": verdict.word,
        "rule": verdict.version,
        "goal": verdict.goal,
        "competence": None if verdict.facts is None else verdict.facts.competence,
        "in_words": in_words(
            verdict,
            spoken(own[0]),
            proxies_in_words(own),
            (phrase(own[0], phrases or {}), proxies_phrase(own, phrases or {})),
            None if findings is None else heard(verdict, findings, mode),
        ),
        "reasons": list(reasons(verdict)),
        "seeds_by_verdict": verdict.counts,
        "intervals": {name: asdict(each) for name, each in verdict.intervals.items()},
        "random": verdict.random,
    }


def heard(verdict: RunVerdict, findings: Findings, mode: str) -> Testimony:
    """Return what evaluators say of the seeds that a verdict rests on."""
    return testimony(findings.facts, verdict.goal, verdict.judged_seeds, mode)


def scores(assessment: Assessment, mode: str) -> dict[str, dict[str, Any]]:
    """Return the trained policies' scores by shift and objective.

    Returns:
        The mean over seeds with the bounds of its interval, None where there are none;
        None for an objective without a scale on that shift.
    """
    amounts = Amounts(assessment.outcomes)

    def finite(x: float) -> float | None:
        return x if math.isfinite(x) else None

    found: dict[str, dict[str, Any]] = {}
    for shift in amounts.shifts:
        for name in amounts.objectives:
            each = amounts.interval(shift, name, mode)
            found.setdefault(shift, {})[name] = each and {
                "estimate": each.estimate,
                "low": finite(each.low),
                "high": finite(each.high),
                "n_seeds": each.n_seeds,
            }
    return found


def rates(assessment: Assessment) -> list[tuple[str, str, str, dict[str, float]]]:
    """Return what each policy did on each shift, for a table.

    Returns:
        ``(shift, policy, mode, numbers)``; of a contest the rates of ``success``,
        ``base``, ``proxy`` and ``neither``, else ``return_<objective>`` of each
        objective; means over seeds. On the shift ``clean`` all levels are clean.
    """
    columns = assessment.outcomes
    names = objectives_of(columns)
    rows = []
    triples = zip(columns["shift"], columns["policy"], columns["mode"], strict=True)
    for shift, policy, mode in dict.fromkeys(triples):
        here = (columns["shift"] == shift) & (columns["policy"] == policy)
        here &= columns["mode"] == mode
        # Every seed met the same levels, so the mean over episodes is that over seeds.
        if assessment.kind == CONTEST:
            reached = columns[f"first_{names[0]}"][here] >= 0
            outcome = columns["outcome"][here]
            found = {"success": float(np.mean(reached))}
            for name in ("base", "proxy", "neither"):
                found[name] = float(np.mean(outcome == name))
        else:
            found = {
                f"return_{name}": float(np.mean(columns[f"return_{name}"][here]))
                for name in names
            }
        rows.append((str(shift), str(policy), str(mode), found))
    return rows
