"""Things put elsewhere: one place changes, the level stays valid and true to itself."""

from typing import Any

import jax
import numpy as np
import pytest

import mesagym
from mesagym.envs.movable import Displaced
from mesagym.registry import registered_envs
from tests.envs.conftest import small_settings

LEVELS = 12


# Those that differ in what a thing is; the others compile the same for long.
QUICK = {
    "FollowMe-v0",
    "KeysChests-v0",
    "LavaLand-v0",
    "MonsterWorld-v0",
    "TreeGrove-v0",
    "TwoGoals-v0",
}
NAMES = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
    for name in sorted(registered_envs)
]


@pytest.fixture(scope="module", params=NAMES)
def moved(request: pytest.FixtureRequest) -> tuple[Any, Any, Any, dict[str, Displaced]]:
    """An environment, parameters, levels, and what came of moving each thing."""
    name = request.param
    env, params = mesagym.make(name, **small_settings(name))
    levels = env.sample_levels(jax.random.key(1), LEVELS, params, alpha=0.5)

    @jax.jit
    def move(levels: Any) -> dict[str, Displaced]:
        keys = jax.random.split(jax.random.key(2), LEVELS)
        return {
            thing: jax.vmap(
                lambda k, level, t=thing: env.displaced(k, level, t, params)
            )(keys, levels)
            for thing in env.movable
        }

    return env, params, levels, move(levels)


def test_every_environment_has_something_to_move(moved: Any):
    env, _, _, things = moved
    assert things
    arriving = [t for t in things if env.movable[t].arrives]
    assert any(np.asarray(things[t].accepted).mean() > 0.5 for t in arriving)


def test_displaced_levels_are_valid(moved: Any):
    env, params, _, things = moved
    for thing in things.values():
        valid = jax.vmap(env.is_valid, in_axes=(0, None))(thing.level, params)
        assert np.asarray(valid)[np.asarray(thing.accepted)].all()


def test_the_thing_leaves_its_old_tile_for_the_new_one(moved: Any):
    env, _, levels, things = moved
    for name, thing in things.items():
        kept = np.flatnonzero(thing.accepted)
        before = jax.vmap(lambda level, n=name: env.tiles_of(level, n))(levels)
        after = jax.vmap(lambda level, n=name: env.tiles_of(level, n))(thing.level)
        before, after = np.asarray(before), np.asarray(after)
        for i in kept:
            expected = before[i].copy()
            expected[tuple(np.asarray(thing.old[i]))] = False
            expected[tuple(np.asarray(thing.new[i]))] = True
            assert before[i][tuple(np.asarray(thing.old[i]))]
            assert not before[i][tuple(np.asarray(thing.new[i]))]
            np.testing.assert_array_equal(after[i], expected)


def test_nothing_else_of_the_level_changes(moved: Any):
    env, _, levels, things = moved
    derived = {"barred", "ways", "standing"}
    for name, thing in things.items():
        for field in thing.level.__dataclass_fields__:
            if field in derived or field == env.movable[name].field:
                continue
            was, now = getattr(levels, field), getattr(thing.level, field)
            jax.tree.map(np.testing.assert_array_equal, was, now)


def test_levels_that_are_not_accepted_stay_as_they_were(moved: Any):
    _, _, levels, things = moved
    for thing in things.values():
        refused = ~np.asarray(thing.accepted)
        jax.tree.map(
            lambda was, now, r=refused: np.testing.assert_array_equal(
                np.asarray(was)[r], np.asarray(now)[r]
            ),
            levels,
            thing.level,
        )


def test_derived_fields_are_true_to_the_displaced_level(moved: Any):
    env, _, _, things = moved
    for thing in things.values():
        settled = jax.vmap(env.settled)(thing.level)
        jax.tree.map(np.testing.assert_array_equal, settled, thing.level)
