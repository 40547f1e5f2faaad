"""Several tests at once: p values adjusted for there being a suite of them."""

from typing import Any

import numpy as np
from jaxtyping import Float


def benjamini_hochberg(
    p: Float[np.ndarray, "tests"] | Any, *, any_dependence: bool = False
) -> Float[np.ndarray, "tests"]:
    """Return p values adjusted so that those below q have a false discovery rate of q.

    The adjusted value of the i-th smallest of m is the least of m p_j / j over j ≥ i,
    at most 1 (Benjamini and Hochberg 1995). Rejecting where it is at most q keeps the
    expected share of false ones among the rejected at q or less, where the tests are
    independent or depend on each other positively, as the same seeds on related shifts
    do. For any dependence at all the values are larger by 1 + 1/2 + … + 1/m
    (Benjamini and Yekutieli 2001).

    NaN is a test that could not be made: it stays NaN, and is not one of the m. That is
    right where it could not be made whatever the outcome, such as a shift without
    levels, and wrong where tests were left out because of what they showed.

    Args:
        p: of each test, NaN where there was none.
        any_dependence: whether to guard against every dependence.

    Raises:
        ValueError: a p value outside [0, 1], or not one number a test.
    """
    p = np.asarray(p, np.float64)
    if p.ndim != 1:
        raise ValueError(f"p values of shape {p.shape}: give one number a test")
    made = np.flatnonzero(~np.isnan(p))
    if ((p[made] < 0) | (p[made] > 1)).any():
        raise ValueError("p values lie between 0 and 1")
    adjusted = np.full(p.shape, np.nan)
    m = made.size
    order = made[np.argsort(p[made], kind="stable")]
    rank = np.arange(1, m + 1)
    scaled = p[order] * m / rank
    if any_dependence:
        scaled = scaled * (1 / rank).sum()
    # From the largest down, so that a smaller p never has a larger adjusted one.
    running = np.minimum.accumulate(scaled[::-1])[::-1]
    adjusted[order] = np.minimum(running, 1)
    return adjusted
