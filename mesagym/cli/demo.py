"""`mesagym demo`: two trainings that differ by α, compared in a table and a page."""

import dataclasses
from pathlib import Path

from mesagym.cli import report, train
from mesagym.cli.commands import say
from mesagym.cli.naming import RUNS, identity
from mesagym.cli.schema import DemoConfig, TrainConfig
from mesagym.report.page import write_report
from mesagym.report.view import load_run
from mesagym.tracking import config_hash


def run(config: DemoConfig) -> int:
    """Train at every α, or go on where an earlier demo stopped, then compare."""
    folder = where(config)
    jobs = [training(config, alpha, folder) for alpha in config.alphas]
    for job in jobs:
        train.refuse(job)
    for number, job in enumerate(jobs, 1):
        say(f"demo, training {number} of {len(jobs)}: α = {job.split.alpha:g}")
        if code := train.carry_through(job):
            return code
    mode = config.evaluation.modes[0]
    views = [load_run(str(job.run), mode=mode) for job in jobs]
    page = write_report(views, folder / "report.html")
    return report.conclude(views, page)


def where(config: DemoConfig) -> Path:
    """Return the folder of the runs: the same for the same configuration."""
    if config.run is not None:
        return Path(config.run)
    return RUNS / f"demo-{config_hash(identity(config))[:8]}"


def training(config: DemoConfig, alpha: float, folder: Path) -> TrainConfig:
    """Return the training at one α."""
    names = [each.name for each in dataclasses.fields(TrainConfig)]
    job = TrainConfig(**{name: getattr(config, name) for name in names})
    return dataclasses.replace(
        job,
        split=dataclasses.replace(config.split, alpha=alpha),
        run=str(folder / f"alpha-{alpha:g}"),
        name=f"α = {alpha:g}",
        group=config.group or folder.name,
    )
