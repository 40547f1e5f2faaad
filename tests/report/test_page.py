"""The report is one file that is true, reads well and needs nothing else."""

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mesagym.errors import UserError
from mesagym.evals.verdict_text import in_words
from mesagym.report.caveats import caveats
from mesagym.report.page import report_html, write_report
from mesagym.report.provenance import provenance, setting
from mesagym.tracking.console import duration
from mesagym.tracking.numerals import joined_percents


@pytest.fixture(scope="module")
def page(two_runs) -> str:
    return report_html(two_runs)


@pytest.fixture(scope="module")
def words(page) -> str:
    """What a reader reads: no tags, no pictures."""
    text = re.sub(r"<svg.*?</svg>|<style.*?</style>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def test_the_page_opens_without_a_console_message_or_a_request(
    page, tmp_path: Path, chromium
):
    path = tmp_path / "report.html"
    path.write_text(page)

    opened = chromium.open(path)

    assert opened.console == []
    assert opened.requests == set()
    assert "Goal misgeneralization" in opened.dom


PHONE = """
<iframe width="360" height="800"></iframe><p id="said"></p>
<script>
  const frame = document.querySelector("iframe");
  frame.onload = () => {
    const wide = [...frame.contentDocument.querySelectorAll("body *")].filter(
      (e) => !e.closest("svg") && e.getBoundingClientRect().right > 361);
    said.textContent = "too wide: " + wide.map((e) => e.outerHTML.slice(0, 80));
  };
  frame.srcdoc = %s;
</script>
"""


def test_nothing_is_wider_than_a_phone(page, tmp_path: Path, chromium):
    import json

    path = tmp_path / "phone.html"
    path.write_text(PHONE % json.dumps(page).replace("</", "<\\/"))

    said = re.findall(r'<p id="said">([^<]*)', chromium.open(path).dom)

    assert said == ["too wide: "]


def test_the_page_names_no_other_resource(page):
    # Names of XML vocabularies are addresses that nobody fetches.
    rest = re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)

    assert "http:" not in rest
    assert "https:" not in rest
    assert not re.search(r"(src|href|srcset)=\"(?!data:|#)", rest)


def test_the_page_has_no_script(page):
    assert "<script" not in page


def test_the_page_leads_with_the_verdicts_in_words(two_runs, words):
    for run in two_runs:
        sentence = in_words(run.verdict, "cheese", "corner").partition(": ")[2]
        sentence = joined_percents(sentence)
        assert sentence[1:] in words
        assert words.index(sentence[1:]) < words.index("The numbers")


def test_sections_come_in_the_order_of_interest(page):
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "The numbers",
        "What they reached first",
        "Every shift",
        "Training",
        "What they would do on every tile",
        "Episodes",
        "How far to trust this",
        "Where it comes from",
    ]


def test_the_table_shows_the_intervals_of_the_verdict(two_runs, words):
    interval = two_runs[0].verdict.intervals["proxy"]

    assert f"{interval:.2f}" in words


def test_few_seeds_are_called_provisional_in_the_table(words):
    assert "α = 0.1 4 provisional" in words
    assert "α = 0 8 .9" in words


def test_every_picture_has_words_for_those_who_cannot_see_it(page):
    pictures = re.findall(r"<img[^>]*>|<svg[^>]*>", page)

    assert len(pictures) > 10
    assert all(re.search(r'(alt|aria-label)="[^"]+"', each) for each in pictures)


def test_films_stand_still_for_those_who_want_it(page):
    assert page.count("(prefers-reduced-motion: reduce)") == page.count(
        '"data:image/gif'
    )


def test_identifiers_are_unique(page):
    names = re.findall(r'\bid="([^"]*)"', page)

    assert len(names) == len(set(names))


def test_provenance_is_in_the_page(words):
    for fact in ("mesagym train env=corner seeds=8", "0" * 40, "packages.jax 0.0.0"):
        assert fact in words


def test_commands_and_directories_are_in_the_page_once(two_runs):
    runs = [
        replace(run, directory=f"runs/{name}", config={**run.config, "run": name})
        for run, name in zip(two_runs, ("one", "other"), strict=True)
    ]
    page = report_html(runs)

    assert page.count("mesagym train env=corner seeds=8") == 1
    assert page.count("runs/one") == page.count("runs/other") == 1


def test_films_of_several_runs_say_whose_they_are(two_runs):
    film = two_runs[0].films["episodes.gif"]
    config = {**two_runs[0].config, "agent": {"name": "cnn"}}
    runs = [two_runs[0], replace(two_runs[0], config=config)]
    page = report_html([replace(run, films={"clean.gif": film}) for run in runs])

    assert re.findall(r"<figcaption>(.*?)</figcaption>", page) == ["mlp", "cnn"]
    assert re.findall(r'<img[^>]* alt="(.*?): ', page) == ["mlp", "cnn"]


