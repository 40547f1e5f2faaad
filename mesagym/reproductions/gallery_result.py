"""One result on the page of all results: figure, films, test, checks, provenance."""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any

from mesagym.evals.columns import spoken
from mesagym.evals.verdict_rule import RULE
from mesagym.report.films import film_title, last_frame
from mesagym.report.pieces import capital, data_url
from mesagym.report.style import Drawing
from mesagym.reproductions.claim import PUBLISHED, Claim
from mesagym.reproductions.folder import PICTURE, Reproduction
from mesagym.reproductions.table import (
    figure_in_words,
    kind_in_words,
    outcome_of,
    provenance,
    published_in_words,
)
from mesagym.reproductions.zoo import Entry
from mesagym.tracking.files import read_bytes
from mesagym.tracking.numerals import joined_percents

LARGEST_DRAWING = 250_000
"""Characters of a drawing as SVG, above which the recorded PNG stands in its place."""

SHOWN_ON = "shown on "
"""What the title of a film says before the levels that it shows."""

OUTCOMES = "outcomes"
"""The evaluator whose readings are the verdict's words."""

_STRIP = (160, 26)  # pixels of the drawing of one check


def section(
    reproduction: Reproduction,
    result: Mapping[str, Any] | None,
    zoo: Sequence[Entry],
    shown: Collection[str] = (),
) -> str:
    """Return one result, or what is planned where there is none.

    Args:
        reproduction: which.
        result: what is recorded of it.
        zoo: its policies.
        shown: names of policies whose film the page has shown already.
    """
    claim = reproduction.claim
    outcome = outcome_of(result)
    ours = "" if claim.kind == PUBLISHED else f" · {kind_in_words(claim)}"
    parts = [
        f'<section class="result" id="{escape(claim.name)}">',
        f'<h2><span class="id">{escape(claim.id)}{escape(ours)}</span>'
        f"{escape(claim.title)}</h2>",
        f"<p>{prose(claim.claim)}</p>",
        _judged(outcome, result, bool(claim.amendments)),
    ]
    if result is not None:
        parts += [_figure(reproduction, result), _films(claim, zoo, shown)]
    parts.append(f"<h3>The test</h3>\n<p>{prose(claim.test)}</p>")
    if result is not None:
        parts.append(checks_table(result))
    parts += [_facts(claim), _policies(zoo)]
    if result is not None:
        parts.append(_conditions(result))
        parts.append(f'<p class="note">{prose(provenance(result))}</p>')
    sources = "; ".join(
        f'<a href="{escape(each.url)}" rel="noreferrer">{escape(each.text)}</a>'
        for each in claim.sources
    )
    if sources:
        parts.append(f'<p class="note">Sources: {sources}</p>')
    return "\n".join([*filter(None, parts), "</section>"])


def prose(text: str) -> str:
    """Return words of a claim as HTML: escaped, with what stands in backticks as code.

    Of a link into the repository, which the page may be far from, its words are left.
    No line ends before a percent sign, nor within "α = 0".
    """
    text = escape(joined_percents(" ".join(text.split())))
    text = text.replace("α = ", "α\u00a0=\u00a0")
    text = re.sub(r"\[([^\]]+)\]\(\.\./[^)\s]+\)", r"<code>\1</code>", text)
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def film_figure(entry: Entry, before: str = "") -> str:
    """Return the film of an entry with what it shows, still for who wants it so.

    Args:
        entry: one that has a film.
        before: what is said first of all.
    """
    data = entry.film
    assert data is not None
    card = entry.card
    (seed,) = (s for s in entry.seeds if s.seed == card["representative"])
    how = f", trained with {entry.trained_with}" if entry.trained_with else ""
    told = f"{entry.name}{how}, seed {seed.seed}"
    told += f": {seed.verdict}." if seed.verdict else "."
    alt = f"Film of {told} {before}"
    still = data_url(last_frame(data), "png")
    return (
        "<figure><picture>"
        f'<source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
        f'<img src="{data_url(data, "gif")}" alt="{escape(alt.strip())}">'
        f"</picture><figcaption>{escape(before)}"
        f'<span class="who">{escape(told)}</span></figcaption></figure>'
    )


def filmed_in_words(entries: Collection[Entry]) -> str:
    """Return which levels films show, as these say themselves, and who chose them.

    Args:
        entries: those that have a film.
    """
    titles = [film_title(each.film) for each in entries if each.film is not None]
    shown = dict.fromkeys(title.partition(SHOWN_ON)[2] for title in titles)
    levels = " or ".join(each for each in shown if each) or "levels"
    return (
        f"the first two {levels} that each was tested on after its training, not "
        "picked."
    )


