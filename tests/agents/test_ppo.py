"""PPO on probes whose values are known, and its pieces against closed forms."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.agents import ppo
from mesagym.agents.advantages import generalised_advantages
from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.agents.rollout import collect, start_workers
from mesagym.errors import UserError
from tests.agents.probes import Probe, probe_params

SHAPE = ppo.PPOShape(
    num_envs=32, rollout_steps=8, epochs=4, minibatches=2, clip_values=False
)


def learn(probe, discount=0.5, updates=150, entropy=0.01):
    """Train on a probe and return what the policy says of each observation."""
    policy = NetworkPolicy(make_network("mlp", probe.num_actions, hidden=(32,)))
    params = probe_params()
    hyper = ppo.make_hyper(
        learning_rate=1e-2, final_learning_rate=0.02, discount=discount, entropy=entropy
    )
    key = jax.random.key(0)
    workers = start_workers(probe, policy, key, params, SHAPE.num_envs)
    optimised = ppo.start_optimising(policy.init(key, workers.obs[:1]))

    @jax.jit
    def run(optimised, workers):
        def step(carry, now):
            key, progress = now
            optimised, workers, *_ = ppo.update(
                probe, policy, SHAPE, probe.length, *carry, key, hyper, params, progress
            )
            return (optimised, workers), None

        keys = jax.random.split(jax.random.key(1), updates)
        course = (keys, jnp.arange(updates) / updates)
        return jax.lax.scan(step, (optimised, workers), course)[0][0]

    optimised = run(optimised, workers)
    every = jnp.eye(2 * (probe.length + 1)) > 0
    logits, values = policy.evaluate(optimised.params, every)
    return np.asarray(jax.nn.softmax(logits)), np.asarray(values)


def test_the_value_of_a_one_step_bandit_is_its_reward():
    _, values = learn(Probe(length=1, rule="last"))
    assert values[0] == pytest.approx(1.0, abs=0.05)


def test_the_value_two_steps_before_a_reward_is_the_discount():
    _, values = learn(Probe(length=2, rule="last"), discount=0.5)
    assert values[0] == pytest.approx(0.5, abs=0.05)
    assert values[2] == pytest.approx(1.0, abs=0.05)


def test_the_value_depends_on_what_is_observed():
    _, values = learn(Probe(length=1, rule="bit"))
    assert values[0] == pytest.approx(0.0, abs=0.05)
    assert values[1] == pytest.approx(1.0, abs=0.05)


def test_the_policy_learns_the_action_that_the_observation_asks_for():
    probabilities, _ = learn(Probe(length=1, rule="match"))
    assert probabilities[0, 0] > 0.9
    assert probabilities[1, 1] > 0.9


def test_a_time_limit_does_not_end_the_value():
    # Paid 1 a step for ever: 1 / (1 - γ), though every episode is cut at 4 steps.
    _, values = learn(
        Probe(length=4, rule="each", cut=True, show_time=False), discount=0.5
    )
    assert values[0] == pytest.approx(2.0, abs=0.1)


def test_a_true_end_does_end_the_value():
    _, values = learn(Probe(length=4, rule="each"), discount=0.5)
    assert values[6] == pytest.approx(1.0, abs=0.1)
    assert values[0] == pytest.approx(1.875, abs=0.1)


def by_hand(rewards, values, after, terminated, truncated, discount, trace):
    """Sum discounted temporal differences of each step's own episode."""
    advantages = np.zeros_like(rewards)
    for start in range(len(rewards)):
        weight = 1.0
        for t in range(start, len(rewards)):
            follows = 0.0 if terminated[t] else discount * after[t]
            advantages[start] += weight * (rewards[t] + follows - values[t])
            if terminated[t] or truncated[t]:
                break
            weight *= discount * trace
    return advantages


@pytest.mark.parametrize("seed", range(5))
def test_advantages_equal_the_sum_written_out(seed):
    rng = np.random.default_rng(seed)
    rewards, values, after = rng.normal(size=(3, 12)).astype(np.float32)
    ends = rng.integers(0, 4, 12)
    terminated, truncated = ends == 1, ends == 2
    expected = by_hand(rewards, values, after, terminated, truncated, 0.9, 0.8)
    given = (a[:, None] for a in (rewards, values, after, terminated, truncated))
    found = generalised_advantages(*map(jnp.asarray, given), 0.9, 0.8)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-5)


def rollout_of(probe, steps):
    policy = NetworkPolicy(make_network("mlp", 2, hidden=(8,)))
    params = probe_params()
    workers = start_workers(probe, policy, jax.random.key(0), params, 4)
    weights = policy.init(jax.random.key(0), workers.obs[:1])
    run = jax.jit(
        partial(collect, probe, policy, steps=steps, shortest_episode=probe.length)
    )
    return run(weights, workers, jax.random.key(1), params)


def test_final_observations_are_those_of_the_cut_episodes():
    rollout = rollout_of(Probe(length=3, rule="each", cut=True), steps=8)
    last = np.zeros(8, dtype=bool)
    last[6] = True  # time 3, bit 0
    assert rollout.finals.obs.shape[0] == 3
    np.testing.assert_array_equal(rollout.finals.used, [2, 2, 2, 2])
    for slot in range(2):
        np.testing.assert_array_equal(rollout.finals.obs[slot], np.tile(last, (4, 1)))


def test_counts_cover_finished_episodes_alone():
    counts = rollout_of(Probe(length=3, rule="each"), steps=8).counts
    assert counts.episodes == 4 * 2
    assert counts.length == 4 * 6
    np.testing.assert_allclose(counts.returns, [4 * 6.0])


def test_a_gradient_in_microbatches_is_that_of_the_whole_minibatch():
    rollout = rollout_of(Probe(length=3, rule="match"), steps=8)
    policy = NetworkPolicy(make_network("mlp", 2, hidden=(8,)))
    params = policy.init(jax.random.key(3), rollout.workers.obs[:1])
    hyper = ppo.make_hyper()
    batch = ppo.normalised(
        ppo.estimate(
            policy, params, rollout.workers, rollout.transitions, rollout.finals, hyper
        )
    )
    found = [
        ppo.gradient(
            policy, params, batch, hyper, ppo.PPOShape(4, 8, 1, 1, microbatch=rows)
        )
        for rows in (None, 8)
    ]
    for whole, parts in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-6)


def test_a_microbatch_must_divide_a_minibatch():
    with pytest.raises(UserError, match="does not divide a minibatch of 16"):
        ppo.PPOShape(num_envs=8, rollout_steps=8, minibatches=4, microbatch=5)


def test_the_learning_rate_falls_in_a_line():
    hyper = ppo.make_hyper(learning_rate=1.0, final_learning_rate=0.1)
    rates = [float(ppo.learning_rate_at(hyper, jnp.float32(p))) for p in (0, 0.5, 1)]
    assert rates == pytest.approx([1.0, 0.55, 0.1])


def test_minibatches_must_divide_an_update():
    with pytest.raises(UserError, match="does not divide the 30 steps"):
        ppo.PPOShape(num_envs=10, rollout_steps=3, minibatches=4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("discount", 1.5), ("learning_rate", -1.0), ("trace", float("nan"))],
)
def test_a_hyper_parameter_out_of_range_is_named(name, value):
    with pytest.raises(UserError, match=f"agent.{name}"):
        ppo.make_hyper(**{name: value})
