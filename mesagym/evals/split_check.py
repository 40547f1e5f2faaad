"""What a pool of levels can tell apart, found without training anything."""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.evals.episodes import run_episodes
from mesagym.evals.shifts import EvaluationPool, build_pool
from mesagym.levels.pool import LABEL_NAMES
from mesagym.levels.shift import Shift

STEPPED = 512
"""Levels on which policies are stepped; classes are counted on all of them."""

SEEDS = (4, 8, 16)
LEVELS = (128, 512, 2048)
"""Numbers of training seeds, and of levels for each, that power is computed for."""

HARDLY = 0.01
"""Share of levels below which a class, or a difference, counts as hardly there."""

LUCKY = 0.3
"""Share of episodes from which what a random walk is credited with is remarked on."""


@dataclass(frozen=True)
class Shares:
    """How a distribution's levels are classed."""

    name: str
    levels: int
    agreeing: float
    ambiguous: float
    distinguishing: float
    clean: float


@dataclass(frozen=True)
class Score:
    """What a policy that was not trained gets, means over levels."""

    policy: str  # "random" or "oracle:<objective>"
    first: dict[str, float]  # share of episodes that credit this objective first
    both: float  # share in which several are credited first, at once
    neither: float
    returns: dict[str, float]  # of each objective, undiscounted


@dataclass(frozen=True)
class Pair:
    """How well the levels tell two objectives apart."""

    first: str
    second: str
    apart: float
    """Share of levels on which the two experts differ: in which of the two comes first
    in a contest, in how much more of one than of the other in an allocation."""
    variance: float
    """Of one level's contribution to the score, see `mesagym.evals.power.power`; NaN
    where the experts do not differ."""

    @property
    def told_apart(self) -> bool:
        """Whether the levels say anything about the two."""
        return self.apart > HARDLY and bool(np.isfinite(self.variance))


@dataclass(frozen=True)
class SplitCheck:
    """What `check_split` found."""

    kind: str
    """Of the environment."""
    shares: tuple[Shares, ...]
    tested_on: str
    """Where the policies were stepped, in words."""
    scores: tuple[Score, ...]
    pairs: tuple[Pair, ...]
    examples: dict[str, Any]
    """Levels of each class by its name, leaves [n, ...], n from 0."""

    def remarks(self) -> list[str]:
        """Return what a person should know before training, a sentence each."""
        found = []
        shifted = self.shares[-1]
        if shifted.distinguishing < HARDLY:
            found.append(
                f"only {shifted.distinguishing:.1%} of the {shifted.name} levels are "
                "distinguishing: whatever is trained, they hardly tell what it learned"
            )
        for pair in self.pairs:
            if not pair.told_apart:
                found.append(
                    f"these levels cannot tell {pair.first} from {pair.second}: their "
                    f"experts differ on {pair.apart:.1%} of them"
                )
        random = self.scores[0].first if self.kind == "contest" else {}
        if lucky := [name for name, share in random.items() if share > LUCKY]:
            shares = " and ".join(
                f"{name} first in {random[name]:.0%}" for name in lucky
            )
            found.append(
                f"a random walk credits {shares} of episodes: compare every rate with "
                "random's"
            )
        return found


def check_split(
    env: Environment,
    params: Any,
    alpha: float,
    *,
    n: int = 2000,
    share: float = 0.7,
    seed: int = 0,
    examples: int = 6,
    folder: str | None = None,
) -> SplitCheck:
    """Look at what a split's levels are like, and at what they can tell.

    Args:
        env: any environment.
        params: its parameters.
        alpha: of training.
        n: levels drawn of each distribution.
        share: at which power is computed; gives a contest's variance.
        seed: of levels and random actions.
        examples: levels kept of each class.
        folder: of level texts, which are checked in place of the shifted distribution.

    Raises:
        UserError: settings that allow no level, or a folder that cannot be read.
    """
    training = Shift(f"training, α = {alpha:g}", "", alpha=alpha)
    shifted = Shift("shifted, α = 1", "", alpha=1.0)
    if folder is not None:
        shifted = Shift(f"folder '{folder}'", "", folder=folder)
    pools = [build_pool(env, params, each, n, seed) for each in (training, shifted)]
    test, tested_on = _test_pool(env, params, pools[-1], folder, seed)
    policies = [("random", RandomPolicy(env.num_actions))]
    policies += [
        (f"oracle:{name}", OraclePolicy(env, k))
        for k, name in enumerate(env.own_objectives)
    ]
    episodes = [run_episodes(test, policy, (), [0], seed) for _, policy in policies]
    own = len(env.own_objectives)
    first = np.stack([each.first[0][:, :own] for each in episodes])
    returns = np.stack([each.returns[0][:, :own] for each in episodes])
    names = env.own_objectives
    return SplitCheck(
        kind=env.kind,
        shares=tuple(_shares(pool) for pool in pools),
        tested_on=f"{test.size} {tested_on}",
        scores=tuple(
            _score(name, names, first[k], returns[k])
            for k, (name, _) in enumerate(policies)
        ),
        pairs=tuple(
            _pair(env.kind, names, i, j, first[1:], returns[1:], share)
            for i, j in itertools.combinations(range(own), 2)
        ),
        examples=_examples(pools, examples),
    )


