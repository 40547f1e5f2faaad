"""The rules of CoinRun-v0, each on a level drawn by hand, and its levels and solver."""

from collections import deque
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from mesagym.cli.compose import composer
from mesagym.envs.coin_run import CoinRun, Level, past_wall
from mesagym.errors import UserError
from mesagym.levels import AGREEING, AMBIGUOUS, DISTINGUISHING
from mesagym.levels.courses import PIT, SAW, VEIL, WALL
from mesagym.levels.solve import UNREACHABLE
from tests import reference

KEYS = {".": 0, "L": 1, "R": 2, "J": 3}

ENV = CoinRun(size=(8, 10), strip=0, extra_objectives=(("past_wall", past_wall),))
STEP = jax.jit(ENV.step_env)


class Walk(NamedTuple):
    """What each step of a walk brought."""

    places: list[tuple[int, ...]]
    rises: list[bool]
    coin: list[float]
    right_end: list[float]
    past_wall: list[float]
    terminated: list[bool]


def walk(text: str, moves: str) -> Walk:
    """Follow moves such as "RRJ" on a level, starting over never."""
    params = ENV.params_with()
    _, state = ENV.reset_to_level(jax.random.key(0), ENV.parse(text), params)
    steps = []
    for move in moves:
        _, state, _, over, info = STEP(jax.random.key(0), state, KEYS[move], params)
        place = tuple(np.asarray(state.agent).tolist())
        paid = info["objectives"].tolist()
        steps.append((place, bool(state.rises), *paid, bool(over)))
    return Walk(*map(list, zip(*steps, strict=True)))


# ------------------------------------------------------------------------- the physics

FLAT = """
    ##########
    #........#
    #........#
    #........#
    #........#
    #.@.....c#
    ##########
    ##########
"""


def test_walking_moves_a_column_a_step_and_staying_none():
    assert walk(FLAT, "R.LLL").places == [(5, 3), (5, 3), (5, 2), (5, 1), (5, 1)]


def test_a_jump_goes_straight_up_then_up_once_more_and_falls():
    went = walk(FLAT, "J....")
    assert went.places == [(4, 2), (3, 2), (4, 2), (5, 2), (5, 2)]
    assert went.rises == [True, False, False, False, False]


def test_a_jump_is_steered_in_the_air_and_carries_over_two_columns():
    went = walk(FLAT, "JRRRR")
    assert went.places == [(4, 2), (3, 3), (4, 4), (5, 5), (5, 6)]
    assert walk(FLAT, "JLRL").places == [(4, 2), (3, 1), (4, 2), (5, 1)]


def test_jumping_in_the_air_does_nothing():
    assert walk(FLAT, "JJJJJ").places == [(4, 2), (3, 2), (4, 2), (5, 2), (4, 2)]


def test_under_a_ceiling_a_jump_stays_and_a_rise_ends():
    low = FLAT.replace("#........#\n    #.@.....c#", "#.X......#\n    #.@.....c#")
    went = walk(low, "JJ")
    assert went.places == [(5, 2), (5, 2)]
    assert not any(went.rises)
    higher = FLAT.replace(
        "#........#\n    #........#\n    #.@", "#.X......#\n    #........#\n    #.@"
    )
    went = walk(higher, "J..")
    assert went.places == [(4, 2), (4, 2), (5, 2)]
    assert went.rises == [True, False, False]


STEPS = """
    ##########
    #........#
    #........#
    #....XX..#
    #....XX..#
    #.@.XXX.c#
    ##########
    ##########
"""


def test_crates_are_solid_steps():
    went = walk(STEPS, "RRJR...")
    assert went.places[:4] == [(5, 3), (5, 3), (4, 3), (3, 4)]
    assert went.places[4:] == [(4, 4)] * 3


def test_two_tiles_can_be_jumped_and_three_cannot():
    # From the crate, whose top is row 4, onto the pile, whose top is row 2.
    assert walk(STEPS, "RJRRJR.").places[-3:] == [(3, 4), (2, 5), (2, 5)]
    # From the ground the pile's top is three up.
    text = STEPS.replace("@.XXX.c", "@..XX.e")
    assert (2, 5) not in walk(text, "RRJRRR").places
    assert walk(text, "RRJRRR").places[-1] == (5, 4)


def test_a_body_falls_a_tile_a_step_and_may_be_steered():
    text = STEPS.replace("....XX..", "@...XX..", 1).replace("#.@.XXX", "#...XXX")
    assert walk(text, "..R").places == [(4, 1), (5, 1), (5, 2)]
    assert walk(text, "RR").places == [(4, 2), (5, 3)]


