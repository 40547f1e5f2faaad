"""A run that was stopped, or that still trains: tested and shown as it stands."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from mesagym.cli.main import main
from mesagym.report.view import load_run
from mesagym.tracking import ConsoleSink, RunDirectory
from mesagym.training.saved import load_unfinished
from tests.cli.smallest import SMALLEST
from tests.cli.test_killed_training import start, wait_for_a_checkpoint

TINY = ("env.size=5", "env.layout=open", "train.save_seconds=0", *SMALLEST)
TESTS = ("shifts=quick", "levels=8")

Err = pytest.CaptureFixture[str]


def stopped(path: Path, patch: pytest.MonkeyPatch) -> None:
    """Train one more chunk, in which somebody presses Ctrl-C."""
    with patch.context() as inside:
        inside.setattr(
            ConsoleSink, "log", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)
        )
        assert main(["train", *TINY, f"run={path}"]) == 130


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Err) -> Path:
    path = tmp_path / "stopped"
    stopped(path, monkeypatch)
    capsys.readouterr()
    return path


def left_alone(path: Path) -> dict[str, bytes]:
    """Return every file of a run that is not of an evaluation."""
    return {
        str(each.relative_to(path)): each.read_bytes()
        for each in path.rglob("*")
        if each.is_file() and each.relative_to(path).parts[0] != "evaluations"
    }


def test_the_policies_of_a_checkpoint_are_those_that_training_goes_on_from(
    run: Path,
) -> None:
    unfinished = load_unfinished(run)
    checkpoint = RunDirectory.read(run).load_checkpoint()
    assert checkpoint is not None
    kernel = checkpoint.arrays["optimised/params/params/policy_head/kernel"]
    for k, seed in enumerate(unfinished.trained.seeds):
        weights = unfinished.trained.of_seed(seed)["params"]["policy_head"]["kernel"]
        np.testing.assert_array_equal(weights, kernel[k])
    assert unfinished.in_words() == "after 128 of 512 steps"


def test_a_stopped_run_is_evaluated_from_its_last_checkpoint(
    run: Path, capsys: Err
) -> None:
    before = left_alone(run)
    assert main(["evaluate", f"run={run}", *TESTS]) == 0
    out, err = capsys.readouterr()
    assert "its last checkpoint is tested, after 128 of 512 steps" in err
    assert "Unfinished run, after 128 of 512 steps of each seed." in out
    assert left_alone(run) == before
    directory = RunDirectory.read(run)
    (name,) = directory.evaluations()
    assert directory.read_evaluation(name).manifest["checkpoint"] == {
        "update": 2,
        "env_steps": 128,
        "total_env_steps": 512,
    }


def test_a_later_checkpoint_is_another_evaluation_and_the_same_one_is_read_back(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Err
) -> None:
    words = ["evaluate", f"run={run}", *TESTS]
    assert main(words) == 0
    assert main(words) == 0
    assert "is complete already" in capsys.readouterr().err
    stopped(run, monkeypatch)
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "is complete already" not in err
    assert "after 256 of 512 steps" in out
    assert len(RunDirectory.read(run).evaluations()) == 2


def test_a_name_that_an_earlier_checkpoint_has_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Err
) -> None:
    words = ["evaluate", f"run={run}", *TESTS, "name=mine"]
    assert main(words) == 0
    stopped(run, monkeypatch)
    capsys.readouterr()
    assert main(words) == 2
    assert "checkpoint.update is 2 there and 4 here" in capsys.readouterr().err


def test_a_report_of_a_stopped_run_says_that_it_is_unfinished(
    run: Path, capsys: Err
) -> None:
    before = left_alone(run)
    assert main(["report", f"run={run}"]) == 0
    out, _ = capsys.readouterr()
    said = "α = 0, unfinished, after 128 of 512 steps of each seed"
    assert said in " ".join(out.split())
    (name,) = RunDirectory.read(run).evaluations()
    page = run / "evaluations" / name / "report.html"
    assert out.endswith(f"Report: {page}\n")
    text = page.read_text()
    assert "<strong>α = 0, unfinished</strong>, after 128 of 512 steps" in text
    assert "<h2>Training</h2>" in text  # the learning curves so far
    assert "<h2>Episodes</h2>" in text
    assert left_alone(run) == before
    RunDirectory.read(run).read_evaluation(name).verify()


def test_a_run_that_somebody_writes_to_is_read_and_not_waited_for(
    run: Path, tmp_path: Path
) -> None:
    with RunDirectory.reopen(run):  # as training holds it
        assert main(["evaluate", f"run={run}", *TESTS]) == 0
        assert main(["report", f"run={run}", f"out={tmp_path / 'page.html'}"]) == 0
    assert "unfinished" in (tmp_path / "page.html").read_text()


def test_what_was_found_of_a_checkpoint_is_not_found_of_the_finished_run(
    run: Path, capsys: Err
) -> None:
    assert main(["evaluate", f"run={run}", *TESTS]) == 0
    (name,) = RunDirectory.read(run).evaluations()
    assert load_run(run, evaluation=name).findings is not None
    assert main(["train", *TINY, f"run={run}"]) == 0
    view = load_run(run)
    assert (view.findings, view.unfinished, view.label) == (None, "", "α = 0")
    capsys.readouterr()
    assert main(["export", f"run={run}", "table=findings"]) == 2
    assert "has no findings yet" in capsys.readouterr().err
    assert main(["evaluate", f"run={run}", *TESTS]) == 0
    out, _ = capsys.readouterr()
    assert "nfinished" not in out


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_a_run_without_a_checkpoint_is_a_line(
    command: str, tmp_path: Path, capsys: Err
) -> None:
    path = tmp_path / "begun"
    with RunDirectory.open(path, {"split": {"alpha": 0}}, manifest={}):
        pass
    assert main([command, f"run={path}"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "no trained policy yet, and no checkpoint" in err
    assert not (path / "evaluations").exists()


def test_a_checkpoint_that_does_not_say_what_its_weights_are_of_is_a_line(
    run: Path, capsys: Err
) -> None:
    with RunDirectory.reopen(run) as directory:
        checkpoint = directory.load_checkpoint()
        assert checkpoint is not None
        # As it was saved before checkpoints said so.
        directory.save_checkpoint(2, checkpoint.arrays, {"updates": 2})
    assert main(["evaluate", f"run={run}", *TESTS]) == 2
    assert "was saved by an earlier mesagym" in capsys.readouterr().err
    assert main(["train", *TINY, f"run={run}"]) == 0


def test_a_seed_that_lost_its_loss_is_not_read(run: Path, capsys: Err) -> None:
    with RunDirectory.reopen(run) as directory:
        checkpoint = directory.load_checkpoint()
        assert checkpoint is not None
        arrays = {**checkpoint.arrays, "alive": np.array([False, True])}
        directory.save_checkpoint(2, arrays, checkpoint.meta)
    assert load_unfinished(run).trained.seeds == (1,)
    assert main(["evaluate", f"run={run}", *TESTS, "seeds=[0]"]) == 2
    assert "no policy of seed 0 in its checkpoint" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_in_training_is_evaluated_then_stopped_and_evaluated_again(
    tmp_path: Path, capsys: Err
) -> None:
    path = tmp_path / "run"
    training = start(path)
    try:
        assert wait_for_a_checkpoint(training, path)
        assert main(["evaluate", f"run={path}", *TESTS]) == 0
        assert training.poll() is None, "it was over before it was read"
        training.send_signal(signal.SIGINT)
        _, said = training.communicate(timeout=120)
        assert training.returncode == 130, said.decode()
    finally:
        if training.poll() is None:
            training.kill()
            training.communicate()
    assert main(["report", f"run={path}"]) == 0
    out, _ = capsys.readouterr()
    assert out.count("of 1.01M steps of each seed") == 2  # 123 whole chunks
    RunDirectory.read(path).verify()
