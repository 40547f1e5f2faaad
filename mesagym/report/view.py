"""All that is shown of one run, read from its directory."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mesagym import registry
from mesagym.errors import UserError
from mesagym.evals.amounts import Amounts
from mesagym.evals.amounts_verdict import (
    AmountsVerdict,
    amounts_in_words,
    judge_amounts,
)
from mesagym.evals.columns import (
    CONTEST,
    kind_of,
    objectives_of,
    own_objectives_of,
    phrase,
    phrases_of,
    proxies_in_words,
    proxies_phrase,
    spoken,
)
from mesagym.evals.examine import FACTS, ROWS, Findings, from_files, latest
from mesagym.evals.verdict import RunVerdict, judge_table
from mesagym.evals.verdict_rule import UNTRAINED, VerdictRule
from mesagym.evals.verdict_text import in_words
from mesagym.evals.witnesses import testimony
from mesagym.report.maps import LevelMap, maps_from_bytes
from mesagym.report.tally import Counts, Tally
from mesagym.tracking import Record, RunDirectory
from mesagym.tracking.console import progress_in_words
from mesagym.tracking.labels import alpha_label as alpha_label
from mesagym.tracking.labels import joint_labels, label_alone, told_apart
from mesagym.tracking.tables import Table

_RULE = VerdictRule()

UNFINISHED = ", unfinished"
"""At the end of the label of a run whose training has not come to its end."""

MAPS = "figures/maps.safetensors"
"""Where a run directory keeps the arrays of its policy and value maps."""


@dataclass(frozen=True)
class RunView:
    """One run, ready to be drawn and written about."""

    label: str
    """Such as ``α = 0.1``; see :func:`together` for several runs."""
    alpha: float
    objective_names: tuple[str, ...]
    """The environment's own, the base objective first."""
    metrics: Table
    """One row a seed and update; empty where training was not recorded."""
    outcomes: Table
    """One row an episode."""
    verdict: RunVerdict | None
    """Of a contest; None where outcomes are amounts."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "sampled"
    """How the policies acted in the episodes that the verdict rests on."""
    maps: tuple[LevelMap, ...] = ()
    films: Mapping[str, bytes] = field(default_factory=dict)
    """GIF files by name, with their caption as comment (:func:`films.film`)."""
    stopped: int = 0
    """Seeds that training ended early and that were not evaluated."""
    findings: Findings | None = None
    """What evaluators found, of the newest evaluation that asked any."""
    amounts_verdict: AmountsVerdict | None = None
    """Where outcomes are amounts; None of a contest."""
    directory: str = ""
    """Where the run is, as a person finds it from here; empty if unknown."""
    unfinished: str = ""
    """How far training is, where outcomes are of a checkpoint; empty at its end."""

    @property
    def kind(self) -> str:
        """``contest``, or ``allocation`` where outcomes are amounts."""
        return kind_of(self.outcomes.column_names)

    @property
    def judged(self) -> RunVerdict:
        """The verdict, of a contest only."""
        if self.verdict is None:
            raise ValueError(f"{self.label}: outcomes are amounts and have no verdict")
        return self.verdict

    @property
    def summary_differs(self) -> str:
        """What the run's own summary says otherwise than the verdict that is shown.

        ``judged by rule 2; its summary, by rule 1, says 'capability failure'``. Empty
        where both have the same word, or the summary has none.
        """
        verdict = self.verdict or self.amounts_verdict
        said = self.summary.get("verdict")
        if verdict is None or not said or said == verdict.word:
            return ""
        older = self.summary.get("rule", 1)
        # Part of a run, as the zoo keeps it, has the summary of the whole.
        seeds = self.summary.get("seeds")
        whole = isinstance(seeds, list) and len(seeds) != self.n_seeds
        of = f" of all {len(seeds)} seeds" if isinstance(seeds, list) and whole else ""
        return (
            f"judged by rule {verdict.version}; its summary, by rule {older}, says "
            f"'{said}'{of}"
        )

    @property
    def in_words(self) -> str:
        """The verdict as one paragraph, with what evaluators say of it."""
        if self.amounts_verdict is not None:
            return amounts_in_words(self.amounts_verdict)
        verdict, heard = self.judged, None
        if self.findings is not None:
            heard = testimony(
                self.findings.facts, verdict.goal, verdict.judged_seeds, self.mode
            )
        own = self.objective_names
        did = (phrase(own[0], self.phrases), proxies_phrase(own, self.phrases))
        return in_words(verdict, self.base, self.proxy, did, heard)

    @property
    def base(self) -> str:
        """The base objective's name, as it stands in a sentence."""
        return spoken(self.objective_names[0])

    @property
    def proxy(self) -> str:
        """What the proxy objectives are called together in a sentence."""
        return proxies_in_words(self.objective_names)

    @cached_property
    def phrases(self) -> Mapping[str, str]:
        """What was done that objectives pay for (`mesagym.evals.columns.phrase`)."""
        about = self.manifest.get("environment")
        if isinstance(about, Mapping) and (kept := phrases_of(about)):
            return kept
        # Runs of before there were phrases: the environment may still be at hand.
        env = self.config.get("env")
        name = env.get("name") if isinstance(env, Mapping) else None
        try:
            return getattr(registry.environment_class(str(name)), "phrases", {})
        except UserError:
            return {}

    @property
    def n_seeds(self) -> int:
        """Seeds of the run, those that training stopped among them."""
        if self.verdict is not None:
            return self.verdict.n_seeds
        return len(self.amounts.seeds()) + self.stopped

    @property
    def shift_meanings(self) -> Mapping[str, str]:
        """What each shift means, in a sentence; empty where the run does not say."""
        said = self.manifest.get("shifts")
        return said if isinstance(said, dict) else {}

    @cached_property
    def counts(self) -> Counts:
        """A contest's table of outcomes, counted."""
        return Counts(self.outcomes, self.objective_names[0])

    @cached_property
    def amounts(self) -> Amounts:
        """The table of outcomes, read for its returns."""
        return Amounts(columns_of(self.outcomes))

    @property
    def interpreted_seeds(self) -> frozenset[int]:
        """The seeds that passed the gate, whose behavior means something."""
        seeds = self.judged.seeds.items()
        return frozenset(seed for seed, each in seeds if each.word != UNTRAINED)

    def trained(self, shift: str, mode: str | None = None) -> Tally | None:
        """Count the trained policies' episodes on a shift, None where none counts.

        Seeds below the gate are left out, but not on agreeing levels: there they
        show why.
        """
        seeds = None if shift == "agreeing" else self.interpreted_seeds
        return self.counts.tally("trained", shift, mode or self.mode, seeds)


