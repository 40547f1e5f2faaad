"""The commands on an environment whose outcomes are amounts."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesagym.cli.main import main
from mesagym.evals.verdict_rule import RULE, WORDS
from mesagym.tracking import RunDirectory

TINY = (
    "env=keys_chests",
    "env.size=6",
    "env.layout=open",
    "env.max_keys=3",
    "env.max_chests=3",
    "env.num_keys=1",
    "env.num_chests=3",
    "env.shifted_keys=3",
    "env.shifted_chests=1",
    "env.max_steps=16",
    "agent.num_envs=8",
    "agent.rollout_steps=8",
    "agent.minibatches=2",
    "agent.network.hidden=[8]",
    "train.chunk=2",
    "train.steps=256",
    "evaluation.levels=8",
    "shifts=quick",
    "seeds=2",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that was trained, tested and drawn, and what its command printed."""
    path = tmp_path_factory.mktemp("runs") / "amounts"
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["train", *TINY, f"run={path}"]) == 0
    return path, out.getvalue()


@pytest.fixture
def run(finished: tuple[Path, str]) -> Iterator[RunDirectory]:
    with RunDirectory.read(finished[0]) as directory:
        yield directory


@pytest.fixture
def page(finished: tuple[Path, str]) -> str:
    return (finished[0] / "report.html").read_text()


def test_a_summary_has_a_word_and_the_rule_that_gave_it(run: RunDirectory) -> None:
    summary = run.read_summary()
    assert summary["verdict"] in WORDS
    assert summary["rule"] == RULE
    assert summary["in_words"].lower().startswith(f"{summary['verdict']}:")
    assert set(summary["scores"]) == {"training", "shifted"}
    assert summary["scores"]["training"]["chests"]["n_seeds"] == 2


def test_outcomes_are_returns_beside_random_and_the_references(
    run: RunDirectory,
) -> None:
    outcomes = run.read_outcomes()
    assert {"return_chests", "first_keys", "steps", "ended"} <= set(
        outcomes.column_names
    )
    assert not {"outcome", "efficiency"} & set(outcomes.column_names)
    assert {"trained", "random", "oracle:chests", "oracle:keys"} <= set(
        outcomes["policy"].to_pylist()
    )


def test_a_manifest_says_what_kind_of_outcomes_there_are_and_what_the_shifts_mean(
    run: RunDirectory,
) -> None:
    assert run.manifest["environment"]["kind"] == "allocation"
    assert "as in training" in run.manifest["shifts"]["training"]


def test_films_and_figures_are_of_the_first_two_shifts(run: RunDirectory) -> None:
    wanted = {
        "films/training.gif",
        "films/shifted.gif",
        "figures/scores-keys-shifted.png",
        "figures/learning-curves.png",
    }
    assert wanted - set(run.contents) == set()


def test_the_page_leads_with_the_word_and_says_what_the_numbers_mean(
    run: RunDirectory, page: str
) -> None:
    text = re.sub(r"<style>.*?</style>", "", page, flags=re.S).lower()
    assert "outcomes here are amounts" in text
    assert f'<div class="word">{run.read_summary()["verdict"]}</div>' in text


def test_the_terminal_shows_each_shift_and_objective(
    finished: tuple[Path, str],
) -> None:
    lines = finished[1].splitlines()
    rows = [line.split()[0] for line in lines if line.strip()]
    assert {"Training", "Shifted", "chests", "keys"} <= set(rows)
    assert max(map(len, lines[:-2])) <= 80


def test_a_training_is_tested_on_the_shifted_levels_whatever_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *TINY, "shifts=[training]", f"run={tmp_path / 'r'}"]) == 2
    assert "the numbers rest on 'shifted'" in capsys.readouterr().err


def test_an_evaluation_shows_every_way_of_acting(
    finished: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["shifts=quick", "levels=8", "modes=[sampled,greedy]", "name=both"]
    assert main(["evaluate", f"run={finished[0]}", *words]) == 0
    out = capsys.readouterr().out
    assert "Means over 2 seeds, 8 levels each" in out
    assert out.count("greedy") == out.count("sampled") == 2 * 3
    record = RunDirectory.read(finished[0]).read_evaluation("both")
    rates = record.read_summary()["rates"]
    greedy = [row for row in rates if row["mode"] == "greedy"]
    assert all(row["return_chests"] >= 0 for row in greedy)


def test_a_report_draws_again_what_is_missing(
    finished: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["report", f"run={finished[0]}", f"out={page}"]) == 0
    assert "What was earned: chests, keys" in page.read_text()
