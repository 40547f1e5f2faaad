"""mesagym: induce goal misgeneralization in small agents, measure what they learned."""

import importlib
from typing import Any

from mesagym.errors import UserError as UserError
from mesagym.registry import make as make
from mesagym.registry import registered_envs as registered_envs

__version__ = "0.1.0"


def load_policies(run: Any, seeds: Any = None) -> Any:
    """Take trained policies out of a run directory.

    Args:
        run: where the run directory is.
        seeds: which of its seeds; all if None.

    Returns:
        A :class:`mesagym.training.saved.Saved`: ``env``, ``env_params``, ``policy``,
        and the weights of each seed by ``of_seed(seed)``.

    Raises:
        UserError: no such run or seed, a damaged file, or another version's.
    """
    # By name and only now: `import mesagym` reaches neither JAX nor gymnax.
    saved = importlib.import_module("mesagym.training.saved")
    return saved.load(run, seeds)
