"""`mesagym report`: the films and figures of runs, and one page that holds them."""

import os
from pathlib import Path

from mesagym.cli import device, evaluate, pictures
from mesagym.cli.assess import pools_for
from mesagym.cli.phases import Phases
from mesagym.cli.schema import EvaluateConfig, ReportConfig, ShiftsConfig
from mesagym.evals.columns import kind_of, objectives_of, own_objectives_of
from mesagym.report.page import must_be_comparable, write_report
from mesagym.report.terminal import show_results
from mesagym.report.view import RunView, load_run
from mesagym.tracking import RunDirectory
from mesagym.tracking.progress import silent
from mesagym.training.saved import load_latest


def run(config: ReportConfig) -> int:
    """Draw, write the page, print the table and where the page is."""
    device.use(config.device)
    views, page = [], where(config)
    own = len(config.run) == 1 and config.out is None
    with Phases() as phases:
        phases("preparing")
        must_be_comparable([_compared(path) for path in config.run])
        for path in config.run:
            if not _has_outcomes(RunDirectory.read(path)):
                view, folder = _unfinished(path, config.device, phases, own)
                page = folder / "report.html" if own else page
            else:
                with RunDirectory.reopen(path) as directory:
                    phases.say(f"drawing '{path}'")
                    view = pictures.complete(directory, progress=phases)
                    if own:
                        pictures.write_page(directory, view, phases)
            views.append(view)
        if not own:
            phases("writing the page")
            write_report(views, page)
    return conclude(views, page)


def _has_outcomes(run: RunDirectory) -> bool:
    return "outcomes.parquet" in run.contents


def _compared(path: str) -> tuple[tuple[str, ...], str]:
    """Return the objectives of a run and the kind of its environment.

    Raises:
        UserError: it has neither outcomes nor a checkpoint yet.
    """
    run = RunDirectory.read(path)
    if not _has_outcomes(run):
        env = load_latest(run)[0].env
        return env.own_objectives, env.kind
    columns = run.read_outcomes().column_names
    return own_objectives_of(columns) or objectives_of(columns), kind_of(columns)


def _unfinished(
    path: str, device: str, phases: Phases, with_page: bool
) -> tuple[RunView, Path]:
    """Test and film the last checkpoint of a run, in the folder of its evaluation.

    The run itself, which may be in training, is read and nothing else.

    Returns:
        what is shown of it, and that folder.
    """
    settings = RunDirectory.read(path).config["evaluation"]
    asked = EvaluateConfig(
        run=path,
        shifts=ShiftsConfig(["quick"]),
        levels=settings["levels"],
        seed=settings["seed"],
        modes=list(settings["modes"]),
        evaluators=[],
        device=device,
    )
    with evaluate.tested(asked, phases) as done:
        record = done.record
        if not any(name.startswith("films/") for name in record.contents):
            pools = done.pools or pools_for(
                done.trained, ["quick"], asked.levels, asked.seed, silent, phases
            )
            made = pictures.films_and_maps(done.trained, pools, phases)
            for name, content in made.items():
                record.write_file(name, content)
        view = load_run(path, mode=asked.modes[0], evaluation=record.path.name)
        if with_page:
            pictures.write_page(record, view, phases)
        return view, record.path


def where(config: ReportConfig) -> Path:
    """Return where the page goes: into the run, or the folder that holds them all."""
    if config.out is not None:
        return Path(config.out)
    if len(config.run) == 1:
        return Path(config.run[0]) / "report.html"
    if all(os.path.isabs(path) == os.path.isabs(config.run[0]) for path in config.run):
        return Path(os.path.commonpath(config.run)) / "report.html"
    return Path(os.path.commonpath(map(os.path.abspath, config.run))) / "report.html"


def conclude(views: list[RunView], page: Path) -> int:
    """Print what was learned and where the page is."""
    show_results(views)
    for view in views:
        if view.unfinished:
            print(
                f"{view.label}, {view.unfinished} of each seed: all of it is of its "
                "last checkpoint and may change."
            )
    print(f"Report: {page}")
    return 0
