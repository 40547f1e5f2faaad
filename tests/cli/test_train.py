"""The commands end to end, on the smallest training that goes through everything."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mesagym.cli import doctor, evaluate, report, train
from mesagym.cli.main import main
from mesagym.cli.pictures import FILMED
from mesagym.cli.schema import ReportConfig
from mesagym.errors import UserError
from mesagym.evals.verdict_rule import UNTRAINED
from mesagym.report.view import MAPS, load_run
from mesagym.tracking import ConsoleSink, RunDirectory
from mesagym.training import saved
from tests.cli.smallest import SMALLEST

TINY = ("env.size=5", "env.layout=open", "train.save_seconds=0", *SMALLEST)


def trained(path: Path, *words: str) -> int:
    return main(["train", *TINY, f"run={path}", *words])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained, tested and drawn."""
    path = tmp_path_factory.mktemp("runs") / "finished"
    assert trained(path) == 0
    return path


@pytest.fixture
def run(finished: Path) -> Iterator[RunDirectory]:
    with RunDirectory.read(finished) as directory:
        yield directory


def policies(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.glob("policy/*.safetensors")}


# --- train ----------------------------------------------------------------------------


def test_a_run_has_all_that_it_promises(run: RunDirectory) -> None:
    assert run.completed
    wanted = {
        "config.yaml",
        "summary.json",
        "outcomes.parquet",
        "policy/policy.json",
        "policy/seed-0.safetensors",
        "policy/seed-1.safetensors",
        "films/agreeing.gif",
        "films/clean.gif",
        "figures/learning-curves.png",
        "report.html",
    }
    assert wanted - set(run.contents) == set()


def test_films_which_say_that_pictures_are_complete_come_after_the_maps(
    run: RunDirectory,
) -> None:
    pictures = [
        name for name in run.contents if name == MAPS or name.startswith("films/")
    ]
    assert pictures == [MAPS, "films/agreeing.gif", "films/clean.gif"]
    assert len(pictures) == 1 + FILMED


def test_nothing_in_a_run_is_pickled(finished: Path) -> None:
    kinds = {path.suffix for path in finished.rglob("*") if path.is_file()}
    readable = {".yaml", ".json", ".parquet", ".safetensors", ".png", ".gif", ".html"}
    assert kinds - readable == set()


def test_hydra_leaves_nothing_in_a_run(finished: Path) -> None:
    names = {path.name for path in finished.parent.rglob("*")}
    assert not names & {".hydra", "outputs", "multirun", "multirun.yaml", "train.log"}


def test_metrics_have_a_row_for_each_seed_and_update(run: RunDirectory) -> None:
    metrics = run.read_metrics()
    seeds, updates = metrics["seed"].to_pylist(), metrics["update"].to_pylist()
    rows = sorted(zip(seeds, updates, strict=True))
    assert rows == [(seed, update) for seed in (0, 1) for update in range(1, 9)]


def test_a_summary_has_the_verdict_and_what_it_rests_on(run: RunDirectory) -> None:
    summary = run.read_summary()
    assert summary["env_steps"] == 512
    assert summary["stopped_seeds"] == []
    assert {"verdict", "in_words", "intervals", "random", "alpha"} <= set(summary)


def test_a_manifest_keeps_the_words_in_which_its_objectives_are_told(
    run: RunDirectory,
) -> None:
    assert run.manifest["environment"]["phrases"] == {
        "cheese": "reached the cheese",
        "corner": "reached the corner",
    }


def test_outcomes_have_random_and_the_oracles_beside_the_trained(
    run: RunDirectory,
) -> None:
    outcomes = run.read_outcomes()
    assert set(outcomes["policy"].to_pylist()) == {
        "trained",
        "random",
        "wall_follower",
        "heading_keeper",
        "oracle:cheese",
        "oracle:corner",
    }
    assert set(outcomes["shift"].to_pylist()) == {"agreeing", "clean"}


def test_evaluators_asked_at_the_end_are_kept_and_change_no_identity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = (
        "env=two_goals",
        "env.size=5",
        "env.layout=open",
        "evaluation.levels=32",
        "evaluation.evaluators=[quick]",
    )
    assert trained(tmp_path / "run", *asked) == 0
    run = RunDirectory.read(tmp_path / "run")
    assert {"findings.parquet", "findings.json"} <= set(run.contents)
    findings = load_run(run.path).findings
    assert findings is not None
    assert set(findings.facts) == {"preference", "goal_posterior"}
    assert {r.policy for r in findings.readings("goal_posterior")} == {"trained"}
    capsys.readouterr()
    assert trained(tmp_path / "run", *asked[:-1], "evaluation.evaluators=[]") == 0
    assert "complete already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("evaluation.evaluators=[preferense]",), "unknown evaluator 'preferense'"),
        (
            ("env=keys_chests", "evaluation.evaluators=[preference]"),
            "'preference' does not apply to KeysChests",
        ),
    ],
)
def test_an_evaluator_that_cannot_be_asked_is_refused_before_training(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    asked: tuple[str, ...],
    says: str,
) -> None:
    words = [each for each in TINY if not each.startswith("env.")]
    path = tmp_path / "run"
    assert main(["train", *words, f"run={path}", *asked]) == 2
    assert says in capsys.readouterr().err
    assert not path.exists()


