"""Part of a run as a run directory of its own: some seeds, without films and curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mesagym.tracking import RunDirectory
from mesagym.tracking.configuration import from_yaml, to_yaml
from mesagym.tracking.files import json_text, parse_json
from mesagym.tracking.manifest import Manifest
from mesagym.tracking.record import CONFIG
from mesagym.tracking.run_directory import POLICY
from mesagym.tracking.tables import bytes_to_table, table_to_bytes

OUTCOMES = 150_000
"""Bytes of a table of outcomes, above which it is left out."""


def policy_list(source: RunDirectory) -> dict[str, Any]:
    """Return what a run says of its policies: the card, and each seed's hash."""
    return parse_json(source.read_file(POLICY), source.path / POLICY)


def write_run(
    source: RunDirectory,
    folder: Path,
    seeds: Sequence[int],
    name: str,
    command: str,
) -> None:
    """Write a run directory with some seeds of another one: the same run, in part.

    Where the run lay and what it was called there is left out; learning curves, films
    and reports are, too.

    Args:
        source: the whole run.
        folder: where; empty.
        seeds: which.
        name: of the entry.
        command: that makes the whole result.
    """
    seeds = sorted(seeds)
    config = from_yaml(source.read_file(CONFIG))
    config |= {"run": None, "name": name}
    if config.get("train", {}).get("start_from"):
        # Another condition of the same result, by its folder's name.
        before = Path(config["train"]["start_from"]).name
        config["train"]["start_from"] = f"@{before}"
    policy = policy_list(source)
    policy["seeds"] = {str(seed): policy["seeds"][str(seed)] for seed in seeds}
    files = {
        CONFIG: to_yaml(config),
        POLICY: json_text(policy).encode(),
        "summary.json": source.read_file("summary.json"),
    }
    for seed in seeds:
        file = f"policy/seed-{seed}.safetensors"
        files[file] = source.read_file(file)
    outcomes = _outcomes_of(source, seeds)
    if len(outcomes) <= OUTCOMES:
        files["outcomes.parquet"] = outcomes
    account = Manifest(folder, RunDirectory.kind, RunDirectory.word)
    facts = {**source.manifest, "seeds": seeds, "command": command, "zoo": name}
    account.update(**{**facts, "resumed": [], "contents": {}, "pending": {}})
    account.document.pop("sha256", None)
    account.commit(files)


def _outcomes_of(source: RunDirectory, seeds: Sequence[int]) -> bytes:
    import pyarrow as pa

    table = bytes_to_table(source.read_file("outcomes.parquet"))
    theirs = np.isin(table["seed"].to_numpy(), seeds)
    others = table["policy"].to_numpy(zero_copy_only=False) != "trained"
    return table_to_bytes(table.filter(pa.array(theirs | others)))
