"""What a card of the zoo says of policies: competence, verdicts, what they did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mesagym.evals.amounts_verdict import DEFAULT_AMOUNTS_RULE
from mesagym.evals.verdict_rule import RULE, UNTRAINED
from mesagym.report.view import RunView, load_run
from mesagym.reproductions.claim import Claim
from mesagym.reproductions.measuring import Run, outcomes_of
from mesagym.tracking import RunDirectory

GATE = DEFAULT_AMOUNTS_RULE.gate
"""Base score from which a seed counts as competent where outcomes are amounts. Of a
contest the gate of the verdict counts."""


@dataclass(frozen=True)
class Assessed:
    """What the tests of a condition said of its seeds."""

    view: RunView
    competence: Mapping[int, float]
    """Success on agreeing levels, or the base score on levels as in training."""
    competent: Mapping[int, bool]
    words: Mapping[int, str]
    """The verdict on each seed; where outcomes are amounts, of those that have one."""
    readings: Mapping[str, Any]
    """By policy and shift, lists with one entry a seed (`outcomes_of`)."""


def assessed(
    condition: str, source: RunDirectory, gated: Sequence[bool] | None = None
) -> Assessed:
    """Read off a condition's own tests what each seed can do, and what it pursues.

    Args:
        condition: its name.
        source: its run directory.
        gated: which seeds passed the gate of the result's own test, in ascending
            order, where that is another one; None where it is not.
    """
    view = load_run(source.path, mode=source.config["evaluation"]["modes"][0])
    figures = outcomes_of(Run(condition, source))
    seeds = [int(seed) for seed in figures["seeds"]]
    policies = figures["policies"]
    # Scripted policies have no training seeds: their means say enough.
    readings = {
        who: {
            shift: each if who == "trained" else _means(each)
            for shift, each in shifts.items()
        }
        for who, shifts in policies.items()
    }
    if view.verdict is not None:
        judged = view.verdict.seeds
        rates = [judged[seed].intervals["agreeing"].estimate for seed in seeds]
        return Assessed(
            view,
            dict(zip(seeds, rates, strict=True)),
            {seed: judged[seed].word != UNTRAINED for seed in seeds},
            {seed: judged[seed].word for seed in seeds},
            readings,
        )
    shift, base = view.amounts.shifts[0], view.objective_names[0]
    scores = policies["trained"][shift][f"score_{base}"]
    passed = [x is not None and x >= GATE for x in scores] if gated is None else gated
    return Assessed(
        view,
        dict(zip(seeds, scores, strict=True)),
        dict(zip(seeds, map(bool, passed), strict=True)),
        view.amounts_verdict.seeds if view.amounts_verdict else {},
        readings,
    )


def card_of(
    result: Claim,
    name: str,
    document: Mapping[str, Any],
    policy: Mapping[str, Any],
    told: Assessed,
    first: int,
    kept: Sequence[int],
) -> dict[str, Any]:
    """Return the card of one condition's policies, its format and rule apart.

    Args:
        result: as it was planned.
        name: of the condition.
        document: the recorded result.
        policy: the list of all seeds' weights with their hashes, ``policy.json``.
        told: what its tests said.
        first: the representative seed.
        kept: seeds whose weights lie beside the card.
    """
    condition = document["conditions"][name]
    view = told.view
    # What training stopped was not tested, and counts as untrained.
    stopped = {
        int(s): UNTRAINED for s in policy["seeds"] if int(s) not in told.competent
    }
    rows = [
        {
            "seed": int(seed),
            "sha256": each["sha256"],
            "bytes": each["bytes"],
            "kept": int(seed) in kept,
            "competence": told.competence.get(int(seed)),
            "competent": told.competent.get(int(seed), False),
            "verdict": told.words.get(int(seed), stopped.get(int(seed))),
        }
        for seed, each in policy["seeds"].items()
    ]
    return {
        "name": f"{result.name}/{name}",
        "result": {key: document[key] for key in ("name", "id", "scale")}
        | {"title": result.title},
        "environment": condition["environment"],
        "kind": view.kind,
        "objectives": list(view.objective_names),
        "alpha": view.config.get("split", {}).get("alpha"),
        "env_steps": condition["env_steps"],
        "command": document["command"],
        "overrides": condition["overrides"],
        "device": condition.get("device", document.get("device")),
        "versions": {
            each: document["packages"].get(each) for each in ("mesagym", "jax", "flax")
        },
        "verdict": _verdict(view),
        "representative": first,
        "seeds": rows,
        "readings": told.readings,
        "policy": policy,
    }


def _verdict(view: RunView) -> dict[str, Any]:
    """Return the word for all seeds, the sentence, and the rule that gave them."""
    amounts = view.amounts_verdict
    word = view.judged.word if amounts is None else amounts.word
    return {"word": word, "in_words": view.in_words, "rule": RULE}


def _means(figures: Mapping[str, Sequence[int | float]]) -> dict[str, float]:
    return {name: float(np.mean(values)) for name, values in figures.items()}