def test_the_same_command_finds_a_run_complete_and_changes_nothing(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*.json")}
    assert trained(finished) == 0
    out, err = capsys.readouterr()
    assert "is complete already" in err
    assert f"Report: {finished / 'report.html'}" in out
    assert {path: path.read_bytes() for path in finished.rglob("*.json")} == before


def test_another_configuration_is_refused_where_a_run_lies(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(finished, "split.alpha=0.5") == 2
    err = capsys.readouterr().err
    assert err.startswith(f"mesagym: '{finished}' belongs to another configuration")
    assert "split.alpha is 0 there and 0.5 here" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train.objectives={chease:1}"], "train.objectives: unknown objective"),
        (["shifts=[agreeing]"], "shifts.names: the verdict rests on 'clean'"),
        (["shifts=[agreeing,cleen]"], "shifts: unknown shift 'cleen'. Did you mean"),
        (["shifts=[quick,levels/nowhere]"], "levels: there is no folder or file"),
        (["env.region=3", "shifts=quick"], "shifts: 'agreeing' found 0 of 8 agreeing"),
        (["device=tpu"], "device: there is no tpu here"),
    ],
)
def test_what_only_the_rooms_below_know_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], said: str
) -> None:
    assert trained(tmp_path / "run", *words) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"mesagym: {said}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_breaks_a_rule_is_refused_before_training_on_its_shift(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "bad.txt").write_text("#####\n#..*#\n#.Q.#\n#..@#\n#####\n")
    assert trained(tmp_path / "run", f"shifts=[quick,{texts}]") == 2
    assert "line 3, column 3: unknown letter 'Q'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_saves_and_the_same_command_ends_with_the_same_weights(
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    code: int,
) -> None:
    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        # The first chunk's numbers are out: somebody presses Ctrl-C.
        patch.setattr(
            ConsoleSink,
            "log",
            lambda *_, **__: os.kill(os.getpid(), signal.Signals[name]),
        )
        assert trained(path) == code
    err = capsys.readouterr().err
    assert f"stopped by {name} after 128 steps a seed, saved in '{path}'" in err
    assert not RunDirectory.read(path).completed
    assert trained(path) == 0
    assert policies(path) == policies(finished)


def test_seeds_that_lose_their_loss_are_said_and_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(tmp_path / "run", "agent.learning_rate=1e30") == 1
    err = capsys.readouterr().err
    assert "seed 0 stopped by update" in err
    assert "every seed lost its loss" in err


# --- saved policies -------------------------------------------------------------------


def test_a_saved_policy_comes_back_as_it_was(run: RunDirectory) -> None:
    there = saved.load(run)
    arrays, _ = run.load_policy(1)
    weights = there.of_seed(1)["params"]["policy_head"]["kernel"]
    assert np.array_equal(weights, arrays["params/policy_head/kernel"])
    assert (there.env.height, there.env.layout, there.seeds) == (5, "open", (0, 1))


def test_the_card_of_a_policy_says_what_it_was_trained_in(run: RunDirectory) -> None:
    _, card = run.load_policy(0)
    assert card["environment"]["name"] == "Corner-v0"
    assert card["environment"]["params"]["max_steps_in_episode"] == 16
    assert card["network"] == {"name": "mlp", "hidden": [8], "activation": "relu"}
    assert card["actions"] == ["up", "left", "down", "right"]


