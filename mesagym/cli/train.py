"""`mesagym train`: train, test, judge, and leave a run directory that says it all."""

import contextlib
import dataclasses
from typing import Any

import numpy as np

from mesagym.cli import device
from mesagym.cli.assess import (
    assess,
    pools_for,
    shifts_for,
    summary_of,
    tested_always,
    verdict_of,
)
from mesagym.cli.build import Plan, plan
from mesagym.cli.commands import FAILED, STOPPED, say
from mesagym.cli.findings import witnesses
from mesagym.cli.naming import identity, run_directory, run_name, started_from
from mesagym.cli.phases import Phases
from mesagym.cli.schema import TrainConfig, WandbConfig
from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.evals.evaluators import choose_evaluators
from mesagym.evals.examine import (
    Findings,
    applying,
    must_apply,
    needed_shifts,
    to_files,
)
from mesagym.evals.outcomes import Columns
from mesagym.evals.shifts import EvaluationPool, choose_shifts
from mesagym.tracking import (
    ConsoleSink,
    FileSink,
    MultiSink,
    RunDirectory,
    RunInfo,
    Sink,
    WandbSink,
    environment_facts,
)
from mesagym.tracking.console import duration, short
from mesagym.tracking.labels import agent_in_words
from mesagym.tracking.progress import silent
from mesagym.tracking.tables import as_table
from mesagym.training.loop import Hooks, Rows, StopSignal, Trained, train
from mesagym.training.saved import Saved, checkpoint_facts, save, save_snapshot


def run(config: TrainConfig) -> int:
    """Train, test and report, then print what was learned; return the exit code."""
    from mesagym.report.terminal import show_results
    from mesagym.report.view import load_run

    code = carry_through(config)
    if code == 0:
        path = run_directory(config)
        show_results([load_run(path, mode=config.evaluation.modes[0])])
        print(f"Report: {path / 'report.html'}")
    return code


def carry_through(config: TrainConfig) -> int:
    """Bring a run to its end, from wherever it stands; return the exit code.

    Raises:
        UserError: before anything is compiled or written, a configuration that
            cannot be; later, what stands in the way of writing.
    """
    with Phases() as phases:
        phases("preparing")
        return _carried_through(config, phases)


def refuse(config: TrainConfig) -> None:
    """Refuse a training that cannot be; compile, draw and write nothing.

    For several trainings, all of which are looked at before the first begins.

    Raises:
        UserError: as `carry_through`, before anything is written.
    """
    device.use(config.device)
    _shifts(config, plan(config).program.env)
    RunDirectory.check(run_directory(config), identity(config))


def _carried_through(config: TrainConfig, phases: Phases) -> int:
    device.use(config.device)
    planned = plan(config)
    shifts = _shifts(config, planned.program.env)
    _must_be_askable(config, planned.program.env)
    path = run_directory(config)
    pools = {}
    if not RunDirectory.check(path, identity(config)):
        # Not after training: an environment that has no level of a shift is refused
        # while there is nothing to lose.
        pools = pools_for(
            planned.trained(None, tuple(config.seeds)),
            config.shifts.names,
            config.evaluation.levels,
            config.evaluation.seed,
            phases.say,
            phases,
        )
    with RunDirectory.open(
        path,
        dataclasses.asdict(config),
        manifest=_facts(config, planned, shifts),
        identity=identity(config),
    ) as directory:
        if directory.completed:
            say(f"'{path}' is complete already")
            return 0
        with _sinks(config, directory) as sinks:
            trained, stop = _train(config, planned, directory, sinks, phases)
            if stop.name is not None:
                steps = trained.updates * planned.program.shape.steps_per_update
                say(
                    f"stopped by {stop.name} after {short(steps)} steps a seed, saved "
                    f"in '{path}'; the same command goes on from there"
                    if steps
                    else f"stopped by {stop.name} before the first steps; the same "
                    "command begins anew"
                )
                return STOPPED[stop.name]
            return _conclude(config, planned, directory, sinks, trained, pools, phases)


def _shifts(config: TrainConfig, env: Environment) -> dict[str, str]:
    """Return the shifts that a run is tested on, and what each means.

    Raises:
        UserError: an unknown one, one whose levels cannot be read; one that every
            training is tested on is missing.
    """
    shifts_for(env, config.shifts.names, silent)
    shifts = {
        each.name: each.meaning for each in choose_shifts(env, config.shifts.names)
    }
    missing = [name for name in tested_always(env) if name not in shifts]
    if missing:
        rest = "the verdict rests" if env.kind == "contest" else "the numbers rest"
        raise UserError(
            f"shifts.names: {rest} on '{missing[0]}'; add it (`mesagym evaluate` tests "
            "under any shifts)"
        )
    return shifts


