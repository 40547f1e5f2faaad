"""Which commands are the same run, and what its directory is called."""

import dataclasses
from pathlib import Path
from typing import Any

from mesagym.cli.schema import TrainConfig
from mesagym.errors import UserError
from mesagym.tracking import RunDirectory, config_hash
from mesagym.tracking.files import sha256
from mesagym.tracking.run_directory import POLICY

RUNS = Path("runs")

_NOT_RESULTS = ("first_seed", "run", "name", "group", "tracking", "device", "alphas")
"""Keys that say where a run goes or what it is called, and change no number in it."""


def identity(config: TrainConfig) -> dict[str, Any]:
    """Return the part of a settled configuration that changes results."""
    whole = dataclasses.asdict(config)
    kept = {key: value for key, value in whole.items() if key not in _NOT_RESULTS}
    train = kept["train"]
    del train["save_seconds"]
    # Who is asked afterwards changes nothing in what was trained and tested.
    kept["evaluation"].pop("evaluators", None)
    # Where they are not used they leave no trace, so that runs made before there were
    # such keys are still the same runs.
    for part, key in (
        (kept["agent"], "bptt"),
        (kept["agent"]["network"], "memory"),
        (kept["agent"]["network"], "memory_size"),
    ):
        if part[key] is None:
            del part[key]
    if not train["snapshots"]:
        del train["snapshots"]
    if train["start_from"] is None:
        del train["start_from"], train["start_seed"]
    else:
        # Where the run lies changes no number; what it holds does.
        train["start_from"] = started_from(config)
    return kept


def started_from(config: TrainConfig) -> dict[str, Any] | None:
    """Return which policies a training starts from, None where they are fresh.

    Returns:
        ``run``, the identifier of the run that they are of, and ``policy``, the
        SHA-256 of its ``policy.json``, which holds those of all weights.

    Raises:
        UserError: there is no such run, or it has no trained policies yet.
    """
    if config.train.start_from is None:
        return None
    source = RunDirectory.read(config.train.start_from)
    if not source.policy_seeds():
        raise UserError(
            f"train.start_from: '{source.path}' has no trained policy yet. Let its "
            "training finish, by the same command."
        )
    return {"run": source.id, "policy": sha256(source.read_file(POLICY))}


def run_directory(config: TrainConfig) -> Path:
    """Return where a run goes: the same place for the same settled configuration."""
    if config.run is not None:
        return Path(config.run)
    digest = config_hash(identity(config))[:8]
    alpha = f"{config.split.alpha:g}"
    return RUNS / f"{config.env.name}-alpha-{alpha}-{config.agent.name}-{digest}"


def run_name(config: TrainConfig) -> str:
    """Return what a run is called in progress bars and on wandb."""
    return config.name or run_directory(config).resolve().name
