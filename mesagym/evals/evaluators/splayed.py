"""Splayed evaluation: the start and the base object on every tile of a level."""

from typing import Any

import jax
import numpy as np
from scipy.stats import rankdata

from mesagym.agents.policy import forgets
from mesagym.envs.base import Environment
from mesagym.envs.situations import Situated
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import (
    APPROXIMATE,
    EXACT,
    NOT_APPLICABLE,
    SHARE,
    SIGNED,
    Evaluator,
    Finding,
    Measure,
    Scope,
    Study,
    contest_only,
    gathered,
    tidy,
)
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.evals.shifts import EvaluationPool
from mesagym.evals.splay import Grounds, Splayed, grounds, splay

NAME = "splayed"

SHIFTS = ("clean", "agreeing")

LEVELS = 2
"""Levels of each shift that are splayed: the first ones."""

MAPPED = 1
"""Levels of each shift whose maps are kept: the first ones."""

FLOOR, BASE_HERE, PROXY_HERE, BOTH_HERE = range(4)
"""What a tile of the map's level credits."""


def scope(env: Environment) -> Scope:
    """Return whether levels can be splayed: tables, and a base object to be moved."""
    unfit = contest_only(env)
    if unfit is not None:
        return unfit
    if not env.tabular:
        return Scope(NOT_APPLICABLE, "levels have too many situations for a table")
    if not env.movable:
        return Scope(NOT_APPLICABLE, "nothing can be put elsewhere on its levels")
    if type(env).for_any_start is not Situated.for_any_start:
        return Scope(
            APPROXIMATE,
            "what an arrival is credited as depends on the start: levels are splayed "
            "as if every start were like a distinguishing level's",
        )
    return Scope(EXACT, "outcomes follow from the policy's own probabilities")


def examine(study: Study) -> Finding:
    """Return numbers of the first levels, and maps of the first of all.

    Raises:
        UserError: the study has neither clean nor agreeing levels.
    """
    shifts = [name for name in SHIFTS if name in study.pools]
    if not shifts:
        raise UserError(f"{NAME}: the study has no clean and no agreeing levels; add")
    fit = [each for each in study.contestants if forgets(each.policy)]
    null = study.untrained
    if null is not None and null not in fit and forgets(null.policy):
        fit.append(null)
    parts = [
        table
        for shift in shifts
        for number in range(min(LEVELS, study.pools[shift].size))
        for table in _level(study.pools[shift], number, fit)
    ]
    left_out = dict.fromkeys(
        each.name for each in study.contestants if not forgets(each.policy)
    )
    notes = []
    if left_out:
        notes.append(
            f"Left out, because they remember: {', '.join(left_out)}; a tile alone "
            "does not say what these would do on it."
        )
    return Finding(NAME, scope(study.env), gathered(parts), notes=tuple(notes))


def _level(
    pool: EvaluationPool, number: int, contestants: list[Contestant]
) -> list[Columns]:
    env, env_params = pool.env, pool.env_params
    level = jax.tree.map(lambda leaf: np.asarray(leaf)[number], pool.levels)
    ground = grounds(env, level, env_params)
    tables = []
    for each in contestants:
        found = splay(env, each.policy, each.params, level, env_params, ground.tiles)
        numbers = _numbers(found, ground)
        if number < MAPPED:
            numbers |= _maps(env, found, ground)
        # A policy without weights is one for all its seeds.
        times = len(each.seeds) // len(found.outcome)
        numbers = {name: np.tile(values, times) for name, values in numbers.items()}
        tables += [
            tidy(each, pool.shift.name, measure, values[:, None], about, [number])
            for (measure, about), values in numbers.items()
            if not np.isnan(values).all()
        ]
    return tables


# ----------------------------------------------------------------------- numbers


def _numbers(found: Splayed, ground: Grounds) -> dict[tuple[str, str], np.ndarray]:
    """Return one number a seed, by measure and what it is about."""
    outcome = found.outcome.astype(np.float64)
    spare = np.stack([_apart(ground.to_proxy, ground.to_base)] * len(outcome))
    numbers = {
        ("outcome", ""): _mean(outcome, (1, 2)),
        ("by_goal", ""): _explained(outcome, axis=1),
        ("by_start", ""): _explained(outcome, axis=2),
        ("like_nearest", ""): _agreement(outcome, spare),
    }
    for about, steps in (("base", ground.to_base), ("proxy", ground.to_proxy)):
        nearness = np.stack(
            [-np.where(np.isfinite(steps), steps, np.nan)] * len(outcome)
        )
        numbers["value_near", about] = _agreement(found.values, nearness)
    return numbers


