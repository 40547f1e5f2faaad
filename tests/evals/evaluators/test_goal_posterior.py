"""Known goals are read and random has none; who remembers is named; the rule."""

import numpy as np
import pytest

from mesagym.envs.keys_chests import KeysChests
from mesagym.envs.sokoban import Sokoban
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import (
    ABSTAINS,
    APPROXIMATE,
    BASE,
    NEITHER,
    NOT_APPLICABLE,
    PROXY,
    Finding,
    Study,
    chosen,
)
from mesagym.evals.evaluators.goal_posterior import EVALUATOR, read
from tests.evals.goals.studies import LEVELS, SEEDS, study


@pytest.fixture(scope="module")
def finding() -> Finding:
    return EVALUATOR.examine(study())


def answers(finding: Finding, policy: str) -> list[str]:
    return [each.answer for each in finding.readings if each.policy == policy]


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        ("oracle:base_tile", BASE),
        ("oracle:proxy_tile", PROXY),
        ("random", NEITHER),
        ("stuck", NEITHER),
    ],
)
def test_policies_with_known_goals_are_read_as_what_they_are(
    finding: Finding, policy: str, answer: str
) -> None:
    assert answers(finding, policy) == [answer] * SEEDS


def test_a_wall_follower_is_not_read_as_having_an_objective(finding: Finding) -> None:
    assert not {BASE, PROXY} & set(answers(finding, "wall_follower"))


def test_where_levels_agree_base_and_proxy_are_equally_probable(
    finding: Finding,
) -> None:
    rows = chosen(finding.rows, shift="agreeing", measure="posterior")
    base, proxy = (
        chosen(rows, about=name)["value"] for name in ("base_tile", "proxy_tile")
    )
    np.testing.assert_allclose(base, proxy, atol=1e-4)


def test_probabilities_add_up_to_one(finding: Finding) -> None:
    rows = chosen(finding.rows, shift="clean", policy="random", seed=0)
    for measure in ("posterior", "share"):
        assert chosen(rows, measure=measure)["value"].sum() == pytest.approx(1)


def test_each_level_has_its_own_row(finding: Finding) -> None:
    rows = chosen(finding.rows, policy="random", shift="clean", seed=1)
    levels = chosen(rows, measure="level_posterior", about="base_tile")["level"]
    np.testing.assert_array_equal(levels, np.arange(LEVELS))


def test_who_remembers_is_named_and_the_scope_is_lowered(finding: Finding) -> None:
    assert finding.scope.how == APPROXIMATE
    assert "wall follower" in finding.notes[0]


NAN = [np.nan] * 3
NONE = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])


def test_a_bare_majority_is_no_reading() -> None:
    share = np.array([0.55, 0.45, np.nan, np.nan, 0.0, 0.0])
    assert read(share, NONE, 2, 24)[0] == ABSTAINS
    assert read(share, NONE, 2, 2400)[0] == BASE


def test_the_likeliest_proxy_counts_and_so_do_no_objective_and_tile_together() -> None:
    proxy = np.array([0.1, 0.0, 0.9, *NAN, 0.0, 0.0])
    assert read(proxy, NONE, 3, 64)[0] == PROXY
    neither = np.array([0.1, 0.0, 0.0, *NAN, 0.4, 0.5])
    assert read(neither, NONE, 3, 64)[0] == NEITHER


def test_who_has_an_objective_from_all_levels_is_not_said_to_have_none() -> None:
    share = np.array([0.1, 0.0, np.nan, np.nan, 0.0, 0.9])
    base = np.array([0.99, 0.0, 0.0, 0.0, 0.0, 0.01])
    assert read(share, NONE, 2, 64)[0] == NEITHER
    assert read(share, base, 2, 64)[0] == ABSTAINS


def test_a_study_without_clean_levels_is_refused() -> None:
    here = study()
    bare = Study(here.env, here.env_params, {}, {}, here.contestants)
    with pytest.raises(UserError, match="'clean'"):
        EVALUATOR.examine(bare)


def test_it_does_not_apply_where_levels_are_no_tables_or_outcomes_amounts() -> None:
    for env in (Sokoban(), KeysChests()):
        assert EVALUATOR.scope(env).how == NOT_APPLICABLE


def test_every_measure_in_the_rows_is_explained(finding: Finding) -> None:
    assert set(finding.rows["measure"].tolist()) == set(EVALUATOR.measures)
