"""Puzzles with two kinds of targets as texts."""

import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.levels.push_make import Pieces
from mesagym.levels.push_texts import padded, read_puzzle, tiles_of, write_puzzle

SIZE = (5, 8)


def drawn(rows: str) -> str:
    """Return the text of a level from its inner rows: "......|...@..|......"."""
    inner = [f"#{row}#" for row in rows.split("|")]
    return "\n".join(["#" * 8, *inner, "#" * 8])


@pytest.mark.parametrize("above", ["", "proxy_ends: 0\n"])
def test_what_is_read_is_written_as_it_was(above: str):
    text = above + drawn("X.#*.p|.PO.o@|.$....")
    read = read_puzzle(text, SIZE, 4)
    places = (read.boxes, read.base_targets, read.proxy_targets)
    pieces = Pieces(
        jnp.asarray(read.drawing.letters == "#"),
        jnp.array(read.agent),
        *(padded(tiles, 4) for tiles in places),
    )
    assert write_puzzle(pieces, read.proxy_ends) == text


def test_places_that_are_not_there_are_no_tiles():
    places = padded([(2, 3), (1, 4)], 4)
    assert places.tolist() == [[2, 3], [1, 4], [-1, -1], [-1, -1]]
    assert tiles_of(np.asarray(places)) == {(2, 3), (1, 4)}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("......|@..*.p|......", "no box"),
        (
            "@$$$..|***ppp|......",
            "line 2, column 5: box number 3 .* is 2; raise it",
        ),
        ("......|@$$*.p|......", "2 boxes and 1 base targets; give as many as boxes"),
        ("......|@$$**p|......", "2 boxes and 1 proxy targets; .* or none"),
        ("......|@$...p|......", "1 boxes and 0 base targets"),
        ("......|@X...p|......", "line 3, column 3: all boxes stand on base targets"),
        ("......|@P...*|......", "line 3, column 3: all boxes stand on proxy targets"),
        ("......|..$.*p|......", "no agent"),
        ("@.....|..$.*p|.....@", "line 4, column 7: a second agent"),
    ],
)
def test_a_text_that_breaks_a_rule_is_an_error_that_says_which(rows, message):
    with pytest.raises(UserError, match=f"^level: .*{message}") as error:
        read_puzzle(drawn(rows), SIZE, 2)
    assert "\n" not in str(error.value)


def test_a_proxy_end_that_cannot_be_is_an_error_that_says_what_can():
    with pytest.raises(UserError, match=r"proxy_ends is 2; write 0 \(no\) or 1 "):
        read_puzzle("proxy_ends: 2\n" + drawn("......|@$.*.p|......"), SIZE, 2)
