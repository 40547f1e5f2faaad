"""The snapshots of runs, taken out of their directories to be examined together."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.evals.columns import CONTEST
from mesagym.evals.courses import SHIFTS, History
from mesagym.evals.evaluators.base import Finding, Study
from mesagym.evals.evaluators.stability import examine
from mesagym.evals.outcomes import Columns, Contestant, evaluate
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.tracking import RunDirectory
from mesagym.training.saved import Saved, load_snapshots

RANDOM_DRAWS = 4
"""Episodes of the random policy on each level, the zero of scores."""


def examine_run(
    run: str | Path | RunDirectory,
    baseline: str | Path | RunDirectory | None = None,
    outward: str | Path | RunDirectory | None = None,
    *,
    levels: int = 512,
    seed: int = 1_000_000,
    mode: str = "sampled",
) -> Finding:
    """Return how stable the objective of a run was; see `study_of_runs`."""
    return examine(
        study_of_runs(run, baseline, outward, levels=levels, seed=seed, mode=mode)
    )


def study_of_runs(
    run: str | Path | RunDirectory,
    baseline: str | Path | RunDirectory | None = None,
    outward: str | Path | RunDirectory | None = None,
    *,
    levels: int = 512,
    seed: int = 1_000_000,
    mode: str = "sampled",
) -> Study:
    """Return the study of a run's snapshots.

    All policies are put on the same levels, those of the environment that the baseline
    was trained in, else the outward run, else the run itself: a fine-tuning on another
    layout is judged on the layout from before. Seeds that are not in all of the runs
    are left out.

    Args:
        run: with snapshots.
        baseline: a run matched with it: started from the same policies, with snapshots
            after the same steps, without the change that is studied.
        outward: the run that ``run`` was started from, where it comes back from it.
        levels: of either pool.
        seed: of the levels and of sampled actions.
        mode: how the policies act, ``sampled`` or ``greedy``.

    Raises:
        UserError: a run without snapshots, runs that do not belong together, no seed
            in common, a pool that cannot be drawn.
    """
    opened = _opened(run, baseline, outward)
    found, reference = _histories(opened, None, mode)
    env, params = reference.env, reference.env_params
    known = shifts_of(env)
    pools = {
        name: build_pool(env, params, known[name], levels, seed)
        for name in SHIFTS[env.kind]
    }
    return Study(
        env=env,
        env_params=params,
        pools=pools,
        outcomes={} if env.kind == CONTEST else _scale_policies(env, pools, seed),
        contestants=(),
        seed=seed,
        history=found["history"],
        baseline=found.get("baseline", ()),
        outward=found.get("outward", ()),
    )


def histories_of(
    run: RunDirectory,
    baseline: str | Path | RunDirectory | None = None,
    outward: str | Path | RunDirectory | None = None,
    seeds: Sequence[int] | None = None,
    mode: str = "sampled",
) -> dict[str, History]:
    """Return a study's ``history``, ``baseline`` and ``outward``, where there are any.

    Arguments as those of `study_of_runs`; ``seeds`` are all that the runs have in
    common if None.

    Raises:
        UserError: as `study_of_runs`; a seed that not all have.
    """
    return _histories(_opened(run, baseline, outward), seeds, mode)[0]


def _opened(
    run: str | Path | RunDirectory,
    baseline: str | Path | RunDirectory | None,
    outward: str | Path | RunDirectory | None,
) -> dict[str, RunDirectory]:
    opened = {
        name: each if isinstance(each, RunDirectory) else RunDirectory.read(each)
        for name, each in (("run", run), ("baseline", baseline), ("outward", outward))
        if each is not None
    }
    _check_origins(opened)
    return opened


def _histories(
    opened: dict[str, RunDirectory], seeds: Sequence[int] | None, mode: str
) -> tuple[dict[str, History], Saved]:
    """Return histories by the field of a study, and whose levels they are judged on."""
    seeds = _seeds_in_common(opened) if seeds is None else seeds
    loaded = {name: load_snapshots(each, seeds) for name, each in opened.items()}
    reference = loaded.get("baseline", loaded.get("outward", loaded["run"]))[0][1]
    _check_fit(loaded, reference)
    found = {
        "history" if name == "run" else name: _history(
            "outward" if name == "outward" else "trained", mode, each
        )
        for name, each in loaded.items()
    }
    return found, reference


def _history(name: str, mode: str, snapshots: list[tuple[int, Saved]]) -> History:
    return tuple(
        (
            steps,
            Contestant(
                name,
                mode,
                dataclasses.replace(each.policy, greedy=mode == "greedy"),
                each.params,
                each.seeds,
            ),
        )
        for steps, each in snapshots
    )


def _scale_policies(
    env: Environment, pools: dict[str, EvaluationPool], seed: int
) -> Columns:
    """Return the outcomes of random and of every objective's reference policy."""
    random = RandomPolicy(env.num_actions)
    contestants = [
        Contestant("random", "sampled", random, (), range(RANDOM_DRAWS)),
        *(
            Contestant(f"oracle:{name}", "greedy", OraclePolicy(env, k), (), (0,))
            for k, name in enumerate(env.own_objectives)
        ),
    ]
    return evaluate(env, list(pools.values()), contestants, seed)


def _origin(run: RunDirectory) -> tuple[Any, Any]:
    found = run.manifest.get("started_from") or {}
    return found.get("run"), found.get("policy")


def _check_origins(opened: dict[str, RunDirectory]) -> None:
    """Refuse runs that were not started from the policies that they should be."""
    run = opened["run"]
    if "baseline" in opened and _origin(opened["baseline"]) != _origin(run):
        raise UserError(
            f"stability: '{opened['baseline'].path}' is no baseline of '{run.path}': "
            "they were not started from the same policies (train.start_from)"
        )
    if "outward" in opened:
        outward = opened["outward"]
        if _origin(run)[0] != outward.id:
            raise UserError(
                f"stability: '{run.path}' does not come back from '{outward.path}'; "
                f"train it with train.start_from={outward.path}"
            )
        if _origin(outward)[0] is None:
            raise UserError(
                f"stability: '{outward.path}' was trained from fresh weights, so there "
                "is no objective from before to come back to"
            )


def _seeds_in_common(opened: dict[str, RunDirectory]) -> list[int]:
    lasting = []
    for each in opened.values():
        there = each.snapshots()
        if there:
            lasting.append(set(there[0].seeds).intersection(*(t.seeds for t in there)))
    # A run without snapshots is refused, with what to do about it, by who loads them.
    common = sorted(set.intersection(*lasting)) if lasting else []
    if lasting and not common:
        names = " and ".join(f"'{each.path}'" for each in opened.values())
        raise UserError(f"stability: {names} have no seed in common in all snapshots")
    return common


def _check_fit(loaded: dict[str, list[tuple[int, Saved]]], reference: Saved) -> None:
    times = {name: [steps for steps, _ in each] for name, each in loaded.items()}
    if times.get("baseline", times["run"]) != times["run"]:
        raise UserError(
            "stability: the baseline has snapshots after other steps than the run; "
            "train both with the same train.steps and train.snapshots"
        )
    for name, snapshots in loaded.items():
        env = snapshots[0][1].env
        theirs = (env.observation_shape, env.channel_names, env.own_objectives)
        own = reference.env
        if theirs != (own.observation_shape, own.channel_names, own.own_objectives):
            raise UserError(
                f"stability: the policies of the {name} see or pursue other things "
                "than those that they are compared with"
            )
