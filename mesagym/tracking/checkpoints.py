"""How the state of training is kept, so that a killed run has one to go on from."""

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mesagym.errors import UserError
from mesagym.tracking import files
from mesagym.tracking.arrays import arrays_to_bytes, bytes_to_arrays
from mesagym.tracking.files import DamagedFile

KEPT = 2
"""How many of the newest checkpoints stay."""

_NAME = re.compile(r"step-(\d{12,})(?:-[0-9a-f]{12})?\.(?:json|safetensors)")


class Checkpoint(NamedTuple):
    """The state of training after a number of steps."""

    step: int
    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]


class Checkpoints:
    """A folder of ``step-<n>.json``, each with the arrays file that it names.

    The arrays file carries a part of its hash in its name, so saving a step twice
    never touches the file that the older JSON speaks of. The JSON's rename is the
    moment at which a checkpoint exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._damaged: set[int] = set()

    def steps(self) -> list[int]:
        """Return the steps that have a checkpoint, whole or not, oldest first."""
        names = (each.name for each in self.folder.glob("step-*.json"))
        matches = (_NAME.fullmatch(name) for name in names)
        return sorted(int(match[1]) for match in matches if match)

    def save(
        self,
        step: int,
        arrays: Mapping[str, Any],
        meta: Mapping[str, Any],
        keep_every: int | None,
    ) -> None:
        """Save a checkpoint, then remove those that are no longer needed."""
        if step < 0:
            raise ValueError(f"a checkpoint's step cannot be {step}")
        data = arrays_to_bytes(arrays)
        digest = files.sha256(data)
        name = f"step-{step:012d}-{digest[:12]}.safetensors"
        ordinal = self._ordinal(step)
        files.make_folders(self.folder)
        files.atomic_write_bytes(self.folder / name, data)
        document = {
            "format": "mesagym-checkpoint/1",
            "step": step,
            "ordinal": ordinal,
            "kept": keep_every is not None and ordinal % keep_every == 0,
            "arrays": {"file": name, "sha256": digest, "bytes": len(data)},
            "meta": meta,
        }
        files.atomic_write_json(self._json(step), files.sealed(document))
        self._damaged.discard(step)
        self._prune(step, name)

    def load(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """Return the newest whole checkpoint; see ``RunDirectory.load_checkpoint``."""
        broken: list[str] = []
        there = self.steps()
        for step in reversed(there):
            try:
                document = files.read_sealed(self._json(step))
                path = self.folder / Path(document["arrays"]["file"]).name
                data = files.read_bytes(path, {document["arrays"]["sha256"]})
                arrays = bytes_to_arrays(data, path)
            except DamagedFile as error:
                self._damaged.add(step)
                broken.append(str(error))
                continue
            for message in broken:
                warn(f"{message} Going on from the checkpoint before it, step {step}.")
            return Checkpoint(step, arrays, document["meta"])
        # Where another process trains, what was listed may be gone for newer ones.
        if self.steps() != there:
            return self.load(warn)
        if broken:
            raise UserError(
                f"no checkpoint in '{self.folder}' is whole: {broken[0]} "
                "Or remove that folder to train from the start."
            )
        return None

    def drop(self) -> None:
        """Remove every checkpoint, and the folder if nothing else is in it."""
        # In descending order a step's '.json' comes before its '-<hash>.safetensors',
        # so that no JSON is left that names a file which is gone.
        for path in sorted(self.folder.glob("step-*"), reverse=True):
            if _NAME.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    path.unlink()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _json(self, step: int) -> Path:
        return self.folder / f"step-{step:012d}.json"

    def _ordinal(self, step: int) -> int:
        """Return the number of whole checkpoints ever saved before this one."""
        for before in reversed([each for each in self.steps() if each < step]):
            with contextlib.suppress(DamagedFile):
                return files.read_sealed(self._json(before))["ordinal"] + 1
        return 0

    def _prune(self, step: int, name: str) -> None:
        """Remove damaged, abandoned and old checkpoints, and arrays without a JSON.

        Args:
            step: that of the checkpoint just saved; later ones belong to a future
                that this run did not take.
            name: its arrays file.
        """
        whole = [s for s in self.steps() if s <= step and s not in self._damaged]
        stay = set(whole[-KEPT:])
        for old in whole[:-KEPT]:
            with contextlib.suppress(DamagedFile):
                if files.read_sealed(self._json(old))["kept"]:
                    stay.add(old)
        for path in sorted(self.folder.glob("step-*")):
            match = _NAME.fullmatch(path.name)
            if match is None:
                continue
            replaced = (
                int(match[1]) == step
                and path.suffix == ".safetensors"
                and path.name != name
            )
            if replaced or int(match[1]) not in stay:
                # What cannot be removed does no harm: it is tried again next time.
                with contextlib.suppress(OSError):
                    path.unlink()