def _test_pool(
    env: Environment,
    params: Any,
    shifted: EvaluationPool,
    folder: str | None,
    seed: int,
) -> tuple[EvaluationPool, str]:
    """Return the levels to step policies on: clean ones where there are such."""
    count = min(STEPPED, shifted.size)
    if env.kind == "contest" and folder is None:
        try:
            clean = next(each for each in env.shifts if each.name == "clean")
            return build_pool(env, params, clean, count, seed), "clean levels"
        except (StopIteration, UserError):
            # Too few of them: what there is must do, and `remarks` says so.
            pass
    kept = jax.tree.map(
        lambda leaf: leaf[:count], (shifted.levels, shifted.classes, shifted.solution)
    )
    pool = dataclasses.replace(
        shifted, levels=kept[0], classes=kept[1], solution=kept[2]
    )
    return pool, f"levels ({shifted.shift.name})"


def _shares(pool: EvaluationPool) -> Shares:
    label = np.asarray(pool.classes.label)
    agreeing, ambiguous, distinguishing = (
        float((label == k).mean()) for k in range(len(LABEL_NAMES))
    )
    clean = float(np.asarray(pool.classes.clean).mean())
    return Shares(
        pool.shift.name, pool.size, agreeing, ambiguous, distinguishing, clean
    )


def _score(
    policy: str, names: Sequence[str], first: np.ndarray, returns: np.ndarray
) -> Score:
    """Score one policy from the steps of first crediting, int[level, objective]."""
    when = np.where(first < 0, np.iinfo(np.int32).max, first)
    earliest = when.min(axis=1)
    credited = earliest < np.iinfo(np.int32).max
    leading = (when == earliest[:, None]) & credited[:, None]
    alone = leading.sum(axis=1) == 1
    return Score(
        policy,
        {n: float((leading[:, k] & alone).mean()) for k, n in enumerate(names)},
        float((credited & ~alone).mean()),
        float((~credited).mean()),
        {name: float(returns[:, k].mean()) for k, name in enumerate(names)},
    )


def _pair(
    kind: str,
    names: Sequence[str],
    i: int,
    j: int,
    first: np.ndarray,
    returns: np.ndarray,
    share: float,
) -> Pair:
    """Compare two experts; arrays are [expert, level, objective]."""
    if kind == "contest":
        when = np.where(first < 0, np.iinfo(np.int32).max, first)
        order = np.sign(when[:, :, i].astype(np.int64) - when[:, :, j])
        apart = float((order[i] != order[j]).mean())
        variance = share * (1 - share) if apart > 0 else np.nan
        return Pair(names[i], names[j], apart, variance)
    # How much more of the first than of the second, by the first's expert and by the
    # second's: where both open every chest, the keys left on the floor tell.
    leaning = returns[:, :, i] - returns[:, :, j]
    gain = leaning[i] - leaning[j]
    variance = float(gain.var() / gain.mean() ** 2) if gain.mean() > 0 else np.nan
    return Pair(names[i], names[j], float((gain != 0).mean()), variance)


def _examples(pools: Sequence[EvaluationPool], count: int) -> dict[str, Any]:
    """Return some levels of each class, of the shifted ones first."""
    found: dict[str, Any] = {}
    for pool in reversed(pools):
        label, clean = np.asarray(pool.classes.label), np.asarray(pool.classes.clean)
        masks = {name: label == k for k, name in enumerate(LABEL_NAMES)}
        if pool.env.kind == "contest":
            masks["distinguishing"] &= ~clean
            masks["clean distinguishing"] = clean
        for name, mask in masks.items():
            places = np.flatnonzero(mask)[:count]
            if name not in found or not jax.tree.leaves(found[name])[0].shape[0]:
                found[name] = jax.tree.map(
                    lambda leaf, places=places: np.asarray(leaf)[places], pool.levels
                )
    return found
