"""The one table of environment names, read without importing JAX or gymnax."""

import dataclasses
import importlib
from typing import Any, NamedTuple

from mesagym.errors import UserError, nearest


class Entry(NamedTuple):
    """Where an environment lives and what it is called in configurations."""

    config: str
    module: str
    cls: str


_TABLE: dict[str, Entry] = {
    "Corner-v0": Entry("corner", "mesagym.envs.corner", "Corner"),
}

registered_envs: tuple[str, ...] = tuple(_TABLE)
"""Names that :func:`make` accepts, in the order they were added."""


def from_config_name(name: str) -> str:
    """Return the Python name (``Corner-v0``) for a configuration's (``corner``).

    Raises:
        UserError: no environment has that name.
    """
    for python_name, entry in _TABLE.items():
        if name in (entry.config, python_name):
            return python_name
    allowed = [entry.config for entry in _TABLE.values()]
    raise UserError(f"env: unknown environment '{name}'." + nearest(name, allowed))


def environment_class(name: str) -> type:
    """Import and return the class behind a registered name.

    Raises:
        UserError: no environment has that name.
    """
    entry = _TABLE[from_config_name(name)]
    return getattr(importlib.import_module(entry.module), entry.cls)


def make(name: str, **static: Any) -> tuple[Any, Any]:
    """Make an environment and its default parameters.

    Args:
        name: a registered name, ``"Corner-v0"``.
        **static: the environment's static settings, such as ``size=9``.

    Returns:
        ``(env, params)``. Environments made with equal settings are equal and
        hash alike, so a function compiled for one serves the other.

    Raises:
        UserError: an unknown name or setting, or one out of range.
    """
    cls = environment_class(name)
    settings = [field.name for field in dataclasses.fields(cls)]
    for setting in static:
        if setting not in settings:
            raise UserError(
                f"env.{setting}: {name} has no such setting."
                + nearest(setting, settings)
            )
    env = cls(**static)
    return env, env.default_params
