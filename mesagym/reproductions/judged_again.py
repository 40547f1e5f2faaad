"""Cards that an earlier rule of the verdict wrote, judged again by the one in force.

A card holds the counts of every seed, and beside it lie the rows of those seeds that
are kept. Rows are judged in full, counts by what they decide
(`mesagym.evals.counts_verdict`), and the words that were there are kept as
``judged_before``.
"""

import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mesagym.errors import UserError
from mesagym.evals.amounts_verdict import (
    NOT_APPLICABLE,
    TRAINING,
    AmountsVerdict,
    amounts_in_words,
)
from mesagym.evals.columns import (
    CONTEST,
    phrase,
    proxies_in_words,
    proxies_phrase,
    spoken,
)
from mesagym.evals.counts_verdict import OPEN, counts_in_words, judge_counts
from mesagym.evals.evidence import (
    NULLS,
    Null,
    SeedEvidence,
    evidence_from_outcomes,
)
from mesagym.evals.verdict import RunVerdict
from mesagym.evals.verdict_rule import RULE, UNTRAINED
from mesagym.evals.verdict_text import headline, percent
from mesagym.registry import environment_class
from mesagym.report.view import RunView, columns_of, load_run
from mesagym.reproductions.record import read_result
from mesagym.reproductions.zoo import Entry, rule_of

BEFORE = "judged_before"
"""Key of a card under which the words of an earlier rule stand."""

NOT_JUDGED = "not judged"
"""Stands for a word where outcomes are amounts and scores do not decide it."""

DRAWS = 4
"""Episodes of each policy without a goal on every level. A card has their means; every
table of outcomes was made with so many."""

_OUTCOMES = ("base", "proxy", "both", "neither")


def judged_again(entry: Entry) -> dict[str, Any]:
    """Return an entry's card with the words of the rule in force.

    A card that this rule wrote in the first place comes back as it is.

    Raises:
        UserError: a card or rows that are damaged or do not fit one another.
    """
    card = dict(entry.card)
    if BEFORE not in card and rule_of(card) == RULE:
        return card
    card.setdefault(BEFORE, _before(card))
    judge = _contest if card["kind"] == CONTEST else _amounts
    verdict, words = judge(entry, card)
    card["verdict"] = verdict
    card["seeds"] = [{**each, "verdict": words[each["seed"]]} for each in card["seeds"]]
    return card


def _before(card: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rule": rule_of(card),
        "word": (card["verdict"] or {}).get("word"),
        "seeds": [each["verdict"] for each in card["seeds"]],
    }


def _rows(entry: Entry) -> RunView | None:
    """Return the run of the seeds whose rows are kept, None where there are none."""
    if not (entry.folder / "outcomes.parquet").is_file():
        return None
    return load_run(entry.folder)


# --- contests -------------------------------------------------------------------------


def _contest(
    entry: Entry, card: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[int, str]]:
    """Return what a contest's card says of all seeds, and of each."""
    verdict, rows = judged_on(entry, card)
    names, phrases = card["objectives"], _phrases(card["environment"])
    text = counts_in_words(
        verdict,
        [seed for seed in verdict.seeds if seed not in rows],
        spoken(names[0]),
        proxies_in_words(names),
        (phrase(names[0], phrases), proxies_phrase(names, phrases)),
    )
    words = dict.fromkeys((each["seed"] for each in card["seeds"]), UNTRAINED)
    words |= {seed: each.word for seed, each in verdict.seeds.items()}
    said = {"word": verdict.word, "in_words": text, "rule": verdict.version}
    return {**said, "rows_of": rows}, words


def _phrases(environment: str) -> Mapping[str, str]:
    """Return an environment's own words; of one that is not at hand none."""
    try:
        return environment_class(environment).phrases
    except UserError:
        return {}


def judged_on(
    entry: Entry, card: Mapping[str, Any], shift: str = "clean"
) -> tuple[RunVerdict, list[int]]:
    """Return the verdict that a contest's counts and rows give, and whose rows.

    Args:
        entry: where the rows lie.
        card: with the counts.
        shift: on whose clean levels base and proxy are told apart.

    Raises:
        UserError: rows that are not those that the card counts.
    """
    evidence = counted(card, shift)
    view = _rows(entry)
    timed: dict[int, SeedEvidence] = {}
    if view is not None:
        columns = columns_of(view.outcomes)
        timed = evidence_from_outcomes(columns, mode=view.mode, shift=shift)
        for seed, each in timed.items():
            _must_agree(entry, seed, each, evidence[seed])
    stopped = len(card["seeds"]) - len(evidence)
    verdict = judge_counts({**evidence, **timed}, list(timed), stopped=stopped)
    return verdict, sorted(timed)


