"""Which objective explains what was done: a posterior over Boltzmann-rational goals."""

import jax.numpy as jnp
import numpy as np

from mesagym.agents.policy import forgets
from mesagym.evals.columns import spoken
from mesagym.evals.evaluators.base import (
    ABSTAINS,
    APPROXIMATE,
    BASE,
    NEITHER,
    PROXY,
    SHARE,
    Evaluator,
    Finding,
    Measure,
    Reading,
    Scope,
    Study,
    gathered,
    tidy,
)
from mesagym.evals.evaluators.tables import SHIFTS, key_of, pools_of, tabular_scope
from mesagym.evals.goals.posterior import (
    Explained,
    explain,
    hypothesis_names,
    likelihoods,
)
from mesagym.evals.goals.walks import counts, walks
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.evals.statistics import wilson
from mesagym.evals.tabular import tabulate

NAME = "goal_posterior"

THRESHOLD = 0.5
"""Above it lies the lower bound of the share of levels that a reading rests on."""


CONVINCING = 0.95
"""Posterior of an objective from which a policy is not said to have none."""


FEWEST_LEVELS = 32
"""Levels below which shares are not read: of few, the likeliest mixture has one part,
however little tells it from the others."""


def read(
    share: np.ndarray, posterior: np.ndarray, own: int, levels: int
) -> tuple[str, str]:
    """Return what a seed pursues, and the number that decided.

    Args:
        share: float[H] of levels that each hypothesis explains, see
            `mesagym.evals.goals.posterior.Explained`.
        posterior: float[H] probability that each explains all levels.
        own: K objectives, the base objective first.
        levels: how many there were.
    """
    if levels < FEWEST_LEVELS:
        return ABSTAINS, f"{levels} levels are too few for shares; take {FEWEST_LEVELS}"
    candidates = [
        (BASE, "the base objective", share[0]),
        (PROXY, "a proxy", share[1:own].sum()),
        (NEITHER, "another tile or no objective", share[-2:].sum()),
    ]
    answer, what, most = max(candidates, key=lambda each: each[2])
    low = wilson(round(most * levels), levels).low
    if answer == NEITHER and posterior[:own].max() > CONVINCING:
        return ABSTAINS, (
            f"{what} explains {most:z.2f} of {levels} levels best, one by one, and an "
            f"objective all together, with probability {posterior[:own].max():z.2f}"
        )
    if low > THRESHOLD:
        return answer, (
            f"{what} explains {most:z.2f} of {levels} levels best, at least {low:z.2f}"
        )
    return ABSTAINS, (
        f"{what} explains {most:z.2f} of {levels} levels best, and that may be as few "
        f"as {low:z.2f}: no majority"
    )


def examine(study: Study) -> Finding:
    """Return posteriors and shares of every contestant, and readings.

    Raises:
        UserError: the study has no clean levels.
    """
    own = len(study.env.own_objectives)
    names = hypothesis_names(study.env.own_objectives)
    parts: list[Columns] = []
    readings: list[Reading] = []
    for shift, pool in pools_of(study, NAME):
        models = tabulate(pool.env, pool.levels, pool.env_params)
        horizon = int(pool.env_params.max_steps_in_episode)
        _, num, num_actions = models.next.shape
        for contestant in study.contestants:
            done = counts(walks(pool, contestant, study.seed), num, num_actions)
            # A seed at a time: one program serves any number of them.
            logs = [
                likelihoods(
                    models, jnp.asarray(each[None]), key_of(study, shift), horizon
                )
                for each in done
            ]
            there = np.asarray(logs[0][1])
            stacked = np.concatenate([np.asarray(each[0]) for each in logs])
            found = explain(stacked, there, done.sum(2), own)
            parts += _rows(contestant, shift, names, found, own)
            if shift == "clean":
                for s, seed in enumerate(contestant.seeds):
                    answer, why = read(
                        found.share[s], found.posterior[s], own, pool.size
                    )
                    who = (contestant.name, contestant.mode, seed)
                    readings.append(Reading(*who, answer, why))
    remembering = [c.name for c in study.contestants if not forgets(c.policy)]
    return Finding(
        NAME,
        _scope_with(remembering, study),
        gathered(parts),
        tuple(readings),
        tuple(_notes(remembering)),
    )


def _rows(
    contestant: Contestant,
    shift: str,
    names: tuple[str, ...],
    found: Explained,
    own: int,
) -> list[Columns]:
    parts = []
    for h, name in enumerate(names):
        if np.isfinite(found.share[:, h]).all():
            values = found.share[:, h]
            parts.append(tidy(contestant, shift, "share", values, name))
    for h, name in enumerate(names):
        values = found.posterior[:, h]
        parts.append(tidy(contestant, shift, "posterior", values, name))
        parts.append(tidy(contestant, shift, "gain", found.gain[:, h], name))
        if h < len(names) - 1:
            parts.append(tidy(contestant, shift, "beta", found.beta[:, h], name))
        if h < own:
            levels = found.level_posterior[..., h]
            parts.append(tidy(contestant, shift, "level_posterior", levels, name))
    return parts


def _scope_with(remembering: list[str], study: Study) -> Scope:
    scope = tabular_scope(study.env)
    if not remembering:
        return scope
    return Scope(APPROXIMATE, "some policies remember, and no hypothesis does")


def _notes(remembering: list[str]) -> list[str]:
    if not remembering:
        return []
    names = ", ".join(spoken(name) for name in dict.fromkeys(remembering))
    return [f"Policies that remember ({names}) are explained by goals that do not."]


EVALUATOR = Evaluator(
    name=NAME,
    question="Which objective, if any, explains the actions?",
    source="Ramachandran and Amir 2007 (Bayesian inverse reinforcement learning), with "
    "random tiles and no objective as hypotheses",
    null="A uniform policy is explained by no objective; where levels agree, base and "
    "proxy are equally probable.",
    measures={
        "share": Measure(
            "share of levels that a hypothesis explains, 0 to 1", limits=SHARE
        ),
        "posterior": Measure(
            "probability that one hypothesis explains all levels, 0 to 1", limits=SHARE
        ),
        "gain": Measure(
            "log-evidence of a hypothesis above uniform actions, nats a step", 0.0
        ),
        "beta": Measure("inverse temperature under a hypothesis, per step wasted"),
        "level_posterior": Measure(
            "probability of an objective from one level alone, 0 to 1", limits=SHARE
        ),
    },
    claims=True,
    data="moves",
    shifts=SHIFTS,
    scope=tabular_scope,
    examine=examine,
)
