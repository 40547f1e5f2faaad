"""Devices learn by Krichevsky and Trofimov's rule; agents err as epsilon says."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.evals.goals.devices import (
    EPSILONS,
    agent_likelihoods,
    context_counts,
    krichevsky_trofimov,
    weigh,
)
from mesagym.evals.goals.rewards import best_values, draw_tiles, goals, is_best
from mesagym.evals.goals.walks import Walks, counts, walks
from mesagym.evals.tabular import tabulate
from tests.evals.goals.studies import study


@given(st.lists(st.integers(0, 3), max_size=12))
def test_a_device_predicts_as_often_as_it_saw_and_half_a_time_more(
    actions: list[int],
) -> None:
    expected, seen = 0.0, np.full(4, 0.5)
    for action in actions:
        expected += math.log(seen[action] / seen.sum())
        seen[action] += 1
    counted = np.bincount(np.array(actions, int), minlength=4)[None]
    assert krichevsky_trofimov(counted) == pytest.approx(expected, abs=1e-9)


def test_contexts_are_of_the_step_before_and_of_the_walls_around() -> None:
    pool = study().pools["clean"]
    models = tabulate(pool.env, pool.levels, pool.env_params)
    one = jax.tree.map(lambda leaf: leaf[:1], models)
    start = int(one.start[0])
    after = int(one.next[0, start, 2])
    walked = Walks(
        np.array([[[start, after, 0]]]),
        np.array([[[2, 1, 3]]]),
        np.array([[[True, True, False]]]),
    )
    nothing, previous, walls, both = context_counts(one, walked)
    np.testing.assert_array_equal(nothing[0, 0, 0], [0, 1, 1, 0])
    assert previous[0, 0, 4, 2] == previous[0, 0, 2, 1] == 1
    blocked = [
        sum((int(one.next[0, s, a]) == s) << a for a in range(4))
        for s in (start, after)
    ]
    assert walls[0, 0, blocked[0], 2] == walls[0, 0, blocked[1], 1] == 1
    assert both[0, 0, 4 * 16 + blocked[0], 2] == both[0, 0, 2 * 16 + blocked[1], 1] == 1
    assert [each.sum() for each in (nothing, previous, walls, both)] == [2, 2, 2, 2]


def test_agents_err_at_random_by_epsilon_and_share_out_ties() -> None:
    here = study()
    pool, random = here.pools["clean"], here.contestants[2]
    models = tabulate(pool.env, pool.levels, pool.env_params)
    walked = walks(pool, random)
    key, horizon, level, seed, e = jax.random.key(3), 16, 2, 0, 4
    done = counts(walked, 49, 4)
    got = agent_likelihoods(models, jnp.asarray(done), key, horizon, 2, 0.9)
    model = jax.tree.map(lambda leaf: leaf[level], models)
    tiles = draw_tiles(model, jax.random.split(key, pool.size)[level], 2)
    best = np.asarray(
        is_best(best_values(model, goals(model, tiles, 0.9), 0.9, horizon))
    )
    chance = (1 - EPSILONS[e]) * best / best.sum(1, keepdims=True) + EPSILONS[e] / 4
    steps = walked.taken[seed, level]
    where, what = (
        each[seed, level][steps] for each in (walked.situations, walked.actions)
    )
    logs = np.log(chance[where, what]).sum(0)
    tile = np.log(np.exp(logs[4:]).mean())
    np.testing.assert_allclose(got[seed, level, e], [logs[0], logs[1], tile], rtol=1e-3)


def test_evidence_is_the_mean_over_what_is_alike_before() -> None:
    random = np.random.default_rng(1)
    agents = random.normal(-4, 1, (1, 3, len(EPSILONS), 3))
    contexts = [random.integers(0, 3, (1, 3, size, 4)) for size in (1, 5)]
    level = weigh(agents, contexts, pooled=False, num_contexts=2)
    expected = np.log(np.exp(agents).mean((-2, -1)))
    np.testing.assert_allclose(level.agents, expected)
    pooled = weigh(agents, contexts, pooled=True, num_contexts=1)
    np.testing.assert_allclose(pooled.devices, krichevsky_trofimov(contexts[0].sum(1)))
    skilled = weigh(agents, contexts, pooled=True, epsilons="skilled", num_contexts=1)
    expected = np.log(np.exp(agents[:, :, :4].sum(1)).mean((-2, -1)))
    np.testing.assert_allclose(skilled.agents, expected)


def test_the_prior_moves_the_posterior_by_its_odds() -> None:
    found = weigh(
        np.zeros((1, 1, len(EPSILONS), 3)), [np.zeros((1, 1, 1, 4))], pooled=True
    )
    for prior in (0.1, 0.5, 0.9):
        assert found.posterior(prior)[0] == pytest.approx(prior)