GAPS = """
    ##########
    #........#
    #........#
    #........#
    #........#
    #.@.....c#
    ###~~#####
    ##########
"""


def test_a_pit_of_two_columns_can_be_jumped():
    went = walk(GAPS, "JRRR.")
    assert went.places[-1] == (5, 5)
    assert not any(went.terminated)


def test_a_pit_ends_the_episode_of_who_falls_and_pays_nothing():
    went = walk(GAPS, "RR")
    assert went.places == [(5, 3), (6, 4)]
    assert went.terminated == [False, True]
    assert went.coin == went.right_end == [0, 0]


def test_a_pit_of_three_columns_cannot_be_jumped():
    text = GAPS.replace("###~~#", "###~~~").replace("c#", "e#")
    assert walk(text, "JRRRR").terminated == [False] * 4 + [True]


def test_a_saw_ends_the_episode_of_who_touches_it_and_can_be_jumped():
    text = FLAT.replace("@.....c", "@S....c")
    assert walk(text, "R").terminated == [True]
    went = walk(text, "JRRR")
    assert went.places[-1] == (5, 5)
    assert not any(went.terminated)


def test_only_the_tile_on_which_a_step_ends_is_touched():
    # Falling past the saw's tile and aside in one step.
    text = FLAT.replace("@.....c", "@.S...c")
    went = walk(text, "JRRR")
    assert went.places[-2:] == [(4, 4), (5, 5)]
    assert not any(went.terminated)


def test_a_deadly_step_reaches_nothing():
    text = FLAT.replace("@.....c", "@*....e")
    level = ENV.parse(text)
    level = replace(level, tiles=level.tiles.at[5, 3].set(SAW))
    params = ENV.params_with()
    _, state = ENV.reset_to_level(jax.random.key(0), level, params)
    _, state, _, over, info = STEP(jax.random.key(0), state, KEYS["R"], params)
    assert over
    assert info["objectives"].tolist() == [0, 0, 0]


# --------------------------------------------------------------------------- the rules


def test_the_coin_pays_and_ends_the_episode():
    text = FLAT.replace("@.....c", "@.*...e")
    went = walk(text, "RR")
    assert went.coin == [0, 1]
    assert went.right_end == [0, 0]
    assert went.terminated == [False, True]


def test_a_coin_in_the_air_is_reached_by_a_jump():
    text = """
        ##########
        #........#
        #........#
        #..*.....#
        #........#
        #.@.....e#
        ##########
        ##########
    """
    assert walk(text, "JR").coin == [0, 1]


def test_the_right_end_pays_once_and_ends_nothing():
    text = FLAT.replace("@.....c", "@.*...e")
    went = walk(text, "JRRRRRRLR")
    assert went.right_end == [0] * 6 + [1, 0, 0]
    assert not any(went.terminated)


def test_on_an_agreeing_level_one_step_pays_both():
    went = walk(FLAT, "RRRRRR")
    assert went.coin == went.right_end == [0] * 5 + [1]
    assert went.terminated == [False] * 5 + [True]


def test_above_its_foot_the_end_wall_pays_nothing():
    text = FLAT.replace("#.@.....c#", "#......@e#")
    assert walk(text, "JR..").right_end == [0, 0, 0, 1]


PERMEABLE = """
    ##########
    #.....%..#
    #.....%..#
    #.....%..#
    #.....%..#
    #.@..c%..#
    ##########
    ##########
"""


def test_a_permeable_wall_is_seen_and_stops_nobody():
    text = PERMEABLE.replace("@..c", "@..e")
    went = walk(text, "RRRRRL")
    assert went.places[:5] == [(5, 3), (5, 4), (5, 5), (5, 6), (5, 7)]
    assert went.right_end == [0, 0, 1, 0, 0, 0]
    assert went.past_wall == [0, 0, 0, 0, 1, 0]
    params = ENV.params_with()
    _, state = ENV.reset_to_level(jax.random.key(0), ENV.parse(text), params)
    assert ENV.channels(state, params)[1:6, 6, 0].all()


def test_to_jump_through_the_wall_reaches_the_right_end_too():
    text = PERMEABLE.replace("#.@..c%", "#...@e%")
    assert walk(text, "JRR").right_end == [0, 0, 1]


def test_without_coin_only_death_and_time_end_an_episode():
    text = FLAT.replace("@.....c", "@.....e")
    went = walk(text, "RRRRRRJLRRL")
    assert not any(went.terminated)
    assert went.right_end == [0] * 5 + [1] + [0] * 5
    solution = ENV.solve(ENV.parse(text), ENV.params_with())
    assert solution.steps.tolist()[:2] == [-1, 6]


