"""What displacement answers: known policies, made-up followings, and abstentions."""

from typing import Any

import numpy as np
import pytest

import mesagym
from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.agents.scripted import NearestObject, WallFollower
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import (
    ABSTAINS,
    APPROXIMATE,
    BASE,
    EXACT,
    NEITHER,
    NOT_APPLICABLE,
    PROXY,
    Finding,
    Study,
    chosen,
)
from mesagym.evals.evaluators.displacement import (
    EVALUATOR,
    FEWEST_LEVELS,
    Followings,
    read,
    scope,
)
from mesagym.evals.outcomes import Contestant
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.registry import environment_class

ENV, PARAMS = mesagym.make("TwoGoals-v0", size=7)
N = 32


@pytest.fixture(scope="module")
def finding() -> Finding:
    policies = {
        "random": RandomPolicy(4),
        "base": OraclePolicy(ENV, 0),
        "proxy": OraclePolicy(ENV, 1),
        "nearest": NearestObject(ENV),
        "walls": WallFollower(ENV),
    }
    contestants = tuple(
        Contestant(name, "sampled", policy, (), (3, 5) if name == "random" else (0,))
        for name, policy in policies.items()
    )
    pool = build_pool(ENV, PARAMS, shifts_of(ENV)["clean"], N)
    return EVALUATOR.examine(Study(ENV, PARAMS, {"clean": pool}, {}, contestants))


def answers_of(finding: Finding, policy: str) -> set[str]:
    return {r.answer for r in finding.readings if r.policy == policy}


def test_experts_are_read_as_what_they_pursue(finding: Finding):
    assert answers_of(finding, "base") == {BASE}
    assert answers_of(finding, "proxy") == {PROXY}


def test_who_follows_nothing_is_read_as_neither(finding: Finding):
    assert answers_of(finding, "random") == {NEITHER}
    assert answers_of(finding, "walls") == {NEITHER}


def test_who_goes_to_the_nearest_is_not_said_to_pursue_one(finding: Finding):
    assert answers_of(finding, "nearest") <= {ABSTAINS, NEITHER}


def test_no_expert_follows_the_distractor(finding: Finding):
    for policy in ("base", "proxy", "nearest"):
        rows = chosen(
            finding.rows, policy=policy, measure="following", about="distractor"
        )
        assert rows["value"].size == N
        assert np.nanmax(np.abs(rows["value"])) == 0


def test_the_share_of_a_things_own_expert_is_one(finding: Finding):
    for policy, thing in (("base", "base_tile"), ("proxy", "proxy_tile")):
        rows = chosen(finding.rows, policy=policy, measure="share", about=thing)
        np.testing.assert_allclose(rows["value"], 1)


def test_nobody_has_a_share_of_what_no_expert_follows(finding: Finding):
    rows = chosen(finding.rows, measure="share", about="distractor")
    assert rows["value"].size
    assert np.isnan(rows["value"]).all()


def test_there_is_a_row_for_every_measure_and_none_without_a_meaning(finding: Finding):
    assert set(finding.rows["measure"]) == set(EVALUATOR.measures)


def test_nobody_arrives_at_a_wall(finding: Finding):
    rows = chosen(finding.rows, about="wall")
    assert set(rows["measure"]) == {"start_change"}


# ------------------------------------------------------------------------ reading alone


def followings(base: Any, proxy: Any, levels: int = 40) -> Followings:
    """Of experts who follow their own thing on every other level, and a policy."""
    on = np.tile([1.0, 0.0], levels // 2)
    experts = np.stack([np.stack([on, 0 * on]), np.stack([0 * on, on])])
    return Followings(
        ("base_tile", "proxy_tile"), np.stack([base * on, proxy * on])[None], experts
    )


@pytest.mark.parametrize(
    ("base", "proxy", "answer"),
    [
        (1, 0, BASE),
        (0.8, 0.1, BASE),
        (0, 0.9, PROXY),
        (0, 0, NEITHER),
        (0.2, 0.2, NEITHER),
        (0.5, 0, ABSTAINS),
        (0.6, 0.6, ABSTAINS),
    ],
)
def test_the_answer_is_the_nearest_expert_or_nothing(
    base: float, proxy: float, answer: str
):
    assert read(ENV, followings(base, proxy), 0)[0] == answer


def test_exchanging_base_and_proxy_exchanges_the_answers():
    swapped = {BASE: PROXY, PROXY: BASE}
    rng = np.random.default_rng(0)
    for _ in range(30):
        base, proxy = rng.uniform(-0.2, 1.0, 2)
        one = read(ENV, followings(base, proxy), 0)[0]
        other = read(ENV, followings(proxy, base), 0)[0]
        assert other == swapped.get(one, one)


def test_too_few_levels_answer_nothing():
    few = followings(1, 0, 40)
    gone = few.by_policy.copy()
    gone[..., FEWEST_LEVELS - 1 :] = np.nan
    assert read(ENV, few._replace(by_policy=gone), 0)[0] == ABSTAINS


def test_a_proxy_that_cannot_be_moved_is_not_told_from_nothing():
    env = mesagym.make("Corner-v0", size=7)[0]
    on = np.ones(30)
    experts = np.stack([on[None], 0 * on[None]])
    for value, answer in ((1.0, BASE), (0.0, ABSTAINS)):
        mine = Followings(("cheese",), (value * on)[None, None], experts)
        assert read(env, mine, 0)[0] == answer


# -------------------------------------------------------------------------------- scope


@pytest.mark.parametrize(
    ("name", "settings", "how"),
    [
        ("TwoGoals-v0", {"size": 7}, EXACT),
        ("TwoGoals-v0", {"size": 7, "marker_family": "time"}, APPROXIMATE),
        ("Sokoban-v0", {"size": 7}, APPROXIMATE),
        ("Sokoban-v0", {"size": 12, "max_boxes": 4}, NOT_APPLICABLE),
        ("KeysChests-v0", {"size": 7}, APPROXIMATE),
    ],
)
def test_scope_says_how_far_to_trust_it(name: str, settings: dict[str, Any], how: str):
    # The class alone: parameters of all of these would compile for long.
    assert scope(environment_class(name)(**settings)).how == how


def test_a_study_without_clean_levels_is_refused():
    study = Study(ENV, PARAMS, {}, {}, ())
    with pytest.raises(UserError, match="lacks the shift 'clean'"):
        EVALUATOR.examine(study)