def _must_be_askable(config: TrainConfig, env: Environment) -> None:
    """Refuse evaluators that there are not, or that a training's end cannot ask.

    Raises:
        UserError: no such evaluator, one that says nothing in this environment, or one
            that reads a shift which this training is not tested on.
    """
    names = config.evaluation.evaluators
    chosen = choose_evaluators(names)
    asked = [each for each in chosen if each.name in names]
    must_apply(asked, env)
    tested = {each.name for each in choose_shifts(env, config.shifts.names)}
    for name in needed_shifts(asked, env):
        if name not in tested:
            raise UserError(
                f"evaluation.evaluators: one of {', '.join(names)} reads the shift "
                f"'{name}', which this training is not tested on; add it to shifts"
            )


def _facts(
    config: TrainConfig, planned: Plan, shifts: dict[str, str]
) -> dict[str, Any]:
    import jax

    env = planned.program.env
    source = started_from(config)
    return {
        **environment_facts(),
        **({} if source is None else {"started_from": _origin(config, source)}),
        "seeds": config.seeds,
        "device": device.described(jax.devices()),
        "dynamics_version": env.dynamics_version,
        "environment": env.described,
        "shifts": shifts,
    }


def _origin(config: TrainConfig, source: dict[str, Any]) -> dict[str, Any]:
    """Return what a run's manifest says of the policies that it started from."""
    assert config.train.start_from is not None
    directory = RunDirectory.read(config.train.start_from)
    summary = directory.read_summary() if directory.completed else {}
    seed = config.train.start_seed
    return {
        **source,
        "path": config.train.start_from,
        "seeds": config.seeds if seed is None else [seed] * len(config.seeds),
        "env_steps": summary.get("env_steps"),
        "alpha": summary.get("alpha"),
        "started_from": directory.manifest.get("started_from"),
    }


@contextlib.contextmanager
def _sinks(config: TrainConfig, directory: RunDirectory) -> Any:
    beside: list[Sink] = []
    if isinstance(config.tracking, WandbConfig):
        beside.append(
            WandbSink(
                directory.path,
                project=config.tracking.project,
                mode=config.tracking.mode,
                entity=config.tracking.entity,
                run_id=directory.id,
                say=say,
            )
        )
    sinks = MultiSink([FileSink(directory)], beside, warn=say)
    with contextlib.closing(sinks):
        yield sinks


def _train(
    config: TrainConfig,
    planned: Plan,
    directory: RunDirectory,
    sinks: MultiSink,
    phases: Phases,
) -> tuple[Trained, StopSignal]:
    """Train from the newest checkpoint to the end, or until a signal."""
    import jax

    program = planned.program
    per_update = program.shape.steps_per_update
    checkpoint = directory.load_checkpoint(warn=say)
    done = 0 if checkpoint is None else checkpoint.step
    directory.drop_metrics_after(-1 if checkpoint is None else done)
    directory.drop_snapshots_after(-1 if checkpoint is None else done)
    info = RunInfo(
        name=run_name(config),
        total_env_steps=program.total_updates * per_update,
        seeds=tuple(config.seeds),
        objective_names=program.env.objective_names,
        done_env_steps=done * per_update,
        config=dataclasses.asdict(config),
        group=config.group,
        episode_env_steps=program.shape.num_envs * program.shortest_episode,
    )
    # Apart from the others, whose end comes after the tests: its pace is training's,
    # and begins when all is compiled.
    progress = MultiSink([], [ConsoleSink()], warn=say)
    source = config.train.start_from
    seeds = f"{len(config.seeds)} seed{'s' * (len(config.seeds) != 1)}"
    agent = agent_in_words(config.agent.name, config.agent.network.memory)
    phases.say(
        f"{config.env.name} {program.env.height}x{program.env.width}, α = "
        f"{config.split.alpha:g}, {agent}, {seeds} x "
        f"{steps_in_words(config.train.steps, program.total_updates * per_update)} in "
        f"'{directory.path}'"
        + (f", from those of '{source}'" * (source is not None))
        + (f", going on from {short(done * per_update)}" if done else "")
    )

    def log(rows: Rows) -> None:
        for each in (sinks, progress):
            each.log(rows, step=int(np.max(rows["update"])))

    policies = planned.trained(None, tuple(config.seeds))

    def keep(updates: int, arrays: Rows) -> None:
        steps = updates * per_update
        facts = checkpoint_facts(policies, updates, steps, info.total_env_steps)
        directory.save_checkpoint(updates, arrays, facts)

    def snapshot(updates: int, params: Any, alive: np.ndarray) -> None:
        there = np.flatnonzero(alive)
        params = jax.tree.map(lambda leaf: leaf[there], params)
        survivors = tuple(config.seeds[k] for k in there)
        steps = updates * per_update
        save_snapshot(directory, planned.trained(params, survivors), updates, steps)

    def compiled(seconds: float) -> None:
        phases.close()
        if seconds >= 1:
            phases.say(f"compiled in {duration(seconds)}")
        progress.start(info)

    with contextlib.closing(progress), StopSignal().caught() as stop:
        sinks.start(info)
        if done >= program.total_updates:
            progress.start(info)
        trained = train(
            program,
            planned.cells,
            Hooks(log, keep, say, snapshot, phases, compiled),
            resume=None if checkpoint is None else checkpoint.arrays,
            save_seconds=config.train.save_seconds,
            stop=stop,
            snapshots=planned.snapshots,
            start_from=planned.start_from,
        )
        if stop.name is None:
            progress.finish({})
    return trained, stop


