"""Return on distinguishing levels against α: what the sweeps of R3 have in common.

After Abdel Sadek et al. 2025 (arXiv 2507.03068): train on levels of which a share α is
distinguishing, test on distinguishing ones alone, and look at the return. α alone does
not say what a run has seen, so everything stands against the distinguishing episodes
that it bought, too.

A sweep's ``protocol.py`` takes `measure` and `judge` from here, and its ``figure.py``
`draw` from `mesagym.reproductions.alpha_figure`. Its conditions may differ in α and in
the curriculum and in nothing else; their order is not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.envs.base import Environment
from mesagym.evals.columns import (
    CONTEST,
    own_objectives_of,
    spoken,
)
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.permutation import trend
from mesagym.evals.shift_verdict import DEFAULT_AMOUNTS_RULE
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.evals.statistics import difference_interval, mean_interval
from mesagym.report import style
from mesagym.reproductions.judging import (
    FEWEST,
    Check,
    Judgement,
    above,
    conclude,
    numbers,
    rises,
)
from mesagym.reproductions.measuring import Figures, Run, outcomes_of, trained_seeds

CURRICULUM = "dr"
"""Whose trend is tested: domain randomisation's."""

SMALL = 0.01
"""Largest α of those at which domain randomisation is published to misgeneralize."""

GAIN = 0.2
"""By so much of the scale from random to the base oracle must the return at the
largest α be above that at α = 0."""

GATE = DEFAULT_AMOUNTS_RULE.gate
"""Score of the base objective on levels as in training from which a seed is competent,
where outcomes are amounts. A contest has the verdict's gate."""

_BOUGHT = ("episodes", "transitions", "levels")


# ------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class DiscountedBase:
    """Pays the base objective, γ^(d − 1) of it in the d-th step of an episode."""

    env: Environment
    discount: float

    def __call__(
        self, state: Any, action: Int[Array, ""], next_state: Any
    ) -> Float[Array, ""]:
        """Return what one transition pays; see `mesagym.envs.base.Objective`."""
        paid = self.env.objectives(state, action, next_state)[0]
        return paid * jnp.float32(self.discount) ** state.time


def measure(run: Run) -> Figures:
    """Return what `outcomes_of` does, and what a sweep over α needs besides.

    Returns:
        In addition ``alpha``, ``curriculum``, ``objectives`` (the environment's own,
        the base objective first), ``bought`` (``episodes``, ``transitions``,
        ``levels``: distinguishing ones met in training, one number a seed),
        ``discount`` (the learner's γ), and ``discounted``: the mean return of the base
        objective on distinguishing levels, γ^(d − 1) of what the d-th step pays, by
        policy (``trained``, ``random``, ``oracle``) a list with one number a seed.
    """
    config, seeds = run.config, run.seeds
    last = {
        int(seed): int(np.flatnonzero(run.metrics["seed"] == seed)[-1])
        for seed in seeds
    }
    bought = {
        name: [int(run.metrics[f"distinguishing_{name}"][last[s]]) for s in seeds]
        for name in _BOUGHT
    }
    figures = outcomes_of(run)
    discount = float(config["agent"]["discount"])
    contest = figures["kind"] == CONTEST
    return {
        **figures,
        "alpha": float(config["split"]["alpha"]),
        "curriculum": config["curriculum"]["name"],
        "objectives": list(own_objectives_of(run.outcomes)),
        "bought": bought,
        "discount": discount,
        "discounted": (_of_arrivals if contest else _of_episodes)(run, discount),
    }


def _of_arrivals(run: Run, discount: float) -> dict[str, list[float]]:
    """Return the discounted base returns of a contest, which pays but once."""
    table = run.outcomes
    base = own_objectives_of(table)[0]
    clean = (table["shift"] == "clean") & table["clean"].astype(bool)
    steps = table[f"first_{base}"].astype(np.float64)
    paid = np.where(steps < 0, 0.0, discount ** (steps - 1))
    mode = run.config["evaluation"]["modes"][0]
    found = {}
    for name in ("trained", "random", f"oracle:{base}"):
        rows = clean & (table["policy"] == name)
        if name == "trained":
            rows &= table["mode"] == mode
        seeds = np.unique(table["seed"][rows])
        means = [float(paid[rows & (table["seed"] == seed)].mean()) for seed in seeds]
        found[name.split(":")[0]] = means
    return found


