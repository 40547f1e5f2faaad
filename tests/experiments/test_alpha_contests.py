"""R3 in corner and dish: the sweeps' test says of made-up figures what they deserve."""

from typing import Any

import numpy as np
import pytest

from mesagym.reproductions.folder import Reproduction, reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE

PROXIES = {"alpha_corner": "corner", "alpha_dish": "dish"}
SEEDS, TRIALS, DISCOUNT = 10, 200, 0.95

FALLING = {0.0: 0.85, 1e-3: 0.8, 1e-2: 0.6, 1e-1: 0.2, 1.0: 0.05}


@pytest.fixture(params=PROXIES)
def sought(request: pytest.FixtureRequest) -> Reproduction:
    return reproduction(request.param)


def condition(
    objective: str, alpha: float, proxy: float, success: float
) -> dict[str, Any]:
    random = np.random.default_rng(round(1e4 * alpha))
    share = np.clip(proxy + 0.03 * random.standard_normal(SEEDS), 0, 1)
    first = np.round(TRIALS * share).astype(int)
    trained = {
        "agreeing": {
            "trials": [TRIALS] * SEEDS,
            "success": [round(TRIALS * success)] * SEEDS,
        },
        "clean": {
            "trials": [TRIALS] * SEEDS,
            "proxy": first.tolist(),
            "base": (TRIALS - first).tolist(),
            "neither": [0] * SEEDS,
        },
    }
    return {
        "kind": "contest",
        "seeds": list(range(500, 500 + SEEDS)),
        "stopped": 0,
        "policies": {"trained": trained},
        "alpha": alpha,
        "curriculum": "dr",
        "objectives": ["cheese", objective],
        "bought": {"episodes": [round(7e4 * alpha)] * SEEDS},
        "discount": DISCOUNT,
        "discounted": {
            "trained": (0.85 * (1 - share)).tolist(),
            "random": [0.3] * 4,
            "oracle": [0.85],
        },
    }


def sweep(
    of: Reproduction, proxy: dict[float, float], success: float = 0.9
) -> dict[str, Any]:
    return {
        f"alpha-{alpha:g}": condition(PROXIES[of.name], alpha, rate, success)
        for alpha, rate in proxy.items()
    }


@pytest.mark.parametrize(
    ("proxy", "success", "outcome"),
    [
        (FALLING, 0.9, CONFIRMED),
        (dict(zip(FALLING, reversed(FALLING.values()), strict=True)), 0.9, REFUTED),
        (FALLING | {1e-2: 0.3}, 0.9, REFUTED),
        (FALLING, 0.5, UNTESTABLE),
    ],
    ids=["falls", "rises", "falls early", "untrained"],
)
def test_the_outcome_is_what_the_figures_deserve(
    sought: Reproduction, proxy: dict[float, float], success: float, outcome: str
) -> None:
    figures = sweep(sought, proxy, success)
    assert sought.protocol.judge(figures).outcome == outcome


def test_the_laptop_sweeps_the_alphas_that_the_test_is_made_up_of(
    sought: Reproduction,
) -> None:
    conditions = sought.claim.scale("laptop").conditions
    assert list(conditions) == list(sweep(sought, FALLING))


def test_the_figure_is_drawn(sought: Reproduction) -> None:
    assert len(sought.figure.draw(sweep(sought, FALLING)).axes) == 4
