from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import struct

from mesagym.agents.networks import Network, make_network
from mesagym.agents.policy import (
    NetworkPolicy,
    OraclePolicy,
    Policy,
    RandomPolicy,
    Record,
    activation_names,
)
from mesagym.errors import UserError

OBS = jax.random.bernoulli(jax.random.key(1), 0.3, (6, 5, 5, 3))
KEY = jax.random.key(2)
RESET = jnp.zeros(6, dtype=bool)
CNN = make_network("cnn", 4, channels=(2, 4), hidden=(8,))
PARAMS = jax.jit(NetworkPolicy(CNN).init)(jax.random.key(0), OBS)


def act(policy: Any, params: Any = PARAMS, **how: Any) -> tuple[jax.Array, Any, Record]:
    return policy.act(params, policy.init_carry(6), OBS, KEY, reset=RESET, **how)


def test_all_policies_keep_the_protocol() -> None:
    oracle = OraclePolicy(Line(), 0)
    for policy in NetworkPolicy(CNN), RandomPolicy(4), oracle:
        assert isinstance(policy, Policy)


def test_actions_are_whole_numbers_below_the_number_of_actions() -> None:
    action, carry, record = act(NetworkPolicy(CNN))
    assert (action.shape, action.dtype) == ((6,), jnp.int32)
    assert (record.logits.shape, record.value.shape) == ((6, 4), (6,))
    assert jnp.all((action >= 0) & (action < 4))
    assert carry == ()


def test_a_greedy_policy_takes_the_likeliest_action_whatever_the_key() -> None:
    action, _, record = act(NetworkPolicy(CNN, greedy=True))
    assert jnp.array_equal(action, record.logits.argmax(axis=1))


def test_a_sampling_policy_acts_as_its_probabilities_say() -> None:
    policy, n = NetworkPolicy(CNN), 4000
    obs = jnp.broadcast_to(OBS[0], (n, 5, 5, 3))

    @jax.jit
    def act_all() -> tuple[jax.Array, Any, Record]:
        reset = jnp.ones(n, dtype=bool)
        push = {"logits": lambda x: x.at[:, 0].add(2.0)}
        return policy.act(PARAMS, (), obs, KEY, reset=reset, intervene=push)

    action, _, record = act_all()
    share = jax.nn.softmax(record.logits[0])[0]
    assert jnp.abs((action == 0).mean() - share) < 4 * (0.25 / n) ** 0.5


def test_equal_policies_are_one_static_argument() -> None:
    traced = []

    def counted(policy: Any) -> jax.Array:
        traced.append(policy)
        return act(policy)[0]

    compiled = jax.jit(counted, static_argnums=0)
    again = make_network("cnn", 4, channels=[2, 4], hidden=[8])
    compiled(NetworkPolicy(CNN))
    compiled(NetworkPolicy(again))
    assert len(traced) == 1
    assert NetworkPolicy(CNN) != NetworkPolicy(CNN, greedy=True)


def test_evaluation_gives_the_logits_and_values_of_acting() -> None:
    record = act(NetworkPolicy(CNN))[2]
    logits, value = NetworkPolicy(CNN).evaluate(PARAMS, OBS)
    assert jnp.array_equal(logits, record.logits)
    assert jnp.array_equal(value, record.value)


# ------------------------------------------------------------ capture and intervene


def test_captured_activations_are_those_of_the_layers_asked_for() -> None:
    captured = act(NetworkPolicy(CNN), capture=("input", "conv_1"))[2].captured
    assert list(captured) == ["input", "conv_1"]
    assert jnp.array_equal(captured["input"], OBS)
    assert captured["conv_1"].shape == (6, 5, 5, 4)


def test_nothing_is_captured_unasked() -> None:
    assert act(NetworkPolicy(CNN))[2].captured == {}


def test_an_intervention_changes_what_follows_and_nothing_before() -> None:
    seen = ("conv_0", "conv_1", "dense_0")
    plain = act(NetworkPolicy(CNN), capture=seen)[2].captured
    cut = act(NetworkPolicy(CNN), capture=seen, intervene={"conv_1": jnp.zeros_like})
    cut = cut[2].captured
    assert jnp.array_equal(cut["conv_0"], plain["conv_0"])
    assert not cut["conv_1"].any()
    assert not jnp.array_equal(cut["dense_0"], plain["dense_0"])


def test_putting_back_what_was_captured_changes_nothing() -> None:
    names = activation_names(CNN, (5, 5, 3))
    plain = act(NetworkPolicy(CNN), capture=names)[2]
    patches = {name: lambda _, x=x: x for name, x in plain.captured.items()}
    again = act(NetworkPolicy(CNN), intervene=patches)[2]
    assert jnp.array_equal(again.logits, plain.logits)
    assert jnp.array_equal(again.value, plain.value)


def test_patching_one_row_from_another_makes_it_act_like_the_other() -> None:
    def patch(x: jax.Array) -> jax.Array:
        return x.at[1].set(x[0])

    logits = act(NetworkPolicy(CNN), intervene={"dense_0": patch})[2].logits
    assert jnp.array_equal(logits[1], logits[0])
    assert not jnp.array_equal(logits[2], logits[0])


def test_names_of_activations_go_from_input_to_value() -> None:
    names = ("input", "conv_0", "conv_1", "dense_0", "logits", "value")
    assert activation_names(CNN, (5, 5, 3)) == names


@pytest.mark.parametrize(
    "how", [{"capture": ("conv1",)}, {"intervene": {"conv1": jnp.zeros_like}}]
)
def test_an_unknown_activation_is_named_with_the_ones_there_are(how: dict) -> None:
    with pytest.raises(UserError, match=r"'conv1'\. Did you mean 'conv_1'\? .*dense_0"):
        act(NetworkPolicy(CNN), **how)


