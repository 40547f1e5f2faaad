"""What a run keeps of its policies as they were during training."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mesagym.errors import UserError
from mesagym.tracking import files
from mesagym.tracking.arrays import arrays_to_bytes, bytes_to_arrays
from mesagym.tracking.record import Record

CARD = "snapshots/policy.json"

_NAME = re.compile(r"snapshots/(\d{8,})/seed-(\d+)\.safetensors")


class Snapshot(NamedTuple):
    """The policies of a run after a number of updates."""

    update: int
    env_steps: int
    """Of each seed, up to then."""
    seeds: tuple[int, ...]
    """Those that had not lost their loss by then, in ascending order."""


class SnapshotRecord(Record):
    """A record with ``snapshots/<update>/seed-<s>.safetensors`` in it.

    All seeds of a snapshot are listed in one write of the manifest, so a killed
    process leaves a snapshot whole or not at all.
    """

    def save_snapshot(
        self,
        update: int,
        env_steps: int,
        arrays: Mapping[int, Mapping[str, Any]],
        card: Mapping[str, Any],
    ) -> None:
        """Save every seed's weights as they are after ``update`` updates.

        Save it before the checkpoint of the same update: killed in between, the run
        would go on without it.

        Args:
            update: updates done, not negative.
            env_steps: environment steps of each seed, up to then.
            arrays: name to parameter, by seed.
            card: what is needed to use them, as that of ``save_policy``.

        Raises:
            UserError: it cannot be written.
        """
        if update < 0:
            raise ValueError(f"a snapshot cannot be of {update} updates")
        write = {CARD: files.json_text({"format": "mesagym-policy/1", **card}).encode()}
        facts: dict[str, dict[str, Any]] = {}
        for seed, weights in arrays.items():
            name = f"snapshots/{update:08d}/seed-{seed}.safetensors"
            write[name] = arrays_to_bytes(weights)
            facts[name] = {"env_steps": env_steps}
        self._commit(write, facts=facts)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return what snapshots there are, oldest first."""
        seeds: dict[int, list[int]] = {}
        steps: dict[int, int] = {}
        for name, entry in self._manifest.contents.items():
            if match := _NAME.fullmatch(name):
                update = int(match[1])
                seeds.setdefault(update, []).append(int(match[2]))
                steps[update] = entry["env_steps"]
        return tuple(
            Snapshot(update, steps[update], tuple(sorted(seeds[update])))
            for update in sorted(seeds)
        )

    def load_snapshot(
        self, update: int, seed: int
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return one seed's parameters after ``update`` updates, and the card.

        Raises:
            UserError: there is none, or a file is missing or altered.
        """
        name = f"snapshots/{update:08d}/seed-{seed}.safetensors"
        if name not in self.contents:
            there = ", ".join(str(each.update) for each in self.snapshots()) or "none"
            raise UserError(
                f"'{self.path}' has no snapshot of seed {seed} after {update} updates. "
                f"Snapshots: {there}."
            )
        arrays = bytes_to_arrays(self.read_file(name), self.path / name)
        card = files.parse_json(self.read_file(CARD), self.path / CARD)
        return arrays, {k: card[k] for k in card if k != "format"}

    def drop_snapshots_after(self, update: int) -> int:
        """Drop the snapshots that lie after an update; return how many.

        Call it on resuming, with the update of the checkpoint gone on from, or -1
        where there is none.
        """
        self._writing()
        late = [
            name
            for name in self.contents
            if (match := _NAME.fullmatch(name)) and int(match[1]) > update
        ]
        if late:
            self._commit({}, late)
        return len({Path(name).parent for name in late})
