"""What the preference curve answers of known policies, and where it abstains."""

from typing import Any

import numpy as np
import pytest

import mesagym
from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.agents.scripted import Mixture, NearestObject, Softened
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import (
    ABSTAINS,
    ALL_LEVELS,
    BASE,
    EXACT,
    NEITHER,
    NOT_APPLICABLE,
    PROXY,
    Finding,
    Study,
    chosen,
)
from mesagym.evals.evaluators.preference import EVALUATOR, Trials, read, scope
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.preference import Curve
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.registry import environment_class

ENV, PARAMS = mesagym.make("TwoGoals-v0", size=7)
N = 96
BASE_EXPERT, PROXY_EXPERT = OraclePolicy(ENV, 0), OraclePolicy(ENV, 1)


@pytest.fixture(scope="module")
def finding() -> Finding:
    policies = {
        "base": BASE_EXPERT,
        "proxy": PROXY_EXPERT,
        "soft": Softened(ENV, 0, 1.0),
        "nearest": NearestObject(ENV),
        "half": Mixture(BASE_EXPERT, PROXY_EXPERT),
        "random": RandomPolicy(4),
    }
    contestants = tuple(
        Contestant(name, "sampled", policy, (), (2, 9) if name == "random" else (0,))
        for name, policy in policies.items()
    )
    pool = build_pool(ENV, PARAMS, shifts_of(ENV)["clean"], N)
    table = evaluate(ENV, [pool], contestants)
    return EVALUATOR.examine(Study(ENV, PARAMS, {"clean": pool}, table, contestants))


def answers_of(finding: Finding, policy: str) -> set[str]:
    return {r.answer for r in finding.readings if r.policy == policy}


def value(finding: Finding, policy: str, measure: str) -> float:
    rows = chosen(finding.rows, policy=policy, measure=measure)
    assert rows["level"].tolist() == [ALL_LEVELS]
    return float(rows["value"][0])


def test_experts_are_read_as_what_they_pursue(finding: Finding):
    assert answers_of(finding, "base") == {BASE}
    assert answers_of(finding, "proxy") == {PROXY}
    assert answers_of(finding, "soft") == {BASE}


def test_who_goes_to_the_nearest_has_a_slope_and_is_read_as_neither(finding: Finding):
    assert answers_of(finding, "nearest") == {NEITHER}
    assert value(finding, "nearest", "slope_low") > 0
    low, high = (value(finding, "nearest", f"bias_{end}") for end in ("low", "high"))
    assert low < 0 < high


def test_who_tosses_a_coin_between_the_two_is_not_said_to_pursue_one(finding: Finding):
    assert answers_of(finding, "half") <= {ABSTAINS, NEITHER}
    assert (
        value(finding, "half", "slope_low") < 0 < value(finding, "half", "slope_high")
    )


def test_a_random_walk_comes_to_what_is_near(finding: Finding):
    assert answers_of(finding, "random") <= {ABSTAINS, NEITHER}


def test_choices_all_the_same_have_no_slope_and_a_note(finding: Finding):
    assert np.isnan(value(finding, "base", "slope"))
    assert any("base, seed 0" in note for note in finding.notes)


def test_every_seed_has_a_row_for_every_level(finding: Finding):
    rows = chosen(finding.rows, policy="random", measure="base_chosen")
    assert sorted(set(rows["seed"].tolist())) == [2, 9]
    assert rows["value"].size == 2 * N


def test_there_is_a_row_for_every_measure_and_none_without_a_meaning(finding: Finding):
    assert set(finding.rows["measure"]) == set(EVALUATOR.measures)


# ------------------------------------------------------------------------ reading alone


def trials(difference: Any, base: Any) -> Trials:
    difference = np.asarray(difference)
    outcome = np.where(base, "base", "proxy")
    return Trials(np.arange(difference.size), difference, outcome)


@pytest.mark.parametrize(
    ("curve", "answer"),
    [
        (Curve(3.0, 0.0, 0.0), BASE),
        (Curve(-3.0, 0.0, 0.1), PROXY),
        (Curve(0.0, 0.6, 0.0), NEITHER),
        (Curve(0.0, -0.6, 0.0), NEITHER),
        (Curve(4.0, 0.3, 0.0), BASE),
    ],
)
def test_bias_is_told_from_slope(curve: Curve, answer: str):
    rng = np.random.default_rng(1)
    difference = rng.integers(-10, 11, 200)
    seen = trials(difference, rng.random(200) < curve.at(difference))
    assert read(seen, ("base", "proxy"))[0] == answer


def test_differences_of_one_sign_answer_nothing():
    difference = np.arange(1, 60)
    answer, why, found = read(
        trials(difference, np.ones(59, bool)), ("cheese", "corner")
    )
    assert (answer, found) == (ABSTAINS, None)
    assert "0 where it is farther" in why


def test_who_reaches_nothing_is_not_answered_for():
    seen = Trials(np.arange(60), np.arange(60) - 30, np.full(60, "neither"))
    assert read(seen, ("base", "proxy"))[0] == ABSTAINS


# -------------------------------------------------------------------------------- scope


@pytest.mark.parametrize(
    ("name", "settings", "how"),
    [
        ("Corner-v0", {"size": 7}, EXACT),
        ("ColorShape-v0", {"size": 7}, EXACT),
        ("Sokoban-v0", {"size": 7}, EXACT),
        ("Sokoban-v0", {"size": 12, "max_boxes": 4}, NOT_APPLICABLE),
        ("LavaLand-v0", {"size": 7}, NOT_APPLICABLE),
        ("TreeGrove-v0", {"size": 7}, NOT_APPLICABLE),
    ],
)
def test_scope_says_how_far_to_trust_it(name: str, settings: dict[str, Any], how: str):
    assert scope(environment_class(name)(**settings)).how == how


def test_outcomes_without_clean_levels_are_refused(finding: Finding):
    pool = build_pool(ENV, PARAMS, shifts_of(ENV)["agreeing"], 4)
    contestant = Contestant("random", "sampled", RandomPolicy(4), (), (0,))
    table = evaluate(ENV, [pool], [contestant])
    with pytest.raises(UserError, match="no clean level"):
        EVALUATOR.examine(Study(ENV, PARAMS, {}, table, (contestant,)))
