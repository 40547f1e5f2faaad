"""Memories against their equations, step by step, and on probes of known optimum."""

from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from hypothesis import given, settings
from hypothesis import strategies as st

from mesagym.agents import ppo
from mesagym.agents.networks import Network, make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.agents.recurrent import GATES, Memory, empty, unroll
from mesagym.agents.rollout import collect, start_workers
from mesagym.errors import UserError
from tests.agents.probes import Probe, probe_params

KINDS = tuple(GATES)
N, STEPS, SIZE = 3, 6, 4
RNG = np.random.default_rng(0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_hand(kind: str, given: np.ndarray, kernel: np.ndarray, carry: dict) -> dict:
    """Return the carry after one step, as the papers write it."""
    told = carry["hidden"] @ kernel
    a = np.split(given, len(GATES[kind]), axis=-1)
    b = np.split(told, len(GATES[kind]), axis=-1)
    if kind == "gru":
        new = np.tanh(a[2] + sigmoid(a[0] + b[0]) * b[2])
        update = sigmoid(a[1] + b[1])
        return {"hidden": update * carry["hidden"] + (1 - update) * new}
    write, forget, new, read = (x + y for x, y in zip(a, b, strict=True))
    cell = sigmoid(forget) * carry["cell"] + sigmoid(write) * np.tanh(new)
    return {"cell": cell, "hidden": sigmoid(read) * np.tanh(cell)}


def inputs(kind: str) -> tuple[np.ndarray, np.ndarray, dict]:
    gates = len(GATES[kind]) * SIZE
    given = RNG.normal(size=(STEPS, N, gates)).astype(np.float32)
    kernel = RNG.normal(size=(SIZE, gates)).astype(np.float32)
    carry = {
        name: RNG.normal(size=leaf.shape).astype(np.float32)
        for name, leaf in empty(kind, SIZE, N).items()
    }
    return given, kernel, carry


_unrolled = jax.jit(unroll, static_argnums=0)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(
    reset=st.lists(
        st.lists(st.booleans(), min_size=N, max_size=N), min_size=STEPS, max_size=STEPS
    )
)
def test_a_sequence_with_resets_is_the_equations_written_out_for_each_episode(
    kind: str, reset: list[list[bool]]
) -> None:
    given, kernel, carry = inputs(kind)
    hidden, last = _unrolled(kind, given, kernel, carry, np.array(reset))
    for n in range(N):
        memory = {name: leaf[n] for name, leaf in carry.items()}
        for t in range(STEPS):
            if reset[t][n]:
                memory = {name: np.zeros(SIZE) for name in memory}
            memory = by_hand(kind, given[t, n], kernel, memory)
            np.testing.assert_allclose(hidden[t, n], memory["hidden"], atol=1e-5)
        for name, leaf in memory.items():
            np.testing.assert_allclose(last[name][n], leaf, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_sequence_stops_where_an_episode_starts(kind: str) -> None:
    given, kernel, carry = inputs(kind)
    reset = np.zeros((STEPS, N), dtype=bool)
    reset[3, 0] = True

    def last(given: Any, carry: Any) -> jax.Array:
        hidden, _ = unroll(kind, given, jnp.array(kernel), carry, jnp.array(reset))
        return jnp.square(hidden[-1]).sum()

    of_given, of_carry = jax.jit(jax.grad(last, (0, 1)))(given, carry)
    assert not of_given[:3, 0].any()
    assert np.abs(of_given[3:, 0]).min(axis=0).max() > 0
    assert np.abs(of_given[:3, 1:]).max(axis=2).min() > 0
    for leaf in of_carry.values():
        assert not leaf[0].any()
        assert np.abs(leaf[1:]).max(axis=1).min() > 0


def test_the_forget_gate_of_a_fresh_lstm_is_open_and_each_gate_keeps_lengths() -> None:
    memory = Memory("lstm", SIZE)
    x, reset = jnp.zeros((1, 5)), jnp.ones(1, dtype=bool)
    weights = memory.init(
        jax.random.key(0), x, empty("lstm", SIZE, 1), reset, lambda name, x: x
    )["params"]
    bias = np.split(np.asarray(weights["input"]["bias"]), 4)
    assert [part.tolist() for part in bias] == [[0] * 4, [1] * 4, [0] * 4, [0] * 4]
    for gate in np.split(np.asarray(weights["kernel"]), 4, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(SIZE), atol=1e-5)


# -------------------------------------------------------------- policies that remember


def policy_with(kind: str | None, network: str = "mlp", **how: Any) -> NetworkPolicy:
    how = {"hidden": (8,), "memory": kind} | how
    return NetworkPolicy(make_network(network, 2, **how))


@pytest.fixture(scope="module", params=KINDS)
def remembering(request: Any) -> tuple[NetworkPolicy, Any, Any, Any]:
    """Return a policy, its weights, and a batch of segments that it acted."""
    policy, probe, params = (
        policy_with(request.param),
        Probe(3, "match"),
        probe_params(),
    )
    shape = ppo.PPOShape(4, 8, 1, 2, bptt=4)
    workers = start_workers(probe, policy, jax.random.key(0), params, 4)
    weights = policy.init(jax.random.key(1), workers.obs[:1])

    @jax.jit
    def run() -> Any:
        rollout = collect(
            *(probe, policy, weights, workers, jax.random.key(2), params),
            *(8, probe.length, shape.segment),
        )
        batch = ppo.estimate(
            *(policy, weights, rollout.workers, rollout.transitions, rollout.finals),
            *(ppo.make_hyper(), rollout.carries),
        )
        return rollout, batch

    return policy, weights, *run()


def one_step_at_a_time(policy: Any, weights: Any, batch: ppo.Batch) -> Any:
    """Evaluate segments by a loop over steps; the result is [B, L, ...]."""
    carry, said = batch.carry, []
    for t in range(batch.reset.shape[1]):
        logits, value, carry = policy._run(
            weights, carry, batch.obs[:, t], batch.reset[:, t], lambda name, x: x
        )
        said.append((logits, value))
    return jax.tree.map(lambda *steps: jnp.stack(steps, axis=1), *said)


def test_segments_are_evaluated_as_they_were_acted(remembering: Any) -> None:
    policy, weights, _, batch = remembering
    assert batch.obs.shape[:2] == (8, 4)
    logits, value = jax.jit(partial(ppo.evaluated, policy))(weights, batch)
    np.testing.assert_allclose(value, batch.value, atol=1e-5)
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), batch.action[..., None], 2)
    np.testing.assert_allclose(chosen[..., 0], batch.log_prob, atol=1e-5)


