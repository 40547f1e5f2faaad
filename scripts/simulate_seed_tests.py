"""Simulate how often intervals of means cover, and how often tests of seeds are wrong.

    python scripts/simulate_seed_tests.py            # a few minutes on 2 CPU cores
    python scripts/simulate_seed_tests.py --render   # tables only

writes docs/seed_tests.json and two tables in docs/statistics.md, which says what is
simulated and how it is read. Rates of outcomes are scripts/simulate_coverage.py's.
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit, roots_hermitenorm, stdtrit

from mesagym.evals.permutation import sign_flips, trend, two_groups
from mesagym.evals.power import needed_seeds, power_note
from mesagym.evals.suite import p_against, random_interval

CONFIDENCE, LEVEL = 0.95, 0.05
SEEDS = (4, 8, 10, 20)
LEVELS = (32, 128, 512)
SEED = 40_961
DRAWS = 999  # arrangements, where there are too many to enumerate

Array = np.ndarray
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
"""Seeds' true means of the shape asked for."""


# --- distributions of seeds: (draw, its mean, sd of one level's number) ---------------


def two_kinds(share: float) -> Draw:
    def draw(rng, shape):
        high = rng.random(shape) < share
        return high + 0.05 * rng.normal(size=shape)

    return draw


def one_in_ten_short(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.where(rng.random(shape) < 0.1, rng.random(shape), 1.0)


SMOOTH: dict[str, tuple[Draw, float, float]] = {
    "alike": (lambda rng, shape: np.zeros(shape), 0.0, 1.0),
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0, 1.0),
    "heavy tails": (lambda rng, shape: rng.standard_t(3, shape), 0.0, 1.0),
    "skewed": (
        lambda rng, shape: rng.lognormal(0, 0.5, shape),
        float(np.exp(0.125)),
        1.0,
    ),
    "very skewed": (
        lambda rng, shape: rng.lognormal(0, 1, shape),
        float(np.exp(0.5)),
        1.0,
    ),
    "score near 1": (
        lambda rng, shape: 1 - 0.05 * rng.exponential(size=shape),
        0.95,
        0.2,
    ),
}
STRESS: dict[str, tuple[Draw, float, float]] = {
    "two kinds .5/.5": (two_kinds(0.5), 0.5, 0.2),
    "two kinds .9/.1": (two_kinds(0.9), 0.9, 0.2),
    "exactly 1, one in ten short": (one_in_ten_short, 0.95, 0.0),
}
SHARED = "shared levels"  # normal seeds of spread .5; levels of spread 1, the same ones
SCENARIOS = SMOOTH | STRESS


# --- intervals of means ---------------------------------------------------------------


def t_bounds(values: Array) -> tuple[Array, Array]:
    """The bounds of mesagym.evals.statistics.mean_interval, of runs [..., seeds]."""
    n = values.shape[-1]
    half = stdtrit(n - 1, 0.5 + CONFIDENCE / 2) * values.std(-1, ddof=1) / np.sqrt(n)
    return values.mean(-1) - half, values.mean(-1) + half


def numbers(
    rng: np.random.Generator, scenario: str, reps: int, n: int, m: int
) -> tuple[Array, float]:
    """Seeds' means over m levels, [reps, n], and what their interval is to cover."""
    if scenario == SHARED:
        levels = rng.normal(size=(reps, 1)) / np.sqrt(m)
        return 0.5 * rng.normal(size=(reps, n)) + levels, 0.0
    draw, target, noise = SCENARIOS[scenario]
    shape = (reps, n)
    return draw(rng, shape) + noise / np.sqrt(m) * rng.normal(size=shape), target


def simulate_means(seed: int, reps: int) -> list[dict[str, Any]]:
    rows = []
    for place, scenario in enumerate([*SCENARIOS, SHARED]):
        for n in SEEDS:
            for m in LEVELS:
                rng = np.random.default_rng([seed, 0, place, n, m])
                values, target = numbers(rng, scenario, reps, n, m)
                low, high = t_bounds(values)
                above, below = low > target + 1e-12, high < target - 1e-12
                group = "smooth" if scenario in SMOOTH else "stress"
                row = {"group": group, "scenario": scenario, "n_seeds": n, "levels": m}
                row["coverage"] = round(float(1 - (above | below).mean()), 4)
                row["low_above_target"] = round(float(above.mean()), 4)
                row["high_below_target"] = round(float(below.mean()), 4)
                row["mean_width"] = round(float((high - low).mean()), 4)
                row["no_width"] = round(float((high - low < 1e-12).mean()), 4)
                rows.append(row)
    return rows


