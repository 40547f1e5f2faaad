"""mesagym: induce goal misgeneralization in small agents, measure what they learned."""

import importlib
from typing import Any

from mesagym.errors import UserError as UserError
from mesagym.registry import make as make

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "registered_envs":
        registry = importlib.import_module("mesagym.registry")
        return registry.registered_envs
    if name == "zoo":
        return importlib.import_module("mesagym.zoo")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_policies(run: Any, seeds: Any = None) -> Any:
    """Take trained policies out of a run directory, or out of the zoo.

    Args:
        run: where the run directory is, or ``zoo:`` and a name that
            ``mesagym zoo list`` shows, such as ``zoo:corner/alpha-0``.
        seeds: which of its seeds; all if None, of the zoo all that are kept there.

    Returns:
        A :class:`mesagym.training.saved.Saved`: ``env``, ``env_params``, ``policy``,
        and the weights of each seed by ``of_seed(seed)``.

    Raises:
        UserError: no such run or seed, a damaged file, or another version's.
    """
    # By name and only now: `import mesagym` reaches neither JAX nor gymnax.
    if isinstance(run, str) and run.startswith("zoo:"):
        return importlib.import_module("mesagym.reproductions.zoo").load(run, seeds)
    saved = importlib.import_module("mesagym.training.saved")
    return saved.load(run, seeds)
