"""The rules of Dish-v0 by hand, and its levels against plain searches."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.cli.env_schema import DishConfig
from mesagym.envs.dish import Dish
from mesagym.envs.edits import edit_levels
from mesagym.errors import UserError
from mesagym.levels import AGREEING, AMBIGUOUS, DISTINGUISHING, LAYOUTS
from tests import reference
from tests.envs.plain import Walk, mask, paths, walk

ENV = Dish(size=7, layout="open")

ROW = """
    #######
    #*.@.d#
    #######
    #######
    #######
    #######
    #######
"""
GOES_ON = "dish_ends: 0\n" + ROW


def row(drawing: str, rest: str = "") -> str:
    """A level of one corridor, and whatever rows follow."""
    rows = ["#" * 7, drawing, *rest.split()]
    return "\n".join(rows + ["#" * 7] * (7 - len(rows)))


def went(text: str, moves: str, **settings: Any) -> Walk:
    return walk(ENV, text, moves, **settings)


# --------------------------------------------------------------------------- the rules


def test_walls_and_the_border_block():
    text = row("#*.@#d#", "#.#.#.# #.#...#")
    assert went(text, "URDDR").places == [(1, 3), (1, 3), (2, 3), (3, 3), (3, 4)]


def test_reaching_the_cheese_pays_one_and_ends_the_episode():
    walked = went(ROW, "LL")
    assert walked.objectives == {"cheese": [0, 1], "dish": [0, 0]}
    assert walked.terminated == [False, True]
    assert walked.reward == [0, 1]


def test_reaching_the_dish_pays_its_objective_and_ends_the_episode():
    walked = went(ROW, "RR")
    assert walked.objectives == {"cheese": [0, 0], "dish": [0, 1]}
    assert walked.terminated == [False, True]
    assert walked.reward == [0, 0]


def test_reaching_the_dish_ends_nothing_where_the_level_says_so():
    walked = went(GOES_ON, "RRLLLL")
    assert walked.objectives["dish"] == [0, 1, 0, 0, 0, 0]
    assert walked.objectives["cheese"] == [0, 0, 0, 0, 0, 1]
    assert walked.terminated == [False] * 5 + [True]


def test_the_dish_pays_on_the_first_arrival_only():
    assert went(GOES_ON, "RRLR").objectives["dish"] == [0, 1, 0, 0]


def test_the_cheese_pays_once_even_where_nobody_starts_over():
    assert went(ROW, "LLRL").objectives["cheese"] == [0, 1, 0, 0]


@pytest.mark.parametrize("dish_ends", [0, 1])
def test_cheese_on_the_dish_pays_both_at_once_and_ends_the_episode(dish_ends: int):
    walked = went(f"dish_ends: {dish_ends}\n" + row("#b.@..#"), "LL")
    assert walked.objectives == {"cheese": [0, 1], "dish": [0, 1]}
    assert walked.terminated == [False, True]


def test_the_dish_alone_is_rewarded_where_the_weights_say_so():
    walked = went(GOES_ON, "RRLLLL", weights=[0.0, 2.0])
    assert walked.reward == [0, 2, 0, 0, 0, 0]


def test_an_episode_is_truncated_at_its_last_step():
    walked = went(ROW, "UUU", max_steps_in_episode=3)
    assert walked.truncated == [False, False, True]
    assert not any(walked.terminated)


def test_a_dish_on_the_last_step_ends_the_episode_and_truncates_nothing():
    walked = went(ROW, "RR", max_steps_in_episode=2)
    assert walked.terminated == [False, True]
    assert not any(walked.truncated)


def test_unless_set_an_episode_has_128_steps_and_ends_at_the_dish():
    params = ENV.params_with()
    assert params.max_steps_in_episode == 128
    assert params.dish_ends


def test_without_a_dish_nothing_but_the_cheese_ends_the_episode():
    walked = went(row("#*.@..#"), "RRLLLL")
    assert not any(walked.objectives["dish"])
    assert walked.terminated == [False] * 5 + [True]


# ------------------------------------------------------------------------- observation


def view(env: Dish, text: str, **settings: Any) -> np.ndarray:
    params = env.params_with(**settings)
    obs, _ = env.reset_to_level(jax.random.key(0), env.parse(text), params)
    return np.asarray(obs)


def test_walls_agent_and_cheese_have_a_channel_each():
    obs = view(ENV, ROW)
    assert ENV.channel_names[:4] == ("walls", "agent", "cheese", "dish_1")
    assert obs.shape == (7, 7, 9)
    assert np.argwhere(~obs[..., 0]).tolist() == [[1, c] for c in range(1, 6)]
    assert np.argwhere(obs[..., 1]).tolist() == [[1, 3]]
    assert np.argwhere(obs[..., 2]).tolist() == [[1, 1]]


@pytest.mark.parametrize("redundancy", [0, 1, 4, 6])
def test_the_dish_is_shown_in_as_many_channels_as_its_redundancy(redundancy: int):
    shown = view(ENV, ROW, redundancy=redundancy)[..., 3:]
    expected = [[1, 5, i] for i in range(redundancy)]
    assert np.argwhere(shown).tolist() == expected


def test_unless_set_every_channel_there_is_shows_the_dish():
    assert view(Dish(size=7, layout="open", max_redundancy=3), ROW)[1, 5, 3:].all()


def test_redundancies_are_compared_by_one_program():
    params = ENV.params_with()
    level = ENV.parse(ROW)
    _, state = ENV.reset_to_level(jax.random.key(0), level, params)

    def channels(redundancy: jax.Array) -> jax.Array:
        return ENV.channels(state, params.replace(redundancy=redundancy))

    shown = jax.jit(jax.vmap(channels))(jnp.arange(7))
    np.testing.assert_array_equal(shown[:, 1, 5, 3:].sum(axis=1), np.arange(7))


def test_a_picture_does_not_tell_the_redundancy():
    seeing = Dish(size=7, layout="open", pixels=3)
    one, six = (view(seeing, ROW, redundancy=d) for d in (1, 6))
    np.testing.assert_array_equal(one, six)


def test_in_a_picture_cheese_on_a_dish_is_between_the_two_in_colour():
    seeing = Dish(size=7, layout="open", pixels=1)
    apart = view(seeing, ROW).astype(int)
    together = view(seeing, row("#b.@..#"))[1, 1]
    assert (abs(together - (apart[1, 1] + apart[1, 5]) / 2) <= 0.5).all()


# ---------------------------------------------------------------------------- settings


@pytest.mark.parametrize("redundancy", [-1, 7])
def test_a_redundancy_beyond_the_channels_is_an_error(redundancy: int):
    with pytest.raises(UserError, match=r"^env\.redundancy: .* use 0 to .* is 6$"):
        ENV.params_with(redundancy=redundancy)


def test_a_redundancy_beyond_the_channels_is_an_error_before_jax_is_needed():
    config = DishConfig(redundancy=3, max_redundancy=2)
    with pytest.raises(UserError, match=r"^env\.redundancy: 3 .* which is 2$"):
        config.check(13, 13)


@pytest.mark.parametrize("most", [0, 33])
def test_channels_out_of_range_are_an_error(most: int):
    with pytest.raises(UserError, match=r"env\.max_redundancy: .* outside 1 to 32"):
        Dish(size=7, max_redundancy=most)


def test_an_unknown_layout_is_an_error():
    with pytest.raises(UserError, match=r"env\.layout: .*'opn'.*'open'"):
        Dish(size=7, layout="opn")


# ------------------------------------------------------------------------------- texts


def test_a_text_is_read_as_it_looks():
    level = ENV.parse(ROW)
    assert level.agent.tolist() == [1, 3]
    assert level.cheese.tolist() == [1, 1]
    assert level.dish.tolist() == [1, 5]
    assert level.dish_ends


@pytest.mark.parametrize("text", [ROW, GOES_ON, row("#b.@..#"), row("#..@..#")])
def test_what_is_read_is_shown_as_it_was_written(text: str):
    assert ENV.show(ENV.parse(text)).split() == text.split()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (row("#*.@.@#"), "line 2, column 6: a second agent"),
        (row("#*.@.b#"), "line 2, column 6: a second cheese"),
        (row("#d.@.b#"), "line 2, column 6: a second dish"),
        (row("#*....#"), "no agent"),
        (row("#*#@.d#"), "line 2, column 2: no path joins the agent at line 2, colu"),
        (row("#*d@..#"), "line 2, column 2: the dish at line 2, column 3 ends every"),
        ("dish_ends: 2\n" + row("#*.@.d#"), "dish_ends is 2; write 0 .no. or 1"),
        ("dishends: 1\n" + row("#*.@.d#"), "line 1: unknown setting 'dishends'"),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(text: str, message: str):
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        ENV.parse(text)
    assert "\n" not in str(error.value)


def test_a_dish_that_ends_nothing_may_stand_in_the_only_way():
    level = ENV.parse("dish_ends: 0\n" + row("#*d@..#"))
    assert ENV.solve(level, ENV.params_with()).steps.tolist() == [2, 1]


# ----------------------------------------------------------------------------- solving


def solved(text: str, **settings: Any) -> list[int]:
    level, params = ENV.parse(text), ENV.params_with(**settings)
    levels = jax.tree.map(lambda leaf: leaf[None], level)
    limit = int(params.max_steps_in_episode)
    steps = ENV.solve(level, params).steps.tolist()
    assert reference.first_steps(ENV, levels, params, limit)[0].tolist() == steps
    return steps


AROUND = row("#..@d*#", "##.##.# ##....#")


def test_the_way_to_the_cheese_leads_around_a_dish_that_ends_the_episode():
    assert solved(AROUND) == [8, 1]
    assert solved("dish_ends: 0\n" + AROUND) == [2, 1]


def test_the_way_to_the_dish_leads_around_the_cheese():
    swapped = AROUND.replace("d*", "*d")
    assert solved(swapped) == solved("dish_ends: 0\n" + swapped) == [1, 8]


def test_a_dish_behind_the_cheese_is_out_of_reach():
    assert solved(row("#.@.*d#")) == [2, -1]


def test_an_objective_past_the_time_limit_is_out_of_reach():
    assert solved(AROUND, max_steps_in_episode=7) == [-1, 1]
    assert solved(AROUND, max_steps_in_episode=8) == [8, 1]


# ------------------------------------------------------------------------ drawn levels


@cache
def judge(env: Dish, n: int, solvable: bool = True) -> Any:
    """Return what draws n levels from seed, α and dish_ends and judges them."""

    @reference.jit_once
    def drawn(seed: int, alpha: float, dish_ends: bool) -> Any:
        params = env.make_params(None).replace(dish_ends=jnp.bool_(dish_ends))
        key = jax.random.key(seed)
        levels, accepted = env.sample_and_judge(key, n, params, alpha, solvable)
        classes = jax.vmap(env.classify)(levels)
        return levels, classes, jax.vmap(env.solve, (0, None))(levels, params), accepted

    return lambda *given: jax.tree.map(np.asarray, drawn(*given))


def expected(level: Any) -> tuple[int, bool, list[int]]:
    """Class, cleanness and fewest steps of a level, by counting shortest paths."""
    walls, cheese, dish = level.walls, level.cheese, level.dish
    at_cheese, at_dish = mask(walls.shape, cheese), mask(walls.shape, dish)
    to_dish = paths(walls, level.agent, dish, at_cheese)
    to_cheese = paths(walls, level.agent, cheese, at_dish)
    ends = at_dish & ~at_cheese & bool(level.dish_ends)
    base = paths(walls | ends, level.agent, cheese, at_dish).steps
    proxy = paths(walls | at_cheese & ~at_dish, level.agent, dish, at_dish).steps
    label = AMBIGUOUS
    if base > 0 and to_dish.steps > 0:
        if to_dish.free == 0:
            label = AGREEING
        elif to_dish.free == to_dish.count:
            label = DISTINGUISHING
    clean = label == DISTINGUISHING and to_cheese.free == to_cheese.count
    return label, clean, [base, proxy]


def check_batch(drawn: Any, first: int) -> np.ndarray:
    """Hold the first of a batch against plain searches; return their labels."""
    levels, classes, solution, _ = drawn
    for i in range(first):
        level = jax.tree.map(lambda leaf, i=i: leaf[i], levels)
        label, clean, steps = expected(level)
        assert (classes.label[i], classes.clean[i]) == (label, clean)
        # Steps within the default limit; none is longer on these grids.
        assert solution.steps[i].tolist() == steps
    return classes.label[:first]


def check_sampled(layout: str, size: int, first: int) -> None:
    draw = judge(Dish(size=size, layout=layout), 2000)
    seen = set()
    for dish_ends in (True, False):
        drawn = draw(1, 0.6, dish_ends)
        seen |= set(check_batch(drawn, first).tolist())
        assert (drawn[2].steps[:, 0] > 0).all()
        assert drawn[3].all()
    # Where one way alone leads anywhere, it passes the cheese or does not.
    assert seen == ({0, 2} if layout in ("tree", "procgen") else {0, 1, 2})


@pytest.mark.parametrize("layout", ["blocks", "tree"])
def test_sampled_levels_are_solvable_and_as_plain_searches_say(layout: str):
    check_sampled(layout, 9, 200)


@pytest.mark.slow
@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_2000_sampled_levels_of_every_layout_are_as_plain_searches_say(layout: str):
    check_sampled(layout, 13, 2000)


def test_unfiltered_levels_are_as_plain_searches_say():
    drawn = judge(Dish(size=9), 300, solvable=False)(2, 1.0, True)
    check_batch(drawn, 300)
    assert (drawn[2].steps == -1).any(axis=0).all()


def test_a_solution_equals_a_search_of_all_action_sequences():
    env = Dish(size=7)
    levels, _, solution, _ = judge(env, 40)(3, 0.8, True)
    searched = reference.first_steps(env, levels, env.params_with(), 128)
    np.testing.assert_array_equal(solution.steps, searched)


@pytest.fixture(scope="module")
def trees() -> Any:
    """What draws mazes where the dish bars the way in many draws."""
    return judge(Dish(size=9, layout="tree"), 2000)


def test_without_a_shift_the_cheese_lies_on_the_dish_and_every_level_agrees(trees: Any):
    levels, classes, *_ = trees(4, 0.0, True)
    np.testing.assert_array_equal(levels.cheese, levels.dish)
    assert (classes.label == AGREEING).all()


def test_shifted_the_cheese_lies_apart_from_the_dish(trees: Any):
    levels, *_ = trees(5, 1.0, True)
    assert (levels.cheese != levels.dish).any(axis=1).all()


@pytest.mark.parametrize("alpha", [0.5, 0.03])
def test_alpha_is_the_share_of_levels_with_the_cheese_apart(trees: Any, alpha: float):
    levels, *_ = trees(6, alpha, True)
    apart = (levels.cheese != levels.dish).any(axis=1)
    assert stats.binomtest(int(apart.sum()), apart.size, alpha).pvalue > 1e-4


def test_objects_stand_on_floor_apart_from_the_agent(trees: Any):
    levels, *_ = trees(6, 0.5, True)
    every = np.arange(2000)
    for place in (levels.agent, levels.cheese, levels.dish):
        assert not levels.walls[every, place[:, 0], place[:, 1]].any()
    for place in (levels.cheese, levels.dish):
        assert (levels.agent != place).any(axis=1).all()


def test_a_dish_that_ends_nothing_may_bar_the_way_and_such_levels_are_not_clean(
    trees: Any,
):
    levels, classes, *_ = trees(7, 1.0, False)
    over = [
        paths(walls, agent, cheese, mask(walls.shape, dish)).free == 0
        for walls, agent, cheese, dish in zip(
            levels.walls, levels.agent, levels.cheese, levels.dish, strict=True
        )
    ]
    assert 0.05 < np.mean(over) < 0.5
    assert not classes.clean[over].any()


def test_the_dish_lies_anywhere_whether_or_not_the_cheese_lies_on_it():
    levels, *_ = judge(Dish(size=7, layout="open"), 2000)(8, 0.5, True)
    apart = (levels.cheese != levels.dish).any(axis=1)
    for chosen in (apart, ~apart):
        for places in (levels.dish[chosen], levels.cheese[chosen]):
            counts, *_ = np.histogram2d(*places.T, bins=5, range=[(1, 6), (1, 6)])
            assert stats.chisquare(counts.ravel()).pvalue > 1e-4


# ---------------------------------------------------------------- edits and shifts


@pytest.fixture(scope="module")
def edited() -> Any:
    """What offers 32 edits with an α to levels with the cheese on the dish."""
    env = Dish(size=7)
    params = env.params_with()
    levels = env.sample_levels(jax.random.key(9), 64, params, 0.0)
    edit = partial(edit_levels, env, jax.random.key(10), levels, params, "biased")
    return lambda alpha: (levels, edit(alpha, 32))


def test_edits_without_a_shift_move_cheese_and_dish_together(edited: Any):
    before, after = edited(0.0)
    np.testing.assert_array_equal(after.cheese, after.dish)
    assert (after.cheese != before.cheese).any(axis=1).mean() > 0.5


def test_shifted_edits_move_them_apart(edited: Any):
    _, after = edited(1.0)
    assert (after.cheese != after.dish).any(axis=1).mean() > 0.5


@pytest.mark.parametrize(
    ("name", "gone", "stays"),
    [("no_dish", "dish", "cheese"), ("no_cheese", "cheese", "dish")],
)
def test_a_shift_takes_an_object_away(name: str, gone: str, stays: str):
    (shift,) = [shift for shift in Dish.shifts if shift.name == name]
    assert shift.edit is not None
    before = ENV.parse(row("#b.@..#"))
    after = shift.edit(before, ENV.params_with())
    assert getattr(after, gone).tolist() == [-1, -1]
    assert getattr(after, stays).tolist() == [1, 1]


def test_a_shift_shows_the_dish_in_one_channel():
    (shift,) = [shift for shift in Dish.shifts if shift.name == "redundancy-1"]
    assert view(ENV, ROW, **shift.stepped_with)[..., 3:].sum() == 1
