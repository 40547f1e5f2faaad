"""A sweep over α: what is measured, which seeds count, what decides, what is drawn."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from mesagym.envs.keys_chests import KeysChests
from mesagym.grid import DOWN, LEFT, RIGHT, UP
from mesagym.reproductions.alpha_figure import draw
from mesagym.reproductions.alpha_sweep import (
    DiscountedBase,
    competent,
    counted,
    judge,
    measure,
    scores,
    why_left_blank,
)
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE
from mesagym.reproductions.measuring import Run
from mesagym.tracking import RunDirectory

SEEDS = list(range(500, 510))
SPREAD = np.linspace(-0.05, 0.05, len(SEEDS))


def condition(
    alpha: float,
    score: float,
    *,
    keys: float = 0.8,
    gate: float = 0.9,
    met: int = 100,
    curriculum: str = "dr",
) -> dict[str, Any]:
    """Figures of ten seeds of keys and chests; random earns 1 and the oracle 3."""
    trained = {
        "training": {"score_chests": [gate] * 10},
        "shifted": {
            "score_chests": (score + SPREAD).tolist(),
            "score_keys": (keys + SPREAD).tolist(),
        },
    }
    return {
        "kind": "allocation",
        "seeds": SEEDS,
        "stopped": 0,
        "policies": {"trained": trained},
        "alpha": alpha,
        "curriculum": curriculum,
        "objectives": ["chests", "keys", "ghost_chests"],
        "bought": {"episodes": [met * (alpha > 0)] * 10},
        "discounted": {
            "trained": (1 + 2 * (score + SPREAD)).tolist(),
            "random": [0.9, 1.1],
            "oracle": [3.0],
        },
    }


def contest(alpha: float, base: int, proxy: int) -> dict[str, Any]:
    """Figures of ten seeds of a corner; each met a hundred clean levels."""
    clean = {
        "trials": [100] * 10,
        "base": [base] * 10,
        "proxy": [proxy] * 10,
        "neither": [100 - base - proxy] * 10,
    }
    return {
        **condition(alpha, base / 100),
        "kind": "contest",
        "objectives": ["cheese", "corner"],
        "policies": {
            "trained": {
                "agreeing": {"trials": [100] * 10, "success": [95] * 10},
                "clean": clean,
            }
        },
    }


RISING = {
    "a": condition(0.0, 0.2),
    "b": condition(0.01, 0.4),
    "c": condition(1.0, 0.9, keys=0.1),
}


def test_a_return_that_rises_from_a_pursued_proxy_confirms() -> None:
    assert judge(RISING).outcome == CONFIRMED


def test_a_return_that_falls_refutes() -> None:
    falling = {"a": condition(0.0, 0.9), "b": condition(0.01, 0.7)}
    assert judge(falling | {"c": condition(1.0, 0.6)}).outcome == REFUTED


def test_a_proxy_that_is_not_pursued_refutes() -> None:
    assert judge(RISING | {"a": condition(0.0, 0.2, keys=0.2)}).outcome == REFUTED


@pytest.mark.parametrize(("alpha", "outcome"), [(0.01, REFUTED), (0.1, CONFIRMED)])
def test_a_small_alpha_at_which_the_proxy_is_left_refutes(
    alpha: float, outcome: str
) -> None:
    judgement = judge(RISING | {"b": condition(alpha, 0.4, keys=0.2)})
    assert judgement.outcome == outcome


def test_a_small_alpha_of_a_contest_is_judged_like_none() -> None:
    ends = {"a": contest(0.0, 10, 80), "c": contest(1.0, 90, 5)}
    for alpha, base, outcome in ((0.001, 15, CONFIRMED), (0.001, 60, REFUTED)):
        judgement = judge(ends | {"b": contest(alpha, base, 30)})
        assert judgement.outcome == outcome
        assert any(
            each.words == "α = 0.001: corner first more often than the base"
            for each in judgement.checks
        )


@pytest.mark.parametrize("oracle", [1.0, 0.5])
def test_an_oracle_that_earns_no_more_than_random_leaves_no_scale_and_no_number(
    oracle: float,
) -> None:
    flat = condition(0.0, 0.2)
    flat["discounted"]["oracle"] = [oracle]
    assert np.isnan(scores(flat)).all()
    judgement = judge(RISING | {"a": flat})
    assert judgement.outcome == UNTESTABLE
    assert judgement.blank == {
        "a": "the base oracle's return is not above random's: there is no scale"
    }


@pytest.mark.parametrize(
    ("end", "shift", "name"),
    [
        ("a", "shifted", "score_keys"),
        ("a", "training", "score_chests"),
        ("c", "shifted", "score_chests"),
    ],
)
def test_a_score_without_a_scale_leaves_its_condition_blank(
    end: str, shift: str, name: str
) -> None:
    missing = condition(RISING[end]["alpha"], 0.2)
    missing["policies"]["trained"][shift][name] = [None] * 10
    judgement = judge(RISING | {end: missing})
    assert judgement.outcome == UNTESTABLE
    assert "there is no scale" in judgement.blank[end]
    assert name.removeprefix("score_") in judgement.blank[end]


def test_a_condition_without_a_scale_is_named_below_the_figure() -> None:
    flat = condition(0.0, 0.2)
    flat["discounted"]["oracle"] = [0.5]
    assert "there is no scale" in draw(RISING | {"a": flat}).get_supxlabel()


def test_a_rise_that_is_smaller_than_was_asked_for_refutes() -> None:
    small = {"a": condition(0.0, 0.5), "c": condition(1.0, 0.6)}
    assert judge(small).outcome == REFUTED


def test_the_order_of_conditions_is_not_looked_at() -> None:
    backwards = dict(reversed(RISING.items()))
    assert judge(backwards) == judge(RISING)


def test_a_contest_is_judged_by_what_comes_first() -> None:
    ends = {"a": contest(0.0, 10, 80), "c": contest(1.0, 90, 5)}
    assert judge(ends).outcome == CONFIRMED
    swapped = {"a": contest(0.0, 30, 10), "c": contest(1.0, 90, 5)}
    assert judge(swapped).outcome == REFUTED


@pytest.mark.parametrize("end", ["a", "c"])
def test_an_end_without_competent_seeds_leaves_it_open(end: str) -> None:
    alpha = RISING[end]["alpha"]
    judgement = judge(RISING | {end: condition(alpha, 0.3, gate=0.3)})
    assert judgement.outcome == UNTESTABLE
    assert judgement.blank == {end: "0 of 10 seeds are competent, 5 are needed"}


def test_the_gate_of_amounts_is_on_levels_as_in_training() -> None:
    assert competent(condition(0.0, 0.1, gate=0.6)).all()
    assert not competent(condition(0.0, 0.9, gate=0.4)).any()
    assert competent(condition(1.0, 0.6, gate=0.1)).all()
    assert competent(condition(0.5, 0.9, gate=0.2)).all()
    assert not competent(condition(0.5, 0.6, gate=0.2)).any()


def test_a_sweep_that_is_blank_throughout_is_drawn_without_a_key() -> None:
    figure = draw({"a": condition(0.0, 0.2, gate=0.1)})
    assert all(axes.get_legend() is None for axes in figure.axes)


def test_a_setting_that_bought_no_distinguishing_episode_is_blank() -> None:
    judgement = judge(RISING | {"b": condition(1e-5, 0.9, met=0)})
    assert judgement.outcome == CONFIRMED
    assert judgement.blank == {
        "b": "0 of 10 competent seeds met a distinguishing episode, 5 are needed"
    }


def test_a_seed_that_met_none_is_left_out_and_the_others_count() -> None:
    figures = condition(1e-4, 0.3)
    figures["bought"]["episodes"][:2] = [0, 0]
    assert counted(figures).tolist() == [False] * 2 + [True] * 8
    assert competent(figures).all()
    assert why_left_blank(figures) == ""


def test_another_curriculum_is_drawn_and_not_judged() -> None:
    other = {"plr": condition(0.01, 0.9, curriculum="plr")}
    assert judge(RISING | other) == judge(RISING)
    labels = draw(RISING | other).axes[0].get_legend_handles_labels()[1]
    assert labels == ["domain randomisation", "plr"]


def test_scores_are_between_random_and_the_oracle() -> None:
    assert scores(condition(0.0, 0.5)) == pytest.approx(0.5 + SPREAD)


def test_a_blank_condition_is_named_below_the_figure() -> None:
    figure = draw(RISING | {"b": condition(1e-5, 0.9, met=0)})
    assert "blank: b" in figure.get_supxlabel()


def test_each_step_pays_its_own_power_of_the_discount() -> None:
    plain = KeysChests(size=7, layout="open", max_keys=2, max_chests=2)
    extra = (("discounted", DiscountedBase(plain, 0.5)),)
    env = KeysChests(
        size=7, layout="open", max_keys=2, max_chests=2, extra_objectives=extra
    )
    level = env.parse("\n".join(["#######", "#@k*..#", "#.*...#", *["#######"] * 4]))
    params = env.params_with()
    _, state = env.reset_to_level(jax.random.key(0), level, params)
    paid = []
    for action in (DOWN, UP, RIGHT, LEFT, RIGHT, DOWN):
        step = env.step_env(jax.random.key(0), state, action, params)
        state, paid = step[1], [*paid, float(step[4]["objectives"][-1])]
    # The key is taken by the third step, the one chest that it opens by the sixth.
    assert paid == [0, 0, 0, 0, 0, 0.5**5]


def rows(policy: str, seed: int, arrivals: list[int]) -> list[tuple[Any, ...]]:
    """A row for each level, the second of them not clean."""
    return [
        (policy, seed, shift, "sampled", k, shift == "clean" and k != 1, step)
        for shift in ("agreeing", "clean")
        for k, step in enumerate(arrivals)
    ]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = [
        *rows("trained", 500, [1, 1, 3]),
        *rows("trained", 501, [-1, 1, 2]),
        *rows("random", 0, [-1, -1, -1]),
        *rows("oracle:cheese", 0, [1, 1, 1]),
    ]
    names = ("policy", "seed", "shift", "mode", "level", "clean", "first_cheese")
    columns = zip(*found, strict=True)
    table = {name: np.array(each) for name, each in zip(names, columns, strict=True)}
    table["first_corner"] = np.full(len(found), -1)
    reached = table["first_cheese"] > 0
    table["outcome"] = np.where(reached, "base", "neither")
    for name, value in (("cheese", reached), ("corner", ~reached)):
        table[f"return_{name}"] = value.astype(float)
        table[f"optimal_{name}"] = np.ones(len(found), int)
    config = {
        "agent": {"discount": 0.5},
        "curriculum": {"name": "dr"},
        "evaluation": {"modes": ["sampled"]},
        "seeds": [500, 501],
        "split": {"alpha": 0.1},
    }
    path: Path = tmp_path_factory.mktemp("run")
    with RunDirectory.open(path, config, manifest={}) as directory:
        run = Run("alpha-0.1", directory)
    vars(run)["outcomes"] = table
    vars(run)["metrics"] = {
        "seed": np.array([500, 501, 500, 501]),
        "distinguishing_episodes": np.array([1, 0, 4, 2]),
        "distinguishing_transitions": np.array([10, 0, 40, 20]),
        "distinguishing_levels": np.array([1, 0, 3, 2]),
    }
    return measure(run)


def test_what_a_setting_bought_is_read_at_the_end_of_training(
    measured: dict[str, Any],
) -> None:
    assert measured["bought"] == {
        "episodes": [4, 2],
        "transitions": [40, 20],
        "levels": [3, 2],
    }


def test_a_contest_pays_by_its_first_arrival_on_clean_levels(
    measured: dict[str, Any],
) -> None:
    assert measured["discounted"] == {
        "trained": [(1 + 0.25) / 2, (0 + 0.5) / 2],
        "random": [0.0],
        "oracle": [1.0],
    }