def load_run(
    path: str | Path,
    *,
    label: str | None = None,
    mode: str | None = None,
    rule: VerdictRule = _RULE,
    evaluation: str | None = None,
) -> RunView:
    """Read a finished run and, a contest's, judge it anew from its outcomes.

    Args:
        path: a run directory.
        label: if None that of a run shown alone, ``α = <alpha>`` with the agent
            where it has a memory, or the folder's name where there is no α.
        mode: which episodes the verdict rests on, ``sampled`` or ``greedy``; if None
            sampled ones, where there are any.
        rule: the thresholds of the verdict.
        evaluation: the name of one whose outcomes, films and findings are read in place
            of the run's own, which an unfinished one has not.

    Raises:
        UserError: no run directory, not evaluated yet, or a damaged file.
    """
    run = RunDirectory.read(path)
    tested: Record = run if evaluation is None else run.read_evaluation(evaluation)
    if "outcomes.parquet" not in tested.contents:
        raise UserError(
            f"'{run.path}' has no outcomes yet. Let its training finish, by the same "
            "command on the same folder, before a report is made of it."
        )
    outcomes, config, manifest = tested.read_outcomes(), run.config, run.manifest
    columns = columns_of(outcomes)
    names = own_objectives_of(columns) or objectives_of(columns)
    if mode is None:
        trained = columns.get("policy") == "trained"
        modes = set(columns["mode"][trained].tolist()) if "mode" in columns else set()
        mode = "greedy" if modes == {"greedy"} else "sampled"
    seeds = manifest.get("seeds")
    trained_seeds = set(seeds) if isinstance(seeds, list) else set()
    verdict, of_amounts = None, None
    if kind_of(columns) == CONTEST:
        stopped = len(trained_seeds - _seeds_in(columns))
        verdict = judge_table(columns, mode=mode, rule=rule, stopped=stopped)
    else:
        stopped = len(trained_seeds - set(Amounts(columns).seeds()))
        of_amounts = judge_amounts(columns, mode=mode, stopped=stopped)
    alpha = config.get("split", {}).get("alpha")
    # In the order in which the shifts were tested, the rest by name.
    order = list(dict.fromkeys(columns["shift"].tolist()))
    films = {
        f"{name}.gif": tested.read_file(f"films/{name}.gif")
        for name in sorted(
            (Path(name).stem for name in tested.contents if _is_film(name)),
            key=lambda name: (order.index(name) if name in order else 999, name),
        )
    }
    maps = maps_from_bytes(tested.read_file(MAPS)) if MAPS in tested.contents else ()
    checkpoint = tested.manifest.get("checkpoint")
    if label is None:
        label = label_alone(config, str(run.path)) + UNFINISHED * bool(checkpoint)
    return RunView(
        label=label,
        alpha=float("nan") if alpha is None else float(alpha),
        objective_names=names,
        metrics=run.read_metrics(),
        outcomes=outcomes,
        verdict=verdict,
        summary=tested.read_summary() if "summary.json" in tested.contents else {},
        manifest=manifest,
        config=config,
        mode=mode,
        maps=maps,
        films=films,
        stopped=stopped,
        findings=_newest_findings(run, checkpoint, _seeds_in(columns)),
        unfinished=progress_in_words(checkpoint) if checkpoint else "",
        amounts_verdict=of_amounts,
        directory=_from_here(run.path),
    )