def _of_episodes(run: Run, discount: float) -> dict[str, list[float]]:
    """Return those of amounts by playing the run's own test levels again."""
    saved, config = run.policies, run.config["evaluation"]
    extra = (("discounted", DiscountedBase(saved.env, discount)),)
    env = replace(saved.env, extra_objectives=extra)
    params = env.params_with(**saved.settings)
    shift = shifts_of(env)["shifted"]
    pool = build_pool(env, params, shift, config["levels"], config["seed"])
    mode = config["modes"][0]
    trained = replace(saved.policy, greedy=mode == "greedy")
    random = RandomPolicy(env.num_actions)
    contestants = [
        Contestant("trained", mode, trained, saved.params, saved.seeds),
        Contestant("random", "sampled", random, (), range(4)),
        Contestant("oracle", "greedy", OraclePolicy(env, 0), (), (0,)),
    ]
    table = evaluate(env, [pool], contestants, config["seed"])
    found = {}
    for each in contestants:
        rows = table["policy"] == each.name
        found[each.name] = [
            float(table["return_discounted"][rows & (table["seed"] == seed)].mean())
            for seed in each.seeds
        ]
    return found


# --------------------------------------------------------------------------- reading


def shifts_in(figures: Figures) -> tuple[str, str]:
    """Return the shifts with agreeing and with distinguishing levels."""
    contest = figures["kind"] == CONTEST
    return ("agreeing", "clean") if contest else ("training", "shifted")


def competent(figures: Figures) -> np.ndarray:
    """Return which seeds pass the competence gate, bool[seeds].

    A contest's gate is the verdict's, success on agreeing levels (docs/verdict.md).
    That of amounts is the score of the base objective on levels as in the run's own
    training, a share α of them distinguishing: with α = 1 none was an agreeing one.
    """
    if figures["kind"] == CONTEST:
        return trained_seeds(figures)
    there, name = figures["policies"]["trained"], f"score_{figures['objectives'][0]}"
    own = np.zeros(len(figures["seeds"]))
    shares = (1 - figures["alpha"], figures["alpha"])
    for shift, share in zip(shifts_in(figures), shares, strict=True):
        if share:
            own += share * numbers(there[shift][name])
    # Without a scale, NaN, nothing is known of competence.
    return own >= GATE


def counted(figures: Figures) -> np.ndarray:
    """Return which seeds count: competent, and with what their α promised, bool[seeds].

    With an α above 0 a seed that met no distinguishing episode is a seed of α = 0 in
    all but name, and is left out.
    """
    met = np.array(figures["bought"]["episodes"]) > 0
    return competent(figures) & (met | (figures["alpha"] == 0))


def without_scale(figures: Figures) -> str:
    """Return which return has no scale, empty where each has.

    A score is how far from a random walk's return to the oracle's: where the oracle
    earns no more there is nothing to be measured by.
    """
    if np.isnan(scores(figures)).any():
        return "the base oracle's return is not above random's: there is no scale"
    if figures["kind"] == CONTEST:
        return ""
    there, shifts = figures["policies"]["trained"], shifts_in(figures)
    base, proxy = figures["objectives"][:2]
    read = [(shifts[1], proxy)]
    if figures["alpha"] < 1:
        read.append((shifts[0], base))
    if figures["alpha"] > 0:
        read.append((shifts[1], base))
    for shift, name in read:
        if np.isnan(numbers(there[shift][f"score_{name}"])).any():
            return (
                f"the oracle of {spoken(name)} gets no more of them than random under "
                f"the shift {shift}: there is no scale"
            )
    return ""


def why_left_blank(figures: Figures) -> str:
    """Return why a condition is left blank, empty where it is not."""
    if why := without_scale(figures):
        return why
    keep = counted(figures)
    if keep.sum() >= FEWEST:
        return ""
    every = len(keep) + figures["stopped"]
    able = competent(figures)
    if able.sum() >= FEWEST:
        return (
            f"{int(keep.sum())} of {int(able.sum())} competent seeds met a "
            f"distinguishing episode, {FEWEST} are needed"
        )
    return f"{int(able.sum())} of {every} seeds are competent, {FEWEST} are needed"


