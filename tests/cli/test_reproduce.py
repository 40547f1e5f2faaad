"""`mesagym reproduce`: the smallest scale of one result for real, and wrong input."""

import json
import subprocess
from pathlib import Path

import jax
import pytest

from mesagym.cli import memory, reproduce
from mesagym.cli.main import main
from mesagym.reproductions import folder
from mesagym.tracking import RunDirectory
from tests.cli.smallest import SMALLEST
from tests.reproductions.examples import written

TINY = ["env=corner", "env.size=5", "env.layout=open", *SMALLEST]


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that cannot be, and return its last line."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mesagym: ")
    return err.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corner, small, from the command line."""
    place = tmp_path_factory.mktemp("reproduced")
    assert main(["reproduce", "corner", "scale=smoke", f"run={place}"]) == 0
    return place


def test_a_result_has_figures_judgement_and_where_they_come_from(
    reproduced: Path,
) -> None:
    result = json.loads((reproduced / "result.json").read_text())
    assert set(result["conditions"]) == {"alpha-0", "alpha-1"}
    assert result["command"] == "mesagym reproduce corner scale=smoke"
    assert result["seconds"] > 0
    one = result["conditions"]["alpha-0"]
    assert one["seeds"] == [590, 591]
    assert one["environment"] == "Corner-v0"
    assert len(one["figures"]["policies"]["trained"]["clean"]["proxy"]) == 2
    assert (reproduced / "figure.png").read_bytes()[:4] == b"\x89PNG"


def test_two_seeds_prove_nothing(reproduced: Path) -> None:
    judgement = json.loads((reproduced / "result.json").read_text())["judgement"]
    assert judgement["outcome"] == "untestable here"
    assert set(judgement["blank"]) == {"alpha-0", "alpha-1"}


def test_even_small_the_corner_is_learned(reproduced: Path) -> None:
    result = json.loads((reproduced / "result.json").read_text())
    figures = result["conditions"]["alpha-0"]["figures"]["policies"]["trained"]
    clean = figures["clean"]
    shares = [p / n for p, n in zip(clean["proxy"], clean["trials"], strict=True)]
    assert min(shares) > 0.5


def test_a_complete_condition_is_not_trained_again(
    reproduced: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads((reproduced / "result.json").read_text())
    assert main(["reproduce", "corner", "scale=smoke", f"run={reproduced}"]) == 0
    out, err = capsys.readouterr()
    assert err.count("is complete already") == 2
    assert "smoke has 2 seeds and judges nothing" in out
    assert "2 seeds: no interval" in out
    assert "Untestable" not in out
    assert [line.split()[:4] for line in out.splitlines() if "alpha-" in line] == [
        ["alpha-0", "2", "of", "2"],
        ["alpha-1", "2", "of", "2"],
    ]
    after = json.loads((reproduced / "result.json").read_text())
    assert after["conditions"] == before["conditions"]


def test_the_list_has_every_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "--list"]) == 0
    out = capsys.readouterr().out
    for each in folder.all_reproductions():
        assert each.name in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cornr"], "there is no reproduction 'cornr'. Did you mean 'corner'?"),
        ([], "which result?"),
        (["corner", "scale=huge"], "scale: unknown 'huge'"),
        (["corner", "first_updates=0"], "first_updates: 0 is below 1"),
        (["corner", "dish"], "dish"),
        (["corner", "--list"], "leave it out"),
        (["corner", "device=tpu"], "there is no tpu here"),
    ],
)
def test_wrong_input_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert said in complaint(capsys, "reproduce", *words)


def test_a_folder_that_cannot_be_made_is_one_line_with_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    place = tmp_path / "file" / "run"
    said = complaint(capsys, "reproduce", "corner", "scale=smoke", f"run={place}")
    assert f"the folder '{place}' cannot be made or written into (Not a " in said
    assert "such as run=" in said


def test_a_folder_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    said = complaint(capsys, "reproduce", "corner", "scale=smoke", f"run={tmp_path}")
    assert "holds 'notes.txt', which is none of this result's" in said
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_flag_of_another_command_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "'train' has no such flag" in complaint(capsys, "train", "--list")


def test_a_condition_that_cannot_be_is_named_before_anything_is_trained(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written(tmp_path / "larger", overrides=["env=corner", "env.sise=9"])
    monkeypatch.setattr(folder, "experiments_folder", lambda: tmp_path)
    place = tmp_path / "run"
    said = complaint(capsys, "reproduce", "larger", "scale=smoke", f"run={place}")
    assert "larger, one: unknown key 'env.sise'" in said
    assert not place.exists()


def test_what_memory_cannot_hold_is_refused_before_it_starts(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**20)
    place = tmp_path / "run"
    said = complaint(capsys, "reproduce", "corner", "scale=smoke", f"run={place}")
    assert "needs about" in said
    assert "MiB" in said or "GiB" in said
    assert not place.exists()


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reproduction in a repository of its own, which has all of it."""
    there = written(tmp_path / "larger", overrides=TINY)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=me", "-c", "user.email=me@here"]
    for words in (["init", "-q"], ["add", "larger"], ["commit", "-qm", "Register"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(folder, "experiments_folder", lambda: tmp_path)
    monkeypatch.setattr(
        reproduce, "environment_facts", lambda: {"git": {"dirty": False}}
    )
    monkeypatch.setattr(reproduce, "_reproduce", lambda result, config: 0)
    return there


RECORD = ["larger", "scale=laptop", "record=true"]


def test_what_is_committed_may_be_recorded(committed: Path) -> None:
    claim = committed / "claim.yaml"
    # What binds nobody may be written while the runs are made.
    claim.write_text(claim.read_text().replace("Everything.", "Less of it."))
    assert main(["reproduce", *RECORD]) == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "protocol.py",
            "0.5)",
            "0.4)",
            "the test of 'larger' is not committed",
        ),
        ("claim.yaml", "above .5.", "above .4.", "claim of 'larger' binds itself to"),
    ],
)
def test_what_is_not_committed_is_refused_before_it_is_trained(
    committed: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    said: str,
) -> None:
    text = (committed / file).read_text()
    assert old in text
    (committed / file).write_text(text.replace(old, new))
    assert said in complaint(capsys, "reproduce", *RECORD)


