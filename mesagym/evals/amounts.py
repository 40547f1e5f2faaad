"""What policies earned of each objective, and on a scale from random to reference.

For environments whose outcomes are amounts. On a shift's levels, the *score* of a
policy for an objective is ``(policy - random) / (reference - random)``, where each
stands for the mean return of that objective: 0 is what a random policy earns, 1 what
the objective's own reference policy does (`mesagym.envs.base.Environment.guide`). A
reference policy is not claimed to be the best one: scores above 1 can be.
"""

import math
from collections.abc import Mapping

import numpy as np

from mesagym.errors import UserError
from mesagym.evals.columns import objectives_of
from mesagym.evals.statistics import Interval, mean_interval

IN_WORDS = (
    "Outcomes here are amounts: of each objective the mean return, and its score, on a "
    "scale where a random policy is 0 and the objective's own reference policy is 1."
)
"""What is said where a contest has a verdict."""

APART = 2.0
"""Standard errors, over levels, by which a reference policy must earn more than random
does for scores to mean anything; below, there are none."""


class Amounts:
    """A table of outcomes, read for the returns in it."""

    objectives: tuple[str, ...]
    """The base objective first, those that a user added to watch last."""
    shifts: tuple[str, ...]
    """In the order of the table."""

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        """Read the table.

        Args:
            columns: [episodes] each.

        Raises:
            UserError: a column is missing.
        """
        self.objectives = objectives_of(columns)
        keys = ("policy", "shift", "mode", "seed", "level")
        needed = [*keys, *(f"return_{name}" for name in self.objectives)]
        missing = [name for name in needed if name not in columns]
        if missing or not self.objectives:
            missing += ["first_<objective>"] * (not self.objectives)
            raise UserError(f"outcomes: the table lacks {', '.join(missing)}")
        self._policy, self._shift, self._mode = (
            np.asarray(columns[name]).astype(str) for name in keys[:3]
        )
        self._seed, self._level = (np.asarray(columns[name]) for name in keys[3:])
        self._returns = {
            name: np.asarray(columns[f"return_{name}"]).astype(np.float64)
            for name in self.objectives
        }
        self.shifts = tuple(dict.fromkeys(self._shift.tolist()))
        self._scales: dict[tuple[str, str], float] = {}

    def policies(self) -> tuple[str, ...]:
        """Return who is in the table, in its order."""
        return tuple(dict.fromkeys(self._policy.tolist()))

    def modes(self) -> tuple[str, ...]:
        """Return how the trained policies acted, in the order of the table."""
        return tuple(dict.fromkeys(self._mode[self._policy == "trained"].tolist()))

    def seeds(self) -> tuple[int, ...]:
        """Return the numbers of the trained seeds."""
        return tuple(np.unique(self._seed[self._policy == "trained"]).tolist())

    def levels(self, shift: str) -> int:
        """Return how many levels a shift was tested on."""
        return len(np.unique(self._level[self._shift == shift]))

    def means(
        self, policy: str, shift: str, objective: str, mode: str | None = None
    ) -> np.ndarray:
        """Return the mean return of each seed, float64[seeds]; empty without episodes.

        Args:
            policy: ``trained``, ``random`` or ``oracle:<objective>``.
            shift: its name.
            objective: which return.
            mode: ``sampled`` or ``greedy``; every mode if None.
        """
        rows = self._rows(policy, shift, mode)
        values, seeds = self._returns[objective][rows], self._seed[rows]
        return np.array([values[seeds == seed].mean() for seed in np.unique(seeds)])

    def scale(self, shift: str, objective: str) -> float:
        """Return how much more of its objective the reference earns than random does.

        NaN without a reference policy, and where it is not more by `APART` standard
        errors of the mean difference over levels.
        """
        key = (shift, objective)
        if key not in self._scales:
            self._scales[key] = self._scale(shift, objective)
        return self._scales[key]

    def _scale(self, shift: str, objective: str) -> float:
        reference = self._by_level(f"oracle:{objective}", shift, objective)
        random = self._by_level("random", shift, objective)
        more = np.array([reference[k] - random[k] for k in reference if k in random])
        if more.size < 2:
            return math.nan
        error = more.std(ddof=1) / math.sqrt(more.size)
        # Strictly more, so that two equal constants are not apart.
        return float(more.mean()) if more.mean() > APART * error else math.nan

    def scores(
        self, policy: str, shift: str, objective: str, mode: str | None = None
    ) -> np.ndarray:
        """Return the score of each seed, float64[seeds], NaN where there is no scale.

        Arguments as those of `means`.
        """
        means = self.means(policy, shift, objective, mode)
        random = self.means("random", shift, objective)
        zero = random.mean() if random.size else math.nan
        return (means - zero) / self.scale(shift, objective)

    def interval(
        self,
        shift: str,
        objective: str,
        mode: str | None = None,
        confidence: float = 0.95,
    ) -> Interval | None:
        """Return the trained policies' score over seeds; None where there is no scale.

        It speaks of new seeds on these levels. Random's and the reference's means are
        taken as they are. Of a single seed it is unbounded.
        """
        scores = self.scores("trained", shift, objective, mode)
        if not scores.size or np.isnan(scores).any():
            return None
        return mean_interval(scores, confidence)

    def _rows(self, policy: str, shift: str, mode: str | None) -> np.ndarray:
        rows = (self._policy == policy) & (self._shift == shift)
        return rows if mode is None else rows & (self._mode == mode)

    def _by_level(self, policy: str, shift: str, objective: str) -> dict[int, float]:
        rows = self._rows(policy, shift, None)
        levels, place = np.unique(self._level[rows], return_inverse=True)
        totals = np.bincount(place, self._returns[objective][rows], len(levels))
        counts = np.bincount(place, minlength=len(levels))
        return dict(zip(levels.tolist(), (totals / counts).tolist(), strict=True))
