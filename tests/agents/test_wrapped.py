"""Policies made of others take the others' word for what they remember."""

from typing import Any

import jax
import numpy as np
import pytest

from mesagym.agents.combined import Blend, EpsilonGreedy, Mixture
from mesagym.agents.scripted import Heading, WallFollower
from mesagym.registry import environment_class

ENV = environment_class("TwoGoals-v0")(size=9)


def turned_for_nothing(policy: Any) -> int:
    """Return how often it turned though the way straight on was open."""
    params = ENV.params_with()
    n = 32
    levels = ENV.sample_levels(jax.random.key(0), n, params, 1.0)
    reset = jax.vmap(ENV.reset_to_level, in_axes=(None, 0, None))
    obs, states = reset(jax.random.key(0), levels, params)

    @jax.jit
    def step(carry: Any, time: jax.Array) -> Any:
        obs, states, memory, before = carry
        key = jax.random.fold_in(jax.random.key(1), time)
        action, memory, _ = policy.act(
            (), memory, obs, key, reset=jax.numpy.full(n, time == 0), state=states
        )
        moves = jax.numpy.array([[-1, 0], [0, -1], [1, 0], [0, 1]])
        ahead = states.agent + moves[before]
        blocked = states.level.walls[jax.numpy.arange(n), ahead[:, 0], ahead[:, 1]]
        turned = (time > 0) & ~blocked & (action != before)
        keys = jax.random.split(key, n)
        after = jax.vmap(ENV.step_env, (0, 0, 0, None))(keys, states, action, params)
        return (after[0], after[1], memory, action), turned.sum()

    start = (obs, states, policy.init_carry(n), jax.numpy.zeros(n, "int32"))
    turns = jax.lax.scan(step, start, jax.numpy.arange(24))[1]
    return int(np.asarray(turns).sum())


@pytest.mark.parametrize(
    "policy",
    [
        Heading(ENV),
        EpsilonGreedy(Heading(ENV), 0.0),
        Mixture(Heading(ENV), Heading(ENV)),
        EpsilonGreedy(Mixture(Heading(ENV), Heading(ENV)), 0.0),
    ],
    ids=["itself", "without a slip", "one of two", "wrapped twice"],
)
def test_who_keeps_its_heading_does_so_inside_another(policy: Any) -> None:
    assert turned_for_nothing(policy) == 0


def test_two_that_share_their_steps_know_where_they_walked() -> None:
    assert turned_for_nothing(Blend(Heading(ENV), Heading(ENV))) == 0


def test_a_wall_follower_goes_on_from_where_it_slipped_to() -> None:
    slips = EpsilonGreedy(WallFollower(ENV), 0.5)
    carry = slips.carried(slips.init_carry(3), jax.numpy.array([0, 2, 3]))
    np.testing.assert_array_equal(carry[0], [0, 2, 3])
