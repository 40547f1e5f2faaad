"""What an episode came to, and how directly, from the steps of first crediting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.envs.corner import Corner
from mesagym.envs.tree_grove import TreeGrove
from mesagym.evals.outcomes import (
    OUTCOMES,
    Columns,
    Contestant,
    evaluate,
    outcome_codes,
    path_efficiency,
    wasted_steps,
)
from mesagym.evals.shifts import build_pool, shifts_of

STEPS = st.lists(st.integers(-1, 5).filter(bool), min_size=2, max_size=4)


def outcome_of(first: list[int]) -> str:
    return OUTCOMES[int(outcome_codes(np.array(first, np.int32)))]


@pytest.mark.parametrize(
    ("first", "outcome"),
    [
        ([-1, -1], "neither"),
        ([3, -1], "base"),
        ([3, 4], "base"),
        ([-1, 3], "proxy"),
        ([4, 3], "proxy"),
        ([3, 3], "both"),
        ([3, 5, 2], "proxy"),
        ([3, 5, 3], "both"),
    ],
)
def test_what_was_credited_first_is_the_outcome(first: list[int], outcome: str) -> None:
    assert outcome_of(first) == outcome


@given(STEPS)
def test_an_outcome_follows_from_who_was_first(first: list[int]) -> None:
    def arrival(steps: list[int]) -> float:
        return min((step for step in steps if step > 0), default=float("inf"))

    base, proxy = arrival(first[:1]), arrival(first[1:])
    expected = "base" if base < proxy else "proxy" if proxy < base else "both"
    if base == proxy == float("inf"):
        expected = "neither"
    assert outcome_of(first) == expected


def test_efficiency_is_measured_toward_what_decided_the_episode() -> None:
    first = np.array([[4, 9], [9, 4], [4, 4], [-1, -1]], np.int32)
    optimal = np.array([[2, 3]] * 4, np.int32)
    found = path_efficiency(first, optimal, outcome_codes(first))
    np.testing.assert_allclose(found, [2 / 4, 3 / 4, 2 / 4, 0])


def test_of_several_proxies_the_first_to_be_reached_counts() -> None:
    first = np.array([-1, 8, 5], np.int32)
    optimal = np.array([1, 2, 4], np.int32)
    found = path_efficiency(first, optimal, outcome_codes(first))
    assert found == pytest.approx(4 / 5)


def test_wasted_are_the_steps_beyond_the_fewest_to_what_decided() -> None:
    first = np.array([[4, 9], [9, 4], [4, 4], [-1, -1], [7, -1]], np.int32)
    optimal = np.array([[2, 3]] * 4 + [[-1, 3]], np.int32)
    found = wasted_steps(first, optimal, outcome_codes(first))
    assert found.tolist() == [2, 1, 2, -1, -1]


# --------------------------------------------------------------------------- the table


def table_of(env: Corner | TreeGrove, shift: str) -> Columns:
    """Return the outcomes of random and the experts on 24 levels."""
    params = env.params_with(max_steps_in_episode=24)
    pool = build_pool(env, params, shifts_of(env)[shift], 24)
    experts = [
        Contestant(f"oracle:{name}", "greedy", OraclePolicy(env, k), (), (0,))
        for k, name in enumerate(env.own_objectives)
    ]
    random = Contestant("random", "sampled", RandomPolicy(env.num_actions), (), (0,))
    return evaluate(env, [pool], [random, *experts])


@pytest.fixture(scope="module")
def table() -> Columns:
    return table_of(Corner(size=7), "clean")


@pytest.mark.parametrize("name", ["cheese", "corner"])
def test_an_expert_has_no_regret_of_its_own_objective(
    table: Columns, name: str
) -> None:
    mine = table["policy"] == f"oracle:{name}"
    assert not table[f"regret_{name}"][mine].any()
    assert not table["wasted"][mine].any()


def test_regret_is_what_the_best_would_have_earned_besides(table: Columns) -> None:
    random = table["policy"] == "random"
    regret = table["regret_cheese"][random]
    assert ((regret == 1) == (table["first_cheese"][random] < 0)).all()
    assert 0 < regret.mean() < 1
    assert set(np.unique(table["regret_corner"])) <= {0, 1}


def test_wasted_steps_and_efficiency_tell_the_same(table: Columns) -> None:
    decided = table["outcome"] != "neither"
    assert ((table["wasted"] == 0) == (table["efficiency"] == 1))[decided].all()
    assert (table["wasted"][~decided] == -1).all()
    assert (table["wasted"] > 0).any()


def test_there_is_no_regret_where_no_solver_is_exact() -> None:
    columns = table_of(TreeGrove(size=6, max_trees=4), "shifted")
    assert not [name for name in columns if name.startswith("regret_")]
    assert "wasted" not in columns
