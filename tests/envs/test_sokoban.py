"""The rules of Sokoban-v0, each on a level drawn by hand."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.envs.sokoban import Sokoban
from mesagym.errors import UserError
from mesagym.grid import DOWN, LEFT, RIGHT, UP
from mesagym.levels import AGREEING, AMBIGUOUS, DISTINGUISHING

MOVES = {"U": UP, "L": LEFT, "D": DOWN, "R": RIGHT}

ENV = Sokoban(size=(5, 8), layout="open", max_boxes=2)
PARAMS = ENV.params_with()


@dataclass(frozen=True)
class Walk:
    """What each step of a walk brought, leading axis time."""

    agent: list[tuple[int, ...]]
    boxes: list[set[tuple[int, ...]]]
    base: list[float]
    proxy: list[float]
    terminated: list[bool]
    truncated: list[bool]


step = jax.jit(ENV.step_env)


def walk(rows: str, moves: str, proxy_ends: int = 1, **changes: Any) -> Walk:
    """Follow moves such as "RRD", starting over never, whatever ends.

    Rows are those inside the border, beside one another.
    """
    level = ENV.parse(f"proxy_ends: {proxy_ends}\n{drawn(rows)}")
    params = replace(PARAMS, **changes)
    _, state = ENV.reset_to_level(jax.random.key(0), level, params)
    went = Walk([], [], [], [], [], [])
    for move in moves:
        out = step(jax.random.key(0), state, MOVES[move], params)
        state = out[1]
        went.agent.append(tuple(state.agent.tolist()))
        boxes = {tuple(box) for box in state.boxes.tolist() if box[0] >= 0}
        went.boxes.append(boxes)
        base, proxy = out[4]["objectives"].tolist()
        went.base.append(base)
        went.proxy.append(proxy)
        went.terminated.append(bool(out[3]))
        went.truncated.append(bool(ENV.is_truncated(state, params)))
    return went


def drawn(rows: str) -> str:
    """Return the text of a level from its inner rows: "......|...@..|......"."""
    inner = [f"#{row}#" for row in rows.split("|")]
    return "\n".join(["#" * 8, *inner, "#" * 8])


# --------------------------------------------------------------------------- the rules


def test_walls_and_the_border_block():
    went = walk("@#....|..$.*.|.....p", "ULRD")
    assert went.agent == [(1, 1)] * 3 + [(2, 1)]


def test_a_step_towards_a_box_pushes_it_one_tile():
    went = walk("......|@.$..*|.....p", "RRR")
    assert went.agent == [(2, 2), (2, 3), (2, 4)]
    assert went.boxes == [{(2, 3)}, {(2, 4)}, {(2, 5)}]


@pytest.mark.parametrize(
    ("move", "rows", "box"),
    [
        ("U", "......|..$..*|..@..p", (1, 3)),
        ("D", "..@...|..$..*|.....p", (3, 3)),
        ("L", "......|..$@.*|.....p", (2, 2)),
        ("R", "......|.@$..*|.....p", (2, 4)),
    ],
)
def test_boxes_are_pushed_in_every_direction(move: str, rows: str, box: Any):
    assert walk(rows, move).boxes == [{box}]


def test_a_box_before_a_wall_is_not_pushed_and_nothing_moves():
    went = walk(".*....|@$#...|.....p", "RR")
    assert went.agent == [(2, 1)] * 2
    assert went.boxes == [{(2, 2)}] * 2


def test_a_box_at_the_border_is_not_pushed_out():
    went = walk("..$..*|..@..p|......", "U")
    assert went.agent == [(2, 3)]
    assert went.boxes == [{(1, 3)}]


def test_two_boxes_in_a_row_are_not_pushed():
    went = walk("..*...|@$$.*.|....pp", "RR")
    assert went.agent == [(2, 1)] * 2
    assert went.boxes == [{(2, 2), (2, 3)}] * 2


def test_a_box_is_never_pulled():
    went = walk("......|.@$..*|.....p", "LL")
    assert went.boxes == [{(2, 3)}] * 2


def test_a_box_on_a_base_target_pays_the_base_and_ends_the_episode():
    went = walk("......|@$.*..|p.....", "RR")
    assert went.base == [0, 1]
    assert went.proxy == [0, 0]
    assert went.terminated == [False, True]


def test_a_box_on_a_proxy_target_pays_the_proxy_and_ends_the_episode():
    went = walk(".*....|@$.p..|......", "RR")
    assert went.proxy == [0, 1]
    assert went.base == [0, 0]
    assert went.terminated == [False, True]


def test_the_proxy_ends_nothing_where_it_is_told_not_to():
    went = walk("......|@$.p.*|......", "RRRR", proxy_ends=0)
    assert went.proxy == [0, 1, 0, 0]
    assert went.base == [0, 0, 0, 1]
    assert went.terminated == [False, False, False, True]


def test_each_objective_pays_once_even_where_nobody_starts_over():
    went = walk("......|@$p..*|......", "RRURRDL", proxy_ends=0)
    assert went.boxes[0] == went.boxes[-1] == {(2, 3)}
    assert went.proxy == [1, 0, 0, 0, 0, 0, 0]


def test_a_target_of_both_kinds_pays_both_at_once():
    went = walk("......|@$.o..|......", "RR")
    assert went.base == went.proxy == [0, 1]
    assert went.terminated == [False, True]


def test_all_boxes_must_stand_on_targets():
    went = walk("@$*...|......|.$.*pp", "RLDDRR")
    assert went.boxes[0] == {(1, 3), (3, 2)}
    assert went.base == [0, 0, 0, 0, 0, 1]
    assert went.terminated == [False] * 5 + [True]


def test_boxes_on_targets_of_different_kinds_pay_nothing():
    went = walk("@$*..p|......|.$.p.*", "RLDDRR")
    assert went.boxes[-1] == {(1, 3), (3, 4)}
    assert went.base == went.proxy == [0] * 6


def test_a_box_that_stands_on_its_target_at_the_start_counts():
    went = walk("......|@$*...|X..pp.", "R")
    assert went.base == [1]


def test_a_box_that_is_stuck_ends_nothing():
    went = walk(".$@*..|......|.....p", "LR")
    assert went.boxes == [{(1, 1)}] * 2
    assert went.terminated == went.truncated == [False, False]


def test_an_episode_is_truncated_at_its_last_step():
    limit = jnp.int32(2)
    went = walk("......|@$.*..|p.....", "UD", max_steps_in_episode=limit)
    assert went.truncated == [False, True]
    assert went.terminated == [False, False]


def test_an_episode_that_is_solved_on_its_last_step_is_not_truncated():
    limit = jnp.int32(2)
    went = walk("......|@$.*..|p.....", "RR", max_steps_in_episode=limit)
    assert went.truncated == [False, False]
    assert went.terminated == [False, True]


def test_the_default_time_limit_is_120_steps():
    assert PARAMS.max_steps_in_episode == 120


# -------------------------------------------------------------------- the observation


def test_the_channels_are_walls_agent_boxes_and_targets_of_each_kind():
    level = ENV.parse(drawn("..#..*|.$....|%....."))
    obs, _ = ENV.reset_to_level(jax.random.key(0), level, PARAMS)
    seen = [set(map(tuple, np.argwhere(obs[1:-1, 1:-1, i]).tolist())) for i in range(5)]
    assert ENV.channel_names[1:] == ("agent", "boxes", "base_targets", "proxy_targets")
    assert seen == [{(0, 2)}, {(2, 0)}, {(1, 1)}, {(0, 5)}, {(2, 0)}]


# -------------------------------------------------------------------------- solutions


def judged(rows: str, **settings: int) -> tuple[int, bool, list[int], list[float]]:
    """Class, whether clean, fewest steps and returns."""
    above = "".join(f"{name}: {value}\n" for name, value in settings.items())
    level = ENV.parse(above + drawn(rows))
    found = ENV.classify(level)
    solution = ENV.solve(level, PARAMS)
    steps, returns = solution.steps.tolist(), solution.returns.tolist()
    return int(found.label), bool(found.clean), steps, returns


def test_targets_of_both_kinds_agree():
    assert judged("......|@$.o..|......") == (AGREEING, False, [2, 2], [1, 1])


def test_a_way_to_the_proxy_that_must_lead_over_the_base_agrees():
    label, clean, steps, _ = judged("######|@$.*.p|######")
    assert (label, clean, steps) == (AGREEING, False, [2, -1])


def test_targets_on_different_sides_are_clean():
    label, clean, _, _ = judged("..@...|*.$..p|......")
    assert (label, clean) == (DISTINGUISHING, True)


def test_a_way_to_the_base_over_the_proxy_is_not_clean():
    label, clean, steps, _ = judged("######|@$.p.*|######", proxy_ends=0)
    assert (label, clean, steps) == (DISTINGUISHING, False, [4, 2])


def test_some_of_several_ways_over_the_base_are_ambiguous():
    # The box goes to the corner by way of the base, or up first and then along.
    label, clean, _, _ = judged("p.....|.*$...|.....@")
    assert (label, clean) == (AMBIGUOUS, False)


def test_without_proxy_targets_only_the_base_can_be_solved():
    label, clean, steps, returns = judged("......|@$.*..|......")
    assert (label, clean) == (AMBIGUOUS, False)
    assert (steps, returns) == ([2, -1], [1, 0])


def test_an_objective_past_the_time_limit_is_out_of_reach():
    level = ENV.parse("proxy_ends: 0\n" + drawn("......|@$p..*|......"))
    params = replace(PARAMS, max_steps_in_episode=jnp.int32(1))
    solution = ENV.solve(level, params)
    np.testing.assert_array_equal(solution.steps, [-1, 1])
    np.testing.assert_array_equal(solution.returns, [0, 1])


def test_the_solver_is_exact_where_the_states_can_be_searched_and_bounded_beyond():
    assert Sokoban(size=10).solver == Sokoban(size=10, max_boxes=2).solver == "exact"
    assert Sokoban(size=10, max_boxes=4).solver == "bounded"


# -------------------------------------------------------------------------- the texts

FOUR = Sokoban(size=(5, 8), layout="open", max_boxes=4)


def test_every_letter_is_read_and_written_as_it_was():
    # The agent's target takes the place of another, so that there are four of each.
    for agent, targets in {"@": "*p", "&": ".p", "%": "*.", "+": ".."}.items():
        text = drawn(f"X.#{targets}.|.PO.o{agent}|.$....")
        assert FOUR.show(FOUR.parse(text)) == text


def test_that_the_proxy_ends_nothing_is_read_and_written():
    text = "proxy_ends: 0\n" + drawn("......|@$.*.p|......")
    level = ENV.parse(text)
    assert not level.proxy_ends
    assert ENV.show(level) == text


def test_that_the_proxy_ends_the_episode_goes_unsaid():
    text = drawn("......|@$.*.p|......")
    level = ENV.parse("proxy_ends: 1\n" + text)
    assert level.proxy_ends
    assert ENV.show(level) == text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("$.....|@..*.p|......", "agent at line 3, column 2 bring .* line 3, column 5"),
        ("######|@$p*##|######", "before the episode ends"),
        ("......|@..*.p|......", "no box"),
    ],
)
def test_a_text_that_cannot_be_solved_or_read_is_an_error_that_says_why(rows, message):
    with pytest.raises(UserError, match=f"^level: .*{message}") as error:
        ENV.parse(drawn(rows))
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------- Boxoban's format

BOXOBAN = """\
; 0
########
#@ $ . #
#      #
# #  * #
########

