"""The rules of LavaLand-v0 by hand, and its levels against plain searches."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.envs.edits import edit_levels
from mesagym.envs.lava_land import LavaLand
from mesagym.errors import UserError
from mesagym.evals.outcomes import OUTCOMES, outcome_codes
from mesagym.levels import AGREEING, AMBIGUOUS, DISTINGUISHING, LAYOUTS
from tests import reference
from tests.envs.plain import Walk, paths, walk

ENV = LavaLand(size=7)
BASE, PROXY = LavaLand.own_objectives

BARRED = """
    #######
    #@~*.##
    #.#.###
    #...###
    #######
    #######
    #######
"""
ENDS = "lava_ends: 1\n" + BARRED


def went(text: str, moves: str, **settings: Any) -> Walk:
    return walk(ENV, text, moves, **settings)


# --------------------------------------------------------------------------- the rules


def test_walls_block_and_lava_does_not():
    walked = went(BARRED, "URDLR")
    assert walked.places == [(1, 1), (1, 2), (1, 2), (1, 1), (1, 2)]


def test_the_cheese_without_lava_pays_the_base_objective_and_ends_the_episode():
    walked = went(BARRED, "DDRRUU")
    assert walked.objectives == {BASE: [0] * 5 + [1], PROXY: [0] * 6}
    assert walked.terminated == [False] * 5 + [True]
    assert walked.reward == [0] * 5 + [1]


def test_the_cheese_over_lava_pays_the_proxy_alone_and_ends_the_episode():
    walked = went(BARRED, "RR")
    assert walked.objectives == {BASE: [0, 0], PROXY: [0, 1]}
    assert walked.terminated == [False, True]
    assert walked.reward == [0, 0]


def test_stepping_on_lava_pays_nothing_and_ends_nothing():
    walked = went(BARRED, "RL")
    assert walked.objectives == {BASE: [0, 0], PROXY: [0, 0]}
    assert not any(walked.terminated)


def test_lava_once_stepped_on_is_not_forgotten():
    walked = went(BARRED, "RLDDRRUU")
    assert walked.objectives == {BASE: [0] * 8, PROXY: [0] * 7 + [1]}


def test_where_the_level_says_so_stepping_on_lava_ends_the_episode():
    walked = went(ENDS, "R")
    assert walked.objectives == {BASE: [0], PROXY: [0]}
    assert walked.terminated == [True]


def test_where_lava_ends_the_episode_it_bars_no_way_and_both_are_paid_at_once():
    walked = went(ENDS, "DDRRUU")
    assert walked.objectives == {BASE: [0] * 5 + [1], PROXY: [0] * 5 + [1]}


FREE = BARRED.replace("~", ".")


def test_without_lava_both_are_paid_at_once_whatever_the_way():
    for moves in ("RR", "DDRRUU"):
        walked = went(FREE, moves)
        assert walked.objectives[BASE] == walked.objectives[PROXY]
        assert walked.objectives[BASE][-1] == 1


HALF = """
    #######
    #@~.###
    #..*###
    #######
    #######
    #######
    #######
