"""A run's figures as files."""

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


def draw_figures(run: RunView) -> dict[str, bytes]:
    """Return the run's figures as PNG files by name, such as ``outcomes-clean.png``."""
    drawings: dict[str, Drawing | None] = {"learning-curves": learning_curves(run)}
    if run.kind == CONTEST:
        drawings["shifts"] = shift_overview([run])
        for shift in run.counts.shifts:
            drawings[f"outcomes-{file_name(shift)}"] = outcome_bars(run, shift)
    else:
        for shift in run.amounts.shifts[1:]:
            for proxy in run.objective_names[1:]:
                name = f"scores-{proxy}-{file_name(shift)}"
                drawings[name] = score_figure(run, proxy, shift)
    limits = maps.value_limits(run.maps) if run.maps else None
    for k, level in enumerate(run.maps):
        names = (run.base, run.proxy)
        drawings[f"map-{k}"] = maps.level_map(
            level, names, label=run.label, limits=limits
        )
    return {f"{name}.png": each.png() for name, each in drawings.items() if each}


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