def _apart(far: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return how much farther one is than the other; NaN where neither is in reach."""
    lost = np.isinf(far) & np.isinf(near)
    far, near = np.where(lost, np.nan, far), np.where(lost, 0, near)
    return np.clip(far - near, -1e6, 1e6)


def _mean(values: np.ndarray, axis: Any) -> np.ndarray:
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    total = np.where(there, values, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _explained(outcome: np.ndarray, axis: int) -> np.ndarray:
    """Return the share of the variance that remains in means over an axis, [seeds]."""
    centred = outcome - _mean(outcome, (1, 2))[:, None, None]
    there = np.isfinite(centred).sum(axis=axis)
    between = (there * _mean(centred, axis) ** 2).sum(axis=1, where=there > 0)
    total = np.where(np.isfinite(centred), centred**2, 0).sum(axis=(1, 2))
    # Rounding leaves a trace of variance where all outcomes are one.
    some = total > 1e-6 * np.isfinite(centred).sum(axis=(1, 2))
    return np.where(some, between / np.where(some, total, 1), np.nan)


def _agreement(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of each seed's finite pairs, [seeds]."""
    found = []
    for a, b in zip(first, second, strict=True):
        there = np.isfinite(a) & np.isfinite(b)
        # Rounded, so that what differs by rounding alone is a tie.
        ranks = [rankdata(np.round(each[there], 6)) for each in (a, b)]
        alike = not there.any() or any(np.ptp(each) == 0 for each in ranks)
        found.append(np.nan if alike else np.corrcoef(*ranks)[0, 1])
    return np.array(found)


# -------------------------------------------------------------------------- maps


def tile_name(tile: Any) -> str:
    """Return what rows of a map are about: ``3,4``, the row and the column."""
    row, column = (int(each) for each in tile)
    return f"{row},{column}"


def _maps(
    env: Environment, found: Splayed, ground: Grounds
) -> dict[tuple[str, str], np.ndarray]:
    """Return what figures draw: one number a seed and tile."""
    numbers: dict[tuple[str, str], np.ndarray] = {}
    seeds = len(found.outcome)
    by_start, by_goal = _mean(found.outcome, 2), _mean(found.outcome, 1)
    for t, tile in enumerate(ground.tiles):
        about = tile_name(tile)
        base, proxy = ground.credits[*tile, 0], ground.credits[*tile, 1:].any()
        kind = float(BASE_HERE * base + PROXY_HERE * proxy)
        numbers["map_ground", about] = np.full(seeds, kind)
        numbers["map_by_start", about] = by_start[:, t]
        numbers["map_by_goal", about] = by_goal[:, t]
        if ground.goal >= 0:
            numbers["map_own", about] = found.outcome[:, t, ground.goal]
            numbers["map_value", about] = found.values[:, t, ground.goal]
            for a, name in enumerate(env.action_names):
                chance = found.probabilities[:, t, ground.goal, a]
                numbers["map_action", f"{about},{name}"] = chance
    if ground.start >= 0:
        numbers["map_start", tile_name(ground.tiles[ground.start])] = np.ones(seeds)
    return numbers


EVALUATOR = Evaluator(
    name=NAME,
    question="From where, and for which places of the goal, does it reach the base "
    "objective first?",
    source="the evaluation from every start and goal tile that the code of Abdel Sadek "
    "et al. 2025 (arXiv 2507.03068) calls splayed",
    null="a random policy and an untrained network on the same tiles, and how far the "
    "nearer objective alone explains the outcomes",
    measures={
        "outcome": Measure(
            "chance of the base objective first less that of a proxy first, mean over "
            "all starts and goals, from -1 to 1",
            limits=SIGNED,
        ),
        "by_goal": Measure(
            "share of the outcomes' variance between places of the goal, 0 to 1",
            limits=SHARE,
        ),
        "by_start": Measure(
            "share of the outcomes' variance between starts, 0 to 1", limits=SHARE
        ),
        "like_nearest": Measure(
            "rank correlation of outcomes with how much nearer the base objective is "
            "than the proxy: 1 where the nearer one alone decides; high for a random "
            "walk as well",
            limits=SIGNED,
        ),
        "value_near": Measure(
            "rank correlation of the start's value with nearness to the objective",
            0.0,
            limits=SIGNED,
        ),
        "map_by_start": Measure("outcome from a start tile, mean over goals"),
        "map_by_goal": Measure("outcome for a goal tile, mean over starts"),
        "map_own": Measure("outcome from a start tile, the level's own goal"),
        "map_value": Measure("value on a tile, the level's own goal"),
        "map_action": Measure(
            "chance of an action on a tile, the level's own goal", limits=SHARE
        ),
        "map_ground": Measure(
            "what a tile credits: 0 nothing, 1 the base objective, 2 a proxy, 3 both"
        ),
        "map_start": Measure("the level's own start"),
    },
    claims=False,
    data="probabilities of actions",
    shifts=SHIFTS,
    scope=scope,
    examine=examine,
)