def counted(card: Mapping[str, Any], shift: str = "clean") -> dict[int, SeedEvidence]:
    """Return the evidence of a contest's card, without times, by seed.

    Seeds that training stopped were not tested, and are left out.
    """
    trained = card["readings"]["trained"]
    agreeing, clean = trained["agreeing"], trained[shift]
    nulls = tuple(
        _null(name, card["readings"][name][shift])
        for name in NULLS
        if name in card["readings"]
    )
    tested = [e["seed"] for e in card["seeds"] if e["competence"] is not None]
    return {
        seed: SeedEvidence(
            agreeing["success"][k],
            agreeing["trials"][k],
            *(clean[name][k] for name in _OUTCOMES),
            nulls=nulls,
        )
        for k, seed in enumerate(tested)
    }


def _null(name: str, means: Mapping[str, float]) -> Null:
    """Return a policy without a goal from the means over its draws."""
    totals = {key: DRAWS * means[key] for key in ("trials", "base", "proxy", "neither")}
    if any(total != round(total) for total in totals.values()):
        raise UserError(
            f"card: the counts of '{name}' are no means over {DRAWS} draws; judge the "
            "whole run again, `mesagym reproduce` with record=true"
        )
    return Null(name, *(round(totals[key]) for key in totals))


def _must_agree(
    entry: Entry, seed: int, rows: SeedEvidence, counts: SeedEvidence
) -> None:
    """Refuse rows that are not those that a card counted.

    Raises:
        UserError: names the seed.
    """
    names = ("agreeing_success", "agreeing_trials", "base_first", "proxy_first")
    names += ("both", "neither", "nulls")
    for name in names:
        if getattr(rows, name) != getattr(counts, name):
            raise UserError(
                f"'{entry.folder}': its rows of seed {seed} are not those that "
                f"card.json counts ({name}); record the result again"
            )


# --- amounts --------------------------------------------------------------------------


def _amounts(
    entry: Entry, card: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, dict[int, str | None]]:
    """Return the same where outcomes are amounts; no word for all without any rows.

    Scores settle the gate alone: the bounds that other words need are over levels, of
    which a card knows nothing.
    """
    seeds = [each["seed"] for each in card["seeds"]]
    words: dict[int, str | None] = dict.fromkeys(seeds)
    view = _rows(entry)
    kept = None if view is None else view.amounts_verdict
    if view is None or kept is None:
        return None, words
    gates = card["readings"]["trained"][TRAINING][f"score_{card['objectives'][0]}"]
    words |= kept.seeds
    words |= {
        seed: UNTRAINED
        for seed, gate in zip(seeds, gates, strict=True)
        if gate is not None and gate < kept.rule.gate
    }
    failed = sum(word == UNTRAINED for word in words.values())
    if set(kept.seeds) == set(seeds):
        word = kept.word
    elif failed > kept.rule.untrained_share * len(seeds):
        word = UNTRAINED
    else:
        # Whether levels tell base from proxy does not depend on who is tested.
        word = NOT_APPLICABLE if kept.why else NOT_JUDGED
    if word == NOT_JUDGED:
        text = _what_is_known(card, kept, words)
    else:
        everyone = {seed: word or NOT_JUDGED for seed, word in words.items()}
        scored = [gate for gate in gates if gate is not None]
        mean = math.fsum(scored) / len(scored) if scored else None
        text = amounts_in_words(replace(kept, word=word, seeds=everyone, gate=mean))
    said = {"word": word, "in_words": text, "rule": RULE}
    return {**said, "rows_of": view.amounts.seeds()}, words


def _what_is_known(
    card: Mapping[str, Any], kept: AmountsVerdict, words: Mapping[int, str | None]
) -> str:
    """Return the mean scores of all seeds, and the words of those that have one."""
    shifted = card["readings"]["trained"][kept.shift]
    base, proxy = card["objectives"][:2]

    def score(name: str) -> str:
        values = shifted[f"score_{name}"]
        return f"{math.fsum(values) / len(values):z.2f} for {spoken(name)}"

    known = [f"{word}: seed {seed}" for seed, word in words.items() if word]
    unknown = sum(word is None for word in words.values())
    return (
        f"{NOT_JUDGED.capitalize()}: on {spoken(kept.shift)} levels {len(words)} seeds "
        f"scored {score(base)} and {score(proxy)} on average, where 0 is a random "
        "policy and 1 each objective's reference. "
        + (f"{'; '.join(known).capitalize()}. " if known else "")
        + f"Only scores are kept of {unknown} of {len(words)} seeds, and a word rests "
        "on bounds over levels."
    )


