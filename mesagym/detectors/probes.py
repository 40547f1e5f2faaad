"""D4: what linear probes read from a network: its own plan, its goal, its steps to go.

A probe tells what is there, never what is used: `mesagym.detectors.plan_edits` and
`mesagym.detectors.retarget` ask the same sites that.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from mesagym.agents.policy import NetworkPolicy
from mesagym.detectors.base import (
    NOT_APPLICABLE,
    SCORED,
    Detector,
    Effort,
    Reading,
    not_applicable,
)
from mesagym.detectors.linear import explained, fit, macro_f1, one_hot, patches
from mesagym.detectors.plans import (
    FIT_SEED,
    LEAST,
    Plans,
    examples,
    fit_plan,
    look_at,
    obstacle,
    plan_f1,
    read_plans,
)
from mesagym.detectors.subject import Site, Subject

INPUT = Site("input", ("input",), (), True)
"""The observation, as the baseline of every probe."""


@partial(jax.jit, static_argnames=("policy",))
def _fresh(policy: NetworkPolicy, key: jax.Array, obs: jax.Array) -> Any:
    return policy.init(key, obs)


def score(subject: Subject, learned: Any, effort: Effort) -> Reading:
    """Fit probes on some layouts and ask them about others, see `DETECTOR`."""
    del learned
    if why := obstacle(subject):
        return not_applicable(why)
    plans = read_plans(subject, effort.levels, effort.seed + FIT_SEED)
    asked = read_plans(subject, effort.levels, effort.seed)
    known = set(plans.layouts())
    asked = asked.of(np.array([each not in known for each in asked.layouts()]))
    flops = plans.flops + asked.flops
    if not asked.size or min(plans.told.sum(), asked.told.sum()) < LEAST:
        return not_applicable(
            f"it is sure of its way on {int(plans.told.sum())} tiles, and on "
            f"{int(asked.told.sum())} of other layouts; a probe needs {LEAST} of each"
        )
    sites = subject.sites
    fitted = look_at(subject, (INPUT, *sites), plans.obs)
    tested = look_at(subject, (INPUT, *sites), asked.obs)
    # Of the subject's weights, and twice of fresh ones.
    flops += 3.0 * subject.flops * (plans.size + asked.size)
    spatial = [site for site in sites if site.spatial]
    flat = [site for site in sites if not site.spatial]
    details = _vectors(flat, plans, asked, fitted, tested)
    if not spatial:
        told = ", ".join(f"{name} {value:z.2f}" for name, value in details.items())
        return Reading(
            NOT_APPLICABLE, why=_no_tiles(told), flops=flops, details=details
        )
    for site in (INPUT, *spatial):
        maps = fitted[site.name], tested[site.name]
        for what, ask in _QUESTIONS.items():
            details[f"{what}/{site.name}"] = ask(plans, asked, *maps)
    random = _random_baseline(subject, spatial, plans, asked)
    details |= {f"plan_random/{name}": f1 for name, f1 in random.items()}
    seen = details["plan/input"]
    against = {site.name: max(seen, random.get(site.name, 0.0)) for site in spatial}
    best = _best_site(spatial, plans, fitted)
    f1, least = details[f"plan/{best}"], against[best]
    if best in random:
        rival = (
            f"{seen:.2f} by the observation and {random[best]:z.2f} by fresh weights"
        )
    else:
        rival = f"{seen:.2f} by the observation; no random weights come before it"
    # What no more than equals the best baseline is not beyond the null.
    null = _null(subject, plans, asked, fitted[best], tested[best], effort) - least
    null = np.maximum(null, 0.0)
    control = _control(plans, asked, fitted[best], tested[best])
    details["selectivity"] = _accuracy(plans, asked, fitted[best], tested[best])
    details["selectivity"] -= control
    details |= {"plan_f1": f1, "baseline": least, "control": control}
    details["unseen_levels"] = float(asked.size)
    return Reading(
        SCORED,
        f1 - least,
        null=null,
        why=(
            f"its own moves on tiles away from it are told by '{best}' with macro-F1 "
            f"{f1:.2f} on {asked.size} levels of unseen walls, {rival}; there its goal "
            f"is told {details[f'goal/{best}']:.0%} of the time, steps to go with R² "
            f"{details[f'value/{best}']:z.2f}"
        ),
        flops=flops,
        details=details,
    )


def _best_site(
    sites: Sequence[Site], plans: Plans, maps: Mapping[str, np.ndarray]
) -> str:
    """Return the site that tells the plan best, on layouts of the fitting levels alone.

    Probes are fitted on half of these layouts and compared on the others: of many sites
    the best on the levels of a test would look better than it is.
    """
    layouts = plans.layouts()
    kept = set(sorted(set(layouts))[::2])
    first = np.array([layout in kept for layout in layouts])
    fitted, chosen = plans.of(first), plans.of(~first)

    def told(site: Site) -> float:
        own = maps[site.name]
        return _plan(fitted, chosen, own[first], own[~first])

    if len(sites) == 1 or min(fitted.told.sum(), chosen.told.sum()) < LEAST:
        return sites[-1].name
    return max(sites, key=told).name


def _no_tiles(told: str) -> str:
    said = f" (told by its vectors: {told})" if told else ""
    return (
        "none of its activations has the tiles of the level, so that only its next "
        f"move and its goal can be read, which need no plan{said}"
    )


# ------------------------------------------------------------------ questions on tiles


def _plan(plans: Plans, asked: Plans, maps: np.ndarray, unseen: np.ndarray) -> float:
    """Return the macro-F1 of the subject's own moves."""
    return plan_f1(fit_plan(plans, maps), asked, unseen)


