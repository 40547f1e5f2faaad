"""`experiments/README.md`: every claim beside what came out, from the records."""

from collections.abc import Mapping, Sequence
from typing import Any

from mesagym.reproductions.claim import PUBLISHED, STUDY, Claim, Published
from mesagym.reproductions.folder import PICTURE, Reproduction
from mesagym.reproductions.judging import FAILED, HELD, OUTCOMES, UNCLEAR
from mesagym.reproductions.record import recorded
from mesagym.tracking.numerals import bare, joined_percents

SURE_IN_WORDS = {
    "read": "read in the source",
    "secondary": "read in a summary",
    "memory": "from memory: a direction only",
}

NOT_RUN = "not run yet"
NOT_TESTED = "not tested here"

MOST = 3
"""Checks of one result that a table of all results shows, if there are many."""

_HEAD = """\
# Published results, made again

Written by `python scripts/list_reproductions.py` from `claim.yaml` and `result.json` of
each folder; do not edit. What a folder holds and how to add one:
[docs/new_reproduction.md](../docs/new_reproduction.md).

Each was planned before it was run: the claim, the settings and the test (`protocol.py`)
stood in a commit before its recorded seeds were trained, but where it says *changed
after looking*, with what was changed and why; seeds used while exploring are named and
are others. The unit is the training seed. A seed that fails the competence gate proves
nothing and is left out; a condition with too few of the others is blank.
*Confirmed*: every check holds, the whole 95% interval on the claimed side. *Refuted*:
one fails, its whole interval on the other side, but where its own test says otherwise.
*Untestable here*: the numbers cannot tell. Nothing was tuned until it appeared, so some
did not.
"""


def document_of(
    reproductions: Sequence[Reproduction],
) -> str:
    """Return ``experiments/README.md``.

    Raises:
        UserError: a recorded result that does not belong to what stands here.
    """
    results = {each.name: recorded(each) for each in reproductions}
    parts = [
        _HEAD,
        _counts(reproductions, results),
        _glance(reproductions, results),
        "## What was published, and what came out\n",
        _rows(reproductions, results),
    ]
    parts += [_section(each, results[each.name]) for each in reproductions]
    return joined_percents("\n".join(parts))


def outcome_of(result: Mapping[str, Any] | None) -> str:
    """Return the outcome in words, also where nothing is recorded."""
    return NOT_RUN if result is None else result["judgement"]["outcome"]


def said_of(claim: Claim, result: Mapping[str, Any] | None) -> str:
    """Return the outcome, with what must be told beside it wherever it stands alone."""
    said = outcome_of(result)
    if result is not None and claim.amendments:
        said += ", changed after looking"
    return said if claim.kind == PUBLISHED else f"{kind_in_words(claim)}: {said}"


def why_unchecked(result: Mapping[str, Any] | None) -> str:
    """Return why a result has no check; a dash where nothing is recorded."""
    return "–" if result is None else str(result["judgement"]["reason"])


def ours(result: Mapping[str, Any] | None) -> list[str]:
    """Return the checks of a result in words, one line each."""
    if result is None:
        return []
    return [check_in_words(each) for each in result["judgement"]["checks"]]


def published_in_words(one: Published) -> str:
    """Return a published figure: what, how sure, and whether we do not test it."""
    said = f"{one.what}: {one.value} ({SURE_IN_WORDS[one.sure]})"
    return said if one.tested else f"{said}, {NOT_TESTED}"


def in_short(result: Mapping[str, Any] | None) -> list[str]:
    """Return the checks in words, all of them where there are few.

    Of more than one beyond `MOST` only that many, those that failed first and then
    those that are unclear, and how many of all held.
    """
    lines = ours(result)
    if result is None or len(lines) <= MOST + 1:
        return lines
    said = [each["status"] for each in result["judgement"]["checks"]]
    held = [status == HELD for status in said]
    decides = (FAILED, UNCLEAR, HELD).index
    first = sorted(range(len(lines)), key=lambda k: decides(said[k]))[:MOST]
    return [lines[k] for k in first] + [
        f"all {len(held)} checks held"
        if all(held)
        else f"{sum(held)} of {len(held)} checks held"
    ]


def check_in_words(check: Mapping[str, Any]) -> str:
    """Return a check with its number: what is claimed, the figure, whether it held."""
    return f"{check['words']}: {figure_in_words(check)} ({check['status']})"


def figure_in_words(check: Mapping[str, Any]) -> str:
    """Return what a check rests on: ``.95 [.94, .95]``, ``.12, p < .001``.

    A dash, with why, where there was no number or it only stands for yes or no. A
    number of one seed stands alone.
    """
    estimate, low, high = (check[name] for name in ("estimate", "low", "high"))
    if check["p"] is not None:
        p = p_text(check["p"])
        return p if estimate is None else f"{number(estimate)}, {p}"
    # What is judged by its interval, and not by a bound, may be open on both sides.
    fitted = estimate is not None and check["bound"] is None
    if low is not None or high is not None or fitted:
        return f"{number(estimate)} [{number(low, low=True)}, {number(high)}]"
    if estimate is None:
        return "— no number"
    if check["seeds"] == 1:
        return f"{number(estimate)}, one seed: no interval"
    return "— yes or no, without an interval"


