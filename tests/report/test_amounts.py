"""Amounts in the terminal, on a page and in a figure."""

import html
import io
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mesagym.cli.smoke import amounts_row
from mesagym.errors import UserError
from mesagym.evals.statistics import Interval
from mesagym.report.amounts import (
    amount_text,
    run_rows,
    score_figure,
    score_text,
    scores_note,
    unscored,
)
from mesagym.report.caveats import caveats
from mesagym.report.figures import draw_figures
from mesagym.report.page import report_html
from mesagym.report.terminal import show_results
from mesagym.report.view import RunView, load_run
from mesagym.tracking import RunDirectory

LEVELS = 32

# Mean returns of chests, gold keys: made up, none comes from a training.
EARNED = {
    "training": {
        "random": (1.0, 2.0),
        "oracle:chests": (5.0, 4.0),
        "oracle:gold_keys": (3.0, 6.0),
        "trained": (4.0, 5.0),
    },
    "shifted": {
        "random": (1.0, 2.0),
        "oracle:chests": (5.0, 3.0),
        "oracle:gold_keys": (2.0, 10.0),
        "trained": (2.0, 9.0),
    },
    # Here nobody's keys are worth anything.
    "no_keys": {
        "random": (1.0, 0.0),
        "oracle:chests": (5.0, 0.0),
        "oracle:gold_keys": (1.0, 0.0),
        "trained": (3.0, 0.0),
    },
}


def _outcomes(seeds: int, earned: dict) -> pa.Table:
    rng = np.random.default_rng(seeds)
    parts = []
    for shift, policies in earned.items():
        for policy, means in policies.items():
            for seed in range(seeds if policy == "trained" else 1):
                off = rng.normal(0, 0.2) if policy == "trained" else 0.0
                noise = rng.normal(0, 0.5, LEVELS)
                noise -= noise.mean()
                columns = {
                    "policy": np.full(LEVELS, policy, object),
                    "seed": np.full(LEVELS, seed, np.int32),
                    "shift": np.full(LEVELS, shift, object),
                    "mode": np.full(LEVELS, "sampled", object),
                    "level": np.arange(LEVELS, dtype=np.int32),
                }
                for name, mean in zip(("chests", "gold_keys"), means, strict=True):
                    columns[f"return_{name}"] = mean + (off + noise) * (mean != 0)
                    columns[f"first_{name}"] = np.ones(LEVELS, np.int32)
                    columns[f"optimal_{name}"] = np.ones(LEVELS, np.int32)
                parts.append(columns)
    return pa.table(
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    )


@pytest.fixture(scope="module")
def make(make_run: Callable[..., RunView]) -> Callable[..., RunView]:
    """Makes a run of amounts."""

    def make(alpha: float = 0.0, seeds: int = 3, earned: dict = EARNED) -> RunView:
        contest = make_run(alpha, seeds=2)
        names = {"return_cheese": "return_chests", "return_corner": "return_gold_keys"}
        columns = [names.get(name, name) for name in contest.metrics.column_names]
        return replace(
            contest,
            objective_names=("chests", "gold_keys"),
            outcomes=_outcomes(seeds, earned),
            metrics=contest.metrics.rename_columns(columns),
            verdict=None,
            manifest={
                "environment": {"kind": "allocation", "solver": "exact"},
                "shifts": {"shifted": "more <keys> than chests"},
                "seeds": list(range(seeds)),
            },
        )

    return make


@pytest.fixture(scope="module")
def run(make: Callable[..., RunView]) -> RunView:
    return make()


@pytest.fixture(scope="module")
def page(make: Callable[..., RunView]) -> str:
    return report_html([make(), make(1.0)])


