"""What evaluators of levels as tables ask of an environment and of a study."""

import zlib
from collections.abc import Iterator

import jax

from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import (
    EXACT,
    NOT_APPLICABLE,
    Scope,
    Study,
    contest_only,
)
from mesagym.evals.shifts import EvaluationPool

SHIFTS: tuple[str, ...] = ("clean", "agreeing")
"""Readings are of clean levels; agreeing ones are the null."""


def tabular_scope(env: Environment) -> Scope:
    """Return whether levels can be solved as tables.

    Args:
        env: the environment.
    """
    refused = contest_only(env)
    if refused is not None:
        return refused
    if not env.tabular:
        return Scope(NOT_APPLICABLE, "levels have too many situations for a table")
    return Scope(EXACT, "levels are solved as tables")


def pools_of(study: Study, evaluator: str) -> Iterator[tuple[str, EvaluationPool]]:
    """Yield the pools of a study that goals are inferred on, clean levels first.

    Args:
        study: what is there.
        evaluator: who asks.

    Raises:
        UserError: no clean levels, or no level among them.
    """
    if "clean" not in study.pools:
        raise UserError(
            f"evaluators: '{evaluator}' reads the shift 'clean', and it was not "
            "evaluated; add it to shifts, or leave the evaluator out"
        )
    for shift in SHIFTS:
        if shift not in study.pools:
            continue
        pool = study.pools[shift]
        if pool.size < 2:
            raise UserError(
                f"evaluators: '{evaluator}' needs two levels of the shift '{shift}' "
                f"or more, and there are {pool.size}; raise levels"
            )
        yield shift, pool


def key_of(study: Study, shift: str) -> jax.Array:
    """Return the key of a shift's random tiles: the same for all evaluators."""
    key = jax.random.fold_in(jax.random.key(study.seed), 7)
    return jax.random.fold_in(key, zlib.crc32(shift.encode()))