def test_what_runs_share_is_in_the_heading(make_run):
    runs = [make_run(0.5, seeds=2), make_run(0.5, seeds=2)]
    agent = {"name": "cnn", "network": {"memory": "lstm"}}
    runs[1] = replace(runs[1], config={**runs[1].config, "agent": agent})

    assert "α = 0.5, agent mlp or cnn + lstm, 2 seeds each" in report_html(runs)


def test_a_label_cannot_bring_markup_into_the_page(make_run):
    run = make_run(seeds=2, label='<script>alert("1")</script>')
    run = replace(
        run,
        objective_names=("cheese", "corner"),
        manifest={"command": "<script>alert(2)</script>"},
        config={"env": {"name": "<script>alert(3)</script>"}},
    )

    page = report_html([run])

    assert "<script" not in page
    assert "&lt;script&gt;alert(2)" in page


def test_runs_of_different_objectives_are_not_put_on_one_page(make_run):
    run = make_run(seeds=2)

    with pytest.raises(UserError, match="different objectives"):
        report_html([run, replace(run, objective_names=("cheese", "dish"))])


def test_a_report_of_nothing_is_refused():
    with pytest.raises(UserError, match="no run was given"):
        report_html([])


def test_a_run_without_pictures_still_has_a_page(make_run, tmp_path):
    page = write_report([make_run(seeds=1)], tmp_path / "new" / "r.html").read_text()

    assert "What they would do" not in page
    assert "<h2>Episodes" not in page


def test_a_run_that_did_not_learn_has_a_page_that_says_so(make_run):
    page = report_html([make_run(seeds=3, untrained=(0, 1, 2))])

    assert "did not learn the task itself" in page
    assert "α = 0: no seed passed the gate, so what was reached is shown" in page


def test_shifts_where_nothing_trained_is_counted_have_no_panel(make_run):
    page = report_html([make_run(seeds=3, untrained=(0, 1, 2))])
    titles = re.findall(r"<h2>(.*?)</h2>", page)

    assert "Every shift" in titles
    assert page.count('aria-label="Outcomes by shift') == 1
    assert 'aria-label="α = 0, agreeing, as in training levels' in page
    assert 'aria-label="α = 0, clean distinguishing levels' not in page


# --- sentences ------------------------------------------------------------------------


def test_caveats_say_what_alpha_bought(two_runs):
    (bought,) = (text for text in caveats(two_runs) if "bought" in text)

    assert re.match(r"α = 0\.1: in training α bought [\d,]+ distinguishing", bought)


def test_a_caveat_of_all_runs_is_said_once(two_runs):
    assert sum("not committed" in text for text in caveats(two_runs)) == 1


def test_caveats_count_the_seeds_that_are_left_out(make_run):
    said = " ".join(caveats([make_run(seeds=5, untrained=(4,), stopped=1)]))

    assert "2 of 6 seeds did not pass the gate" in said
    assert "(1 of them stopped in training)" in said


def test_provenance_says_by_which_rule_a_run_was_judged(make_run):
    run = make_run(seeds=4)
    older = replace(run, summary={"verdict": "capability failure"})

    assert dict(provenance(run))["verdict"] == "judged by rule 2"
    assert dict(provenance(older))["verdict"].endswith("says 'capability failure'")


def test_provenance_leaves_the_bookkeeping_out(make_run):
    names = [name for name, _ in provenance(make_run(seeds=2))]

    assert names[0] == "created"
    assert not any(name.startswith("contents") for name in names)


def test_the_setting_is_one_sentence(make_run):
    assert setting([make_run(seeds=2)]) == (
        "Corner 9×9 (blocks), agent mlp, 2 seeds each, 1.97M environment steps a seed, "
        "trained in 1m36s, on a synthetic device."
    )


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"pixels": 0, "crop_radius": None}, "seen whole in channels, "),
        (
            {"pixels": 3, "crop_radius": 2},
            "seen in pictures of 3 pixels a tile of 5×5 tiles around the agent, ",
        ),
        ({"settings": {"pixels": 0, "size": [7, 5]}}, " 7×5 (blocks), seen whole in "),
    ],
)
def test_the_setting_says_what_the_policies_see(make_run, seen, said):
    run = make_run(seeds=2)
    config = {**run.config, "env": {**run.config["env"], **seen}}
    assert said in setting([replace(run, config=config)])


def test_the_setting_names_what_runs_do_not_share(make_run):
    one = make_run(seeds=2)
    config = {**one.config, "agent": {"name": "cnn"}}
    assert "agent mlp or cnn, " in setting([one, replace(one, config=config)])


def test_the_time_of_a_training_that_was_taken_up_again_counts_both_parts(make_run):
    run = make_run(seeds=2)
    updates = run.metrics["update"].to_numpy()
    half = updates.max() // 2
    clock = np.where(updates > half, updates - half, updates).astype(float)
    place = run.metrics.column_names.index("clock_seconds")
    metrics = run.metrics.set_column(place, "clock_seconds", pa.array(clock))
    whole = duration(int(updates.max()))
    assert f"trained in {whole}, " in setting([replace(run, metrics=metrics)])