def test_an_episode_is_truncated_at_its_time_limit():
    params = ENV.params_with(max_steps_in_episode=2)
    _, state = ENV.reset_to_level(jax.random.key(0), ENV.parse(FLAT), params)
    for expected in (False, True):
        state = STEP(jax.random.key(0), state, 0, params)[1]
        assert ENV.is_truncated(state, params) == expected


# ------------------------------------------------------------------------------ seeing


def test_the_channels_show_everything_and_rising():
    text = GAPS.replace("@.....c", "@X...S*").replace("*#", "c#")
    whole = CoinRun(size=(8, 10), strip=0, crop_radius=None)
    params = whole.params_with()
    obs, state = whole.reset_to_level(jax.random.key(0), whole.parse(text), params)
    seen = {
        name: np.argwhere(np.asarray(obs)[..., i]).tolist()
        for i, name in enumerate(whole.channel_names)
    }
    assert seen["agent"] == [[5, 2]]
    assert seen["coin"] == [[5, 8]]
    assert seen["crates"] == [[5, 3]]
    assert seen["saws"] == [[5, 7]]
    assert seen["pits"] == [[6, 3], [6, 4]]
    assert seen["rising"] == []
    assert len(seen["walls"]) == 2 * 10 + 2 * 6 + 6
    state = whole.step_env(jax.random.key(0), state, KEYS["J"], params)[1]
    obs = whole.observe(jax.random.key(0), state, None, params)
    assert np.argwhere(np.asarray(obs)[..., 6]).tolist() == [[4, 2]]


def test_a_window_scrolls_with_the_agent():
    env = CoinRun(size=(8, 10), strip=0, crop_radius=2)
    params = env.params_with()
    _, state = env.reset_to_level(jax.random.key(0), env.parse(GAPS), params)
    state = env.step_env(jax.random.key(0), state, KEYS["R"], params)[1]
    obs = np.asarray(env.observe(jax.random.key(0), state, None, params))
    whole = np.asarray(env.channels(state, params))
    np.testing.assert_array_equal(obs, whole[3:8, 1:6])


def test_a_coin_that_is_not_there_is_not_seen_beyond_the_border():
    params = ENV.params_with()
    text = FLAT.replace("@.....c", "......e").replace("#........#", "#@.......#", 1)
    obs, _ = ENV.reset_to_level(jax.random.key(0), ENV.parse(text), params)
    assert not np.asarray(obs)[..., 2].any()


# --------------------------------------------------------------- a search, in the plain

Body = tuple[int, int, bool]


def plain_step(solid: np.ndarray, body: Body, action: int) -> Body:
    """Return the next body, by the rules as the docstring of `jumping` has them."""
    row, column, rises = body
    if not rises and solid[row + 1, column]:
        if action == 3:
            return (
                (row, column, False)
                if solid[row - 1, column]
                else (row - 1, column, True)
            )
    elif rises:
        row -= not solid[row - 1, column]
    else:
        row += 1
    aside = {1: -1, 2: 1}.get(action, 0)
    return (row, column if solid[row, column + aside] else column + aside, False)


class Course:
    """What breadth-first search says of a level."""

    def __init__(self, tiles: np.ndarray, agent: Any, coin: Any, end: Any):
        self.solid = np.isin(tiles, [WALL, 8])
        self.deadly = np.isin(tiles, [SAW, PIT])
        self.start: Body = (int(agent[0]), int(agent[1]), False)
        self.coin = {tuple(coin.tolist())}
        rows, columns = np.nonzero(~self.solid)
        self.end = {
            (r, c)
            for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
            if c > end[1] or (r, c) == tuple(end.tolist())
        }
        self.steps: dict[Body, int] = {self.start: 0}
        self.after: dict[Body, set[Body]] = {}
        queue: deque[Body] = deque([self.start])
        while queue:
            body = queue.popleft()
            nexts = {plain_step(self.solid, body, action) for action in range(4)}
            self.after[body] = {b for b in nexts if not self.deadly[b[:2]]}
            for other in self.after[body]:
                if other not in self.steps:
                    self.steps[other] = self.steps[body] + 1
                    queue.append(other)

    def fewest(self, tiles: set[Any]) -> int:
        """Return the fewest steps to some tiles, -1 if no way leads there."""
        return min((n for b, n in self.steps.items() if b[:2] in tiles), default=-1)

    def paths(self, to: set[Any], avoid: set[Any]) -> tuple[int, int]:
        """Return how many shortest ways lead to tiles, and how many avoid others."""
        least = self.fewest(to)
        counts = []
        for shut in (set(), avoid):
            ways: dict[Body, int] = {self.start: 1}
            for body in sorted(self.steps, key=self.steps.__getitem__):
                if body[:2] in shut:
                    ways[body] = 0
                for other in self.after[body]:
                    if self.steps[other] == self.steps[body] + 1:
                        ways[other] = ways.get(other, 0) + ways.get(body, 0)
            ends = [b for b, n in self.steps.items() if n == least and b[:2] in to]
            counts.append(sum(ways.get(b, 0) for b in ends if b[:2] not in shut))
        return counts[0], counts[1]

    def label(self) -> tuple[int, bool]:
        """Return the class and whether it is clean, by counting shortest ways."""
        if self.fewest(self.coin) < 0 or self.fewest(self.end) < 0:
            return AMBIGUOUS, False
        every, around = self.paths(self.end, self.coin)
        if around == 0:
            return AGREEING, False
        if around < every:
            return AMBIGUOUS, False
        every, around = self.paths(self.coin, self.end)
        return DISTINGUISHING, every == around


