"""Simulate how often candidate intervals over seeds cover, choose one, record it.

    python scripts/simulate_coverage.py            # about 20 minutes on 2 CPU cores
    python scripts/simulate_coverage.py --render   # figure and tables only

writes docs/coverage.json, docs/coverage.png and the tables in docs/statistics.md,
which describes the candidates, the scenarios and the rule that chooses. The run that
chooses and the run that is published draw from different random seeds.
"""

import argparse
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import (
    betaincinv,
    expit,
    gammaln,
    logit,
    ndtri,
    roots_hermitenorm,
    stdtrit,
)

from mesagym.evals.statistics import logit_t_bounds

CONFIDENCE = 0.95
SEEDS = (4, 8, 10, 20)
TRIALS = (32, 128, 512)
CHOOSING_SEED, PUBLISHING_SEED = 20_231, 77_003
RESAMPLES = 500  # of each bootstrap

Array = np.ndarray
Bounds = tuple[Array, Array]


# --- candidates: (successes [reps, seeds], trials m, generator) -> bounds [reps] ------


class Moments(NamedTuple):
    """Of each replication: what the t-like candidates share, [reps]."""

    mean: Array  # mean over seeds of the seeds' rates
    smooth: Array  # the same, half a success and half a failure added
    variance: Array  # of the mean, between seeds
    floor: Array  # of the mean, if binomial noise were all
    t: float
    z: float


def moments(successes: Array, m: int) -> Moments:
    rates = successes / m
    n = rates.shape[-1]
    mean = rates.mean(-1)
    smooth = (mean * n * m + 0.5) / (n * m + 1)
    return Moments(
        mean,
        smooth,
        rates.var(-1, ddof=1) / n,
        smooth * (1 - smooth) / (n * m),
        float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)),
        float(ndtri(0.5 + CONFIDENCE / 2)),
    )


def percentiles(resampled: Array) -> Bounds:
    low, high = np.quantile(
        resampled, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], axis=-1
    )
    return low, high


def resampled_seeds(successes: Array, rng: np.random.Generator) -> Array:
    """Seeds drawn with replacement, [reps, resamples, seeds]."""
    reps, n = successes.shape
    picks = rng.integers(0, n, size=(reps, RESAMPLES, n))
    return np.take_along_axis(successes[:, None, :], picks, axis=-1)