def test_code_that_is_not_committed_is_refused_before_it_is_trained(
    committed: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        reproduce, "environment_facts", lambda: {"git": {"dirty": True}}
    )
    monkeypatch.setattr(reproduce, "changed_files", lambda: ["mesagym/one.py"])
    said = complaint(capsys, "reproduce", *RECORD)
    assert "record: mesagym/one.py differs from the last commit" in said
    assert said.endswith("commit it first")


def test_what_was_trained_with_uncommitted_code_is_not_recorded(
    committed: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    place = tmp_path / "run"
    about = {"git": {"dirty": True}, "seeds": [0], "command": "mesagym"}
    with RunDirectory.open(place / "one", {}, manifest=about, identity={}):
        pass
    said = complaint(capsys, "reproduce", *RECORD, f"run={place}")
    assert "one of 'larger' was trained with files that no commit has" in said


def test_first_updates_are_not_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    said = complaint(capsys, "reproduce", *RECORD[1:], "corner", "first_updates=1")
    assert said.startswith("mesagym: record and first_updates:")


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in folder.all_reproductions()])
def test_every_result_goes_through_at_its_smallest_scale(
    tmp_path: Path, name: str
) -> None:
    assert main(["reproduce", name, "scale=smoke", f"run={tmp_path}"]) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["judgement"]["outcome"]
    # What is compiled for one is of no use to the next, and takes maps of memory.
    jax.clear_caches()


@pytest.mark.slow
def test_the_same_command_gives_the_same_bits(reproduced: Path, tmp_path: Path) -> None:
    assert main(["reproduce", "corner", "scale=smoke", f"run={tmp_path}"]) == 0
    one, other = (
        json.loads((place / "result.json").read_text())["conditions"]
        for place in (reproduced, tmp_path)
    )
    for name, each in one.items():
        assert each["policies_sha256"] == other[name]["policies_sha256"]
        assert each["figures"] == other[name]["figures"]


@pytest.fixture
def tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reproduction whose second condition trains the first's policies on."""
    conditions = {
        "one": ["split.alpha=0"],
        "on": ["split.alpha=1", "train.start_from=@one"],
        "wider": ["agent.network.hidden=[9]"],
    }
    scales = {name: {"conditions": conditions} for name in ("smoke", "laptop", "paper")}
    written(tmp_path / "larger", overrides=TINY, conditions={}, scales=scales)
    monkeypatch.setattr(folder, "experiments_folder", lambda: tmp_path)
    return tmp_path / "run"


def test_a_condition_may_start_from_another(tuned: Path) -> None:
    assert main(["reproduce", "larger", "scale=smoke", f"run={tuned}"]) == 0
    manifest = json.loads((tuned / "on" / "manifest.json").read_text())
    assert Path(manifest["started_from"]["path"]) == tuned / "one"


def test_first_updates_are_made_once_for_each_program(
    tuned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["reproduce", "larger", "scale=paper", "first_updates=1", f"run={tuned}"]
    assert main(words) == 0
    assert {each.parent.name for each in tuned.glob("*/manifest.json")} == {
        "one",
        "wider",
    }
    assert not (tuned / "result.json").exists()
    assert "it runs" in capsys.readouterr().err
