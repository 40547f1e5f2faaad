"""What a run keeps on disk: its checkpoints, metrics, policies and evaluations."""

import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mesagym.errors import UserError
from mesagym.tracking import files, lock, tables
from mesagym.tracking.arrays import arrays_to_bytes, bytes_to_arrays
from mesagym.tracking.checkpoints import Checkpoint, Checkpoints
from mesagym.tracking.manifest import NAME as MANIFEST
from mesagym.tracking.manifest import Manifest
from mesagym.tracking.record import Record
from mesagym.tracking.snapshots import SnapshotRecord

_LOG = logging.getLogger("mesagym")

POLICY = "policy/policy.json"
STEP = "checkpoint_step"
"""The column of a metrics part that says which checkpoint its rows belong to."""

PARTS = 32
"""How many small metrics parts may gather before they become one."""


class Evaluation(Record):
    """A folder of one evaluation: outcomes, summary, films, and its own manifest."""

    kind: ClassVar[str] = "mesagym-evaluation"
    word: ClassVar[str] = "evaluation"


class RunDirectory(SnapshotRecord):
    """The folder of one run, the truth about it; readable without mesagym.

    Layout::

        config.yaml  manifest.json  summary.json  outcomes.parquet
        metrics/part-*.parquet  policy/seed-<s>.safetensors  policy/policy.json
        snapshots/<update>/seed-<s>.safetensors  snapshots/policy.json
        checkpoints/step-*  evaluations/<id>/  figures/  films/  report.html

    Open it with ``open`` (one process at a time) to train, with ``reopen`` to add
    to it, with ``read`` to look at it. Use it as a context manager.
    """

    kind: ClassVar[str] = "mesagym-run"
    word: ClassVar[str] = "run directory"

    def __init__(self, account: Manifest, held: lock.Lock | None) -> None:
        super().__init__(account, held)
        self._checkpoints = Checkpoints(self.path / "checkpoints")
        self._saved_step = -1

    @property
    def figures(self) -> Path:
        """Where figures lie."""
        return self.path / "figures"

    @property
    def films(self) -> Path:
        """Where films of episodes lie."""
        return self.path / "films"

    @property
    def report(self) -> Path:
        """Where the report is."""
        return self.path / "report.html"

    def _recover(self) -> None:
        super()._recover()
        # A part that the manifest does not list is one whose process was killed
        # before it could, or one that was merged or dropped.
        for path in (self.path / "metrics").glob("part-*.parquet"):
            if f"metrics/{path.name}" not in self.contents:
                with contextlib.suppress(OSError):
                    path.unlink()

    # Checkpoints

    def save_checkpoint(
        self,
        step: int,
        arrays: Mapping[str, Any],
        meta: Mapping[str, Any],
        *,
        keep_every: int | None = None,
    ) -> None:
        """Save the state of training; the two newest checkpoints stay.

        Append the metrics of the steps before it first (:meth:`append_metrics`).

        Args:
            step: how far training is, not negative, in the unit of the caller.
            arrays: name to array of any shape: bool, integers, floats, complex64.
            meta: what else is needed to go on, as JSON; NaN becomes null.
            keep_every: with 10, keep every tenth checkpoint for good.

        Raises:
            UserError: it cannot be written; the checkpoint before it is intact.
        """
        self._writing()
        self._checkpoints.save(step, arrays, meta, keep_every)
        self._saved_step = step

    @property
    def has_checkpoints(self) -> bool:
        """Whether there are checkpoints, whole or not."""
        return bool(self._checkpoints.steps())

    def load_checkpoint(
        self, warn: Callable[[str], None] = _LOG.warning
    ) -> Checkpoint | None:
        """Return the newest whole checkpoint, None where none was saved.

        Args:
            warn: told, in one line each, of newer ones that are torn or altered.

        Raises:
            UserError: there are checkpoints, and none is whole.
        """
        return self._checkpoints.load(warn)

    def drop_checkpoints(self) -> None:
        """Remove all checkpoints: a completed run is never gone on from."""
        self._writing()
        self._checkpoints.drop()

    # Metrics

    def append_metrics(self, columns: Mapping[str, Any], *, step: int) -> None:
        """Write the metrics of one chunk as a new part.

        Args:
            columns: name to one-dimensional array, all of one length.
            step: that of the checkpoint to which they belong: the number that
                :meth:`save_checkpoint` gets if it is called after this chunk.

        Raises:
            UserError: it cannot be written.
            ValueError: ``step`` lies before that of metrics already there, or its
                checkpoint has been saved: killed in between, the run would go on
                without these rows.
        """
        import pyarrow as pa

        self._writing()
        if step <= self._saved_step:
            raise ValueError(
                f"metrics of step {step} after checkpoint {self._saved_step}: append "
                "them before it is saved"
            )
        last = max((each["steps"][1] for each in self._parts().values()), default=step)
        if step < last:
            raise ValueError(
                f"metrics of step {step} after those of step {last}: call "
                "drop_metrics_after with the step of the checkpoint gone on from"
            )
        table = tables.as_table(columns)
        steps = pa.array(np.full(table.num_rows, step, np.int64))
        self._replace_parts((), table.append_column(STEP, steps), merged=False)
        small = [name for name, each in self._parts().items() if not each["merged"]]
        if len(small) >= PARTS:
            self._merge(small)

    def drop_metrics_after(self, step: int) -> int:
        """Drop rows that belong to no checkpoint up to ``step``; return how many.

        Call it on resuming, with the step of the checkpoint gone on from, or -1
        where there is none.
        """
        import pyarrow as pa

        self._writing()
        late = [name for name, each in self._parts().items() if each["steps"][1] > step]
        if not late:
            return 0
        before = sum(self._parts()[name]["rows"] for name in late)
        # Only a merged part can have rows on both sides.
        mixed = [name for name in late if self._parts()[name]["steps"][0] <= step]
        rows = tables.joined([self._part(name) for name in mixed])
        if mixed:
            rows = rows.filter(pa.array(rows[STEP].to_numpy() <= step))
        self._replace_parts(late, rows, merged=True)
        return before - rows.num_rows

    def compact_metrics(self) -> None:
        """Merge all parts into one, in the order they were written."""
        self._writing()
        if len(self._parts()) > 1:
            self._merge(list(self._parts()))

    def read_metrics(self) -> tables.Table:
        """Return the rows of all parts, in order, as a ``pyarrow.Table``.

        Raises:
            UserError: a part is missing, torn or altered.
        """
        while True:
            try:
                table = tables.joined([self._part(name) for name in self._parts()])
            except UserError:
                # Where another process writes, parts are merged under our eyes.
                if self._lock is not None or not self._manifest.reload():
                    raise
            else:
                return table.drop_columns([STEP]) if self._parts() else table

    def _parts(self) -> dict[str, dict[str, Any]]:
        """Return what the manifest says of each part, oldest first."""
        contents = self._manifest.contents
        return {
            name: contents[name]
            for name in sorted(contents, key=_part_number)
            if _part_number(name) >= 0
        }

    def _part(self, name: str) -> tables.Table:
        return tables.bytes_to_table(self._manifest.read_file(name))

    def _merge(self, names: list[str]) -> None:
        rows = tables.joined([self._part(name) for name in names])
        self._replace_parts(names, rows, merged=True)

    def _replace_parts(
        self, names: list[str] | tuple[str, ...], rows: tables.Table, *, merged: bool
    ) -> None:
        """Put one new part, if it has rows, in the place of the last ones.

        Its number is a fresh one, higher than all others, so the numbers keep the
        order of time, and the manifest goes from the old parts to the new in one
        write.
        """
        number = 1 + max((_part_number(name) for name in self._parts()), default=-1)
        if rows.num_rows == 0:
            if names:
                self._commit({}, names)
            return
        name = f"metrics/part-{number:05d}.parquet"
        steps = rows[STEP].to_numpy()
        facts = {
            "rows": rows.num_rows,
            "steps": [int(steps.min()), int(steps.max())],
            "merged": merged,
        }
        self._commit({name: tables.table_to_bytes(rows)}, names, {name: facts})

    # Policies

    def save_policy(
        self, seed: int, arrays: Mapping[str, Any], card: Mapping[str, Any]
    ) -> None:
        """Save one seed's trained parameters, ``policy/seed-<seed>.safetensors``.

        Args:
            seed: which of the run's seeds, not negative.
            arrays: name to parameter.
            card: what is needed to use them: architecture, environment and its
                static settings, observation shape, action names. One for all
                seeds of a run; the last one given stays.
        """
        if seed < 0:
            raise ValueError(f"a seed cannot be {seed}")
        seeds: dict[str, Any] = {}
        if POLICY in self.contents:
            seeds = self._policies()["seeds"]
        name = f"policy/seed-{seed}.safetensors"
        data = arrays_to_bytes(arrays)
        seeds[str(seed)] = {
            "file": Path(name).name,
            "sha256": files.sha256(data),
            "bytes": len(data),
        }
        seeds = {str(each): seeds[str(each)] for each in sorted(map(int, seeds))}
        document = {"format": "mesagym-policy/1", **card, "seeds": seeds}
        self._commit({name: data, POLICY: files.json_text(document).encode()})

    def policy_seeds(self) -> tuple[int, ...]:
        """Return the seeds whose policy was saved, in ascending order."""
        if POLICY not in self.contents:
            return ()
        return tuple(sorted(int(seed) for seed in self._policies()["seeds"]))

    def load_policy(self, seed: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return one seed's parameters and the card.

        Raises:
            UserError: there is no such seed, or a file is missing or altered.
        """
        known = self.policy_seeds()
        if seed not in known:
            there = ", ".join(map(str, known)) or "none"
            raise UserError(
                f"'{self.path}' has no policy of seed {seed}. Saved seeds: {there}."
            )
        name = f"policy/seed-{seed}.safetensors"
        arrays = bytes_to_arrays(self.read_file(name), self.path / name)
        card = self._policies()
        return arrays, {k: card[k] for k in card if k not in ("format", "seeds")}

    def _policies(self) -> dict[str, Any]:
        return files.parse_json(self.read_file(POLICY), self.path / POLICY)

    # Evaluations

    def evaluation(
        self,
        name: str,
        config: Mapping[str, Any],
        *,
        manifest: Mapping[str, Any],
        identity: Mapping[str, Any] | None = None,
    ) -> Evaluation:
        """Create or take up ``evaluations/<name>/``; arguments as those of ``open``.

        It has its own lock, so the run may be open for reading only.

        Raises:
            UserError: a name that is no folder's; else as ``open``.
        """
        path = self._evaluation_path(name)
        return Evaluation.open(path, config, manifest=manifest, identity=identity)

    def read_evaluation(self, name: str) -> Evaluation:
        """Open ``evaluations/<name>/`` for reading."""
        return Evaluation.read(self._evaluation_path(name))

    def evaluations(self) -> tuple[str, ...]:
        """Return the names of the evaluations, sorted."""
        found = (self.path / "evaluations").glob(f"*/{MANIFEST}")
        return tuple(sorted(each.parent.name for each in found))

    def _evaluation_path(self, name: str) -> Path:
        if not re.fullmatch(r"\w[\w.=,-]*", name):
            raise UserError(
                f"'{name}' cannot name an evaluation. Use letters, digits, '-', '_', "
                "'.', '=' and ',' only, and begin with a letter or digit."
            )
        return self.path / "evaluations" / name


def read_policy(
    folder: str | Path, seed: int
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a policy from a folder that was taken out of its run directory.

    Args:
        folder: one with ``policy.json`` and ``seed-<s>.safetensors``.
        seed: which one.

    Returns:
        the parameters by name and the card.

    Raises:
        UserError: no such folder or seed, or a file that is missing or altered.
    """
    folder = Path(folder)
    card = files.parse_json(files.read_bytes(folder / "policy.json"), folder)
    seeds = card.get("seeds", {})
    if str(seed) not in seeds:
        there = ", ".join(seeds) or "none"
        raise UserError(f"'{folder}' has no policy of seed {seed}. Seeds: {there}.")
    path = folder / f"seed-{seed}.safetensors"
    data = files.read_bytes(path, {seeds[str(seed)]["sha256"]})
    arrays = bytes_to_arrays(data, path)
    return arrays, {k: card[k] for k in card if k not in ("format", "seeds")}


def _part_number(name: str) -> int:
    """Return a metrics part's number, -1 for any other file."""
    match = re.fullmatch(r"metrics/part-(\d+)\.parquet", name)
    return int(match[1]) if match else -1
