"""Which commands are the same run, and what its directory is called."""

import dataclasses
from pathlib import Path
from typing import Any

from mesagym.cli.schema import TrainConfig
from mesagym.tracking import config_hash

RUNS = Path("runs")

_NOT_RESULTS = ("first_seed", "run", "name", "group", "tracking", "device", "alphas")
"""Keys that say where a run goes or what it is called, and change no number in it."""


def identity(config: TrainConfig) -> dict[str, Any]:
    """Return the part of a settled configuration that changes results."""
    whole = dataclasses.asdict(config)
    kept = {key: value for key, value in whole.items() if key not in _NOT_RESULTS}
    del kept["train"]["save_seconds"]
    return kept


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