def test_a_replacement_of_another_shape_is_refused() -> None:
    with pytest.raises(UserError, match=r"'conv_0' of shape .* keeps the shape"):
        act(NetworkPolicy(CNN), intervene={"conv_0": lambda x: x[:, :3]})


# ---------------------------------------------------------------------- what is kept


class Counter(Network):
    """Remembers how many steps an episode has had."""

    label: ClassVar[str] = "counter"

    def initial_carry(self, n: int) -> Any:
        return jnp.full((n, 1), 10.0)

    @nn.compact
    def __call__(self, obs: Any, carry: Any, reset: Any, tap: Any) -> Any:
        carry = carry + 1
        logits = jnp.zeros((obs.shape[0], self.num_actions))
        return tap("logits", logits), tap("value", carry[:, 0]), carry


def test_a_carry_begins_anew_where_an_episode_does() -> None:
    policy, obs = NetworkPolicy(Counter(2)), OBS[:2]
    carry = jnp.array([[14.0], [15.0]])
    reset = jnp.array([True, False])
    _, carry, record = policy.act({}, carry, obs, KEY, reset=reset)
    assert carry.tolist() == [[11.0], [16.0]]
    assert record.value.tolist() == [11.0, 16.0]


def test_evaluation_goes_on_from_a_carry_it_is_given() -> None:
    policy, obs = NetworkPolicy(Counter(2)), OBS[:2]
    carry = jnp.array([[14.0], [15.0]])
    assert policy.evaluate({}, obs)[1].tolist() == [11.0, 11.0]
    assert policy.evaluate({}, obs, carry)[1].tolist() == [15.0, 16.0]
    reset = jnp.array([True, False])
    assert policy.evaluate({}, obs, carry, reset)[1].tolist() == [11.0, 16.0]


# ------------------------------------------------------------------ scripted policies


def test_the_random_policy_takes_every_action_about_as_often() -> None:
    n = 4000
    obs, reset = jnp.zeros((n, 2)), jnp.zeros(n, dtype=bool)
    action, _, record = RandomPolicy(4).act((), (), obs, KEY, reset=reset)
    counts = np.bincount(np.asarray(action), minlength=4)
    assert np.abs(counts / n - 0.25).max() < 4 * (0.1875 / n) ** 0.5
    assert jax.nn.softmax(record.logits).tolist() == [[0.25] * 4] * n


def test_a_policy_without_activations_says_so() -> None:
    with pytest.raises(UserError, match=r"no activation 'conv_0'\. It has none\."):
        act(RandomPolicy(4), (), capture=("conv_0",))


@struct.dataclass
class LineState:
    """A place on a line, under a level that says where the goals are."""

    level: Any  # int32[2] where each objective lies
    place: Any  # int32[]


@dataclass(frozen=True)
class Line:
    """A line with a goal for each of two objectives; actions go left and right."""

    own_objectives: ClassVar[tuple[str, ...]] = ("near", "far")
    num_actions: ClassVar[int] = 2

    def sample_levels(self, key: jax.Array, n: int) -> jax.Array:
        return jax.random.randint(key, (n, 2), 0, 10)

    def guide(self, level: jax.Array, objective: int) -> dict[str, jax.Array]:
        return {"goal": level[objective]}

    def guided_action(self, guide: dict[str, jax.Array], state: LineState) -> jax.Array:
        return (guide["goal"] > state.place).astype(jnp.int32)


LEVELS = jnp.array([[0, 9], [9, 0]])
LINE = LineState(LEVELS, jnp.array([4, 4]))
BLIND = jnp.zeros((2, 1))


def follow(objective: int, carry: Any, reset: list[bool]) -> tuple[Any, Any, Record]:
    return OraclePolicy(Line(), objective).act(
        (), carry, BLIND, KEY, reset=jnp.array(reset), state=LINE
    )


@pytest.mark.parametrize(("objective", "expected"), [(0, [0, 1]), (1, [1, 0])])
def test_an_oracle_goes_for_its_own_objective(
    objective: int, expected: list[int]
) -> None:
    carry = OraclePolicy(Line(), objective).init_carry(2)
    action, _, record = follow(objective, carry, [True, True])
    assert action.tolist() == expected
    chances = jax.nn.softmax(record.logits)
    assert chances.argmax(axis=1).tolist() == expected
    assert chances.max(axis=1).tolist() == [1.0, 1.0]


def test_an_oracle_s_guide_is_made_anew_only_where_an_episode_starts() -> None:
    old = {"goal": jnp.array([7, 8])}
    assert follow(0, old, [False, True])[1]["goal"].tolist() == [7, 9]
    assert follow(0, old, [False, False])[1]["goal"].tolist() == [7, 8]


def test_an_oracle_s_empty_guide_has_the_shape_and_type_of_a_real_one() -> None:
    carry = OraclePolicy(Line(), 0).init_carry(3)
    assert (carry["goal"].shape, carry["goal"].dtype) == ((3,), jnp.int32)


def test_an_oracle_without_a_state_says_what_is_missing() -> None:
    with pytest.raises(UserError, match="pass state="):
        OraclePolicy(Line(), 0).act((), (), BLIND, KEY, reset=jnp.array([True] * 2))


def test_an_oracle_of_an_objective_without_an_expert_is_refused() -> None:
    with pytest.raises(UserError, match="objective 2 has no expert; 0 to 1 are near"):
        OraclePolicy(Line(), 2)
