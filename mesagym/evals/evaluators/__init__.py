"""Every evaluator by name, in the order in which a report shows them."""

from importlib import import_module

from mesagym.errors import UserError, nearest
from mesagym.evals.evaluators.base import Evaluator

_MODULES: tuple[str, ...] = ("outcomes",)
"""Modules of this folder, each with an ``EVALUATOR``."""

EVALUATORS: dict[str, Evaluator] = {
    evaluator.name: evaluator
    for evaluator in (
        import_module(f"{__name__}.{module}").EVALUATOR for module in _MODULES
    )
}


def choose_evaluators(names: list[str]) -> list[Evaluator]:
    """Return evaluators by name, each once; ``all`` is every one, ``none`` is none.

    Raises:
        UserError: no evaluator has that name.
    """
    chosen: dict[str, Evaluator] = {}
    for name in names:
        if name in ("all", "none"):
            chosen.update(EVALUATORS if name == "all" else {})
        elif name in EVALUATORS:
            chosen[name] = EVALUATORS[name]
        else:
            allowed = ["all", "none", *EVALUATORS]
            raise UserError(
                f"evaluators: unknown evaluator '{name}'." + nearest(name, allowed)
            )
    return list(chosen.values())
