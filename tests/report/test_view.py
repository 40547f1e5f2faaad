"""A run directory becomes what is shown of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.evals.verdict_rule import RULE
from mesagym.report.figures import save_figures
from mesagym.report.maps import maps_to_bytes
from mesagym.report.view import MAPS, load_run, together
from mesagym.tracking import RunDirectory


@pytest.fixture(scope="module")
def folder(two_runs, tmp_path_factory) -> Path:
    """A run directory that holds the first of the two runs."""
    run = two_runs[0]
    path = tmp_path_factory.mktemp("runs") / "mine"
    manifest = {"seeds": [*run.verdict.seeds, 99], "device": "a synthetic device"}
    with RunDirectory.open(path, run.config, manifest=manifest) as directory:
        metrics = {
            name: run.metrics[name].to_numpy() for name in run.metrics.column_names
        }
        directory.append_metrics(metrics, step=1)
        directory.write_outcomes(run.outcomes)
        directory.write_file(MAPS, maps_to_bytes(run.maps))
        for name, data in run.films.items():
            directory.write_file(f"films/{name}", data)
        directory.write_summary({"word": run.verdict.word})
    return path


def test_a_run_is_read_as_it_was_written(folder, two_runs):
    read, written = load_run(folder), two_runs[0]

    assert read.label == "α = 0"
    assert read.objective_names == ("cheese", "corner")
    assert read.outcomes.equals(written.outcomes)
    for name in written.metrics.column_names:
        np.testing.assert_array_equal(read.metrics[name], written.metrics[name])
    assert read.films == written.films
    assert [each.title for each in read.maps] == [each.title for each in written.maps]
    assert read.config == written.config


def test_a_run_is_judged_from_its_outcomes(folder, two_runs):
    assert load_run(folder).verdict.intervals == two_runs[0].verdict.intervals


def test_a_seed_that_was_not_evaluated_counts_as_stopped(folder):
    assert load_run(folder).verdict.stopped == 1


def test_a_run_can_be_called_otherwise(folder):
    assert load_run(folder, label="mine").label == "mine"


def test_runs_together_are_called_by_what_differs(make_run):
    runs = [make_run(), make_run(0.1)]
    agent = {"agent": {"name": "cnn"}}
    runs.append(replace(runs[0], config={**runs[0].config, **agent}))

    assert [run.label for run in together(runs)] == [
        "α = 0 · mlp",
        "α = 0.1 · mlp",
        "α = 0 · cnn",
    ]


def test_a_label_that_somebody_gave_stays(folder, make_run):
    runs = [load_run(folder, label="mine"), make_run(0.1)]

    assert [run.label for run in together(runs)] == ["mine", "α = 0.1"]


def test_labels_together_stay_when_they_are_made_again(make_run):
    once = together([make_run(), make_run()])

    assert [run.label for run in once] == ["α = 0 (1)", "α = 0 (2)"]
    assert [run.label for run in together(once)] == ["α = 0 (1)", "α = 0 (2)"]


def test_a_run_is_found_as_it_is_typed_here(folder, monkeypatch):
    assert load_run(folder).directory == str(folder)
    monkeypatch.chdir(folder.parent)
    assert load_run(folder).directory == "mine"


def test_a_run_is_told_in_the_words_that_its_manifest_keeps(make_run):
    phrases = {"cheese": "ate the cheese"}
    run = replace(make_run(seeds=2), manifest={"environment": {"phrases": phrases}})

    assert run.phrases == phrases


def test_an_older_run_is_told_in_the_words_of_its_environment(make_run):
    run = make_run(seeds=2)
    other = replace(run, config={"env": {"name": "of another package"}})

    assert run.phrases["corner"] == "reached the corner"
    assert other.phrases == {}


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({}, ""),
        ({"verdict": None}, ""),
        ({"verdict": "goal misgeneralization"}, ""),
        ({"verdict": "goal misgeneralization", "rule": RULE}, ""),
        (
            {"verdict": "capability failure"},
            "judged by rule 2; its summary, by rule 1, says 'capability failure'",
        ),
        (
            {"verdict": "capability failure", "seeds": list(range(10))},
            "judged by rule 2; its summary, by rule 1, says 'capability failure' of "
            "all 10 seeds",
        ),
    ],
)
def test_a_summary_with_another_word_is_told_with_its_rule(make_run, summary, said):
    run = replace(make_run(seeds=4), summary=summary)

    assert run.judged.word == "goal misgeneralization"
    assert run.summary_differs == said


def test_greedy_episodes_can_be_judged_instead(folder):
    greedy, sampled = load_run(folder, mode="greedy"), load_run(folder)

    assert greedy.verdict.intervals != sampled.verdict.intervals


def test_a_run_that_is_not_evaluated_yet_says_so(tmp_path):
    with RunDirectory.open(tmp_path / "new", {}, manifest={}):
        pass

    with pytest.raises(UserError, match="no outcomes yet"):
        load_run(tmp_path / "new")


def test_a_run_without_alpha_is_called_by_its_folder(two_runs, tmp_path):
    with RunDirectory.open(tmp_path / "plain", {}, manifest={}) as directory:
        directory.write_outcomes(two_runs[0].outcomes)

    run = load_run(tmp_path / "plain")

    assert run.label == "plain"
    assert run.metrics.num_rows == 0


def test_figures_are_saved_for_all_that_a_run_has(two_runs, tmp_path):
    paths = save_figures(two_runs[0], tmp_path / "new" / "figures")

    assert {path.name for path in paths} == {
        "learning-curves.png",
        "shifts.png",
        "outcomes-agreeing.png",
        "outcomes-clean.png",
        "outcomes-published.png",
        "outcomes-no_cheese.png",
        "map-0.png",
        "map-1.png",
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
