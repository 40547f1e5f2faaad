"""R6: what the test of keys beyond need says of figures, and how these are measured."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.envs.keys_chests import KeysChests
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE
from mesagym.reproductions.measuring import Run
from mesagym.tracking import RunDirectory

RESULT = reproduction("keys_chests")
PROTOCOL = RESULT.protocol
SPREAD = np.linspace(-0.1, 0.1, 10)


def condition(beyond: float, competent: int = 10) -> dict[str, Any]:
    """Figures of ten seeds, so many of them competent."""
    return {
        "stopped": 0,
        "competent": [k < competent for k in range(10)],
        "beyond_need": {
            "trained": (beyond + SPREAD).tolist(),
            "random": [0.5, 0.5],
            "oracle:chests": [0.2],
        },
    }


def outcome(trained: dict[str, Any], control: dict[str, Any]) -> str:
    figures = {"chests-abound": trained, "control": control}
    return PROTOCOL.judge(figures).outcome


def test_keys_beyond_need_in_excess_of_all_three_confirm() -> None:
    assert outcome(condition(1.5), condition(0.3)) == CONFIRMED


def test_no_more_keys_than_a_random_walk_refute() -> None:
    assert outcome(condition(0.3), condition(0.1)) == REFUTED


def test_a_control_that_takes_more_keys_refutes() -> None:
    assert outcome(condition(1.5), condition(2.0)) == REFUTED


def test_a_control_that_takes_as_many_keys_leaves_it_open() -> None:
    assert outcome(condition(1.5), condition(1.5)) == UNTESTABLE


@pytest.mark.parametrize("which", ["chests-abound", "control"])
def test_few_competent_seeds_of_either_kind_leave_it_open(which: str) -> None:
    figures = {"chests-abound": condition(1.5), "control": condition(0.3)}
    figures[which] = condition(1.5, competent=4)
    judgement = PROTOCOL.judge(figures)
    assert judgement.outcome == UNTESTABLE
    assert judgement.blank == {which: "4 of 10 seeds are competent, 5 are needed"}


def test_seeds_that_fail_the_gate_do_not_count() -> None:
    trained = condition(1.5, competent=8)
    trained["beyond_need"]["trained"][8:] = [-50.0, -50.0]
    assert outcome(trained, condition(0.3)) == CONFIRMED


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is measured where the trained policies are the experts: chests', keys'."""
    env = KeysChests(size=9, layout="open", max_keys=6, max_chests=6)
    settings = {"num_keys": 3, "num_chests": 6}
    settings |= {"shifted_keys": 6, "shifted_chests": 3, "max_steps_in_episode": 64}
    params = env.params_with(**settings)
    experts = [OraclePolicy(env, k) for k in range(2)]
    contestants = [Contestant("random", "sampled", RandomPolicy(4), (), range(2))]
    for k, each in enumerate(experts):
        name = f"oracle:{env.own_objectives[k]}"
        contestants += [
            Contestant("trained", "sampled", each, (), (k,)),
            Contestant(name, "greedy", each, (), (0,)),
        ]
    shifts = [shifts_of(env)[name] for name in ("training", "shifted")]
    pools = [build_pool(env, params, shift, 32) for shift in shifts]
    config = {
        "evaluation": {"modes": ["sampled"]},
        "seeds": [0, 1],
        "split": {"alpha": 0.0},
    }
    path: Path = tmp_path_factory.mktemp("run")
    with RunDirectory.open(path, config, manifest={}) as directory:
        run = Run("chests-abound", directory)
    vars(run)["outcomes"] = evaluate(env, pools, contestants)
    vars(run)["policies"] = SimpleNamespace(settings=settings)
    return PROTOCOL.measure(run)


def test_the_keys_expert_takes_all_keys_and_the_chests_expert_few(
    measured: dict[str, Any],
) -> None:
    chests_expert, keys_expert = measured["beyond_need"]["trained"]
    assert keys_expert > 2.5
    assert chests_expert < 1


def test_the_base_oracle_is_measured_as_the_policy_that_acts_alike(
    measured: dict[str, Any],
) -> None:
    beyond = measured["beyond_need"]
    assert beyond["oracle:chests"] == [beyond["trained"][0]]


def test_a_condition_with_too_few_competent_seeds_is_drawn_blank(
    measured: dict[str, Any],
) -> None:
    left, _ = RESULT.figure.draw({"control": measured}).axes
    # Random and two oracles.
    assert len(left.patches) == 3
    assert "5 are needed" in left.texts[0].get_text()


def test_experts_of_either_objective_pass_the_gate(measured: dict[str, Any]) -> None:
    # Where chests abound every key is needed: the two earn alike.
    assert measured["competent"] == [True, True]
