"""A training small enough for a test, compiled once for all of them."""

from functools import partial

import jax
import pytest

import mesagym
from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.agents.ppo import PPOShape, make_hyper
from mesagym.training.chunk import Program, start, train_chunk
from mesagym.training.loop import make_cells


def make_program(**changes):
    """Return a program on 5x5 with episodes of at most 10 steps."""
    env, _ = mesagym.make("Corner-v0", size=5)
    settings = {
        "env": env,
        "policy": NetworkPolicy(make_network("mlp", 4, hidden=(8,))),
        "shape": PPOShape(num_envs=8, rollout_steps=8, epochs=1, minibatches=2),
        "updates_per_chunk": 2,
        "total_updates": 6,
        "pool_size": 16,
        "refill": True,
        "shortest_episode": 10,
    }
    return Program(**(settings | changes))


def make_three_cells(program, alpha=1.0, learning_rate=1e-2):
    """Return cells of seeds 0, 1 and 2."""
    hyper = make_hyper(learning_rate=learning_rate)
    return make_cells(program, [0, 1, 2], alpha, hyper, max_steps_in_episode=10)


@pytest.fixture(scope="session")
def program():
    """The program that the tests share."""
    return make_program()


@pytest.fixture(scope="session")
def cells(program):
    """Seeds 0, 1 and 2 at α = 1."""
    return make_three_cells(program)


@pytest.fixture(scope="session")
def begin(program):
    """The compiled start of one cell."""
    return jax.jit(partial(start, program))


@pytest.fixture(scope="session")
def advance(program):
    """The compiled chunk of one cell."""
    return jax.jit(partial(train_chunk, program))


@pytest.fixture(scope="session")
def cell(cells):
    """Seed 0 alone."""
    return jax.tree.map(lambda leaf: leaf[0], cells)
