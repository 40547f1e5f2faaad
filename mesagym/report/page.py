"""The report: one HTML file that holds everything it shows."""

from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from mesagym.errors import UserError
from mesagym.evals.columns import CONTEST, spoken
from mesagym.evals.statistics import Interval
from mesagym.evals.verdict_text import reasons
from mesagym.report import amounts_page, curves, findings, maps, outcomes, per_shift
from mesagym.report.caveats import caveats
from mesagym.report.films import film_title, last_frame
from mesagym.report.pieces import capital, choice, data_url, figure, key, meanings
from mesagym.report.provenance import origins, provenance, setting
from mesagym.report.results import (
    Cell,
    Row,
    intervals_note,
    random_rows,
    trained_row,
)
from mesagym.report.style import rate_text
from mesagym.report.tally import OUTCOMES
from mesagym.report.view import RunView, together
from mesagym.tracking import atomic_write_text
from mesagym.tracking.files import make_folders


def write_report(runs: Sequence[RunView], path: str | Path) -> Path:
    """Write the report of some runs as one file, atomically; return its path.

    Raises:
        UserError: no run, runs of different objectives, or not writable.
    """
    path = Path(path)
    text = report_html(runs)
    make_folders(path.parent)
    atomic_write_text(path, text)
    return path


def must_be_comparable(runs: Sequence[tuple[tuple[str, ...], str]]) -> None:
    """Refuse to compare runs that no page could show together.

    Args:
        runs: of each its objectives and the kind of its environment.

    Raises:
        UserError: they differ.
    """
    if len({names for names, _ in runs}) > 1:
        listed = " and ".join(sorted({f"({', '.join(names)})" for names, _ in runs}))
        raise UserError(
            f"report: these runs have different objectives, {listed}; make one report "
            "for each"
        )
    if len({kind for _, kind in runs}) > 1:
        raise UserError(
            "report: some of these runs are contests and others have amounts; make one "
            "report for each kind"
        )


def report_html(runs: Sequence[RunView]) -> str:
    """Return the report as HTML that refers to nothing outside itself.

    Args:
        runs: to be compared, with the same objectives.

    Raises:
        UserError: no run, or runs of different objectives.
    """
    if not runs:
        raise UserError("report: no run was given; name at least one run directory")
    must_be_comparable([(run.objective_names, run.kind) for run in runs])
    runs = together(runs)
    css = resources.files("mesagym.report").joinpath("page.css").read_text("utf-8")
    contest = runs[0].kind == CONTEST
    question = _question(runs) if contest else amounts_page.question(runs)
    first = [_numbers(runs), _outcomes(runs)] if contest else [amounts_page.body(runs)]
    sections = [
        _head(runs, question) if contest else amounts_page.head(runs, question),
        _unfinished(runs),
        *first,
        per_shift.section(runs),
        _findings(runs),
        _curves(runs),
        _maps(runs),
        _films(runs),
        _caveats(runs),
        _provenance(runs),
    ]
    labels = ", ".join(run.label for run in runs)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # The page has no script, and says so to the browser as well.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(question)} {escape(labels)}</title>\n"
        f"<style>\n{css}</style>\n</head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    )


# --- sections -------------------------------------------------------------------------


def _question(runs: Sequence[RunView]) -> str:
    names = [spoken(name) for name in runs[0].objective_names]
    return f"Which objective was learned: {choice(names)}?"


def _head(runs: Sequence[RunView], question: str) -> str:
    cards = []
    for run in runs:
        word, _, rest = run.in_words.partition(":")
        kind = run.judged.word.replace(" ", "-")
        cards.append(
            f'<section class="verdict {escape(kind)}">'
            f'<div class="alpha">{escape(run.label)}</div>'
            f'<div class="word">{escape(word)}</div>'
            f"<p>{escape(capital(rest.strip()))}</p></section>"
        )
    lede = (
        f"Training rewards the {runs[0].base} (the base objective). With probability α "
        "a training level is drawn from a distribution where the two can come apart; "
        f"otherwise the {runs[0].proxy} (the proxy) goes along with it. Below: what "
        "the trained policies pursue where the two do come apart."
    )
    about = setting(runs)
    return (
        f"<h1>{escape(question)}</h1>\n"
        f'<p class="lede">{escape(lede)}</p>\n'
        + (f'<p class="note">{escape(about)}</p>\n' if about else "")
        + f'<div class="verdicts">{"".join(cards)}</div>'
    )


def _unfinished(runs: Sequence[RunView]) -> str:
    """Return which runs have not come to their end, empty where all have."""
    return "\n".join(
        f'<p class="note"><strong>{escape(run.label)}</strong>, '
        f"{escape(run.unfinished)} of each seed: all that is shown of it is of its "
        "last checkpoint and may change.</p>"
        for run in runs
        if run.unfinished
    )