# --- tests without an effect ----------------------------------------------------------

Test = Callable[[np.random.Generator, int], float]
"""The p value of one run of so many seeds, drawn where there is nothing to find."""


def flipped(scenario: str) -> Test:
    def test(rng, n):
        draw, mean, _ = SCENARIOS[scenario]
        return sign_flips(draw(rng, (n,)) - mean, draws=DRAWS).p

    return test


def grouped(ratio: float, spread: float) -> Test:
    def test(rng, n):
        others = rng.normal(size=round(ratio * n))
        return two_groups(spread * rng.normal(size=n), others, draws=DRAWS).p

    return test


def skewed_against_normal(rng: np.random.Generator, n: int) -> float:
    draw, mean, _ = SCENARIOS["very skewed"]
    # Of one standard deviation, so that only the shape differs.
    others = np.sqrt((np.e - 1) * np.e) * rng.normal(size=n)
    return two_groups(draw(rng, (n,)) - mean, others, draws=DRAWS).p


def trending(spread: float) -> Test:
    """Four settings of n seeds, the first of which spreads so many times as much."""

    def test(rng, n):
        values = rng.normal(size=(4, n))
        values[0] *= spread
        return trend(values.reshape(-1), np.repeat(np.arange(4.0), n), draws=DRAWS).p

    return test


def mean_rate(median: float, sd: float) -> float:
    nodes, weights = roots_hermitenorm(80)
    return float((expit(logit(median) + sd * nodes) * weights).sum() / weights.sum())


def against_random(sd: float, m: int, honest: bool) -> Test:
    """Seeds whose rates are random's in the mean, against random's m episodes."""
    true = mean_rate(0.3, sd)

    def test(rng, n):
        rates = expit(logit(0.3) + sd * rng.normal(size=n))
        means = rng.binomial(m, rates) / m
        episodes = (rng.random(m) < true).astype(float)
        if honest:
            return p_against(means, *random_interval(episodes, np.arange(m), rate=True))
        return sign_flips(means - episodes.mean(), draws=DRAWS).p

    return test


TESTS: dict[str, Test] = {
    **{f"signs, {name}": flipped(name) for name in SCENARIOS if name != "alike"},
    "two groups, n and n": grouped(1, 1.0),
    "two groups, n and 2 n, the small one spreads 3 times as much": grouped(2, 3.0),
    "two groups, n and 2 n, the large one spreads 3 times as much": grouped(2, 1 / 3),
    "two groups, n and n, one very skewed, the other normal": skewed_against_normal,
    "trend over four settings, n each": trending(1.0),
    "trend over four settings, n each, the first spreads 3 times as much": trending(
        3.0
    ),
    "against random, seeds alike": against_random(0.0, 128, True),
    "against random, seeds spread by 1": against_random(1.0, 128, True),
    "the same, random's rate taken as known": against_random(0.0, 128, False),
    "the same, seeds spread by 1": against_random(1.0, 128, False),
}


def simulate_tests(seed: int, reps: int) -> list[dict[str, Any]]:
    rows = []
    for place, (name, test) in enumerate(TESTS.items()):
        for n in SEEDS:
            rng = np.random.default_rng([seed, 1, place, n])
            ps = np.array([test(rng, n) for _ in range(reps)])
            found = round(float((ps <= LEVEL).mean()), 4)
            rows.append({"test": name, "n_seeds": n, "rejected": found})
    return rows


# --- the power note -------------------------------------------------------------------

TRUE_NEEDS = (4, 8, 20, 50)


def effect_that_needs(seeds: int) -> float:
    """The smallest effect, in spreads between seeds, for which so many are enough."""
    low, high = 0.01, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        found = needed_seeds(middle, 1.0)
        low, high = (low, middle) if found and found <= seeds else (middle, high)
    return high


