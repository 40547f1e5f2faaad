"""What goes to Weights & Biases, and why it can never harm a run."""

import contextlib
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mesagym.errors import UserError, nearest
from mesagym.tracking.sinks import Rows, RunInfo, too_early
from mesagym.tracking.tables import Table

MODES = ("online", "offline", "disabled")
TABLE_ROWS = 10_000
"""Most rows of the outcomes table that are sent: what wandb's own pages show."""

INIT_SECONDS = 30.0
FINISH_SECONDS = 300.0

_LOG = logging.getLogger("mesagym")


class WandbSink:
    """One wandb run for one configuration, all its seeds in it.

    Each seed's curves are under keys of its own, ``seed-3/return_cheese``, their
    mean over seeds under ``mean/return_cheese``, both over ``env_steps``. A value
    that is not there yet (no episode has ended, or only those that are quick to end)
    is left out, never sent as 0.
    At the end: the summary, the table of outcomes and the films.

    wandb is imported by ``start`` and writes under ``<folder>/wandb``. Whatever
    fails in it is said once, in one line, and the run goes on without it. Where
    nobody is logged in or the network is away, the run is kept offline.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        project: str = "mesagym",
        mode: str = "online",
        entity: str | None = None,
        run_id: str | None = None,
        say: Callable[[str], None] = _LOG.warning,
    ) -> None:
        """Say where it goes; nothing happens before ``start``.

        Args:
            folder: the run directory.
            project: wandb's project.
            mode: ``"online"``, ``"offline"`` (send later with ``wandb sync``) or
                ``"disabled"``. The variable WANDB_MODE overrules ``"online"``.
            entity: the user or team; the default one if None.
            run_id: the same one takes up the same wandb run, as after a kill.
            say: takes a line on what failed or where the run can be seen.

        Raises:
            UserError: an unknown mode.
        """
        if mode not in MODES:
            raise UserError(
                f"tracking.mode: unknown mode '{mode}'." + nearest(mode, MODES)
            )
        self._folder = Path(folder)
        self._project = project
        self._mode = mode
        self._entity = entity
        self._run_id = run_id
        self._say = say
        self._wandb: Any = None
        self._run: Any = None
        self._info: RunInfo | None = None
        self._env_steps = 0
        self._surroundings = contextlib.ExitStack()

    def start(self, info: RunInfo) -> None:
        """Import wandb and start its run."""
        self._info = info
        if self._mode != "disabled":
            self._guarded(lambda: self._start(info))

    def log(self, rows: Rows, *, step: int) -> None:
        """Send one point for each update of the chunk."""
        if self._run is not None:
            self._guarded(lambda: self._log(rows))

    def finish(
        self,
        summary: Mapping[str, Any],
        outcomes: Table | None = None,
        films: Sequence[Path] = (),
    ) -> None:
        """Send the summary, the outcomes and the films, and end wandb's run.

        Of more than :data:`TABLE_ROWS` outcomes, so many are sent, evenly spaced;
        ``outcomes.parquet`` has them all.
        """
        if self._run is not None:
            self._guarded(lambda: self._finish(summary, outcomes, films))

    def close(self) -> None:
        """End wandb's run, as one that failed if ``finish`` was not called."""
        if self._run is not None:
            self._guarded(lambda: self._end(exit_code=1))
        self._surroundings.close()

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something with wandb; if it fails, say so and be rid of wandb."""
        try:
            action()
        # wandb leaves by SystemExit in places, and that too must not end a run.
        except (Exception, SystemExit) as error:
            first = (str(error).strip().splitlines() or [""])[0]
            self._say(
                f"wandb failed and is left out from here on ({type(error).__name__}: "
                f"{first}). The run goes on; '{self._folder}' has all of it."
            )
            run, self._run = self._run, None
            if run is not None:
                with contextlib.suppress(Exception, SystemExit):
                    run.finish(exit_code=1)
            self._surroundings.close()

    def _start(self, info: RunInfo) -> None:
        # Without these wandb would write caches into the home directory, and
        # greet on the terminal.
        for key, value in {
            "WANDB_DATA_DIR": str(self._folder / "wandb"),
            "WANDB_CACHE_DIR": str(self._folder / "wandb"),
            "WANDB_SILENT": "true",
        }.items():
            if key not in os.environ:
                os.environ[key] = value
                self._surroundings.callback(os.environ.pop, key, None)
        import wandb

        self._wandb = wandb
        mode = self._mode
        if mode == "online":
            # wandb's own switch, for whole machines without a network.
            mode = os.environ.get("WANDB_MODE") or mode
        if mode == "disabled":
            return
        # Asked beforehand, since wandb.init would prompt for a key.
        if mode == "online" and not wandb.login(prompt=False, verify=False):
            self._say(
                "wandb: nobody is logged in, so this run is kept offline. "
                "Use `wandb login` for the next."
            )
            mode = "offline"
        try:
            self._run = self._init(info, mode)
        except Exception as error:
            if mode == "offline":
                raise
            first = (str(error).strip().splitlines() or [""])[0]
            self._say(f"wandb: cannot go online, so this run is kept offline: {first}")
            mode = "offline"
            self._run = self._init(info, mode)
        self._run.define_metric("env_steps")
        self._run.define_metric("*", step_metric="env_steps")
        if mode == "online":
            self._say(f"wandb: {self._run.url}")
        else:
            folder = Path(self._run.dir).parent
            self._say(f"wandb: kept offline; send it with `wandb sync '{folder}'`")

    def _init(self, info: RunInfo, mode: str) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._wandb.init(
            dir=str(self._folder),
            project=self._project,
            entity=self._entity,
            group=info.group,
            name=info.name,
            config=dict(info.config),
            mode=mode,
            id=self._run_id,
            resume="allow" if self._run_id else None,
            # Launchers reuse a process for several runs.
            reinit="create_new",
            settings=self._wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                init_timeout=INIT_SECONDS,
                finish_timeout=FINISH_SECONDS,
                finish_timeout_raises=True,
            ),
        )

    def _log(self, rows: Rows) -> None:
        assert self._info is not None
        for point in points(without_early(rows, self._info)):
            self._env_steps = max(self._env_steps, point["env_steps"])
            self._run.log(point)

    def _finish(
        self,
        summary: Mapping[str, Any],
        outcomes: Table | None,
        films: Sequence[Path],
    ) -> None:
        self._run.summary.update(flat(summary))
        last: dict[str, Any] = {}
        if outcomes is not None:
            some = spaced(outcomes, TABLE_ROWS)
            last["outcomes"] = self._wandb.Table(
                columns=list(some.column_names),
                data=[list(row.values()) for row in some.to_pylist()],
            )
        for film in films:
            # The GIF file as it is: raw frames would need moviepy.
            key = f"films/{Path(film).stem}"
            last[key] = self._wandb.Video(str(film), format="gif")
        if last:
            self._run.log({**last, "env_steps": self._env_steps})
        self._end(exit_code=0)

    def _end(self, exit_code: int) -> None:
        run, self._run = self._run, None
        run.finish(exit_code=exit_code)
        self._surroundings.close()


def without_early(rows: Rows, info: RunInfo) -> Rows:
    """Return rows without what the first episodes to end earned, and their length.

    These are NaN where `mesagym.tracking.sinks.too_early` says so.
    """
    early = too_early(rows, info)
    if not early.any():
        return rows
    of_episodes = [name for name in rows if name.startswith("return_")]
    of_episodes += ["length"] * ("length" in rows)
    return dict(rows) | {
        name: np.where(early, np.nan, rows[name]) for name in of_episodes
    }


def points(rows: Rows) -> list[dict[str, Any]]:
    """Return what is sent for a chunk: one mapping an update, oldest first.

    Args:
        rows: columns, a row for each seed and update.

    Returns:
        mappings with ``env_steps`` (per seed), ``seed-<s>/<column>`` and
        ``mean/<column>``, without what is not finite.
    """
    updates, seeds = np.asarray(rows["update"]), np.asarray(rows["seed"])
    names = [name for name in rows if name not in ("seed", "update", "env_steps")]
    sent = []
    for update in np.unique(updates):
        here = np.flatnonzero(updates == update)
        point: dict[str, Any] = {
            "env_steps": int(np.max(np.asarray(rows["env_steps"])[here])),
            "update": int(update),
        }
        for name in names:
            values = [float(rows[name][row]) for row in here]
            there = [each for each in values if math.isfinite(each)]
            for row, value in zip(here, values, strict=True):
                if math.isfinite(value):
                    point[f"seed-{int(seeds[row])}/{name}"] = value
            if there:
                point[f"mean/{name}"] = sum(there) / len(there)
        sent.append(point)
    return sent


def spaced(table: Table, most: int) -> Table:
    """Return at most so many rows of a table, evenly spaced from first to last."""
    if table.num_rows <= most:
        return table
    return table.take(np.linspace(0, table.num_rows - 1, most).round().astype(int))


def flat(summary: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with keys joined by ``/``."""
    leaves: dict[str, Any] = {}
    for key, value in summary.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            leaves.update(flat(value, f"{name}/"))
        else:
            leaves[name] = value
    return leaves
