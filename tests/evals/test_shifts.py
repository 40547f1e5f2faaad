"""Evaluation pools: what each shift promises of its levels, and that they stay."""

import re
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym
from mesagym.errors import UserError
from mesagym.evals.shifts import (
    LONGEST_TEST,
    SUITES,
    build_pool,
    choose_shifts,
    fits,
    shifts_of,
)
from mesagym.levels.pool import AGREEING
from mesagym.registry import environment_class

SETTINGS = {"max_steps_in_episode": 32, "region": 1}


def made(**static: Any) -> tuple[Any, Any]:
    env, _ = mesagym.make("Corner-v0", size=7, **static)
    return env, env.params_with(**SETTINGS)


def pool_of(name: str, n: int = 24, seed: int = 0) -> Any:
    env, params = made()
    return build_pool(env, params, shifts_of(env)[name], n, seed)


# --- names ----------------------------------------------------------------------------


def test_suites_are_spelled_out_each_shift_once_and_in_order() -> None:
    env, _ = made()
    names = [each.name for each in choose_shifts(env, ["clean", "quick", "clean"])]
    assert names == ["clean", "agreeing"]


def test_all_is_every_shift_and_every_suite_is_made_of_them() -> None:
    env, _ = made()
    every = [each.name for each in choose_shifts(env, "all")]
    assert every == list(shifts_of(env))
    for suite in SUITES:
        names = [each.name for each in choose_shifts(env, suite)]
        assert names == [name for name in every if name in names]


def test_an_unknown_shift_is_named_with_the_nearest() -> None:
    env, _ = made()
    with pytest.raises(UserError, match=r"'cleen'\. Did you mean 'clean'"):
        choose_shifts(env, ["cleen"])


def test_a_suite_and_a_shift_are_chosen_together() -> None:
    env, _ = made()
    names = [each.name for each in choose_shifts(env, ["quick", "flipped"])]
    assert names == ["agreeing", "clean", "flipped"]


def test_pictures_have_no_channel_to_hide_and_suites_leave_such_shifts_out() -> None:
    env, _ = made(pixels=3)
    every = {each.name for each in choose_shifts(env, "all")}
    assert set(shifts_of(env)) - every == {"hidden_cheese", "doubled_cheese"}
    shift = shifts_of(env)["hidden_cheese"]
    with pytest.raises(UserError, match="'hidden_cheese' needs channels"):
        choose_shifts(env, ["clean", "hidden_cheese"])
    with pytest.raises(UserError, match="'hidden_cheese' needs channels"):
        build_pool(env, env.params_with(**SETTINGS), shift, 4)


def test_no_shift_at_all_is_refused() -> None:
    env, _ = made()
    with pytest.raises(UserError, match="none given"):
        choose_shifts(env, [])


def test_the_documentation_lists_every_environment_s_shifts() -> None:
    page = Path(__file__).parents[2] / "docs" / "shifts.md"
    rows = re.findall(r"^\| (\w+-v\d+) \| (.+) \|$", page.read_text(), re.MULTILINE)
    assert {name for name, _ in rows} == {*mesagym.registered_envs}
    for name, names in rows:
        shifts = cast(Any, environment_class(name)).shifts
        marked = [f"**{s.name}**" if s.standard else s.name for s in shifts]
        assert names == ", ".join(marked)


def test_where_training_never_starts_over_a_test_has_an_end_all_the_same() -> None:
    env, _ = mesagym.make("TreeGrove-v0", size=7)
    params = env.params_with(max_steps_in_episode=10**9)
    for name in ("training", "longer"):
        pool = build_pool(env, params, shifts_of(env)[name], 2)
        assert int(pool.env_params.max_steps_in_episode) == LONGEST_TEST


# --- what fits ------------------------------------------------------------------------


def test_a_larger_grid_fits_only_those_who_see_a_window() -> None:
    larger = shifts_of(made()[0])["larger"]
    assert not fits(made()[0], larger)
    assert fits(made(crop_radius=2)[0], larger)


def test_a_grid_that_cannot_grow_says_so() -> None:
    env, _ = mesagym.make("Corner-v0", size=64)
    with pytest.raises(UserError, match="'larger' needs a 68x68 grid and 64"):
        fits(env, shifts_of(env)["larger"])


# --- levels ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clean() -> Any:
    return pool_of("clean")


def test_the_same_arguments_give_the_same_levels_and_another_seed_others(
    clean: Any,
) -> None:
    again, other = pool_of("clean"), pool_of("clean", seed=1)
    assert np.array_equal(clean.levels.walls, again.levels.walls)
    assert np.array_equal(clean.levels.agent, again.levels.agent)
    assert not np.array_equal(clean.levels.walls, other.levels.walls)


def test_a_smaller_pool_begins_as_the_larger_one_drawn_in_as_many() -> None:
    # Both draw 64 at once, of which they keep the first.
    few, many = pool_of("clean", 4), pool_of("clean", 8)
    assert np.array_equal(few.levels.walls, many.levels.walls[:4])


def test_clean_levels_are_clean_and_solved_for_both_objectives(clean: Any) -> None:
    assert clean.size == 24
    assert clean.classes.clean.all()
    assert (clean.solution.steps > 0).all()


def test_agreeing_levels_have_the_cheese_in_the_corner() -> None:
    pool = pool_of("agreeing")
    assert (pool.classes.label == AGREEING).all()
    assert (pool.levels.cheese == 1).all()


def test_a_region_moves_the_cheese_and_leaves_the_corner_as_in_training() -> None:
    pool = pool_of("region-3", 64)
    cheese = pool.levels.cheese
    assert ((cheese >= 1) & (cheese <= 3)).all()
    assert (cheese > 1).any()
    assert (pool.levels.region == 1).all()


def test_without_a_cheese_nobody_can_reach_one() -> None:
    pool = pool_of("no_cheese")
    assert (pool.levels.cheese == -1).all()
    assert (pool.solution.steps[:, 0] == -1).all()
    assert (pool.solution.steps[:, 1] > 0).any()


def test_unfiltered_levels_may_have_no_path_to_the_cheese() -> None:
    assert (pool_of("published", 512).solution.steps[:, 0] == -1).any()


def test_a_filter_that_keeps_nothing_is_a_line() -> None:
    env, _ = made(layout="open")
    params = env.params_with(**SETTINGS).replace(region=jnp.int32(5))
    with pytest.raises(UserError, match="'clean' found 0 of 4 clean levels"):
        build_pool(env, params, shifts_of(env)["clean"], 4)


def test_an_evaluation_of_no_level_is_refused() -> None:
    with pytest.raises(UserError, match="levels: 0 is below 1"):
        pool_of("clean", 0)


def test_no_evaluation_level_comes_from_a_training_seed_of_the_same_number(
    clean: Any,
) -> None:
    env, params = made()
    trained = env.sample_levels(jax.random.key(0), 24, params, 1.0)
    assert not np.array_equal(clean.levels.walls, trained.walls)
