"""Displacement followed exactly: against solved chains, episodes, and the blind."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym
from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy, OraclePolicy, RandomPolicy
from mesagym.agents.scripted import Heading, Softened
from mesagym.evals.displacement import (
    REPEATS,
    Worlds,
    displace,
    first_arrivals,
    is_exact,
    respond,
)
from mesagym.evals.outcomes import Contestant
from mesagym.evals.tabular import acting, tabulate

ENV, PARAMS = mesagym.make("TwoGoals-v0", size=7)
LEVELS = ENV.sample_levels(jax.random.key(3), 12, PARAMS, alpha=1.0)
SOFT = Softened(ENV, 0, 1.0)


def contestant(policy: Any, params: Any = (), seeds: tuple[int, ...] = (0,)) -> Any:
    return Contestant("someone", "sampled", policy, params, seeds)


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    return displace(ENV, LEVELS, "base_tile", PARAMS)


@pytest.fixture(scope="module")
def oracle(worlds: Worlds) -> Any:
    return respond(ENV, contestant(OraclePolicy(ENV, 0)), worlds, PARAMS)


def test_first_arrivals_are_those_of_the_solved_chain(worlds: Worlds):
    models = tabulate(ENV, LEVELS, PARAMS)
    chances = acting(ENV, SOFT, (), LEVELS, PARAMS).probabilities[0]
    tiles = np.stack([worlds.moved.old, worlds.moved.new], axis=1)
    for i in range(4):
        model = jax.tree.map(lambda leaf, i=i: np.asarray(leaf)[i], models)
        found = first_arrivals(
            model, jnp.asarray(chances[i]), jnp.asarray(tiles[i]), 4000
        )
        num, actions = model.next.shape
        lands = (model.tile[:, None] == tiles[i]).all(-1)
        onward, into = np.zeros((num, num)), np.zeros((num, 2))
        for s in range(num):
            for a in range(actions):
                after, chance = model.next[s, a], float(chances[i, s, a])
                into[s] += chance * lands[after]
                if not model.over[s, a] and not lands[after].any():
                    onward[s, after] += chance
        # Of the tiles that the start leads to: elsewhere walks may never end.
        seen = {int(model.start)}
        for _ in range(num):
            seen |= {int(j) for s in seen for j in np.flatnonzero(onward[s])}
        here = sorted(seen)
        solved = np.linalg.solve(
            np.eye(len(here)) - onward[np.ix_(here, here)], into[here]
        )
        expected = solved[here.index(int(model.start))]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_policy_that_ignores_the_thing_follows_it_by_exactly_nothing(worlds: Worlds):
    responses = respond(ENV, contestant(RandomPolicy(4)), worlds, PARAMS)
    kept = np.asarray(worlds.moved.accepted)
    assert kept.any()
    np.testing.assert_array_equal(responses.pull[0, kept], 0)
    np.testing.assert_array_equal(responses.hold[0, kept], 0)
    np.testing.assert_array_equal(responses.start_change[0, kept], 0)


def test_pairs_of_episodes_tell_who_ignores_the_thing_as_exactly(worlds: Worlds):
    walker = contestant(Heading(ENV))
    assert not is_exact(ENV, walker.policy)
    responses = respond(ENV, walker, worlds, PARAMS)
    kept = np.asarray(worlds.moved.accepted)
    np.testing.assert_array_equal(responses.pull[0, kept], 0)
    np.testing.assert_array_equal(responses.hold[0, kept], 0)
    assert responses.before[0, kept].sum() > 0


def test_levels_without_another_place_have_no_number(worlds: Worlds):
    none = replace(worlds.moved, accepted=jnp.zeros_like(worlds.moved.accepted))
    responses = respond(ENV, contestant(RandomPolicy(4)), Worlds(LEVELS, none), PARAMS)
    assert np.isnan(responses.pull).all()
    assert np.isnan(responses.start_change).all()


def test_the_things_own_expert_arrives_where_it_is(oracle: Any, worlds: Worlds):
    kept = np.asarray(worlds.moved.accepted)
    # It comes upon the other tile on its way at times, and never misses both.
    np.testing.assert_allclose(oracle.before[0, kept].sum(-1), 1)
    np.testing.assert_allclose(oracle.after[0, kept].sum(-1), 1)
    assert (oracle.pull[0, kept] >= 0).all()
    assert oracle.pull[0, kept].mean() > 0.3


class Remembering(Softened):
    """The same walk, said to remember: so that episodes must be run."""

    memoryless = False


def test_episodes_agree_with_what_is_computed(worlds: Worlds):
    exact = respond(ENV, contestant(SOFT), worlds, PARAMS)
    many = 16
    seeds = tuple(range(many))
    run = respond(ENV, contestant(Remembering(ENV, 0, 1.0), (), seeds), worlds, PARAMS)
    kept = np.asarray(worlds.moved.accepted)
    for side in ("before", "after"):
        expected = np.clip(getattr(exact, side)[0, kept], 0, 1)
        found = getattr(run, side)[:, kept].mean(0)
        # Four standard errors of a share of so many episodes.
        error = np.sqrt(expected * (1 - expected) / (many * REPEATS))
        assert (np.abs(found - expected) <= 4 * error + 1e-3).all()
    np.testing.assert_allclose(
        run.start_change[0, kept], exact.start_change[0, kept], atol=1e-5
    )


def test_each_set_of_weights_has_numbers_of_its_own(worlds: Worlds):
    network = make_network("mlp", ENV.num_actions, hidden=(8,))
    policy = NetworkPolicy(network)
    obs = jnp.zeros((1, *ENV.observation_shape), bool)
    params = jax.vmap(lambda key: policy.init(key, obs))(
        jax.random.split(jax.random.key(0), 2)
    )
    responses = respond(ENV, contestant(policy, params, (4, 7)), worlds, PARAMS)
    assert responses.pull.shape == (2, 12)
    assert not np.allclose(responses.before[0], responses.before[1], equal_nan=True)


def test_the_same_arguments_move_things_to_the_same_places(worlds: Worlds):
    again = displace(ENV, LEVELS, "base_tile", PARAMS)
    np.testing.assert_array_equal(again.moved.new, worlds.moved.new)
    other = displace(ENV, LEVELS, "base_tile", PARAMS, seed=1)
    assert (np.asarray(other.moved.new) != np.asarray(worlds.moved.new)).any()