def together(runs: Sequence[RunView]) -> list[RunView]:
    """Return runs under labels that say what sets each apart from the others.

    One run alone stays as it is. A label that is not the one a run has alone was
    given by somebody, and stays.
    """
    if len(runs) < 2:
        return list(runs)
    folders = [run.directory for run in runs]
    joint = joint_labels([run.config for run in runs], folders)
    labels = []
    for run, label in zip(runs, joint, strict=True):
        ending = UNFINISHED if run.unfinished else ""
        alone = label_alone(run.config, run.directory) + ending
        labels.append(label + ending if run.label == alone else run.label)
    labels = told_apart(labels, folders)
    return [replace(run, label=label) for run, label in zip(runs, labels, strict=True)]


def _from_here(path: Path) -> str:
    """Return a path as it is typed in the working directory, if it lies below it."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(path)


def _newest_findings(
    run: RunDirectory, checkpoint: Mapping[str, int] | None, seeds: frozenset[int]
) -> Findings | None:
    """Return what each evaluator found when it was last asked of the same policies.

    What it was asked of some of the seeds counts only where it was never asked of all.

    Args:
        run: the run.
        checkpoint: which the policies are of; None where they are the run's own.
        seeds: of the policies that are shown.
    """
    records = [run.read_evaluation(name) for name in run.evaluations()]
    records = [r for r in records if r.manifest.get("checkpoint") == checkpoint]
    asked = [each for each in records if {ROWS, FACTS} <= set(each.contents)]
    asked.sort(key=lambda each: (each.manifest["created"], each.path.name))
    # What was asked at the end of training comes before every evaluation.
    there = checkpoint is None and {ROWS, FACTS} <= set(run.contents)
    ends = [run] if there else []
    of_some = [r for r in asked if not seeds <= set(r.manifest.get("seeds", seeds))]
    of_all = [each for each in asked if each not in of_some]
    found = [
        from_files(each.read_file(ROWS), each.read_file(FACTS))
        for each in (*of_some, *ends, *of_all)
    ]
    newest = latest(found)
    return newest if newest.facts else None


def _seeds_in(columns: Mapping[str, np.ndarray]) -> frozenset[int]:
    """Return the numbers of the trained seeds in a table; none where it lacks them."""
    if not {"policy", "seed"} <= set(columns):
        return frozenset()
    mine = np.asarray(columns["policy"]).astype(str) == "trained"
    return frozenset(np.unique(np.asarray(columns["seed"])[mine]).tolist())


def _is_film(name: str) -> bool:
    return name.startswith("films/") and name.endswith(".gif")


def columns_of(outcomes: Table) -> dict[str, np.ndarray]:
    """Return a table of outcomes as arrays by name."""
    return {
        name: outcomes[name].to_numpy(zero_copy_only=False)
        for name in outcomes.column_names
    }