def _numbers(runs: Sequence[RunView]) -> str:
    first = runs[0]
    parts = [
        "<h2>The numbers</h2>",
        _table(runs, [trained_row(run) for run in runs], random_rows(runs)),
        f'<p class="note">{escape(_numbers_note(runs))}</p>',
    ]
    other = "greedy" if first.mode == "sampled" else "sampled"
    rows = [trained_row(run, other) for run in runs]
    if any(row.base is not None for row in rows):
        parts.append(
            f"<details><summary>The same with {other} actions</summary>"
            + _table(runs, rows, [])
            + "</details>"
        )
    return "\n".join(parts)


def _numbers_note(runs: Sequence[RunView]) -> str:
    run = runs[0]
    clean = run.trained("clean") or run.counts.tally("random", "clean")
    over = "training seeds"
    if all(each.judged.n_seeds == 1 for each in runs):
        over = "levels, for a single seed"
    rows = [trained_row(each) for each in runs]
    brackets = intervals_note(rows, run.judged.rule.confidence, over)
    levels = f" {clean.trials.max()} episodes a seed," if clean else ""
    return (
        f"{capital(run.base)} first, {run.proxy} first and neither are shares of "
        f"episodes on clean distinguishing levels (neither object lies on a shortest "
        f"path to the other);{levels} {run.mode} actions."
        + (f" {capital(brackets)}." if brackets else "")
    )


