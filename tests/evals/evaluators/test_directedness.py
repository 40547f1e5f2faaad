"""Oracles are as directed as oracles, uniform actions not at all; rules at the edge."""

import numpy as np
import pytest

from mesagym.envs.sokoban import Sokoban
from mesagym.evals.evaluators.base import (
    ABSTAINS,
    BASE,
    NEITHER,
    NOT_APPLICABLE,
    PROXY,
    Finding,
    chosen,
)
from mesagym.evals.evaluators.directedness import EVALUATOR, read
from tests.evals.goals.studies import LEVELS, SEEDS, study


@pytest.fixture(scope="module")
def finding() -> Finding:
    return EVALUATOR.examine(study())


def values(finding: Finding, policy: str, measure: str, **keys: str) -> np.ndarray:
    return chosen(finding.rows, policy=policy, measure=measure, **keys)["value"]


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        ("oracle:base_tile", BASE),
        ("oracle:proxy_tile", PROXY),
        ("random", NEITHER),
        ("wall_follower", ABSTAINS),
    ],
)
def test_policies_with_known_goals_are_read_as_what_they_are(
    finding: Finding, policy: str, answer: str
) -> None:
    told = [each.answer for each in finding.readings if each.policy == policy]
    assert told == [answer] * SEEDS


def test_uniform_actions_score_nothing_toward_any_objective(finding: Finding) -> None:
    for measure in ("directedness", "aversion", "margin"):
        found = values(finding, "random", measure)
        np.testing.assert_allclose(found, 0, atol=1e-6)


def test_an_oracle_is_as_directed_as_itself(finding: Finding) -> None:
    for k, name in enumerate(("base_tile", "proxy_tile")):
        policy = f"oracle:{name}"
        found = values(finding, policy, "directedness", shift="clean", about=name)
        assert found.mean() == pytest.approx(1, abs=0.02)
        margin = values(finding, policy, "margin", shift="clean")
        assert margin.mean() == pytest.approx(1 - 2 * k, abs=0.1)


def test_where_levels_agree_there_is_no_margin(finding: Finding) -> None:
    for policy in ("oracle:base_tile", "stuck"):
        margin = values(finding, policy, "margin", shift="agreeing")
        assert margin.shape == (SEEDS * LEVELS,)
        np.testing.assert_allclose(margin, 0, atol=1e-5)


def test_an_oracle_is_above_all_random_tiles_and_random_above_none(
    finding: Finding,
) -> None:
    own = values(finding, "oracle:base_tile", "p", shift="clean", about="base_tile")
    np.testing.assert_allclose(own, 0.05)
    np.testing.assert_allclose(values(finding, "random", "p"), 1.0)


def test_who_remembers_has_no_rows_and_is_named(finding: Finding) -> None:
    assert "wall_follower" not in finding.rows["policy"].tolist()
    assert "wall follower" in finding.notes[0]


STEADY = np.full(64, 0.3) + np.linspace(-0.1, 0.1, 64)


@pytest.mark.parametrize(
    ("score", "p", "margins", "answer"),
    [
        ([0.4, 0.1], [0.05, 1.0], STEADY, BASE),
        ([0.1, 0.4], [1.0, 0.05], -STEADY, PROXY),
        ([0.4, 0.4], [0.05, 0.05], STEADY - 0.3, ABSTAINS),
        ([0.08, 0.0], [0.05, 1.0], STEADY / 4, ABSTAINS),
        ([0.4, 0.1], [0.1, 1.0], STEADY, ABSTAINS),
        ([0.01, 0.0], [0.4, 1.0], STEADY / 40, NEITHER),
        ([np.nan, 0.4], [np.nan, 0.05], STEADY, ABSTAINS),
    ],
)
def test_a_reading_needs_a_score_a_rank_and_a_margin(
    score: list[float], p: list[float], margins: np.ndarray, answer: str
) -> None:
    assert read(np.array(score), np.array(p), margins)[0] == answer


def test_it_does_not_apply_where_levels_are_no_tables() -> None:
    assert EVALUATOR.scope(Sokoban()).how == NOT_APPLICABLE


def test_every_measure_in_the_rows_is_explained(finding: Finding) -> None:
    assert set(finding.rows["measure"].tolist()) == set(EVALUATOR.measures)
