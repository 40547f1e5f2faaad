"""When two configurations are the same, and how it is said where they differ."""

import math
from collections.abc import Mapping
from typing import Any

from mesagym.tracking import files


def config_hash(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a configuration, whatever the order of its keys.

    Args:
        config: nested mappings, lists and scalars, without the keys that do not
            change results. ``1`` and ``1.0`` count as equal.
    """
    return files.sha256(files.canonical_json(canonical(config)).encode())


def to_yaml(config: Mapping[str, Any]) -> bytes:
    """Return a configuration as YAML, its keys in the order given."""
    import yaml

    text = yaml.safe_dump(
        config, sort_keys=False, allow_unicode=True, default_flow_style=False
    )
    return text.encode("utf-8", "backslashreplace")


def from_yaml(data: bytes) -> dict[str, Any]:
    """Return the configuration that :func:`to_yaml` wrote."""
    import yaml

    return yaml.safe_load(data)


def canonical(value: Any) -> Any:
    """Return a configuration in which what means the same is the same."""
    value = files.plain(value, finite=False)
    if isinstance(value, dict):
        return {key: canonical(each) for key, each in value.items()}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() else value
    return value


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings by dotted key."""
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    leaves: dict[str, Any] = {}
    for key, each in value.items():
        leaves.update(flat(each, f"{prefix}.{key}" if prefix else key))
    return leaves


def difference(there: Any, here: Any, most: int = 3) -> str:
    """Say which keys differ, at most ``most`` of them; empty where none does.

    A key that is not there counts as null, which stands for "as without it": a run
    is still the same one after mesagym has learned to do something else as well.
    """
    one, other = flat(there), flat(here)
    said = []
    for key in [*one, *(key for key in other if key not in one)]:
        old, new = (files.canonical_json(each.get(key)) for each in (one, other))
        if old != new:
            old, new = (
                text if key in each else "not set"
                for text, each in ((old, one), (new, other))
            )
            said.append(f"{key} is {_short(old)} there and {_short(new)} here")
    more = f" (and {len(said) - most} more)" if len(said) > most else ""
    return "; ".join(said[:most]) + more


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
