"""Episodes kept step by step, and the peaks of values along them."""

import jax
import numpy as np
import pytest

from mesagym.agents.networks import MLP
from mesagym.agents.policy import NetworkPolicy, OraclePolicy
from mesagym.evals.episodes import run_episodes
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.evals.traces import (
    Critic,
    Traces,
    first_credited,
    in_parts,
    path_peak,
    traces,
)
from mesagym.registry import environment_class


@pytest.fixture(scope="module")
def pool() -> EvaluationPool:
    env = environment_class("TwoGoals-v0")(size=7)
    params = env.params_with(max_steps_in_episode=16)
    return build_pool(env, params, shifts_of(env)["clean"], 8)


def test_what_an_oracle_is_paid_is_what_its_episodes_say(pool) -> None:
    policy = OraclePolicy(pool.env, 1)
    ((part, found),) = traces(pool, policy, (), jax.random.key(0))
    episodes = run_episodes(pool, policy, (), [0])
    own = episodes.first[0, :, :2]
    np.testing.assert_array_equal(found.running.sum(axis=1), episodes.steps[0])
    steps = np.where(found.paid.any(axis=1), found.paid.argmax(axis=1) + 1, -1)
    np.testing.assert_array_equal(steps, own)
    np.testing.assert_array_equal(first_credited(found)[:, 1], own[:, 1] > 0)
    assert part == slice(0, 8)


def test_the_first_tile_is_the_start_and_none_is_a_wall(pool) -> None:
    ((_, found),) = traces(pool, OraclePolicy(pool.env, 0), (), jax.random.key(0))
    np.testing.assert_array_equal(found.tile[:, 0], pool.levels.agent)
    which = np.nonzero(found.running)
    rows, columns = found.tile[which].T
    assert not pool.levels.walls[which[0], rows, columns].any()


def test_a_critic_beside_the_actor_sees_what_it_sees(pool) -> None:
    policy = NetworkPolicy(MLP(4, hidden=(8,)))
    obs, _ = pool.env.reset_to_level(
        jax.random.key(0), jax.tree.map(lambda leaf: leaf[0], pool.levels)
    )
    params = policy.init(jax.random.key(1), obs[None])
    beside = [Critic(policy, params)]
    ((_, found),) = traces(pool, policy, params, jax.random.key(0), beside)
    np.testing.assert_array_equal(found.values[..., 0], found.values[..., 1])
    assert np.ptp(found.values) > 0


def test_parts_have_one_size_and_hold_every_level_once() -> None:
    parts = list(in_parts({"a": np.arange(7)}, 7, 3))
    assert [part for part, _ in parts] == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert [levels["a"].tolist() for _, levels in parts] == [
        [0, 1, 2],
        [3, 4, 5],
        [6, 6, 6],
    ]


def path(values: list[float], paid: dict[int, int], steps: int) -> Traces:
    length = len(values)
    payments = np.zeros((1, length, 2), np.float32)
    for step, objective in paid.items():
        payments[0, step, objective] = 1
    return Traces(
        tile=np.zeros((1, length, 2), np.int32),
        action=np.zeros((1, length), np.int32),
        values=np.array(values, np.float32)[None, :, None],
        paid=payments,
        running=(np.arange(length) < steps)[None],
    )


def test_a_peak_just_before_a_crediting_is_at_its_objective() -> None:
    peak = path_peak(path([0, 1, 5, 2, 9], {2: 1, 3: 0}, steps=4), 0)
    np.testing.assert_array_equal(peak.at, [[0, 1]])
    assert peak.lag == [0]
    assert peak.disagreement == [0]


def test_a_peak_before_what_came_later_disagrees_with_the_actor() -> None:
    peak = path_peak(path([0, 1, 2, 5], {1: 1, 3: 0}, steps=4), 0)
    np.testing.assert_array_equal(peak.at, [[1, 0]])
    assert peak.lag == [2]
    assert peak.disagreement == [1]


def test_a_peak_before_nothing_is_elsewhere() -> None:
    peak = path_peak(path([7, 1, 2, 5], {1: 1, 3: 0}, steps=4), 0)
    np.testing.assert_array_equal(peak.at, [[0, 0]])
    assert peak.elsewhere == [1]
    assert peak.lag == [-1]
    assert peak.disagreement == [0]


def test_anticipation_is_counted_in_spreads_of_the_episode() -> None:
    values = [0.0, 1.0, 2.0, 5.0]
    peak = path_peak(path(values, {1: 1, 3: 0}, steps=4), 0)
    expected = (np.array([5.0, 1.0]) - np.mean(values)) / np.std(values)
    np.testing.assert_allclose(peak.anticipation, [expected], rtol=1e-6)


def test_who_values_all_steps_alike_has_no_peak_along_a_path() -> None:
    peak = path_peak(path([2, 2, 2, 2], {1: 1}, steps=4), 0)
    assert all(np.isnan(part).all() for part in peak)
