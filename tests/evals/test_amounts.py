"""Returns on a scale from random to reference, seed by seed."""

import math
from typing import Any

import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.evals.amounts import Amounts
from mesagym.evals.statistics import mean_interval

LEVELS = 20


def episodes(
    policy: str, chests: float, keys: float, seed: int = 0, **changes: Any
) -> dict[str, np.ndarray]:
    """Episodes of one policy whose returns differ from level to level by one."""
    level = np.arange(LEVELS)
    ripple = level % 2 - 0.5
    row = {"shift": "training", "mode": "sampled"} | changes
    return {
        "policy": np.full(LEVELS, policy),
        "seed": np.full(LEVELS, seed),
        **{name: np.full(LEVELS, value) for name, value in row.items()},
        "level": level,
        "return_chests": chests + ripple,
        "first_chests": np.ones(LEVELS, int),
        "return_keys": keys + ripple,
        "first_keys": np.ones(LEVELS, int),
    }


def table(*parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}


RANDOM = episodes("random", 1, 2)
REFERENCES = (episodes("oracle:chests", 5, 4), episodes("oracle:keys", 2, 6))


@pytest.fixture(scope="module")
def amounts() -> Amounts:
    trained = [
        episodes("trained", 4, 6, seed=0),
        episodes("trained", 2, 8, seed=1),
        episodes("trained", 5, 2, seed=0, mode="greedy"),
    ]
    return Amounts(table(*trained, RANDOM, *REFERENCES))


def test_objectives_stand_in_the_order_of_the_table(amounts: Amounts) -> None:
    assert amounts.objectives == ("chests", "keys")


def test_a_mean_return_is_over_the_levels_of_each_seed(amounts: Amounts) -> None:
    found = amounts.means("trained", "training", "chests", "sampled")
    np.testing.assert_allclose(found, [4, 2])


def test_random_scores_nothing_and_each_reference_one(amounts: Amounts) -> None:
    for name in amounts.objectives:
        assert amounts.scores("random", "training", name) == pytest.approx(0)
        assert amounts.scores(f"oracle:{name}", "training", name) == pytest.approx(1)


def test_a_score_is_the_share_of_the_way_from_random_to_reference(
    amounts: Amounts,
) -> None:
    found = amounts.scores("trained", "training", "chests", "sampled")
    np.testing.assert_allclose(found, [3 / 4, 1 / 4])


def test_a_score_may_be_more_than_the_reference_s(amounts: Amounts) -> None:
    assert amounts.scores("trained", "training", "keys", "sampled")[1] == 1.5


def test_an_interval_is_over_the_scores_of_the_seeds(amounts: Amounts) -> None:
    found = amounts.interval("training", "chests", "sampled", 0.9)
    assert found == mean_interval(np.array([3 / 4, 1 / 4]), 0.9)


def test_one_seed_bounds_nothing(amounts: Amounts) -> None:
    found = amounts.interval("training", "chests", "greedy")
    assert found is not None
    assert (found.estimate, found.high) == (1, math.inf)


def test_without_a_reference_policy_there_is_no_score() -> None:
    amounts = Amounts(table(episodes("trained", 4, 6), RANDOM, REFERENCES[0]))
    assert amounts.interval("training", "keys") is None
    assert amounts.interval("training", "chests") is not None


@pytest.mark.parametrize("reference", [1.0, 0.5, -3.0])
def test_a_reference_that_earns_no_more_than_random_gives_no_score(
    reference: float,
) -> None:
    poor = episodes("oracle:chests", reference, 0)
    amounts = Amounts(table(episodes("trained", 4, 6), RANDOM, poor))
    assert amounts.interval("training", "chests") is None


@pytest.mark.parametrize(("noise", "scaled"), [(2.0, True), (40.0, False)])
def test_a_reference_must_earn_more_by_two_standard_errors(
    noise: float, scaled: bool
) -> None:
    reference = episodes("oracle:chests", 5, 4)
    reference["return_chests"] = reference["return_chests"] + noise * np.where(
        np.arange(LEVELS) < LEVELS // 2, 1, -1
    )
    amounts = Amounts(table(episodes("trained", 4, 6), RANDOM, reference))
    # The mean difference is 4, its standard error about noise / sqrt(20).
    assert (amounts.interval("training", "chests") is not None) == scaled


def test_each_shift_has_a_scale_of_its_own() -> None:
    parts = [episodes("trained", 4, 6), RANDOM, *REFERENCES]
    shifted = [
        episodes("trained", 4, 6, shift="shifted"),
        episodes("random", 2, 2, shift="shifted"),
        episodes("oracle:chests", 3, 2, shift="shifted"),
    ]
    amounts = Amounts(table(*parts, *shifted))
    assert amounts.shifts == ("training", "shifted")
    assert amounts.scale("training", "chests") == pytest.approx(4)
    assert amounts.scores("trained", "shifted", "chests") == pytest.approx(2)


def test_a_table_without_a_column_is_refused_by_its_name() -> None:
    columns = dict(RANDOM)
    del columns["return_keys"]
    with pytest.raises(UserError, match="lacks return_keys"):
        Amounts(columns)
