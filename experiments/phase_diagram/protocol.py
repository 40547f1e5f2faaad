"""The phase diagram: where the proxy is learned, and what was fixed of it before."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from mesagym.agents.policy import RandomPolicy
from mesagym.evals.episodes import Episodes, run_episodes
from mesagym.evals.outcomes import OUTCOMES, outcome_codes
from mesagym.evals.permutation import trend
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.evals.statistics import mean_interval
from mesagym.evals.verdict_rule import DEFAULT_RULE
from mesagym.reproductions.fitting import Threshold, fit_threshold
from mesagym.reproductions.judging import (
    UNCLEAR,
    Check,
    Judgement,
    above,
    below,
    conclude,
    rises,
)
from mesagym.reproductions.measuring import Figures, Run
from mesagym.training.saved import load_snapshots

FEWEST = 3
"""Competent seeds below which a cell is left blank. Fewer than elsewhere, for no cell
is judged by itself; every interval of so few seeds is provisional."""

CURVE_ONLY = 9
"""Resampled curves where only the fitted one is looked at."""


class Cell(NamedTuple):
    """One α, redundancy, network and length of training."""

    alpha: float
    redundancy: int
    hidden: tuple[int, ...]
    env_steps: int
    seeds: np.ndarray  # int[competent seeds]
    proxy: np.ndarray  # float64[competent seeds], share of clean levels proxy-first
    base: np.ndarray  # float64[competent seeds], base-first
    episodes: np.ndarray  # int[competent seeds], distinguishing ones seen
    why_blank: str  # empty where it is not

    @property
    def group(self) -> tuple[int, tuple[int, ...]]:
        """Redundancy and network."""
        return self.redundancy, self.hidden


# --- what is measured -----------------------------------------------------------------


def measure(run: Run) -> Figures:
    """Return what the policies did at every length of training that was kept.

    Returns:
        ``alpha``, ``redundancy``, ``hidden`` (widths), ``seeds``, ``stopped``,
        ``random`` (as a snapshot's ``agreeing`` and ``clean``, one seed), and
        ``snapshots``, untrained ones left out: ``env_steps``, ``bought``
        (distinguishing ``episodes``, ``transitions`` and ``levels`` so far),
        ``agreeing`` (``trials``, ``success``) and ``clean`` (``trials`` and each
        outcome's count), one number a seed.
    """
    config = run.config
    levels, seed = (int(config["evaluation"][key]) for key in ("levels", "seed"))
    network = config["agent"]["network"]
    history = [each for each in load_snapshots(run.directory) if each[0] > 0]
    first = history[0][1]
    pools = {
        name: build_pool(
            first.env, first.env_params, shifts_of(first.env)[name], levels, seed
        )
        for name in ("agreeing", "clean")
    }
    random = RandomPolicy(first.env.num_actions)
    found = []
    for env_steps, saved in history:
        counts = _counts(pools, saved.policy, saved.params, list(saved.seeds), seed)
        bought = {
            name: [
                _so_far(run, f"distinguishing_{name}", s, env_steps)
                for s in saved.seeds
            ]
            for name in ("episodes", "transitions", "levels")
        }
        found.append({"env_steps": env_steps, "bought": bought, **counts})
    return {
        "alpha": float(config["split"]["alpha"]),
        "redundancy": int(config["env"]["redundancy"]),
        "hidden": [*network.get("channels", ()), *network["hidden"]],
        "seeds": list(first.seeds),
        "stopped": len(config["seeds"]) - len(first.seeds),
        "random": _counts(pools, random, (), [0], seed),
        "snapshots": found,
    }


def _counts(
    pools: Mapping[str, EvaluationPool],
    policy: Any,
    params: Any,
    seeds: list[int],
    seed: int,
) -> Figures:
    def episodes(name: str) -> Episodes:
        return run_episodes(pools[name], policy, params, seeds, seed)

    success = (episodes("agreeing").first[..., 0] >= 0).sum(-1)
    codes = outcome_codes(episodes("clean").first)
    each = len(seeds)
    return {
        "agreeing": {
            "trials": [pools["agreeing"].size] * each,
            "success": success.tolist(),
        },
        "clean": {
            "trials": [pools["clean"].size] * each,
            **{
                name: (codes == code).sum(-1).tolist()
                for code, name in enumerate(OUTCOMES)
            },
        },
    }


def _so_far(run: Run, name: str, seed: int, env_steps: int) -> int:
    rows = (run.metrics["seed"] == seed) & (run.metrics["env_steps"] <= env_steps)
    return int(run.metrics[name][rows].max())


# --- the diagram ----------------------------------------------------------------------


def cells(figures: Mapping[str, Figures]) -> list[Cell]:
    """Return every cell of the diagram, blank ones among them.

    Args:
        figures: of `measure`, by condition.
    """
    found = []
    for each in figures.values():
        for snapshot in each["snapshots"]:
            agreeing, clean = snapshot["agreeing"], snapshot["clean"]
            success, trials = (np.array(agreeing[key]) for key in ("success", "trials"))
            able = success >= DEFAULT_RULE.gate * trials
            every = len(able) + each["stopped"]
            why = ""
            if able.sum() < FEWEST:
                why = f"{int(able.sum())} of {every} seeds are competent"
            proxy, base = (
                (np.array(clean[key]) / np.array(clean["trials"]))[able]
                for key in ("proxy", "base")
            )
            found.append(
                Cell(
                    each["alpha"],
                    each["redundancy"],
                    tuple(each["hidden"]),
                    snapshot["env_steps"],
                    np.array(each["seeds"])[able],
                    proxy,
                    base,
                    np.array(snapshot["bought"]["episodes"])[able],
                    why,
                )
            )
    return found


def groups(found: list[Cell]) -> list[tuple[int, tuple[int, ...]]]:
    """Return redundancies and networks, ascending, each pair once."""
    return sorted({each.group for each in found}, key=lambda g: (g[0], sum(g[1])))


def lengths(found: list[Cell]) -> list[int]:
    """Return the lengths of training, ascending."""
    return sorted({each.env_steps for each in found})


def threshold_alpha(several: list[Cell]) -> Threshold:
    """Return α*: where the share of proxy-first levels is half way down.

    Args:
        several: of one redundancy, network and length; blank ones are left out.
    """
    there = [each for each in several if not each.why_blank]
    return fit_threshold({each.alpha: each.proxy.tolist() for each in there})


def threshold_episodes(
    several: list[Cell], draws: int = 999
) -> tuple[Threshold, float]:
    """Return the same in distinguishing episodes seen, as a share of the second value.

    The episodes of a cell are the mean over its seeds, which differ by chance alone.
    """
    there = [each for each in several if not each.why_blank]
    seen = {id(each): float(each.episodes.mean()) for each in there}
    most = max([1.0, *seen.values()])
    rates = _rates_by([(seen[id(each)] / most, each) for each in there])
    return fit_threshold(rates, draws=draws), most


def _rates_by(placed: list[tuple[float, Cell]]) -> dict[float, list[float]]:
    rates: dict[float, list[float]] = {}
    for place, cell in placed:
        rates.setdefault(place, []).extend(cell.proxy.tolist())
    return rates


# --- the test -------------------------------------------------------------------------


def judge(figures: Mapping[str, Figures]) -> Judgement:
    """Return what of the diagram's shape, guessed before, these seeds bear out."""
    every = cells(figures)
    blank = {
        f"α = {c.alpha:g}, D = {c.redundancy}, {'×'.join(map(str, c.hidden))}, "
        f"{c.env_steps:,} steps": c.why_blank
        for c in every
        if c.why_blank
    }
    there = [each for each in every if not each.why_blank]
    longest = lengths(every)[-1]
    last = [each for each in there if each.env_steps == longest]
    checks = [
        _falls_with_alpha(last),
        _falls_with_length(there),
        _rises_with_redundancy(last),
        _episodes_tell_more(there),
    ]
    return conclude(checks, blank)


def _falls_with_alpha(last: list[Cell]) -> Check:
    words = "proxy-first falls with α, at the full length"
    if len({each.alpha for each in last}) < 2:
        return _unclear(words)
    order = groups(last)
    # Seeds are exchanged within a redundancy and network only.
    strata = np.concatenate(
        [1_000_000 * order.index(each.group) + each.seeds for each in last]
    )
    test = trend(
        np.concatenate([each.proxy for each in last]),
        np.concatenate([np.full(each.proxy.size, each.alpha) for each in last]),
        strata,
    )
    return rises(words, test, falls=True, seeds=_how_many(last))


def _how_many(several: list[Cell]) -> int:
    return np.unique(np.concatenate([each.seeds for each in several])).size


def _falls_with_length(there: list[Cell]) -> Check:
    """Compare the longest with the shortest training of the same run, 0 < α < 1."""
    words = "proxy-first falls with the length of training, 0 < α < 1"
    runs: dict[Any, dict[int, Cell]] = {}
    for each in there:
        if 0 < each.alpha < 1:
            runs.setdefault((each.alpha, each.group), {})[each.env_steps] = each
    pairs = [(of[max(of)], of[min(of)]) for of in runs.values() if len(of) > 1]
    return _paired(words, pairs, "below")


def _rises_with_redundancy(last: list[Cell]) -> Check:
    """Compare the most redundant proxy with the least, 0 < α < 1, networks alike."""
    words = "proxy-first is higher with the redundant proxy, 0 < α < 1, full length"
    alike: dict[Any, dict[int, Cell]] = {}
    for each in last:
        if 0 < each.alpha < 1:
            alike.setdefault((each.alpha, each.hidden), {})[each.redundancy] = each
    pairs = [(of[max(of)], of[min(of)]) for of in alike.values() if len(of) > 1]
    return _paired(words, pairs, "above")


def _paired(words: str, pairs: list[tuple[Cell, Cell]], side: str) -> Check:
    """Check the mean difference of proxy-first in pairs of cells, seed by seed."""
    differences: dict[int, list[float]] = {}
    for first, second in pairs:
        of_second = dict(zip(second.seeds.tolist(), second.proxy, strict=True))
        for seed, rate in zip(first.seeds.tolist(), first.proxy, strict=True):
            if seed in of_second:
                differences.setdefault(seed, []).append(rate - of_second[seed])
    if len(differences) < 2:
        return _unclear(words)
    means = np.array([np.mean(differences[seed]) for seed in sorted(differences)])
    return (above if side == "above" else below)(words, mean_interval(means), 0.0)


def _episodes_tell_more(there: list[Cell]) -> Check:
    """Compare one curve over all lengths in α with one in episodes seen."""
    words = (
        "over all lengths, a curve in distinguishing episodes errs less than one in α "
        "(squared error, as a share)"
    )
    errors: dict[int, list[np.ndarray]] = {}
    for group in groups(there):
        mine = [each for each in there if each.group == group]
        for seed, pair in _errors(mine):
            errors.setdefault(seed, []).append(pair)
    if len(errors) < 2:
        return _unclear(words)
    means = np.array([np.mean(errors[seed], axis=0) for seed in sorted(errors)])
    share = means[:, 1] / np.maximum(means[:, 0], 1e-12) - 1
    return below(words, mean_interval(share), 0.0)


def _errors(mine: list[Cell]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield a seed and its squared error from the curves in α and in episodes."""
    rates = _rates_by([(each.alpha, each) for each in mine])
    by_alpha = fit_threshold(rates, draws=CURVE_ONLY).curve
    in_episodes, most = threshold_episodes(mine, draws=CURVE_ONLY)
    if by_alpha is None or in_episodes.curve is None:
        return
    for each in mine:
        seen = float(each.episodes.mean()) / most
        expected = np.array([by_alpha.at(each.alpha), in_episodes.curve.at(seen)])
        for seed, rate in zip(each.seeds.tolist(), each.proxy, strict=True):
            yield seed, (rate - expected) ** 2


def _unclear(words: str) -> Check:
    return Check(words, UNCLEAR)


def in_thousands(amount: float) -> str:
    """Return an amount in as few characters as a cell has room for."""
    if amount >= 1e6:
        return f"{amount / 1e6:.1f}M"
    if amount >= 1e4:
        return f"{amount / 1e3:.0f}k"
    if amount >= 1e3:
        return f"{amount / 1e3:.1f}k"
    return f"{amount:.0f}" if math.isfinite(amount) else ""
