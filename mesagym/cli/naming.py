"""Which commands are the same run, and what its directory is called."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mesagym.cli.folders import config_folder
from mesagym.cli.schema import EvaluationSettings, TrainConfig, TrainSettings
from mesagym.errors import UserError
from mesagym.tracking import RunDirectory, config_hash
from mesagym.tracking.files import sha256
from mesagym.tracking.labels import departures
from mesagym.tracking.manifest import NAME as MANIFEST
from mesagym.tracking.run_directory import POLICY

RUNS = Path("runs")

_ROOM = 32
"""Characters of a directory's name that say what was set otherwise than usual."""

_ASCII = str.maketrans({"×": "x", "−": "minus ", "γ": "discount", "λ": "trace"})

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
    """Return where a run goes: the same place for the same settled configuration.

    Its name ends with a hash of the configuration, by which a directory that was made
    when names were other ones is found again.
    """
    if config.run is not None:
        return Path(config.run)
    digest = config_hash(identity(config))[:8]
    start = f"{config.env.name}-alpha-{config.split.alpha:g}-{config.agent.name}"
    path = RUNS / "-".join([start, *_said(config), digest])
    if not (path / MANIFEST).exists():
        made = sorted(RUNS.glob(f"*-{digest}/{MANIFEST}"))
        found = [each.parent for each in made]
        path = next((one for one in found if one.name.startswith(start)), path)
    return path


def _said(config: TrainConfig) -> list[str]:
    """Return the memory, and what differs from the defaults, as parts of a name."""
    memory = config.agent.network.memory
    words = [] if memory in (None, "???") else [memory]
    room = _ROOM
    for text in departures(dataclasses.asdict(config), _defaults(config)):
        word = re.sub(r"[^\w.]+", "-", text.translate(_ASCII), flags=re.ASCII)
        word = word.strip("-.")
        room -= len(word) + 1
        if room < 0:
            break
        words.append(word)
    return words


def _defaults(config: TrainConfig) -> dict[str, Any]:
    """Return what the settings of a run are where nobody sets them.

    Those of an agent or environment of a person's own are not known here.
    """
    train = dataclasses.asdict(TrainSettings())
    del train["chunk"]  # settling fills it in
    defaults: dict[str, Any] = {
        "train": train,
        "evaluation": dataclasses.asdict(EvaluationSettings()),
        "seeds": list(range(4)),
    }
    for group in ("env", "agent"):
        file = config_folder() / group / f"{getattr(config, group).name}.yaml"
        if file.exists():
            settings = OmegaConf.to_container(OmegaConf.load(file))
            assert isinstance(settings, dict)
            defaults[group] = {k: v for k, v in settings.items() if k != "defaults"}
    return defaults


def run_name(config: TrainConfig) -> str:
    """Return what a run is called in progress bars and on wandb."""
    return config.name or run_directory(config).resolve().name
