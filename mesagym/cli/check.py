"""What a configuration must satisfy before anything is compiled or written."""

import contextlib
import math
import sys
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

from mesagym.agents.shape import PPOShape
from mesagym.cli import schema
from mesagym.cli.agent_schema import AgentConfig
from mesagym.cli.env_schema import GridConfig
from mesagym.cli.keys import Key, walk
from mesagym.cli.level_schema import (
    CheckSplitConfig,
    FilmConfig,
    PlayConfig,
    ShowConfig,
)
from mesagym.errors import UserError, nearest
from mesagym.tracking import Evaluation, RunDirectory
from mesagym.tracking.files import check_writable

CHUNK_STEPS = 2**16
"""Environment steps of a seed in a chunk, where nobody says how many updates it has."""

LARGEST_SEED = 2**31 - 1


def settle(config: Any) -> None:
    """Check a configuration, and bring it into the one form that code reads.

    Afterwards ``seeds`` is a list, whole numbers are ints, and a square size is one
    number. Needs no JAX, so a sweep checks all its jobs before the first begins.

    Raises:
        UserError: names the first key that is wrong, its value and what is allowed.
    """
    for each in walk(config):
        _check_value(each)
    if isinstance(env := getattr(config, "env", None), GridConfig):
        _settle_env(env)
    if isinstance(config, schema.TrainConfig):
        _settle_training(config)
    if isinstance(config, schema.DemoConfig):
        _check_alphas(config.alphas)
        if config.split.alpha != 0:
            raise UserError(
                "split.alpha: the demo trains at each of its alphas; set "
                f"alphas=[0,{config.split.alpha:g}] instead"
            )
    if isinstance(config, schema.EvaluateConfig):
        named = config.evaluators
        config.evaluators = [named] if isinstance(named, str) else list(named)
    if isinstance(config, schema.EvaluateConfig) and config.seeds is not None:
        config.seeds = _seeds(config.seeds, first=0)
    if isinstance(config, schema.ReportConfig):
        config.run = _paths(config.run)