def steps_in_words(asked: int | float, steps: int) -> str:
    """Return how many steps a seed makes: whole chunks, so more than was asked for."""
    if steps == asked:
        return f"{short(steps)} steps"
    return f"{steps:,} steps ({asked:,.0f} rounded up to whole chunks)"


def _asked(
    config: TrainConfig,
    directory: RunDirectory,
    trained: Saved,
    pools: dict[str, EvaluationPool],
    outcomes: Columns,
    phases: Phases,
) -> Findings | None:
    """Ask evaluators which objective was learned, and keep what they say."""
    tested = config.evaluation
    evaluators = [
        each
        for each in applying(choose_evaluators(tested.evaluators), trained.env)
        # The verdict is made of outcomes, which are no witness of themselves.
        if each.name != "outcomes"
    ]
    if not evaluators:
        return None
    findings = witnesses(
        trained, evaluators, pools, outcomes, tested.modes[0], tested.seed, phases
    )
    for name, content in to_files(findings).items():
        directory.write_file(name, content)
    return findings


def _conclude(
    config: TrainConfig,
    planned: Plan,
    directory: RunDirectory,
    sinks: MultiSink,
    result: Trained,
    pools: dict[str, EvaluationPool],
    phases: Phases,
) -> int:
    """Save the policies, test them, draw, and last of all call the run complete."""
    import jax

    from mesagym.cli import pictures

    alive = np.flatnonzero(result.alive)
    if not alive.size:
        say("every seed lost its loss; lower agent.learning_rate, in another directory")
        return FAILED
    survivors = tuple(config.seeds[k] for k in alive)
    params = jax.tree.map(lambda leaf: np.asarray(leaf)[alive], result.params)
    trained = planned.trained(params, survivors)
    save(directory, trained)
    tested = config.evaluation
    phases.say(f"testing on {tested.levels} levels of each shift")
    assessment = assess(trained, pools, tested.seed, tested.modes, phases)
    # Before anything is made of them: what was measured is not lost to a fault there.
    outcomes = as_table(assessment.outcomes)
    directory.write_outcomes(outcomes)
    verdict = verdict_of(assessment, tested.modes, len(config.seeds) - alive.size)
    findings = _asked(config, directory, trained, pools, assessment.outcomes, phases)
    phases.say("drawing")
    view = pictures.complete(directory, pools, phases)
    pictures.write_page(directory, view, phases)
    per_update = planned.program.shape.steps_per_update
    summary = {
        **summary_of(
            assessment, verdict, tested.modes[0], findings, trained.env.phrases
        ),
        "alpha": config.split.alpha,
        "seeds": config.seeds,
        "stopped_seeds": sorted(set(config.seeds) - set(survivors)),
        "env_steps": result.updates * per_update,
    }
    films = sorted(directory.films.glob("*.gif"))
    sinks.finish(summary, outcomes, films)
    return 0
