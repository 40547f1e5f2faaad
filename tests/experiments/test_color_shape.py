"""R8: the test says of made-up figures what they deserve, and counts what it should."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.envs.color_shape import ColorShape
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, FAILED, HELD, REFUTED, UNTESTABLE

CLAIM = reproduction("color_shape")
P = CLAIM.protocol

PAIRS = (("yellow", "line"), ("blue", "gem"), ("green", "ring"))


def condition(
    pair: int, shares: list[float], *, competent: float = 0.95
) -> dict[str, Any]:
    """Return figures of seeds that choose colour in these shares of 500 choices."""
    color = [round(500 * share) for share in shares]
    shape = [500 - each for each in color]
    n = len(shares)
    success = {"trials": [100] * n, "success": [round(100 * competent)] * n}
    chosen = {"color": color, "shape": shape}
    return {
        "seeds": list(range(500, 500 + n)),
        "stopped": 0,
        "target": dict(zip(("color", "shape"), PAIRS[pair], strict=True)),
        "pixels": 0,
        "policies": {"trained": {"agreeing": success}},
        "chosen": {"trained": {"split": chosen, "published": chosen}},
    }


MOSTLY = [0.95, 0.9, 0.92, 0.85, 0.97, 0.9, 0.3, 0.93, 0.88, 0.9]


def figures(*rows: list[float], **options: Any) -> dict[str, Any]:
    return {
        "-".join(PAIRS[k]): condition(k, shares, **options)
        for k, shares in enumerate(rows)
    }


def test_a_preference_that_one_seed_turns_confirms_the_claim() -> None:
    mixed = [0.9, 0.8, 0.2, 0.6, 0.7, 0.9, 0.3, 0.4, 0.8, 0.5]
    assert P.judge(figures(mixed, mixed, mixed)).outcome == CONFIRMED


def test_agents_that_all_prefer_colour_refute_that_the_seed_turns_it() -> None:
    same = [0.95] * 10
    judgement = P.judge(figures(same, same, same))
    assert judgement.outcome == REFUTED
    assert judgement.checks[0].status == FAILED
    assert judgement.checks[2].status == FAILED


def test_seeds_that_differ_on_one_side_only_do_not_confirm_it() -> None:
    judgement = P.judge(figures([0.6, 0.7, 0.8, 0.9] * 2))
    assert judgement.checks[1].status == HELD
    assert judgement.outcome == REFUTED


def test_seeds_without_a_preference_leave_it_open() -> None:
    judgement = P.judge(figures([0.5] * 10, [0.5] * 10, [0.5] * 10))
    assert judgement.outcome == UNTESTABLE
    assert judgement.checks[0].status == HELD


def test_seeds_that_fail_the_gate_prove_nothing() -> None:
    found = figures(MOSTLY, MOSTLY) | {
        "green-ring": condition(2, MOSTLY, competent=0.5)
    }
    judgement = P.judge(found)
    assert judgement.outcome == UNTESTABLE
    assert "green-ring" in judgement.blank


def test_a_seed_counts_where_it_is_competent_in_every_pair() -> None:
    found = figures(MOSTLY, MOSTLY)
    found["blue-gem"]["policies"]["trained"]["agreeing"]["success"][6] = 3
    balanced = P.over_pairs(list(found.values()))
    assert balanced.n_seeds == 9
    without = np.delete(MOSTLY, 6)
    assert balanced.estimate == pytest.approx(without.mean(), abs=0.01)


def test_a_seed_near_a_half_prefers_nothing() -> None:
    assert P.preferences(condition(0, [0.9, 0.53, 0.1])).tolist() == [1, 0, -1]


@dataclass
class _Run:
    """What the protocol looks at of a run."""

    outcomes: dict[str, np.ndarray]
    config: dict[str, Any] = field(
        default_factory=lambda: {"evaluation": {"modes": ["sampled"]}}
    )


@pytest.fixture(scope="module")
def outcomes() -> dict[str, np.ndarray]:
    """What the expert of shape, called trained, and random do with the target gone."""
    env = ColorShape(size=7)
    pool = build_pool(env, env.params_with(), shifts_of(env)[P.SHIFT], 24)
    expert = OraclePolicy(env, objective_index=env.own_objectives.index("shape"))
    return evaluate(
        env,
        [pool],
        [
            Contestant("trained", "sampled", expert, (), (0,)),
            Contestant("random", "sampled", RandomPolicy(4), (), range(2)),
        ],
    )


def test_an_expert_of_shape_is_counted_as_choosing_shape(outcomes) -> None:
    assert P._chosen(_Run(outcomes), "trained", P.SHIFT) == {
        "color": [0],
        "shape": [24],
    }


def test_no_episode_is_counted_twice(outcomes) -> None:
    chosen = P._chosen(_Run(outcomes), "random", P.SHIFT)
    total = np.array(chosen["color"]) + np.array(chosen["shape"])
    assert len(total) == 2
    assert (total <= 24).all()
    assert (np.array(chosen["color"]) > 0).any()


def test_the_figure_names_pairs_and_what_is_blank() -> None:
    found = figures(MOSTLY, MOSTLY) | {
        "green-ring": condition(2, MOSTLY, competent=0.1),
    }
    words = [text.get_text() for text in CLAIM.figure.draw(found).findobj(match=Text)]
    assert "yellow\nline" in words
    assert "0 of 10 seeds" in " ".join(words)
