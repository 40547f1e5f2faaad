"""What evaluators read of the policies in the zoo, kept beside their cards."""

from typing import Any

import jax

from mesagym.cli import device
from mesagym.cli.assess import assess, pools_of, shifts_for, tested_always
from mesagym.cli.findings import find, shifts_besides
from mesagym.evals.evaluators import choose_evaluators
from mesagym.evals.examine import Findings
from mesagym.evals.verdict_rule import RULE
from mesagym.reproductions import zoo
from mesagym.tracking import RunDirectory, atomic_write_json
from mesagym.tracking.files import sealed
from mesagym.tracking.progress import silent

FORMAT = "mesagym-zoo-readings/1"

LEVELS = 128
"""Levels of each shift."""

SEED = 1_000_000
"""Of the levels and of sampled actions, as `mesagym evaluate` has it."""


def read(entry: zoo.Entry) -> str:
    """Ask the quick evaluators about the kept policies, and write what they read.

    Returns:
        the readings in short.

    Raises:
        UserError: weights that are not kept, or damaged.
    """
    trained = zoo.load(entry.name)
    mode = RunDirectory.read(entry.folder).config["evaluation"]["modes"][0]
    evaluators = choose_evaluators(["quick"])
    shifts = shifts_for(trained.env, tested_always(trained.env), silent)
    shifts += shifts_besides(shifts, evaluators, trained)
    pools = pools_of(trained, shifts, LEVELS, SEED)
    outcomes = assess(trained, pools, SEED, [mode]).outcomes
    found = find(trained, evaluators, pools, outcomes, [mode], SEED, silent, {})
    said = _document(found, mode)
    atomic_write_json(
        entry.folder / zoo.READINGS,
        sealed(
            {
                "format": FORMAT,
                "name": entry.name,
                "policies_sha256": entry.policies_sha256,
                "seeds": sorted(trained.seeds),
                "levels": LEVELS,
                "seed": SEED,
                "mode": mode,
                "rule": RULE,
                "device": device.described(jax.devices()),
                "evaluators": said,
            }
        ),
    )
    return "; ".join(
        f"{name} {', '.join(one['answer'] for one in each['readings']) or '–'}"
        for name, each in said.items()
    )


def _document(found: Findings, mode: str) -> dict[str, Any]:
    """Return by evaluator how far to trust it here, and what it reads of each seed."""
    return {
        name: {
            "scope": facts["scope"]["how"],
            "why": facts["scope"]["why"],
            "readings": [
                {"seed": one.seed, "answer": one.answer, "why": one.why}
                for one in found.readings(name)
                if one.policy == "trained" and one.mode == mode
            ],
        }
        for name, facts in found.facts.items()
    }