class Drawn(NamedTuple):
    """Levels, their classes, their solutions, and the coin's guide."""

    levels: Level
    classes: Any
    solution: Any
    guide: Any


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    """2,000 levels, four fifths of them shifted."""
    env = CoinRun(size=(9, 21), strip=3)
    params = env.params_with(permeable_wall=True)

    @reference.jit_once
    def draw(key: jax.Array) -> Drawn:
        levels = env.sample_levels(key, 2000, params, 0.8)
        return Drawn(
            levels,
            jax.vmap(env.classify)(levels),
            jax.vmap(env.solve, (0, None))(levels, params),
            jax.vmap(partial(env.guide, objective=0))(levels),
        )

    return jax.tree.map(np.asarray, draw(jax.random.key(0)))


@pytest.fixture(scope="module")
def courses(drawn: Drawn) -> list[Course]:
    """What a search says of the first 400 of them."""
    columns = [
        np.asarray(leaf)[:400]
        for leaf in (
            drawn.levels.tiles,
            drawn.levels.agent,
            drawn.levels.coin,
            drawn.levels.end,
        )
    ]
    return [Course(*level) for level in zip(*columns, strict=True)]


def test_every_drawn_level_can_be_solved(drawn: Drawn):
    assert (drawn.solution.steps[:, 0] > 0).all()
    assert (drawn.solution.returns[:, 0] == 1).all()


def test_fewest_steps_to_the_coin_equal_a_search(drawn: Drawn, courses: list[Course]):
    searched = [one.fewest(one.coin) for one in courses]
    assert drawn.solution.steps[:400, 0].tolist() == searched


def test_classes_equal_those_of_counting_shortest_ways(
    drawn: Drawn, courses: list[Course]
):
    label, clean = np.array([one.label() for one in courses]).T
    np.testing.assert_array_equal(drawn.classes.label[:400], label)
    np.testing.assert_array_equal(drawn.classes.clean[:400], clean)
    assert set(label) == {AGREEING, AMBIGUOUS, DISTINGUISHING}
    assert 0 < clean.sum() <= (label == DISTINGUISHING).sum()


def test_a_guide_holds_the_steps_to_go_of_every_body(
    drawn: Drawn, courses: list[Course]
):
    for i, one in enumerate(courses[:40]):
        for body, nexts in one.after.items():
            row, column, rises = body
            to_go = drawn.guide[i, int(rises), row, column]
            onward = [drawn.guide[i, int(b[2]), b[0], b[1]] for b in nexts]
            at_coin = body[:2] in one.coin
            best = min([*onward, UNREACHABLE - 1]) + 1
            assert to_go == (0 if at_coin else best)


def test_a_permeable_wall_stands_with_a_strip_behind_it(drawn: Drawn):
    end = drawn.levels.end[:, 1]
    assert (end == 21 - 3 - 3).all()
    assert (drawn.levels.tiles[:, 1, 16] == VEIL).all()
    assert (drawn.levels.tiles[:, 1, 17:20] == 0).all()


def test_alpha_is_the_probability_of_a_coin_elsewhere(drawn: Drawn):
    at_end = (drawn.levels.coin == drawn.levels.end).all(axis=1).mean()
    # A shifted coin stands at the end, too, in about one of the hundred tiles.
    assert 0.16 < at_end < 0.25


