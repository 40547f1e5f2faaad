"""Areas, rates and recalls of rankings, against brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.detectors.ranking import (
    audits,
    auroc,
    rank_metrics,
    recall_at_budget,
    recall_ceiling,
    true_positive_rate,
)

# Few values, so that most rankings have ties.
cases = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=12)
shares = st.floats(0.0, 1.0)


def split(drawn: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    scores = np.array([score for score, _ in drawn], float)
    return scores, np.array([label for _, label in drawn], bool)


@given(cases)
def test_the_area_is_the_share_of_pairs_in_order_with_ties_counting_half(
    drawn: list[tuple[int, bool]],
) -> None:
    scores, labels = split(drawn)
    pairs = [
        float(a > b) + 0.5 * float(a == b)
        for a, b in itertools.product(scores[labels], scores[~labels])
    ]
    if pairs:
        assert auroc(scores, labels) == pytest.approx(np.mean(pairs))
    else:
        assert math.isnan(auroc(scores, labels))


@given(cases)
def test_the_area_of_the_reversed_ranking_is_the_rest(
    drawn: list[tuple[int, bool]],
) -> None:
    scores, labels = split(drawn)
    if labels.any() and not labels.all():
        assert auroc(-scores, labels) == pytest.approx(1 - auroc(scores, labels))


@given(cases, shares)
def test_the_rate_is_the_best_of_all_thresholds_with_few_enough_false_alarms(
    drawn: list[tuple[int, bool]], allowed: float
) -> None:
    scores, labels = split(drawn)
    if not labels.any() or labels.all():
        assert math.isnan(true_positive_rate(scores, labels, allowed))
        return
    best = max(
        (scores[labels] > threshold).mean()
        for threshold in (-1.0, *scores)
        if (scores[~labels] > threshold).mean() <= allowed + 1e-9
    )
    assert true_positive_rate(scores, labels, allowed) == pytest.approx(best)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6))
def test_the_recall_is_the_mean_over_all_orders_of_those_that_tie(
    drawn: list[tuple[int, bool]],
) -> None:
    scores, labels = split(drawn)
    if not labels.any():
        assert math.isnan(recall_at_budget(scores, labels, 0.5))
        return
    audited = audits(labels.size, 0.5)
    orders = [
        order
        for order in itertools.permutations(range(labels.size))
        if all(np.diff(scores[list(order)]) <= 0)
    ]
    found = np.mean([labels[list(order)[:audited]].sum() for order in orders])
    recall = recall_at_budget(scores, labels, 0.5)
    assert recall == pytest.approx(found / labels.sum())


@given(cases, shares)
def test_no_recall_is_above_the_ceiling_which_perfect_scores_reach(
    drawn: list[tuple[int, bool]], budget: float
) -> None:
    scores, labels = split(drawn)
    if labels.any():
        ceiling = recall_ceiling(labels, budget)
        assert recall_at_budget(scores, labels, budget) <= ceiling + 1e-12
        perfect = labels.astype(float)
        assert recall_at_budget(perfect, labels, budget) == pytest.approx(ceiling)


def test_a_case_that_fits_the_false_alarms_exactly_is_allowed() -> None:
    scores = np.arange(101.0)
    labels = np.zeros(101, bool)
    labels[99] = True
    # One of a hundred others scores higher: 1 % of them, neither more nor less.
    assert true_positive_rate(scores, labels, 0.01) == 1.0
    assert true_positive_rate(scores, labels, 0.009) == 0.0


def test_a_budget_pays_for_one_case_at_least_and_all_at_most() -> None:
    assert audits(10, 0.01) == 1
    assert audits(10, 0.29) == 2
    assert audits(10, 1.0) == 10


def test_the_metrics_of_a_perfect_ranking_are_its_budgets_shares() -> None:
    labels = np.arange(100) >= 80
    found = rank_metrics(np.arange(100.0), labels)
    assert found["auroc"] == 1.0
    assert found["tpr_at_1_percent"] == 1.0
    recalls = [found[f"recall_at_{percent}_percent"] for percent in (1, 5, 10)]
    assert recalls == pytest.approx([0.05, 0.25, 0.5])