def check_outside(config: Any) -> None:
    """Refuse what a command would only miss after its work: a folder, a terminal.

    Raises:
        UserError: names the key, or what is missing.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if isinstance(config, PlayConfig) and not terminal:
        raise UserError(
            "play: needs a terminal to draw on and to read keys from; `mesagym film` "
            "and `mesagym show` write files"
        )
    folder = getattr(config, "folder", None)
    if folder is not None:
        if getattr(config, "shift", None) is not None:
            raise UserError("shift and folder: give one of them, not both")
        place = Path(folder)
        if not place.exists():
            raise UserError(f"folder: there is no folder or file '{folder}'")
        if place.is_dir() and not any(place.glob("*.txt")):
            raise UserError(f"folder: '{folder}' holds no file that ends in .txt")
    _check_out(config)
    if isinstance(config, FilmConfig) and None not in (config.run, config.policy):
        raise UserError(
            "run and policy: give one of them; a run's own policies are filmed"
        )
    if isinstance(
        config,
        FilmConfig | schema.EvaluateConfig | schema.ExportConfig | schema.ReportConfig,
    ):
        given = config.run if isinstance(config.run, list) else [config.run]
        for path in given:
            if path is not None:
                RunDirectory.read(path)


def refuse_ignored(config: Any, command: str, takes: Collection[str]) -> None:
    """Refuse a key that a command would not look at in the way it was called.

    Args:
        config: of the command.
        command: how it was called, for the message.
        takes: the keys that it looks at then.

    Raises:
        UserError: another one that has not its default; names the first.
    """
    for each in fields(config):
        if each.name not in takes and getattr(config, each.name) != each.default:
            raise UserError(
                f"{each.name}: `{command}` does nothing with it; leave it out"
            )


def must_have_a_place(out: Path, what: str) -> None:
    """Refuse a file in a folder that is more likely misspelt than meant.

    Args:
        out: where it would be written.
        what: it is, for the message.

    Raises:
        UserError: its folder is missing, and so is the one above it or that is the
            root of the file system; or it cannot be written.
    """
    folder = out.absolute().parent
    above = folder.parent
    if not folder.is_dir() and (not above.is_dir() or above == above.parent):
        raise UserError(
            f"out: there is no folder '{out.parent}' to put the {what} into; make it, "
            "or give one that is there"
        )
    check_writable(out)


def _check_out(config: Any) -> None:
    """Refuse a file that cannot be written, or that a run keeps the hash of."""
    out = getattr(config, "out", None)
    drawn = isinstance(config, FilmConfig | ShowConfig | CheckSplitConfig)
    suffix = ".gif" if isinstance(config, FilmConfig) else ".png"
    if drawn and out is not None and Path(out).suffix.lower() != suffix:
        raise UserError(f"out: '{out}' does not end in {suffix}")
    if out is None and not drawn:
        return
    # Where nothing is given, the file lies here.
    place = Path(out if out is not None else f"picture{suffix}").absolute()
    check_writable(place)
    place = place.resolve()
    runs = config.run if isinstance(config, schema.ReportConfig) else []
    if [place] == [(Path(run) / "report.html").resolve() for run in runs]:
        # What the run calls its report: written and listed as such.
        config.out = None
        return
    for folder in place.parents:
        name = place.relative_to(folder).as_posix()
        for kind in (RunDirectory, Evaluation):
            kept: tuple[str, ...] = ()
            with contextlib.suppress(UserError):
                kept = kind.read(folder).contents
            if name in kept:
                raise UserError(
                    f"out: '{out}' is one of the files of '{folder}', which keeps "
                    "their hashes; give another name"
                )


def _check_value(each: Key) -> None:
    path, rule, value, _ = each
    values = value if isinstance(value, list) else [value]
    for one in values:
        if isinstance(one, float) and not math.isfinite(one):
            raise UserError(f"{path}: {one} is not a finite number")
        if rule.choices and one is not None and one not in rule.choices:
            raise UserError(
                f"{path}: unknown '{one}'." + nearest(str(one), map(str, rule.choices))
            )
        if isinstance(one, str) and not one.strip():
            raise UserError(f"{path}: is empty; give a value or null")
    if isinstance(value, list) and (rule.choices or path.endswith("names")):
        if not value:
            raise UserError(f"{path}: is empty; give at least one")
        if twice := [one for one in value if value.count(one) > 1]:
            raise UserError(f"{path}: '{twice[0]}' is there twice")
    for one in values:
        if isinstance(one, bool) or not isinstance(one, int | float):
            continue
        low = -math.inf if rule.low is None else rule.low
        high = math.inf if rule.high is None else rule.high
        if one < low or one > high:
            raise UserError(f"{path}: {one:.15g} is {_outside(rule.low, rule.high)}")
        if rule.whole and one != int(one):
            raise UserError(f"{path}: {one:.15g} is not a whole number")


def _outside(low: int | float | None, high: int | float | None) -> str:
    if low is not None and high is not None:
        return f"outside [{low:g}, {high:g}]"
    return f"below {low:g}" if low is not None else f"above {high:g}"


def _settle_training(config: schema.TrainConfig) -> None:
    config.seeds = _seeds(config.seeds, config.first_seed)
    train, agent = config.train, config.agent
    train.steps = int(train.steps)
    train.levels = None if train.levels is None else int(train.levels)
    per_update = _shape(agent).steps_per_update
    if train.chunk is None:
        fits = min(CHUNK_STEPS, train.steps) // per_update
        train.chunk = max(1, fits)
    smallest = per_update * train.chunk
    if train.steps < smallest:
        raise UserError(
            f"train.steps: {train.steps} is less than one chunk; give {smallest} or "
            f"more (a chunk is agent.num_envs {agent.num_envs} × agent.rollout_steps "
            f"{agent.rollout_steps} × train.chunk {train.chunk})"
        )
    train.objectives = _objectives(train.objectives)
    _check_snapshots(train.snapshots, math.ceil(train.steps / smallest))
    if train.start_seed is not None and train.start_from is None:
        raise UserError(
            f"train.start_seed: {train.start_seed} is of no run; give train.start_from"
        )


def _shape(agent: AgentConfig) -> PPOShape:
    """Return the sizes of an update, which fit one another."""
    network = agent.network
    if network.memory is None:
        unread = {"network.memory_size": network.memory_size, "bptt": agent.bptt}
        for key, value in unread.items():
            if value is not None:
                raise UserError(
                    f"agent.{key}: {value} is of no memory; give "
                    "agent.network.memory=gru or lstm"
                )
    sizes = [each.name for each in fields(PPOShape)]
    shape = PPOShape(**{name: getattr(agent, name) for name in sizes})
    shape.rows(network.memory is not None)
    return shape


def _check_snapshots(count: int, chunks: int) -> None:
    if count == 1:
        raise UserError(
            "train.snapshots: 1 is too few for a start and an end; give 0 or 2 or more"
        )
    if count > chunks + 1:
        raise UserError(
            f"train.snapshots: {count} is more than the {chunks} chunks of this "
            f"training have ends and a start; give at most {chunks + 1}, or a smaller "
            "train.chunk"
        )


def _settle_env(env: GridConfig) -> None:
    size = env.size if isinstance(env.size, list) else [env.size, env.size]
    whole = [_whole(side) for side in size]
    if len(whole) != 2 or None in whole:
        raise UserError(f"env.size: {env.size} is neither a number nor [height, width]")
    height, width = (int(side) for side in whole if side is not None)
    low, high = schema.SMALLEST, schema.LARGEST
    if not (low <= height <= high and low <= width <= high):
        raise UserError(
            f"env.size: {env.size} is outside {low} to {high} a side (the border "
            "counts)"
        )
    env.size = height if height == width else [height, width]
    env.check(height, width)
    if env.crop_radius is not None and env.crop_radius > high:
        raise UserError(
            f"env.crop_radius: {env.crop_radius} is outside 1 to {high}; null shows "
            "the whole grid"
        )


def _seeds(given: Any, first: int) -> list[int]:
    if isinstance(given, list):
        whole = [_whole(each) for each in given]
        seeds = [each for each in whole if each is not None]
        if len(seeds) < len(given) or any(seed < 0 for seed in seeds):
            raise UserError(f"seeds: {given} is not a list of whole numbers from 0 up")
    else:
        count = _whole(given)
        if count is None:
            raise UserError(
                f"seeds: '{given}' is neither a number of seeds nor a list of them"
            )
        seeds = list(range(first, first + max(count, 0)))
    if not seeds:
        raise UserError(f"seeds: {given} is no seed; give at least one")
    if twice := [seed for seed in seeds if seeds.count(seed) > 1]:
        raise UserError(f"seeds: {twice[0]} is there twice; each seed is one sample")
    if max(seeds) > LARGEST_SEED:
        raise UserError(f"seeds: {max(seeds)} is above {LARGEST_SEED}")
    return seeds


def _whole(value: Any) -> int | None:
    """Return a value that is a whole number as an int, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or value != int(value):
        return None
    return int(value)


def _check_alphas(alphas: list[float]) -> None:
    if not alphas:
        raise UserError("alphas: is empty; give at least one")
    for alpha in alphas:
        if not 0 <= alpha <= 1:
            raise UserError(f"alphas: {alpha:g} is outside [0, 1]; it is a probability")
        if alphas.count(alpha) > 1:
            raise UserError(f"alphas: {alpha:g} is there twice")


def _objectives(weights: Any) -> dict[str, float] | None:
    """Check weights; their names are checked by the environment, which knows them."""
    if weights is None:
        return None
    if not isinstance(weights, dict) or not weights:
        raise UserError(
            f"train.objectives: '{weights}' is not a weight for each objective, such "
            "as {cheese: 1, corner: 0.5}"
        )
    for name, weight in weights.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight):
            raise UserError(f"train.objectives.{name}: {weight} is not a number")
    if not any(weights.values()):
        raise UserError("train.objectives: all are 0, so there is nothing to learn")
    return {str(name): float(weight) for name, weight in weights.items()}


def _paths(given: Any) -> list[str]:
    paths = given if isinstance(given, list) else [given]
    if not paths or not all(isinstance(path, str) and path for path in paths):
        raise UserError(f"run: '{given}' is neither a run directory nor a list of them")
    return paths