def _judged(outcome: str, result: Mapping[str, Any] | None, changed: bool) -> str:
    look = outcome.replace(" ", "-")
    if result is None:
        said = (
            "What follows is the plan. Nobody has run it at the recorded scale, so "
            "there is nothing to say yet about whether it comes out."
        )
    else:
        said = result["judgement"]["reason"]
        if result["scale"] != "laptop":
            said += f" Recorded at scale {result['scale']}."
        if changed:
            said += " The test was changed after looking, see below."
    badge = f'<span class="badge {escape(look)}">{escape(capital(outcome))}</span>'
    return f'<p class="judged">{badge}{prose(said)}</p>'


def _figure(reproduction: Reproduction, result: Mapping[str, Any]) -> str:
    figures = {name: each["figures"] for name, each in result["conditions"].items()}
    alt = f"{reproduction.claim.title}: the recorded figure"
    drawing = Drawing(reproduction.figure.draw(figures), alt)
    svg = drawing.svg(f"figure-{reproduction.name.replace('_', '-')}")
    if len(svg) <= LARGEST_DRAWING:
        return f'<figure class="wide">{svg}</figure>'
    picture = data_url(read_bytes(reproduction.folder / PICTURE), "png")
    return (
        f'<figure class="wide"><img src="{picture}" alt="{escape(alt)}" '
        'loading="lazy"></figure>'
    )


def _films(claim: Claim, zoo: Sequence[Entry], shown: Collection[str]) -> str:
    there = [each for each in zoo if each.film is not None]
    here = [each for each in there if each.name not in shown]
    if not there:
        return ""
    if not here:
        return (
            '<p class="note">Its agents are in the films at the '
            '<a href="#films">top of this page</a>.</p>'
        )
    films = "".join(map(film_figure, here))
    others = f" {prose(claim.filmed)}" if claim.filmed else ""
    return (
        "<h3>What they do</h3>\n"
        f'<p class="note">Recorded policies on {escape(filmed_in_words(here))}{others}'
        f'</p>\n<div class="films">{films}</div>'
    )


# --- the test -------------------------------------------------------------------------


def checks_table(result: Mapping[str, Any]) -> str:
    """Return a result's checks as a table, and below it what was left blank."""
    rows = "".join(_check(each) for each in result["judgement"]["checks"])
    blank = "".join(
        f"<li>{escape(name)}: {escape(why)}</li>"
        for name, why in result["judgement"]["blank"].items()
    )
    table = (
        '<table class="checks"><thead><tr><th scope="col">claimed</th>'
        '<th scope="col">ours</th><th scope="col">interval, and the bound</th>'
        f'<th scope="col">outcome</th></tr></thead><tbody>{rows}</tbody></table>'
    )
    parts = [table if rows else "<p>Nothing could be checked.</p>"]
    if blank:
        parts.append(f"<p>Left blank:</p><ul>{blank}</ul>")
    return "".join(parts)


def _check(check: Mapping[str, Any]) -> str:
    figure = figure_in_words(check)
    first, _, rest = ("", "", figure) if figure[0] == "p" else figure.partition(" ")
    # An interval stays in one piece; words need not.
    look = "who" if figure[0] == "—" else "range"
    figure = f"<b>{escape(first.rstrip(','))}</b> " if first else ""
    figure += f'<span class="{look}">{escape(rest)}</span>'
    if check["seeds"] is not None:
        figure += f'<br><span class="range">{check["seeds"]} seeds</span>'
    status = check["status"]
    return (
        f"<tr><td>{prose(check['words'])}</td><td>{figure}</td>"
        f'<td class="strip">{strip(check)}</td>'
        f'<td class="status {escape(status)}">{escape(status)}</td></tr>'
    )