def words(page: str) -> str:
    text = re.sub(r"<svg.*?</svg>|<style.*?</style>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def shown(runs: list[RunView], width: int = 80) -> str:
    file = io.StringIO()
    show_results(runs, file=file, width=width)
    return file.getvalue()


# --- rows -----------------------------------------------------------------------------


def test_rows_go_by_shift_then_objective_then_run(make):
    rows = run_rows([make(), make(1.0)])

    assert [(r.shift, r.objective, r.label) for r in rows[:4]] == [
        ("training", "chests (base)", "α = 0"),
        ("training", "chests (base)", "α = 1"),
        ("training", "gold keys", "α = 0"),
        ("training", "gold keys", "α = 1"),
    ]
    assert len(rows) == 3 * 2 * 2


def test_alpha_that_runs_of_amounts_share_is_said_once(make):
    run = make(1.0)
    other = replace(run, config={**run.config, "agent": {"name": "cnn"}})
    text = shown([run, other])

    assert text.count("α = 1") == 1
    assert "All at α = 1." in " ".join(text.split())
    assert " cnn " in text


def test_a_row_stands_between_random_and_its_own_reference(run):
    keys = run_rows([run])[3]

    assert (keys.shift, keys.objective) == ("shifted", "gold keys")
    assert (keys.random, keys.reference) == pytest.approx((2, 10))
    assert keys.score == run.amounts.interval("shifted", "gold_keys", "sampled")


def test_two_and_three_seeds_beside_more_are_said_to_have_no_interval(make):
    few = [make(seeds=2), make(seeds=3)]
    assert "; 2 and 3 seeds: no interval." in scores_note([*few, make(seeds=4)])
    assert scores_note(few) == "2 and 3 seeds: no interval; provisional."
    assert "no interval" not in scores_note([make(seeds=4)])


def test_smoke_has_scores_of_base_and_proxy_on_two_shifts_and_no_interval(make):
    header, row = amounts_row(make(seeds=2))

    assert header == [
        "score of chests, training",
        "score of gold keys, training",
        "score of chests, shifted",
        "score of gold keys, shifted",
    ]
    assert [float(each) for each in row] == pytest.approx(
        [0.75, 0.75, 0.25, 0.875], abs=0.2
    )


def test_a_mode_that_nobody_acted_in_has_no_rows(run):
    assert run_rows([run], "greedy") == []


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.066, "0.07"), (-0.001, "0.00"),
     (-3.38, "-3.38"), (9.996, "10.0"), (41.52, "41.5"),
     (1234.0, "1.23k"), (float("nan"), "–")],
)  # fmt: skip
def test_an_amount_has_three_digits(amount, text):
    assert amount_text(amount) == text


def test_a_score_says_its_interval_where_there_is_one():
    bounded = Interval(0.93, 0.88, 0.98, 4, "t", provisional=True)
    single = Interval(-0.001, -np.inf, np.inf, 1, "t", provisional=True)

    assert score_text(bounded) == ".93 [.88, .98]"
    assert score_text(single) == ".00"
    assert score_text(None) == "–"


def test_it_is_said_where_there_is_no_score(run):
    assert unscored(run) == ["gold keys on no keys levels"]


# --- terminal -------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_the_terminal(make, width):
    lines = shown([make(), make(1.0)], width).splitlines()

    assert max(map(len, lines)) <= width


def test_the_terminal_says_what_the_numbers_mean_and_claims_no_verdict(make):
    text = " ".join(shown([make(seeds=4)]).split())

    assert "Outcomes here are amounts" in text
    assert "fewer than 8 seeds: provisional" in text
    assert "misgeneralization" not in text.lower()


def test_a_single_seed_is_called_one(make):
    assert "A single seed: nothing is known" in " ".join(shown([make(seeds=1)]).split())


# --- figures --------------------------------------------------------------------------


def test_every_seed_is_a_point_on_both_shifts(run):
    axes = score_figure(run, "gold_keys", "shifted").figure.axes[0]

    opened, filled = (np.asarray(c.get_offsets()) for c in axes.collections)
    expected = [
        np.stack(
            [run.amounts.scores("trained", shift, o) for o in run.objective_names], -1
        )
        for shift in ("training", "shifted")
    ]
    np.testing.assert_allclose(opened, expected[0])
    np.testing.assert_allclose(filled, expected[1])


def test_each_reference_stands_at_one_on_its_own_axis_and_random_at_none(run):
    axes = score_figure(run, "gold_keys", "shifted").figure.axes[0]

    marks = {
        (line.get_marker(), *np.round(np.ravel(line.get_data()), 6).tolist())
        for line in axes.lines
        if line.get_marker() in ("D", "^", "x")
    }
    assert ("D", 1.0, 0.5) in marks
    assert ("D", 1.0, 0.125) in marks
    assert ("^", 0.5, 1.0) in marks
    assert ("^", 0.25, 1.0) in marks
    assert ("x", 0.0, 0.0) in marks


