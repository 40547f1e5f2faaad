"""The shapes of puzzles that sets of states are made for."""

from typing import Any

import pytest

from mesagym.levels.push_states import Board


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        ((34, 34, 1), True),
        ((35, 35, 1), False),
        ((11, 11, 2), True),
        ((12, 12, 2), False),
        ((7, 7, 3), True),
        ((8, 8, 3), False),
        ((10, 10, 4), False),
    ],
)
def test_a_board_says_whether_its_states_can_be_searched(shape: Any, fits: bool):
    assert Board(*shape).is_searchable is fits
