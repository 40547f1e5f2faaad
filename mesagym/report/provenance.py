"""What a report says of how its runs were made: machine, versions, configuration."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesagym.report.view import RunView
from mesagym.tracking.console import duration, short

# What the run directory needs for itself, and no reader does.
_BOOKKEEPING = frozenset({"contents", "pending", "sha256", "identity", "format"})

_FIRST = (
    "command",
    "created",
    "seeds",
    "device",
    "git.of",
    "git.revision",
    "git.dirty",
    "config_hash",
    "dynamics_version",
    "python",
    "platform",
    "cpu_count",
)


def provenance(run: RunView) -> list[tuple[str, str]]:
    """Return names and values: of the manifest first, then of the configuration."""
    facts = dict(
        _flat({k: v for k, v in run.manifest.items() if k not in _BOOKKEEPING})
    )
    order = [name for name in _FIRST if name in facts]
    order += [name for name in facts if name not in _FIRST]
    rows = [(name.replace("_", " "), facts[name]) for name in order]
    return rows + [(name, value) for name, value in _flat(run.config)]


def setting(runs: Sequence[RunView]) -> str:
    """Return one line on what was trained, how long, and on what; empty if unknown."""
    run = runs[0]
    parts = []
    env, agent = run.config.get("env"), run.config.get("agent")
    if isinstance(env, Mapping) and env.get("name"):
        text = str(env["name"])
        size = env.get("size")
        if size:
            sides = size if isinstance(size, Sequence) else (size, size)
            text += " " + "×".join(str(side) for side in sides)
        if env.get("layout"):
            text += f" ({env['layout']})"
        parts.append(text)
    if isinstance(agent, Mapping) and agent.get("name"):
        parts.append(f"agent {agent['name']}")
    seeds = sorted({each.verdict.n_seeds for each in runs})
    if seeds:
        many = " or ".join(map(str, seeds))
        parts.append(f"{many} seed{'s' * (seeds != [1])} each")
    steps = [
        int(each.metrics["env_steps"].to_numpy().max())
        for each in runs
        if each.metrics.num_rows
    ]
    if steps:
        parts.append(f"{short(float(max(steps)))} environment steps a seed")
    seconds = [_seconds(each) for each in runs]
    if seconds and not any(math.isnan(each) for each in seconds):
        parts.append(f"trained in {duration(sum(seconds))}")
    device = run.manifest.get("device")
    if isinstance(device, str):
        parts.append(f"on {device}")
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if parts else ""


def _seconds(run: RunView) -> float:
    """Return how long training took; NaN where the metrics do not say."""
    if run.metrics.num_rows == 0 or "clock_seconds" not in run.metrics.column_names:
        return math.nan
    return float(run.metrics["clock_seconds"].to_numpy().max())


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every leaf with its dotted name; short lists are leaves."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple) and any(
        isinstance(each, Mapping) for each in value
    ):
        for k, each in enumerate(value):
            yield from _flat(each, f"{name}.{k}")
    elif isinstance(value, list | tuple):
        yield name, ", ".join(map(str, value)) or "none"
    else:
        yield name, "none" if value is None else str(value)
