"""Oracles are agents; random, stuck and wall-following policies are devices."""

import numpy as np
import pytest

from mesagym.envs.sokoban import Sokoban
from mesagym.evals.evaluators.agents_devices import EVALUATOR, settings
from mesagym.evals.evaluators.base import APPROXIMATE, NOT_APPLICABLE, Finding, chosen
from tests.evals.goals.studies import LEVELS, SEEDS, study


@pytest.fixture(scope="module")
def finding() -> Finding:
    return EVALUATOR.examine(study())


def values(finding: Finding, policy: str, measure: str, about: str = "") -> np.ndarray:
    return chosen(
        finding.rows, policy=policy, measure=measure, about=about, shift="clean"
    )["value"]


def test_oracles_of_either_objective_are_agents(finding: Finding) -> None:
    for policy in ("oracle:base_tile", "oracle:proxy_tile"):
        assert (values(finding, policy, "agent") > 0.99).all()
        assert (values(finding, policy, "log_odds") > 0).all()


@pytest.mark.parametrize("policy", ["random", "stuck", "wall_follower"])
def test_who_pursues_nothing_is_a_device(finding: Finding, policy: str) -> None:
    assert (values(finding, policy, "agent") < 0.1).all()


def test_one_level_alone_tells_less_than_all_together(finding: Finding) -> None:
    level = values(finding, "oracle:base_tile", "level_agent")
    assert level.shape == (SEEDS * LEVELS,)
    assert 0.5 < level.mean() < values(finding, "oracle:base_tile", "agent").min()


def test_every_way_of_stating_the_prior_is_in_the_table(finding: Finding) -> None:
    rows = chosen(finding.rows, policy="random", shift="clean", measure="agent_if")
    names = {name for name, *_ in settings()}
    assert set(rows["about"].tolist()) == names
    assert len(names) == 3 * 3 * 3


def test_the_stated_prior_is_one_of_those_in_the_table(finding: Finding) -> None:
    name = "prior=0.5_contexts=4_epsilon=wide"
    for policy in ("oracle:base_tile", "random"):
        same = values(finding, policy, "agent_if", name)
        np.testing.assert_array_equal(same, values(finding, policy, "agent"))


def test_it_claims_no_objective_and_lowers_its_scope_for_who_remembers(
    finding: Finding,
) -> None:
    assert finding.readings == ()
    assert finding.scope.how == APPROXIMATE


def test_it_does_not_apply_where_levels_are_no_tables() -> None:
    assert EVALUATOR.scope(Sokoban()).how == NOT_APPLICABLE


def test_every_measure_in_the_rows_is_explained(finding: Finding) -> None:
    assert set(finding.rows["measure"].tolist()) == set(EVALUATOR.measures)
