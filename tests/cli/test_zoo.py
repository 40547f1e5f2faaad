"""`mesagym zoo` and `mesagym reproduce --page`: what they print, write and refuse."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mesagym.cli.film import shown_on, trained_at
from mesagym.cli.main import main
from mesagym.report.films import film_title
from mesagym.reproductions import folder
from mesagym.tracking import RunDirectory, atomic_write_json
from mesagym.tracking.files import read_sealed, sealed
from mesagym.training.saved import load
from tests.reproductions.zoo_examples import recorded_with_policies


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("zoo")
    recorded_with_policies(place)
    return place


@pytest.fixture(autouse=True)
def stored(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recorded result with two policies; the test's own copy, in its own folder."""
    shutil.copytree(made / "experiments", tmp_path / "experiments")
    monkeypatch.setattr(folder, "experiments_folder", lambda: tmp_path / "experiments")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "experiments" / "larger" / "policies" / "one"


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that cannot be, and return its last line."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.strip().splitlines()[-1]


def test_the_list_waits_for_no_jax() -> None:
    code = (
        "import sys; from mesagym.cli.main import main; main(['zoo', 'list']); "
        "sys.exit('jax' in sys.modules or 'matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "words",
    [["zoo"], ["zoo", "list"], ["zoo", "list", "larger"], ["zoo", "list", "R99"]],
)
def test_the_list_has_names_verdicts_and_outcomes(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 0
    out = capsys.readouterr().out
    for said in ("larger/one", "2 of 2", "goal misgeneralization", "confirmed"):
        assert said in out


def test_the_list_says_what_its_columns_mean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["zoo", "list"]) == 0
    out = capsys.readouterr().out
    for heading in ("trained with", "kept", "verdict", "the claim"):
        assert f"\n{heading}: " in out
    assert max(map(len, out.partition("\ntrained with:")[2].splitlines())) <= 80


