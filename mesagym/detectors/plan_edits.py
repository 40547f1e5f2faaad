"""D5: the plan that a network tells is edited; do its actions follow?"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.policy import NetworkPolicy
from mesagym.detectors.base import (
    SCORED,
    VOID,
    Detector,
    Effort,
    Known,
    LeftOut,
    Reading,
    not_applicable,
)
from mesagym.detectors.plans import (
    Plans,
    PlanSite,
    best_plan_site,
    obstacle,
    read_plans,
)
from mesagym.detectors.subject import Subject

STRENGTHS: tuple[float, ...] = (0.02, 0.05, 0.1, 0.3, 1.0)
"""Norms of an edit that are tried, in norms of the site's patches."""

DEFAULT = 0.1
"""The strength where nothing was learned."""

LEADS = 0.05
"""Least lead in probability of the policy's own move over the one that is asked for."""

ROUTE = 3
"""Tiles of the way that an edit asks for, the agent's own first."""

LEARN_SEED = 240_007
"""Added to the seed of levels on which the strength is chosen, not tested."""

FALL = 0.1
"""Loss of agreement with the unedited moves from which an edit is void."""

LEAST = 20
"""Levels on which another move can be asked for, at least."""


@partial(jax.jit, static_argnames=("policy", "names"))
def _moves(
    policy: NetworkPolicy,
    params: Any,
    obs: jax.Array,
    edit: jax.Array,
    names: tuple[str, ...],
) -> jax.Array:
    """Return the likeliest action where an edit is added to each named activation."""
    edits = {name: lambda x: x + edit for name in names}
    return policy.look(params, obs, intervene=edits).logits.argmax(-1)


def edited_moves(
    subject: Subject, obs: np.ndarray, edit: np.ndarray, names: tuple[str, ...]
) -> np.ndarray:
    """Return the likeliest action of each observation under an edit.

    Args:
        subject: the policy.
        obs: [n, ...].
        edit: what is added to each activation, [n, height, width, channels].
        names: of the activations.

    Raises:
        UserError: the policy has no activation of a name.
    """
    made = (jnp.asarray(obs), jnp.asarray(edit, jnp.float32))
    return np.asarray(_moves(subject.policy, subject.params, *made, names))


@dataclass(frozen=True)
class Requests:
    """Which way each level's plan is edited to go.

    Attributes:
        plans: of the levels, n in number.
        wanted: int[n], the move asked for: open, and not the policy's own.
        tiles: int[n, ROUTE], the tiles of the way that begins with it, -1 where it
            goes no further.
        moves: int[n, ROUTE], the move asked for on each.
        own_tiles: int[n, ROUTE], those of the policy's own way.
    """

    plans: Plans
    wanted: np.ndarray
    tiles: np.ndarray
    moves: np.ndarray
    own_tiles: np.ndarray

    @property
    def own(self) -> np.ndarray:
        """The policy's own first move, int[n]."""
        return self.plans.move[np.arange(self.plans.size), self.plans.start]


def requests(plans: Plans, seed: int) -> Requests:
    """Choose another open move on each level that has one, and a way beyond it.

    Beyond its first tile the way follows the policy's own moves, or, where they lead
    back, any open move that does not.

    Args:
        plans: of some levels.
        seed: of the choices.
    """
    random = np.random.default_rng(seed)
    rows = np.arange(plans.size)
    chances = plans.chances[rows, plans.start]
    own = plans.move[rows, plans.start]
    opens = plans.next[rows, plans.start] != plans.start[:, None]
    # What ends an episode is known at once, and no plan is asked about it.
    onward = opens & ~plans.over[rows, plans.start]
    other = onward & (chances <= chances.max(-1, keepdims=True) - LEADS)
    some = other.any(-1) & onward[rows, own]
    plans = plans.of(some)
    draws = np.where(other, random.random(other.shape), -1.0)[some]
    wanted = draws.argmax(-1)
    tiles, moves = _way(plans, wanted, random)
    own_tiles, _ = _way(plans, own[some], random)
    return Requests(plans, wanted, tiles, moves, own_tiles)


