"""`mesagym evaluate`: the policies of a run under other shifts, in a table."""

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mesagym.cli import device
from mesagym.cli.assess import (
    Assessment,
    assess,
    pools_of,
    rates,
    shifts_for,
    summary_of,
    verdict_of,
)
from mesagym.cli.findings import find, keep, kept, shifts_besides
from mesagym.cli.phases import Phases
from mesagym.cli.schema import EvaluateConfig
from mesagym.errors import UserError
from mesagym.evals.amounts import Amounts
from mesagym.evals.columns import (
    CONTEST,
    file_name,
    kind_of,
    own_objectives_of,
    proxies_in_words,
    spoken,
)
from mesagym.evals.evaluators import choose_evaluators
from mesagym.evals.evaluators.base import Evaluator
from mesagym.evals.examine import Findings, must_apply
from mesagym.evals.histories import histories_of
from mesagym.evals.shift_verdict import NOT_APPLICABLE, judge_shifts
from mesagym.evals.shifts import EvaluationPool
from mesagym.evals.statistics import no_interval
from mesagym.evals.verdict import judge_table
from mesagym.evals.verdict_rule import (
    INCAPABLE,
    MISGENERALIZED,
    NOISY_BASE,
    NOISY_PROXY,
    OTHER_GOAL,
    SEED_DEPENDENT,
    UNTRAINED,
)
from mesagym.report.style import rate_text
from mesagym.report.tally import Counts
from mesagym.report.view import columns_of
from mesagym.tracking import (
    Evaluation,
    RunDirectory,
    config_hash,
    environment_facts,
    show_table,
)
from mesagym.tracking.files import read_bytes, sha256
from mesagym.tracking.tables import as_table
from mesagym.training.saved import Saved, Unfinished, load_latest

_NARROWEST = 80  # characters of the table: in fewer its words would be cut


@dataclasses.dataclass(frozen=True)
class Tested:
    """An evaluation that is done, its folder still open for writing."""

    source: RunDirectory
    trained: Saved
    unfinished: Unfinished | None
    """How far the run is, where it has not come to its end."""
    record: Evaluation
    assessment: Assessment
    summary: dict[str, Any]
    findings: Findings | None
    stopped: int
    """Seeds that training lost."""
    pools: dict[str, EvaluationPool]
    """Empty where the evaluation was complete already."""


@contextlib.contextmanager
def tested(config: EvaluateConfig, phases: Phases) -> Iterator[Tested]:
    """Test policies, those of the last checkpoint where training is not at its end.

    Raises:
        UserError: what cannot be tested, before anything is compiled or written.
    """
    import jax

    phases("preparing")
    device.use(config.device)
    source = RunDirectory.read(config.run)
    trained, unfinished = load_latest(source, config.seeds, phases.say)
    if unfinished is not None:
        phases.say(
            f"'{source.path}' is unfinished: its last checkpoint is tested, "
            f"{unfinished.in_words()}"
        )
    elif not source.completed:
        phases.say(f"'{source.path}' is not complete: only its policies are read")
    evaluators = _evaluators(config.evaluators, trained)
    _must_be_read(config, evaluators)
    if "stability" in config.evaluators and not source.snapshots():
        raise UserError(
            f"evaluators: 'stability' needs snapshots, and '{source.path}' has none; "
            "train with train.snapshots=10, say, in another directory"
        )
    shifts = shifts_for(trained.env, config.shifts.names, phases.say)
    shifts += shifts_besides(shifts, evaluators, trained)
    names = [shift.name for shift in shifts]
    # A verdict on the whole run counts, as training's own does, the seeds it lost.
    stopped = 0
    if config.seeds is None:
        stopped = len(set(source.manifest.get("seeds", [])) - set(trained.seeds))
    # Asked for by any other names, the same evaluation is the same.
    same = {
        "shifts": names,
        "seeds": list(trained.seeds),
        "levels": config.levels,
        "seed": config.seed,
        "modes": config.modes,
        "evaluators": [each.name for each in evaluators],
        "run": source.id,
    }
    if unfinished is not None:
        # Of a later checkpoint it is another evaluation.
        same["checkpoint"] = {"update": unfinished.update}
    for key in ("baseline", "outward"):
        if (path := getattr(config, key)) is not None:
            same[key] = RunDirectory.read(path).id
    if texts := {each.name: _texts(each.folder) for each in shifts if each.folder}:
        same["texts"] = texts
    histories = {}
    wanted = source.snapshots() or config.baseline or config.outward
    if wanted and any(each.name == "stability" for each in evaluators):
        histories = histories_of(
            source, config.baseline, config.outward, config.seeds, config.modes[0]
        )
    name = config.name or f"{_short(names)}-{config_hash(same)[:8]}"
    facts = {
        **environment_facts(),
        "run": source.id,
        "seeds": list(trained.seeds),
        "device": device.described(jax.devices()),
        "dynamics_version": trained.env.dynamics_version,
        "environment": trained.env.described,
        "shifts": {shift.name: shift.meaning for shift in shifts},
    }
    if unfinished is not None:
        facts["checkpoint"] = unfinished.facts()
    pools: dict[str, EvaluationPool] = {}
    if not _is_complete(source, name):
        pools = pools_of(trained, shifts, config.levels, config.seed, phases)
    whole = {**dataclasses.asdict(config), **same}
    with source.evaluation(name, whole, manifest=facts, identity=same) as record:
        if record.completed:
            phases.say(f"'{record.path}' is complete already; this is what it says")
            outcomes = columns_of(record.read_outcomes())
            assessment = Assessment(tuple(names), outcomes)
            findings = kept(record)
            # Its rows are judged anew: it may be older than the rule.
            verdict = verdict_of(assessment, config.modes, stopped)
            summary = summary_of(
                assessment, verdict, config.modes[0], findings, trained.env.phrases
            )
            if otherwise := _otherwise(record.read_summary(), summary):
                phases.say(otherwise)
        else:
            phases.say(f"testing on {config.levels} levels of each shift")
            assessment = assess(trained, pools, config.seed, config.modes, phases)
            record.write_outcomes(as_table(assessment.outcomes))
            verdict = verdict_of(assessment, config.modes, stopped)
            findings = find(
                trained,
                evaluators,
                pools,
                assessment.outcomes,
                config.modes,
                config.seed,
                phases,
                histories,
            )
            keep(record, findings)
            summary = summary_of(
                assessment, verdict, config.modes[0], findings, trained.env.phrases
            )
            record.write_summary({**summary, "rates": _as_rows(assessment)})
        yield Tested(
            source,
            trained,
            unfinished,
            record,
            assessment,
            summary,
            findings,
            stopped,
            pools,
        )


