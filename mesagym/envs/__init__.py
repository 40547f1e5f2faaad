"""Environments. Importing this package registers each with gymnax and Gymnasium."""

import functools
from typing import Any

import gymnasium
import gymnax

from mesagym.registry import make, registered_envs


def _construct(name: str, **static: Any) -> Any:
    return make(name, **static)[0]


for _name in registered_envs:
    if _name not in gymnax.registered_envs:
        gymnax.register(_name, functools.partial(_construct, _name))
    # By the door's name alone: it is imported when it is first made.
    if f"mesagym/{_name}" not in gymnasium.registry:
        gymnasium.register(
            f"mesagym/{_name}",
            entry_point="mesagym.envs.gymnasium_door:GymnasiumEnv",
            vector_entry_point="mesagym.envs.gymnasium_door:GymnasiumVectorEnv",
            kwargs={"env": _name},
        )
