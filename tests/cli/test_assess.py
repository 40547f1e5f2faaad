"""Policies, random and the oracles on pools of every kind."""

import jax
import jax.numpy as jnp
import numpy as np

import mesagym
from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.cli.assess import assess, pools_for
from mesagym.training.saved import Saved


def untrained_with_a_window() -> Saved:
    """A policy that sees a window around the agent, so grids of any size."""
    env, _ = mesagym.make("Corner-v0", size=5, layout="open", crop_radius=1)
    settings = {"max_steps_in_episode": 16}
    policy = NetworkPolicy(make_network("mlp", env.num_actions, hidden=(4,)))
    params = policy.init(
        jax.random.key(0), jnp.zeros((1, *env.observation_shape), bool)
    )
    return Saved(
        "Corner-v0",
        env,
        settings,
        env.params_with(**settings),
        policy,
        jax.tree.map(lambda leaf: leaf[None], params),
        (0,),
    )


def test_oracles_take_shortest_paths_on_a_grid_larger_than_that_of_training() -> None:
    trained = untrained_with_a_window()
    pools = pools_for(trained, ["larger"], 8, 0, lambda line: None)
    columns = assess(trained, pools, 0, ["sampled"]).outcomes
    for name, outcome in (("cheese", "base"), ("corner", "proxy")):
        rows = columns["policy"] == f"oracle:{name}"
        assert set(columns["outcome"][rows].tolist()) == {outcome}
        np.testing.assert_array_equal(columns["efficiency"][rows], np.ones(8))
