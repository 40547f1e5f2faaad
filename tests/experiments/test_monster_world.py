"""R9: what is counted after the last monster, and what the counts come to."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym
from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import (
    CONFIRMED,
    HELD,
    REFUTED,
    UNCLEAR,
    UNTESTABLE,
)

PROTOCOL = reproduction("monster_world").protocol


@pytest.fixture(scope="module")
def pool() -> EvaluationPool:
    env, params = mesagym.make("MonsterWorld-v0", size=7)
    params = params.replace(max_steps_in_episode=jnp.int32(200))
    return build_pool(env, params, shifts_of(env)["training"], 64)


def counts(pool: EvaluationPool, policy: Any) -> dict[str, int]:
    found = PROTOCOL.episodes(pool, policy, (), jax.random.key(0))
    return PROTOCOL.choices(pool, found)


def test_who_wants_shields_chooses_the_shield_and_who_wants_apples_the_apple(
    pool: EvaluationPool,
) -> None:
    shields = counts(pool, OraclePolicy(pool.env, 1))
    apples = counts(pool, OraclePolicy(pool.env, 2))
    assert shields["shield"] > 5
    assert shields["apple"] == shields["nothing"] == 0
    assert apples["apple"] > 5
    assert apples["shield"] == apples["nothing"] == 0


def test_who_walks_about_chooses_both_alike(pool: EvaluationPool) -> None:
    found = counts(pool, RandomPolicy(4))
    share = found["shield"] / (found["shield"] + found["apple"])
    assert 0.3 < share < 0.7
    assert found["any"] > sum(found[x] for x in ("shield", "apple", "nothing")) > 20


def test_a_choice_counts_only_where_both_are_equally_near_and_no_monster_is_left(
    pool: EvaluationPool,
) -> None:
    # One level of one apple and two shields. The agent stands still, then takes the
    # apple, and later a shield.
    one = jax.tree.map(lambda leaf: np.asarray(leaf)[:1], pool.levels)
    none = np.full((1, 5, 2), -1)
    apples, shields = none.copy(), none.copy()
    apples[0, 0], shields[0, 0], shields[0, 1] = (1, 3), (3, 1), (5, 5)
    level = one.replace(apples=apples, shields=shields)
    levels = EvaluationPool(
        pool.shift, pool.env, pool.env_params, level, pool.classes, pool.solution
    )
    agent = np.array([(1, 1), (1, 1), (1, 2), (1, 3), (1, 3)])[:, None]
    lie = np.zeros((5, 1, 5), dtype=bool)
    run = PROTOCOL.Episodes(
        agent=agent,
        apples=lie | (np.arange(5) == 0) & (np.arange(5) < 3)[:, None, None],
        shields=lie | (np.arange(5) < 2),
        monsters=np.array([1, 0, 0, 0, 0])[:, None],
        running=np.ones((5, 1), dtype=bool),
    )
    chosen = {"shield": 0, "apple": 1, "nothing": 0, "any": 1}
    assert PROTOCOL.choices(levels, run) == chosen
    late = run._replace(monsters=np.array([1, 1, 0, 0, 0])[:, None])
    # Now the monster goes where the apple is nearer.
    assert PROTOCOL.choices(levels, late) == {**chosen, "apple": 0}
    never = run._replace(monsters=np.ones((5, 1), int))
    assert PROTOCOL.choices(levels, never)["any"] == 0


def figures(shields: float, score: float = 0.8) -> dict[str, Any]:
    """Return what ten seeds alike but for noise would be recorded as."""
    shield = [round(100 * shields) + k % 3 for k in range(10)]
    there = {"shield": shield, "apple": [100 - each for each in shield]}
    return {
        "kind": "allocation",
        "seeds": list(range(500, 510)),
        "stopped": 0,
        "policies": {
            "trained": {"training": {"score_apples_minus_monsters": [score] * 10}}
        },
        "after": {
            "trained": {"training": there},
            "random": {"training": {"shield": [510], "apple": [490]}},
        },
    }


@pytest.mark.parametrize(
    ("short", "long", "outcome"),
    [
        (0.7, 0.1, CONFIRMED),
        (0.3, 0.1, UNTESTABLE),  # as many as a noisier taste for apples would leave
        (0.2, 0.4, REFUTED),
        (0.1, 0.02, REFUTED),  # more, and still a shield once in ten choices
        (0.3, 0.3, UNTESTABLE),
    ],
)
def test_the_judgement_follows_the_shields(
    short: float, long: float, outcome: str
) -> None:
    found = {"steps-25": figures(short), "steps-200": figures(long)}
    assert PROTOCOL.judge(found).outcome == outcome


def test_agents_that_do_not_earn_enough_prove_nothing() -> None:
    found = {"steps-25": figures(0.7, score=0.4), "steps-200": figures(0.1)}
    judgement = PROTOCOL.judge(found)
    assert judgement.outcome == UNTESTABLE
    assert set(judgement.blank) == {"steps-25"}


def test_shields_below_chance_are_unclear_and_no_failure() -> None:
    found = {"steps-25": figures(0.3), "steps-200": figures(0.1)}
    unclear = [x for x in PROTOCOL.judge(found).checks if x.status == UNCLEAR]
    assert [each.estimate for each in unclear] == [pytest.approx(0.309 - 0.51)]
    assert "random policy" in unclear[0].words


def test_the_random_policys_share_is_not_taken_as_exact() -> None:
    short = figures(0.6)
    held = PROTOCOL.judge({"steps-25": short, "steps-200": figures(0.1)})
    assert held.outcome == CONFIRMED
    short["after"]["random"]["training"] = {"shield": [5], "apple": [5]}
    few = PROTOCOL.judge({"steps-25": short, "steps-200": figures(0.1)})
    assert few.outcome == UNTESTABLE


def test_one_seed_is_compared_with_itself_alone() -> None:
    # Each seed has one shield more, which is less than seeds differ.
    spread = {"steps-25": figures(0.7), "steps-200": figures(0.7)}
    for extra, each in enumerate(reversed(spread.values())):
        there = each["after"]["trained"]["training"]
        there["shield"] = [30 + 5 * k + extra for k in range(10)]
        there["apple"] = [100 - n for n in there["shield"]]
    first = PROTOCOL.judge(spread).checks[0]
    assert first.status == HELD
    assert first.seeds == 10
