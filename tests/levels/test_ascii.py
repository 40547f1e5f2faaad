"""Texts of levels: what is read, and errors that name line and column."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.errors import UserError
from mesagym.levels.ascii import read_drawing, write_drawing

LEGEND = {"#": "wall", ".": "floor", "@": "agent", "a": "agent on ice"}

ROOM = """
#####
#.@.#
#...#
#####
"""


@given(
    st.integers(1, 6).flatmap(
        lambda width: st.lists(
            st.text("#.@a", min_size=width, max_size=width), min_size=1, max_size=6
        )
    )
)
def test_what_is_written_is_read_back(rows: list[str]):
    width = len(rows[0])
    wall = "#" * (width + 2)
    rows = [wall, *(f"#{row}#" for row in rows), wall]
    letters = np.array([list(row) for row in rows])
    text = write_drawing(letters)
    np.testing.assert_array_equal(read_drawing(text, LEGEND).letters, letters)


def test_common_indentation_and_blank_lines_do_not_count():
    indented = ROOM.replace("\n", "\n\n    ") + "   \n"
    plain = read_drawing(ROOM, LEGEND).letters
    np.testing.assert_array_equal(read_drawing(indented, LEGEND).letters, plain)


def test_a_place_is_counted_in_the_text_as_it_was_written():
    indented = ROOM.replace("\n", "\n\n    ")
    # The agent's row is the fifth line, after four spaces, a wall and a floor.
    assert read_drawing(indented, LEGEND).place(1, 2) == "line 5, column 7"


def test_the_only_one_of_something_is_found():
    assert read_drawing(ROOM, LEGEND).only("@a", "agent") == (1, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text is empty"),
        ("\n  \n", "the text is empty"),
        ("####\n#..#\n###", "line 3 has 3 letters and line 1 has 4"),
        ("####\n#.?#\n####", r"line 2, column 3: unknown letter '\?'; use '#' wall"),
        ("####\n#. #\n####", "line 2, column 3: unknown letter ' '"),
        ("####\n#..#\n#.##", "line 3, column 2: the border must be walls"),
        ("####\n....\n####", "line 2, column 1: the border must be walls"),
    ],
)
def test_an_unreadable_text_is_an_error_that_says_where(text: str, message: str):
    with pytest.raises(UserError, match=f"^level: {message}"):
        read_drawing(text, LEGEND)


def test_what_stands_twice_is_named_where_it_stands_again():
    drawing = read_drawing("#####\n#.@.#\n#..a#\n#####", LEGEND)
    with pytest.raises(UserError, match="line 3, column 4: a second agent"):
        drawing.only("@a", "agent")


def test_what_is_missing_is_named_with_its_letter():
    drawing = read_drawing("####\n#..#\n####", LEGEND)
    with pytest.raises(UserError, match="no agent; put one '@' on a floor tile"):
        drawing.only("@a", "agent")


def test_every_message_is_a_single_line():
    for text in ("", "##\n#", "###\n#?#\n###"):
        with pytest.raises(UserError) as error:
            read_drawing(text, LEGEND)
        assert "\n" not in str(error.value)
