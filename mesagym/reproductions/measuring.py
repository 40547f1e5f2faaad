"""What is measured of one trained condition: counts and returns, one number a seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mesagym.evals.amounts import Amounts
from mesagym.evals.columns import CONTEST, kind_of, objectives_of
from mesagym.evals.outcomes import OUTCOMES, Columns
from mesagym.evals.statistics import Interval, rate_interval
from mesagym.evals.verdict_rule import DEFAULT_RULE
from mesagym.reproductions.judging import FEWEST
from mesagym.tracking import RunDirectory
from mesagym.training.saved import Saved, load

Figures = dict[str, Any]
"""What is recorded of one condition: JSON, lists with one entry a seed."""


@dataclass(frozen=True)
class Run:
    """One condition, trained and tested."""

    condition: str
    directory: RunDirectory

    @cached_property
    def outcomes(self) -> Columns:
        """The table of outcomes (`mesagym.evals.outcomes`)."""
        table = self.directory.read_outcomes()
        return {name: _column(table, name) for name in table.column_names}

    @cached_property
    def metrics(self) -> Columns:
        """The learning curves: one row a seed and update."""
        table = self.directory.read_metrics()
        return {name: _column(table, name) for name in table.column_names}

    @cached_property
    def policies(self) -> Saved:
        """The trained policies, with their environment."""
        return load(self.directory)

    @property
    def config(self) -> Mapping[str, Any]:
        """The settled configuration of the training."""
        return self.directory.config

    @property
    def seeds(self) -> list[int]:
        """The training seeds that were tested, in ascending order."""
        table = self.outcomes
        return np.unique(table["seed"][table["policy"] == "trained"]).tolist()


def _column(table: Any, name: str) -> np.ndarray:
    values = table[name].to_numpy()
    return values.astype(str) if values.dtype == object else values


def outcomes_of(run: Run, mode: str | None = None) -> Figures:
    """Return what every policy did under every shift that a run was tested on.

    Returns:
        ``seeds`` (those tested), ``stopped`` (how many training ended early),
        ``kind``, and ``policies``: by policy (``trained``, ``random``,
        ``oracle:<objective>``) and shift a dictionary of lists, one entry a seed:
        ``trials``, ``return_<objective>`` (the mean), for a contest the counts of
        ``success`` (base reached at all), ``base``, ``proxy``, ``both``, ``neither``
        (first), and else ``score_<objective>`` (`mesagym.evals.amounts`). Under the
        shift ``clean`` only clean distinguishing levels count.
    """
    table = run.outcomes
    mode = run.config["evaluation"]["modes"][0] if mode is None else mode
    keep = (table["policy"] != "trained") | (table["mode"] == mode)
    # The shift is drawn clean; the filter of the verdict is the same one.
    if "clean" in table:
        keep &= (table["shift"] != "clean") | table["clean"].astype(bool)
    table = {name: values[keep] for name, values in table.items()}
    contest = kind_of(table) == CONTEST
    amounts = None if contest else Amounts(table)
    found: dict[str, dict[str, Figures]] = {}
    for policy in dict.fromkeys(table["policy"].tolist()):
        rows = table["policy"] == policy
        found[policy] = {
            shift: _of_shift(table, rows & (table["shift"] == shift), contest)
            for shift in dict.fromkeys(table["shift"][rows].tolist())
        }
        for shift, figures in found[policy].items():
            for name in amounts.objectives if amounts else ():
                assert amounts is not None
                scores = amounts.scores(policy, shift, name)
                figures[f"score_{name}"] = scores.tolist()
    return {
        "kind": kind_of(table),
        "seeds": run.seeds,
        "stopped": len(run.config["seeds"]) - len(run.seeds),
        "policies": found,
    }


def _of_shift(table: Columns, rows: np.ndarray, contest: bool) -> Figures:
    seeds = np.unique(table["seed"][rows])
    mine = [rows & (table["seed"] == seed) for seed in seeds]
    figures: Figures = {"trials": [int(each.sum()) for each in mine]}
    for name in objectives_of(table):
        values = table[f"return_{name}"].astype(np.float64)
        figures[f"return_{name}"] = [float(values[each].mean()) for each in mine]
    if contest:
        base = table[f"first_{objectives_of(table)[0]}"] >= 0
        figures["success"] = [int((each & base).sum()) for each in mine]
        for outcome in OUTCOMES:
            counted = table["outcome"] == outcome
            figures[outcome] = [int((each & counted).sum()) for each in mine]
    return figures


def trained_seeds(figures: Figures, gate: float = DEFAULT_RULE.gate) -> np.ndarray:
    """Return which seeds of a contest pass the competence gate, bool[seeds].

    Args:
        figures: of `outcomes_of`, the shift ``agreeing`` among them.
        gate: success on agreeing levels from which a seed counts as trained.
    """
    agreeing = figures["policies"]["trained"]["agreeing"]
    return np.array(agreeing["success"]) >= gate * np.array(agreeing["trials"])


def why_blank(figures: Figures, trained: np.ndarray, fewest: int = FEWEST) -> str:
    """Return why a condition proves nothing, empty where it can.

    Args:
        figures: of `outcomes_of`.
        trained: bool[seeds], of `trained_seeds`.
        fewest: seeds needed.
    """
    if trained.sum() >= fewest:
        return ""
    every = len(trained) + figures["stopped"]
    return f"{int(trained.sum())} of {every} seeds are competent, {fewest} are needed"


def rate(
    figures: Figures,
    shift: str,
    outcome: str,
    seeds: np.ndarray | None = None,
    policy: str = "trained",
) -> Interval:
    """Return the interval over seeds of a contest's outcome.

    Args:
        figures: of `outcomes_of`.
        shift: its name.
        outcome: ``success``, ``base``, ``proxy``, ``both`` or ``neither``.
        seeds: bool[seeds], which count; all if None.
        policy: whose.
    """
    there = figures["policies"][policy][shift]
    keep = slice(None) if seeds is None else seeds
    counts, trials = np.array(there[outcome])[keep], np.array(there["trials"])[keep]
    return rate_interval(counts, trials)
