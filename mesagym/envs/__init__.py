"""Environments. Importing this package registers each of them with gymnax."""

import functools

import gymnax

from mesagym.registry import environment_class, registered_envs

for _name in registered_envs:
    if _name not in gymnax.registered_envs:
        gymnax.register(_name, functools.partial(lambda n, **k: environment_class(n)(**k), _name))