# --- the page -------------------------------------------------------------------------

_HEAD = """\
# Recorded words were judged again by the second rule

Written by `python scripts/judge_again.py` from the cards of the zoo and the demo's
rows; do not edit. Why the rule changed:
[goal-and-competence-are-two-questions.md](goal-and-competence-are-two-questions.md).

Of every trained seed the counts of its tests are kept, on the card of its condition; of
a few seeds the rows are kept as well, with the times to the objectives. Rows were
judged by the whole rule. Counts settle the gate and every bound of a rate, so they were
judged for every course that the missing times could have taken: a word that comes out
each time is given, any other is *not judged again*. Nothing was trained anew, and the
words rest on the recorded tests alone. Tables of the first rule have random alone as a
policy without a goal, and neither tiles nor landmarks, so *stuck* and *another goal*
cannot come out of them. A card keeps the words of the rule before as `judged_before`.

Rates are shares of clean levels on which base, proxy and neither came first, means over
the seeds that passed the gate; in parentheses random's.
"""

_WORDS = """\
Gates are the same numbers in both rules, so that every judgement of a reproduction
stands. One of them groups policies by the word that they had when they were measured.
Its record stands as it was measured; measured again, its groups would be those of the
second rule.
"""

_COLUMNS = (
    "policies",
    "before, by rule 1",
    "now, by rule 2",
    "base, proxy, neither first",
    "judged by",
)


def document_of(entries: Sequence[Entry], demo: Sequence[RunView]) -> str:
    """Return ``docs/decisions/words-judged-again.md``.

    Args:
        entries: of the zoo, their cards judged again.
        demo: the demo's recorded runs.
    """
    cards = [entry.card for entry in entries]
    again = [card for card in cards if BEFORE in card]
    contests = [card for card in again if card["kind"] == CONTEST]
    amounts = [card for card in again if card["kind"] != CONTEST]
    changed, left, seeds, same = [], [], [], []
    for card in contests:
        before = card[BEFORE]
        now = [each["verdict"] for each in card["seeds"]]
        if card["verdict"]["word"] == OPEN:
            left.append(card)
        elif card["verdict"]["word"] != before["word"]:
            changed.append(card)
        elif now != before["seeds"]:
            seeds.append(card)
        else:
            same.append(card)
    parts = [
        _HEAD,
        f"## Conditions with another word: {len(changed)} of {len(contests)}\n",
        _table(_COLUMNS, [_contest_row(card) for card in changed]),
        f"## Conditions that were not judged again: {len(left)}\n",
        "The word needs times, and of most seeds only counts are kept. What counts and "
        "kept rows decide of single seeds is given.\n",
        _table(_COLUMNS, [_contest_row(card) for card in left]),
        f"## The same word, another one of some seeds: {len(seeds)}\n",
        _table(_COLUMNS, [_contest_row(card) for card in seeds]),
        f"## The same words throughout: {len(same)}\n",
        _listed(same),
        "## Kept seeds, tested anew\n",
        _anew(entries),
        f"## Amounts, which had no word: {len(amounts)}\n",
        "Scores settle the gate. Every other word rests on bounds over levels, which "
        "need rows.\n",
        _table(
            ("policies", "now, by rule 2", "seeds", "judged by"),
            [_amounts_row(card) for card in amounts],
        ),
        "## A reproduction whose figures hold words\n",
        _WORDS,
        _table(
            ("policies", "shift", "recorded, by rule 1", "by rule 2"),
            [row for entry in entries for row in _figure_rows(entry)],
        ),
        "## The demo's runs\n",
        _table(
            ("run", "before, by rule 1", "now, by rule 2"), [_demo_row(r) for r in demo]
        ),
    ]
    return "\n".join(parts)


def _contest_row(card: Mapping[str, Any]) -> list[str]:
    before = card[BEFORE]
    now = [each["verdict"] for each in card["seeds"]]
    return [
        card["name"],
        f"*{before['word']}* ({_counts(before['seeds'])})",
        f"*{card['verdict']['word']}* ({_counts(now)})",
        _rates(card),
        _judged_by(card),
    ]


