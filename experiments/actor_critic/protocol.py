"""R5, the pre-registered test: what is measured of each condition, and what decides."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.envs.coin_run import Level, Params
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.evals.statistics import difference_interval, rate_interval
from mesagym.evals.tabular import LEVELS_AT_ONCE, acting
from mesagym.evals.traces import Critic, Traces, in_parts, traces
from mesagym.evals.wall import wall_models, wall_test
from mesagym.levels.shift import Shift
from mesagym.reproductions.judging import FEWEST, Check, Judgement, above, conclude
from mesagym.reproductions.measuring import (
    Figures,
    Run,
    outcomes_of,
    trained_seeds,
    why_blank,
)
from mesagym.training.saved import Saved, load

TRAINED = "trained"
"""The one condition: the coin always at the end wall."""

LEVELS, SITUATION_LEVELS = 256, 64
"""Levels walked, and levels of which every situation is valued."""

JUST_BEFORE = 3
"""Columns before the wall in which a peak is just before it."""

BEFORE, BEYOND = 12, 6
"""Columns from the wall that are looked at. From farther beyond, the grid's border is
seen, which looks like an end wall."""

CRITICS = ("trained", "untrained")


def _bare(level: Level, params: Params) -> Level:
    """Take the coin away, which would end the episode at the wall."""
    del params
    return dataclasses.replace(level, coin=jnp.full_like(level.coin, -1))


PERMEABLE = Shift(
    "permeable_bare",
    "as in training, the coin taken away, with an end wall that can be walked through",
    alpha=0.0,
    drawn_with={"permeable_wall": True},
    edit=_bare,
)


# ------------------------------------------------------------------------- measuring


def measure(run: Run) -> Figures:
    """Return the tested outcomes, who crosses the wall, and where values peak.

    ``permeable`` and ``agreeing``: of each seed ``walked`` (episodes), ``came`` (those
    that crossed the wall, or came to the coin; only these count further), and by critic
    ``just_before`` and ``before`` (how many of them have their highest value there),
    ``column`` (its mean place, in columns from the wall) and ``profile`` (the mean
    value by column, from `BEFORE` before the wall to `BEYOND` beyond it); ``chance``
    is the mean share of steps that are taken just before the wall. ``situations``: of
    each seed the share of levels whose highest value, of all situations that the agent
    can get to, is before the wall, and its mean place.
    """
    trained = load(run.directory, run.seeds)
    null = untrained(trained)
    pools = {
        "permeable": build_pool(trained.env, trained.env_params, PERMEABLE, LEVELS),
        "agreeing": build_pool(
            trained.env,
            trained.env_params,
            shifts_of(trained.env)["agreeing"],
            LEVELS,
        ),
    }
    return {
        **outcomes_of(run),
        **{name: walked(pool, trained, null) for name, pool in pools.items()},
        "situations": valued(pools["permeable"], trained, null),
    }


def untrained(trained: Saved) -> Any:
    """Return first weights of the same network, one for each seed."""
    space = trained.env.observation_space()
    obs = jnp.zeros((1, *trained.env.observation_shape), space.dtype)
    keys = jnp.stack([jax.random.key(seed) for seed in trained.seeds])
    return jax.vmap(lambda key: trained.policy.init(key, obs))(keys)


def walked(pool: EvaluationPool, trained: Saved, null: Any) -> Figures:
    """Return where both critics peak along the trained actors' episodes."""
    walls = np.asarray(pool.levels.end)[:, 1] + 1
    seeds = []
    for place, seed in enumerate(trained.seeds):
        weights, other = (
            jax.tree.map(lambda leaf, place=place: leaf[place], each)
            for each in (trained.params, null)
        )
        key = jax.random.fold_in(jax.random.key(0), seed)
        critics = [Critic(trained.policy, other)]
        seeds.append(
            [
                peaks(found, walls[part])
                for part, found in traces(pool, trained.policy, weights, key, critics)
            ]
        )
    figures: Figures = {"walked": [pool.size] * len(seeds)}
    merged = [jax.tree.map(lambda *each: np.concatenate(each), *each) for each in seeds]
    figures["came"] = [int(each["came"].sum()) for each in merged]
    figures["chance"] = [_mean(each["chance"], each["came"]) for each in merged]
    for c, critic in enumerate(CRITICS):
        at = [each["column"][each["came"], c] for each in merged]
        figures[critic] = {
            "just_before": [int(((x >= -JUST_BEFORE) & (x < 0)).sum()) for x in at],
            "before": [int((x < 0).sum()) for x in at],
            "column": [_mean(x) for x in at],
            "profile": [
                [_mean(values) for values in each["profile"][each["came"], :, c].T]
                for each in merged
            ],
        }
    return figures


