"""R13: the test says of made-up figures what they deserve."""

from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE

CLAIM = reproduction("dish_redundancy")
P = CLAIM.protocol

CHANNELS = (1, 3, 6)


def condition(
    channels: int, alpha: float, dish: float, *, competent: float = 0.95
) -> dict[str, Any]:
    """Return figures of ten seeds around a rate of dish first."""
    random = np.random.default_rng(channels + round(1000 * alpha))
    first = np.clip(dish + 0.05 * random.standard_normal(10), 0, 1)
    proxy = np.rint(512 * first).astype(int)
    clean = {
        "trials": [512] * 10,
        "proxy": proxy.tolist(),
        "base": (512 - proxy).tolist(),
        "neither": [0] * 10,
    }
    success = [round(512 * competent)] * 10
    return {
        "seeds": list(range(500, 510)),
        "stopped": 0,
        "redundancy": channels,
        "alpha": alpha,
        "policies": {
            "trained": {
                "agreeing": {"trials": [512] * 10, "success": success},
                "clean": clean,
            },
            "random": {"clean": {name: each[:4] for name, each in clean.items()}},
        },
    }


def figures(
    rates: dict[float, tuple[float, ...]], *, competent: float = 0.95
) -> dict[str, Any]:
    return {
        f"d-{d}-alpha-{alpha:g}": condition(d, alpha, rate, competent=competent)
        for alpha, row in rates.items()
        for d, rate in zip(CHANNELS, row, strict=True)
    }


RISING = {0.0: (0.4, 0.6, 0.8), 0.01: (0.1, 0.3, 0.5)}


def test_rates_that_rise_at_every_alpha_confirm_the_hypothesis() -> None:
    assert P.judge(figures(RISING)).outcome == CONFIRMED


def test_rates_that_fall_refute_it() -> None:
    judgement = P.judge(figures(RISING | {0.0: (0.8, 0.6, 0.4)}))
    assert judgement.outcome == REFUTED
    assert "α = 0:" in judgement.reason


def test_rates_that_redundancy_leaves_alone_leave_it_open() -> None:
    flat = {0.0: (0.5, 0.5, 0.5), 0.01: (0.2, 0.2, 0.2)}
    assert P.judge(figures(flat)).outcome == UNTESTABLE


def test_seeds_that_fail_the_gate_prove_nothing() -> None:
    judgement = P.judge(figures(RISING, competent=0.7))
    assert judgement.outcome == UNTESTABLE
    assert "competent" in judgement.blank["d-1-alpha-0"]


def test_one_incompetent_seed_is_left_out_and_the_rest_are_judged() -> None:
    found = figures(RISING)
    found["d-6-alpha-0"]["policies"]["trained"]["agreeing"]["success"][3] = 5
    assert len(P.share(found["d-6-alpha-0"], "proxy")) == 9
    assert P.judge(found).outcome == CONFIRMED


def test_the_figure_has_a_panel_for_each_alpha_and_says_what_is_blank() -> None:
    found = figures(RISING)
    found["d-6-alpha-0"] = condition(6, 0.0, 0.8, competent=0.1)
    drawn = CLAIM.figure.draw(found)
    assert [axes.get_title(loc="left") for axes in drawn.axes] == ["α = 0", "α = 0.01"]
    words = " ".join(text.get_text() for text in drawn.findobj(match=Text))
    assert "0 of 10 seeds" in words


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_channels_that_show_no_dish_stay_so_that_networks_are_alike(scale) -> None:
    for overrides in CLAIM.claim.scale(scale).conditions.values():
        settings = dict(each.split("=", 1) for each in overrides)
        assert settings.get("env.max_redundancy", "6") == "6"
        assert 1 <= int(settings["env.redundancy"]) <= 6