def _amounts_row(card: Mapping[str, Any]) -> list[str]:
    words = [each["verdict"] for each in card["seeds"]]
    word = (card["verdict"] or {}).get("word", NOT_JUDGED)
    told = "–" if word == NOT_APPLICABLE else _counts([w or NOT_JUDGED for w in words])
    return [card["name"], f"*{word}*", told, _judged_by(card)]


def _anew(entries: Sequence[Entry]) -> str:
    """Return where a kept seed reads otherwise when it is tested by the whole rule."""
    rows, asked = [], 0
    for entry in entries:
        if entry.card["kind"] != CONTEST or entry.readings_rule != RULE:
            continue
        words = {each.seed: each.verdict for each in entry.seeds}
        for one in (entry.readings or {}).get("outcomes", {}).get("readings", ()):
            asked += 1
            word = words[one["seed"]]
            if one["why"].partition(":")[0].lower() != _as_read(word or ""):
                rows.append(
                    [entry.name, str(one["seed"]), f"*{word}*", str(one["why"])]
                )
    told = textwrap.fill(
        "Rows of the first rule lack the policies that walk without a goal. Kept seeds "
        "were tested again beside a wall follower and one that keeps its heading, on "
        "128 levels, fewer than recorded tests have (`readings.json`). Of "
        f"{asked} seeds {asked - len(rows)} have the same word there, the others are "
        "below. A noisy pursuit that rests on random alone is weak evidence.",
        88,
    )
    columns = ("policies", "seed", "by its recorded rows", "tested anew")
    return f"{told}\n\n{_table(columns, rows)}"


def _as_read(word: str) -> str:
    """Return a word as the evaluator of outcomes writes it."""
    return headline(word, "base", "proxy").lower()


def _figure_rows(entry: Entry) -> list[list[str]]:
    """Return the words in a condition's recorded figures beside those of today."""
    result = read_result(entry.reproduction.folder) or {}
    figures = result.get("conditions", {}).get(entry.condition, {}).get("figures", {})
    recorded = figures.get("words")
    if not isinstance(recorded, dict):
        return []
    rows = []
    for shift in (s for s in recorded if s != "agreeing"):
        verdict, _ = judged_on(entry, entry.card, shift)
        now = [each.word for each in verdict.seeds.values()]
        rows.append([entry.name, shift, _counts(recorded[shift]), _counts(now)])
    return rows


def _demo_row(run: RunView) -> list[str]:
    verdict = run.judged
    before = run.summary
    return [
        run.label,
        f"*{before['verdict']}* ({_of_counts(before['seeds_by_verdict'])})",
        f"*{verdict.word}* ({_of_counts(verdict.counts)})",
    ]


def _rates(card: Mapping[str, Any]) -> str:
    readings = card["readings"]
    tested = [each for each in card["seeds"] if each["competence"] is not None]
    passed = [k for k, each in enumerate(tested) if each["verdict"] != UNTRAINED]
    own, random = readings["trained"]["clean"], readings["random"]["clean"]

    def mean(name: str) -> str:
        shares = [own[name][k] / own["trials"][k] for k in passed]
        share = math.fsum(shares) / len(shares)
        theirs = random[name] / random["trials"]
        return f"{percent(share)} ({percent(theirs)})"

    return ", ".join(mean(name) for name in ("base", "proxy", "neither"))


def _judged_by(card: Mapping[str, Any]) -> str:
    kept = list(map(str, (card["verdict"] or {}).get("rows_of", ())))
    others = len(card["seeds"]) - len(kept)
    counts = "counts" if card["kind"] == CONTEST else "scores"
    if not kept:
        return f"{counts} of all seeds"
    rows = f"rows of seed{'s' * (len(kept) > 1)} {', '.join(kept)}"
    return f"{rows}, {counts} of {others}" if others else rows


def _counts(words: Sequence[str]) -> str:
    return _of_counts(Counter(words))


def _of_counts(counts: Mapping[str, int]) -> str:
    most = sorted(counts, key=lambda word: (-counts[word], word))
    return ", ".join(f"{counts[word]} {word}" for word in most)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _listed(cards: Sequence[Mapping[str, Any]]) -> str:
    by_word: dict[str, list[str]] = {}
    for card in cards:
        by_word.setdefault(card["verdict"]["word"], []).append(card["name"])
    lines = [f"*{word}*: {', '.join(names)}." for word, names in by_word.items()]
    return "\n".join(
        textwrap.fill(line, 88, break_on_hyphens=False) + "\n" for line in lines
    )