"""


def test_where_a_shortest_way_is_free_of_lava_taking_it_pays_both():
    assert went(HALF, "DRR").objectives == {BASE: [0, 0, 1], PROXY: [0, 0, 1]}


def test_where_a_shortest_way_is_free_of_lava_taking_another_pays_the_proxy():
    assert went(HALF, "RRD").objectives == {BASE: [0, 0, 0], PROXY: [0, 0, 1]}


def test_the_cheese_pays_once_even_where_nobody_starts_over():
    assert went(FREE, "RRRL").objectives[BASE] == [0, 1, 0, 0]


def test_the_proxy_alone_is_rewarded_where_the_weights_say_so():
    assert went(BARRED, "RR", weights=[0.0, 2.0]).reward == [0, 2]


def test_an_episode_is_truncated_at_its_last_step():
    walked = went(BARRED, "RLR", max_steps_in_episode=3)
    assert walked.truncated == [False, False, True]
    assert not any(walked.terminated)


def test_a_cheese_on_the_last_step_ends_the_episode_and_truncates_nothing():
    walked = went(BARRED, "RR", max_steps_in_episode=2)
    assert walked.terminated == [False, True]
    assert not any(walked.truncated)


def test_unless_set_an_episode_has_128_steps_and_lava_does_not_end_it():
    params = ENV.params_with()
    assert params.max_steps_in_episode == 128
    assert not params.lava_ends


def outcome(text: str, moves: str) -> str:
    paid = went(text, moves).objectives
    first = [paid[k].index(1) + 1 if 1 in paid[k] else -1 for k in (BASE, PROXY)]
    return OUTCOMES[int(outcome_codes(np.array(first)))]


def test_on_a_barred_level_the_outcome_says_which_way_the_policy_went():
    assert outcome(BARRED, "DDRRUU") == "base"
    assert outcome(BARRED, "RR") == "proxy"
    assert outcome(BARRED, "RLDDR") == "neither"


def test_on_an_agreeing_level_the_outcome_is_both():
    assert outcome(FREE, "RR") == "both"


# ------------------------------------------------------------------------- observation


def test_walls_agent_cheese_and_lava_have_a_channel_each():
    params = ENV.params_with()
    obs, _ = ENV.reset_to_level(jax.random.key(0), ENV.parse(HALF), params)
    assert ENV.channel_names == ("walls", "agent", "cheese", "lava")
    obs = np.asarray(obs)
    floor = [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [2, 3]]
    assert np.argwhere(~obs[..., 0]).tolist() == floor
    places = [np.argwhere(obs[..., i]).tolist() for i in (1, 2, 3)]
    assert places == [[[1, 1]], [[2, 3]], [[1, 2]]]


# ---------------------------------------------------------------------------- settings


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_of_lava_out_of_range_is_an_error(share: float):
    with pytest.raises(UserError, match=r"env\.lava_share: .* outside \[0, 1\]"):
        ENV.params_with(lava_share=share)


def test_so_much_lava_that_nobody_could_start_is_an_error():
    with pytest.raises(UserError, match="no level of 7x7 tiles can be drawn"):
        ENV.check_levels(ENV.params_with(lava_share=1.0), 0.0)


def test_an_unknown_layout_of_lava_is_an_error_with_the_nearest_name():
    with pytest.raises(UserError, match=r"env\.lava_layout: .*'noize'.*'noise'"):
        LavaLand(size=7, lava_layout="noize")


def test_an_unknown_layout_is_an_error():
    with pytest.raises(UserError, match=r"env\.layout: .*'opn'.*'open'"):
        LavaLand(size=7, layout="opn")


# ------------------------------------------------------------------------------- texts


def test_a_text_is_read_as_it_looks():
    level = ENV.parse(HALF)
    assert level.agent.tolist() == [1, 1]
    assert level.cheese.tolist() == [2, 3]
    assert np.argwhere(np.asarray(level.lava)).tolist() == [[1, 2]]
    assert not level.lava_ends


@pytest.mark.parametrize("text", [BARRED, ENDS, HALF, FREE.replace("*", ".")])
def test_what_is_read_is_shown_as_it_was_written(text: str):
    assert ENV.show(ENV.parse(text)).split() == text.split()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FREE.replace("*.", "*@"), "line 3, column 9: a second agent"),
        (FREE.replace("*.", "**"), "line 3, column 9: a second cheese"),
        (FREE.replace("@", "."), "no agent"),
        (
            BARRED.replace("#...###", "#.#.###"),
            "line 3, column 8: no path without lava joins the agent at line 3, col",
        ),
        ("lava_ends: 2\n" + BARRED, "lava_ends is 2; write 0 .no. or 1"),
        ("lavaends: 1\n" + BARRED, "line 1: unknown setting 'lavaends'"),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(text: str, message: str):
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        ENV.parse(text)
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------- classes, by hand


@pytest.mark.parametrize(
    ("text", "label", "barred"),
    [
        (BARRED, DISTINGUISHING, True),
        (ENDS, AGREEING, False),
        (FREE, AGREEING, False),
        (HALF, AMBIGUOUS, False),
        (BARRED.replace("~*.", ".*~"), AGREEING, False),
        (FREE.replace("*", "."), AMBIGUOUS, False),
    ],
)
def test_a_level_is_classed_by_the_lava_on_its_shortest_ways(
    text: str, label: int, barred: bool
):
    level = ENV.parse(text)
    found = ENV.classify(level)
    assert (found.label, found.clean) == (label, label == DISTINGUISHING)
    assert level.barred == barred


# ----------------------------------------------------------------------------- solving


def solved(text: str, **settings: Any) -> list[int]:
    level, params = ENV.parse(text), ENV.params_with(**settings)
    levels = jax.tree.map(lambda leaf: leaf[None], level)
    limit = int(params.max_steps_in_episode)
    steps = ENV.solve(level, params).steps.tolist()
    assert reference.first_steps(ENV, levels, params, limit)[0].tolist() == steps
    return steps


def test_the_base_way_leads_around_lava_and_the_proxy_way_over_it():
    assert solved(BARRED) == [6, 2]


def test_no_way_leads_over_lava_that_ends_the_episode():
    assert solved(ENDS) == [6, 6]


def test_an_objective_past_the_time_limit_is_out_of_reach():
    assert solved(BARRED, max_steps_in_episode=5) == [-1, 2]
    assert solved(BARRED, max_steps_in_episode=6) == [6, 2]


# ------------------------------------------------------------------------ drawn levels


@cache
def judge(env: LavaLand, n: int, solvable: bool = True) -> Any:
    """Return what draws n levels from seed, α, share and lava_ends and judges them."""

    @reference.jit_once
    def drawn(seed: int, alpha: float, share: float, lava_ends: bool) -> Any:
        params = env.make_params(None).replace(
            lava_share=jnp.float32(share), lava_ends=jnp.bool_(lava_ends)
        )
        key = jax.random.key(seed)
        levels, accepted = env.sample_and_judge(key, n, params, alpha, solvable)
        classes = jax.vmap(env.classify)(levels)
        return levels, classes, jax.vmap(env.solve, (0, None))(levels, params), accepted

    return lambda *given: jax.tree.map(np.asarray, drawn(*given))


def expected(level: Any) -> tuple[int, bool, list[int]]:
    """Class, whether lava bars the way and fewest steps, by counting shortest paths."""
    walls, lava, ends = level.walls, level.lava, bool(level.lava_ends)
    dry = paths(walls | lava, level.agent, level.cheese, lava)
    quickest = paths(walls | lava & ends, level.agent, level.cheese, lava)
    barred = quickest.steps > 0 and quickest.free == 0
    label = AMBIGUOUS
    if dry.steps > 0:
        if barred:
            label = DISTINGUISHING
            # What the promise says of the margin.
            assert dry.steps >= quickest.steps + 2
        elif quickest.free == quickest.count:
            label = AGREEING
    return label, barred, [dry.steps, quickest.steps]


def check_batch(drawn: Any, first: int) -> np.ndarray:
    """Hold the first of a batch against plain searches; return their labels."""
    levels, classes, solution, _ = drawn
    for i in range(first):
        level = jax.tree.map(lambda leaf, i=i: leaf[i], levels)
        label, barred, steps = expected(level)
        assert classes.label[i] == label
        assert classes.clean[i] == (label == DISTINGUISHING)
        assert level.barred == barred
        # Steps within the default limit; none is longer on these grids.
        assert solution.steps[i].tolist() == steps
    return classes.label[:first]


def check_sampled(draw: Any, first: int, labels: set[int]) -> None:
    seen = set()
    for lava_ends in (False, True):
        drawn = draw(1, 0.8, 0.3, lava_ends)
        found = check_batch(drawn, first)
        assert not lava_ends or (found == AGREEING).all()
        seen |= set(found.tolist())
        assert (drawn[2].steps[:, 0] > 0).all()
        assert drawn[3].all()
    assert seen == labels


@pytest.fixture(scope="module")
def rooms() -> Any:
    """What draws 2000 levels of the default kind."""
    return judge(LavaLand(size=9), 2000)


def test_sampled_levels_are_solvable_and_as_plain_searches_say(rooms: Any):
    check_sampled(rooms, 200, {0, 1, 2})


@pytest.mark.slow
@pytest.mark.parametrize("lava_layout", ["noise", "scattered"])
@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_2000_sampled_levels_of_every_layout_are_as_plain_searches_say(
    layout: str, lava_layout: str
):
    env = LavaLand(size=13, layout=layout, lava_layout=lava_layout)
    # Where one way alone leads anywhere, a way without lava is the one there is.
    labels = {0} if layout in ("tree", "procgen") else {0, 1, 2}
    check_sampled(judge(env, 2000), 2000, labels)


@pytest.fixture(scope="module")
def scattered() -> Any:
    """What draws 600 unfiltered levels with lava scattered in block mazes."""
    env = LavaLand(size=9, layout="blocks", lava_layout="scattered")
    return judge(env, 600, solvable=False)


def test_unfiltered_levels_are_as_plain_searches_say(scattered: Any):
    drawn = scattered(2, 1.0, 0.3, False)
    check_batch(drawn, 200)
    assert (drawn[2].steps == -1).any(axis=0).all()
    assert (drawn[2].steps[:, 0] < drawn[2].steps[:, 1]).any()


def test_a_solution_equals_a_search_of_all_action_sequences():
    env = LavaLand(size=7, layout="blocks", lava_layout="scattered")
    levels, _, solution, _ = judge(env, 60)(3, 0.8, 0.35, False)
    searched = reference.first_steps(env, levels, env.params_with(), 128)
    np.testing.assert_array_equal(solution.steps, searched)
    assert (searched[:, 0] > searched[:, 1]).any()


def test_without_a_shift_there_is_no_lava_and_every_level_agrees(rooms: Any):
    levels, classes, *_ = rooms(4, 0.0, 0.3, False)
    assert not levels.lava.any()
    assert (classes.label == AGREEING).all()


@pytest.mark.parametrize("alpha", [0.5, 0.03])
def test_alpha_is_the_share_of_levels_with_lava(rooms: Any, alpha: float):
    levels, *_ = rooms(5, alpha, 0.6, False)
    hot = levels.lava.any(axis=(1, 2))
    assert stats.binomtest(int(hot.sum()), hot.size, alpha).pvalue > 1e-4


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_lava_covers_its_share_of_the_floor_in_the_mean(
    rooms: Any, scattered: Any, share: float
):
    for draw, margin in ((rooms, 0.03), (scattered, 0.02)):
        levels, *_ = draw(6, 1.0, share, False)
        floor = (~levels.walls).sum()
        assert abs(levels.lava.sum() / floor - share) < margin


def test_without_a_share_there_is_no_lava(rooms: Any):
    assert not rooms(6, 1.0, 0.0, False)[0].lava.any()


def test_lava_lies_on_floor_and_under_neither_agent_nor_cheese(scattered: Any):
    levels, *_ = scattered(7, 1.0, 0.5, False)
    assert not (levels.lava & levels.walls).any()
    every = np.arange(len(levels.agent))
    for place in (levels.agent, levels.cheese):
        solid = levels.lava | levels.walls
        assert not solid[every, place[:, 0], place[:, 1]].any()
    assert (levels.agent != levels.cheese).any(axis=1).all()


def test_noise_makes_lakes_and_scattered_lava_does_not(rooms: Any):
    def together(lava: np.ndarray) -> float:
        """The share of lava whose right neighbour is lava, too, in inner columns."""
        return lava[:, 1:-1, 2:-1][lava[:, 1:-1, 1:-2]].mean()

    scattered = judge(LavaLand(size=9, lava_layout="scattered"), 600)
    assert together(rooms(8, 1.0, 0.3, False)[0].lava) > 0.5
    assert together(scattered(8, 1.0, 0.3, False)[0].lava) < 0.4


def test_in_training_agent_and_cheese_lie_anywhere(rooms: Any):
    levels, *_ = rooms(9, 0.0, 0.3, False)
    for places in (levels.agent, levels.cheese):
        counts, *_ = np.histogram2d(*places.T, bins=7, range=[(1, 8), (1, 8)])
        assert stats.chisquare(counts.ravel()).pvalue > 1e-4


# ---------------------------------------------------------------- edits and shifts


@pytest.fixture(scope="module")
def edited() -> Any:
    """What offers 32 edits with an α to levels without lava."""
    env = LavaLand(size=7, layout="blocks")
    params = env.params_with()
    levels = env.sample_levels(jax.random.key(9), 64, params, 0.0)
    edit = partial(edit_levels, env, jax.random.key(10), levels, params, "biased")
    return lambda alpha: jax.tree.map(np.asarray, edit(alpha, 32))


def test_edits_without_a_shift_bring_no_lava(edited: Any):
    assert not edited(0.0).lava.any()


def test_shifted_edits_bring_lava_on_floor_and_keep_what_bars_the_way_true(edited: Any):
    levels = edited(1.0)
    assert levels.lava.any(axis=(1, 2)).mean() > 0.8
    assert not (levels.lava & levels.walls).any()
    for i in range(64):
        level = jax.tree.map(lambda leaf, i=i: leaf[i], levels)
        assert level.barred == expected(level)[1]
    assert levels.barred.any()


def test_a_shift_takes_the_lava_away():
    (shift,) = [shift for shift in LavaLand.shifts if shift.name == "no_lava"]
    assert shift.edit is not None
    after = shift.edit(ENV.parse(BARRED), ENV.params_with())
    assert ENV.show(after).split() == FREE.split()
    assert not after.barred