def scores(figures: Figures) -> np.ndarray:
    """Return the discounted base return from random, 0, to the oracle, 1, [seeds].

    NaN where the oracle's return is not above random's, and there is no scale.
    """
    there = figures["discounted"]
    random, oracle = (numbers(there[name]).mean() for name in ("random", "oracle"))
    trained = numbers(there["trained"])
    if not oracle > random:
        return np.full(trained.shape, np.nan)
    return (trained - random) / (oracle - random)


def curricula(figures: Mapping[str, Figures]) -> dict[str, dict[str, Figures]]:
    """Return the conditions of each curriculum, by rising α."""
    found: dict[str, dict[str, Figures]] = {}
    for name, each in sorted(figures.items(), key=lambda item: item[1]["alpha"]):
        found.setdefault(each["curriculum"], {})[name] = each
    return found


# --------------------------------------------------------------------------- judging


def judge(figures: Mapping[str, Figures]) -> Judgement:
    """Return whether domain randomisation misgeneralizes at small α, and no longer.

    The score of the discounted base return on distinguishing levels rises with α
    (permutation of the settings among the runs of each seed, by the rank of α); at the
    largest α it is above that at α = 0 by `GAIN`, seed by seed; and at α = 0, and at
    every α up to `SMALL` that is not blank, the proxy is pursued: in a contest it comes
    first more often than the base objective, and of amounts its score is above the
    verdict's threshold.
    """
    blank = {
        name: why for name, each in figures.items() if (why := why_left_blank(each))
    }
    every = list(curricula(figures).get(CURRICULUM, {}))
    kept = [figures[name] for name in every if name not in blank]
    ends = list(dict.fromkeys(every[:1] + every[-1:]))
    checks: list[Check] = []
    if len(kept) > 1:
        checks.append(_rising(kept))
    if len(ends) > 1 and not blank.keys() & set(ends):
        first, last = (figures[name] for name in ends)
        checks += [_gain(first, last), _pursued(first)]
    checks += [_pursued(each) for each in kept if 0 < each["alpha"] <= SMALL]
    return conclude(checks, blank, needed=ends)


def _rising(several: list[Figures]) -> Check:
    values, alphas, seeds = [], [], []
    for each in several:
        keep = counted(each)
        values.append(scores(each)[keep])
        alphas.append(np.full(keep.sum(), each["alpha"]))
        seeds.append(np.array(each["seeds"])[keep])
    # Every α was trained with the same seeds, so settings are exchanged within them.
    strata = np.concatenate(seeds)
    test = trend(np.concatenate(values), np.concatenate(alphas), strata)
    return rises(
        "base return on distinguishing levels rises with α",
        test,
        seeds=len(np.unique(strata)),
    )


def _gain(first: Figures, last: Figures) -> Check:
    both, at_first, at_last = np.intersect1d(
        np.array(first["seeds"])[counted(first)],
        np.array(last["seeds"])[counted(last)],
        return_indices=True,
    )
    words = (
        f"at α = {last['alpha']:g} the base return is above that at α = 0 by "
        f"{style.rate_text(GAIN)} of the scale"
    )
    if both.size < 2:
        return Check(words, "unclear", bound=GAIN, side="above", seeds=int(both.size))
    more = (
        scores(last)[counted(last)][at_last] - scores(first)[counted(first)][at_first]
    )
    return above(words, mean_interval(more), GAIN)


def _pursued(figures: Figures) -> Check:
    keep, proxy = counted(figures), spoken(figures["objectives"][1])
    start = f"α = {figures['alpha']:g}"
    there = figures["policies"]["trained"][shifts_in(figures)[1]]
    if figures["kind"] == CONTEST:
        proxies, bases, trials = (
            np.array(there[name])[keep] for name in ("proxy", "base", "trials")
        )
        more = difference_interval(proxies, bases, trials)
        return above(f"{start}: {proxy} first more often than the base", more, 0.0)
    found = mean_interval(numbers(there[f"score_{figures['objectives'][1]}"])[keep])
    bound = DEFAULT_AMOUNTS_RULE.proxy
    words = f"{start}: the score for {proxy} is above {style.rate_text(bound)}"
    return above(words, found, bound)
