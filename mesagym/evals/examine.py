"""Several evaluators put to the same policies, and what they found as one table."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.evals.evaluators import EVALUATORS
from mesagym.evals.evaluators.base import (
    ABSTAINS,
    ANSWERS,
    NOT_APPLICABLE,
    Evaluator,
    Finding,
    Reading,
    Scope,
    Study,
    gathered,
)
from mesagym.evals.outcomes import Columns
from mesagym.evals.shifts import shifts_of
from mesagym.tracking.progress import Progress, silent
from mesagym.tracking.tables import as_table, bytes_to_table, table_to_bytes

ROWS, FACTS = "findings.parquet", "findings.json"
"""Where an evaluation keeps what evaluators found."""


def matrix(environments: Mapping[str, Environment]) -> dict[str, dict[str, Scope]]:
    """Return how far each evaluator can be trusted in each environment.

    Args:
        environments: by name.

    Returns:
        Scopes by the evaluator's name, then by the environment's.
    """
    return {
        name: {each: evaluator.scope(env) for each, env in environments.items()}
        for name, evaluator in EVALUATORS.items()
    }


def must_apply(evaluators: Iterable[Evaluator], env: Environment) -> None:
    """Refuse evaluators that say nothing in an environment.

    Raises:
        UserError: names the first of them, and why.
    """
    for evaluator in evaluators:
        scope = evaluator.scope(env)
        if scope.how == NOT_APPLICABLE:
            raise UserError(
                f"evaluators: '{evaluator.name}' does not apply to {env.name}: "
                f"{scope.why}. Leave it out, or take evaluators=all, which leaves out "
                "what does not apply"
            )


def applying(evaluators: Iterable[Evaluator], env: Environment) -> list[Evaluator]:
    """Return those of some evaluators that apply to an environment."""
    return [each for each in evaluators if each.scope(env).how != NOT_APPLICABLE]


def needed_shifts(evaluators: Iterable[Evaluator], env: Environment) -> list[str]:
    """Return the shifts that evaluators read and the environment has, each once."""
    known = shifts_of(env)
    names = [name for each in evaluators for name in each.shifts if name in known]
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Findings:
    """What several evaluators found, ready to be kept and shown.

    Attributes:
        rows: the tidy tables, one below the other, with a column ``evaluator``.
        facts: of each evaluator by name: ``question``, ``source``, ``null``,
            ``scope`` (how and why), ``notes``, ``measures`` (meaning by name) and
            ``readings``; plain, to be kept as JSON.
        absent: why each evaluator that was left out does not apply, by name.
    """

    rows: Columns
    facts: dict[str, dict[str, Any]]
    absent: dict[str, str]

    def readings(self, evaluator: str) -> list[Reading]:
        """Return an evaluator's readings."""
        return [Reading(*each) for each in self.facts[evaluator]["readings"]]

    def of(self, evaluator: str) -> Columns:
        """Return an evaluator's rows, without the column ``evaluator``."""
        mine = self.rows["evaluator"] == evaluator
        return {
            name: column[mine]
            for name, column in self.rows.items()
            if name != "evaluator"
        }


def to_files(findings: Findings) -> dict[str, bytes]:
    """Return what is kept of findings: the contents of files by name."""
    facts = {"evaluators": findings.facts, "absent": findings.absent}
    return {
        ROWS: table_to_bytes(as_table(findings.rows)),
        FACTS: (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode(),
    }


def from_files(rows: bytes, facts: bytes) -> Findings:
    """Return the findings of two files of `to_files`."""
    table, known = bytes_to_table(rows), json.loads(facts)
    columns = {
        name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names
    }
    return Findings(columns, known["evaluators"], known["absent"])


def latest(several: Sequence[Findings]) -> Findings:
    """Return what each evaluator found when it was last asked.

    Args:
        several: oldest first.
    """
    last = {name: k for k, each in enumerate(several) for name in each.facts}
    order = [name for name in EVALUATORS if name in last]
    order += [name for name in last if name not in order]
    parts = [
        {"evaluator": np.full(rows["value"].shape, name), **rows}
        for name in order
        for rows in [several[last[name]].of(name)]
    ]
    absent = {name: why for each in several for name, why in each.absent.items()}
    return Findings(
        gathered(parts) if parts else {"evaluator": np.empty(0, str), **gathered([])},
        {name: several[last[name]].facts[name] for name in order},
        {name: why for name, why in absent.items() if name not in last},
    )


def examine(
    study: Study,
    evaluators: Sequence[Evaluator],
    progress: Progress = silent,
) -> Findings:
    """Put evaluators to a study; those that do not apply are named and left out.

    Args:
        study: policies and pools.
        evaluators: in the order in which they are shown.
        progress: told of each evaluator.
    """
    parts, facts = [], {}
    here = applying(evaluators, study.env)
    absent = {
        each.name: each.scope(study.env).why for each in evaluators if each not in here
    }
    for number, evaluator in enumerate(here, 1):
        progress("evaluators", number, len(here), evaluator.name)
        finding = evaluator.examine(study)
        # What an evaluator lacks may be in the study and not in the environment.
        if finding.scope.how == NOT_APPLICABLE:
            absent[evaluator.name] = finding.scope.why
            continue
        name = np.full(finding.rows["value"].shape, evaluator.name)
        parts.append({"evaluator": name, **finding.rows})
        facts[evaluator.name] = _facts(evaluator, finding)
    rows = gathered(parts) if parts else {"evaluator": np.empty(0, str), **gathered([])}
    return Findings(rows, facts, absent)


def _facts(evaluator: Evaluator, finding: Finding) -> dict[str, Any]:
    return {
        "question": evaluator.question,
        "source": evaluator.source,
        "null": evaluator.null,
        "claims": evaluator.claims,
        "data": evaluator.data,
        "scope": {"how": finding.scope.how, "why": finding.scope.why},
        "notes": list(finding.notes),
        "measures": {name: each.meaning for name, each in evaluator.measures.items()},
        "readings": [list(each) for each in finding.readings],
    }


def answers(
    readings: Iterable[Reading], policy: str, mode: str | None = None
) -> dict[str, int]:
    """Return how many seeds of a policy an evaluator reads as each answer.

    Args:
        readings: of one evaluator.
        policy: whose.
        mode: how it acted; every mode if None.
    """
    mine = [r.answer for r in readings if r.policy == policy and mode in (None, r.mode)]
    return {answer: mine.count(answer) for answer in ANSWERS if answer in mine}


def in_short(counts: Mapping[str, int]) -> str:
    """Return answers in few words: ``proxy 7 of 8, abstains 1``."""
    total = sum(counts.values())
    if not total:
        return "–"
    parts = [
        f"{answer} {count}" + (f" of {total}" if k == 0 else "")
        for k, (answer, count) in enumerate(
            sorted(counts.items(), key=lambda item: (item[0] == ABSTAINS, -item[1]))
        )
    ]
    return ", ".join(parts)


def disagreements(findings: Findings, policy: str, mode: str) -> list[str]:
    """Return where evaluators read a seed differently, a sentence each.

    Only answers are compared: to abstain is not to disagree.
    """
    by_seed: dict[int, dict[str, str]] = {}
    for name in findings.facts:
        for each in findings.readings(name):
            if (each.policy, each.mode) == (policy, mode) and each.answer != ABSTAINS:
                by_seed.setdefault(each.seed, {})[name] = each.answer
    found = []
    for seed, said in sorted(by_seed.items()):
        if len(set(said.values())) > 1:
            listed = ", ".join(f"{name}: {answer}" for name, answer in said.items())
            found.append(f"seed {seed} is read differently ({listed})")
    return found
