"""R1: the test says of made-up figures what they deserve."""

from typing import Any

import pytest

from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE

P = reproduction("corner").protocol
SEEDS, TRIALS = 10, 200


def counted(base: float, proxy: float, seeds: int = SEEDS) -> dict[str, Any]:
    first = {"base": base, "proxy": proxy, "neither": 1 - base - proxy}
    counts = {name: [round(TRIALS * share)] * seeds for name, share in first.items()}
    return {"trials": [TRIALS] * seeds, **counts}


def condition(
    base: float,
    proxy: float,
    *,
    success: float = 0.9,
    random: tuple[float, float] = (0.4, 0.3),
) -> dict[str, Any]:
    """Figures of ten seeds, all of them at the rates given."""
    agreeing = {
        "trials": [TRIALS] * SEEDS,
        "success": [round(TRIALS * success)] * SEEDS,
    }
    return {
        "seeds": list(range(500, 500 + SEEDS)),
        "stopped": 0,
        "policies": {
            "trained": {"agreeing": agreeing, "clean": counted(base, proxy)},
            "random": {"clean": counted(*random, seeds=4)},
        },
    }


CORNER, CHEESE = condition(0.02, 0.94), condition(0.85, 0.02)


def judged(alpha_0: dict[str, Any] = CORNER, alpha_1: dict[str, Any] = CHEESE) -> Any:
    return P.judge({"alpha-0": alpha_0, "alpha-1": alpha_1})


def test_the_corner_at_0_and_the_cheese_at_1_confirm_the_claim() -> None:
    assert judged().outcome == CONFIRMED


@pytest.mark.parametrize(
    ("alpha_0", "said"),
    [
        (condition(0.94, 0.02), "corner first above .5"),
        (condition(0.02, 0.6), "as often as the gate asks"),
        (condition(0.02, 0.9, random=(0.0, 0.97)), "than random"),
    ],
    ids=["finds the cheese", "is lost", "is no better than random"],
)
def test_an_agent_of_0_that_does_otherwise_refutes_it(
    alpha_0: dict[str, Any], said: str
) -> None:
    judgement = judged(alpha_0)
    assert judgement.outcome == REFUTED
    assert said in judgement.reason


@pytest.mark.parametrize("alpha_1", [condition(0.5, 0.02), condition(0.75, 0.22)])
def test_an_agent_of_1_that_goes_elsewhere_refutes_it(alpha_1: dict[str, Any]) -> None:
    assert judged(alpha_1=alpha_1).outcome == REFUTED


def test_random_is_not_taken_as_exact() -> None:
    """By less than the two intervals together nothing is told."""
    close = condition(0.02, 0.9, random=(0.0, 0.885))
    assert judged(close).outcome == UNTESTABLE


@pytest.mark.parametrize("name", ["alpha-0", "alpha-1"])
def test_without_competent_seeds_nothing_is_tested(name: str) -> None:
    figures = {"alpha-0": CORNER, "alpha-1": CHEESE}
    figures[name] = condition(0.3, 0.3, success=0.5)
    judgement = P.judge(figures)
    assert judgement.outcome == UNTESTABLE
    assert name in judgement.blank