def test_a_shift_without_scores_is_left_out_of_the_figure(run):
    axes = score_figure(run, "gold_keys", "no_keys").figure.axes[0]

    assert len(axes.collections) == 1


def test_panels_of_several_proxies_have_titles_of_their_own(run):
    several = replace(run, objective_names=(*run.objective_names, "ghosts"))
    alone, beside = (
        score_figure(each, "gold_keys", "shifted").figure.axes[0].get_title(loc="left")
        for each in (run, several)
    )

    assert alone == f"{run.label}: shifted"
    assert beside == f"{run.label}: gold keys, shifted"


def test_without_any_score_there_is_no_figure(make):
    run = make(earned={"no_keys": EARNED["no_keys"]})

    assert score_figure(run, "gold_keys", "no_keys") is None


def test_figures_of_a_run_are_curves_and_scores(run):
    assert set(draw_figures(run)) == {
        "learning-curves.png",
        "scores-gold_keys-shifted.png",
        "scores-gold_keys-no_keys.png",
    }


# --- page -----------------------------------------------------------------------------


def test_sections_come_in_the_order_of_interest(page):
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "The numbers",
        "How the scores moved",
        "Training",
        "How far to trust this",
        "Where it comes from",
    ]


def test_the_page_asks_what_was_earned_and_says_what_the_numbers_mean(page):
    text = words(page)

    assert "What was earned: chests or gold keys?" in text
    assert text.index("Outcomes here are amounts") < text.index("The numbers")
    assert "verdict" not in text


def test_the_page_leads_with_each_run_s_scores(page, run):
    score = score_text(run.amounts.interval("shifted", "gold_keys", "sampled"))
    card = words(page).partition("The numbers")[0]

    assert f"gold keys {score}." in card


def test_identifiers_are_unique(page):
    names = re.findall(r'\bid="([^"]*)"', page)

    assert len(names) == len(set(names))


def test_the_page_says_what_each_shift_means(page):
    assert "<dt>shifted</dt>" in page
    assert "more &lt;keys&gt; than chests" in page


def test_the_page_shows_what_each_reference_earned_of_everything(page):
    assert "reference: gold keys 3.00 6.00" in words(page)


def test_the_page_opens_without_a_console_message_or_a_request(
    page, tmp_path, chromium
):
    path = tmp_path / "report.html"
    path.write_text(page)

    opened = chromium.open(path)

    assert opened.console == []
    assert opened.requests == set()


def test_a_contest_and_amounts_are_not_put_on_one_page(run, make_run):
    contest = replace(make_run(seeds=2), objective_names=run.objective_names)

    with pytest.raises(UserError, match="others have amounts"):
        report_html([run, contest])


def test_caveats_say_of_references_what_their_class_allows(run):
    bounded = {"environment": {"solver": "bounded"}}

    assert "not claimed to be the best" not in " ".join(caveats([run]))
    said = " ".join(caveats([replace(run, manifest=bounded)]))
    assert "not claimed to be the best" in said


def test_caveats_name_what_has_no_score(run):
    assert "no score for gold keys on no keys levels" in " ".join(caveats([run]))


# --- read from a directory ------------------------------------------------------------


def test_a_run_of_amounts_is_read_without_a_verdict(run, tmp_path):
    manifest = {"seeds": [0, 1, 2, 9]}
    with RunDirectory.open(tmp_path / "mine", {}, manifest=manifest) as directory:
        directory.write_outcomes(run.outcomes)
        for name in ("training", "shifted", "extra"):
            directory.write_file(f"films/{name}.gif", b"GIF")

    read = load_run(tmp_path / "mine")

    assert (read.kind, read.verdict) == ("allocation", None)
    assert (read.n_seeds, read.stopped) == (4, 1)
    assert read.objective_names == ("chests", "gold_keys")
    assert list(read.films) == ["training.gif", "shifted.gif", "extra.gif"]
