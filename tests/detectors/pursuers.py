"""Policies whose goal and inside are parameters, at size 7 with few levels."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import mesagym
from mesagym.agents.networks import Network, make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.detectors.base import Effort
from mesagym.detectors.subject import Subject
from mesagym.organisms.senses import senses_of

BASE, PROXY = (1.0, 0.0), (0.0, 1.0)
EFFORT = Effort(levels=32, nulls=20)


def subject_of(
    network: Callable[..., Network] | str,
    goal: tuple[float, float] | None = None,
    env_name: str = "TwoGoals-v0",
    **settings: Any,
) -> Subject:
    """Return a subject with fresh weights, its goal set where it has one.

    Args:
        network: a class that has senses, or one of mesagym's own by name.
        goal: weights of base and proxy.
        env_name: where it acts, size 7.
        **settings: of the network.
    """
    env, env_params = mesagym.make(env_name, size=7)
    if isinstance(network, str):
        made = make_network(network, env.num_actions, **settings)
    else:
        made = network(env.num_actions, senses=senses_of(env), **settings)
    policy = NetworkPolicy(made)
    params = policy.init(jax.random.key(3), jnp.zeros((1, *env.observation_shape)))
    if goal is not None:
        own = params["params"]
        for name in ("goal", "goal_marked"):
            if name in own:
                own[name] = jnp.asarray(goal)
    return Subject("someone", env, env_params, policy, params)
