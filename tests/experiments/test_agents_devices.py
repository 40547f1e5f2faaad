"""R12: agents above, devices below, words decide who counts; oracles are agents."""

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy, OraclePolicy, RandomPolicy
from mesagym.evals.evaluators.agents_devices import settings
from mesagym.evals.outcomes import Columns, Contestant, evaluate
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.evals.verdict_rule import INCAPABLE, MISGENERALIZED, ROBUST, UNTRAINED
from mesagym.registry import environment_class
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE
from mesagym.reproductions.measuring import Run

CLAIM = reproduction("agents_devices")
P = CLAIM.protocol

SEEDS = (500, 501)
LEVELS = 24


# ------------------------------------------------------------------------- the test


def condition(
    environment: str = "Corner-v0",
    clean: str = MISGENERALIZED,
    agents: float = 0.999,
    devices: float = 0.01,
    seeds: int = 10,
) -> dict[str, Any]:
    """Return figures in which agents and devices have these probabilities."""

    def of(p: float) -> dict[str, Any]:
        return {
            "agent": [p] * seeds,
            "agent_if": {name: [p] * seeds for name, *_ in settings()},
        }

    flipped = UNTRAINED if clean == UNTRAINED else INCAPABLE
    agreeing = UNTRAINED if clean == UNTRAINED else "trained"
    return {
        "environment": environment,
        "seeds": list(range(500, 500 + seeds)),
        "words": {
            "agreeing": [agreeing] * seeds,
            "clean": [clean] * seeds,
            "flipped": [flipped] * seeds,
        },
        "evidence": {
            "agreeing": of(agents),
            "clean": of(agents),
            "flipped": of(devices),
            "untrained": of(devices),
            "random": of(devices),
        },
    }


def both(**given: Any) -> dict[str, dict[str, Any]]:
    return {
        "alpha-0": condition(**given),
        "alpha-1": condition(clean=ROBUST, **given),
    }


def test_agents_near_one_and_devices_near_zero_confirm() -> None:
    judgement = P.judge(both())
    assert judgement.outcome == CONFIRMED
    assert len(judgement.checks) == len(P.GROUPS)


def test_trained_policies_that_look_like_devices_refute() -> None:
    judgement = P.judge(both(agents=0.5))
    assert judgement.outcome == REFUTED
    assert "misgeneralizing" in judgement.reason


def test_lost_policies_that_look_like_agents_refute() -> None:
    assert P.judge(both(devices=0.6)).outcome == REFUTED


def test_one_environment_that_fails_is_enough_to_refute() -> None:
    dish = {
        f"dish-{name}": each
        for name, each in both(environment="Dish-v0", agents=0.2).items()
    }
    judgement = P.judge(both() | dish)
    failed = [each.words for each in judgement.checks if each.status == "failed"]
    assert judgement.outcome == REFUTED
    assert failed
    assert all(words.startswith("Dish-v0") for words in failed)


def test_seeds_that_are_untrained_prove_nothing() -> None:
    figures = {
        "alpha-0": condition(clean=UNTRAINED),
        "alpha-1": condition(clean=ROBUST),
    }
    judgement = P.judge(figures)
    assert judgement.outcome == UNTESTABLE
    assert "Corner-v0, misgeneralizing" in judgement.blank


def test_only_policies_whose_word_it_is_belong_to_a_kind() -> None:
    mixed = condition(seeds=4)
    mixed["words"]["clean"] = [MISGENERALIZED, ROBUST, ROBUST, UNTRAINED]
    mixed["evidence"]["clean"]["agent"] = [0.1, 0.2, 0.3, 0.4]
    figures = {"alpha-0.1": mixed}
    assert P.grouped(figures, "Corner-v0", "misgeneralizing").tolist() == [0.1]
    assert P.grouped(figures, "Corner-v0", "robust").tolist() == [0.2, 0.3]


def test_a_seed_counts_once_with_the_mean_of_its_policies() -> None:
    figures = both(seeds=4)
    figures["alpha-0"]["evidence"]["agreeing"]["agent"] = [0.0, 0.2, 0.4, 0.6]
    figures["alpha-1"]["evidence"]["agreeing"]["agent"] = [1.0, 0.4, 0.4, 0.8]
    figures["alpha-1"]["words"]["agreeing"][3] = UNTRAINED
    found = P.grouped(figures, "Corner-v0", "in distribution")
    np.testing.assert_allclose(found, [0.5, 0.3, 0.4, 0.6])


def test_fresh_weights_that_conditions_share_are_ten_seeds() -> None:
    assert P.grouped(both(), "Corner-v0", "untrained").size == 10
    assert P.grouped(both(), "Corner-v0", "in distribution").size == 10


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_no_interval_of_a_probability_leaves_zero_to_one(values: list[float]) -> None:
    found = P.interval_of(np.array(values))
    assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_one_seed_of_ten_apart_is_seen_in_the_interval() -> None:
    found = P.interval_of(np.array([1.0] + [0.0] * 9))
    assert found.low < 0.02
    assert found.high > 0.5


