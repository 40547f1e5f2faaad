"""The page of all recorded results, for someone who has never heard of any of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from mesagym.evals.verdict_rule import (
    DEFAULT_RULE,
    INCAPABLE,
    INCONCLUSIVE,
    MISGENERALIZED,
    MIXTURE,
    NOISY_BASE,
    NOISY_PROXY,
    OTHER_GOAL,
    ROBUST,
    SEED_DEPENDENT,
    UNTRAINED,
)
from mesagym.reproductions.claim import PUBLISHED
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.gallery_result import film_figure, filmed_in_words, section
from mesagym.reproductions.judging import CONFIRMED, OUTCOMES, REFUTED, UNTESTABLE
from mesagym.reproductions.record import recorded
from mesagym.reproductions.table import (
    NOT_RUN,
    in_short,
    kind_in_words,
    outcome_of,
    published_in_words,
    why_unchecked,
)
from mesagym.reproductions.zoo import Entry, entries_of
from mesagym.tracking.numerals import percent_text

TITLE = "Which goal did it learn?"

_LEDE = (
    "Small agents, trained by reward in small worlds, can learn another goal than the "
    "one they were trained for, and nobody sees it until the world changes. This page "
    "repeats the published demonstrations of that, one by one, each with a test that "
    "was fixed before its agents were trained."
)

_WHAT = (
    "An agent is trained by rewarding it. Say it is rewarded for finding the cheese in "
    "a maze, and in every maze of its training the cheese lies in the same corner. Two "
    "goals fit that training equally well: *go to the cheese*, which was meant (the "
    "**base objective**), and *go to the corner*, which merely went along with it (a "
    "**proxy**). As long as the cheese lies in the corner nobody can tell which one "
    "was learned.",
    "Then the cheese is put elsewhere. An agent that now bumps into walls has lost its "
    "ability. But an agent that finds its way through mazes it has never seen, "
    "briskly, past the cheese and into the empty corner, is as able as before: its "
    "ability has generalized, and its goal has not. That is **goal "
    "misgeneralization**. It is more awkward than a failure, because whatever the "
    "agent can do, it now does for something else than was meant, and its training "
    "record gives no hint of it.",
)

_READING = (
    (
        "Seed",
        "One training from one random start. Everything here is counted in seeds: ten "
        "agents trained alike are ten observations, however many mazes each is put in.",
    ),
    (
        "α",
        "The share of training levels that are drawn so that the goals may come apart: "
        "the cheese anywhere. At α = 0 there are none, so nothing in training tells "
        "the goals from one another; at α = 1 all levels are drawn that way.",
    ),
    (
        "Gate",
        "Who has not learned the task proves nothing about goals. A seed counts if it "
        f"succeeds in at least {percent_text(DEFAULT_RULE.gate)} of levels where the "
        "goals agree, or, where worlds have amounts, comes half the way from a random "
        "policy to an expert. Such seeds are called competent; the others are left out "
        "and counted, and a condition with too few competent seeds stays blank.",
    ),
    (
        "Clean levels",
        "Levels where neither object lies on a shortest way to the other, so that "
        "nobody reaches one by accident on the way. The random policy's rates on the "
        "same levels stand beside every agent's.",
    ),
    (
        "Interval",
        "In brackets, at 95%: where the mean of ever more seeds may plausibly lie. A "
        "check holds if the whole interval is on the claimed side of its bound, fails "
        "if all of it is on the other, but where its own test says otherwise, and is "
        "unclear in between.",
    ),
    (
        "p",
        "How often a difference as clear as this comes up where settings are shuffled, "
        "so by chance alone. Below .05 it is taken as real.",
    ),
    (
        "R1, R2, …",
        "Our numbers for the published results, in the order of this page.",
    ),
)

_WORDS = (
    (UNTRAINED, "It did not pass the gate."),
    (
        ROBUST,
        "It reaches the base objective first in most levels and the proxy first in "
        "few: more than policies without a goal do.",
    ),
    (
        MISGENERALIZED,
        "It reaches the proxy first in most levels and the base objective first in "
        "few, again more than without a goal.",
    ),
    (
        MIXTURE,
        "It goes for both: each is reached first in a fair share of levels, and sooner "
        "than by policies without a goal. Whether it wants both or now one and now the "
        "other, these shares cannot say.",
    ),
    (
        NOISY_BASE,
        "It heads for the base objective sooner and more often than policies without a "
        "goal, but misses it too often to be called robust.",
    ),
    (
        NOISY_PROXY,
        "The same with the proxy: it heads for it, and often does not get there first.",
    ),
    (
        OTHER_GOAL,
        "It goes to some third place before either, on half of the levels and again on "
        "the other half.",
    ),
    (
        INCAPABLE,
        "Its ability is gone where the goals come apart. *Stuck*: it mostly reaches "
        "neither and visits fewer places than a random policy. *Undirected*: it is "
        "shown to walk as a random policy does.",
    ),
    (INCONCLUSIVE, "The numbers show none of these."),
    (SEED_DEPENDENT, "Seeds trained alike learned different goals."),
    (
        "not judged again",
        "The rule for these words was changed. Where only counts of an older recording "
        "are kept and they do not settle the new word, none is given.",
    ),
)

_OUTCOMES = (
    (CONFIRMED, "Every check of the test held."),
    (
        REFUTED,
        "At least one check failed: its whole interval is on the other side, but where "
        "its own test says otherwise.",
    ),
    (UNTESTABLE, "The numbers cannot tell: intervals too wide, too few able seeds."),
    (NOT_RUN, "Planned, with its test; there is no recorded result."),
)

_CONTRAST = ("corner/alpha-0", "corner/alpha-1")
"""What the opening shows, if it is recorded: the same agent, two trainings."""

_OPENING = (
    "Trained with the cheese always in the corner (top left).",
    "Another agent of the same kind, trained with the cheese anywhere.",
)


def gallery_html(reproductions: Sequence[Reproduction]) -> str:
    """Return the page as HTML that refers to nothing outside itself, links apart.

    Args:
        reproductions: in the order of the page.

    Raises:
        UserError: a recorded result, or policies, that do not belong to what stands
            here.
    """
    results = {each.name: recorded(each) for each in reproductions}
    zoo = {each.name: entries_of(each) for each in reproductions}
    css = "".join(
        resources.files(room).joinpath(name).read_text("utf-8")
        for room, name in (
            ("mesagym.report", "page.css"),
            ("mesagym.reproductions", "gallery.css"),
        )
    )
    counted = [each for each in reproductions if each.claim.kind == PUBLISHED]
    apart = [each for each in reproductions if each.claim.kind != PUBLISHED]
    everything = [entry for there in zoo.values() for entry in there]
    opening = _opening(everything)
    filmed = [each for each in everything if each.name in opening]
    parts = [
        f'<h1>{escape(TITLE)}</h1>\n<p class="lede">{escape(_LEDE)}</p>',
        _tally(counted, results),
        _what(list(opening.values()), filmed_in_words(filmed)),
        _how_to_read(),
        '<h2>All results</h2>\n<p class="note">What was published, and how sure we are '
        "of that; what came out here, held, failed or unclear, with its interval; and "
        "the outcome. Each title leads to the whole story.</p>",
        _table(counted, results),
    ]
    if apart:
        parts += [
            "<h2>Questions of our own</h2>",
            '<p class="note">A hypothesis beside a published result, or a study that '
            "nobody has published: tested alike, and not counted above.</p>",
            _table(apart, results),
        ]
    for each in (*counted, *apart):
        parts.append(section(each, results[each.name], zoo[each.name], opening))
    parts.append(_again())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # The page has no script, and says so to the browser as well.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(TITLE)} Published results, made again</title>\n"
        f"<style>\n{css}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _tally(
    counted: Sequence[Reproduction], results: Mapping[str, Mapping[str, Any] | None]
) -> str:
    words = [outcome_of(results[each.name]) for each in counted]
    told = "".join(
        f'<span class="badge small {word.replace(" ", "-")}">'
        f"{words.count(word)} {escape(word)}</span> "
        for word in (*OUTCOMES, NOT_RUN)
        if words.count(word)
    )
    return (
        f'<p class="contents">Of {len(counted)} reproductions of published results: '
        f"{told}</p>"
    )


def _opening(zoo: Sequence[Entry]) -> dict[str, str]:
    """Return the films at the top, by name of the policies."""
    filmed = {each.name: each for each in zoo if each.film is not None}
    told = dict(zip(_CONTRAST, _OPENING, strict=True))
    shown = {
        name: film_figure(filmed[name], f"{words} ")
        for name, words in told.items()
        if name in filmed
    }
    if not shown:
        # Without these two, whatever recorded policy shows it.
        found = [each for each in filmed.values() if _misgeneralizes(each)]
        shown = {each.name: film_figure(each) for each in found[:1]}
    return shown


def _what(films: Sequence[str], levels: str) -> str:
    paragraphs = "".join(f"<p>{_marked(text)}</p>" for text in _WHAT)
    below = (
        f'<div class="films hero" id="films">{"".join(films)}</div>'
        f'<p class="note">Recorded agents on {escape(levels)} A frame turns blue '
        "once the proxy is reached first, and orange once the base objective is.</p>"
        if films
        else '<p class="note">No policy is recorded yet, so there is no film.</p>'
    )
    return f"<h2>What goal misgeneralization is</h2>\n{paragraphs}{below}"


def _misgeneralizes(entry: Entry) -> bool:
    first = entry.card["representative"]
    return any(s.seed == first and s.verdict == MISGENERALIZED for s in entry.seeds)


def _how_to_read() -> str:
    def listed(rows: Sequence[tuple[str, str]], badge: bool) -> str:
        items = "".join(
            f"<dt>{_badge(name) if badge else escape(name)}</dt>"
            f"<dd>{_marked(text)}</dd>"
            for name, text in rows
        )
        return f'<dl class="words">{items}</dl>'

    return (
        "<h2>How to read a result</h2>\n"
        "<p>Each result is a claim that somebody published, and a test of it in "
        "numbers. The test and all settings were committed before the agents were "
        "trained that it is about, except where it says <em>changed after "
        "looking</em>; whatever was tried before used other seeds, and is said. The "
        "outcome is one of these:</p>\n"
        f"{listed(_OUTCOMES, True)}\n"
        "<p>The words that come up:</p>\n"
        f"{listed(_READING, False)}\n"
        "<p>Where one of two objects is reached first, agents get a verdict. Its word "
        "rests on how often and how soon each is reached, beside a random policy and "
        "others without a goal:</p>\n"
        f"{listed(_WORDS, False)}\n"
        "<p>Where worlds have amounts instead, many keys and many chests, what was "
        "collected is put on a scale: 0 is what a random policy gets, 1 what an expert "
        "for that objective gets. The same words are given by these scores. "
        "<em>Not applicable</em>: the levels do not tell the objectives apart. "
        "<em>Not judged</em>: the scores alone, which are what is kept of older "
        "recordings, do not settle a word.</p>"
    )


def _table(
    reproductions: Sequence[Reproduction],
    results: Mapping[str, Mapping[str, Any] | None],
) -> str:
    rows = []
    for each in reproductions:
        claim, result = each.claim, results[each.name]
        published = _list(published_in_words(one) for one in claim.published)
        outcome = outcome_of(result)
        changed = " changed after looking" if result and each.claim.amendments else ""
        kind = "" if claim.kind == PUBLISHED else f"<br>{escape(kind_in_words(claim))}"
        rows.append(
            f'<tr><th scope="row"><a href="#{escape(each.name)}">'
            f"{escape(claim.title)}</a> "
            f'<span class="id">{escape(claim.id)}{kind}</span></th>'
            + _column("published", published)
            + _column("ours", _list(in_short(result)) or escape(why_unchecked(result)))
            + f"<td>{_badge(outcome)}{changed}</td></tr>"
        )
    return (
        '<table class="results"><colgroup><col class="first"><col><col>'
        '<col class="last"></colgroup><thead><tr><th scope="col">result</th>'
        '<th scope="col">published</th><th scope="col">ours</th>'
        '<th scope="col">outcome</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _column(name: str, content: str) -> str:
    empty = "" if content else ' class="none"'
    return f'<td data-name="{name}"{empty}>{content or "–"}</td>'


def _list(lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_unbroken(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _unbroken(line: str) -> str:
    """Return a line escaped, whose intervals stay in one piece."""
    return re.sub(r"\[[^\]<]*\]", r'<span class="range">\g<0></span>', escape(line))


def _badge(outcome: str) -> str:
    look = outcome.replace(" ", "-")
    return f'<span class="badge small {escape(look)}">{escape(outcome)}</span>'


def _marked(text: str) -> str:
    """Return our own words with their emphasis."""
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
    return re.sub(r"\*(.+?)\*", r"<em>\1</em>", text)


def _again() -> str:
    return (
        '<div class="result"><h2>Do it again</h2>\n'
        "<p>Every number above comes out of a recorded file, which names the command, "
        "the versions and the revision that made it, and which is refused wherever it "
        "does not fit the test or the worlds as they stand. The same command on the "
        "same kind of machine gives the same bits.</p>\n"
        "<pre>mesagym reproduce --list\nmesagym reproduce corner scale=smoke\n"
        "mesagym reproduce corner scale=laptop\nmesagym zoo list\n"
        "mesagym zoo load corner/alpha-0\nmesagym reproduce --page</pre></div>"
    )