def strip(check: Mapping[str, Any]) -> str:
    """Return a check drawn: interval, estimate, bound, and the side that is claimed.

    Empty where there is no interval.
    """
    low, high, estimate, bound = (
        check[name] for name in ("low", "high", "estimate", "bound")
    )
    if None in (estimate, bound) or (low is None and high is None):
        return ""
    ends = [x for x in (low, high, estimate, bound) if x is not None]
    first, last = min(ends), max(ends)
    if first >= 0 and last <= 1:
        first, last = 0.0, 1.0
    else:
        room = 0.08 * (last - first) or 1.0
        first, last = first - room, last + room
    width, height = _STRIP

    def place(x: int | float | None, otherwise: int) -> float:
        if x is None or not math.isfinite(x):
            return float(otherwise)
        return round(4 + (width - 8) * (x - first) / (last - first), 1)

    left, right = place(low, 0), place(high, width)
    here, wall = place(estimate, 0), place(bound, 0)
    start, length = (wall, width - wall) if check["side"] == "above" else (0, wall)
    middle = height / 2
    alt = f"{check['side']} {bound:g}: {check['status']}"
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(alt)}">'
        f'<rect x="{start}" y="0" width="{length:.1f}" height="{height}" '
        'fill="var(--faint)" opacity=".45"/>'
        f'<path d="M0 {height - 0.5}H{width}" stroke="var(--faint)"/>'
        f'<path d="M{wall} 0V{height}" stroke="var(--muted)" stroke-dasharray="3 2"/>'
        f'<path d="M{left} {middle}H{right}" stroke="var(--ink)" stroke-width="2"/>'
        f'<circle cx="{here}" cy="{middle}" r="3.5" fill="var(--ink)"/></svg>'
    )


def _facts(claim: Claim) -> str:
    published = "".join(
        f"<li>{prose(published_in_words(one))}</li>" for one in claim.published
    )
    rows = [
        ("Published", f"<ul>{published}</ul>" if published else ""),
        ("Reading", prose(claim.reading)),
        ("What differs here", prose(claim.smaller)),
        ("What else was tried", prose(claim.tried)),
        *(("Changed after looking", prose(each)) for each in claim.amendments),
        ("Explored with", prose(claim.explored)),
    ]
    items = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows if text)
    return f'<dl class="facts">{items}</dl>'


# --- where it comes from --------------------------------------------------------------


def _policies(zoo: Sequence[Entry]) -> str:
    rows = []
    for entry in zoo:
        counts = Counter(seed.in_short for seed in entry.seeds)
        said = ", ".join(f"{count} {word}" for word, count in counts.items())
        kept = ", ".join(map(str, sorted(entry.kept))) or "hashes only"
        rows.append(
            f'<tr><th scope="row"><code>{escape(entry.name)}</code></th>'
            + _cell("trained with", prose(entry.trained_with) or "–")
            + _cell("seeds", escape(said))
            + _cell("in words", f"{prose(entry.in_words)}{_readings(entry)}" or "–")
            + _cell("kept", escape(kept))
            + "</tr>"
        )
    if not rows:
        return ""
    return (
        "<details><summary>The policies: verdicts seed by seed, and which are "
        "kept</summary>\n"
        '<table class="policies"><thead><tr><th scope="col">in the zoo</th>'
        '<th scope="col">trained with</th><th scope="col">seeds</th>'
        '<th scope="col">in words</th><th scope="col">kept</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></details>"
    )


def _readings(entry: Entry) -> str:
    """Return what evaluators said of the kept policies, empty if not asked."""
    items = []
    for name, each in (entry.readings or {}).items():
        counts = Counter(one["answer"] for one in each["readings"])
        n = len(each["readings"])
        said = ", ".join(
            f"{answer} ({count} of {n})" for answer, count in counts.items()
        )
        why = each["readings"][0]["why"] if each["readings"] else each["why"]
        older = f" (rule {entry.readings_rule})" * (
            name == OUTCOMES and entry.readings_rule < RULE
        )
        items.append(
            f"<li><strong>{escape(spoken(name))}</strong>{older} reads "
            f"{escape(said or 'nothing')}: {prose(why)}</li>"
        )
    return f"<ul>{''.join(items)}</ul>" if items else ""


def _conditions(result: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + _cell("environment", escape(each["environment"]))
        + _cell("seeds", str(len(each["seeds"])))
        + _cell("steps a seed", _steps(each["env_steps"]))
        + _cell("minutes", f"{each['seconds'] / 60:.1f}")
        + _cell("settings", f"<code>{escape(' '.join(each['overrides']))}</code>")
        + "</tr>"
        for name, each in result["conditions"].items()
    )
    return (
        "<details><summary>The conditions, with every setting</summary>\n"
        '<table class="policies"><thead><tr><th scope="col">condition</th>'
        '<th scope="col">environment</th><th scope="col">seeds</th>'
        '<th scope="col">steps a seed</th><th scope="col">minutes</th>'
        '<th scope="col">settings of <code>mesagym train</code></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></details>"
    )


def _cell(name: str, content: str) -> str:
    return f'<td data-name="{name}">{content}</td>'


def _steps(steps: int | None) -> str:
    return "–" if steps is None else f"{steps:,}"
