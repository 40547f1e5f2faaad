"""Two conditions that were trained with the same seeds, compared seed by seed."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mesagym.evals.permutation import sign_flips
from mesagym.reproductions.judging import UNCLEAR, Check, rises


def differences(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    numbers_of: Callable[[Any], np.ndarray],
    counts: Callable[[Any], np.ndarray],
) -> np.ndarray:
    """Return what the first has more than the second, float64[common seeds].

    Trainings with one seed start from the same weights, so they are no independent
    draws: only their difference is one number a seed.

    Args:
        first: figures of a condition, ``seeds`` among them.
        second: of another.
        numbers_of: one number a seed of a condition, [seeds].
        counts: which of its seeds count, bool[seeds]. A seed that does not count in
            either condition is in no pair.
    """
    found = []
    for each in (first, second):
        keep = np.asarray(counts(each), dtype=bool)
        seeds = np.asarray(each["seeds"])[keep]
        found.append(dict(zip(seeds.tolist(), numbers_of(each)[keep], strict=True)))
    one, other = found
    common = sorted(one.keys() & other.keys())
    return np.array([one[seed] - other[seed] for seed in common], np.float64)


def rises_by_seed(words: str, more: np.ndarray, *, falls: bool = False) -> Check:
    """Check by exchanging the signs of seeds' differences that they are positive.

    Two-sided. Five pairs or fewer cannot come to a p of .05, whatever their size.

    Args:
        words: what is claimed.
        more: of `differences`.
        falls: whether they are claimed to be negative.
    """
    if more.size == 0:
        return Check(words, UNCLEAR, bound=0.0, seeds=0)
    return rises(words, sign_flips(more), falls=falls, seeds=int(more.size))
