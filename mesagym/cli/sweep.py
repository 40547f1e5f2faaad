"""One job or many: how composed configurations are carried out, and what is said."""

import hashlib
import tempfile
import traceback
from collections.abc import Sequence
from functools import partial

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from mesagym.cli import schema
from mesagym.cli.commands import FAILED, MISUSED, STOPPED, carry_out, say
from mesagym.cli.compose import Composed, Composer, composer, full_errors
from mesagym.cli.naming import run_directory
from mesagym.cli.phases import Phases
from mesagym.errors import UserError


def run(composed_by: Composer, overrides: list[str], many: bool) -> int:
    """Carry out a subcommand, once or for every job of a sweep.

    Args:
        composed_by: of the subcommand.
        overrides: as typed.
        many: whether ``-m`` was given.

    Returns:
        the exit code.

    Raises:
        UserError: a configuration that cannot be, before any job has begun.
    """
    if not many:
        composed = composed_by.compose(overrides)
        # A file of `experiment` may be a sweep by itself.
        if composed.hydra.mode != RunMode.MULTIRUN:
            config = composed_by.settled(composed)
            return carry_out(composed_by.command, config)
    return _sweep(composed_by, composed_by.rewritten(overrides))


def _sweep(composed_by: Composer, overrides: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="mesagym-sweep-") as scratch:
        added = ["hydra.mode=MULTIRUN"]
        # Launchers want a folder; what is worth keeping is in the run directories.
        if not any(each.startswith("hydra.sweep.dir=") for each in overrides):
            added.append(f"hydra.sweep.dir='{scratch}'")
        overrides = [*added, *overrides]
        composed = composed_by.compose(overrides, RunMode.MULTIRUN)
        labels = _checked(composed_by, composed, overrides)
        group = _group_name(composed, overrides)
        task = partial(_job, composed_by.command, labels, group)
        with composed_by.explaining(overrides):
            returned = composed_by.hydra.multirun(
                composed_by.command,
                task,
                composed_by.with_quiet(overrides),
                with_log_configuration=False,
            )
    codes = [job.return_value for batch in returned or [] for job in batch]
    failed = [code for code in codes if code]
    if failed:
        say(f"{len(failed)} of {len(codes)} jobs failed")
    return max(failed, key=lambda code: code == FAILED, default=0)


def _checked(
    composed_by: Composer, composed: Composed, overrides: list[str]
) -> list[str]:
    """Compose and check every job; return what tells each from the others.

    Empty for sweepers that choose their jobs as they go.

    Raises:
        UserError: names the first job that cannot be.
    """
    if not composed.hydra.sweeper["_target_"].endswith(".BasicSweeper"):
        return []
    params = composed.hydra.sweeper.params or {}
    words = [f"{key}={value}" for key, value in params.items()]
    words += list(composed.hydra.overrides.task)
    with composed_by.explaining(overrides):
        parsed = OverridesParser.create(composed_by.hydra.config_loader)
        batches = BasicSweeper.split_arguments(parsed.parse_overrides(words), None)
    jobs = [job for batch in batches for job in batch]
    own = [each for each in overrides if each.startswith("hydra")]
    labels = _labels(jobs)
    taken: dict[str, str] = {}
    # Where jobs run in processes of their own, this one must not open a device.
    here = composed.hydra.launcher["_target_"].endswith(".BasicLauncher")
    with Phases() as phases:
        for number, (job, label) in enumerate(zip(jobs, labels, strict=True), 1):
            phases("checking jobs", number, len(jobs), label)
            try:
                settled = composed_by.settled(composed_by.compose([*own, *job]))
                if here and composed_by.command == "train":
                    from mesagym.cli.train import refuse  # takes seconds: it needs JAX

                    refuse(settled)
            except UserError as error:
                title = f"job {number} of {len(jobs)} ({label})"
                raise UserError(f"{title}: {error}") from error
            if isinstance(settled, schema.TrainConfig):
                place = str(run_directory(settled))
                if place in taken:
                    raise UserError(
                        f"run: the jobs '{taken[place]}' and '{label}' would both "
                        f"write '{place}'. Leave run out, or put what differs into it, "
                        "as in run='runs/alpha-${split.alpha}'"
                    )
                taken[place] = label
    return labels


def _labels(jobs: Sequence[Sequence[str]]) -> list[str]:
    """Return the overrides of each job that not all jobs have."""
    common = set(jobs[0]).intersection(*jobs) if len(jobs) > 1 else set()
    return [" ".join(word for word in job if word not in common) for job in jobs]


def _group_name(composed: Composed, overrides: list[str]) -> str:
    """Return a name for the sweep, the same for the same command."""
    words = sorted(each for each in overrides if not each.startswith("hydra."))
    params = composed.hydra.sweeper.get("params") or {}
    text = "\n".join([*words, *(f"{key}={value}" for key, value in params.items())])
    return f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _job(command: str, labels: list[str], group: str, composed: Composed) -> int:
    """Carry out one job of a sweep; whatever happens in it, the next one is tried.

    Runs in the process that the launcher chose. A signal ends the whole sweep.
    """
    job = HydraConfig.get()
    number = int(job.job.num)
    title = f"job {number + 1} ({' '.join(job.overrides.task)})"
    if labels:
        title = f"job {number + 1} of {len(labels)} ({labels[number]})"
    say(title)
    try:
        with composer(command) as composed_by:
            config = composed_by.settled(composed)
        if isinstance(config, schema.TrainConfig) and config.group is None:
            config.group = group
        code = carry_out(command, config)
    except UserError as error:
        if full_errors():
            raise
        say(f"{title}: {error}")
        return MISUSED
    except Exception:
        traceback.print_exc()
        say(f"{title} failed, see above")
        return FAILED
    if code in STOPPED.values():
        raise SystemExit(code)
    return code