def p_text(p: int | float) -> str:
    """Return ``p = .031``, or ``p < .001`` where three digits would say nothing."""
    return "p < .001" if p < 0.001 else f"p = {number(p)}"


def number(x: int | float | None, *, low: bool = False) -> str:
    """Return a number in two digits or so; None as the infinity that it was.

    Args:
        x: the number.
        low: whether it is a lower bound.
    """
    if x is None:
        return "−∞" if low else "∞"
    return bare(x, ".3f" if abs(x) < 0.1 else ".2f")


def _counts(reproductions: Sequence[Reproduction], results: Mapping[str, Any]) -> str:
    counted = [each for each in reproductions if each.claim.kind == PUBLISHED]
    words = [outcome_of(results[each.name]) for each in counted]
    told = [f"{words.count(word)} {word}" for word in (*OUTCOMES, NOT_RUN)]
    return (
        f"Of {len(counted)} reproductions of published results: {', '.join(told)}. "
        "Hypotheses and studies of our own stand apart and are not counted.\n"
    )


def _glance(reproductions: Sequence[Reproduction], results: Mapping[str, Any]) -> str:
    """Return the outcomes alone, in lines that fit a narrow window."""
    lines = ["| | result | outcome |", "|---|---|---|"]
    for each in reproductions:
        claim, said = each.claim, said_of(each.claim, results[each.name])
        lines.append(f"| {claim.id} | [{claim.title}](#{each.name}) | **{said}** |")
    return "\n".join(lines) + "\n"


def _rows(reproductions: Sequence[Reproduction], results: Mapping[str, Any]) -> str:
    lines = [
        "| | result | published | ours | outcome |",
        "|---|---|---|---|---|",
    ]
    for each in reproductions:
        claim, result = each.claim, results[each.name]
        published = "<br>".join(published_in_words(one) for one in claim.published)
        mine = "<br>".join(in_short(result)) or why_unchecked(result)
        outcome = said_of(claim, result)
        lines.append(
            f"| {claim.id} | [{claim.title}](#{each.name}) | {_cell(published) or '–'} "
            f"| {_cell(mine)} | **{outcome}** |"
        )
    return "\n".join(lines) + "\n"


def kind_in_words(claim: Claim) -> str:
    """Return what a reproduction is that is none of a published result."""
    return "our study" if claim.kind == STUDY else "our hypothesis"


def _section(reproduction: Reproduction, result: Mapping[str, Any] | None) -> str:
    claim = reproduction.claim
    lines = [
        f'## <a name="{claim.name}"></a>{claim.id}: {claim.title}',
        "",
        claim.claim,
    ]
    lines += ["", f"**Test.** {claim.test}", "", f"**Here.** {claim.smaller}"]
    if result is not None:
        alt = f"{claim.title}, as recorded"
        lines += ["", f"![{alt}]({claim.name}/{PICTURE})", ""]
        outcome, reason = (result["judgement"][key] for key in ("outcome", "reason"))
        lines += [f"**{outcome[0].upper()}{outcome[1:]}.** {reason}", ""]
        lines += [f"- {line}" for line in ours(result)]
        lines += [
            f"- {name}: blank, {why}"
            for name, why in result["judgement"]["blank"].items()
        ]
    if (larger := recorded(reproduction, "paper")) is not None:
        outcome, reason = (larger["judgement"][key] for key in ("outcome", "reason"))
        lines += ["", f"**At the original scale: {outcome}.** {reason}", ""]
        lines += [f"- {line}" for line in ours(larger)]
        lines += ["", provenance(larger)]
    if claim.reading:
        lines += ["", f"**Reading.** {claim.reading}"]
    if claim.tried:
        lines += ["", f"**What else was tried.** {claim.tried}"]
    for each in claim.amendments:
        lines += ["", f"**Changed after looking.** {each}"]
    lines += ["", f"**Explored with.** {claim.explored}"]
    if result is not None:
        lines += ["", provenance(result)]
    sources = "; ".join(f"[{each.text}]({each.url})" for each in claim.sources)
    if sources:
        lines += ["", f"Sources: {sources}"]
    return "\n".join(lines) + "\n"


def provenance(result: Mapping[str, Any]) -> str:
    """Return one sentence on how a result was made."""
    seeds = sorted({s for each in result["conditions"].values() for s in each["seeds"]})
    span = f"{seeds[0]} to {seeds[-1]}" if seeds else "none"
    minutes, count = result["seconds"] / 60, len(result["conditions"])
    made = [each["git"] or {} for each in result["conditions"].values()]
    revisions = ", ".join(
        dict.fromkeys(str(each.get("revision", "unknown"))[:12] for each in made)
    )
    return (
        f"`{result['command']}` on {result['device']} ({result['cpu_count']} cores), "
        f"{count} condition{'s' * (count != 1)}, seeds {span}, {minutes:.0f} minutes; "
        f"jax {result['packages']['jax']}, revision {revisions}, the test as committed "
        f"in {str(result['protocol_commit'])[:12]}."
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
