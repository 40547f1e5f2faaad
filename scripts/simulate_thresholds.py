"""How often the interval of a fitted threshold holds the truth, by simulation.

    python scripts/simulate_thresholds.py [--replications 200]

writes docs/thresholds.json and a table in docs/statistics.md. It takes some minutes.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from mesagym.reproductions.fitting import Curve, Where, fit_threshold

REPOSITORY = Path(__file__).parent.parent
BEGIN, END = "<!-- thresholds: begin -->", "<!-- thresholds: end -->"

ALPHAS = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 1.0)
TRUTH = Curve(lower=0.05, upper=0.9, midpoint=0.03, steepness=2.0)
HALVING = TRUTH.midpoint * ((TRUTH.upper / 2) / (TRUTH.upper / 2 - TRUTH.lower)) ** (
    1 / TRUTH.steepness
)
TRUTHS: dict[Where, float] = {"midpoint": TRUTH.midpoint, "halving": HALVING}
DRAWS = 199

SEEDS = (5, 10)
KINDS = {
    "alike": "normal, standard deviation .05",
    "spread": "beta with a + b = 6",
    "all or nothing": "1 or 0",
}


def rates(kind: str, n: int, random: np.random.Generator) -> dict[float, list[float]]:
    """Return rates of n seeds at each α, whose means lie on the true curve.

    But for what is cut off at 0 and 1 of normal ones.
    """
    found = {}
    for alpha in ALPHAS:
        mean = float(TRUTH.at(alpha))
        if kind == "alike":
            drawn = np.clip(mean + 0.05 * random.standard_normal(n), 0, 1)
        elif kind == "spread":
            drawn = random.beta(6 * mean, 6 * (1 - mean), n)
        else:
            drawn = (random.random(n) < mean).astype(float)
        found[alpha] = drawn.tolist()
    return found


def simulated(replications: int, seed: int) -> list[dict[str, Any]]:
    """Return a row for each kind of seeds, number of them, and threshold."""
    random = np.random.default_rng(seed)
    rows = []
    for n in SEEDS:
        for kind in KINDS:
            drawn = [rates(kind, n, random) for _ in range(replications)]
            for where, truth in TRUTHS.items():
                fits = [
                    fit_threshold(each, where, draws=DRAWS, seed=k)
                    for k, each in enumerate(drawn)
                ]
                told = [each for each in fits if each.estimate is not None]
                held = [
                    (each.low or 0.0) <= truth <= (each.high or np.inf) for each in told
                ]
                widths = [
                    each.high / each.low if each.low and each.high else np.inf
                    for each in told
                ]
                rows.append(
                    {
                        "seeds": n,
                        "kind": kind,
                        "where": where,
                        "told": len(told),
                        "coverage": sum(held) / len(told),
                        "median_high_over_low": statistics.median(widths),
                    }
                )
                print(rows[-1], flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        "| seeds' rates | n | α\\* | halving | high over low |",
        "|---|---|---|---|---|",
    ]
    by = {(row["kind"], row["seeds"], row["where"]): row for row in rows}
    for n in SEEDS:
        for kind, meaning in KINDS.items():
            each = [by[kind, n, where] for where in ("midpoint", "halving")]
            covered = " | ".join(f"{x['coverage']:.3f}".removeprefix("0") for x in each)
            width = each[0]["median_high_over_low"]
            lines.append(f"| {kind} ({meaning}) | {n} | {covered} | {width:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docs", type=Path, default=REPOSITORY / "docs")
    args = parser.parse_args()
    rows = simulated(args.replications, args.seed)
    document = {
        "replications": args.replications,
        "seed": args.seed,
        "alphas": ALPHAS,
        "truth": vars(TRUTH),
        "draws": DRAWS,
        "rows": rows,
    }
    path = args.docs / "thresholds.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    page = args.docs / "statistics.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}")


if __name__ == "__main__":
    main()