def test_seeds_at_either_end_are_told_from_the_bounds() -> None:
    assert P.interval_of(np.ones(10)).low > P.AGENT
    assert P.interval_of(np.zeros(10)).high < P.DEVICE


def test_the_figure_of_a_blank_kind_can_be_drawn() -> None:
    drawn = CLAIM.figure.draw({"alpha-0": condition(clean=UNTRAINED)})
    assert len(drawn.axes) == 1


# -------------------------------------------------------------------- what is measured


@dataclass(frozen=True)
class Weightless(OraclePolicy):
    """An oracle that has weights to begin with: none."""

    def init(self, key: jax.Array, obs: jax.Array) -> Any:
        """Return no weights."""
        del key, obs
        return ()


@cache
def world() -> tuple[Any, Any]:
    env = environment_class("Dish-v0")(size=(7, 7))
    return env, env.params_with(max_steps_in_episode=32)


@cache
def outcomes() -> Columns:
    """Return what experts of the cheese and of the dish, called trained, did."""
    env, params = world()
    pools = [
        build_pool(env, params, shifts_of(env)[name], LEVELS)
        for name in ("agreeing", "clean", "flipped")
    ]
    cheese, dish = (
        evaluate(
            env,
            pools,
            [Contestant("trained", "sampled", OraclePolicy(env, k), (), [s])],
        )
        for k, s in enumerate(SEEDS)
    )
    random = Contestant("random", "sampled", RandomPolicy(env.num_actions), (), [0])
    tables = [cheese, dish, evaluate(env, pools, [random])]
    return {name: np.concatenate([t[name] for t in tables]) for name in cheese}


@cache
def measured() -> dict[str, Any]:
    """Return the figures of a run whose two seeds are experts of the cheese."""
    env, params = world()
    saved = SimpleNamespace(
        env=env,
        env_name="Dish-v0",
        env_params=params,
        policy=Weightless(env, 0),
        params=(),
        seeds=SEEDS,
    )
    config = {
        "evaluation": {"levels": LEVELS, "seed": 3, "modes": ["sampled"]},
        "seeds": list(SEEDS),
    }
    run = object.__new__(Run)
    run.__dict__.update(
        policies=saved, outcomes=outcomes(), directory=SimpleNamespace(config=config)
    )
    return P.measure(run)


def test_words_are_those_of_what_each_seed_reached_first() -> None:
    found = P.words(outcomes())
    assert found["clean"] == [ROBUST, MISGENERALIZED]
    assert found["agreeing"] == ["trained", "trained"]


def test_an_expert_is_an_agent_and_random_is_a_device() -> None:
    evidence = measured()["evidence"]
    assert min(evidence["clean"]["agent"]) > P.AGENT
    assert min(evidence["agreeing"]["agent"]) > P.AGENT
    assert max(evidence["random"]["agent"]) < P.DEVICE


def test_every_prior_and_every_seed_is_in_the_figures() -> None:
    for name in ("agreeing", "clean", "flipped", "untrained"):
        there = measured()["evidence"][name]
        assert there["agent_if"].keys() == {prior for prior, *_ in settings()}
        assert {len(values) for values in there["agent_if"].values()} == {len(SEEDS)}


@pytest.fixture(scope="module")
def network() -> tuple[NetworkPolicy, Any, jax.Array]:
    policy = NetworkPolicy(make_network("mlp", 4, hidden=(8,), activation="relu"))
    obs = jax.random.bernoulli(jax.random.key(0), 0.5, (3, 5, 5, 2))
    return policy, policy.init(jax.random.key(1), obs), obs


def test_a_mirrored_policy_does_what_it_would_do_on_the_mirror_image(
    network: tuple[NetworkPolicy, Any, jax.Array],
) -> None:
    policy, params, obs = network
    reset = jnp.ones(3, dtype=bool)
    of = policy.act(
        params, policy.init_carry(3), obs[:, :, ::-1], jax.random.key(2), reset=reset
    )
    mirrored = P.Mirrored(policy)
    by = mirrored.act(
        params, mirrored.init_carry(3), obs, jax.random.key(2), reset=reset
    )
    np.testing.assert_array_equal(of[2].logits, by[2].logits)


def test_mirroring_changes_what_a_policy_does(
    network: tuple[NetworkPolicy, Any, jax.Array],
) -> None:
    policy, params, obs = network
    reset = jnp.ones(3, dtype=bool)
    key, carry = jax.random.key(2), policy.init_carry(3)
    plain = policy.act(params, carry, obs, key, reset=reset)[2].logits
    seen = P.Mirrored(policy).act(params, carry, obs, key, reset=reset)[2].logits
    assert not np.allclose(plain, seen)
