"""`-m`: every job of a sweep, what is said of each, and what it leaves."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mesagym.cli import sweep
from mesagym.cli.main import main
from mesagym.cli.naming import run_directory
from mesagym.errors import UserError

Jobs = list[Any]


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Jobs:
    """Collect configurations instead of training, in an empty folder."""
    collected: Jobs = []

    def carry_out(command: str, config: Any) -> int:
        collected.append(config)
        return 0

    monkeypatch.setattr(sweep, "carry_out", carry_out)
    monkeypatch.chdir(tmp_path)
    return collected


def failing(
    monkeypatch: pytest.MonkeyPatch, when: Callable[[Any], bool], what: Any
) -> Jobs:
    """Let jobs raise or return something; collect those that were tried."""
    tried: Jobs = []

    def carry_out(command: str, config: Any) -> int:
        tried.append(config)
        if not when(config):
            return 0
        if isinstance(what, Exception):
            raise what
        return what

    monkeypatch.setattr(sweep, "carry_out", carry_out)
    return tried


def test_every_combination_is_a_job(jobs: Jobs) -> None:
    assert main(["train", "-m", "split.alpha=0,0.5", "agent=mlp,cnn"]) == 0
    assert [(job.split.alpha, job.agent.name) for job in jobs] == [
        (0.0, "mlp"),
        (0.0, "cnn"),
        (0.5, "mlp"),
        (0.5, "cnn"),
    ]


def test_a_sweep_leaves_nothing_of_hydra(jobs: Jobs, tmp_path: Path) -> None:
    assert main(["train", "-m", "split.alpha=0,1"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_single_job_leaves_nothing_of_hydra(jobs: Jobs, tmp_path: Path) -> None:
    assert main(["train", "split.alpha=0.5"]) == 0
    assert [job.split.alpha for job in jobs] == [0.5]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_the_sweep_can_be_asked_for(jobs: Jobs, tmp_path: Path) -> None:
    assert main(["train", "-m", "seeds=1,2", "hydra.sweep.dir=mine"]) == 0
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["multirun.yaml"]


def test_jobs_go_where_the_same_single_command_goes(jobs: Jobs) -> None:
    main(["train", "-m", "split.alpha=0,0.5"])
    main(["train", "split.alpha=0.5"])
    assert run_directory(jobs[1]) == run_directory(jobs[2])
    assert run_directory(jobs[0]) != run_directory(jobs[1])


def test_the_jobs_of_a_sweep_are_one_group(jobs: Jobs) -> None:
    main(["train", "-m", "split.alpha=0,0.5"])
    main(["train", "-m", "split.alpha=0,0.7"])
    first, second, third, fourth = (job.group for job in jobs)
    assert first == second
    assert third == fourth
    assert first != third


def test_a_given_group_is_kept(jobs: Jobs) -> None:
    main(["train", "-m", "split.alpha=0,0.5", "group=mine"])
    assert [job.group for job in jobs] == ["mine", "mine"]


def test_a_file_of_shifts_can_be_swept(jobs: Jobs) -> None:
    main(["train", "-m", "shifts=quick,standard"])
    assert [job.shifts.names for job in jobs] == [["quick"], ["standard"]]


def test_an_experiment_can_be_a_sweep(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "alphas.yaml").write_text(
        "# @package _global_\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n      split.alpha: 0,0.25\n"
    )
    assert main(["train", "-cd", str(tmp_path), "experiment=alphas"]) == 0
    assert [job.split.alpha for job in jobs] == [0.0, 0.25]


def test_jobs_are_told_apart_by_what_differs(
    jobs: Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["train", "-m", "env.size=9", "split.alpha=0,1"])
    err = capsys.readouterr().err
    assert "job 2 of 2 (split.alpha=1)" in err


def test_a_job_that_cannot_be_stops_the_sweep_before_it_begins(
    jobs: Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "-m", "split.alpha=0,2"]) == 2
    assert jobs == []
    err = capsys.readouterr().err
    assert err.startswith("mesagym: job 2 of 2 (split.alpha=2): split.alpha: 2 is")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("swept", "said"),
    [
        (["shifts=quick,[agreeing,clean,cleen]"], "shifts: unknown shift 'cleen'"),
        (
            ["train.objectives={cheese:1},{chease:1}"],
            "train.objectives: unknown objective 'chease'",
        ),
    ],
)
def test_names_that_only_the_environment_knows_stop_a_sweep_before_it_begins(
    jobs: Jobs, capsys: pytest.CaptureFixture[str], swept: list[str], said: str
) -> None:
    assert main(["train", "-m", *swept]) == 2
    assert jobs == []
    err = capsys.readouterr().err
    assert err.startswith("mesagym: job 2 of 2 (")
    assert said in err
    assert err.count("\n") == 1


def test_jobs_that_would_write_the_same_directory_are_refused(
    jobs: Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "-m", "split.alpha=0,1", "run=here"]) == 2
    assert jobs == []
    assert "would both write 'here'" in capsys.readouterr().err


def test_a_job_that_is_refused_names_itself_and_the_others_go_on(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = failing(
        monkeypatch, lambda job: job.split.alpha == 0, UserError("the disk is full")
    )
    assert main(["train", "-m", "split.alpha=0,0.5"]) == 2
    assert len(tried) == 2
    err = capsys.readouterr().err
    assert "mesagym: job 1 of 2 (split.alpha=0): the disk is full\n" in err
    assert err.endswith("mesagym: 1 of 2 jobs failed\n")


def test_a_job_that_breaks_names_itself_and_shows_where(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, lambda job: job.split.alpha == 0, ZeroDivisionError("oh"))
    assert main(["train", "-m", "split.alpha=0,0.5"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError: oh" in err
    assert "mesagym: job 1 of 2 (split.alpha=0) failed" in err


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_whole_sweep_with_its_code(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    code = 128 + signal.Signals[name].value
    tried = failing(monkeypatch, lambda job: True, code)
    with pytest.raises(SystemExit) as ended:
        main(["train", "-m", "split.alpha=0,0.5"])
    assert ended.value.code == code
    assert len(tried) == 1
