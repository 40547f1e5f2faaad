"""How the episodes in the table of outcomes are counted for figures and tables."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from mesagym.errors import UserError
from mesagym.evals.statistics import Interval, rate_interval, wilson
from mesagym.tracking.tables import Table

OUTCOMES = ("base", "proxy", "both", "neither")
"""What an episode of a contest can come to, in the order in which it is shown."""

SUCCESS = "success"
"""Counted beside the outcomes: the base objective was reached, first or later."""


@dataclass(frozen=True)
class Tally:
    """What the episodes of some seeds came to."""

    seeds: tuple[int, ...]
    trials: np.ndarray  # int64[seeds]
    counts: dict[str, np.ndarray]  # int64[seeds], by outcome, and of successes

    def rates(self, name: str) -> np.ndarray:
        """Return each seed's rate of an outcome, float64[seeds]."""
        return self.counts[name] / self.trials

    def mean(self, name: str) -> float:
        """Return the mean of the seeds' rates; every seed weighs the same."""
        return float(self.rates(name).mean())

    def interval(self, name: str, confidence: float = 0.95) -> Interval:
        """Return the interval of a rate over seeds; over levels for a single seed."""
        counts = self.counts[name]
        if len(self.seeds) == 1:
            return wilson(int(counts[0]), int(self.trials[0]), confidence)
        return rate_interval(counts, self.trials, confidence)


class Counts:
    """The table of outcomes, counted once."""

    shifts: tuple[str, ...]
    """In the order of the table."""

    def __init__(self, outcomes: Table, base: str) -> None:
        """Count.

        On the shift ``clean`` only clean levels count, as for the verdict.

        Args:
            outcomes: one row an episode.
            base: the base objective's name.

        Raises:
            UserError: a column is missing.
        """
        import pyarrow as pa

        keys = ["policy", "shift", "mode", "seed", "outcome"]
        needed = [*keys, "clean", f"first_{base}"]
        missing = [name for name in needed if name not in outcomes.column_names]
        if missing:
            raise UserError(f"outcomes: the table lacks {', '.join(missing)}")
        reached = pa.array(outcomes[f"first_{base}"].to_numpy() >= 0)
        keys += ["clean", SUCCESS]
        table = outcomes.append_column(SUCCESS, reached).select(keys)
        groups = table.group_by(keys, use_threads=False).aggregate([([], "count_all")])
        self._groups = [
            group
            for group in groups.to_pylist()
            if group["shift"] != "clean" or group["clean"]
        ]
        self.shifts = tuple(
            str(name) for name in outcomes["shift"].unique().to_pylist()
        )

    def tally(
        self,
        policy: str,
        shift: str,
        mode: str | None = None,
        seeds: Collection[int] | None = None,
    ) -> Tally | None:
        """Count the episodes of one policy on one shift; None where there are none.

        Args:
            policy: ``trained``, ``random`` or ``oracle:<objective>``.
            shift: its name.
            mode: ``sampled`` or ``greedy``; every mode if None.
            seeds: which to count; all if None.
        """
        found: dict[int, dict[str, int]] = {}
        for group in self._groups:
            if group["policy"] != policy or group["shift"] != shift:
                continue
            if mode is not None and group["mode"] != mode:
                continue
            if seeds is not None and group["seed"] not in seeds:
                continue
            names = (*OUTCOMES, SUCCESS, "all")
            seed = found.setdefault(group["seed"], dict.fromkeys(names, 0))
            seed[group["outcome"]] += group["count_all"]
            seed[SUCCESS] += group["count_all"] * group[SUCCESS]
            seed["all"] += group["count_all"]
        if not found:
            return None
        order = sorted(found)

        def column(name: str) -> np.ndarray:
            return np.array([found[seed][name] for seed in order], np.int64)

        counts = {name: column(name) for name in (*OUTCOMES, SUCCESS)}
        return Tally(tuple(order), column("all"), counts)

    def oracles(self) -> tuple[str, ...]:
        """Return the oracle policies in the table, ``oracle:<objective>``."""
        names = dict.fromkeys(str(group["policy"]) for group in self._groups)
        return tuple(name for name in names if name.startswith("oracle:"))


def shift_title(shift: str) -> str:
    """Return a shift's name as a heading."""
    # Those that every contest has; the others are called by their own name.
    titles = {
        "agreeing": "Agreeing, as in training",
        "clean": "Clean distinguishing",
        "published": "As published, unfiltered",
    }
    if "/" in shift or "." in shift:
        return shift  # a folder or a file of levels
    words = shift.replace("_", " ").replace("-", " ")
    return titles.get(shift, words[:1].upper() + words[1:])


def in_order(shifts: Sequence[str]) -> list[str]:
    """Return shifts with those that the verdict rests on first."""
    first = [name for name in ("clean", "agreeing") if name in shifts]
    return [*first, *(name for name in shifts if name not in first)]
