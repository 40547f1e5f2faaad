"""What an evaluator is: a question put to policies on pools, with a null, and rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from mesagym.envs.base import Environment
from mesagym.evals.answers import ABSTAINS as ABSTAINS
from mesagym.evals.answers import ANSWERS as ANSWERS
from mesagym.evals.answers import BASE as BASE
from mesagym.evals.answers import NEITHER as NEITHER
from mesagym.evals.answers import PROXY as PROXY
from mesagym.evals.courses import History
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.evals.shifts import EvaluationPool
from mesagym.evals.statistics import Interval, mean_interval, share_interval

EXACT, APPROXIMATE, NOT_APPLICABLE = "exact", "approximate", "not applicable"


SHARE = (0.0, 1.0)
"""The limits of a share or a probability."""

SIGNED = (-1.0, 1.0)
"""The limits of a difference of two shares, and of a correlation."""


class Scope(NamedTuple):
    """How far an evaluator can be trusted in an environment."""

    how: str  # EXACT, APPROXIMATE or NOT_APPLICABLE
    why: str  # one sentence


@dataclass(frozen=True)
class Measure:
    """One number that an evaluator measures, for each seed or each level of it."""

    meaning: str
    """A sentence, with unit or range."""
    null: float | None = None
    """Its value where there is nothing to find; None where it has no such value."""
    limits: tuple[float, float] | None = None
    """Between which its values lie, so that its interval never leaves them; None where
    there are no such limits."""


@dataclass(frozen=True)
class Study:
    """Who is examined, and on what.

    Attributes:
        env: the environment of training.
        env_params: its parameters.
        pools: by the shift's name, those that the evaluators ask for among them.
        outcomes: of all contestants on all pools, as `mesagym.evals.outcomes` has it.
        contestants: policies to examine; each has a name, a mode, weights with a
            leading axis of seeds, and the numbers of those seeds.
        untrained: the same network with weights as before training, where there is one.
        seed: of everything random.
        history: the policies at snapshots of their training, oldest first, where there
            are some: environment steps of each seed, and the policies.
        baseline: those of a run matched with it: the same start and snapshots, without
            the change that is studied.
        outward: of the run that ``history`` comes back from: a there-and-back.
    """

    env: Environment
    env_params: Any
    pools: Mapping[str, EvaluationPool]
    outcomes: Columns
    contestants: tuple[Contestant, ...]
    untrained: Contestant | None = None
    seed: int = 0
    history: History = ()
    baseline: History = ()
    outward: History = ()


class Reading(NamedTuple):
    """What one seed of one policy pursues, as one evaluator reads it."""

    policy: str
    mode: str
    seed: int
    answer: str  # of ANSWERS
    why: str  # one sentence with the number that decided


@dataclass(frozen=True)
class Finding:
    """What an evaluator found.

    Attributes:
        evaluator: its name.
        scope: how far to trust it here.
        rows: the tidy table, see `tidy`.
        readings: one a policy and seed, of evaluators that claim to identify the
            objective; else empty.
        notes: what a reader must know of this data, a sentence each.
    """

    evaluator: str
    scope: Scope
    rows: Columns
    readings: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluator:
    """A question about what policies pursue, and how it is answered.

    Attributes:
        name: on the command line and in tables, lower_snake_case.
        question: what it answers, one sentence that ends with a question mark.
        source: the paper it comes from.
        null: what keeps it honest, one sentence.
        measures: what it measures, by name.
        claims: whether it gives readings.
        data: what readings are made from; evaluators that share it are no independent
            witnesses.
        shifts: names of the shifts whose pools it reads.
        scope: how far it can be trusted in an environment.
        examine: does it. Never called where the scope is NOT_APPLICABLE.
    """

    name: str
    question: str
    source: str
    null: str
    measures: Mapping[str, Measure]
    claims: bool
    data: str
    shifts: tuple[str, ...]
    scope: Callable[[Environment], Scope] = field(repr=False)
    examine: Callable[[Study], Finding] = field(repr=False)


KEYS: tuple[str, ...] = ("policy", "mode", "seed", "shift", "level", "measure", "about")
"""What tells a row of the tidy table from the others, ``value`` apart."""

ALL_LEVELS = -1
"""The level of a number that is of all levels of a shift together."""


def tidy(
    contestant: Contestant,
    shift: str,
    measure: str,
    values: Any,
    about: str = "",
    levels: Any = None,
) -> Columns:
    """Return rows of the tidy table: one observation each.

    Columns: ``policy``, ``mode``, ``seed``, ``shift``, ``level`` (`ALL_LEVELS` where
    the number is of all of them), ``measure``, ``about`` (the objective, object or
    parameter that it is about, or empty), ``value``.

    Args:
        contestant: who was measured.
        shift: on which levels.
        measure: of the evaluator's ``measures``.
        values: [seeds] or, by level, [seeds, n]; NaN where it could not be measured.
        about: what the number is about.
        levels: the levels' numbers, int[n]; 0 to n - 1 if None.
    """
    values = np.asarray(values, np.float64)
    if values.shape[:1] != (len(contestant.seeds),):
        raise ValueError(
            f"{measure}: values of shape {values.shape} for "
            f"{len(contestant.seeds)} seeds"
        )
    if values.ndim == 1:
        level = np.full(values.shape, ALL_LEVELS, np.int32)
    else:
        own = np.arange(values.shape[1]) if levels is None else np.asarray(levels)
        level = np.broadcast_to(own.astype(np.int32), values.shape)
    seeds = np.asarray(contestant.seeds, np.int32)
    seeds = seeds.reshape(-1, *[1] * (values.ndim - 1))
    size = values.size
    return {
        "policy": np.full(size, contestant.name),
        "mode": np.full(size, contestant.mode),
        "seed": np.ascontiguousarray(np.broadcast_to(seeds, values.shape)).reshape(-1),
        "shift": np.full(size, shift),
        "level": np.ascontiguousarray(level).reshape(-1),
        "measure": np.full(size, measure),
        "about": np.full(size, about),
        "value": values.reshape(-1),
    }


def gathered(parts: Iterable[Columns]) -> Columns:
    """Return tidy tables, one after another; an empty one of none."""
    parts = list(parts)
    if not parts:
        empty: Columns = {name: np.empty(0, np.str_) for name in KEYS}
        empty |= {name: np.empty(0, np.int32) for name in ("seed", "level")}
        return empty | {"value": np.empty(0, np.float64)}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Summary(NamedTuple):
    """One measure of one policy over its seeds."""

    policy: str
    mode: str
    shift: str
    measure: str
    about: str
    interval: Interval | None  # over the seeds that have a number; None where none has
    missing: int  # seeds without a number


def summaries(
    rows: Columns, measures: Mapping[str, Measure] | None = None
) -> list[Summary]:
    """Return the mean over seeds of each measure, with its interval.

    Student's t (`mean_interval`), and for a measure that has limits one that stays
    within them (`share_interval`). A seed's number is its mean over levels; levels
    without one (NaN) are left out, and so are seeds, which are counted.

    Args:
        rows: a tidy table.
        measures: of the evaluator, by name; those that are not in it have no limits.
    """
    names = ("policy", "mode", "shift", "measure", "about")
    keys = list(zip(*(rows[name].tolist() for name in names), strict=True))
    places: dict[tuple[str, ...], list[int]] = {}
    for place, each in enumerate(keys):
        places.setdefault(each, []).append(place)
    found = []
    for each, where in places.items():
        values = of_seeds(rows["seed"][where], rows["value"][where])
        finite = np.isfinite(values)
        policy, mode, shift, measure, about = each
        known = (measures or {}).get(measure)
        interval = None
        if finite.any():
            levels = _levels_of_seeds(
                rows["seed"][where], rows["level"][where], rows["value"][where]
            )
            limits = None if known is None else known.limits
            interval = interval_within(values[finite], limits, levels)
        found.append(
            Summary(policy, mode, shift, measure, about, interval, int((~finite).sum()))
        )
    return found


def interval_within(
    values: np.ndarray,
    limits: tuple[float, float] | None,
    levels: int | None = None,
) -> Interval:
    """Return the interval of a measure over seeds.

    Args:
        values: one a seed, finite.
        limits: of the measure; None where it has none. A value beyond them shows that
            it is no share here: some measures are a share or a score.
        levels: over which each value is a mean, if that is known.
    """
    if limits is None:
        return mean_interval(values)
    bottom, top = limits
    if values.min() < bottom - 1e-6 or values.max() > top + 1e-6:
        return mean_interval(values)
    return share_interval(values, levels=levels, limits=limits)


def _levels_of_seeds(
    seeds: np.ndarray, levels: np.ndarray, values: np.ndarray
) -> int | None:
    """Return how many levels with a number a seed has, of those that have any.

    The fewest of them; None where a number is of all levels together.
    """
    there = np.isfinite(values)
    if (levels[there] == ALL_LEVELS).any():
        return None
    return int(np.unique(seeds[there], return_counts=True)[1].min())


def of_seeds(seeds: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return each seed's mean over its levels, NaN ones left out, float64[seeds]."""
    means = []
    for seed in np.unique(seeds):
        mine = values[(seeds == seed) & np.isfinite(values)]
        means.append(mine.mean() if mine.size else np.nan)
    return np.array(means, np.float64)


def chosen(
    rows: Columns,
    *,
    policy: str | None = None,
    mode: str | None = None,
    shift: str | None = None,
    measure: str | None = None,
    about: str | None = None,
    seed: int | None = None,
) -> Columns:
    """Return the rows of a tidy table that have these keys."""
    wanted = {
        "policy": policy,
        "mode": mode,
        "shift": shift,
        "measure": measure,
        "about": about,
        "seed": seed,
    }
    here = np.ones(rows["value"].shape, dtype=bool)
    for name, value in wanted.items():
        if value is not None:
            here &= rows[name] == value
    return {name: column[here] for name, column in rows.items()}


def contest_only(env: Environment) -> Scope | None:
    """Return why an evaluator of contests does not apply, or None where it may."""
    if env.kind == "contest":
        return None
    return Scope(NOT_APPLICABLE, "outcomes are amounts: nothing is reached first")
