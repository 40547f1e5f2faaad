"""What evaluators found, as a table in the terminal and a section of the page."""

from collections.abc import Sequence
from html import escape

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from mesagym.evals.columns import spoken
from mesagym.evals.evaluators import EVALUATORS
from mesagym.evals.evaluators.base import ABSTAINS, Summary, chosen, summaries
from mesagym.evals.examine import Findings, answers, disagreements, in_short
from mesagym.report.evaluators import figures_of
from mesagym.report.pieces import capital, figure
from mesagym.report.tally import shift_title

_NUMBERS_SHOWN = 3
"""Numbers of an evaluator in the table of the terminal, the first of its measures."""


_TITLES = {"agents_devices": "agents and devices"}
"""Names that need more than spaces to be read aloud."""


def _title(evaluator: str) -> str:
    return _TITLES.get(evaluator, spoken(evaluator))


def findings_table(findings: Findings, policy: str, mode: str) -> Table:
    """Return one row an evaluator: what it reads, first numbers, how far to trust it.

    Args:
        findings: of a study.
        policy: whose numbers.
        mode: how it acted.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("evaluator", no_wrap=True)
    table.add_column("reads")
    table.add_column("measures")
    table.add_column("scope")
    for name, facts in findings.facts.items():
        counts = answers(findings.readings(name), policy, mode)
        read = in_short(counts) if facts["claims"] else "(claims nothing)"
        numbers = main_numbers(findings, name, policy, mode)[:_NUMBERS_SHOWN]
        if name == "outcomes":
            # The table of shifts says it all.
            numbers = []
        table.add_row(
            Text(_title(name)),
            Text(read),
            Text("\n".join(map(number_text, numbers)) or "–"),
            Text(facts["scope"]["how"]),
        )
    return table


def main_numbers(
    findings: Findings, evaluator: str, policy: str, mode: str
) -> list[Summary]:
    """Return numbers over seeds: clean levels first, then in the measures' order."""
    rows = chosen(findings.of(evaluator), policy=policy, mode=mode)
    measures = list(findings.facts[evaluator]["measures"])
    # A map has a number for each tile, and is drawn.
    listed = ~np.char.startswith(rows["measure"].astype(str), "map_")
    rows = {name: column[listed] for name, column in rows.items()}
    # As they are known now: what was recorded by an older mesagym has no limits.
    known = EVALUATORS[evaluator].measures if evaluator in EVALUATORS else None
    found = [each for each in summaries(rows, known) if each.interval is not None]
    return sorted(
        found,
        key=lambda each: (each.shift != "clean", measures.index(each.measure)),
    )


def number_text(number: Summary) -> str:
    """Return ``pull (base tile) .83 [.71, .91]``."""
    about = f" ({spoken(number.about)})" if number.about else ""
    interval = number.interval
    shown = "–" if interval is None else f"{interval:.2f}".removesuffix(" provisional")
    if number.missing and interval is not None:
        shown += f" ({number.missing} of {number.missing + interval.n_seeds} have none)"
    return f"{spoken(number.measure)}{about} {shown}"


def section(findings: Sequence[tuple[str, Findings, str]]) -> str:
    """Return the section of a page: verdict of each, then evidence, then caveats.

    Args:
        findings: ``(label of the run, what was found, mode of the trained)`` each.
    """
    if not findings:
        return ""
    parts = [
        "<h2>Which objective did it learn?</h2>",
        '<p class="note">Each evaluator asks the question in its own way, and says '
        "nothing where it cannot tell. Readings are of single seeds; numbers are means "
        "over seeds with 95% intervals.</p>",
    ]
    for r, (label, found, mode) in enumerate(findings):
        parts.append(_of_run(r, label, found, mode))
    return "\n".join(parts)


def _of_run(place: int, label: str, found: Findings, mode: str) -> str:
    rows = "".join(_row(found, name, mode) for name in found.facts)
    differing = disagreements(found, "trained", mode)
    agreement = (
        f"<p>{escape(capital('; '.join(differing)))}.</p>"
        if differing
        else f"<p>{escape(_agreement(found, mode))}</p>"
    )
    evidence = "".join(_evidence(place, found, name, mode) for name in found.facts)
    return (
        f"<h3>{escape(label)}</h3>\n"
        '<table class="numbers findings"><thead><tr><th scope="col">evaluator</th>'
        '<th scope="col">reads</th><th scope="col">trust</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>\n{agreement}\n{evidence}\n{_caveats(found)}"
    )


def _agreement(found: Findings, mode: str) -> str:
    """Return how many evaluators gave an answer, where none contradicts another."""
    answered = [
        name
        for name in found.facts
        if set(answers(found.readings(name), "trained", mode)) - {ABSTAINS}
    ]
    if len(answered) < 2:
        return "Fewer than two evaluators gave an answer, so none bears another out."
    return (
        f"The {len(answered)} that gave an answer do not contradict one another. "
        "Outcomes and preference read the same episodes."
    )


def _row(found: Findings, name: str, mode: str) -> str:
    facts = found.facts[name]
    read = "claims nothing"
    if facts["claims"]:
        read = in_short(answers(found.readings(name), "trained", mode))
    return (
        f'<tr><th scope="row">{escape(_title(name))}</th>'
        f'<td data-name="reads"><span><b>{escape(read)}</b></span></td>'
        f'<td data-name="trust"><span>{escape(facts["scope"]["how"])}</span></td></tr>'
    )


def _evidence(place: int, found: Findings, name: str, mode: str) -> str:
    facts = found.facts[name]
    numbers = main_numbers(found, name, "trained", mode)
    items = "".join(
        f"<dt>{escape(shift_title(n.shift))}</dt><dd>{escape(number_text(n))}</dd>"
        for n in numbers
    )
    meanings = "".join(
        f'<dt>{escape(spoken(m))}</dt><dd class="words">{escape(text)}</dd>'
        for m, text in facts["measures"].items()
    )
    drawings = figures_of(name, found.of(name))
    panels = "".join(
        figure(drawing, f"finding-{place}-{name.replace('_', '-')}-{k}")
        for k, drawing in enumerate(drawings)
    )
    whys = "".join(
        f"<li>seed {r.seed}: {escape(r.answer)}. {escape(capital(r.why))}</li>"
        for r in found.readings(name)
        if (r.policy, r.mode) == ("trained", mode)
    )
    return (
        f"<h4>{escape(facts['question'])}</h4>\n"
        + (f'<div class="panels">{panels}</div>\n' if panels else "")
        + f"<details><summary>{escape(capital(_title(name)))}: numbers, seed by seed, "
        "and what they mean</summary>"
        + (f"<dl>{items}</dl>" if items else "")
        + (f"<ul>{whys}</ul>" if whys else "")
        + f"<dl>{meanings}</dl></details>"
    )


def _caveats(found: Findings) -> str:
    items = []
    for name, facts in found.facts.items():
        scope = facts["scope"]
        null, source = (facts[key].rstrip(".") for key in ("null", "source"))
        text = f"{_title(name)}: {scope['how']}, {scope['why']}. Null: {null}."
        items.append(" ".join([text, *facts["notes"]]) + f" After {source}.")
    items += [
        f"{_title(name)} does not apply here: {why}."
        for name, why in found.absent.items()
    ]
    listed = "".join(f"<li>{escape(capital(text))}</li>" for text in items)
    return (
        "<details><summary>How far to trust each, and what keeps it honest</summary>"
        f"<ul>{listed}</ul></details>"
    )
