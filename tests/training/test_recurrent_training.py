"""Policies that remember, trained, stopped, saved and taken out again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.agents.ppo import PPOShape
from mesagym.tracking import RunDirectory
from mesagym.training.loop import Hooks, train
from mesagym.training.saved import Saved, load, save
from tests.training.conftest import make_program, make_three_cells
from tests.training.test_chunk import leaves_equal


@pytest.fixture(scope="module")
def program():
    """A training whose rollouts are two segments of a memory."""
    shape = PPOShape(num_envs=8, rollout_steps=8, epochs=1, minibatches=2, bptt=4)
    network = make_network("mlp", 4, hidden=(8,), memory="lstm")
    return make_program(policy=NetworkPolicy(network), shape=shape)


@pytest.fixture(scope="module")
def whole(program):
    """Its end, and what was saved after every chunk."""
    saved = {}
    hooks = Hooks(lambda _: None, saved.__setitem__, lambda _: None)
    return train(program, make_three_cells(program), hooks, save_seconds=-1.0), saved


def test_memories_are_part_of_a_checkpoint(whole):
    names = {name for name in whole[1][2] if "carry" in name}
    assert {name.rsplit("carry", 1)[1].strip("/.[]'") for name in names} == {
        "cell",
        "hidden",
    }
    assert all(whole[1][2][name].any() for name in names)


def test_a_resumed_training_of_a_memory_ends_with_the_same_bits(whole, program):
    trained, saved = whole
    hooks = Hooks(lambda _: None, lambda *_: None, lambda _: None)
    resumed = train(program, make_three_cells(program), hooks, resume=saved[2])
    assert leaves_equal(trained.params, resumed.params)


def test_seeds_learn_memories_of_their_own(whole):
    kernel = np.asarray(whole[0].params["params"]["memory"]["kernel"])
    assert kernel.shape == (3, 8, 32)
    assert not np.array_equal(kernel[0], kernel[1])


@pytest.fixture(scope="module")
def taken_out(whole, program, tmp_path_factory):
    """Its policies, saved and loaded."""
    path = tmp_path_factory.mktemp("run") / "run"
    settings = {"max_steps_in_episode": 10}
    env_params = program.env.params_with(**settings)
    trained = Saved(
        *("Corner-v0", program.env, settings, env_params, program.policy),
        *(whole[0].params, (0, 1, 2)),
    )
    with RunDirectory.open(path, {}, manifest={}) as run:
        save(run, trained)
    return trained, load(path)


def test_a_saved_memory_comes_back_as_it_was(taken_out):
    before, after = taken_out
    assert before.policy == after.policy
    assert leaves_equal(before.params, after.params)


def test_an_agent_goes_on_from_the_carry_it_is_given(taken_out):
    agent = taken_out[1].agent(1)
    obs, state = agent.reset(jax.random.key(0))
    action, first = agent.act(obs)
    after, *_ = agent.step(state, action)
    _, second = agent.act(after, carry=first.carry)
    _, forgot = agent.act(after)
    assert not np.array_equal(second.logits, forgot.logits)
    expected = agent.policy.act(
        *(agent.weights, first.carry, after[None], jax.random.key(0)),
        reset=jnp.zeros(1, dtype=bool),
    )[2]
    assert np.array_equal(second.logits, expected.logits)
