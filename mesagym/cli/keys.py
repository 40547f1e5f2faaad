"""How a key of a configuration is declared: its type, its bounds and what it means."""

from dataclasses import field, fields, is_dataclass
from typing import Any, NamedTuple

from omegaconf import MISSING


class Rule(NamedTuple):
    """What is known of a key besides its type."""

    doc: str
    low: int | float | None = None
    high: int | float | None = None
    choices: tuple[str | int, ...] = ()
    whole: bool = False  # a whole number, which may be written 2e6
    shown: bool = False  # in --help, with its meaning
    fixed: bool = False  # given by the choice of a file, not by a person


def key(
    doc: str,
    default: Any = MISSING,
    *,
    low: int | float | None = None,
    high: int | float | None = None,
    choices: tuple[str | int, ...] = (),
    whole: bool = False,
    shown: bool = False,
    fixed: bool = False,
) -> Any:
    """Declare a key.

    Args:
        doc: one line that says what it means, with its unit.
        default: its value; left out where a file of `configs/` gives it.
        low: the smallest value allowed.
        high: the largest value allowed.
        choices: the only names allowed.
        whole: a whole number that may be written as ``2e6``, so typed as a float.
        shown: whether ``--help`` says what it means.
        fixed: the choice of a file of a group gives it, so it is not offered.
    """
    rule = Rule(doc, low, high, choices, whole, shown, fixed)
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata={"rule": rule})
    return field(default=default, metadata={"rule": rule})


class Key(NamedTuple):
    """One key of a configuration, with the value it has there."""

    path: str
    rule: Rule
    value: Any
    annotation: Any


def walk(config: Any, prefix: str = "") -> list[Key]:
    """Return the keys of a configuration in the order they were declared."""
    found = []
    for each in fields(config):
        path, value = f"{prefix}{each.name}", getattr(config, each.name)
        if is_dataclass(value):
            found += walk(value, f"{path}.")
        elif "rule" in each.metadata:
            found.append(Key(path, each.metadata["rule"], value, each.type))
    return found