def bootstrap(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    return percentiles(resampled_seeds(successes, rng).mean(-1) / m)


def hierarchical(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    rates = (resampled_seeds(successes, rng) + 0.5) / (m + 1)
    return percentiles(rng.binomial(m, rates).mean(-1) / m)


def bootstrap_t_logit(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    def centre_and_error(x: Array) -> Bounds:
        s = moments(x, m)
        spread = np.sqrt(np.maximum(s.variance, s.floor))
        return logit(s.smooth), spread / (s.smooth * (1 - s.smooth))

    centre, error = centre_and_error(successes)
    centres, errors = centre_and_error(resampled_seeds(successes, rng))
    low_t, high_t = percentiles((centres - centre[:, None]) / errors)
    low, high = expit(centre - high_t * error), expit(centre - low_t * error)
    return hull(successes, m, low, high)


def t_raw(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    s = moments(successes, m)
    half = s.t * np.sqrt(s.variance)
    return np.clip(s.mean - half, 0, 1), np.clip(s.mean + half, 0, 1)


def t_raw_floor(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    s = moments(successes, m)
    half = s.t * np.sqrt(np.maximum(s.variance, s.floor))
    return np.clip(s.mean - half, 0, 1), np.clip(s.mean + half, 0, 1)


def t_logit(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    return logit_t_bounds(successes, np.array(m), CONFIDENCE)


def t_mean_logits(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    n = successes.shape[-1]
    logits = np.log(successes + 0.5) - np.log(m - successes + 0.5)
    s = moments(successes, m)
    floor = s.floor / (s.smooth * (1 - s.smooth)) ** 2
    half = s.t * np.sqrt(np.maximum(logits.var(-1, ddof=1) / n, floor))
    low, high = expit(logits.mean(-1) - half), expit(logits.mean(-1) + half)
    return hull(successes, m, low, high)


def effective_trials(s: Moments) -> Array:
    """Independent episodes that would leave the mean this uncertain."""
    return s.smooth * (1 - s.smooth) / np.maximum(s.variance, s.floor)


def wilson_effective(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    s = moments(successes, m)
    n = effective_trials(s)
    centre = (s.mean + s.t**2 / (2 * n)) / (1 + s.t**2 / n)
    half = s.t / (1 + s.t**2 / n)
    half = half * np.sqrt(s.mean * (1 - s.mean) / n + s.t**2 / (4 * n**2))
    return hull(successes, m, centre - half, centre + half)


def clopper_pearson(hits: Array, trials: Array) -> Bounds:
    tail = (1 - CONFIDENCE) / 2
    misses = trials - hits
    with np.errstate(invalid="ignore"):
        low = np.where(hits > 0, betaincinv(hits, misses + 1, tail), 0.0)
        high = np.where(misses > 0, betaincinv(hits + 1, misses, 1 - tail), 1.0)
    return low, high


def korn_graubard(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    s = moments(successes, m)
    n = effective_trials(s) * (s.z / s.t) ** 2
    return clopper_pearson(s.mean * n, n)


def one_vote(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    n = np.full(successes.shape[0], float(successes.shape[-1]))
    return clopper_pearson(successes.mean(-1) / m * n, n)


def beta_binomial(successes: Array, m: int, rng: np.random.Generator) -> Bounds:
    # Means spaced evenly in the arcsine and correlations in the cube root, so that
    # both ends are resolved; the weights make both priors uniform.
    angle = (np.arange(300) + 0.5) / 300 * np.pi / 2
    mean, mean_weight = np.sin(angle) ** 2, np.sin(2 * angle)
    root = (np.arange(40) + 0.5) / 40
    correlation, correlation_weight = root**3, root**2
    total = 1 / correlation - 1
    a = mean[:, None] * total
    b = (1 - mean[:, None]) * total
    x = np.arange(m + 1)[:, None, None]
    table = gammaln(x + a) + gammaln(m - x + b) - gammaln(m + a + b)
    table = table - gammaln(a) - gammaln(b) + gammaln(a + b)
    counts = np.zeros((len(successes), m + 1))
    np.add.at(counts, (np.arange(len(successes))[:, None], successes), 1.0)
    shape = (-1, mean.size, root.size)
    masses = []
    for part in np.array_split(counts, -(-len(counts) // 250)):  # bounds the memory
        log = (part @ table.reshape(m + 1, -1)).reshape(shape)
        log -= log.max(axis=(1, 2), keepdims=True)
        masses.append((np.exp(log) @ correlation_weight) * mean_weight)
    mass = np.concatenate(masses)
    below = np.cumsum(mass, axis=-1) / mass.sum(-1, keepdims=True)
    tail = (1 - CONFIDENCE) / 2
    edges = np.sin((np.arange(300) + 1) / 300 * np.pi / 2) ** 2
    low = np.array([np.interp(tail, row, edges, left=0.0) for row in below])
    high = np.array([np.interp(1 - tail, row, edges) for row in below])
    return hull(successes, m, low, high)


def hull(successes: Array, m: int, low: Array, high: Array) -> Bounds:
    """Widen to the estimate, so that "all of them" has 1 within its interval."""
    mean = successes.mean(-1) / m
    return np.minimum(low, mean), np.maximum(high, mean)


Candidate = Callable[[Array, int, np.random.Generator], Bounds]
CANDIDATES: dict[str, Candidate] = {
    f.__name__: f
    for f in (
        bootstrap,
        hierarchical,
        bootstrap_t_logit,
        t_raw,
        t_raw_floor,
        t_logit,
        t_mean_logits,
        wilson_effective,
        korn_graubard,
        beta_binomial,
        one_vote,
    )
}
RESAMPLING = ("bootstrap", "hierarchical", "bootstrap_t_logit")  # dear: fewer reps
NOT_ELIGIBLE = {
    "bootstrap": "zero width when seeds agree",
    "t_raw": "zero width when seeds agree",
    "one_vote": "does not narrow with more episodes",
}


# --- scenarios: (generator, reps, seeds, m) -> successes [reps, seeds], target --------

Scenario = Callable[[np.random.Generator, int, int, int], tuple[Array, float]]


def alike(p: float) -> Scenario:
    def draw(rng, reps, n, m):
        return rng.binomial(m, p, size=(reps, n)), p

    return draw


def logit_normal_mean(centre: float, sd: float) -> float:
    nodes, weights = roots_hermitenorm(80)
    return float((expit(centre + sd * nodes) * weights).sum() / weights.sum())


def spread(median: float, sd: float) -> Scenario:
    target = logit_normal_mean(logit(median), sd)

    def draw(rng, reps, n, m):
        p = expit(logit(median) + sd * rng.normal(size=(reps, n)))
        return rng.binomial(m, p), target

    return draw


def two_kinds(share: float) -> Scenario:
    def draw(rng, reps, n, m):
        p = np.where(rng.random((reps, n)) < share, 0.97, 0.03)
        return rng.binomial(m, p), share * 0.97 + (1 - share) * 0.03

    return draw


def shared_levels(median: float, seed_sd: float, level_sd: float) -> Scenario:
    target = logit_normal_mean(logit(median), float(np.hypot(seed_sd, level_sd)))

    def draw(rng, reps, n, m):
        levels = level_sd * rng.normal(size=(reps, m))
        seeds = seed_sd * rng.normal(size=(n, reps, 1))
        drawn = [
            (rng.random((reps, m)) < expit(logit(median) + seed + levels)).sum(-1)
            for seed in seeds
        ]
        return np.stack(drawn, axis=-1), target

    return draw


SMOOTH: dict[str, Scenario] = {
    "alike .5": alike(0.5),
    "alike .8": alike(0.8),
    "spread .5 around .5": spread(0.5, 0.5),
    "spread 1 around .5": spread(0.5, 1.0),
    "spread 2 around .5": spread(0.5, 2.0),
    "spread .5 around .9": spread(0.9, 0.5),
    "spread 1 around .9": spread(0.9, 1.0),
    "spread 2 around .9": spread(0.9, 2.0),
    "ceiling .98": alike(0.98),
    "ceiling .995": alike(0.995),
    "ceiling 1": alike(1.0),
    "floor .02": alike(0.02),
    "floor .005": alike(0.005),
}
STRESS: dict[str, Scenario] = {
    "two kinds .5/.5": two_kinds(0.5),
    "two kinds .9/.1": two_kinds(0.9),
    "shared levels": shared_levels(0.8, 0.5, 1.0),
}
SCENARIOS = SMOOTH | STRESS


def three_outcomes(
    base: float, proxy: float, neither: float, sd: float
) -> Callable[[np.random.Generator, int], Array]:
    """Per-seed rates of base, proxy, neither: a softmax of normals, [size, 3]."""

    def draw(rng: np.random.Generator, size: int) -> Array:
        with np.errstate(divide="ignore"):
            centre = np.log([base, proxy, neither])
        weights = np.exp(centre + sd * rng.normal(size=(size, 3)))
        return weights / weights.sum(-1, keepdims=True)

    return draw


DIFFERENCES = {
    "alike .1 / .8": three_outcomes(0.1, 0.8, 0.1, 0.0),
    "alike .45 / .45": three_outcomes(0.45, 0.45, 0.1, 0.0),
    "alike .02 / .02": three_outcomes(0.02, 0.02, 0.96, 0.0),
    "alike 0 / 1": three_outcomes(0.0, 1.0, 0.0, 0.0),
    "spread 1 around .1 / .8": three_outcomes(0.1, 0.8, 0.1, 1.0),
    "spread 1 around .45 / .45": three_outcomes(0.45, 0.45, 0.1, 1.0),
}


# --- running --------------------------------------------------------------------------


def simulate_cell(job: tuple[int, str, int, int, int]) -> list[dict[str, Any]]:
    """One scenario, number of seeds and number of episodes: every candidate's row."""
    seed, scenario, n, m, reps = job
    place = list(SCENARIOS).index(scenario)
    rng = np.random.default_rng([seed, place, n, m])
    successes, target = SCENARIOS[scenario](rng, reps, n, m)
    rows = []
    for name, candidate in CANDIDATES.items():
        x = successes[: reps // 4] if name in RESAMPLING else successes
        group = "smooth" if scenario in SMOOTH else "stress"
        cell = {"method": name, "group": group, "scenario": scenario}
        cell |= {"n_seeds": n, "trials": m, "reps": len(x)}
        rows.append(cell | score(candidate(x, m, rng), target))
    return rows


def score(bounds: Bounds, target: float) -> dict[str, float]:
    """Coverage, misses on either side, and mean width."""
    low, high = bounds
    above, below = low > target + 1e-9, high < target - 1e-9
    return {
        "target": round(target, 5),
        "coverage": round(float(1 - (above | below).mean()), 4),
        "low_above_target": round(float(above.mean()), 4),
        "high_below_target": round(float(below.mean()), 4),
        "mean_width": round(float((high - low).mean()), 4),
    }


def simulate_differences(seed: int, reps: int) -> list[dict[str, Any]]:
    """Coverage of the paired difference proxy - base, for the method in use."""
    rows = []
    for place, (scenario, draw) in enumerate(DIFFERENCES.items()):
        rng = np.random.default_rng([seed, place])
        mean = draw(rng, 1_000_000).mean(0)
        target = float(mean[1] - mean[0])
        for n in SEEDS:
            for m in TRIALS:
                p = draw(rng, reps * n)
                base, proxy, _ = rng.multinomial(m, p).T.reshape(3, reps, n)
                score_sum = (m + proxy - base) / 2
                low, high = logit_t_bounds(score_sum, np.array(m), CONFIDENCE)
                cell = {"scenario": scenario, "n_seeds": n, "trials": m, "reps": reps}
                rows.append(cell | score((2 * low - 1, 2 * high - 1), target))
    return rows


def simulate(seed: int, reps: int, jobs: int) -> list[dict[str, Any]]:
    cells = [(seed, s, n, m, reps) for s in SCENARIOS for n in SEEDS for m in TRIALS]
    with ProcessPoolExecutor(jobs) as pool:
        return [row for rows in pool.map(simulate_cell, cells) for row in rows]


def summarise(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each candidate's smallest coverage and mean width over the smooth cells."""
    table = {}
    for name in CANDIDATES:
        smooth = [r for r in rows if r["method"] == name and r["group"] == "smooth"]
        worst = min(smooth, key=lambda r: r["coverage"])
        table[name] = {
            "min_coverage": worst["coverage"],
            "worst_cell": [worst["scenario"], worst["n_seeds"], worst["trials"]],
            "mean_coverage": round(float(np.mean([r["coverage"] for r in smooth])), 4),
            "mean_width": round(float(np.mean([r["mean_width"] for r in smooth])), 4),
        }
    return table


def choose(summary: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Apply the rule of docs/statistics.md."""
    eligible = {k: v for k, v in summary.items() if k not in NOT_ELIGIBLE}
    for percent in range(93, 0, -1):
        bar = percent / 100
        admissible = [k for k, v in eligible.items() if v["min_coverage"] >= bar]
        if admissible:
            best = min(admissible, key=lambda k: eligible[k]["mean_width"])
            return {"method": best, "bar": bar, "admissible": admissible}
    raise AssertionError("no candidate covers at all")


# --- recording ------------------------------------------------------------------------


def columns_first(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The same rows with the names written once, for a file a third as long."""
    return {"columns": list(rows[0]), "rows": [list(row.values()) for row in rows]}


def as_rows(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def save_json(record: dict[str, Any], path: Path) -> None:
    """Write with one row of a table a line."""
    text = json.dumps(record, indent=1)
    for name in ("published", "differences"):
        rows = record[name]["rows"]
        long = json.dumps(rows, indent=1).replace("\n", "\n  ")
        short = ",\n".join("   " + json.dumps(row) for row in rows)
        text = text.replace(long, "[\n" + short + "\n  ]")
    save_text(text + "\n", path)


def save_text(text: str, path: Path) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text)
    os.replace(partial, path)


def bare(x: float) -> str:
    """A number with three digits and without its leading zero."""
    return f"{x:.3f}".removeprefix("0")


def markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables(record: dict[str, Any]) -> str:
    """The tables of docs/statistics.md, from the published run."""
    published, chosen = as_rows(record["published"]), record["chosen"]["method"]
    summary = summarise(published)

    def smallest(rows: list[dict[str, Any]], **where: Any) -> float:
        found = [r for r in rows if all(r[k] == v for k, v in where.items())]
        return min(r["coverage"] for r in found)

    candidates = []
    for name, row in summary.items():
        low = {
            n: smallest(published, method=name, group="smooth", n_seeds=n)
            for n in SEEDS
        }
        kinds = [
            smallest(published, method=name, scenario=s, n_seeds=4)
            for s in ("two kinds .5/.5", "two kinds .9/.1")
        ]
        label = f"**`{name}`**" if name == chosen else f"`{name}`"
        values = [*low.values(), row["mean_coverage"], row["mean_width"], *kinds]
        candidates.append([label, *map(bare, values)])
    header = ["method", *(f"min, n = {n}" for n in SEEDS), "mean coverage"]
    header += ["mean width", "two kinds .5/.5, n = 4", "two kinds .9/.1, n = 4"]

    def by_scenario(rows: list[dict[str, Any]]) -> str:
        lines = []
        for scenario in dict.fromkeys(r["scenario"] for r in rows):
            cells = []
            for n in SEEDS:
                found = [
                    r for r in rows if r["scenario"] == scenario and r["n_seeds"] == n
                ]
                width = np.mean([r["mean_width"] for r in found])
                cells.append(f"{bare(smallest(found))} ({bare(float(width))})")
            lines.append([scenario, *cells])
        return markdown(["scenario", *(f"n = {n}" for n in SEEDS)], lines)

    mine = [r for r in published if r["method"] == chosen]
    return "\n\n".join(
        [
            "All candidates; *min* is the smallest coverage over the smooth cells.",
            markdown(header, candidates),
            f"The chosen method, `{chosen}`: smallest coverage over m = 32, 128, 512, "
            "and in brackets the mean width.",
            by_scenario(mine),
            "The difference of two rates (base / proxy), the same figures.",
            by_scenario(as_rows(record["differences"])),
        ]
    )


def save_tables(record: dict[str, Any], path: Path) -> None:
    """Put the tables between the two marks of docs/statistics.md."""
    begin, end = "<!-- tables: begin -->\n", "\n<!-- tables: end -->"
    text = path.read_text()
    head, rest = text.split(begin)
    save_text(head + begin + tables(record) + end + rest.split(end)[1], path)


def save_figure(record: dict[str, Any], path: Path) -> None:
    """Coverage of every cell, one panel per number of seeds, widths below."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows, chosen = as_rows(record["published"]), record["chosen"]["method"]
    names = list(CANDIDATES)
    figure, axes = plt.subplots(
        2, len(SEEDS), figsize=(13, 6.2), sharey="row", sharex=True,
        height_ratios=(2.2, 1), layout="constrained",
    )  # fmt: skip
    jitter = np.random.default_rng(0)
    for (upper, lower), n in zip(axes.T, SEEDS, strict=True):
        upper.axhline(CONFIDENCE, color="0.4", linewidth=0.8)
        upper.axhspan(0, record["chosen"]["bar"], color="0.95", zorder=0)
        for x, name in enumerate(names):
            mine = [r for r in rows if r["method"] == name and r["n_seeds"] == n]
            smooth = [r["coverage"] for r in mine if r["group"] == "smooth"]
            stress = [r["coverage"] for r in mine if r["group"] == "stress"]
            colour = "#D55E00" if name == chosen else "#0072B2"
            spot = x + jitter.uniform(-0.2, 0.2, len(smooth))
            upper.scatter(spot, smooth, s=9, color=colour, alpha=0.6, linewidths=0)
            spot = x + jitter.uniform(-0.2, 0.2, len(stress))
            upper.scatter(spot, stress, s=16, color="0.25", marker="x", linewidths=0.8)
            width = [r["mean_width"] for r in mine if r["group"] == "smooth"]
            lower.bar(x, np.mean(width), color=colour, width=0.6)
        upper.set(title=f"{n} seeds", ylim=(0.3, 1.01))
        lower.set_xticks(range(len(names)), names, rotation=90)
        for axis in (upper, lower):
            axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("coverage of the mean over seeds")
    axes[1, 0].set_ylabel("mean width, smooth cells")
    figure.suptitle(
        "95 % intervals over seeds: each dot a smooth scenario, each cross a stress "
        "scenario (below .3 not shown); orange: the method in use",
        fontsize=10,
    )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reps", type=int, default=4000, help="replications a cell")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder")
    parser.add_argument("--render", action="store_true", help="do not simulate")
    args = parser.parse_args()
    path = args.docs / "coverage.json"
    if not args.render:
        summary = summarise(simulate(CHOOSING_SEED, args.reps, args.jobs))
        print(json.dumps({"choosing": summary, "chosen": choose(summary)}, indent=1))
        published = simulate(PUBLISHING_SEED, args.reps, args.jobs)
        record = {
            "confidence": CONFIDENCE,
            "seeds": {"choosing": CHOOSING_SEED, "publishing": PUBLISHING_SEED},
            "chosen": choose(summary),
            "not_eligible": NOT_ELIGIBLE,
            "choosing": summary,
            "summary": summarise(published),
            "published": columns_first(published),
            "differences": columns_first(
                simulate_differences(PUBLISHING_SEED, args.reps)
            ),
        }
        save_json(record, path)
    record = json.loads(path.read_text())
    save_figure(record, args.docs / "coverage.png")
    save_tables(record, args.docs / "statistics.md")


if __name__ == "__main__":
    main()
