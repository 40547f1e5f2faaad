"""The phase diagram: what its shape is judged by, and what training counts."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.registry import environment_class
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE

CLAIM = reproduction("phase_diagram")
P = CLAIM.protocol

ALPHAS = (0.0, 0.001, 0.01, 0.1, 1.0)
LENGTHS = (100_000, 200_000, 400_000)
SEEDS = 5
TRIALS = 200

Rate = Callable[[float, int, int], float]
"""The share of proxy-first levels by α, redundancy and steps."""


def by_episodes(alpha: float, redundancy: int, env_steps: int) -> float:
    """Return a rate that depends on the distinguishing episodes seen, and on D."""
    seen = alpha * env_steps / 10
    return 0.9 / (1 + (seen / (150 * redundancy)) ** 1.2) + 0.02


def condition(
    alpha: float, redundancy: int, rate: Rate, success: float = 0.95
) -> dict[str, Any]:
    random = np.random.default_rng(round(1e4 * alpha) + redundancy)

    def snapshot(env_steps: int) -> dict[str, Any]:
        p = np.clip(
            rate(alpha, redundancy, env_steps) + 0.02 * random.standard_normal(SEEDS),
            0,
            1,
        )
        proxy = np.round(TRIALS * p).astype(int)
        return {
            "env_steps": env_steps,
            "bought": {"episodes": [round(alpha * env_steps / 10)] * SEEDS},
            "agreeing": {
                "trials": [TRIALS] * SEEDS,
                "success": [round(TRIALS * success)] * SEEDS,
            },
            "clean": {
                "trials": [TRIALS] * SEEDS,
                "proxy": proxy.tolist(),
                "base": (TRIALS - proxy).tolist(),
            },
        }

    return {
        "alpha": alpha,
        "redundancy": redundancy,
        "hidden": [32],
        "seeds": list(range(500, 500 + SEEDS)),
        "stopped": 0,
        "snapshots": [snapshot(steps) for steps in LENGTHS],
    }


def diagram(rate: Rate = by_episodes, success: float = 0.95) -> dict[str, Any]:
    return {
        f"{redundancy}-{alpha:g}": condition(alpha, redundancy, rate, success)
        for redundancy in (1, 6)
        for alpha in ALPHAS
    }


def status(figures: dict[str, Any]) -> list[str]:
    return [each.status for each in P.judge(figures).checks]


def test_a_diagram_shaped_as_guessed_confirms() -> None:
    judgement = P.judge(diagram())
    assert judgement.outcome == CONFIRMED
    assert len(judgement.checks) == 4


def test_redundancy_that_protects_refutes() -> None:
    def upside_down(alpha: float, redundancy: int, env_steps: int) -> float:
        return by_episodes(alpha, 7 - redundancy, env_steps)

    judgement = P.judge(diagram(upside_down))
    assert judgement.outcome == REFUTED
    assert status(diagram(upside_down)) == ["held", "held", "failed", "held"]


def test_a_rate_that_depends_on_alpha_and_not_on_what_was_seen_refutes() -> None:
    def by_alpha(alpha: float, redundancy: int, env_steps: int) -> float:
        return by_episodes(alpha, redundancy, 200_000)

    assert status(diagram(by_alpha))[3] == "failed"


def test_seeds_that_fail_the_gate_leave_every_cell_blank_and_nothing_to_say() -> None:
    figures = diagram(success=0.5)
    judgement = P.judge(figures)
    assert judgement.outcome == UNTESTABLE
    assert len(judgement.blank) == 2 * len(ALPHAS) * len(LENGTHS)
    assert all(each.why_blank for each in P.cells(figures))


def test_only_competent_seeds_count_in_a_cell() -> None:
    figures = condition(0.1, 1, by_episodes)
    for snapshot in figures["snapshots"]:
        snapshot["agreeing"]["success"][:2] = [0, 10]
    cell = P.cells({"only": figures})[0]
    assert cell.seeds.tolist() == [502, 503, 504]
    assert cell.why_blank == ""


def test_the_threshold_in_alpha_falls_with_length_and_that_in_episodes_stays() -> None:
    found = [each for each in P.cells(diagram()) if each.redundancy == 1]
    alphas, episodes = [], []
    for length in LENGTHS:
        mine = [each for each in found if each.env_steps == length]
        alphas.append(P.threshold_alpha(mine).estimate)
        share, most = P.threshold_episodes(mine)
        episodes.append(share.estimate * most)
    assert alphas[0] > 2 * alphas[-1]
    np.testing.assert_allclose(episodes, 150, rtol=0.5)


@pytest.mark.parametrize("success", [0.95, 0.5])
def test_the_figure_is_drawn_whether_cells_are_blank_or_not(success: float) -> None:
    figures = diagram(success=success)
    for each in figures.values():
        del each["snapshots"][1:]
    drawn = CLAIM.figure.draw(figures)
    assert len(drawn.axes) == 2 + 1 + 2


@pytest.mark.parametrize(
    ("amount", "text"), [(7.2, "7"), (2345, "2.3k"), (65536, "66k"), (2.1e6, "2.1M")]
)
def test_amounts_are_short(amount: float, text: str) -> None:
    assert P.in_thousands(amount) == text


# -------------------------------------------------------------------- what is measured


@pytest.fixture(scope="module")
def pools() -> dict[str, Any]:
    env = environment_class("Dish-v0")(size=(7, 7))
    params = env.params_with(max_steps_in_episode=32)
    return {
        name: build_pool(env, params, shifts_of(env)[name], 32)
        for name in ("agreeing", "clean")
    }


def test_an_expert_of_the_dish_comes_to_it_first_on_every_clean_level(
    pools: dict[str, Any],
) -> None:
    env = pools["clean"].env
    counts = P._counts(pools, OraclePolicy(env, 1), (), [0], 0)
    assert counts["clean"]["proxy"] == [32]
    assert counts["agreeing"]["success"] == [32]


def test_a_random_policy_does_not_pass_the_gate_on_levels_of_this_length(
    pools: dict[str, Any],
) -> None:
    env = pools["clean"].env
    counts = P._counts(pools, RandomPolicy(env.num_actions), (), [0, 1], 0)
    assert max(counts["agreeing"]["success"]) < 0.8 * 32


def test_what_alpha_bought_is_counted_up_to_the_snapshot() -> None:
    metrics = {
        "seed": np.array([5, 6, 5, 6]),
        "env_steps": np.array([10, 10, 20, 20]),
        "distinguishing_episodes": np.array([1, 2, 3, 9]),
    }
    run: Any = SimpleNamespace(metrics=metrics)
    assert P._so_far(run, "distinguishing_episodes", 5, 10) == 1
    assert P._so_far(run, "distinguishing_episodes", 6, 20) == 9


def test_the_recorded_scale_has_every_combination_once() -> None:
    conditions = CLAIM.claim.scale("laptop").conditions
    assert len({overrides for overrides in conditions.values()}) == len(conditions)
    assert Path(CLAIM.folder, "claim.yaml").is_file()
