"""Simulate how often intervals of shares that are not counts cover, and leave [0, 1].

    python scripts/simulate_shares.py            # a minute on one CPU core
    python scripts/simulate_shares.py --render   # the table only

writes docs/shares.json and a table in docs/statistics.md, which says what is simulated
and how it is read.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit, roots_hermitenorm, stdtrit
from simulate_seed_tests import bare, markdown, save_json, save_text

from mesagym.evals.statistics import logit_t_bounds

CONFIDENCE = 0.95
SEEDS = (4, 8, 10, 20)
LEVELS = (32, 128)
SEED = 15_485_863
REPS = 4000

Array = np.ndarray
Bounds = tuple[Array, Array]


# --- candidates: of seeds' shares [runs, seeds] over so many levels -------------------


def half_of(shares: Array) -> Array:
    n = shares.shape[1]
    quantile = stdtrit(n - 1, 0.5 + CONFIDENCE / 2)
    return quantile * shares.std(1, ddof=1) / np.sqrt(n)


def t(shares: Array, levels: int) -> Bounds:
    mean, half = shares.mean(1), half_of(shares)
    return mean - half, mean + half


def t_clipped(shares: Array, levels: int) -> Bounds:
    low, high = t(shares, levels)
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def t_logit(shares: Array, levels: int) -> Bounds:
    mean = shares.mean(1)
    unit = mean * (1 - mean)
    inside = unit > 0
    half = np.divide(half_of(shares), unit, out=np.zeros_like(mean), where=inside)
    middle = logit(np.where(inside, mean, 0.5))
    low, high = expit(middle - half), expit(middle + half)
    return np.where(inside, low, mean), np.where(inside, high, mean)


def t_logit_floor(shares: Array, levels: int) -> Bounds:
    return logit_t_bounds(shares * levels, np.array(float(levels)), CONFIDENCE)


def wilson_effective(shares: Array, levels: int) -> Bounds:
    n, mean = shares.shape[1], shares.mean(1)
    variance = shares.var(1, ddof=1) / n
    unit = mean * (1 - mean)
    inside = (unit > 0) & (variance > 0)
    trials = np.divide(unit, variance, out=np.ones_like(mean), where=inside)
    z = stdtrit(n - 1, 0.5 + CONFIDENCE / 2)
    shrink = 1 + z**2 / trials
    centre = (mean + z**2 / (2 * trials)) / shrink
    half = z * np.sqrt(unit / trials + z**2 / (4 * trials**2)) / shrink
    return (
        np.where(inside, np.minimum(centre - half, mean), mean),
        np.where(inside, np.maximum(centre + half, mean), mean),
    )


CANDIDATES: dict[str, Callable[[Array, int], Bounds]] = {
    each.__name__: each
    for each in (t, t_clipped, t_logit, t_logit_floor, wilson_effective)
}


# --- scenarios ------------------------------------------------------------------------


def spread(median: float, sd: float) -> tuple[Callable, float]:
    nodes, weights = roots_hermitenorm(80)
    mean = (expit(logit(median) + sd * nodes) * weights).sum() / weights.sum()
    return lambda rng, shape: expit(logit(median) + sd * rng.normal(size=shape)), mean


def alike(mean: float) -> tuple[Callable, float]:
    return lambda rng, shape: np.full(shape, mean), mean


def mostly_one(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.where(rng.random(shape) < 0.1, rng.random(shape), 1.0)


SMOOTH = {
    "alike .5": alike(0.5),
    "alike .8": alike(0.8),
    "spread .5 around .5": spread(0.5, 0.5),
    "spread 1 around .5": spread(0.5, 1.0),
    "spread 2 around .5": spread(0.5, 2.0),
    "spread .5 around .9": spread(0.9, 0.5),
    "spread 1 around .9": spread(0.9, 1.0),
    "spread 2 around .9": spread(0.9, 2.0),
    "ceiling .98": alike(0.98),
    "floor .02": alike(0.02),
}
STRESS = {"exactly 1": alike(1.0), "nine in ten at exactly 1": (mostly_one, 0.95)}
SCENARIOS = SMOOTH | STRESS


def shares_of(rng: np.random.Generator, means: Array, levels: int) -> Array:
    """Means over levels whose numbers are beta with half of a count's variance."""
    inside = (means > 0) & (means < 1)
    safe = np.where(inside, means, 0.5)[..., None]
    shape = (*means.shape, levels)
    drawn = rng.beta(np.broadcast_to(safe, shape), np.broadcast_to(1 - safe, shape))
    return np.where(inside, drawn.mean(-1), means)


def simulate(seed: int, reps: int) -> list[dict[str, Any]]:
    rows = []
    for place, (scenario, (draw, target)) in enumerate(SCENARIOS.items()):
        for n in SEEDS:
            for m in LEVELS:
                rng = np.random.default_rng([seed, place, n, m])
                shares = shares_of(rng, draw(rng, (reps, n)), m)
                for name, bounds in CANDIDATES.items():
                    low, high = bounds(shares, m)
                    within = (low <= target + 1e-12) & (target - 1e-12 <= high)
                    outside = (low < -1e-12) | (high > 1 + 1e-12)
                    rows.append(
                        {"method": name, "scenario": scenario, "n_seeds": n}
                        | {"levels": m, "coverage": round(float(within.mean()), 4)}
                        | {"mean_width": round(float((high - low).mean()), 4)}
                        | {"leaves": round(float(outside.mean()), 4)}
                    )
    return rows


# --- recording ------------------------------------------------------------------------


def cells(rows: list[dict[str, Any]], key: str, **where: Any) -> list[float]:
    return [r[key] for r in rows if all(r[k] == each for k, each in where.items())]


def table(record: dict[str, Any]) -> str:
    """A row a method: smallest coverage, width, and how often it leaves [0, 1]."""
    smooth = [r for r in record["shares"] if r["scenario"] in SMOOTH]
    header = ["method", *(f"min, n = {n}" for n in SEEDS), "mean coverage"]
    header += ["mean width", "leaves [0, 1]", *(f"{name}, n = 8" for name in STRESS)]
    lines = []
    for name in CANDIDATES:
        mine = [r for r in smooth if r["method"] == name]
        line = [f"`{name}`"]
        line += [bare(min(cells(mine, "coverage", n_seeds=n))) for n in SEEDS]
        line += [bare(float(np.mean(cells(mine, "coverage"))))]
        line += [bare(float(np.mean(cells(mine, "mean_width"))))]
        line += [bare(max(cells(mine, "leaves")))]
        for scenario in STRESS:
            there = cells(
                record["shares"], "coverage", method=name, scenario=scenario, n_seeds=8
            )
            line.append(bare(min(there)))
        lines.append(line)
    return markdown(header, lines)


def save_tables(record: dict[str, Any], path: Path) -> None:
    begin, end = "<!-- shares: begin -->\n", "\n<!-- shares: end -->"
    head, rest = path.read_text().split(begin)
    save_text(head + begin + table(record) + end + rest.split(end)[1], path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reps", type=int, default=REPS, help="runs a cell")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder")
    parser.add_argument("--render", action="store_true", help="do not simulate")
    args = parser.parse_args()
    path = args.docs / "shares.json"
    if not args.render:
        record = {
            "command": "python scripts/simulate_shares.py",
            "confidence": CONFIDENCE,
            "seed": SEED,
            "reps": args.reps,
            "shares": simulate(SEED, args.reps),
        }
        save_json(record, path)
    save_tables(json.loads(path.read_text()), args.docs / "statistics.md")


if __name__ == "__main__":
    main()
