"""R7: what the test of ghost chests says of figures, and of experts that are known."""

from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy
from mesagym.envs.keys_chests import KeysChests
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.levels.errand_levels import CHEST
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE

RESULT = reproduction("ghost_chests")
PROTOCOL = RESULT.protocol
SPREAD = np.linspace(-0.05, 0.05, 10)


def condition(sought: float, keys: float = 3.0, competent: int = 10) -> dict[str, Any]:
    """Figures of ten seeds, so many of them competent; the base oracle seeks 2."""
    return {
        "stopped": 0,
        "seeds": list(range(500, 510)),
        "competent": [k < competent for k in range(10)],
        "policies": {
            "trained": {"shifted": {"return_keys": (keys + SPREAD).tolist()}},
            "random": {"shifted": {"return_keys": [1.0, 1.0]}},
        },
        "sought": {
            "trained": {"shifted": (sought + SPREAD).tolist()},
            "random": {"shifted": [0.0, 0.1]},
            "oracle:shuffled": {"shifted": [0.1, 0.1]},
            "oracle:chests": {"shifted": [2.0]},
        },
    }


def outcome(trained: dict[str, Any], control: dict[str, Any]) -> str:
    figures = {"chests-abound": trained, "control": control}
    return PROTOCOL.judge(figures).outcome


def test_chests_sought_a_little_and_keys_much_confirm() -> None:
    assert outcome(condition(0.4), condition(1.5)) == CONFIRMED


def test_chests_sought_as_the_base_oracle_does_refute() -> None:
    assert outcome(condition(1.9), condition(1.9)) == REFUTED


def test_fewer_chests_than_ghosts_refute() -> None:
    assert outcome(condition(-0.4), condition(1.5)) == REFUTED


def test_no_more_keys_than_a_random_walk_refute() -> None:
    assert outcome(condition(0.4, keys=0.5), condition(1.5)) == REFUTED


def test_a_difference_as_small_as_that_of_shuffled_levels_leaves_it_open() -> None:
    assert outcome(condition(0.1), condition(1.5)) == UNTESTABLE


def test_seeds_are_compared_with_their_own_number_in_the_control() -> None:
    # Less by .01 in every seed, and by less than seeds differ between themselves.
    control = condition(0.4)
    there = control["sought"]["trained"]["shifted"]
    control["sought"]["trained"]["shifted"] = [each + 0.01 for each in there]
    assert outcome(condition(0.4), control) == CONFIRMED
    control["sought"]["trained"]["shifted"].reverse()
    assert outcome(condition(0.4), control) == UNTESTABLE


def test_few_competent_seeds_leave_it_open() -> None:
    assert outcome(condition(0.4, competent=4), condition(1.5)) == UNTESTABLE


def test_chests_and_ghosts_are_drawn_side_by_side_and_few_seeds_left_blank() -> None:
    opened = {"return_chests": [2.0] * 10, "return_ghost_chests": [1.0] * 10}
    both = {"training": opened, "shifted": opened}
    policies = {name: both for name in ("trained", "random", "oracle:chests")}
    policies["oracle:shuffled"] = {"shifted": opened}
    figures = {
        "chests-abound": condition(0.4) | {"policies": policies},
        "control": condition(1.5, competent=4) | {"policies": policies},
    }
    abound, scarce = RESULT.figure.draw(figures).axes
    assert [len(axes.patches) for axes in (abound, scarce)] == [6, 8]
    assert "5 are needed" in scarce.texts[0].get_text()


ENV = KeysChests(size=9, layout="open", max_keys=12, max_chests=30)
PARAMS = ENV.params_with(
    num_keys=-1,
    num_chests=-1,
    shifted_keys=-1,
    shifted_chests=-1,
    max_steps_in_episode=64,
)


@pytest.fixture(scope="module")
def sought() -> dict[str, float]:
    """Chests less ghosts that the base oracle opens, by where it looks for chests."""
    pool = build_pool(ENV, PARAMS, shifts_of(ENV)["shifted"], 128)
    policies = {
        "there": OraclePolicy(ENV, 0),
        "elsewhere": PROTOCOL.ShuffledOracle(ENV),
    }
    contestants = [
        Contestant(name, "greedy", policy, (), (0,))
        for name, policy in policies.items()
    ]
    table = evaluate(ENV, [pool], contestants)
    more = table["return_chests"] - table["return_ghost_chests"]
    return {name: float(more[table["policy"] == name].mean()) for name in policies}


def test_the_oracle_of_shuffled_levels_opens_chests_and_ghosts_alike(
    sought: dict[str, float],
) -> None:
    assert sought["there"] > 1
    assert abs(sought["elsewhere"]) < 0.3


def test_shuffling_moves_chests_and_nothing_else() -> None:
    levels = ENV.sample_levels(jax.random.key(0), 16, PARAMS, alpha=1.0)
    keys = jax.random.split(jax.random.key(1), 16)
    moved = jax.jit(jax.vmap(partial(PROTOCOL.shuffled, ENV)))(keys, levels)
    before, after = np.asarray(levels.tiles), np.asarray(moved.tiles)
    counts = (after & CHEST != 0).sum(axis=(1, 2))
    rest = np.uint8(255 - CHEST)
    assert (after & rest == before & rest).all()
    assert (counts == np.asarray(levels.num_chests)).all()
    assert not (before == after).all(axis=(1, 2)).any()
