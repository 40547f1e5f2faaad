"""How often seeds of one group are called two, and two groups are found.

Prints the table of docs/evaluators/stability.md:

    python scripts/simulate_bimodality.py --runs 100 --draws 39 --seeds 4 8 16
"""

import argparse

import numpy as np

from mesagym.evals.modes import bimodality

LEVEL = 0.05


def rates(case: str, n: int, random: np.random.Generator) -> np.ndarray:
    """Return the true rates of n seeds."""
    if case == "all at .7":
        return np.full(n, 0.7)
    if case == "Beta(2, 2), a wide hill":
        return random.beta(2, 2, n)
    if case == "Beta(1, 1), flat":
        return random.beta(1, 1, n)
    if case == "Beta(8, 1), near the ceiling":
        return random.beta(8, 1, n)
    low, high, share = TWO_GROUPS[case]
    count = max(1, round(share * n))
    return random.permutation(np.repeat([low, high], [n - count, count]))


ONE_GROUP = (
    "all at .7",
    "Beta(2, 2), a wide hill",
    "Beta(1, 1), flat",
    "Beta(8, 1), near the ceiling",
)
TWO_GROUPS = {
    "half at .1, half at .9": (0.1, 0.9, 0.5),
    "half at .3, half at .7": (0.3, 0.7, 0.5),
    "a quarter at .9, the others at .1": (0.1, 0.9, 0.25),
}


def called_two(case: str, n: int, trials: int, runs: int, draws: int) -> float:
    """Return the share of simulated runs that are called two groups."""
    random = np.random.default_rng([n, trials, len(case)])
    found = 0
    for k in range(runs):
        successes = random.binomial(trials, rates(case, n, random))
        each = bimodality(successes, np.full(n, trials), draws=draws, seed=k)
        found += each.p <= LEVEL
    return found / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--draws", type=int, default=199)
    parser.add_argument("--trials", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[4, 8, 10, 20])
    given = parser.parse_args()
    print(f"| seeds' true rates | {' | '.join(f'{n} seeds' for n in given.seeds)} |")
    print("|---" * (1 + len(given.seeds)) + "|")
    for case in (*ONE_GROUP, *TWO_GROUPS):
        cells = [
            f"{called_two(case, n, given.trials, given.runs, given.draws):.3f}"
            for n in given.seeds
        ]
        print(f"| {case} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
