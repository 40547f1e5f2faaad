"""`mesagym organisms` and `mesagym detect`: what they list, and wrong input."""

from pathlib import Path

import pytest

from mesagym.cli.commands import as_overrides
from mesagym.cli.detect import verdict_in_words
from mesagym.cli.main import main
from mesagym.tracking import RunDirectory
from tests.reproductions.zoo_examples import run_of


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that cannot be carried out; return what it says, one line."""
    assert main(list(words)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_organisms_are_listed_with_their_labels_before_any_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["organisms", "list", f"organisms={tmp_path}"]) == 0
    said = capsys.readouterr().out
    for name in ("O1", "O3r", "O5a", "O8c", "O9", "P"):
        assert f" {name} " in said


def test_detectors_are_listed_with_what_they_ask(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["detect", "list"]) == 0
    said = capsys.readouterr().out
    assert "D5" in said
    assert "plan edits" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["organisms", "make", "O1,O9x"], "O9"),
        (["organisms", "mke"], "make"),
        (["organisms", "make", "O1", "scale=laptop"], "smoke"),
        (["detect"], "which run"),
        (["detect", "list", "detectors=D44"], "D4"),
        (["detect", "bench", "detectors=D44"], "D4"),
        (["detect", "run=nowhere", "detectors=D44"], "D4"),
        (["detect", "run=nowhere"], "nowhere"),
        (["detect", "bench", "levels=1"], "levels"),
    ],
)
def test_wrong_input_gets_one_line(
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in complaint(capsys, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_benchmark_without_organisms_says_how_to_make_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = complaint(capsys, "detect", "bench", f"organisms={tmp_path / 'none'}")
    assert "mesagym organisms make all" in said


def test_ids_with_commas_are_one_value_and_no_sweep() -> None:
    words = as_overrides("organisms", ["make", "O1,O3", "scale=full"])
    assert words == ["action=make", "names='O1,O3'", "scale=full"]
    words = as_overrides("detect", ["bench", "detectors=D4,D5", "levels=32"])
    assert words == ["action=bench", "detectors='D4,D5'", "levels=32"]


def test_a_run_is_looked_into_in_words_with_the_reasons_said_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = ["detect", "run=experiments/demo/alpha-0", "detectors=D2,D3,D5"]
    words += ["levels=16", "nulls=19", f"out={page}", f"organisms={tmp_path}"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "D5 learn from development organisms" in said.err
    lines = said.out.splitlines()
    # Eight seeds with a score of their own; of the rest the reason, once.
    assert sum(line.startswith(" D2 ") for line in lines) == 8
    (line,) = (line for line in lines if line.startswith(" D3 "))
    assert "100 to 107" in line
    assert "not applicable" in line
    assert "Mind: It sees behaviour alone" in said.out
    assert "Its verdict, by what it does: goal misgeneralization.\n" in said.out
    assert "detectors tell little" not in said.out
    html = page.read_text("utf-8")
    assert "counterfactual displacement" in html
    assert "network takes no internal steps" in html


@pytest.mark.parametrize(
    ("able", "word", "caution"),
    [(True, "goal misgeneralization", False), (False, "untrained", True)],
)
def test_of_a_policy_that_learned_its_task_nobody_says_that_it_did_not(
    tmp_path: Path, able: bool, word: str, caution: bool
) -> None:
    seeds = (500, 501)
    run = run_of(
        tmp_path / "run", dict.fromkeys(seeds, "proxy"), dict.fromkeys(seeds, able)
    )
    said = verdict_in_words(RunDirectory.read(run.path))
    # Its summary says 'made up'.
    assert said.startswith("Its verdict, judged by rule 2; its summary, by rule 1, ")
    assert f": {word}." in said
    assert ("has not learned its task" in said) is caution


def test_a_run_without_rows_is_told_by_its_summary_and_the_rule_of_that(
    tmp_path: Path,
) -> None:
    with RunDirectory.open(tmp_path / "run", {}, manifest={}) as run:
        run.write_summary({"verdict": "capability failure"})
    said = verdict_in_words(RunDirectory.read(run.path))
    assert said.startswith(
        "Its verdict, by rule 1, as its summary has it: capability failure."
    )
    with RunDirectory.open(tmp_path / "without", {}, manifest={}) as other:
        pass
    assert verdict_in_words(RunDirectory.read(other.path)) == ""
