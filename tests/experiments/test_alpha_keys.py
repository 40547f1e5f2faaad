"""R3 with keys and chests: returns measured of experts, whose answers are known."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.envs.keys_chests import KeysChests
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.reproductions import alpha_sweep
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.measuring import Run
from mesagym.tracking import RunDirectory

PROTOCOL = reproduction("alpha_keys").protocol


@dataclass(frozen=True)
class Expert(OraclePolicy):
    """An oracle in the place of a network."""

    greedy: bool = False


@pytest.fixture(scope="module", params=[1.0, 0.9], ids=["γ = 1", "γ = .9"])
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What is measured where the one trained policy is the expert of the keys."""
    env = KeysChests(size=7, layout="open", max_keys=5, max_chests=5)
    settings = {"num_keys": 2, "num_chests": 5, "shifted_keys": 5, "shifted_chests": 2}
    params = env.params_with(**settings)
    expert = Expert(env, 1)
    contestants = [
        Contestant("trained", "sampled", expert, (), (7,)),
        Contestant("random", "sampled", RandomPolicy(4), (), range(4)),
        *(
            Contestant(f"oracle:{env.own_objectives[k]}", "greedy", each, (), (0,))
            for k, each in enumerate([OraclePolicy(env, 0), expert])
        ),
    ]
    shifts = [shifts_of(env)[name] for name in ("training", "shifted")]
    pools = [build_pool(env, params, shift, 32, 3) for shift in shifts]
    config = {
        "agent": {"discount": request.param},
        "curriculum": {"name": "dr"},
        "evaluation": {"modes": ["sampled"], "levels": 32, "seed": 3},
        "seeds": [7],
        "split": {"alpha": 0.1},
    }
    path: Path = tmp_path_factory.mktemp("run")
    with RunDirectory.open(path, config, manifest={}) as directory:
        run = Run("alpha-0.1", directory)
    vars(run)["outcomes"] = evaluate(env, pools, contestants, 3)
    vars(run)["policies"] = SimpleNamespace(
        env=env, settings=settings, policy=expert, params=(), seeds=(7,)
    )
    vars(run)["metrics"] = {
        "seed": np.array([7, 7]),
        "distinguishing_episodes": np.array([2, 5]),
        "distinguishing_transitions": np.array([20, 50]),
        "distinguishing_levels": np.array([2, 4]),
    }
    return PROTOCOL.measure(run)


def test_the_test_is_that_of_every_sweep_over_alpha() -> None:
    assert PROTOCOL.judge is alpha_sweep.judge


def test_returns_are_those_of_the_table_less_the_discount(
    measured: dict[str, Any],
) -> None:
    there = measured["policies"]
    for name, policy in (("trained", "trained"), ("oracle", "oracle:chests")):
        (earned,) = there[policy]["shifted"]["return_chests"]
        (found,) = measured["discounted"][name]
        if measured["discount"] == 1:
            assert found == pytest.approx(earned)
        else:
            assert 0 < found < earned


def test_keys_first_costs_a_discounted_return(measured: dict[str, Any]) -> None:
    scored = alpha_sweep.scores(measured)
    if measured["discount"] == 1:
        # There is time for both: what matters is the order.
        assert scored == pytest.approx([1.0], abs=0.05)
    else:
        assert scored < 0.8


def test_the_gate_is_the_score_for_chests_where_keys_are_few(
    measured: dict[str, Any],
) -> None:
    assert alpha_sweep.competent(measured).tolist() == [True]
    assert measured["bought"]["episodes"] == [5]
