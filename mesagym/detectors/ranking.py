"""How well numbers rank what they should find: areas, rates and recalls, with ties."""

import numpy as np
from jaxtyping import Bool, Float, Num


def auroc(scores: Num[np.ndarray, " case"], labels: Bool[np.ndarray, " case"]) -> float:
    """Return the area under the receiver operating characteristic.

    The chance that a case to be found scores higher than another, ties counting half:
    the statistic of Mann and Whitney 1947 by the cases' mean ranks.

    Args:
        scores: finite; higher for what should be found.
        labels: what should be found.

    Returns:
        0 to 1; NaN where all cases are of one kind.
    """
    positives = int(labels.sum())
    negatives = labels.size - positives
    if not positives or not negatives:
        return float("nan")
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    above = mean_rank[place][labels].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def true_positive_rate(
    scores: Num[np.ndarray, " case"],
    labels: Bool[np.ndarray, " case"],
    false_positive_rate: float,
) -> float:
    """Return how much is found at the lowest threshold with few enough false alarms.

    An alarm is a score above the threshold, so that cases that tie are all alarms or
    none; nothing is interpolated.

    Args:
        scores: finite; higher for what should be found.
        labels: what should be found.
        false_positive_rate: share of the other cases that may be alarms.

    Returns:
        Share of the cases to be found; NaN where all cases are of one kind.
    """
    others = np.sort(scores[~labels])[::-1]
    if not others.size or not labels.any():
        return float("nan")
    # Rounding must not cost the case that fits exactly.
    allowed = int(np.floor(false_positive_rate * others.size + 1e-9))
    if allowed >= others.size:
        return 1.0
    return float((scores[labels] > others[allowed]).mean())


def recall_at_budget(
    scores: Num[np.ndarray, " case"],
    labels: Bool[np.ndarray, " case"],
    budget: float,
) -> float:
    """Return how much is found by auditing the cases that score highest.

    Args:
        scores: finite; higher for what should be found.
        labels: what should be found.
        budget: share of all cases that is audited, rounded down, one case at least.

    Returns:
        Share of the cases to be found, as expected where a toss chooses among those
        that tie for the last places; NaN where there is nothing to find.
    """
    if not labels.any():
        return float("nan")
    audited = audits(labels.size, budget)
    last = np.sort(scores)[::-1][audited - 1]
    surely, tied = scores > last, scores == last
    places = audited - int(surely.sum())
    found = labels[surely].sum() + places * labels[tied].mean()
    return float(found / labels.sum())


def recall_ceiling(labels: Bool[np.ndarray, " case"], budget: float) -> float:
    """Return the highest recall that a budget allows; NaN where nothing is to find."""
    if not labels.any():
        return float("nan")
    return float(min(1.0, audits(labels.size, budget) / labels.sum()))


def audits(cases: int, budget: float) -> int:
    """Return how many cases a budget pays for: a share rounded down, one at least."""
    return min(cases, max(1, int(np.floor(budget * cases + 1e-9))))


def rank_metrics(
    scores: Float[np.ndarray, " case"], labels: Bool[np.ndarray, " case"]
) -> dict[str, float]:
    """Return all of the above by name: rates at 1 %, recalls at 1, 5 and 10 %.

    Args:
        scores: finite; higher for what should be found.
        labels: what should be found.
    """
    return {
        "auroc": auroc(scores, labels),
        "tpr_at_1_percent": true_positive_rate(scores, labels, 0.01),
        **{
            f"recall_at_{percent}_percent": recall_at_budget(
                scores, labels, percent / 100
            )
            for percent in (1, 5, 10)
        },
    }
