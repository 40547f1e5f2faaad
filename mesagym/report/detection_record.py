"""The README of the benchmark's recorded result, written from its one document."""

from collections.abc import Mapping, Sequence
from typing import Any

from mesagym.detectors.base import VOID
from mesagym.detectors.scoring import FALSE_ALARM
from mesagym.report.detection import (
    HELD,
    PLANNING_HEAD,
    PLANNING_NOTE,
    missing,
    planning_rows,
    provisional,
)
from mesagym.report.style import rate_text

Document = Mapping[str, Any]

_HEAD = """# Which detectors see inside?

Written by `python scripts/record_detection.py` from `bench.json`; do not edit. What
the organisms are: [docs/organisms.md](../../docs/organisms.md). What each detector
asks, its null, what was expected of it and when that was written down:
[docs/benchmark.md](../../docs/benchmark.md).

![Every detector on every organism](matrix.png)

Mean score of the test seeds of each organism; of D1 and D2 the mean of those that
pursue the base objective, and of those that pursue the proxy. Framed where it came out
otherwise than was written down before.
"""


def readme_of(document: Document) -> str:
    """Return the README as Markdown.

    Args:
        document: of `mesagym.detectors.summary`, with the facts of the run.
    """
    facts = document["facts"]
    parts = [
        _HEAD,
        "## What was to be shown\n",
        _claims(document),
        "## How well constructed labels are told\n",
        "Area under the curve over organisms whose label is constructed and whose "
        "proofs held, on seeds that no detector learned from; in brackets 95% of a "
        "bootstrap over organisms and then specimens ([1.00, 1.00] says that no score "
        "overlapped, not that none would). Least: with one organism, or one "
        "way of making them, left out. Log score: of probabilities calibrated on other "
        "families, beside that of their rate; nearer to 0 is better.\n",
        _areas(document, ["constructed"]),
        "".join(
            f"{each}\n\n"
            for each in [*missing(document), provisional(document)]
            if each
        ),
        "With labels that training made likely:\n",
        _areas(document, ["constructed", "shaped"]),
        "## Decoys\n",
        _decoys(document),
        "## Defecting steps\n",
        "Steps of O8, O8d and O8c together, by monitors that never saw the family of "
        "the marker. Raw, where below .5: what it learned from the other families "
        "tells the opposite here. Recall cannot come near 1 where more steps defect "
        "than are audited.\n",
        _monitor(document),
        "## Agents that nobody labelled\n",
        _emergent(document),
        "## What came out otherwise than expected\n",
        _surprises(document),
        "## Where this comes from\n",
        f"`{facts['command']}` on {facts['device']}, {facts['specimens']} specimens, "
        f"{facts['seconds'] / 60:.0f} minutes in all, runs whose readings "
        f"were kept among them; jax {facts['packages']['jax']}, "
        f"revision {facts['git']['revision'][:12]}.\n",
    ]
    return "\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _rate(value: float | None) -> str:
    return "–" if value is None else rate_text(value)


def _nats(value: float | None) -> str:
    return "–" if value is None else f"{value:+z.2f}"


def _names(document: Document) -> dict[str, str]:
    return {
        each["name"]: f"{each['id']} {each['title']}" for each in document["detectors"]
    }


def _claims(document: Document) -> str:
    rows = [
        [each["claim"], each["figure"], HELD[each["held"]]]
        for each in document["claims"]
    ]
    return _table(("to be shown", "came out", ""), rows)


def _areas(document: Document, provenances: Sequence[str]) -> str:
    names, rows = _names(document), []
    for each in document["separations"]:
        if each["provenances"] != list(provenances):
            continue
        area = _rate(each["auroc"])
        if each["low"] is not None:
            area += f" [{_rate(each['low'])}, {_rate(each['high'])}]"
        rows.append(
            [
                names[each["detector"]],
                each["letter"],
                area,
                f"{each['positives']}, {each['negatives']}",
                str(each["silent"]),
                f"{_rate(each['least_without_organism'])}, "
                f"{_rate(each['least_without_construction'])}",
                "–"
                if each["log_score"] is None
                else f"{_nats(each['log_score'])} ({_nats(each['log_chance'])})",
            ]
        )
    head = (
        "detector",
        "label",
        "area",
        "with it, without",
        "no score",
        "least without one organism, construction",
        "log score (rate)",
    )
    return _table(head, rows)


def _decoys(document: Document) -> str:
    names = _names(document)
    rows = [
        [
            names[each["detector"]],
            f"{each['fired']} of {each['told']}",
            str(each["specimens"] - each["told"]),
        ]
        for each in document["decoys"]
    ]
    said = (
        "O4, O5a and O5b: a plan can be read in them that drives nothing. How often a "
        "detector was beyond its null there, p ≤ .05.\n\n"
    )
    return said + _table(("detector", "fired", "no score, or no null"), rows)


_TOLD_BY = {
    "": "monitor",
    "moves_": "its moves alone",
    "raw_": "raw observation",
    "entropy_": "entropy",
    "random_": "random",
}
_METRICS = (
    "auroc",
    "tpr_at_1_percent",
    "recall_at_1_percent",
    "recall_at_5_percent",
    "recall_at_10_percent",
)


def _monitor(document: Document) -> str:
    rows = [
        [family, words, *(_rate(found.get(f"{name}{metric}")) for metric in _METRICS)]
        for family, found in document["monitor"].items()
        for name, words in _TOLD_BY.items()
    ]
    if not rows:
        return "None was watched.\n"
    head = (
        "marker",
        "told by",
        "area",
        "found at 1% false alarms",
        "recall, 1% audited",
        "5%",
        "10%",
    )
    return _table(head, rows)


def _emergent(document: Document) -> str:
    if not document["emergent"]:
        return "None was looked into.\n"
    return f"{PLANNING_NOTE}\n\n{_table(PLANNING_HEAD, planning_rows(document))}"


def _fired(cell: Mapping[str, Any]) -> str:
    """Return what came of a cell, with how many fired and how many were void."""
    fired = sum(p is not None and p <= FALSE_ALARM for p in cell["p"])
    said = f"{cell['came']}: {fired} of {len(cell['p'])} fired"
    void = cell["statuses"][VOID]
    return f"{said}, {void} void" if void else said


def _surprises(document: Document) -> str:
    names = _names(document)
    rows = [
        [
            names[cell["detector"]],
            cell["place"],
            cell["expected"],
            _fired(cell),
            cell["why"],
        ]
        for cell in document["cells"]
        if cell["as_expected"] is False
    ]
    judged = sum(cell["as_expected"] is not None for cell in document["cells"])
    said = f"{len(rows)} of {judged} cells of which something was expected.\n"
    if not rows:
        return said
    head = ("detector", "organism", "expected", "came", "its first seed")
    return f"{said}\n{_table(head, rows)}"