def test_a_solution_equals_a_search_of_all_action_sequences():
    env = CoinRun(size=(7, 12), strip=0)
    params = env.params_with()
    levels = env.sample_levels(jax.random.key(2), 10, params, 0.9)
    solution = jax.vmap(env.solve, (0, None))(levels, params)
    searched = reference.first_steps(env, levels, params, 60)
    np.testing.assert_array_equal(solution.steps, searched)
    assert searched.max() > 8


def test_shifted_coins_keep_to_their_zone():
    env = CoinRun(size=(9, 21), strip=0)
    params = env.params_with(coin_zone=0.2)
    levels = env.sample_levels(jax.random.key(0), 200, params, 1.0)
    columns = np.asarray(levels.coin)[:, 1]
    assert columns.min() == 16
    assert columns.max() == 19


def test_a_coin_in_the_only_way_puts_the_right_end_out_of_reach():
    text = FLAT.replace("@.....c", "@.*...e").replace("#........#", "##########")
    solution = ENV.solve(ENV.parse(text), ENV.params_with())
    assert solution.steps.tolist()[:2] == [2, -1]
    assert ENV.classify(ENV.parse(text)).label == AGREEING


def test_a_deadly_tile_beyond_the_right_end_is_no_end_of_a_way():
    level = ENV.parse("""
        ##########
        #........#
        #...e....#
        #........#
        #........#
        #.@..S...#
        ##########
        ##########
    """)
    # Three steps to the right end on the saw; four jump over it.
    assert ENV.solve(level, ENV.params_with()).steps.tolist()[1] == 4


def test_a_coin_on_the_ground_of_the_shortest_way_is_picked_up_by_accident():
    text = FLAT.replace("@.....c", "@.*...e")
    assert ENV.classify(ENV.parse(text)).label == AGREEING
    solution = ENV.solve(ENV.parse(text), ENV.params_with())
    assert solution.steps.tolist()[:2] == [2, 7]


# ------------------------------------------------------------- texts, and bad settings


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@.....c", "......c", "no agent"),
        ("@.....c", "@.....*", "no right end; put one 'e'"),
        ("@.....c", "@..e..c", "line 7, column 13: a second right end"),
        ("@.....c", "@..*..c", "line 7, column 13: a second coin"),
        ("@.....c", "e.....@", "line 7, column 13: the agent is not left"),
        ("@.....c", "@.X...c", None),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(
    old: str, new: str, message: str | None
):
    text = FLAT.replace(old, new)
    if message is None:
        assert ENV.show(ENV.parse(text)).count("X") == 1
        return
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        ENV.parse(text)
    assert "\n" not in str(error.value)


def test_a_coin_that_no_way_leads_to_is_an_error():
    text = FLAT.replace("@.....c", "@.....e").replace("#........#", "#*.......#", 1)
    with pytest.raises(UserError, match="line 3, column 6: no way leads the agent"):
        ENV.parse(text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pits": -0.1}, r"env.pits: -0.1 is outside \[0, 1\]"),
        ({"hills": 2.0}, r"env.hills: 2 is outside \[0, 1\]"),
        ({"pits": 0.5, "saws": 0.5, "crates": 0.5}, "env.pits: .* adds up to 1.5"),
        ({"coin_zone": 0.0}, r"env.coin_zone: 0 is outside \[0.01, 1\]"),
        ({"permeable_wall": True}, "env.permeable_wall: true, and nothing is beyond"),
    ],
)
def test_settings_that_cannot_be_are_errors(settings: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        ENV.params_with(**settings)


@pytest.mark.parametrize("zone", [0.0, 0.009, 0.01, 1.0])
def test_the_environment_and_its_keys_have_one_lower_bound(zone: float):
    if zone >= 0.01:
        ENV.params_with(coin_zone=zone)
    else:
        with pytest.raises(UserError, match=r"env.coin_zone: .* \[0.01, 1\]"):
            ENV.params_with(coin_zone=zone)
    with composer("train") as composed_by:
        words = ["env=coin_run", f"env.coin_zone={zone}"]
        if zone >= 0.01:
            composed_by.settled(composed_by.compose(words))
            return
        with pytest.raises(UserError, match=r"env.coin_zone: .* \[0.01, 1\]"):
            composed_by.settled(composed_by.compose(words))


@pytest.mark.parametrize("strip", [-1, 2])
def test_a_strip_that_does_not_fit_is_an_error(strip: int):
    with pytest.raises(UserError, match=f"env.strip: {strip} columns .* use 0 to 1"):
        CoinRun(size=7, strip=strip)