def test_the_gradient_over_segments_is_that_of_the_loop_written_out(
    remembering: Any,
) -> None:
    policy, weights, _, batch = remembering

    def through(evaluate: Any, weights: Any) -> jax.Array:
        logits, value = evaluate(policy, weights, batch)
        return jnp.sin(3 * logits).sum() + jnp.square(value - batch.target).sum()

    whole, written = (
        jax.jit(jax.grad(partial(through, how)))(weights)
        for how in (ppo.evaluated, one_step_at_a_time)
    )
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(whole))
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(written), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_segments_begin_with_the_carry_that_acting_had_there(remembering: Any) -> None:
    policy, weights, rollout, batch = remembering
    carry = policy.init_carry(4)
    for t in range(4):
        now = rollout.transitions
        carry = policy._run(
            weights, carry, now.obs[t], now.reset[t], lambda name, x: x
        )[2]
    for name, leaf in carry.items():
        assert not batch.carry[name][:4].any()
        np.testing.assert_allclose(batch.carry[name][4:], leaf, atol=1e-5)


def test_no_gradient_passes_from_a_segment_to_the_one_before(remembering: Any) -> None:
    policy, weights, _, batch = remembering
    # Rows 4 to 7 are the second segments of the environments of rows 0 to 3.
    floats = batch.replace(
        obs=batch.obs.astype(jnp.float32), reset=jnp.zeros_like(batch.reset)
    )

    def of_last(obs: jax.Array) -> jax.Array:
        logits, value = ppo.evaluated(policy, weights, floats.replace(obs=obs))
        return jnp.square(logits[4:, -1]).sum() + value[4:, -1].sum()

    found = np.abs(jax.jit(jax.grad(of_last))(floats.obs)).max(axis=2)
    assert not found[:4].any()
    assert found[4:].min() > 0


