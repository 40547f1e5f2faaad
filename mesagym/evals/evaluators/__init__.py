"""Every evaluator by name, in the order in which a report shows them."""

from importlib import import_module

from mesagym.errors import UserError, nearest
from mesagym.evals.evaluators.base import Evaluator

_MODULES: tuple[str, ...] = (
    "outcomes",
    "displacement",
    "preference",
    "goal_posterior",
    "directedness",
    "agents_devices",
    "critic",
    "splayed",
    "stability",
)
"""Modules of this folder, each with an ``EVALUATOR``."""

EVALUATORS: dict[str, Evaluator] = {
    evaluator.name: evaluator
    for evaluator in (
        import_module(f"{__name__}.{module}").EVALUATOR for module in _MODULES
    )
}


SUITES: dict[str, tuple[str, ...]] = {
    "none": (),
    "quick": ("outcomes", "preference", "goal_posterior"),
    "all": tuple(EVALUATORS),
}
"""Evaluators that are asked for together. ``quick`` is asked at the end of a training:
two that read the table of outcomes, and one that has data of its own."""


def choose_evaluators(names: list[str]) -> list[Evaluator]:
    """Return evaluators by name or suite, each once.

    Raises:
        UserError: no evaluator has that name.
    """
    chosen: dict[str, Evaluator] = {}
    for name in names:
        if name in SUITES:
            there = [each for each in SUITES[name] if each in EVALUATORS]
            chosen.update({each: EVALUATORS[each] for each in there})
        elif name in EVALUATORS:
            chosen[name] = EVALUATORS[name]
        else:
            allowed = [*SUITES, *EVALUATORS]
            raise UserError(
                f"evaluators: unknown evaluator '{name}'." + nearest(name, allowed)
            )
    return list(chosen.values())