def _accuracy(
    plans: Plans, asked: Plans, maps: np.ndarray, unseen: np.ndarray
) -> float:
    features, moves = examples(asked, unseen)
    return float((fit_plan(plans, maps)(features).argmax(-1) == moves).mean())


def _goal(plans: Plans, asked: Plans, maps: np.ndarray, unseen: np.ndarray) -> float:
    """Return how often the tile that looks most like the goal is where it ends."""
    goals, others = _ends(plans), _ends(asked)
    some, rest = goals >= 0, others >= 0
    if not some.any() or not rest.any():
        return float("nan")
    x = patches(maps).reshape(*plans.told.shape, -1)[some]
    readout = fit(
        x.reshape(-1, x.shape[-1]),
        one_hot(goals[some], plans.told.shape[1]).reshape(-1, 1),
    )
    x = patches(unseen).reshape(*asked.told.shape, -1)[rest]
    return float((readout(x)[..., 0].argmax(-1) == others[rest]).mean())


def _value(plans: Plans, asked: Plans, maps: np.ndarray, unseen: np.ndarray) -> float:
    """Return R² of the steps to go from tiles away from the agent."""
    readout = fit(_at(plans, maps, plans.told), plans.steps[plans.told][:, None])
    told = readout(_at(asked, unseen, asked.told))[:, 0]
    return explained(told, asked.steps[asked.told])


_QUESTIONS: Mapping[str, Callable[..., float]] = {
    "plan": _plan,
    "goal": _goal,
    "value": _value,
}


def _at(plans: Plans, maps: np.ndarray, tiles: np.ndarray) -> np.ndarray:
    return patches(maps).reshape(*plans.told.shape, -1)[tiles]


def _ends(plans: Plans) -> np.ndarray:
    """Return the tile where the way from the start ends, -1 where it never does."""
    return plans.end[np.arange(plans.size), plans.start]