class Counter(Network):
    """Carries how often it was asked, from 10, which is also its value."""

    label: ClassVar[str] = "counter"

    def initial_carry(self, n: int) -> jax.Array:
        return jnp.full((n, 1), 10.0)

    @nn.compact
    def __call__(self, obs: Any, carry: Any, reset: Any, tap: Any) -> Any:
        carry = carry + 1
        logits = jnp.zeros((obs.shape[0], self.num_actions))
        return tap("logits", logits), tap("value", carry[:, 0]), carry


def test_an_episode_cut_off_is_worth_what_who_remembers_it_would_say() -> None:
    policy, params = NetworkPolicy(Counter(2)), probe_params()
    probe = Probe(length=3, rule="each", cut=True)
    workers = start_workers(probe, policy, jax.random.key(0), params, 2)
    rollout = collect(probe, policy, {}, workers, jax.random.key(1), params, 8, 3)
    np.testing.assert_array_equal(rollout.finals.carry[:2], np.full((2, 2, 1), 13.0))
    hyper = ppo.make_hyper(discount=0.5, trace=0.0)
    batch = ppo.estimate(
        *(policy, {}, rollout.workers, rollout.transitions, rollout.finals, hyper),
        rollout.carries,
    )
    # Asked at the final observation it would be the 4th time: 14. After the last step
    # an episode of two steps goes on, whose third time is 13.
    after = np.array([12, 13, 14] * 2 + [12, 13])
    now = np.array([11, 12, 13] * 2 + [11, 12])
    expected = 1 + 0.5 * after - now
    np.testing.assert_allclose(batch.advantage, np.tile(expected, (2, 1)), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_torso_taken_in_parts_gives_the_same_and_the_same_gradient(kind: str) -> None:
    policy = policy_with(kind, "cnn", channels=(2,))
    obs = jax.random.bernoulli(jax.random.key(0), 0.3, (12, 5, 5, 3))
    weights = policy.init(jax.random.key(1), obs)
    carry, reset = policy.init_carry(3), jnp.zeros(12, dtype=bool)

    def total(weights: Any, at_once: int | None) -> jax.Array:
        logits, value = policy.evaluate(weights, obs, carry, reset, at_once)
        return jnp.sin(logits).sum() + jnp.square(value).sum()

    found = [
        jax.jit(jax.value_and_grad(partial(total, at_once=at_once)))(weights)
        for at_once in (None, 4)
    ]
    for a, b in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_segments_must_go_into_minibatches() -> None:
    shape = ppo.PPOShape(num_envs=4, rollout_steps=8, minibatches=8)
    assert shape.rows(remembering=False) == 32
    with pytest.raises(UserError, match="8 does not divide the 4 segments of 8 steps"):
        shape.rows(remembering=True)


def test_segments_must_go_into_a_rollout() -> None:
    with pytest.raises(UserError, match="bptt: 3 does not divide the 8 steps"):
        ppo.PPOShape(num_envs=4, rollout_steps=8, bptt=3)


# ------------------------------------------------------------------ capture, intervene


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_state_is_what_the_heads_read_and_the_next_step_begins_with(
    kind: str,
) -> None:
    policy = policy_with(kind)
    obs = jax.random.normal(jax.random.key(0), (3, 5))
    weights = policy.init(jax.random.key(1), obs)

    def act(carry: Any, start: bool, **how: Any) -> Any:
        reset = jnp.full(3, start)
        return policy.act(weights, carry, obs, jax.random.key(2), reset=reset, **how)

    _, carry, record = act(policy.init_carry(3), True, capture=["memory"])
    assert jnp.array_equal(record.captured["memory"], carry["hidden"])
    plain = act(carry, False)[2].value
    names = ["memory", "memory/cell"] if kind == "lstm" else ["memory"]
    wipe = dict.fromkeys(names, jnp.zeros_like)
    _, wiped, record = act(carry, False, intervene=wipe)
    assert not any(leaf.any() for leaf in wiped.values())
    assert not record.value.any()
    assert plain.any()
    forgot = act(wiped, False)[2].value
    np.testing.assert_allclose(forgot, act(carry, True)[2].value, atol=1e-6)


# ----------------------------------------------------------------------------- probes

SHAPE = ppo.PPOShape(
    num_envs=32, rollout_steps=12, epochs=4, minibatches=2, clip_values=False
)


def learn(kind: str | None, probe: Probe, discount: float) -> Any:
    """Train on a probe; return probabilities and values, [bit, time, ...]."""
    policy = policy_with(kind, hidden=(16,))
    params = probe_params()
    hyper = ppo.make_hyper(
        learning_rate=1e-2, final_learning_rate=0.02, discount=discount
    )
    key, updates = jax.random.key(0), 150
    workers = start_workers(probe, policy, key, params, SHAPE.num_envs)
    optimised = ppo.start_optimising(policy.init(key, workers.obs[:1]))

    @jax.jit
    def run(optimised: Any, workers: Any) -> Any:
        def step(carry: Any, now: Any) -> Any:
            key, progress = now
            optimised, workers, *_ = ppo.update(
                *(probe, policy, SHAPE, probe.length, *carry),
                *(key, hyper, params, progress),
            )
            return (optimised, workers), None

        keys = jax.random.split(jax.random.key(1), updates)
        course = (keys, jnp.arange(updates) / updates)
        return jax.lax.scan(step, (optimised, workers), course)[0][0]

    weights = run(optimised, workers).params
    carry, said = policy.init_carry(2), []
    for time in range(probe.length):
        bits = np.array([0, 1]) * (time == 0)
        obs = jax.nn.one_hot(time * 2 + bits, 2 * (probe.length + 1)) > 0
        reset = jnp.full(2, time == 0)
        _, carry, record = policy.act(weights, carry, obs, key, reset=reset)
        said.append((jax.nn.softmax(record.logits), record.value))
    return jax.tree.map(lambda *steps: np.stack(steps, axis=1), *said)


@pytest.mark.parametrize("kind", KINDS)
def test_who_remembers_gives_back_the_cue_three_steps_later(kind: str) -> None:
    probabilities, values = learn(kind, Probe(4, "match", cue_once=True), 0.9)
    assert probabilities[0, 3, 0] > 0.95
    assert probabilities[1, 3, 1] > 0.95
    np.testing.assert_allclose(values[:, 3], 1.0, atol=0.1)


def test_who_forgets_does_no_better_than_chance() -> None:
    probabilities, values = learn(None, Probe(4, "match", cue_once=True), 0.9)
    assert np.array_equal(probabilities[0, 3], probabilities[1, 3])
    np.testing.assert_allclose(values[:, 3], 0.5, atol=0.1)


def test_the_value_of_what_looks_the_same_is_that_of_the_cue_before() -> None:
    probe = Probe(2, "bit", cue_once=True)
    _, values = learn("gru", probe, 0.5)
    np.testing.assert_allclose(values, [[0.0, 0.0], [0.5, 1.0]], atol=0.05)
