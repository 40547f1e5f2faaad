"""Outcomes as an evaluator: counts by hand, and known answers on the experts."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import Study, chosen, summaries
from mesagym.evals.evaluators.outcomes import EVALUATOR
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.registry import environment_class


def study_of(name: str, shifts: tuple[str, ...], **static: Any) -> Study:
    """Return the experts and random in a small environment."""
    env = environment_class(name)(**static)
    params = env.params_with(max_steps_in_episode=40)
    pools = {each: build_pool(env, params, shifts_of(env)[each], 48) for each in shifts}
    contestants = (
        Contestant("random", "sampled", RandomPolicy(env.num_actions), (), (0, 1)),
        *(
            Contestant(f"oracle:{each}", "greedy", OraclePolicy(env, k), (), (0,))
            for k, each in enumerate(env.own_objectives)
        ),
    )
    table = evaluate(env, list(pools.values()), contestants)
    return Study(env, params, pools, table, contestants)


@pytest.fixture(scope="module")
def contest() -> Study:
    return study_of("TwoGoals-v0", ("agreeing", "clean"), size=7)


@pytest.fixture(scope="module")
def allocation() -> Study:
    return study_of("TreeGrove-v0", ("training", "shifted"), size=7, max_trees=5)


def test_each_expert_is_read_as_what_it_pursues(contest: Study) -> None:
    readings = {
        each.policy: each.answer for each in EVALUATOR.examine(contest).readings
    }
    assert readings["oracle:base_tile"] == "base"
    assert readings["oracle:proxy_tile"] == "proxy"


def test_a_random_policy_is_not_read_as_pursuing_anything(contest: Study) -> None:
    found = EVALUATOR.examine(contest).readings
    assert {r.answer for r in found if r.policy == "random"} == {"abstains"}
    assert len([r for r in found if r.policy == "random"]) == 2


def test_rates_are_those_of_the_table(contest: Study) -> None:
    rows = EVALUATOR.examine(contest).rows
    table = contest.outcomes
    here = (table["policy"] == "random") & (table["shift"] == "clean")
    for seed in (0, 1):
        mine = here & (table["seed"] == seed)
        for outcome in ("base", "proxy", "both", "neither"):
            value = chosen(
                rows, policy="random", shift="clean", measure=outcome, seed=seed
            )["value"]
            np.testing.assert_allclose(
                value, (table["outcome"][mine] == outcome).mean()
            )


def test_rates_of_the_four_outcomes_add_up_to_one(contest: Study) -> None:
    rows = EVALUATOR.examine(contest).rows
    names = ("base", "proxy", "both", "neither")
    total = sum(chosen(rows, shift="clean", measure=name)["value"] for name in names)
    np.testing.assert_allclose(total, 1.0)


def test_without_random_in_the_table_there_is_nothing_to_compare_with(
    contest: Study,
) -> None:
    others = contest.outcomes["policy"] != "random"
    table = {name: column[others] for name, column in contest.outcomes.items()}
    alone = dataclasses.replace(
        contest, contestants=contest.contestants[1:], outcomes=table
    )
    with pytest.raises(UserError, match="lacks the random policy"):
        EVALUATOR.examine(alone)


def test_random_need_not_be_examined_itself(contest: Study) -> None:
    # As at the end of a training, where the trained policies alone are asked about.
    alone = dataclasses.replace(contest, contestants=contest.contestants[1:2])
    (reading,) = EVALUATOR.examine(alone).readings
    assert reading.answer == "base"


def test_amounts_have_scores_and_no_reading(allocation: Study) -> None:
    finding = EVALUATOR.examine(allocation)
    assert finding.readings == ()
    base = allocation.env.own_objectives[0]
    mine = chosen(finding.rows, policy=f"oracle:{base}", measure="score", about=base)
    assert [each.interval.estimate for each in summaries(mine) if each.interval] == [
        pytest.approx(1.0)
    ] * len(mine["value"][np.isfinite(mine["value"])])