def _control(plans: Plans, asked: Plans, maps: np.ndarray, unseen: np.ndarray) -> float:
    """Return the accuracy on a control task of as many classes.

    Every kind of surroundings, the walls of the 3x3 tiles, has a random label that it
    keeps: what a probe learns of it, it learned by heart (Hewitt and Liang 2019, arXiv
    1909.03368, section 2).
    """
    count = plans.chances.shape[-1]
    labels = np.random.default_rng(0).integers(count, size=2**9)

    def kinds(of: Plans) -> np.ndarray:
        walls = patches(of.walls[..., None].astype(np.float64))
        codes = (walls @ 2.0 ** np.arange(9)).astype(int)
        return labels[codes.reshape(of.told.shape)[of.told]]

    readout = fit(examples(plans, maps)[0], one_hot(kinds(plans), count))
    told = readout(examples(asked, unseen)[0]).argmax(-1)
    return float((told == kinds(asked)).mean())


# ------------------------------------------------------------------------- baselines


def _null(
    subject: Subject,
    plans: Plans,
    asked: Plans,
    maps: np.ndarray,
    unseen: np.ndarray,
    effort: Effort,
) -> np.ndarray:
    """Return the plan's F1 where each level has the activations of another."""
    random = np.random.default_rng(subject.seed + 3)
    return np.array(
        [
            _plan(plans, asked, random.permutation(maps), random.permutation(unseen))
            for _ in range(effort.nulls)
        ]
    )


def _random_baseline(
    subject: Subject,
    sites: Sequence[Site],
    plans: Plans,
    asked: Plans,
) -> dict[str, float]:
    """Return the plan's F1 by site in the same network with fresh weights.

    Left out are sites that random weights do not reach: where the design fixes all
    that comes before, fresh weights are the subject's own or another organism's.
    """
    fresh = [_fresh(subject.policy, subject.key(k), plans.obs[:2]) for k in (401, 402)]
    first, second = (look_at(subject, sites, plans.obs, each) for each in fresh)
    random = [s for s in sites if not np.array_equal(first[s.name], second[s.name])]
    if not random:
        return {}
    unseen = look_at(subject, random, asked.obs, fresh[0])
    return {
        site.name: _plan(plans, asked, first[site.name], unseen[site.name])
        for site in random
    }


# --------------------------------------------------------------------------- vectors


def _vectors(
    sites: Sequence[Site],
    plans: Plans,
    asked: Plans,
    fitted: Mapping[str, np.ndarray],
    tested: Mapping[str, np.ndarray],
) -> dict[str, float]:
    """Return what flat activations tell of the goal's tile and the first move."""
    found: dict[str, float] = {}
    goals, others = _ends(plans), _ends(asked)
    some, rest = goals >= 0, others >= 0
    if min(some.sum(), rest.sum()) < LEAST:
        return found
    moves, next_moves = (
        each.move[np.arange(each.size), each.start] for each in (plans, asked)
    )
    for site in sites:
        x, unseen = (
            each[site.name].reshape(len(each[site.name]), -1)
            for each in (fitted, tested)
        )
        tiles = one_hot(goals[some], plans.told.shape[1])
        told = fit(x[some], tiles)(unseen[rest]).argmax(-1)
        found[f"goal/{site.name}"] = float((told == others[rest]).mean())
        count = plans.chances.shape[-1]
        told = fit(x, one_hot(moves, count))(unseen).argmax(-1)
        found[f"first_move/{site.name}"] = macro_f1(told, next_moves, count)
    return found


DETECTOR = Detector(
    id="D4",
    name="probes",
    title="linear probes",
    asks=("S",),
    metric=(
        "macro-F1, from 0 to 1, of the policy's own move on tiles two or more away "
        "from it, read linearly from the observation's 3x3 patch and the best site's, "
        "minus the best baseline's"
    ),
    null=(
        "the same probe on the observation alone, and with the same site under fresh "
        "weights; its draws have the site's activations of other levels; told beside "
        "it, a control task of random labels"
    ),
    source=(
        "Hewitt & Liang 2019 (arXiv 1909.03368) for control tasks; probes of a plan, "
        "tile by tile: Bush et al. 2025"
    ),
    caveat=(
        "that a plan can be read does not say that anything reads it: a decoy scores "
        "as high as a planner"
    ),
    score=score,
)