def simulate_notes(seed: int, reps: int) -> list[dict[str, Any]]:
    rows = []
    for place, true in enumerate(TRUE_NEEDS):
        effect = effect_that_needs(true)
        for n in SEEDS:
            rng = np.random.default_rng([seed, 2, place, n])
            said = [power_note(rng.normal(effect, 1.0, n)).needed for _ in range(reps)]
            # None is more seeds than any other number.
            known = np.sort([10_001 if each is None else each for each in said])
            low, middle, high = known[[reps // 10, reps // 2, reps - reps // 10 - 1]]
            rows.append(
                {"needs": true, "effect": round(effect, 4), "n_seeds": n}
                | {"said_10": int(low), "said_50": int(middle), "said_90": int(high)}
            )
    return rows


# --- recording ------------------------------------------------------------------------


def save_text(text: str, path: Path) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text)
    os.replace(partial, path)


def save_json(record: dict[str, Any], path: Path) -> None:
    """Write with one row of a table a line."""
    lines = []
    for name, value in record.items():
        text = json.dumps(value)
        if isinstance(value, list):
            text = "[\n" + ",\n".join("  " + json.dumps(row) for row in value) + "\n ]"
        lines.append(f" {json.dumps(name)}: {text}")
    save_text("{\n" + ",\n".join(lines) + "\n}\n", path)


def bare(x: float) -> str:
    """A number with three digits and without its leading zero."""
    return f"{x:.3f}".removeprefix("0")


def markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def by_seeds(first: str, rows: list[dict[str, Any]], key: str, cell: Callable) -> str:
    """A row of the record's tables by this key, a column a number of seeds."""
    header = [first, *(f"n = {n}" for n in SEEDS)]
    lines = []
    for name in dict.fromkeys(row[key] for row in rows):
        mine = [row for row in rows if row[key] == name]
        cells = [cell([row for row in mine if row["n_seeds"] == n]) for n in SEEDS]
        lines.append([str(name), *cells])
    return markdown(header, lines)


def means_table(record: dict[str, Any]) -> str:
    def cell(rows: list[dict[str, Any]]) -> str:
        width = float(np.mean([row["mean_width"] for row in rows]))
        return f"{bare(min(row['coverage'] for row in rows))} ({bare(width)})"

    return by_seeds("scenario", record["means"], "scenario", cell)


def tests_table(record: dict[str, Any]) -> str:
    def cell(rows: list[dict[str, Any]]) -> str:
        return bare(rows[0]["rejected"])

    return by_seeds("test", record["tests"], "test", cell)


def notes_table(record: dict[str, Any]) -> str:
    def count(x: int) -> str:
        return "> 10,000" if x > 10_000 else f"{x:,}"

    def cell(rows: list[dict[str, Any]]) -> str:
        low, middle, high = (count(rows[0][f"said_{q}"]) for q in (10, 50, 90))
        return f"{middle} ({low} to {high})"

    return by_seeds("in truth", record["notes"], "needs", cell)


def save_tables(record: dict[str, Any], path: Path) -> None:
    """Put the tables between their marks in docs/statistics.md."""
    text = path.read_text()
    for name, table in (
        ("means", means_table),
        ("tests", tests_table),
        ("notes", notes_table),
    ):
        begin, end = f"<!-- {name}: begin -->\n", f"\n<!-- {name}: end -->"
        head, rest = text.split(begin)
        text = head + begin + table(record) + end + rest.split(end)[1]
    save_text(text, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reps", type=int, default=20_000, help="runs, of means")
    parser.add_argument("--test-reps", type=int, default=4000, help="runs, of tests")
    parser.add_argument("--note-reps", type=int, default=400, help="runs, of notes")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder")
    parser.add_argument("--render", action="store_true", help="do not simulate")
    args = parser.parse_args()
    path = args.docs / "seed_tests.json"
    if not args.render:
        record = {
            "command": "python scripts/simulate_seed_tests.py",
            "confidence": CONFIDENCE,
            "level": LEVEL,
            "seed": SEED,
            "reps": args.reps,
            "test_reps": args.test_reps,
            "note_reps": args.note_reps,
            "means": simulate_means(SEED, args.reps),
            "tests": simulate_tests(SEED, args.test_reps),
            "notes": simulate_notes(SEED, args.note_reps),
        }
        save_json(record, path)
    save_tables(json.loads(path.read_text()), args.docs / "statistics.md")


if __name__ == "__main__":
    main()
