"""`mesagym report`: the films and figures of runs, and one page that holds them."""

import os
from pathlib import Path

from mesagym.cli import device, pictures
from mesagym.cli.commands import say
from mesagym.cli.schema import ReportConfig
from mesagym.report.page import write_report
from mesagym.report.terminal import show_results
from mesagym.report.view import RunView
from mesagym.tracking import RunDirectory


def run(config: ReportConfig) -> int:
    """Draw, write the page, print the table and where the page is."""
    device.use(config.device)
    views = []
    for path in config.run:
        with RunDirectory.reopen(path) as directory:
            say(f"drawing '{path}'")
            view = pictures.complete(directory)
            if len(config.run) == 1 and config.out is None:
                pictures.write_page(directory, view)
        views.append(view)
    page = where(config)
    if len(config.run) > 1 or config.out is not None:
        write_report(views, page)
    return conclude(views, page)


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
    print(f"Report: {page}")
    return 0
