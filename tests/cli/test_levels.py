"""The commands that look at levels, end to end on small ones."""

import colorsys
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from PIL import Image, ImageColor

import mesagym
from mesagym.cli.levels import choose_levels, glyphs_of
from mesagym.cli.main import main
from mesagym.cli.play import Game, explained, key_lines, keys_of, picture
from mesagym.envs.level_files import read_levels
from mesagym.registry import environment_class
from mesagym.report import style
from mesagym.tracking import RunDirectory

SMALL = ("env.size=5", "env.layout=open", "env.max_steps=8")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def out(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


# --- show -----------------------------------------------------------------------------


def test_show_draws_a_picture_and_says_where(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["show", *SMALL, "n=5", "tile=4", "columns=3"]) == 0
    said, told = capsys.readouterr()
    assert said == "Picture: levels-corner.png\n"
    assert told == "mesagym: drawing levels of Corner 5×5, compiling first\n"
    with Image.open("levels-corner.png") as image:
        assert image.height > 2 * 5 * 4


def test_show_prints_texts_and_saves_what_can_be_read_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = out(
        capsys, "show", *SMALL, "n=2", "shift=agreeing", "text=true", "save=kept"
    )
    env, _ = mesagym.make("Corner-v0", size=5, layout="open")
    levels, _ = read_levels(env, "kept")
    first = env.show(type(levels)(**{k: v[0] for k, v in vars(levels).items()}))
    assert f"level 0 (agreeing)\n{first}\n" in said


def test_show_draws_the_levels_of_a_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out(capsys, "show", *SMALL, "n=2", "save=kept")
    said = out(capsys, "show", *SMALL, "folder=kept", "out=again.png")
    assert said == "Picture: again.png\n"


# --- film -----------------------------------------------------------------------------


def test_film_shows_an_expert(capsys: pytest.CaptureFixture[str]) -> None:
    said = out(capsys, "film", *SMALL, "n=2", "policy=oracle:cheese", "out=a.gif")
    assert said == "Film: a.gif\n"
    with Image.open("a.gif") as film:
        assert film.format == "GIF"
        assert getattr(film, "n_frames", 1) > 1


# --- check-split ----------------------------------------------------------------------


def test_check_split_prints_its_tables_and_draws_examples(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = out(capsys, "check-split", *SMALL, "levels=40", "split.alpha=0.5")
    for part in ("What the levels are", "oracle:corner", "told apart", "Examples: "):
        assert part in said
    with Image.open("check-split-corner.png") as image:
        assert image.width > 0


# --- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "shift=cleen"], "Did you mean 'clean'"),
        (["show", "shift=quick"], "is a suite"),
        (["show", "shift=clean", "folder=x"], "give one of them"),
        (["show", "folder=nowhere"], "no folder or file 'nowhere'"),
        (["film", "policy=oracle:chese"], "Did you mean 'oracle:cheese'"),
        (["film", "run=nowhere"], "nowhere"),
        (["play"], "needs a terminal"),
        (["check-split", "folder=nowhere"], "no folder or file"),
        (["film", "run=nowhere", "policy=random"], "run and policy: give one"),
        (["film", "out=a.png"], "does not end in .gif"),
        (["show", "out=a.gif"], "does not end in .png"),
        (["show", "folder=."], "holds no file"),
        (["check-split", "share=0.4"], "share: 0.4 is outside"),
        (["show", "out=/dev/null/a.png"], "cannot make the folder '/dev/null'"),
        (["check-split", "out=/dev/null/a.png"], "cannot make the folder '/dev/null'"),
        (["film", "out=/dev/null/a.gif"], "cannot make the folder '/dev/null'"),
        (["show", "out=/proc/a.png"], "cannot write '/proc/a.png'"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main([words[0], *SMALL, *words[1:]]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("mesagym: ")
    assert message in error
    assert not list(Path().glob("*"))


def test_an_unwritable_picture_is_refused_before_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mesagym.cli.show.run", lambda _: pytest.fail("worked"))
    assert main(["show", *SMALL, "out=/dev/null/a.png"]) == 2


def test_a_file_whose_hash_a_run_keeps_is_not_overwritten(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with RunDirectory.open(tmp_path / "run", {}, manifest={}) as directory:
        directory.write_file("films/a.gif", b"GIF")
    assert main(["film", *SMALL, "out=run/films/a.gif"]) == 2
    assert "out: 'run/films/a.gif' is one of the files of" in capsys.readouterr().err


# --- play -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def game() -> Game:
    env, _ = mesagym.make("Corner-v0", size=5, layout="open")
    params = env.params_with(max_steps_in_episode=3)
    return Game(choose_levels(env, params, 3, 0, alpha=0.0))


def test_a_game_steps_pays_and_ends(game: Game) -> None:
    game.restart()
    for _ in range(3):
        game.act(keys_of(game.env)["a"])
        game.act(keys_of(game.env)["up"])
    assert game.steps <= 3
    assert game.ended
    steps = game.steps
    game.act(0)
    assert game.steps == steps
    game.restart()
    assert (game.steps, game.ended) == (0, "")


def test_what_is_said_names_the_level_the_score_and_the_best(game: Game) -> None:
    game.restart()
    where, now, _ = game.lines()
    assert "Corner 5×5: level 0, agreeing" in where
    assert "step 0 of 3   cheese 0 of " in now


def test_the_next_level_comes_and_after_the_last_the_first(game: Game) -> None:
    for _ in range(game.chosen.size):
        game.go_on()
    assert game.number == 0


@pytest.mark.parametrize("size", [(200, 60), (40, 20), (20, 6)])
def test_the_picture_fits_the_terminal(game: Game, size: tuple[int, int]) -> None:
    lines = picture(game, *size)
    assert 0 < len(lines) <= size[1]
    widths = {line.count("▀") for line in lines}
    assert len(widths) == 1
    assert 0 < widths.pop() <= size[0]


def test_every_action_has_a_key_and_every_key_is_explained(game: Game) -> None:
    assert set(keys_of(game.env).values()) == set(range(game.env.num_actions))
    assert "arrows or wasd: move" in explained(game.env)


@pytest.mark.parametrize("columns", [20, 40, 200])
def test_the_key_names_what_the_level_shows_and_fits(game: Game, columns: int) -> None:
    game.restart()
    lines = [re.sub(r"\x1b\[[\d;]*m", "", x) for x in key_lines(game.legend(), columns)]
    assert all(len(line) < columns for line in lines)
    for name in ("● agent", "▲ cheese", "□ corner", "█ wall"):
        assert any(name.replace(" ", "  ") in line for line in lines)


@pytest.mark.parametrize("name", mesagym.registered_envs)
def test_an_environment_names_all_that_it_paints(name: str) -> None:
    env = environment_class(name)()
    params = env.params_with()
    key = jax.random.key(0)
    level = jax.eval_shape(lambda k: env.draw_level(k, params, 0.5, True)[0], key)
    glyphs = glyphs_of(env, params, level)
    assert {"wall", "agent"} < set(glyphs)
    about = f"{type(env).__doc__} {env.channel_names}".lower()
    for each in glyphs:
        assert each.split()[0].rstrip(",") in about


@pytest.mark.parametrize(
    ("name", "base", "proxy"),
    [
        ("Corner-v0", "cheese", "corner"),
        ("Dish-v0", "cheese", "dish"),
        ("TwoGoals-v0", "base tile", "proxy tile"),
        ("Sokoban-v0", "base target", "proxy target"),
        ("KeysChests-v0", "chest", "key"),
        ("FollowMe-v0", "beacon", "leader"),
    ],
)
def test_objects_have_the_colours_of_their_objectives_in_reports(
    name: str, base: str, proxy: str
) -> None:
    env = environment_class(name)()
    params = env.params_with()
    key = jax.random.key(0)
    level = jax.eval_shape(lambda k: env.draw_level(k, params, 0.5, True)[0], key)
    glyphs = glyphs_of(env, params, level)
    palette = [ImageColor.getrgb(each) for each in (style.BASE, style.PROXY)]

    def hue(colour: tuple[int, ...]) -> float:
        return colorsys.rgb_to_hsv(*(part / 255 for part in colour[:3]))[0]

    for each, meant in zip((base, proxy), palette, strict=True):
        assert hue(glyphs[each][-1][0]) == pytest.approx(hue(meant), abs=0.03)


def _read(place: int, until: str, seconds: float) -> str:
    text, end = "", time.monotonic() + seconds
    while until not in text and time.monotonic() < end:
        if select.select([place], [], [], 0.1)[0]:
            try:
                text += os.read(place, 1 << 16).decode(errors="replace")
            except OSError:
                break
    return text


@pytest.fixture
def terminal() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that plays in a terminal of its own, and our end of the terminal."""
    words = [sys.executable, "-m", "mesagym.cli", "play", *SMALL]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    yield process, ours
    process.kill()
    process.wait()
    os.close(ours)


def test_a_person_plays_in_a_terminal_and_gets_it_back(
    terminal: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, place = terminal
    assert "step 0 of 8" in _read(place, "quit", 120)
    os.write(place, b"\x1b[C")
    assert "step 1 of 8" in _read(place, "step 1", 30)
    os.write(place, b"q")
    # The screen that was there before comes back.
    assert "\x1b[?1049l" in _read(place, "\x1b[?1049l", 30)
    assert process.wait(30) == 0