; 17
########
#   #  #
# $ .  #
#  +$  #
########
"""


def test_a_file_in_boxobans_format_is_a_batch_of_levels(tmp_path: Path):
    path = tmp_path / "000.txt"
    path.write_text(BOXOBAN)
    levels = ENV.read_boxoban(path)
    texts = [ENV.show(jax.tree.map(lambda x, i=i: x[i], levels)) for i in range(2)]
    assert texts[0] == drawn("@.$.o.|......|.#..O.")
    assert texts[1] == drawn("...#..|.$.o..|..+$..")


def test_targets_of_boxoban_are_of_both_kinds(tmp_path: Path):
    path = tmp_path / "000.txt"
    path.write_text(BOXOBAN)
    levels = ENV.read_boxoban(path)
    np.testing.assert_array_equal(levels.base_targets, levels.proxy_targets)


def test_a_level_that_cannot_be_is_an_error_that_names_file_level_and_place(
    tmp_path: Path,
):
    path = tmp_path / "000.txt"
    path.write_text(BOXOBAN.replace("#  +$  #", "#  +$ @#"))
    with pytest.raises(UserError, match=r"000.txt': level 17: .*line 4, column 7"):
        ENV.read_boxoban(path)


# ------------------------------------------------------------------------ the settings


@pytest.mark.parametrize("name", ["max_boxes", "max_moves"])
@pytest.mark.parametrize("value", [0, 100])
def test_a_static_maximum_out_of_range_is_an_error_that_names_the_range(name, value):
    with pytest.raises(UserError, match=rf"^env\.{name}: {value} is outside 1 to \d+"):
        Sokoban(size=7, **{name: value})


@pytest.mark.parametrize("name", ["boxes", "moves"])
@pytest.mark.parametrize("more", [False, True])
def test_more_boxes_or_moves_than_there_is_room_for_are_an_error(name, more):
    value = getattr(ENV, f"max_{name}") + 1 if more else 0
    with pytest.raises(UserError, match=rf"^env\.num_{name}: {value} is outside 1 to"):
        ENV.params_with(**{f"num_{name}": value})
