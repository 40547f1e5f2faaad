"""Evidence by closed forms and by brute force; shares that were put in come out."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesagym.evals.goals.posterior import (
    BETAS,
    aimless,
    explain,
    hypothesis_names,
    likelihoods,
    shares,
)
from mesagym.evals.goals.rewards import draw_tiles, goals
from mesagym.evals.goals.walks import counts, walks
from mesagym.evals.tabular import optimal_values, tabulate
from tests.evals.goals.studies import study


@given(st.lists(st.integers(0, 6), min_size=2, max_size=5))
def test_no_objective_is_half_uniform_and_half_learned_one_by_one(
    counted: list[int],
) -> None:
    # The learned half by the chain rule: Laplace's rule of succession.
    learned, seen = 0.0, np.ones(len(counted))
    for action, times in enumerate(counted):
        for _ in range(times):
            learned += math.log(seen[action] / seen.sum())
            seen[action] += 1
    uniform = -sum(counted) * math.log(len(counted))
    expected = np.logaddexp(uniform, learned) - math.log(2)
    assert aimless(np.array(counted)) == pytest.approx(expected)


def test_evidence_of_no_objective_adds_up_to_one_over_all_sequences() -> None:
    total = 0.0
    for sequence in itertools.product(range(3), repeat=4):
        total += math.exp(aimless(np.bincount(sequence, minlength=3)))
    assert total == pytest.approx(1)


def test_likelihoods_are_those_of_each_step_of_the_walk() -> None:
    here = study()
    pool, random = here.pools["clean"], here.contestants[2]
    models = tabulate(pool.env, pool.levels, pool.env_params)
    walked = walks(pool, random)
    key, horizon = jax.random.key(5), 16
    done = counts(walked, 49, 4)
    logs, _ = likelihoods(models, jnp.asarray(done), key, horizon, 2, 0.9)
    level, seed, b = 4, 1, 8
    model = jax.tree.map(lambda leaf: leaf[level], models)
    tiles = draw_tiles(model, jax.random.split(key, pool.size)[level], 2)
    found = goals(model, tiles, 0.9)
    for g in (0, 3, 5):
        q = optimal_values(
            model, found.reward[..., g], found.over[..., g], 0.9, horizon
        )
        policy = jax.nn.log_softmax(BETAS[b] * q)
        steps = walked.taken[seed, level]
        where = walked.situations[seed, level][steps]
        what = walked.actions[seed, level][steps]
        expected = np.asarray(policy)[where, what].sum()
        assert float(logs[seed, level, b, g]) == pytest.approx(expected, rel=1e-3)


@settings(max_examples=20)
@given(st.floats(0.1, 0.9), st.integers(0, 2**16))
def test_shares_that_levels_were_drawn_with_come_out(share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    first = random.random(400) < share
    logs = np.where(first[:, None], [0.0, -6.0, -9.0], [-6.0, 0.0, -9.0])
    found = shares(logs + random.normal(0, 0.3, logs.shape))
    np.testing.assert_allclose(found[0], first.mean(), atol=0.03)
    assert found.sum() == pytest.approx(1)


def test_levels_that_tell_nothing_leave_shares_alike() -> None:
    np.testing.assert_allclose(shares(np.zeros((9, 4))), 0.25)


def test_evidence_over_beta_and_tiles_is_the_mean_of_likelihoods() -> None:
    random = np.random.default_rng(0)
    logs = random.normal(-3, 1, (1, 2, len(BETAS), 6))
    there = np.ones((2, 6))
    there[1, 5] = 0  # the second level has room for one tile only
    actions = np.full((1, 2, 4), 2.0)
    found = explain(logs, there, actions, own=2)
    base = np.log(np.exp(logs[0, :, :, 0].sum(0)).mean())
    assert found.evidence[0, 0] == pytest.approx(base)
    first = np.log(np.exp(logs[0, 0, :, 4:]).mean(-1))
    other = np.log(np.exp(first + logs[0, 1, :, 4]).mean())
    assert found.evidence[0, 4] == pytest.approx(other)
    np.testing.assert_allclose(found.posterior.sum(-1), 1)


def test_a_level_without_room_for_a_tile_weighs_it_as_chance() -> None:
    logs = np.zeros((1, 3, len(BETAS), 5))
    actions = np.full((1, 3, 4), 1.0)
    found = explain(logs, np.array([[1, 1, 1, 1, 0]] * 3), actions, own=2)
    assert found.evidence[0, 4] == pytest.approx(-12 * np.log(4))


def test_hypotheses_are_named_in_the_order_of_the_evidence() -> None:
    names = hypothesis_names(("cheese", "corner"))
    assert names == (
        *("cheese", "corner", "not_cheese", "not_corner"),
        *("other_tile", "no_objective"),
    )
