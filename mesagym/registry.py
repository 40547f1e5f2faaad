"""The one table of environment names, read without importing JAX or gymnax.

``registered_envs`` is the tuple of names that :func:`make` accepts.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import re
from typing import Any, NamedTuple, TypeVar

from mesagym.errors import UserError, nearest

Announced = TypeVar("Announced")


class Entry(NamedTuple):
    """Where an environment lives and what it is called in configurations."""

    config: str
    module: str
    cls: str


_TABLE: dict[str, Entry] = {
    "Corner-v0": Entry("corner", "mesagym.envs.corner", "Corner"),
    "Dish-v0": Entry("dish", "mesagym.envs.dish", "Dish"),
    "KeysChests-v0": Entry("keys_chests", "mesagym.envs.keys_chests", "KeysChests"),
    "LavaLand-v0": Entry("lava_land", "mesagym.envs.lava_land", "LavaLand"),
    "FollowMe-v0": Entry("follow_me", "mesagym.envs.follow_me", "FollowMe"),
    "MonsterWorld-v0": Entry(
        "monster_world", "mesagym.envs.monster_world", "MonsterWorld"
    ),
    "CoinRun-v0": Entry("coin_run", "mesagym.envs.coin_run", "CoinRun"),
    "ColorShape-v0": Entry("color_shape", "mesagym.envs.color_shape", "ColorShape"),
    "TreeGrove-v0": Entry("tree_grove", "mesagym.envs.tree_grove", "TreeGrove"),
    "TwoGoals-v0": Entry("two_goals", "mesagym.envs.two_goals", "TwoGoals"),
    "Sokoban-v0": Entry("sokoban", "mesagym.envs.sokoban", "Sokoban"),
}

GROUP = "mesagym.environments"
"""Where other packages announce environments: ``"Mine-v0" = "package.module:Class"``
under this group of entry points."""


@functools.cache
def table() -> dict[str, Entry]:
    """Return every environment by name: mesagym's own, then other packages'.

    A name of mesagym's own stays its own, whoever else announces it.

    Raises:
        UserError: an entry point that names no module and class.
    """
    found = dict(_TABLE)
    for point in importlib.metadata.entry_points(group=GROUP):
        module, _, cls = point.value.partition(":")
        if not module or not cls.isidentifier():
            raise UserError(
                f"entry point '{point.name}' of {GROUP}: '{point.value}' is no "
                "package.module:Class"
            )
        entry = Entry(config_name(point.name), module, cls)
        found.setdefault(point.name, entry)
    return found


def announced(group: str, kind: type[Announced]) -> list[Announced]:
    """Return what other packages announce under a group of entry points, imported.

    Args:
        group: ``mesagym.detectors``, say.
        kind: class of what is announced.

    Raises:
        UserError: an entry point that cannot be imported, or is of another kind.
    """
    found = []
    for point in importlib.metadata.entry_points(group=group):
        try:
            other = point.load()
        except (AttributeError, ImportError) as error:
            raise UserError(
                f"entry point '{point.name}' of {group}: '{point.value}' cannot be "
                f"imported: {error}; mend or uninstall the package that announces it"
            ) from error
        if not isinstance(other, kind):
            raise UserError(
                f"entry point '{point.name}' of {group}: '{point.value}' is no "
                f"{kind.__module__}.{kind.__qualname__}"
            )
        found.append(other)
    return found


def config_name(name: str) -> str:
    """Return ``keys_chests``, as configurations spell it, for ``KeysChests-v0``."""
    stem = re.sub(r"-v\d+$", "", name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower()


def __getattr__(name: str) -> Any:
    # Looking for entry points takes longer than everything else that is imported here.
    if name == "registered_envs":
        return tuple(table())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def from_config_name(name: str) -> str:
    """Return the Python name (``Corner-v0``) for a configuration's (``corner``).

    Raises:
        UserError: no environment has that name.
    """
    for python_name, entry in table().items():
        if name in (entry.config, python_name):
            return python_name
    # In the spelling in which it was asked for.
    allowed = list(table())
    if not re.search(r"-v\d+$", name):
        allowed = [entry.config for entry in table().values()]
    raise UserError(f"env: unknown environment '{name}'." + nearest(name, allowed))


def environment_class(name: str) -> type:
    """Import and return the class behind a registered name.

    Raises:
        UserError: no environment has that name, or its package lacks it.
    """
    entry = table()[from_config_name(name)]
    try:
        return getattr(importlib.import_module(entry.module), entry.cls)
    except (AttributeError, ModuleNotFoundError) as error:
        raise UserError(
            f"env: '{name}' is announced as {entry.module}:{entry.cls}, which cannot "
            f"be imported: {error}"
        ) from error


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
