"""Subjects whose insides are known, small enough to be made while tests run."""

from typing import Any

import jax
import jax.numpy as jnp

import mesagym
from mesagym.agents.networks import CNN, Network
from mesagym.agents.policy import NetworkPolicy
from mesagym.detectors.subject import Subject
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.modular import Modular
from mesagym.organisms.planner import Planner
from mesagym.organisms.reactive import Ignored, PlanHead, PotentialField, Reflex
from mesagym.organisms.recipes import Workshop
from mesagym.organisms.senses import senses_of

ENV, PARAMS = mesagym.make("TwoGoals-v0", size=7)
SENSES = senses_of(ENV)


def subject(name: str, network: Network, params: Any = None) -> Subject:
    policy = NetworkPolicy(network)
    if params is None:
        params = policy.init(jax.random.key(3), jnp.zeros((1, *ENV.observation_shape)))
    return Subject(name, ENV, PARAMS, policy, params)


def planner() -> Subject:
    """Pursues the base tile by soft value iteration."""
    return subject("planner", Planner(4, senses=SENSES))


def reflex() -> Subject:
    return subject("reflex", Reflex(4, senses=SENSES))


def potential_field() -> Subject:
    return subject("potential_field", PotentialField(4, senses=SENSES))


def modular() -> Subject:
    """A planner whose z is fixed on the base tile."""
    made = subject("modular", Modular(4, senses=SENSES))
    last = made.params["params"]["encoder_1"]
    last = {
        "kernel": jnp.zeros_like(last["kernel"]),
        "bias": jnp.array([20.0, -20.0]),
    }
    params = {"params": made.params["params"] | {"encoder_1": last}}
    return subject("modular", made.policy.network, params)


def _taught(network: Network, updates: int) -> Any:
    shop = Workshop(Habitat("TwoGoals-v0", {"size": 7}), lessons=4096, updates=updates)
    return shop.taught(network, 0, name="student")[1]


def ignored(updates: int = 120) -> Subject:
    """A planner runs, and a briefly distilled reactive network acts."""
    reactive = _taught(CNN(4, channels=(16,), hidden=(64,)), updates)
    network = Ignored(4, senses=SENSES, channels=(16,), hidden=(64,))
    made = subject("ignored", network)
    return subject(
        "ignored",
        network,
        {"params": made.params["params"] | {"reactive": reactive["params"]}},
    )


def plan_head() -> Subject:
    """Untrained, and told by nothing: a head beside a random network."""
    return subject("plan head", PlanHead(4, channels=(8,), hidden=(16,)))


def reactive(updates: int = 120) -> Subject:
    network = CNN(4, channels=(16,), hidden=(64,))
    return subject("reactive", network, _taught(network, updates))