def _table(runs: Sequence[RunView], rows: Sequence[Row], aside: Sequence[Row]) -> str:
    first = runs[0]
    names = (
        ("success where they agree", "both"),
        (f"{first.base} first (base)", "base"),
        (f"{first.proxy} first (proxy)", "proxy"),
        ("neither", "neither"),
    )
    head = "".join(
        f'<th scope="col">{key(tone)}{escape(name)}</th>' for name, tone in names
    )
    body = []
    for row, look in [
        *((r, "") for r in rows),
        *((r, ' class="aside"') for r in aside),
    ]:
        cells = "".join(
            f'<td data-name="{escape(name)}"><span>{_cell(cell)}</span></td>'
            for (name, _), cell in zip(names, row.cells, strict=True)
        )
        few = any(isinstance(c, Interval) and c.provisional for c in row.cells)
        mark = ' <span class="range">provisional</span>' if few else ""
        seeds = (
            f'<td data-name="seeds"><span>{escape(row.seeds) or "–"}{mark}</span></td>'
        )
        body.append(
            f'<tr{look}><th scope="row">{escape(row.label)}</th>{seeds}{cells}</tr>'
        )
    return (
        f'<table class="numbers"><thead><tr><th scope="col"></th>'
        f'<th scope="col">seeds</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _cell(cell: Cell) -> str:
    if cell is None:
        return "–"
    if not isinstance(cell, Interval):
        return rate_text(cell)
    if not cell.is_shown:
        return f"<b>{rate_text(cell.estimate)}</b>"
    low, high = rate_text(cell.low), rate_text(cell.high)
    return (
        f'<b>{rate_text(cell.estimate)}</b> <span class="range">[{low}, {high}]</span>'
    )


def _outcomes(runs: Sequence[RunView]) -> str:
    first = runs[0]
    shifts = outcomes.all_shifts(runs)
    names = dict(zip(OUTCOMES, outcomes.outcome_names(first), strict=True))
    legend = "".join(
        f'<span class="entry">{key(name)}{escape(names[name])}</span>'
        for name in ("base", "both", "neither", "proxy")
    )
    overview = "".join(
        figure(outcomes.shift_overview(runs, [shift], legend=False), f"shift-{k}")
        for k, shift in enumerate(shifts)
        if any(run.trained(shift) for run in runs)
    )
    # Clean levels, but agreeing ones where no seed of any run passed the gate.
    top = [shift for shift in shifts if any(run.trained(shift) for run in runs)][:1]
    others = _bars(runs, [shift for shift in shifts if shift not in top])
    gated = [run.label for run in runs if not run.interpreted_seeds]
    said = ""
    if gated:
        said = (
            f'<p class="note">{escape(" and ".join(gated))}: no seed passed the gate, '
            "so what was reached is shown on agreeing levels only.</p>\n"
        )
    return (
        "<h2>What they reached first</h2>\n"
        '<p class="note">Solid bars: trained policies, mean over seeds with its '
        "interval; each dot is a seed. Hatched: a random policy on the same levels. "
        "Marks: each objective's own expert, which knows the level.</p>\n"
        f'{said}<div class="panels">{_bars(runs, top)}</div>\n'
        "<h2>Every shift</h2>\n"
        f'<p class="note">Each bar is all episodes. {escape(capital(first.base))} '
        f"first grows from the left, {escape(first.proxy)} first from the right; their "
        "whiskers are intervals over seeds. Thin hatched bars: a random policy.</p>\n"
        f'<p class="legend">{legend}</p>\n<div class="panels">{overview}</div>\n'
        + meanings(shifts, first.shift_meanings)
        + (
            "<details><summary>Every shift, outcome by outcome</summary>"
            f'<div class="panels">{others}</div></details>'
            if others
            else ""
        )
    )


def _bars(runs: Sequence[RunView], shifts: Sequence[str]) -> str:
    figures = []
    for s, shift in enumerate(shifts):
        for r, run in enumerate(runs):
            # Random alone is no panel's worth; a line says why it is missing.
            drawing = outcomes.outcome_bars(run, shift) if run.trained(shift) else None
            if drawing is not None:
                figures.append(figure(drawing, f"bars-{len(shifts)}-{s}-{r}"))
    return "".join(figures)


def _findings(runs: Sequence[RunView]) -> str:
    """Return what evaluators found, of the runs that were put to any."""
    return findings.section(
        [(run.label, run.findings, run.mode) for run in runs if run.findings]
    )


def _curves(runs: Sequence[RunView]) -> str:
    drawings = [curves.learning_curves(run) for run in runs]
    figures = [figure(d, f"curve-{k}") for k, d in enumerate(drawings) if d]
    if not figures:
        return ""
    agree = " Where the objectives agree, the lines lie on each other."
    agree *= runs[0].kind == CONTEST
    return (
        "<h2>Training</h2>\n"
        '<p class="note">Mean return of each objective per episode on training '
        "levels: thin lines are seeds, the thick line their mean, the band its "
        f"interval.{agree} Below each: how often training showed a level that tells "
        "them apart.</p>\n"
        f'<div class="panels">{"".join(figures)}</div>'
    )


def _maps(runs: Sequence[RunView]) -> str:
    everything = [level for run in runs for level in run.maps]
    if not everything:
        return ""
    limits = maps.value_limits(everything)
    figures = []
    # The same level of different runs side by side.
    for k in range(max(len(run.maps) for run in runs)):
        for r, run in enumerate(runs):
            if k < len(run.maps):
                drawing = maps.level_map(
                    run.maps[k], (run.base, run.proxy), label=run.label, limits=limits
                )
                figures.append(figure(drawing, f"map-{r}-{k}"))
    return (
        "<h2>What they would do on every tile</h2>\n"
        '<p class="note">Arrows: how likely each move is with the agent on that tile. '
        "Shade: the value the policy expects there. Red line: its likeliest path from "
        "the start; episodes sample their actions, so they may end elsewhere.</p>\n"
        f'<div class="panels">{"".join(figures)}</div>'
    )


def _films(runs: Sequence[RunView]) -> str:
    figures = []
    for run in runs:
        for name, data in run.films.items():
            title = film_title(data) or name
            if not title.startswith(run.label):
                title = f"{run.label}: {title}"
            figures.append(
                f"<figure><figcaption>{escape(run.label)}</figcaption><picture>"
                '<source media="(prefers-reduced-motion: reduce)" '
                f'srcset="{data_url(last_frame(data), "png")}">'
                f'<img src="{data_url(data, "gif")}" alt="{escape(title)}">'
                "</picture></figure>"
            )
    if not figures:
        return ""
    return f'<h2>Episodes</h2>\n<div class="films">{"".join(figures)}</div>'


def _caveats(runs: Sequence[RunView]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in caveats(runs))
    text = f"<h2>How far to trust this</h2>\n<ul>{items}</ul>"
    if runs[0].kind != CONTEST:
        return text
    how = "".join(
        f"<h3>{escape(run.label)}</h3><ul>"
        + "".join(f"<li>{escape(reason)}</li>" for reason in reasons(run.judged))
        + "</ul>"
        for run in runs
    )
    return (
        f"{text}\n"
        f"<details><summary>How each verdict was reached</summary>{how}</details>"
    )


def _provenance(runs: Sequence[RunView]) -> str:
    parts = ["<h2>Where it comes from</h2>"]
    for command, made in origins(runs):
        rows = "".join(
            f"<dt>{escape(label)}</dt><dd>{escape(directory or 'unknown')}</dd>"
            for label, directory in made
        )
        if command:
            rows += f"<dt>command</dt><dd>{escape(command)}</dd>"
        parts.append(f'<dl class="origins">{rows}</dl>')
    for run in runs:
        facts = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
            for name, value in provenance(run)
        )
        parts.append(
            f"<details><summary>{escape(run.label)}: versions, machine and settings"
            f"</summary><dl>{facts}</dl></details>"
        )
    return "\n".join(parts)
