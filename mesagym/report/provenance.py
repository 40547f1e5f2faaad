"""What a report says of how its runs were made: machine, versions, configuration."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mesagym.report.view import RunView
from mesagym.tracking.console import duration, short
from mesagym.tracking.labels import agent_of, shared_alpha

# What the run directory needs for itself, and no reader does.
_BOOKKEEPING = frozenset({"contents", "pending", "sha256", "identity", "format"})

# What :func:`origins` says already.
_SAID = frozenset({"command", "run"})

_PHRASES = "environment.phrases."

_FIRST = (
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


class Origin(NamedTuple):
    """One command, and the runs that it made."""

    command: str
    """As typed in a shell; empty where the manifest does not say."""
    runs: tuple[tuple[str, str], ...]
    """Label and directory of each; the latter may be empty."""


def origins(runs: Sequence[RunView]) -> list[Origin]:
    """Return where runs are and which commands made them, each of them once.

    Those of a sweep or a demo share a command. Runs of which neither is known are
    left out.
    """
    made: dict[str, list[tuple[str, str]]] = {}
    for run in runs:
        command = _text(run.manifest.get("command"))
        if command or run.directory:
            made.setdefault(command, []).append((run.label, run.directory))
    return [Origin(command, tuple(each)) for command, each in made.items()]


def provenance(run: RunView) -> list[tuple[str, str]]:
    """Return names and values: of the manifest first, then of the configuration.

    Command and directory are left to :func:`origins`.
    """
    kept = {k: v for k, v in run.manifest.items() if k not in _BOOKKEEPING | _SAID}
    facts = dict(_flat(kept))
    facts = {k: v for k, v in facts.items() if not k.startswith(_PHRASES)}
    order = [name for name in _FIRST if name in facts]
    order += [name for name in facts if name not in _FIRST]
    rows = [(name.replace("_", " "), facts[name]) for name in order]
    verdict = run.verdict or run.amounts_verdict
    if verdict is not None:
        told = run.summary_differs or f"judged by rule {verdict.version}"
        rows.append(("verdict", told))
    config = {key: value for key, value in run.config.items() if key not in _SAID}
    return rows + list(_flat(config))


def setting(runs: Sequence[RunView]) -> str:
    """Return one line on what was trained, how long, and on what; empty if unknown."""
    steps = [
        int(each.metrics["env_steps"].to_numpy().max())
        for each in runs
        if each.metrics.num_rows
    ]
    seeds = sorted({each.n_seeds for each in runs})
    seconds = sum(_seconds(each) for each in runs)
    agents = _either(agent_of(each.config) for each in runs)
    parts = [
        _either(_environment(each) for each in runs),
        _either(_observation(each) for each in runs),
        shared_alpha([each.config for each in runs]),
        f"agent {agents}" if agents else "",
        _either(map(str, seeds)) + f" seed{'s' * (seeds != [1])} each",
        _either(f"{short(n)} environment steps a seed" for n in sorted(steps)),
        "" if math.isnan(seconds) else f"trained in {duration(seconds)}",
        _either(f"on {_text(each.manifest.get('device'))}" for each in runs),
    ]
    text = ", ".join(part for part in parts if part and part != "on ")
    return f"{text[:1].upper()}{text[1:]}."


def _either(texts: Iterable[str]) -> str:
    """Return what runs have, once where they have the same."""
    return " or ".join(dict.fromkeys(text for text in texts if text))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _environment(run: RunView) -> str:
    env = _settings(run)
    if not env.get("name"):
        return ""
    text = str(env["name"]).replace("_", " ")
    size = env.get("size")
    if size:
        sides = size if isinstance(size, Sequence) else (size, size)
        text += " " + "×".join(str(side) for side in sides)
    return f"{text} ({env['layout']})" if env.get("layout") else text


def _observation(run: RunView) -> str:
    """Return what the policies see; empty where the configuration does not say."""
    env = _settings(run)
    if "pixels" not in env and "crop_radius" not in env:
        return ""
    pixels, radius = env.get("pixels"), env.get("crop_radius")
    seen = f"pictures of {pixels} pixels a tile" if pixels else "channels"
    if radius:
        side = 2 * int(radius) + 1
        return f"seen in {seen} of {side}×{side} tiles around the agent"
    return f"seen whole in {seen}"


def _settings(run: RunView) -> Mapping[str, Any]:
    """Return the environment's settings, a plugin's own among them."""
    env = run.config.get("env")
    if not isinstance(env, Mapping):
        return {}
    own = env.get("settings")
    return {**env, **own} if isinstance(own, Mapping) else env


def _seconds(run: RunView) -> float:
    """Return how long training took; NaN where the metrics do not say.

    The clock begins anew where a stopped training went on.
    """
    if run.metrics.num_rows == 0 or "clock_seconds" not in run.metrics.column_names:
        return math.nan
    seconds, step = (run.metrics[n].to_numpy() for n in ("clock_seconds", "env_steps"))
    steps, place = np.unique(step, return_inverse=True)
    clock = np.zeros(len(steps))
    np.maximum.at(clock, place, seconds)
    ends = np.append(clock[1:] < clock[:-1], True)
    return float(clock[ends].sum())


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
