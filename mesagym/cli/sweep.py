"""One job or many: how composed configurations are carried out, and what is said."""

import hashlib
import tempfile
import traceback
from functools import partial
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from mesagym.cli import schema
from mesagym.cli.commands import FAILED, MISUSED, STOPPED, carry_out, say
from mesagym.cli.compose import Composed, Composer, composer, full_errors
from mesagym.cli.naming import run_directory
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
        jobs = _jobs(composed_by, composed, overrides)
        task = partial(
            _job, composed_by.command, len(jobs), _group_name(composed, overrides)
        )
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


def _jobs(
    composed_by: Composer, composed: Composed, overrides: list[str]
) -> list[list[str]]:
    """Return each job's overrides, every one of them composed and checked.

    Empty for sweepers that choose their jobs as they go.
    """
    if not composed.hydra.sweeper["_target_"].endswith(".BasicSweeper"):
        return []
    params = composed.hydra.sweeper.params or {}
    words = [f"{key}={value}" for key, value in params.items()]
    words += OmegaConf.to_container(composed.hydra.overrides.task)  # type: ignore[arg-type]
    with composed_by.explaining(overrides):
        parsed = OverridesParser.create(composed_by.hydra.config_loader)
        batches = BasicSweeper.split_arguments(parsed.parse_overrides(words), None)
    jobs = [job for batch in batches for job in batch]
    own = [each for each in overrides if each.startswith("hydra")]
    taken: dict[str, str] = {}
    for number, job in enumerate(jobs, 1):
        label = _label(job)
        try:
            settled = composed_by.settled(composed_by.compose([*own, *job]))
        except UserError as error:
            raise UserError(
                f"job {number} of {len(jobs)} ({label}): {error}"
            ) from error
        if isinstance(settled, schema.TrainConfig):
            place = str(run_directory(settled))
            if place in taken:
                raise UserError(
                    f"run: the jobs '{taken[place]}' and '{label}' would both write "
                    f"'{place}'. Leave run out, or put what differs into it, as in "
                    "run='runs/alpha-${split.alpha}'"
                )
            taken[place] = label
    return jobs


def _group_name(composed: Composed, overrides: list[str]) -> str:
    """Return a name for the sweep, the same for the same command."""
    words = sorted(each for each in overrides if not each.startswith("hydra."))
    params = composed.hydra.sweeper.get("params") or {}
    text = "\n".join([*words, *(f"{key}={value}" for key, value in params.items())])
    return f"sweep-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _job(command: str, total: int, group: str, composed: Composed) -> int:
    """Carry out one job of a sweep; whatever happens in it, the next one is tried.

    Runs in the process that the launcher chose. A signal ends the whole sweep.
    """
    job = HydraConfig.get().job
    label = _label(list(HydraConfig.get().overrides.task))
    of = f" of {total}" if total else ""
    title = f"job {int(job.num) + 1}{of} ({label})"
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


def _label(overrides: list[Any]) -> str:
    return " ".join(str(each) for each in overrides) or "as configured"
