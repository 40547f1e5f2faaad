"""A run's figures as files."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mesagym.evals.columns import CONTEST, file_name
from mesagym.report import maps
from mesagym.report.amounts import score_figure
from mesagym.report.curves import learning_curves
from mesagym.report.outcomes import outcome_bars, shift_overview
from mesagym.report.style import Drawing
from mesagym.report.view import RunView
from mesagym.tracking import atomic_write_bytes
from mesagym.tracking.files import make_folders
from mesagym.tracking.progress import Progress, silent


def draw_figures(run: RunView, progress: Progress = silent) -> dict[str, bytes]:
    """Return the run's figures as PNG files by name, such as ``outcomes-clean.png``.

    Args:
        run: the run.
        progress: told of each figure.
    """
    # Drawn one after another, so that only one is in memory at a time.
    to_draw: dict[str, Callable[[], Drawing | None]] = {
        "learning-curves": lambda: learning_curves(run)
    }
    if run.kind == CONTEST:
        to_draw["shifts"] = lambda: shift_overview([run])
        for shift in run.counts.shifts:
            name = f"outcomes-{file_name(shift)}"
            to_draw[name] = partial(outcome_bars, run, shift)
    else:
        for shift in run.amounts.shifts[1:]:
            for proxy in run.objective_names[1:]:
                name = f"scores-{proxy}-{file_name(shift)}"
                to_draw[name] = partial(score_figure, run, proxy, shift)
    limits = maps.value_limits(run.maps) if run.maps else None
    names = (run.base, run.proxy)
    for k, level in enumerate(run.maps):
        to_draw[f"map-{k}"] = partial(
            maps.level_map, level, names, label=run.label, limits=limits
        )
    files = {}
    for number, (name, draw) in enumerate(to_draw.items(), 1):
        progress("drawing", number, len(to_draw), name)
        if drawing := draw():
            files[f"{name}.png"] = drawing.png()
    return files


def save_figures(run: RunView, folder: str | Path) -> list[Path]:
    """Write the run's figures into a folder and return their paths.

    For the run directory's own ``figures/`` use :func:`draw_figures` and
    ``RunDirectory.write_file``, which lists and hashes them.

    Raises:
        UserError: the folder cannot be written.
    """
    folder = Path(folder)
    make_folders(folder)
    paths = []
    for name, data in draw_figures(run).items():
        atomic_write_bytes(folder / name, data)
        paths.append(folder / name)
    return paths
