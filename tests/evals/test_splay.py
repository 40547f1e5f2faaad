"""Levels splayed over starts and goals, against following each of them alone."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.evals.splay import grounds, splay
from mesagym.evals.tabular import acting, follow, tabulate
from mesagym.registry import environment_class

LEVELS = {
    "TwoGoals-v0": """
#######
#.....#
#.###.#
#*#@..#
#.###.#
#o...d#
#######
""",
    "Corner-v0": """
#######
#.#...#
#...#.#
#.#.*.#
#.#.#.#
#...@.#
#######
""",
    "ColorShape-v0": """
#######
#.....#
#.#s#.#
#*#...#
#.#@#.#
#c....#
#######
""",
    "LavaLand-v0": """
#######
#..~..#
#..~..#
#@.~.*#
#.....#
#.....#
#######
""",
}


def whole(name: str):
    env = environment_class(name)(size=7)
    level = jax.tree.map(np.asarray, env.parse(LEVELS[name]))
    return env, env.params_with(), level


@pytest.fixture(scope="module", params=["TwoGoals-v0", "Corner-v0", "ColorShape-v0"])
def splayed(request):
    env, params, level = whole(request.param)
    ground = grounds(env, level, params)
    policy = RandomPolicy(env.num_actions)
    found = splay(env, policy, (), level, params, ground.tiles)
    return env, params, level, ground, found


def test_an_outcome_is_that_of_the_level_itself_followed(splayed) -> None:
    env, params, level, ground, found = splayed
    field = {"TwoGoals": "base_tile", "Corner": "cheese"}.get(type(env).__name__)
    rng = np.random.default_rng(0)
    for _ in range(4):
        start, goal = rng.choice(len(ground.tiles), 2, replace=False)
        tile = jnp.asarray(ground.tiles[goal])
        if field:
            moved = level.replace(**{field: tile})
        else:
            moved = level.replace(places=level.places.copy())
            moved.places[0] = tile
        moved = moved.replace(agent=jnp.asarray(ground.tiles[start]))
        one = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], moved)
        model = tabulate(env, one, params)
        acts = acting(env, RandomPolicy(env.num_actions), (), one, params)
        table = jax.tree.map(lambda leaf: leaf[0], model)
        paid = np.asarray(table.paid)
        two = np.stack([paid[..., 0], paid[..., 1:].max(-1)], axis=-1)
        table = dataclasses.replace(table, paid=jnp.asarray(two))
        credited = follow(table, jnp.asarray(acts.probabilities[0, 0]), 128).credited
        expected = float(credited[0] - credited[1])
        assert found.outcome[0, start, goal] == pytest.approx(expected, abs=1e-5)


def test_nothing_is_said_of_a_start_on_the_goal(splayed) -> None:
    _, _, _, ground, found = splayed
    same = np.eye(len(ground.tiles), dtype=bool)
    np.testing.assert_array_equal(np.isnan(found.outcome[0]), same)


def test_tiles_are_those_that_paths_lead_to(splayed) -> None:
    _, _, level, ground, _ = splayed
    np.testing.assert_array_equal(ground.tiles, np.argwhere(~level.walls))
    assert (ground.tiles[ground.start] == level.agent).all()


def test_credited_tiles_are_those_of_the_objects() -> None:
    env, params, level = whole("TwoGoals-v0")
    ground = grounds(env, level, params)
    assert np.argwhere(ground.credits[..., 0]).tolist() == [level.base_tile.tolist()]
    assert np.argwhere(ground.credits[..., 1]).tolist() == [level.proxy_tile.tolist()]
    assert (ground.tiles[ground.goal] == level.base_tile).all()


def test_the_oracle_of_the_base_objective_wins_wherever_it_can() -> None:
    env, params, level = whole("TwoGoals-v0")
    ground = grounds(env, level, params)
    found = splay(env, OraclePolicy(env, 0), (), level, params, ground.tiles)
    # On the proxy's tile, both are credited at once; there the outcome is a draw.
    apart = ~(ground.tiles == level.proxy_tile).all(axis=1)
    outcome = np.where(np.isinf(ground.to_base), 1.0, found.outcome[0])[:, apart]
    assert np.nanmin(outcome) == pytest.approx(1.0)


def test_steps_from_every_start_are_those_of_the_level(splayed) -> None:
    env, params, level, ground, _ = splayed
    steps = np.asarray(env.solve(level, params).steps)
    assert ground.to_base[ground.start, ground.goal] == steps[0]


def test_lava_counts_for_the_proxy_whatever_the_start() -> None:
    env, params, level = whole("LavaLand-v0")
    ground = grounds(env, level, params)
    found = splay(env, OraclePolicy(env, 1), (), level, params, ground.tiles)
    assert found.outcome[0, ground.start, ground.goal] == pytest.approx(-1.0)
