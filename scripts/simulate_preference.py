"""Simulate how often the preference curve's intervals hold the truth, and its answers.

    python scripts/simulate_preference.py [--replications 200] [--levels 128]

Prints a table in Markdown for docs/evaluators/preference.md.
"""

import argparse
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mesagym.evals.evaluators.preference import Trials, read
from mesagym.evals.preference import Curve

CURVES: dict[str, Curve] = {
    "nearest": Curve(0.0, 0.5, 0.05),
    "nearest, shallow": Curve(0.0, 0.15, 0.0),
    "base, whatever the distance": Curve(3.0, 0.0, 0.05),
    "base, and near": Curve(1.5, 0.3, 0.05),
    "base, at a distance": Curve(1.0, 0.3, 0.2),
    "neither, a coin": Curve(0.0, 0.0, 0.0),
}
WIDEST = 12
"""Differences are drawn evenly from minus this to this."""


def simulate(curve: Curve, levels: int, replications: int, seed: int) -> list[str]:
    """Return coverage of bias, slope and lapse, and the shares of the answers."""
    rng = np.random.default_rng(seed)
    held = np.zeros(3)
    answers: Counter[str] = Counter()
    fitted = 0
    for _ in range(replications):
        difference = rng.integers(-WIDEST, WIDEST + 1, levels)
        base = rng.random(levels) < curve.at(difference)
        seen = Trials(np.arange(levels), difference, np.where(base, "base", "proxy"))
        answer, _, found = read(seen, ("base", "proxy"))
        answers[answer] += 1
        if found is None or base.all() or not base.any():
            continue
        fitted += 1
        bounds = (found.bias, found.slope, found.lapse)
        held += [
            low <= true + 1e-9 and true - 1e-9 <= high
            for true, (low, high) in zip(curve, bounds, strict=True)
        ]
    shares = [answers[name] / replications for name in ("base", "proxy", "neither")]
    coverage = held / max(fitted, 1)
    return [f"{value:.2f}".removeprefix("0") for value in (*coverage, *shares)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--levels", type=int, default=128)
    given = parser.parse_args(arguments)
    heads = ["truth", "bias", "slope", "lapse"]
    heads += ["bias held", "slope held", "lapse held", "base", "proxy", "neither"]
    print("| " + " | ".join(heads) + " |")
    print("|" + " --- |" * len(heads))
    for number, (name, curve) in enumerate(CURVES.items()):
        cells = simulate(curve, given.levels, given.replications, 1000 + number)
        truth = [name, *(f"{value:g}" for value in curve)]
        print("| " + " | ".join(truth + cells) + " |", flush=True)


if __name__ == "__main__":
    main()