def _is_complete(source: RunDirectory, name: str) -> bool:
    """Return whether an evaluation needs no levels, because it has been made."""
    return name in source.evaluations() and source.read_evaluation(name).completed


def run(config: EvaluateConfig) -> int:
    """Test, print the table, and keep everything in ``evaluations/<name>/``."""
    with Phases() as phases, tested(config, phases) as done:
        source, trained, record = done.source, done.trained, done.record
        assessment, stopped = done.assessment, done.stopped
        summary, findings = done.summary, done.findings
        phases.close()
        if assessment.kind == CONTEST:
            _show_contest(assessment, len(trained.seeds), stopped)
        else:
            _show_amounts(assessment, len(trained.seeds))
        print(_untrained(source, trained.seeds), end="")
        if findings is not None and findings.facts:
            _show_findings(findings, config.modes[0])
        if "in_words" in summary:
            print(summary["in_words"])
        if done.unfinished is not None:
            print(f"Unfinished run, {done.unfinished.in_words()} of each seed.")
        print(f"Evaluation: {record.path}")
    return 0


def _otherwise(kept: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return that an evaluation's own summary has another word, if it has."""
    word, rule = kept.get("verdict"), kept.get("rule", 1)
    if not word or word == now.get("verdict"):
        return ""
    return f"judged by rule {now['rule']}; its summary, by rule {rule}, says '{word}'"


def _evaluators(names: list[str], trained: Saved) -> list[Evaluator]:
    """Return the evaluators asked for; one asked for by name must apply here.

    Raises:
        UserError: no such evaluator, or one that says nothing in this environment.
    """
    chosen = choose_evaluators(names)
    must_apply([each for each in chosen if each.name in names], trained.env)
    return chosen


def _must_be_read(config: EvaluateConfig, evaluators: Sequence[Evaluator]) -> None:
    """Refuse runs to compare with that no evaluator looks at.

    Raises:
        UserError: names the key.
    """
    if any(each.name == "stability" for each in evaluators):
        return
    for key in ("baseline", "outward"):
        if getattr(config, key) is not None:
            raise UserError(
                f"{key}: only the evaluator 'stability' reads it; add it, "
                "evaluators=[quick,stability]"
            )


def _show_findings(findings: Findings, mode: str) -> None:
    """Print one row an evaluator, and where they contradict one another."""
    from mesagym.evals.examine import disagreements
    from mesagym.report.findings import findings_table, main_numbers
    from mesagym.report.terminal import show

    show(findings_table(findings, "trained", mode))
    for line in disagreements(findings, "trained", mode):
        print(f"Note: {line}.")
    for name, facts in findings.facts.items():
        # Who asks what a policy says of a tile says why it leaves out who remembers.
        if not main_numbers(findings, name, "trained", mode):
            for line in facts["notes"]:
                print(f"Note, {spoken(name)}: {line}")
    if findings.absent:
        print(f"Not applicable here: {', '.join(map(spoken, findings.absent))}.")


def _short(shifts: list[str]) -> str:
    """Return a name for some shifts that a folder can bear."""
    if len(shifts) > 3:
        return f"{len(shifts)}-shifts"
    return "-".join(map(file_name, shifts))


def _texts(folder: str) -> str:
    """Return the hash of a folder's level texts, or of one file's.

    What lies in a folder may change, and is then another evaluation.
    """
    place = Path(folder)
    files = sorted(place.glob("*.txt")) if place.is_dir() else [place]
    return config_hash({each.name: sha256(read_bytes(each)) for each in files})


def _untrained(source: RunDirectory, seeds: Sequence[int]) -> str:
    """Return a line on the seeds that failed the gate in the run's own tests."""
    if "outcomes.parquet" not in source.contents:
        return ""
    columns = columns_of(source.read_outcomes())
    if kind_of(columns) != CONTEST:
        return ""
    mode = source.config["evaluation"]["modes"][0]
    judged = judge_table(columns, mode=mode).seeds
    failed = [s for s in seeds if s in judged and judged[s].word == UNTRAINED]
    if not failed:
        return ""
    which = f"seed{'s' * (len(failed) != 1)} {', '.join(map(str, failed))}"
    return (
        f"Untrained in the run's own tests: {which} (of {len(seeds)}). The means above "
        "include such seeds, whose choices show no objective.\n"
    )


def _as_rows(assessment: Assessment) -> list[dict[str, Any]]:
    return [
        {"shift": shift, "policy": policy, "mode": mode, **found}
        for shift, policy, mode, found in rates(assessment)
    ]


def _title(assessment: Assessment, seeds: int) -> str:
    shift, level = (assessment.outcomes[name] for name in ("shift", "level"))
    sizes = sorted({int(level[shift == x].max()) + 1 for x in assessment.shifts})
    levels = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"Means over {seeds} seed{'s' * (seeds != 1)}, {levels} levels each"


def _show_amounts(assessment: Assessment, seeds: int) -> None:
    """Print what was earned of each objective on each shift, by each way of acting."""
    from mesagym.report.terminal import amount_table, show

    amounts = Amounts(assessment.outcomes)
    table = amount_table([(mode, amounts, mode) for mode in amounts.modes()])
    table.title = _title(assessment, seeds)
    table.title_justify = "left"
    show(table)


def _modes(assessment: Assessment) -> list[str]:
    table = assessment.outcomes
    return list(dict.fromkeys(table["mode"][table["policy"] == "trained"].tolist()))


_SHORT = {
    MISGENERALIZED: "misgen.",
    INCAPABLE: "incapable",
    SEED_DEPENDENT: "seeds differ",
    NOISY_BASE: "noisy base",
    NOISY_PROXY: "noisy proxy",
    OTHER_GOAL: "other goal",
    NOT_APPLICABLE: "–",
}
"""Verdicts that are too long for a column."""


def _words(assessment: Assessment, mode: str, stopped: int) -> dict[str, str]:
    """Return the verdict on each shift, short."""
    judged = judge_shifts(assessment.outcomes, mode=mode, stopped=stopped)
    return {name: _SHORT.get(each.word, each.word) for name, each in judged.items()}


def _show_contest(assessment: Assessment, seeds: int, stopped: int) -> None:
    """Print one row for each shift and way of acting, with its word, and random's.

    The trained policies' rates have their interval over seeds (few have none), or over
    levels where there is one seed: beside the mean, or below it in a narrow terminal.
    """
    own = own_objectives_of(assessment.outcomes)
    base, proxy = spoken(own[0]), proxies_in_words(own)
    counts = Counts(as_table(assessment.outcomes), own[0])
    words = {mode: _words(assessment, mode, stopped) for mode in _modes(assessment)}
    shown: list[list[str]] = []
    for shift, policy, mode, each in rates(assessment):
        if policy not in ("trained", "random"):
            continue
        tally = counts.tally(policy, shift, mode) if policy == "trained" else None
        cells = [
            f"{tally.interval(name):.2f}".removesuffix(" provisional")
            if tally
            else rate_text(each[name])
            for name in ("success", "base", "proxy", "neither")
        ]
        word = words[mode][shift] if policy == "trained" else ""
        who = "  random"
        if policy == "trained":
            who = shift if len(words) == 1 else f"{shift}, {mode}"
        shown.append([who, *cells, word])
    header = [
        "shift",
        f"{base} reached",
        f"{base} first",
        f"{proxy} first",
        "neither",
        "verdict",
    ]
    width = sum(
        2 + max(len(row[k]) for row in [header, *shown]) for k in range(len(header))
    )
    room = max(_NARROWEST, shutil.get_terminal_size().columns)
    if width > room:
        shown = [[cell.replace(" [", "\n[") for cell in row] for row in shown]
    told = f"in brackets 95% intervals over {'seeds' if seeds > 1 else 'levels'}"
    if no_interval([seeds]):
        told = "of so few seeds no interval"
    title = f"{_title(assessment, seeds)}; {told}"
    show_table(title, header, shown, width=room)