def test_a_word_of_an_older_rule_is_marked(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = read_sealed(stored / "card.json")
    card["verdict"] = {"word": "capability failure", "in_words": "It was lost."}
    atomic_write_json(stored / "card.json", sealed(card))
    assert main(["zoo", "list"]) == 0
    assert "capability failure (rule 1)" in capsys.readouterr().out
    assert main(["zoo", "load", "larger/one"]) == 0
    assert "All seeds. By rule 1, an older one. It was lost." in capsys.readouterr().out


def test_an_unknown_name_gives_few_names_and_the_command_for_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = complaint(capsys, "zoo", "film", "nothing")
    assert said.endswith("in the zoo. `mesagym zoo list` has all 1.")
    said = complaint(capsys, "zoo", "film", "larger")
    assert "Of 'larger' it has larger/one." in said


def test_policies_that_do_not_fit_are_named_and_the_list_goes_on(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = stored / "card.json"
    card.write_text(card.read_text().replace("misgeneralization", "robustness"))
    assert main(["zoo", "list"]) == 2
    out, err = capsys.readouterr()
    assert "card.json' is torn or altered" in err
    assert "larger/one" in out


def test_the_list_does_not_repeat_an_outcome_that_does_not_fit(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = stored.parent.parent / "protocol.py"
    protocol.write_text(protocol.read_text() + "# Changed.\n")
    assert main(["zoo", "list"]) == 2
    out, err = capsys.readouterr()
    assert "does not fit, see above" in out
    assert "confirmed  " not in out
    assert err.count("the recorded result of 'larger' was made by another test") == 1


def test_policies_without_a_recorded_result_are_said_to_be_that(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stored.parent.parent / "result.json").unlink()
    assert "no recorded result of 'larger'" in complaint(
        capsys, "zoo", "load", "larger/one"
    )
    assert main(["zoo", "list"]) == 2
    assert "no recorded result of 'larger'" in capsys.readouterr().err


def test_what_is_loaded_is_a_run_directory_with_its_card(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["zoo", "load", "larger/one"]) == 0
    out = capsys.readouterr().out
    assert "seed 500: goal misgeneralization" in out
    place = Path("zoo/larger/one")
    assert f"Policies: {place}" in out
    RunDirectory.read(place).verify()
    assert load(place).seeds == (500, 501)
    assert (place / "card.json").is_file()


def test_remade_weights_are_taken_from_where_they_lie(made: Path) -> None:
    run = made / "runs" / "one"
    assert main(["zoo", "load", "larger/one", f"run={run}", "out=mine"]) == 0
    assert load("mine").seeds == (500, 501)


def test_a_film_is_of_the_representative(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["zoo", "film", "larger/one", "shift=clean", "n=1", "seed=3"]
    assert main(words) == 0
    name = "film-larger-one-seed-500.gif"
    assert f"Film: {name}" in capsys.readouterr().out
    data = Path(name).read_bytes()
    assert data[:4] == b"GIF8"
    assert film_title(data).endswith("larger/one, shown on clean distinguishing levels")


def test_an_unknown_shift_is_refused_before_anything_is_compiled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["zoo", "film", "larger/one", "shift=claen"]) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert "shift: unknown shift 'claen'. Did you mean 'clean'?" in said
    assert "quick" not in said


def test_what_is_loaded_of_another_test_comes_with_a_warning(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol = stored.parent.parent / "protocol.py"
    protocol.write_text(protocol.read_text() + "# Changed.\n")
    assert main(["zoo", "load", "larger/one"]) == 0
    said = capsys.readouterr().err
    assert "take care: the recorded result of 'larger' was made by another test" in said


def test_the_alpha_of_levels_is_told_apart_from_that_of_training() -> None:
    assert trained_at("mine", 0.5) == "mine, trained at α = 0.5"
    assert trained_at("mine", None) == "mine"
    assert shown_on(0, None) == "shown on unshifted levels"
    assert shown_on(1, None) == "shown on shifted levels"
    assert shown_on(0.25, None).endswith("a share of 0.25 is shifted")
    assert shown_on(1, "tree") == "shown on levels of the shift 'tree'"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["load", "larger/on"], "no 'larger/on' in the zoo. Did you mean 'larger/one'"),
        (["list", "smaller"], "there is no 'smaller' in the zoo"),
        (["list", "lar"], "no 'lar' in the zoo. Did you mean 'larger'?"),
        (["film", "R99"], "no 'R99' in the zoo. Of 'larger' it has larger/one."),
        (["list", "shift=nope"], "shift: `zoo list` does nothing with it"),
        (["list", "larger", "out=x"], "out: `zoo list` does nothing with it"),
        (["load", "larger/one", "policy_seed=500"], "policy_seed: `zoo load` does"),
        (["film", "larger/one", "run=x"], "run: `zoo film` does nothing with it"),
        (["film", "larger/one", "shift=quick"], "'quick' is a suite; name one of"),
        (["film", "larger/one", "shift=larger"], "'larger' shows these policies"),
        (["lod", "larger/one"], "action: unknown 'lod'. Did you mean 'load'"),
        (["load"], "zoo load: which? Give a name"),
        (["film"], "zoo film: which? Give a name"),
        (["film", "larger/one", "policy_seed=7"], "7 of 'larger/one' is not kept"),
        (["film", "larger/one", "out=x.png"], "'x.png' does not end in .gif"),
        (["film", "larger/one", "out=/nonexist/x.gif"], "no folder '/nonexist'"),
        (["film", "larger/one", "out=a/b/x.gif"], "there is no folder 'a/b'"),
        (["load", "larger/one", "run=nowhere"], "no run directory at 'nowhere'"),
        (["load", "larger/one", "out=experiments"], "experiments"),
    ],
)
def test_wrong_input_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert said in complaint(capsys, "zoo", *words)


def test_the_page_is_written_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["reproduce", "--page", "out=pages/all.html"]) == 0
    assert "Page: pages/all.html" in capsys.readouterr().out
    assert "Larger is more" in Path("pages/all.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--page", "out=x.txt"], "out: 'x.txt' does not end in .html"),
        (["--page", "out=/nonexist/x.html"], "there is no folder '/nonexist'"),
        (["--page", "--list"], "--list and --page: these are two things"),
        (["--page", "record=true"], "record: `reproduce --page` does nothing with it"),
        (["--list", "out=x.html"], "out: `reproduce --list` does nothing with it"),
        (["larger", "out=x.html"], "out: is where --page writes"),
    ],
)
def test_what_a_page_or_a_list_cannot_use_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert said in complaint(capsys, "reproduce", *words)


def test_a_page_is_not_written_of_a_record_that_does_not_fit(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = stored / "film.gif"
    film.write_bytes(film.read_bytes() + b" ")
    said = complaint(capsys, "reproduce", "--page", "out=all.html")
    assert "film.gif' is torn or altered" in said
    assert not Path("all.html").exists()
