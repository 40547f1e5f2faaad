"""The sections of a page about runs whose outcomes are amounts."""

from collections.abc import Sequence
from html import escape

from mesagym.evals.amounts import IN_WORDS
from mesagym.evals.columns import spoken
from mesagym.evals.statistics import Interval
from mesagym.report.amounts import (
    AmountRow,
    amount_text,
    in_a_sentence,
    run_rows,
    score_figure,
    score_text,
    scores_note,
)
from mesagym.report.pieces import capital, choice, figure, meanings
from mesagym.report.provenance import setting
from mesagym.report.tally import shift_title
from mesagym.report.view import RunView

_HEADINGS = ("return", "random", "reference", "score")


def question(runs: Sequence[RunView]) -> str:
    """Return what the page answers."""
    names = [spoken(name) for name in runs[0].objective_names]
    return f"What was earned: {choice(names)}?"


def head(runs: Sequence[RunView], question: str) -> str:
    """Return the question, what the numbers mean, and each run's scores."""
    first = runs[0]
    lede = (
        f"Training rewards {first.base} (the base objective). With probability α a "
        f"training level is drawn from the shifted distribution. {IN_WORDS}"
    )
    about = setting(runs)
    cards = []
    for run in runs:
        lines = "".join(
            f"<p>{escape(in_a_sentence(run, shift))}</p>"
            for shift in run.amounts.shifts[:2]
        )
        verdict = run.amounts_verdict
        word, said, kind = "Scores", "", "amounts"
        if verdict is not None:
            word, _, said = run.in_words.partition(":")
            kind = verdict.word.replace(" ", "-")
        text = f"<p>{escape(capital(said.strip()))}</p>" if said else ""
        cards.append(
            f'<section class="verdict {escape(kind)}"><div class="alpha">'
            f'{escape(run.label)}</div><div class="word">{escape(word)}</div>'
            f"{text}{lines}</section>"
        )
    return (
        f"<h1>{escape(question)}</h1>\n"
        f'<p class="lede">{escape(lede)}</p>\n'
        + (f'<p class="note">{escape(about)}</p>\n' if about else "")
        + f'<div class="verdicts">{"".join(cards)}</div>'
    )


def body(runs: Sequence[RunView]) -> str:
    """Return the table of all shifts and the figures of scores."""
    first = runs[0]
    shifts = list(dict.fromkeys(s for run in runs for s in run.amounts.shifts))
    parts = [
        "<h2>The numbers</h2>",
        _table(run_rows(runs), several=len(runs) > 1),
        f'<p class="note">{escape(_note(runs))}</p>',
    ]
    other = "greedy" if first.mode == "sampled" else "sampled"
    if rows := run_rows(runs, other):
        parts.append(
            f"<details><summary>The same with {other} actions</summary>"
            + _table(rows, several=len(runs) > 1)
            + "</details>"
        )
    parts += [_everyone(runs), meanings(shifts, first.shift_meanings)]
    if figures := _figures(runs, shifts[1:2] or shifts):
        parts += [
            "<h2>How the scores moved</h2>",
            '<p class="note">Each line is a seed, from the first shift (open circle) '
            "to another (filled). Diamonds and triangles are the reference policies of "
            "the two objectives, open and filled likewise; the cross is a random "
            "policy.</p>",
            f'<div class="panels">{figures}</div>',
        ]
    if others := _figures(runs, shifts[2:]):
        parts.append(
            "<details><summary>The same for every other shift</summary>"
            f'<div class="panels">{others}</div></details>'
        )
    return "\n".join(part for part in parts if part)


def _note(runs: Sequence[RunView]) -> str:
    run = runs[0]
    levels = max(run.amounts.levels(shift) for shift in run.amounts.shifts)
    return (
        "Return: mean over the episodes of the trained policies, beside that of a "
        "random policy and of the objective's own reference policy on the same levels. "
        "Score: (return − random) / (reference − random), seed by seed; none "
        "where the reference does not earn clearly more than random. "
        f"{levels} episodes a seed and shift, {run.mode} actions. {scores_note(runs)}"
    )


def _table(rows: Sequence[AmountRow], *, several: bool) -> str:
    names = ["run"] * several + list(_HEADINGS)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body: list[str] = []
    shift = None
    for row in rows:
        if row.shift != shift:
            shift = row.shift
            body.append(
                f'<tr class="group"><th scope="colgroup" colspan="{len(names) + 1}">'
                f"{escape(shift_title(shift))}</th></tr>"
            )
        cells = [escape(row.label)] * several
        cells += [f"<b>{amount_text(row.trained)}</b>"]
        cells += [amount_text(mean) for mean in (row.random, row.reference)]
        cells += [_score(row.score)]
        data = "".join(
            f'<td data-name="{escape(name)}"><span>{cell}</span></td>'
            for name, cell in zip(names, cells, strict=True)
        )
        body.append(f'<tr><th scope="row">{escape(row.objective)}</th>{data}</tr>')
    return (
        f'<table class="numbers"><thead><tr><th scope="col"></th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _score(score: Interval | None) -> str:
    estimate, _, bounds = score_text(score).partition(" ")
    return f'<b>{estimate}</b> <span class="range">{bounds}</span>'


def _everyone(runs: Sequence[RunView]) -> str:
    """Return every policy's mean return of every objective, to be opened."""
    objectives = runs[0].amounts.objectives
    head = "".join(f'<th scope="col">{escape(spoken(o))}</th>' for o in objectives)
    body = []
    for shift in dict.fromkeys(s for run in runs for s in run.amounts.shifts):
        body.append(
            f'<tr class="group"><th scope="colgroup" colspan="{len(objectives) + 1}">'
            f"{escape(shift_title(shift))}</th></tr>"
        )
        rows: dict[tuple[str, ...], None] = {}
        for run in runs:
            if shift not in run.amounts.shifts:
                continue
            for policy in run.amounts.policies():
                mode = run.mode if policy == "trained" else None
                means = [run.amounts.means(policy, shift, o, mode) for o in objectives]
                label = _policy(policy, run.label)
                texts = (amount_text(float(m.mean())) for m in means if m.size)
                # The others are the same in runs that met the same levels.
                rows.setdefault((label, *texts))
        for label, *texts in rows:
            data = "".join(
                f'<td data-name="{escape(spoken(name))}"><span>{text}</span></td>'
                for name, text in zip(objectives, texts, strict=False)
            )
            body.append(f'<tr><th scope="row">{escape(label)}</th>{data}</tr>')
    return (
        "<details><summary>Every policy's mean return of every objective</summary>"
        f'<table class="numbers"><thead><tr><th scope="col"></th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></details>"
    )


def _policy(policy: str, label: str) -> str:
    if policy == "trained":
        return f"trained, {label}"
    if policy.startswith("oracle:"):
        return f"reference: {spoken(policy.removeprefix('oracle:'))}"
    return policy


def _figures(runs: Sequence[RunView], shifts: Sequence[str]) -> str:
    figures = []
    for shift in shifts:
        for p, proxy in enumerate(runs[0].objective_names[1:]):
            for r, run in enumerate(runs):
                drawing = score_figure(run, proxy, shift)
                if drawing is not None:
                    number = run.amounts.shifts.index(shift)
                    figures.append(figure(drawing, f"scores-{number}-{p}-{r}"))
    return "".join(figures)
