"""Levels on which two things are compared, and the null of their differences."""

import jax
import numpy as np
from jaxtyping import Array, Float

from mesagym.detectors.base import Effort
from mesagym.detectors.subject import Subject

LEVELS = 128
"""Test levels at most, of a detector that computes what comes of them: exactly, so that
more levels would narrow what is known of the levels, and nothing else. The same number
everywhere, so that one program serves all."""

FEWEST_LEVELS = 8
"""Levels below which nothing is said, as of the evaluators."""


def count_levels(effort: Effort) -> int:
    """Return how many levels to look at, an even number."""
    return max(2, min(effort.levels, LEVELS) // 2 * 2)


def as_one_seed(subject: Subject) -> object:
    """Return the weights with the axis of seeds that evaluators expect."""
    return jax.tree.map(lambda leaf: leaf[None], subject.params)


def flipped(
    differences: Float[np.ndarray, " level"] | Float[Array, " level"],
    draws: int,
    seed: int,
) -> Float[np.ndarray, " draw"]:
    """Return mean differences, a toss on each level saying which of the two is first.

    Were both alike, each level's difference would be as likely to have the other sign;
    see `mesagym.evals.permutation.sign_flips`. Where they differ nowhere all are 0.

    Args:
        differences: one a level.
        draws: how many.
        seed: of the tosses.
    """
    values = np.asarray(differences, np.float64)
    rng = np.random.default_rng(seed)
    return rng.choice([-1.0, 1.0], size=(draws, values.size)) @ values / values.size
