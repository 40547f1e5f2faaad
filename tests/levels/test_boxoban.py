"""Files in the format of Boxoban, read as texts of ours."""

from pathlib import Path

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.levels.boxoban import boxoban_texts, read_levels, translated


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A place for a file."""
    return tmp_path / "levels.txt"


def test_every_letter_has_its_own():
    assert translated("# @$.*+") == "#.@$oO+"


def test_each_level_has_the_name_above_it(path: Path):
    path.write_text("; 0\n##\n# \n\n; the second\r\n##\r\n@#\r\n")
    assert boxoban_texts(path) == [("0", "##\n#."), ("the second", "##\n@#")]


def test_a_file_without_a_name_is_one_level(path: Path):
    path.write_text("###\n#@#\n###\n")
    assert boxoban_texts(path) == [("", "###\n#@#\n###")]


def test_an_unknown_letter_is_an_error_that_names_level_and_place(path: Path):
    path.write_text("; 0\n##\n; 1\n##\n#?\n")
    with pytest.raises(UserError, match=r"level 1: .*line 2, column 2: .*'\?'"):
        boxoban_texts(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no file"), ("", "holds no level"), ("; 0\n\n", "holds no level")],
)
def test_a_file_without_levels_is_an_error_that_names_it(path, content, message):
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=rf"^levels: .*{message}") as error:
        boxoban_texts(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_levels_of_a_file_are_one_batch(path: Path):
    path.write_text("; 0\n###\n#@#\n###\n; 1\n#\n")
    levels = read_levels(path, lambda text: {"letters": np.array(len(text))})
    assert levels["letters"].tolist() == [11, 1]


def test_what_is_wrong_with_a_level_is_said_with_its_file_and_name(path: Path):
    path.write_text("; 0\n#\n; 17\n##\n")

    def parse(text: str) -> np.ndarray:
        if len(text) > 1:
            raise UserError("level: too long")
        return np.array(0)

    with pytest.raises(UserError, match=r"levels.txt': level 17: level: too long$"):
        read_levels(path, parse)
