"""`mesagym reproduce`: train a published result's conditions, judge, and record."""

import copy
import dataclasses
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesagym.cli import device, zoo
from mesagym.cli.build import plan
from mesagym.cli.check import refuse_ignored
from mesagym.cli.commands import say
from mesagym.cli.compose import composer
from mesagym.cli.memory import must_fit
from mesagym.cli.naming import RUNS
from mesagym.cli.schema import ReproduceConfig, TrainConfig
from mesagym.errors import UserError
from mesagym.reproductions.claim import FILE as CLAIM
from mesagym.reproductions.claim import binding_words, read_claim
from mesagym.reproductions.folder import (
    PICTURE,
    RESULT,
    Reproduction,
    all_reproductions,
    reproduction,
)
from mesagym.reproductions.measuring import Run
from mesagym.reproductions.record import (
    RECORDED,
    SMOKE,
    place_of,
    recorded,
    recorded_form,
    write_result,
)
from mesagym.reproductions.table import figure_in_words, said_of
from mesagym.tracking import RunDirectory, environment_facts, show_table
from mesagym.tracking.facts import changed_files, committed_in, committed_text
from mesagym.tracking.files import (
    atomic_write_bytes,
    atomic_write_json,
    check_writable,
    make_folders,
    parse_json,
    read_bytes,
    read_sealed,
    sealed,
    sha256,
)
from mesagym.tracking.manifest import NAME as MANIFEST
from mesagym.tracking.run_directory import POLICY

REPRODUCTIONS = RUNS / "reproductions"


def run(config: ReproduceConfig) -> int:
    """Carry out what is asked for: a list, a page, or one result or all of them."""
    if config.list or config.page:
        return _show(config)
    if config.out is not None:
        raise UserError("out: is where --page writes; give --page, or leave it out")
    if config.name is None:
        raise UserError(
            "reproduce: which result? Give its name, `mesagym reproduce corner`, or "
            "see them all with `mesagym reproduce --list`"
        )
    device.use(config.device)
    chosen = (
        all_reproductions() if config.name == "all" else [reproduction(config.name)]
    )
    if config.run is not None and len(chosen) > 1:
        raise UserError("run: is of one result, and 'all' are several; leave it out")
    if config.record:
        for each in chosen:
            _must_be_recordable(each, config)
    for each in chosen:
        if code := _reproduce(each, config):
            return code
    return 0


# --- one result -----------------------------------------------------------------------


def _reproduce(result: Reproduction, config: ReproduceConfig) -> int:
    """Train and measure every condition, wherever each stands; judge; record."""
    claim, scale = result.claim, result.claim.scale(config.scale)
    where = _folder(result, config)
    kept = place_of(result, config.scale) if config.record else where
    jobs = _jobs(result, config, where)
    _must_be_ours(result, config, where, {*jobs, "measured", RESULT, PICTURE})
    programs: dict[Any, str] = {}
    for name, job in jobs.items():
        # What it starts from may be another condition, which is still to be trained.
        fresh = copy.deepcopy(job)
        fresh.train.start_from = fresh.train.start_seed = None
        planned = plan(fresh)
        must_fit(planned, len(job.seeds), f"{claim.name}, {config.scale}, {name}")
        programs.setdefault(planned.program, name)
    if config.first_updates is not None:
        # Conditions that differ in numbers alone are one program: it runs, or not.
        jobs = {name: jobs[name] for name in programs.values()}
    say(f"{claim.id} {claim.title}: {config.scale}, {len(jobs)} conditions")
    found: dict[str, dict[str, Any]] = {}
    for number, (name, job) in enumerate(jobs.items(), 1):
        say(f"condition {number} of {len(jobs)}: {name}")
        overrides = scale.conditions[name]
        code = _condition(result, config, name, job, overrides, where, found)
        if code:
            return code
    if config.first_updates is not None:
        said = ", ".join(jobs)
        say(f"it runs: the first updates of every program ({said}), in '{where}'")
        return 0
    document = write_result(result, where, _facts(result, config, found))
    if config.record:
        make_folders(kept)
        for name in (RESULT, PICTURE):
            atomic_write_bytes(kept / name, (where / name).read_bytes())
    if config.record and config.scale == RECORDED:
        zoo.keep(result, document, where)
    _print(result, document, where)
    print(f"Result: {kept / RESULT}\nFigure: {kept / PICTURE}")
    return 0


