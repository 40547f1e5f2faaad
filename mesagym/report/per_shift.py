"""The word for each shift beside its test against random, in a section of the page."""

from collections.abc import Sequence
from html import escape

from mesagym.evals.shift_verdict import judge_shifts
from mesagym.evals.suite import suite_tests
from mesagym.report.significance import HEADINGS, suite_note, suite_rows
from mesagym.report.tally import shift_title
from mesagym.report.view import RunView, columns_of


def section(runs: Sequence[RunView]) -> str:
    """Return a table a run, to be opened: words, tests, and how they were reached."""
    return "\n".join(_of_run(run) for run in runs)


def _of_run(run: RunView) -> str:
    columns = columns_of(run.outcomes)
    if not {"clean", "level_class"} <= set(columns):
        return ""
    words = judge_shifts(columns, mode=run.mode, stopped=run.stopped)
    tests = suite_tests(columns, mode=run.mode)
    names = ("verdict", *HEADINGS[1:])
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = []
    for test, row in zip(tests, suite_rows(tests), strict=True):
        cells = (words[test.shift].word, *row[1:])
        data = "".join(
            f'<td data-name="{escape(name)}"><span>{escape(cell)}</span></td>'
            for name, cell in zip(names, cells, strict=True)
        )
        body.append(f'<tr><th scope="row">{escape(row[0])}</th>{data}</tr>')
    reasons = "".join(
        f"<dt>{escape(shift_title(name))}</dt>"
        f'<dd class="words">{escape(" ".join(each.reasons))}</dd>'
        for name, each in words.items()
    )
    return (
        f"<details><summary>{escape(run.label)}: the verdict on each shift, "
        "and whether it differs from random</summary>"
        f'<table class="numbers"><thead><tr><th scope="col"></th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
        f'<p class="note">{escape(suite_note(tests))}</p>'
        f"<dl>{reasons}</dl></details>"
    )
