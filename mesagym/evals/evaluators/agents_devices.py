"""Does it pursue a goal at all, or react to what is near: agents against devices."""

from itertools import product

import jax.numpy as jnp
import numpy as np

from mesagym.agents.policy import forgets
from mesagym.evals.evaluators.base import (
    APPROXIMATE,
    SHARE,
    Evaluator,
    Finding,
    Measure,
    Scope,
    Study,
    gathered,
    tidy,
)
from mesagym.evals.evaluators.tables import SHIFTS, key_of, pools_of, tabular_scope
from mesagym.evals.goals.devices import (
    CONTEXT_SETS,
    EPSILON_PRIORS,
    agent_likelihoods,
    context_counts,
    weigh,
)
from mesagym.evals.goals.walks import counts, walks
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.evals.tabular import tabulate

NAME = "agents_devices"

PRIORS: tuple[float, ...] = (0.1, 0.5, 0.9)
"""Probabilities of an agent before anything is seen."""


def settings() -> list[tuple[str, float, int, str]]:
    """Return every way of stating the prior: its name in the table, and what it is.

    Returns:
        ``(name, prior of an agent, number of contexts, prior of epsilon)`` each.
    """
    return [
        (
            f"prior={prior:g}_contexts={contexts}_epsilon={epsilons}",
            prior,
            number,
            epsilons,
        )
        for prior, (contexts, number), epsilons in product(
            PRIORS, CONTEXT_SETS.items(), EPSILON_PRIORS
        )
    ]


def examine(study: Study) -> Finding:
    """Return the probability of an agent, for each level and for all together.

    Raises:
        UserError: the study has no clean levels.
    """
    parts: list[Columns] = []
    for shift, pool in pools_of(study, NAME):
        models = tabulate(pool.env, pool.levels, pool.env_params)
        horizon = int(pool.env_params.max_steps_in_episode)
        _, num, num_actions = models.next.shape
        for contestant in study.contestants:
            walked = walks(pool, contestant, study.seed)
            done = counts(walked, num, num_actions)
            key = key_of(study, shift)
            # A seed at a time: one program serves any number of them.
            agents = np.concatenate(
                [
                    np.asarray(
                        agent_likelihoods(models, jnp.asarray(each[None]), key, horizon)
                    )
                    for each in done
                ]
            )
            contexts = context_counts(models, walked)
            parts += _rows(contestant, shift, agents, contexts, done.sum((1, 2, 3)))
    if all(forgets(each.policy) for each in study.contestants):
        scope = tabular_scope(study.env)
    else:
        scope = Scope(APPROXIMATE, "some policies remember more than devices may")
    return Finding(NAME, scope, gathered(parts))


def _rows(
    contestant: Contestant,
    shift: str,
    agents: np.ndarray,
    contexts: list[np.ndarray],
    steps: np.ndarray,
) -> list[Columns]:
    level = weigh(agents, contexts, pooled=False)
    pooled = weigh(agents, contexts, pooled=True)
    odds = (pooled.agents - pooled.devices) / np.maximum(steps, 1)
    parts = [
        tidy(contestant, shift, "agent", pooled.posterior(0.5)),
        tidy(contestant, shift, "log_odds", odds),
        tidy(contestant, shift, "level_agent", level.posterior(0.5)),
    ]
    for name, prior, number, epsilons in settings():
        weighed = weigh(
            agents, contexts, pooled=True, epsilons=epsilons, num_contexts=number
        )
        values = weighed.posterior(prior)
        parts.append(tidy(contestant, shift, "agent_if", values, name))
    return parts


EVALUATOR = Evaluator(
    name=NAME,
    question="Are the actions those of an agent with a goal, or of a reacting device?",
    source="Orseau, McGregor McGill and Legg 2018 (arXiv 1805.12387)",
    null="A uniform, a stuck and a wall-following policy are devices; the priors are "
    "stated and varied.",
    measures={
        "agent": Measure(
            "probability of an agent from all levels together, even before, 0 to 1",
            limits=SHARE,
        ),
        "log_odds": Measure(
            "log-evidence of agents above devices, nats a step; above 0 is an agent"
        ),
        "level_agent": Measure(
            "probability of an agent from one level alone, even before, 0 to 1",
            limits=SHARE,
        ),
        "agent_if": Measure(
            "probability of an agent from all levels under another prior, 0 to 1",
            limits=SHARE,
        ),
    },
    claims=False,
    data="moves",
    shifts=SHIFTS,
    scope=tabular_scope,
    examine=examine,
)
