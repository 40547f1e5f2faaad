"""`mesagym evaluators`: who says which objective was learned, and where to trust it."""

import textwrap

from mesagym.cli.schema import EvaluatorsConfig
from mesagym.errors import UserError, nearest
from mesagym.evals.columns import spoken
from mesagym.evals.evaluators import EVALUATORS, SUITES
from mesagym.evals.evaluators.base import APPROXIMATE, EXACT, NOT_APPLICABLE, Scope
from mesagym.evals.examine import matrix
from mesagym.registry import environment_class, table
from mesagym.tracking import show_table


def run(config: EvaluatorsConfig) -> int:
    """Print a matrix of evaluators and environments, or all about one environment."""
    names = {entry.config: name for name, entry in table().items()}
    if config.environment is not None and config.environment not in names:
        raise UserError(
            f"environment: unknown '{config.environment}'."
            + nearest(config.environment, names)
        )
    chosen = (
        names
        if config.environment is None
        else {config.environment: names[config.environment]}
    )
    environments = {short: environment_class(name)() for short, name in chosen.items()}
    scopes = matrix(environments)
    if config.environment is None:
        _show_matrix(scopes)
    else:
        _show_one(config.environment, scopes)
    quick = ", ".join(map(spoken, SUITES["quick"]))
    print(
        "Of environments as they are by default: settings can change it.\n"
        f"`mesagym evaluate` asks the quick ones unless told otherwise: {quick}.\n"
        "Each has a page in docs/evaluators/."
    )
    return 0


def _show_matrix(scopes: dict[str, dict[str, Scope]]) -> None:
    # A table of nine by eleven fits no terminal; lists do.
    for name, each in scopes.items():
        print(f"{spoken(name)}: {EVALUATORS[name].question}")
        for how in (EXACT, APPROXIMATE, NOT_APPLICABLE):
            there = [env for env, scope in each.items() if scope.how == how]
            if there:
                listed = "everywhere" if len(there) == len(each) else ", ".join(there)
                text = f"{how}: {listed}"
                print(
                    textwrap.fill(
                        text, 88, initial_indent="  ", subsequent_indent="    "
                    )
                )
    print()


def _show_one(env: str, scopes: dict[str, dict[str, Scope]]) -> None:
    rows = [
        [spoken(name), each[env].how, each[env].why] for name, each in scopes.items()
    ]
    show_table(f"Evaluators on {env}", ["evaluator", "trust", "why"], rows)
