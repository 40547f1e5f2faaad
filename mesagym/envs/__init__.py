"""Environments. Importing this package registers each of them with gymnax."""

import functools
from typing import Any

import gymnax

from mesagym.registry import make, registered_envs


def _construct(name: str, **static: Any) -> Any:
    return make(name, **static)[0]


for _name in registered_envs:
    if _name not in gymnax.registered_envs:
        gymnax.register(_name, functools.partial(_construct, _name))