def _must_be_recordable(result: Reproduction, config: ReproduceConfig) -> None:
    """Refuse before any training what could not be recorded after it.

    Raises:
        UserError: no scale that is recorded, no whole training, a test or a claim that
            is not committed as it stands, or a folder that cannot be written into.
    """
    if config.first_updates is not None:
        raise UserError(
            "record and first_updates: the first updates prove nothing and are not "
            "recorded; leave out one of the two"
        )
    check_writable(place_of(result, config.scale) / RESULT)
    _protocol_commit(result)
    _must_be_committed_words(result, config.scale)
    where = _folder(result, config)
    planned = result.claim.scale(config.scale).conditions
    begun = [name for name in planned if (where / name / MANIFEST).is_file()]
    manifests = {name: RunDirectory.read(where / name).manifest for name in begun}
    _must_be_clean(result, manifests)
    here = environment_facts()["git"] or {}
    if len(begun) < len(planned) and here.get("dirty"):
        files = changed_files()
        named = ", ".join(files[:3]) + (" and others" if len(files) > 3 else "")
        raise UserError(
            f"record: {named or 'something'} differs from the last commit, and a "
            "record names the commit that its runs were made with; commit it first"
        )


def _protocol_commit(result: Reproduction) -> str:
    """Return the commit that the pre-registered test stands in.

    Raises:
        UserError: there is none.
    """
    commit = committed_in(*result.protocol_files)
    if commit is None:
        raise UserError(
            f"record: the test of '{result.name}' is not committed as it stands; a "
            "result is recorded of a test that is"
        )
    return commit


def _must_be_committed_words(result: Reproduction, scale: str) -> None:
    """Refuse a claim whose binding words are others than the last commit has."""
    text = committed_text(result.folder / CLAIM)
    with tempfile.TemporaryDirectory() as elsewhere:
        committed = Path(elsewhere) / result.name
        committed.mkdir()
        (committed / CLAIM).write_text(text or "", encoding="utf-8")
        try:
            bound = binding_words(read_claim(committed), scale)
        except UserError:
            bound = None
    if bound != binding_words(result.claim, scale):
        raise UserError(
            f"record: what the claim of '{result.name}' binds itself to ({CLAIM}) is "
            "not committed as it stands; commit it before the runs"
        )


