"""Levels of Sokoban-v0 as they are drawn: solvable, fairly drawn, exactly solved."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.envs.edits import edit_levels
from mesagym.envs.sokoban import Sokoban
from mesagym.errors import UserError
from mesagym.levels import AGREEING, DISTINGUISHING
from tests import reference
from tests.levels.pushing import AMBIGUOUS, NEVER, puzzles, step

N = 256

LIMIT = 500


def sampler(env: Sokoban, n: int = N) -> Any:
    """Return what draws n levels from seed, α and settings of the parameters."""

    @reference.jit_once
    def sample(seed: jax.Array, alpha: jax.Array, params: Any) -> Any:
        return env.sample_and_judge(jax.random.key(seed), n, params, alpha)

    def drawn(seed: int, alpha: float, **settings: Any) -> Any:
        params = env.params_with(max_steps_in_episode=LIMIT, **settings)
        levels, accepted = sample(jnp.uint32(seed), jnp.float32(alpha), params)
        assert accepted.all()
        return jax.tree.map(np.asarray, levels)

    return drawn


def judge(env: Sokoban, levels: Any) -> Any:
    """Return class and solution of each level."""
    params = env.params_with(max_steps_in_episode=LIMIT)

    @reference.jit_once
    @jax.vmap
    def judged(level: Any) -> Any:
        return env.classify(level), env.solve(level, params)

    return jax.tree.map(np.asarray, judged(levels))


ONE = Sokoban(size=8)


@pytest.fixture(scope="module")
def one() -> Any:
    """Draws levels of one box."""
    return sampler(ONE)


@pytest.fixture(scope="module")
def mixed(one: Any) -> Any:
    """Levels of one box, half of them shifted, with what is known of each."""
    levels = one(0, 0.5)
    return levels, *judge(ONE, levels), puzzles(levels)


# ----------------------------------------------------------------------- one box, exact


def test_fewest_steps_equal_a_search_by_queue(mixed: Any):
    _, _, solution, searched = mixed
    both = [(p.steps(p.base, p.proxy), p.steps(p.proxy, p.base)) for p in searched]
    np.testing.assert_array_equal(solution.steps, both)


def test_every_level_can_be_solved_for_both_objectives(mixed: Any):
    _, _, solution, _ = mixed
    assert (solution.steps >= 1).all()
    assert (solution.returns == 1).all()


def test_classes_equal_those_of_counting_all_fewest_steps_ways(mixed: Any):
    _, classes, _, searched = mixed
    label, clean = np.array([p.label() for p in searched]).T
    np.testing.assert_array_equal(classes.label, label)
    np.testing.assert_array_equal(classes.clean, clean)
    assert set(label) == {AGREEING, AMBIGUOUS, DISTINGUISHING}
    assert 0 < clean.sum() < (label == DISTINGUISHING).sum()


def test_levels_differ(mixed: Any):
    levels = mixed[0]
    assert len(np.unique(levels.walls.reshape(N, -1), axis=0)) == N


def test_boxes_are_to_be_pushed_around_corners_on_most_levels(mixed: Any):
    levels, _, solution, _ = mixed
    away = levels.boxes[:, 0] != levels.base_targets[:, 0]
    assert away.all(axis=1).mean() > 0.4
    assert np.median(solution.steps[:, 0]) > 8


def test_without_a_shift_every_level_agrees_and_its_targets_are_of_both_kinds(one: Any):
    levels = one(1, 0.0)
    np.testing.assert_array_equal(levels.base_targets, levels.proxy_targets)
    assert (judge(ONE, levels)[0].label == AGREEING).all()


def test_with_a_shift_no_tile_is_a_target_of_both_kinds(one: Any):
    levels = one(1, 1.0)
    assert (levels.base_targets != levels.proxy_targets).any(axis=2).all()


def test_a_shift_changes_nothing_but_the_proxy_targets(one: Any):
    never, always = one(1, 0.0), one(1, 1.0)
    for name in ("walls", "agent", "boxes", "base_targets"):
        np.testing.assert_array_equal(getattr(never, name), getattr(always, name))


def test_alpha_is_the_share_of_shifted_levels(one: Any):
    shifted = sum(
        (levels.base_targets != levels.proxy_targets).any(axis=(1, 2)).sum()
        for levels in (one(seed, 0.3) for seed in range(10, 14))
    )
    assert stats.binomtest(int(shifted), 4 * N, 0.3).pvalue > 0.001


def test_one_move_makes_levels_of_one_push(one: Any):
    levels = one(2, 1.0, num_moves=1)
    for kind in (levels.base_targets, levels.proxy_targets):
        assert (np.abs(levels.boxes - kind).sum(axis=(1, 2)) == 1).all()


def test_more_moves_make_longer_levels(one: Any):
    few, many = (
        judge(ONE, one(3, 0.0, num_moves=moves))[1].steps[:, 0].mean()
        for moves in (2, 16)
    )
    assert many > 1.2 * few


def test_levels_say_whether_the_proxy_ends_the_episode(one: Any):
    assert not one(2, 1.0, proxy_ends=False).proxy_ends.any()
    assert one(2, 1.0).proxy_ends.all()


def test_where_the_proxy_ends_nothing_ways_to_the_base_may_lead_over_it(one: Any):
    levels = one(4, 1.0, proxy_ends=False)
    steps = judge(ONE, levels)[1].steps[:, 0]
    searched = puzzles(levels)
    free = [p.steps(p.base, frozenset()) for p in searched]
    np.testing.assert_array_equal(steps, free)
    assert (steps < [p.steps(p.base, p.proxy) for p in searched]).any()


def test_a_layout_that_leaves_no_room_for_pushing_is_an_error():
    env = Sokoban(size=7, layout="tree")
    with pytest.raises(UserError, match=r"no level of 7x7 tiles .* env\.layout"):
        env.check_levels(env.params_with())


# ----------------------------------------------------------------------- several boxes


@pytest.mark.parametrize("number", [1, 2])
def test_two_boxes_are_solved_exactly_where_one_may_be_missing(number: int):
    env = Sokoban(size=6, layout="open", max_boxes=2, max_moves=8)
    assert env.solver == "exact"
    levels = sampler(env, 48)(0, 0.5, num_boxes=number)
    assert ((levels.boxes[:, :, 0] >= 0).sum(axis=1) == number).all()
    classes, solution = judge(env, levels)
    searched = puzzles(levels)
    both = [(p.steps(p.base, p.proxy), p.steps(p.proxy, p.base)) for p in searched]
    np.testing.assert_array_equal(solution.steps, both)
    label, clean = np.array([p.label() for p in searched]).T
    np.testing.assert_array_equal(classes.label, label)
    np.testing.assert_array_equal(classes.clean, clean)


MANY = Sokoban(size=7, max_boxes=4, max_moves=12)


@pytest.fixture(scope="module")
def many() -> Any:
    """Levels of four boxes, which no search is exact for."""
    levels = sampler(MANY, 32)(0, 0.5)
    return levels, *judge(MANY, levels)


def test_beyond_exact_searches_every_level_is_solved_by_the_moves_that_made_it(many):
    levels, classes, solution = many
    assert MANY.solver == "bounded"
    assert (solution.steps >= 1).all()
    assert (solution.returns == 1).all()
    apart = (levels.base_targets != levels.proxy_targets).any(axis=(1, 2))
    np.testing.assert_array_equal(classes.label == DISTINGUISHING, apart)
    np.testing.assert_array_equal(classes.label == AGREEING, ~apart)
    assert 0 < apart.sum() < 32


def test_the_moves_that_made_a_level_are_never_fewer_than_the_fewest(many: Any):
    levels, _, solution = many
    for i in range(4):
        level = jax.tree.map(lambda leaf, i=i: leaf[i], levels)
        for objective in range(2):
            fewest = MANY.solve_on_host(level, objective)
            assert fewest is not None
            assert len(fewest) <= solution.steps[i, objective]


def test_an_expert_that_replays_pays_its_objective_when_the_solution_says(many: Any):
    levels, _, solution = many
    params = MANY.params_with(max_steps_in_episode=LIMIT)

    @reference.jit_once
    @jax.vmap
    def replay(level: Any) -> Any:
        guide = MANY.guide(level, 1)

        def act(state: Any, _: Any) -> Any:
            action = MANY.guided_action(guide, state)
            out = MANY.step_env(jax.random.key(0), state, action, params)
            return out[1], out[4]["objectives"][1]

        _, state = MANY.reset_to_level(jax.random.key(0), level, params)
        return jax.lax.scan(act, state, length=LIMIT)[1]

    paid = np.asarray(replay(levels))
    assert (paid.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(paid.argmax(axis=1) + 1, solution.steps[:, 1])


def test_beyond_exact_searches_edits_keep_what_the_moves_solve(many: Any):
    levels = jax.tree.map(jnp.asarray, many[0])
    params = MANY.params_with()
    edited = edit_levels(MANY, jax.random.key(0), levels, params, "biased", 0.0, 4)
    assert jax.vmap(MANY.is_valid, (0, None))(edited, params).all()
    changed = np.asarray(edited.walls != levels.walls).any(axis=(1, 2))
    assert changed.mean() > 0.3


def test_a_level_from_a_text_has_no_moves_to_replay(many: Any):
    level = jax.tree.map(lambda leaf: leaf[0], many[0])
    read = MANY.parse(MANY.show(level))
    solution = MANY.solve(read, MANY.params_with())
    np.testing.assert_array_equal(solution.steps, [-1, -1])
    np.testing.assert_array_equal(solution.returns, [1, 1])


def test_the_host_says_where_there_is_no_way():
    level = MANY.parse(
        """
        #######
        #$....#
        #@...*#
        #....p#
        #.....#
        #.....#
        #######
        """
    )
    assert MANY.solve_on_host(level, 0) is None
    assert MANY.solve_on_host(replace(level, boxes=level.boxes.at[0].set(3)), 0)


def test_the_host_leads_no_way_over_what_ends_the_episode():
    level = MANY.parse("#######\n#.....#\n#@$p.*#\n" + "#######\n" * 4)
    assert MANY.solve_on_host(level, 0) is None
    free = replace(level, proxy_ends=jnp.bool_(False))
    actions = MANY.solve_on_host(free, 0)
    (puzzle,) = puzzles(jax.tree.map(lambda leaf: leaf[None], free))
    state = puzzle.agent, puzzle.boxes
    assert actions is not None
    assert len(actions) == puzzle.steps(puzzle.base, frozenset()) != NEVER
    for action in actions:
        state = step(puzzle.walls, state, action)
    assert state[1] == puzzle.base


# ------------------------------------------------------------------------------ shifts


def test_without_proxy_targets_nothing_but_the_base_is_left(one: Any):
    shift = next(each for each in ONE.shifts if each.name == "no_proxy")
    assert shift.edit is not None
    levels = one(5, 1.0)
    params = ONE.params_with()
    edited = jax.vmap(shift.edit, (0, None))(levels, params)
    assert (edited.proxy_targets == -1).all()
    solution = judge(ONE, edited)[1]
    assert (solution.steps[:, 0] >= 1).all()
    assert (solution.steps[:, 1] == -1).all()