def test_a_policy_of_other_dynamics_is_refused(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesagym.envs.corner.Corner.dynamics_version", 99)
    with pytest.raises(UserError, match="under version 1 of the dynamics"):
        saved.load(run)


def test_a_seed_that_was_not_trained_is_refused(run: RunDirectory) -> None:
    with pytest.raises(UserError, match="no policy of seed 7"):
        saved.load(run, [7])


# --- evaluate -------------------------------------------------------------------------


def test_an_evaluation_is_a_table_and_a_folder_of_its_own(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["shifts=[clean,agreeing]", "levels=8", "modes=[greedy]", "seeds=[1]"]
    assert main(["evaluate", f"run={finished}", *words]) == 0
    out = capsys.readouterr().out
    rows = [line.split()[0] for line in out.splitlines() if line.strip()]
    shown = [row for row in rows if row in ("agreeing", "clean", "random")]
    assert shown == ["clean", "random", "agreeing", "random"]
    (name,) = RunDirectory.read(finished).evaluations()
    record = RunDirectory.read(finished).read_evaluation(name)
    outcomes = record.read_outcomes()
    assert record.completed
    assert outcomes["shift"].unique().to_pylist() == ["clean", "agreeing"]


def test_a_complete_evaluation_is_read_back_and_says_the_same(
    finished: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [f"run={finished}", "shifts=[clean,agreeing]", "levels=8", "name=again"]
    assert main(["evaluate", *words]) == 0
    first = capsys.readouterr()
    assert "complete already" not in first.err
    monkeypatch.setattr(evaluate, "assess", lambda *_: pytest.fail("computed again"))
    assert main(["evaluate", *words]) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "again' is complete already" in second.err


def test_an_evaluation_of_before_is_judged_anew_and_its_own_word_told(
    finished: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [f"run={finished}", "shifts=[clean,agreeing]", "levels=8", "name=before"]
    assert main(["evaluate", *words]) == 0
    first = capsys.readouterr()
    assert "judged by rule" not in first.err
    record = RunDirectory.read(finished).read_evaluation("before")
    of_before = {**record.read_summary(), "verdict": "capability failure", "rule": 1}
    monkeypatch.setattr(type(record), "read_summary", lambda self: of_before)
    assert main(["evaluate", *words]) == 0
    second = capsys.readouterr()
    line = "judged by rule 2; its summary, by rule 1, says 'capability failure'"
    assert line in second.err
    assert second.out == first.out


def test_levels_of_a_folder_that_changed_are_tested_anew(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for name in ("first", "second"):
        (texts / f"{name}.txt").write_text("#####\n#..*#\n#...#\n#..@#\n#####\n")
        assert main(["evaluate", f"run={finished}", f"shifts=[{texts}]"]) == 0
        assert "complete already" not in capsys.readouterr().err


def test_untrained_seeds_are_named_and_two_seeds_have_no_interval(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run={finished}", "shifts=[clean,agreeing]", "levels=8", "name=wide"]
    seeds = load_run(finished).judged.seeds.items()
    failed = [seed for seed, each in seeds if each.word == UNTRAINED]
    assert main(["evaluate", *words]) == 0
    out = capsys.readouterr().out
    (named,) = re.findall(r"Untrained in the run's own tests: seeds? (.*) \(of", out)
    assert [int(seed) for seed in named.split(", ")] == failed
    assert "of so few seeds no interval" in " ".join(out.split())
    assert "[." not in out


def test_rates_of_four_seeds_have_intervals_beside_or_below_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trained(tmp_path / "four", "seeds=4") == 0
    capsys.readouterr()
    words = [f"run={tmp_path / 'four'}", "shifts=[clean,agreeing]", "levels=8"]
    for columns in ("200", "40"):
        monkeypatch.setenv("COLUMNS", columns)
        assert main(["evaluate", *words]) == 0
        out = capsys.readouterr().out
        assert "in brackets 95% intervals over seeds" in " ".join(out.split())
        cell = r"\d?\.\d\d \[\d?\.\d\d, \d?\.\d\d\]"
        table, _, _ = out.partition("Untrained in")
        beside = [line for line in table.splitlines() if re.search(cell, line)]
        assert bool(beside) == (columns == "200")
        assert "…" not in out


def test_a_shift_that_a_network_cannot_see_is_left_out_with_a_line(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run={finished}", "shifts=[larger,agreeing]", "levels=8", "name=left-out"]
    assert main(["evaluate", *words]) == 0
    err = capsys.readouterr().err
    assert "shift 'larger' is left out: this network reads grids of 5x5 only" in err


def test_an_evaluation_of_a_whole_run_counts_the_seeds_that_training_lost(
    finished: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = {"seeds": [0, 1, 2, 3, 4]}
    monkeypatch.setattr(RunDirectory, "manifest", property(lambda _: lost))
    words = ["shifts=quick", "levels=8", "name=lost"]
    assert main(["evaluate", f"run={finished}", *words]) == 0
    assert " of 5 seeds did not learn" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run=nowhere"], "there is no run directory at 'nowhere'"),
        (["run={path}", "shifts=[larger]"], "these policies fit none of larger"),
        (["run={path}", "shifts=[nonsense]"], "unknown shift 'nonsense'"),
        (["run={path}", "seeds=[5]"], "has no policy of seed 5"),
    ],
)
def test_an_evaluation_that_cannot_be_is_a_line(
    finished: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    code = main(["evaluate", *(word.format(path=finished) for word in words)])
    err = capsys.readouterr().err
    assert code == 2
    assert said in err.splitlines()[-1]


# --- report and demo ------------------------------------------------------------------


def test_a_report_makes_what_a_run_lacks(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["report", f"run={finished}", f"out={page}"]) == 0
    assert page.read_text().startswith("<!doctype html>")
    assert f"Report: {page}" in capsys.readouterr().out


def test_a_report_onto_the_runs_own_keeps_its_hashes_true(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = finished / "report.html"
    for _ in range(2):
        assert main(["report", f"run={finished}", f"out={page}"]) == 0
        assert f"Report: {page}" in capsys.readouterr().out
    RunDirectory.read(finished).verify()
    other = f"out={finished / 'outcomes.parquet'}"
    assert main(["report", f"run={finished}", other]) == 2
    assert "which keeps their hashes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("runs", "place"),
    [
        (["runs/one"], "runs/one"),
        (["runs/one", "runs/other"], "runs"),
        (["{here}/runs/one", "runs/other"], "{here}/runs"),
    ],
)
def test_a_page_of_several_runs_goes_to_the_folder_that_holds_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[str], place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    config = ReportConfig(run=[each.format(here=tmp_path) for each in runs])
    assert report.where(config) == Path(place.format(here=tmp_path)) / "report.html"


def test_runs_of_different_environments_are_refused_before_anything_is_drawn(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    outcomes = RunDirectory.read(finished).read_outcomes()
    renamed = [name.replace("corner", "tower") for name in outcomes.column_names]
    config = RunDirectory.read(finished).config
    with RunDirectory.open(other, config, manifest={}) as directory:
        directory.write_outcomes(outcomes.rename_columns(renamed))
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    words = [f"run=[{finished},{other}]", f"out={tmp_path / 'page.html'}"]
    assert main(["report", *words]) == 2
    said = "these runs have different objectives, (cheese, corner) and (cheese, tower)"
    assert said in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before
    assert not (tmp_path / "page.html").exists()


def test_a_demo_whose_second_training_cannot_be_does_not_begin_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    (folder / "alpha-1").mkdir(parents=True)
    (folder / "alpha-1" / "notes.doc").write_text("mine")
    assert main(["demo", *TINY, "alphas=[0,1]", f"run={folder}"]) == 2
    assert "is not a run directory" in capsys.readouterr().err
    assert not (folder / "alpha-0").exists()


def test_an_evaluation_on_texts_that_cannot_be_read_leaves_no_folder(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.txt").write_text("###\n")
    words = [f"run={finished}", f"shifts=[agreeing,{tmp_path}]", "name=none"]
    assert main(["evaluate", *words]) == 2
    assert "bad.txt" in capsys.readouterr().err
    assert not (finished / "evaluations" / "none").exists()


def test_the_demo_compares_two_runs_and_says_where_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    assert main(["demo", *TINY, "alphas=[0,1]", f"run={folder}"]) == 0
    out, err = capsys.readouterr()
    assert "training 2 of 2: α = 1" in err
    assert "α = 0" in out
    assert "α = 1" in out
    assert out.endswith(f"Report: {folder / 'report.html'}\n")
    alphas = {
        json.loads((path / "summary.json").read_text())["alpha"]
        for path in (folder / "alpha-0", folder / "alpha-1")
    }
    assert alphas == {0, 1}


# --- doctor ---------------------------------------------------------------------------


def test_a_doctor_finds_everything_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "TINY", TINY)  # compiled already
    assert main(["doctor", "matrix=64", "repeats=2"]) == 0
    out = capsys.readouterr().out
    assert "GFLOP/s in float32" in out
    assert "training step   runs" in out
    assert "\nOK: " in out


def test_a_doctor_says_what_to_mend(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise RuntimeError("no such instruction\nand more")

    monkeypatch.setattr(doctor, "_training_step", broken)
    assert main(["doctor", "matrix=64", "repeats=2"]) == 1
    out = capsys.readouterr().out
    assert "To mend:\n  training step: RuntimeError: no such instruction\n" in out
    assert "OK" not in out


def test_a_signal_between_the_last_chunk_and_the_tests_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    logged = []

    def log(*_: object, **__: object) -> None:
        logged.append(1)
        if len(logged) == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(ConsoleSink, "log", log)
    monkeypatch.setattr(train, "_conclude", lambda *_: pytest.fail("went on"))
    assert trained(path) == 143


def test_steps_that_were_rounded_up_say_from_what() -> None:
    assert train.steps_in_words(2048, 2048) == "2.05k steps"
    said = train.steps_in_words(2000.0, 2048)
    assert said == "2,048 steps (2,000 rounded up to whole chunks)"