def _must_be_clean(
    result: Reproduction, conditions: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse conditions that were trained with files that no commit has."""
    dirty = [
        name for name, each in conditions.items() if (each["git"] or {}).get("dirty")
    ]
    if dirty:
        raise UserError(
            f"record: {', '.join(dirty)} of '{result.name}' was trained with files "
            "that no commit has; train again in another folder (run=), all committed"
        )


def _folder(result: Reproduction, config: ReproduceConfig) -> Path:
    if config.run is not None:
        return Path(config.run)
    first = "" if config.first_updates is None else f"-first-{config.first_updates}"
    return REPRODUCTIONS / result.name / f"{config.scale}{first}"


def _must_be_ours(
    result: Reproduction, config: ReproduceConfig, where: Path, names: set[str]
) -> None:
    """Refuse a folder that holds anything else, and one that cannot be written into.

    Raises:
        UserError: names the folder and what lies in it.
    """
    if where.exists() and not where.is_dir():
        raise UserError(f"run: '{where}' is a file; give a folder")
    inside = [each.name for each in where.iterdir()] if where.is_dir() else []
    if others := sorted(set(inside).difference(names)):
        raise UserError(
            f"run: '{where}' holds '{others[0]}', which is none of this result's; give "
            "an empty folder, or the one that it was begun in"
        )
    try:
        check_writable(where / RESULT)
    except UserError as error:
        why = getattr(error.__cause__, "strerror", None)
        elsewhere = Path(tempfile.gettempdir()) / f"{result.name}-{config.scale}"
        raise UserError(
            f"run: the folder '{where}' cannot be made or written into"
            f"{f' ({why})' if why else ''}; give one that can, such as run={elsewhere}"
        ) from error


def _jobs(
    result: Reproduction, config: ReproduceConfig, where: Path
) -> dict[str, TrainConfig]:
    """Return the training of every condition, checked before the first begins.

    Raises:
        UserError: a condition whose overrides cannot be; names it.
    """
    jobs = {}
    with composer("train") as composed_by:
        for name, overrides in result.claim.scale(config.scale).conditions.items():
            try:
                words = [_placed(each, where) for each in overrides]
                job = composed_by.settled(composed_by.compose(words))
            except UserError as error:
                raise UserError(f"{result.name}, {name}: {error}") from error
            run = where / name
            label = f"{result.name}, {name}"
            jobs[name] = dataclasses.replace(
                job, run=str(run), name=label, group=result.name, device=config.device
            )
            if config.first_updates is not None:
                _cut(jobs[name], config.first_updates)
    return jobs


def _placed(override: str, where: Path) -> str:
    """Let ``@name`` stand for the run directory of another condition."""
    key, equals, value = override.partition("=")
    if equals and value.startswith("@"):
        return f"{key}='{where / value[1:]}'"
    return override


def _cut(job: TrainConfig, updates: int) -> None:
    """Shorten a training to its first updates, of one seed."""
    job.seeds = job.seeds[:1]
    job.train.chunk = 1
    job.train.steps = updates * job.agent.num_envs * job.agent.rollout_steps
    job.train.snapshots = 0
    job.train.start_from = job.train.start_seed = None
    job.evaluation.levels = min(job.evaluation.levels, 8)


def _condition(
    result: Reproduction,
    config: ReproduceConfig,
    name: str,
    job: TrainConfig,
    overrides: tuple[str, ...],
    where: Path,
    found: dict[str, dict[str, Any]],
) -> int:
    """Train one condition, measure it, and keep both; return the exit code."""
    from mesagym.cli import train

    clock = _Clock(where / "measured" / f"{name}-seconds.json")
    with clock:
        code = train.carry_through(job)
    if code:
        return code
    if config.first_updates is not None:
        return 0
    directory = RunDirectory.read(where / name)
    kept = where / "measured" / f"{name}.json"
    of = {
        "run": directory.id,
        "policies": sha256(directory.read_file(POLICY)),
        "protocol_sha256": result.protocol_sha256,
        "overrides": list(overrides),
    }
    if kept.is_file():
        there = read_sealed(kept)
        if {key: there.get(key) for key in of} == of:
            found[name] = there["condition"]
            return 0
    say(f"measuring {name}")
    with clock:
        figures = recorded_form(result.protocol.measure(Run(name, directory)))
    manifest = directory.manifest
    found[name] = recorded_form(
        {
            "overrides": list(overrides),
            "environment": _environment(directory),
            "dynamics_version": manifest["dynamics_version"],
            "config_hash": manifest["config_hash"],
            "policies_sha256": of["policies"],
            "seeds": list(job.seeds),
            "env_steps": directory.read_summary().get("env_steps"),
            "seconds": round(clock.seconds, 1),
            "resumed": bool(manifest.get("resumed")),
            "device": manifest["device"],
            "packages": manifest["packages"],
            "git": manifest["git"],
            "figures": figures,
        }
    )
    atomic_write_json(kept, sealed({**of, "condition": found[name]}))
    return 0


class _Clock:
    """Adds up the time that a condition takes, over all the times it was taken up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds = 0.0
        if path.is_file():
            self.seconds = float(parse_json(read_bytes(path), path)["seconds"])

    def __enter__(self) -> None:
        self._begun = time.monotonic()

    def __exit__(self, *raised: object) -> None:
        self.seconds += time.monotonic() - self._begun
        make_folders(self.path.parent)
        atomic_write_json(self.path, {"seconds": self.seconds})


def _environment(directory: RunDirectory) -> str:
    """Return the registered name of a run's environment."""
    card = directory.load_policy(directory.policy_seeds()[0])[1]
    return card["environment"]["name"]


def _facts(
    result: Reproduction, config: ReproduceConfig, found: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return what is recorded beside the figures.

    Raises:
        UserError: conditions that do not belong together, made on other devices or
            with other versions.
    """
    for key in ("device", "packages"):
        values = [each[key] for each in found.values()]
        if any(each != values[0] for each in values):
            raise UserError(
                f"{result.name}: its conditions were made with different {key}; take "
                "another folder (run=) to make all of them alike"
            )
    first = next(iter(found.values()))
    here = environment_facts()
    commit = committed_in(*result.protocol_files)
    if config.record:
        # Once more: hours may lie between the first look and this one.
        commit = _protocol_commit(result)
        _must_be_clean(result, found)
    without = ("device", "packages")
    return {
        "scale": config.scale,
        "command": f"mesagym reproduce {result.name} scale={config.scale}",
        "time": here["time"],
        "device": first["device"],
        "packages": first["packages"],
        "python": here["python"],
        "platform": here["platform"],
        "cpu_count": here["cpu_count"],
        "protocol_commit": commit,
        "seconds": round(sum(each["seconds"] for each in found.values()), 1),
        "conditions": {
            name: {key: each[key] for key in each if key not in without}
            for name, each in found.items()
        },
    }


def _print(result: Reproduction, document: Mapping[str, Any], where: Path) -> None:
    """Print every check and the outcome; of the smallest scale rates alone."""
    title = f"{result.claim.id} {result.claim.title}, {document['scale']}"
    if document["scale"] == SMOKE:
        # Only now: what it reads is drawn with matplotlib's colours.
        from mesagym.cli.smoke import show_rates

        show_rates(title, {name: where / name for name in document["conditions"]})
        return
    width = max(60, min(100, shutil.get_terminal_size().columns))
    judgement = document["judgement"]
    rows = [
        [check["words"], f"{figure_in_words(check)} ({check['status']})"]
        for check in judgement["checks"]
    ]
    if rows:
        show_table(title, ["check", "ours"], rows, width=width)
    for name, why in judgement["blank"].items():
        print(f"Blank: {name}, {why}.")
    print(f"{judgement['outcome'].capitalize()}. {judgement['reason']}")


# --- all of them ----------------------------------------------------------------------


def _show(config: ReproduceConfig) -> int:
    if config.name is not None:
        raise UserError("name: --list and --page are of all results; leave it out")
    if config.list and config.page:
        raise UserError("--list and --page: these are two things; give one of them")
    if config.list:
        refuse_ignored(config, "reproduce --list", ("list",))
    else:
        refuse_ignored(config, "reproduce --page", ("page", "out"))
    if config.page:
        from mesagym.cli.gallery import write

        return write(config)
    rows, code = [], 0
    for each in all_reproductions():
        try:
            said = said_of(each.claim, recorded(each))
        except UserError as error:
            say(str(error))
            said, code = "does not fit, see above", 2
        rows.append([each.claim.id, each.name, each.claim.title, said])
    show_table(
        "Published results, and what is recorded of each",
        ["", "name", "result", "recorded"],
        rows,
        width=max(76, shutil.get_terminal_size().columns),
    )
    print("What each claims, and what came out: experiments/README.md")
    print("Make one again: mesagym reproduce <name> scale=smoke")
    return code