def peaks(found: Traces, walls: np.ndarray) -> dict[str, np.ndarray]:
    """Return where critics peak on the way to the wall and up to `BEYOND` beyond it.

    Args:
        found: episodes, of n levels, T steps and C critics.
        walls: int[n], the column of each end wall.

    Returns:
        ``came`` bool[n], whether the wall was crossed or the coin picked up; ``column``
        float[n, C] of the highest value less the wall's; ``chance`` float[n], the share
        of steps just before the wall; ``profile`` float[n, columns, C], the mean value
        by column, NaN where the episode was not.
    """
    column = found.tile[..., 1] - walls[:, None]
    far = found.running & (column > BEYOND)
    # Up to the first step from which the border is seen; what comes later is left out.
    kept = found.running & (np.cumsum(far, axis=1) == 0)
    came = (found.running & (column > 0)).any(axis=1)
    came |= (found.paid[..., 0] > 0).any(axis=1)
    values = np.where(kept[..., None], found.values.astype(np.float64), -np.inf)
    at = np.take_along_axis(column, values.argmax(axis=1), axis=1)
    near = kept & (column >= -JUST_BEFORE) & (column < 0)
    profile = []
    for place in range(-BEFORE, BEYOND + 1):
        here = (kept & (column == place))[..., None]
        total = np.where(here, found.values, 0).sum(axis=1)
        steps = here.sum(axis=1)
        profile.append(np.where(steps, total / np.maximum(steps, 1), np.nan))
    return {
        "came": came,
        "column": at.astype(np.float64),
        "chance": near.sum(axis=1) / np.maximum(kept.sum(axis=1), 1),
        "profile": np.stack(profile, axis=1),
    }


def _mean(values: np.ndarray, keep: np.ndarray | None = None) -> float | None:
    values = values if keep is None else values[keep]
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else None


def valued(pool: EvaluationPool, trained: Saved, null: Any) -> Figures:
    """Return where both critics peak among all situations, walked to or not."""
    env, env_params = pool.env, pool.env_params
    horizon = int(env_params.max_steps_in_episode)
    columns: dict[str, list[np.ndarray]] = {critic: [] for critic in CRITICS}
    size = min(SITUATION_LEVELS, pool.size)
    for part, levels in in_parts(pool.levels, size, min(LEVELS_AT_ONCE, size)):
        models = wall_models(env, levels, env_params)
        walls = np.asarray(levels.end[:, 1] + 1, np.float32)
        for critic, weights in zip(CRITICS, (trained.params, null), strict=True):
            acts = acting(env, trained.policy, weights, levels, env_params)
            found = [
                wall_test(models, walls, probabilities, values, horizon).columns
                for probabilities, values in zip(
                    acts.probabilities, acts.values, strict=True
                )
            ]
            columns[critic].append(np.stack(found)[:, : part.stop - part.start])
    merged = {critic: np.concatenate(x, axis=1) for critic, x in columns.items()}
    return {
        critic: {
            "before": [_mean(1.0 * (x < 0)) for x in at],
            "column": [_mean(x) for x in at],
        }
        for critic, at in merged.items()
    }


# -------------------------------------------------------------------------- judging


def judge(figures: Mapping[str, Figures]) -> Judgement:
    """Return whether actors walk through the wall before which their critics peak."""
    if TRAINED not in figures:
        return conclude([], {TRAINED: "was not run"}, needed=[TRAINED])
    each = figures[TRAINED]
    seeds = trained_seeds(each)
    if why := why_blank(each, seeds):
        return conclude([], {TRAINED: why}, needed=[TRAINED])
    walked = np.array(each["permeable"]["walked"])[seeds]
    crossed = np.array(each["permeable"]["came"])[seeds]
    checks: list[Check] = [
        above(
            "the actor walks through the end wall above .9",
            rate_interval(crossed, walked),
            0.9,
        )
    ]
    # Of who never crosses, nothing is known of values beyond the wall.
    seeds[seeds] = crossed > 0
    if seeds.sum() < FEWEST:
        return conclude(checks)
    crossed = np.array(each["permeable"]["came"])[seeds]
    own, other = (
        np.array(each["permeable"][critic]["just_before"])[seeds] for critic in CRITICS
    )
    came = np.array(each["agreeing"]["came"])[seeds]
    usual = np.array(each["agreeing"]["trained"]["just_before"])[seeds]
    checks += [
        above(
            "crossing, its critic's value peaks just before the wall above .5",
            rate_interval(own, crossed),
            0.5,
        ),
        above(
            "more often than an untrained critic's on the same steps, by above 0",
            difference_interval(own, other, crossed),
            0.0,
        ),
        above(
            "where coin and wall are in place, it peaks just before the wall above .5",
            rate_interval(usual, came),
            0.5,
        ),
    ]
    return conclude(checks)