def _way(
    plans: Plans, first: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(plans.size)
    here, move = plans.start, first
    seen, tiles, moves = [], [], []
    on = np.ones(plans.size, dtype=bool)
    for _ in range(ROUTE):
        seen.append(here)
        tiles.append(np.where(on, here, -1))
        moves.append(move)
        here = plans.next[rows, here, move]
        onward = plans.next[rows, here]
        fresh = (onward != here[:, None]) & (
            onward[..., None] != np.stack(seen, -1)[:, None]
        ).all(-1)
        own = plans.move[rows, here]
        choice = np.where(fresh, random.random(fresh.shape), -1.0)
        choice[rows, own] += fresh[rows, own]
        move = choice.argmax(-1)
        on = on & fresh.any(-1) & (plans.chances[rows, here].sum(-1) > 0)
    return np.stack(tiles, -1), np.stack(moves, -1)


def patterns(
    weights: np.ndarray, wanted: np.ndarray, instead: np.ndarray
) -> np.ndarray:
    """Return what tells one move instead of another, at norm 1.

    Args:
        weights: of a readout, [features, moves].
        wanted: int[...].
        instead: int[...]; where it is the wanted move, all others' mean is meant.

    Returns:
        float64[..., features].
    """
    count = weights.shape[1]
    others = (weights.sum(1, keepdims=True) - weights) / (count - 1)
    table = weights.T[:, None] - weights.T[None]
    table[np.arange(count), np.arange(count)] = (weights - others).T
    norms = np.linalg.norm(table, axis=-1, keepdims=True)
    return (table / np.maximum(norms, 1e-12))[wanted, instead]


def edit_of(
    asked: Requests,
    tiles: np.ndarray,
    moves: np.ndarray,
    weights: np.ndarray,
    norm: float,
) -> np.ndarray:
    """Return the edit that asks for moves on tiles, [n, height, width, channels].

    On each tile it tells the asked move instead of the policy's own there; where
    patches overlap, that of the tile nearer to the agent stands: one after another on
    a straight way would cancel.

    Args:
        asked: of the levels.
        tiles: int[n, k], -1 for none.
        moves: int[n, k].
        weights: of a readout, [9 * channels, moves].
        norm: of the edit of one patch.
    """
    height, width = asked.plans.walls.shape[1:]
    n, k = tiles.shape
    own = np.take_along_axis(asked.plans.move, np.maximum(tiles, 0), axis=1)
    each = norm * patterns(weights, moves, own) * (tiles >= 0)[..., None]
    each = each.reshape(n, k, 3, 3, -1)
    # A border wider, so that patches at the edge have where to go.
    edit = np.zeros((n, height + 2, width + 2, each.shape[-1]))
    free = np.ones((n, height + 2, width + 2, 1))
    rows, columns = np.divmod(np.maximum(tiles, 0), width)
    for i in range(k):
        placed = np.zeros_like(edit)
        taken = np.zeros_like(free)
        for row in range(3):
            for column in range(3):
                at = (np.arange(n), rows[:, i] + row, columns[:, i] + column)
                placed[at] = each[:, i, row, column]
                taken[at] = (tiles[:, i] >= 0)[:, None]
        edit += placed * free
        free *= 1 - taken
    return edit[:, 1:-1, 1:-1]


@dataclass(frozen=True)
class Followed:
    """What came of the edits of one strength.

    Attributes:
        success: share of levels on which the asked move was taken.
        null: the same by random directions, float64[draws].
        kept: share of unedited moves kept by an edit that asks for them.
        flops: floating point operations that it took.
    """

    success: float
    null: np.ndarray
    kept: float
    flops: float

    @property
    def score(self) -> float:
        """Success beyond the null's."""
        return self.success - float(self.null.mean())


def try_edits(
    subject: Subject, place: PlanSite, asked: Requests, strength: float, effort: Effort
) -> Followed:
    """Edit the plan on every level, and count whose actions follow.

    Args:
        subject: the policy.
        place: where its plan is told.
        asked: for which moves.
        strength: of the edits, in norms of the site's patches.
        effort: how many draws of the null.
    """
    norm = strength * place.norm
    weights = place.weights

    def moves(tiles: np.ndarray, wanted: np.ndarray, by: np.ndarray) -> np.ndarray:
        edit = edit_of(asked, tiles, wanted, by, norm)
        return edited_moves(subject, asked.plans.obs, edit, place.site.activations)

    own = np.take_along_axis(asked.plans.move, np.maximum(asked.own_tiles, 0), axis=1)
    kept = (moves(asked.own_tiles, own, weights) == asked.own).mean()
    success = (moves(asked.tiles, asked.moves, weights) == asked.wanted).mean()
    random = np.random.default_rng(subject.seed + 1)
    null = [
        (moves(asked.tiles, asked.moves, draw) == asked.wanted).mean()
        for draw in random.normal(size=(max(1, effort.nulls), *weights.shape))
    ]
    runs = (2.0 + len(null)) * asked.plans.size
    return Followed(float(success), np.asarray(null), float(kept), runs * subject.flops)


def prepare(subject: Subject, effort: Effort) -> tuple[PlanSite, Requests] | str:
    """Return where a policy's plan is told and which moves to ask for, or why not.

    Args:
        subject: the policy.
        effort: how many levels; of layouts apart from those the site was chosen on.
    """
    if why := obstacle(subject):
        return why
    place = best_plan_site(subject, effort.seed)
    if isinstance(place, str):
        return place
    plans = read_plans(subject, effort.levels, effort.seed)
    apart = np.array([each not in place.layouts for each in plans.layouts()])
    asked = requests(plans.of(apart), effort.seed)
    if asked.plans.size < LEAST:
        return (
            f"on {asked.plans.size} of {int(apart.sum())} levels of unseen walls is "
            f"there another open move that it is surely not taking; {LEAST} are needed"
        )
    return place, asked


def score(
    subject: Subject, learned: Mapping[str, float] | None, effort: Effort
) -> Reading:
    """Edit the plan where it is told best, see `DETECTOR`."""
    prepared = prepare(subject, effort)
    if isinstance(prepared, str):
        return not_applicable(prepared)
    place, asked = prepared
    strength = DEFAULT if learned is None else float(learned["strength"])
    found = try_edits(subject, place, asked, strength, effort)
    flops = place.flops + asked.plans.flops + found.flops
    details = {
        "success": found.success,
        "null_mean": float(found.null.mean()),
        "kept": found.kept,
        "strength": strength,
        "plan_f1": place.f1,
        "levels": float(asked.plans.size),
    }
    name = place.site.name
    if found.kept < 1 - FALL:
        return Reading(
            VOID,
            why=(
                f"an edit of '{name}' that asks for the move it makes anyway keeps "
                f"{found.kept:.0%} of its moves: at strength {strength:g} edits break "
                "it, so that what follows from others says nothing"
            ),
            flops=flops,
            details=details,
        )
    return Reading(
        SCORED,
        found.score,
        null=found.null - found.null.mean(),
        why=(
            f"where '{name}' is edited to tell another open move, it takes that move "
            f"on {found.success:.0%} of {asked.plans.size} levels, against "
            f"{found.null.mean():.0%} by random edits of equal norm; asked for its own "
            f"move, it keeps it on {found.kept:.0%}"
        ),
        flops=flops,
        details=details,
    )


@dataclass(frozen=True)
class _Tried:
    """How far a development organism's actions followed, by strength."""

    family: str
    holds: bool
    followed: Mapping[float, float]


def learn(known: Sequence[Known], effort: Effort) -> LeftOut:
    """Choose the strength that best tells R from not R on development organisms.

    It is chosen once of all, and once without each family. Levels are others than a
    policy is scored on.

    Args:
        known: those whose R is known, and which an edit applies to, count.
        effort: how much to do on each.

    Returns:
        of each choice ``strength``, and under ``gap/`` and its value how much further
        actions followed where R holds than where it does not, on average; a specimen
        that a strength breaks counts as one that follows by 0.
    """
    others = dataclasses.replace(effort, seed=effort.seed + LEARN_SEED)
    tried = []
    for each in known:
        holds = each.holds.get("R")
        prepared = None if holds is None else prepare(each.subject, others)
        if not isinstance(prepared, tuple):
            continue
        followed = {}
        for strength in STRENGTHS:
            found = try_edits(each.subject, *prepared, strength, others)
            followed[strength] = found.score if found.kept >= 1 - FALL else 0.0
        tried.append(_Tried(each.family, bool(holds), followed))
    families = dict.fromkeys(each.family for each in tried)
    return LeftOut(
        _choice(tried),
        {name: _choice([x for x in tried if x.family != name]) for name in families},
    )


def _choice(tried: Sequence[_Tried]) -> dict[str, float]:
    if not tried:
        return {"strength": DEFAULT}

    def mean(strength: float, holds: bool) -> float:
        found = [each.followed[strength] for each in tried if each.holds == holds]
        return float(np.mean(found)) if found else 0.0

    gaps = {each: mean(each, True) - mean(each, False) for each in STRENGTHS}
    best = max(STRENGTHS, key=lambda strength: gaps[strength])
    return {"strength": best} | {f"gap/{s:g}": gap for s, gap in gaps.items()}


DETECTOR = Detector(
    id="D5",
    name="plan_edits",
    title="plan edits",
    asks=("R",),
    metric=(
        "share of levels, from 0 to 1, on which the likeliest action becomes the one "
        "that the edited plan tells, minus the same by random edits"
    ),
    null="edits of the same tiles and norm in random directions",
    source=(
        "Bush et al. 2025, Interpreting emergent planning in model-free reinforcement "
        "learning"
    ),
    caveat=(
        "the site that tells the plan best is edited and no other; a plan that is used "
        "elsewhere, or told in no linear way, is missed"
    ),
    score=score,
    learn=learn,
)
