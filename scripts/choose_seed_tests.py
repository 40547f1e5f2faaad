"""Compare tests of seeds by how often they are wrong, and by what they find.

    python scripts/choose_seed_tests.py            # some minutes on one CPU core
    python scripts/choose_seed_tests.py --render   # tables only

writes docs/seed_test_choice.json and the tables of candidates in docs/statistics.md,
which says what is compared and how it is read. How often the tests in use are wrong is
published by scripts/simulate_seed_tests.py, whose scenarios these are.
"""

import argparse
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtr
from simulate_seed_tests import SCENARIOS, SEEDS, SMOOTH, bare, markdown, save_json

LEVEL = 0.05
DRAWS = 999  # arrangements and resamples, where there are too many to enumerate
AT_MOST = 2**12
BATCH = 50  # runs at a time

Array = np.ndarray


# --- parts ----------------------------------------------------------------------------


def moments(total: Array, squares: Array, cubes: Array, n: int) -> tuple[Array, ...]:
    """Mean, standard deviation (n - 1) and skewness, from sums of powers."""
    mean = total / n
    second = np.maximum(squares / n - mean**2, 0.0)
    third = cubes / n - 3 * mean * squares / n + 2 * mean**3
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = np.where(second > 1e-24, third / second**1.5, 0.0)
    return mean, np.sqrt(second * n / (n - 1)), skew


def t_of(mean: Array, sd: Array, n: int) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        t = mean / sd * np.sqrt(n)
    return np.where(
        np.abs(mean) < 1e-12, 0.0, np.where(sd < 1e-12, np.copysign(np.inf, mean), t)
    )


def johnson_of(mean: Array, sd: Array, skew: Array, n: int) -> Array:
    """Johnson's (1978) t, its first two terms of skewness added."""
    t = t_of(mean, sd, n)
    with np.errstate(invalid="ignore"):
        found = t + skew / (6 * np.sqrt(n)) + skew * t**2 / (3 * np.sqrt(n))
    return np.where(np.isfinite(t), found, t)


def hall_of(mean: Array, sd: Array, skew: Array, n: int) -> Array:
    """Hall's (1992) monotone cubic transformation of t."""
    t = t_of(mean, sd, n)
    a = skew / np.sqrt(n)
    with np.errstate(invalid="ignore"):
        found = t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6
    return np.where(np.isfinite(t), found, t)


def two_sided(null: Array, found: Array, own: int) -> Array:
    """Twice the smaller tail; null [runs, arrangements], found [runs]."""
    close = 1e-9 * np.maximum(np.abs(np.where(np.isfinite(found), found, 0)), 1e-3)
    greater = (null >= (found - close)[:, None]).sum(1) + own
    less = (null <= (found + close)[:, None]).sum(1) + own
    size = null.shape[1] + own
    return np.minimum(1.0, 2 * np.minimum(greater, less) / size)


def signs_of(n: int) -> tuple[Array, int]:
    if 2**n <= AT_MOST:
        return 1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1), 0
    return np.random.default_rng(0).choice([-1, 1], size=(DRAWS, n)), 1


# --- candidates: seeds against zero, of runs [runs, seeds] ----------------------------


def by_flips(statistic: Callable) -> Callable[[Array], Array]:
    def test(values: Array) -> Array:
        n = values.shape[1]
        signs, own = signs_of(n)
        squares = (values**2).sum(1)[:, None]
        null = statistic(*moments(values @ signs.T, squares, values**3 @ signs.T, n), n)
        sums = [(values**k).sum(1) for k in (1, 2, 3)]
        return two_sided(
            null, statistic(*moments(sums[0], sums[1], sums[2], n), n), own
        )

    return test


def by_bootstrap(statistic: Callable) -> Callable[[Array], Array]:
    def test(values: Array) -> Array:
        n = values.shape[1]
        rows = np.random.default_rng(0).integers(n, size=(DRAWS, n))
        times = (rows[:, :, None] == np.arange(n)).sum(1)  # a seed was drawn so often
        centred = values - values.mean(1, keepdims=True)
        sums = [centred**k @ times.T for k in (1, 2, 3)]
        own = [(values**k).sum(1) for k in (1, 2, 3)]
        null = statistic(*moments(sums[0], sums[1], sums[2], n), n)
        return two_sided(null, statistic(*moments(own[0], own[1], own[2], n), n), 1)

    return test


def one_more_seed(share: float, of: str = "range") -> Callable[[Array], Array]:
    """Flips with one more seed beyond the farthest one on either side.

    Args:
        share: how far beyond it.
        of: in ranges of the seeds, or in its own distance from their ``median``.
    """

    def test(values: Array) -> Array:
        low, high = values.min(1), values.max(1)
        below = above = high - low
        if of == "median":
            middle = np.median(values, 1)
            below, above = middle - low, high - middle
        tails = []
        for side, end in ((1, low - share * below), (-1, high + share * above)):
            more = np.concatenate([values, end[:, None]], 1) * side
            signs, own = signs_of(more.shape[1])
            null, found = more @ signs.T, more.sum(1)
            extreme = (null >= (found - 1e-9)[:, None]).sum(1) + own
            tails.append(extreme / (null.shape[1] + own))
        return np.maximum(flips(values), np.minimum(1.0, 2 * np.minimum(*tails)))

    return test


def both(first: Callable, second: Callable) -> Callable[..., Array]:
    return lambda *groups: np.maximum(first(*groups), second(*groups))


flips = by_flips(lambda mean, sd, skew, n: mean)
johnson_flips, hall_flips = by_flips(johnson_of), by_flips(hall_of)
bootstrap_t = by_bootstrap(lambda mean, sd, skew, n: t_of(mean, sd, n))
bootstrap_hall = by_bootstrap(hall_of)

ONE: dict[str, Callable[[Array], Array]] = {
    "flips": flips,
    "flips of Johnson's t": johnson_flips,
    "flips of Hall's t": hall_flips,
    "bootstrap t": bootstrap_t,
    "bootstrap of Hall's t": bootstrap_hall,
    "flips and bootstrap t": both(flips, bootstrap_t),
    "flips and bootstrap of Hall's t": both(flips, bootstrap_hall),
    "flips of Hall's t, and bootstrap t": both(hall_flips, bootstrap_t),
    "one more seed, half a range beyond": one_more_seed(0.5),
    "one more seed, a range beyond": one_more_seed(1.0),
}

SECOND_ONE: dict[str, Callable[[Array], Array]] = {
    "flips": flips,
    **{
        f"one more seed, {share:g} ranges beyond": one_more_seed(share)
        for share in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    },
    **{
        f"one more seed, {share:g} times as far from the median": one_more_seed(
            share - 1, "median"
        )
        for share in (1.5, 1.75, 2.0, 2.5)
    },
}


# --- candidates: two groups -----------------------------------------------------------


def orders_of(n: int, m: int) -> tuple[Array, int]:
    """Whether each of n + m seeds is of the first group, bool[orders, seeds]."""
    chosen = []
    for each in itertools.combinations(range(n + m), n):
        chosen.append(each)
        if len(chosen) > AT_MOST:
            rng = np.random.default_rng(0)
            first = np.broadcast_to(np.arange(n + m) < n, (DRAWS, n + m))
            return rng.permuted(first, axis=1), 1
    orders = np.zeros((len(chosen), n + m), bool)
    np.put_along_axis(orders, np.array(chosen), True, axis=1)
    return orders, 0


def exchanged(studentised: bool) -> Callable[[Array, Array], Array]:
    def statistic(sums: Array, squares: Array, values: Array, n: int) -> Array:
        m = values.shape[1] - n
        rest, others = -sums, (values**2).sum(1)[:, None] - squares
        difference = sums / n - rest / m
        if not studentised:
            return difference
        spread = 0.0
        for total, square, size in ((sums, squares, n), (rest, others, m)):
            within = np.maximum(square - total**2 / size, 0.0)
            spread = spread + within / (size - 1) / size
        with np.errstate(divide="ignore", invalid="ignore"):
            t = difference / np.sqrt(spread)
        t = np.where(spread < 1e-24, np.copysign(np.inf, difference), t)
        return np.where(np.abs(difference) < 1e-12, 0.0, t)

    def test(first: Array, second: Array) -> Array:
        n = first.shape[1]
        values = np.concatenate([first, second], 1)
        values = values - values.mean(1, keepdims=True)
        orders, own = orders_of(n, second.shape[1])
        orders = orders.astype(float)
        null = statistic(values @ orders.T, values**2 @ orders.T, values, n)
        sums = [(values[:, :n] ** k).sum(1)[:, None] for k in (1, 2)]
        return two_sided(null, statistic(sums[0], sums[1], values, n)[:, 0], own)

    return test


TWO: dict[str, Callable[[Array, Array], Array]] = {
    "difference": exchanged(False),
    "studentised": exchanged(True),
    "both": both(exchanged(False), exchanged(True)),
}


def welch(first: Array, second: Array) -> Array:
    """Welch's t and its approximate degrees of freedom."""
    parts = [each.var(1, ddof=1) / each.shape[1] for each in (first, second)]
    together = np.maximum(parts[0] + parts[1], 1e-300)
    freedom = together**2 / np.maximum(
        sum(
            part**2 / (each.shape[1] - 1)
            for part, each in zip(parts, (first, second), strict=True)
        ),
        1e-300,
    )
    t = np.abs(first.mean(1) - second.mean(1)) / np.sqrt(together)
    return 2 * stdtr(freedom, -t)


SECOND_TWO: dict[str, Callable[[Array, Array], Array]] = {
    "difference": exchanged(False),
    "studentised": exchanged(True),
    "Welch": welch,
    "studentised and Welch": both(exchanged(True), welch),
}


# --- scenarios ------------------------------------------------------------------------


def standard(rng: np.random.Generator, shape: tuple[int, ...], name: str) -> Array:
    """Numbers of a scenario, of mean 0."""
    draw, mean, _ = SCENARIOS[name]
    return draw(rng, shape) - mean


NULLS_OF_ONE: dict[str, Callable] = {
    name: lambda rng, r, n, name=name: standard(rng, (r, n), name)
    for name in SCENARIOS
    if name != "alike"
}
HELD_OF_ONE = [name for name in NULLS_OF_ONE if name in SMOOTH]

EFFECTS_OF_ONE: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "normal, mean 1.5 sd": lambda rng, r, n: 1.5 + rng.normal(size=(r, n)),
    "skewed above, mean 1.5 sd": lambda rng, r, n: (
        1.5 + standard(rng, (r, n), "very skewed") / 2.161
    ),
    "skewed below, mean 1.5 sd": lambda rng, r, n: (
        1.5 - standard(rng, (r, n), "very skewed") / 2.161
    ),
    "near 1 against .8": lambda rng, r, n: 0.15 + standard(rng, (r, n), "score near 1"),
    "one in ten short, against .3": lambda rng, r, n: (
        0.65 + standard(rng, (r, n), "exactly 1, one in ten short")
    ),
}


def _pair(
    ratio: float, first: Callable, second: Callable
) -> Callable[[np.random.Generator, int, int], tuple[Array, Array]]:
    return lambda rng, r, n: (first(rng, (r, n)), second(rng, (r, round(ratio * n))))


def normal(spread: float, mean: float = 0.0) -> Callable:
    return lambda rng, shape: mean + spread * rng.normal(size=shape)


def lognormal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return standard(rng, shape, "very skewed")


HELD_OF_TWO = {
    "n and n": _pair(1, normal(1), normal(1)),
    "n and 2 n, the small one spreads 3 times as much": _pair(2, normal(3), normal(1)),
    "n and 2 n, the large one spreads 3 times as much": _pair(
        2, normal(1 / 3), normal(1)
    ),
}
NULLS_OF_TWO = HELD_OF_TWO | {
    "n and 2 n, both very skewed": _pair(2, lognormal, lognormal),
    "n and n, one very skewed, the other normal": _pair(1, lognormal, normal(2.161)),
    "n and n, one very skewed, the other all alike": _pair(1, lognormal, normal(0)),
}
EFFECTS_OF_TWO = {
    "n and n, 1.5 sd apart": _pair(1, normal(1, 1.5), normal(1)),
    "n and 2 n, 1.5 sd apart": _pair(2, normal(1, 1.5), normal(1)),
    "n and n, all alike and 1.5 sd from the others": _pair(
        1, normal(0, 1.5), normal(1)
    ),
}


ROUNDS: dict[str, tuple[int, dict, dict]] = {
    "first": (7_919, ONE, TWO),
    "second": (104_729, SECOND_ONE, SECOND_TWO),
}
"""Random seed and candidates: of seeds against zero, of two groups."""


# --- simulating -----------------------------------------------------------------------


def simulate(
    seed: int, reps: int, kind: int, candidates: dict, scenarios: dict[str, Callable]
) -> list[dict[str, Any]]:
    """How often each candidate rejects in each scenario; the same draws for all."""
    rows = []
    for place, (scenario, draw) in enumerate(scenarios.items()):
        for n in SEEDS:
            rng = np.random.default_rng([seed, kind, place, n])
            found = dict.fromkeys(candidates, 0)
            for _ in range(reps // BATCH):
                data = draw(rng, BATCH, n)
                groups = data if isinstance(data, tuple) else (data,)
                for name, test in candidates.items():
                    found[name] += int((test(*groups) <= LEVEL).sum())
            rows += [
                {"test": name, "scenario": scenario, "n_seeds": n}
                | {"rejected": round(count / (reps // BATCH * BATCH), 4)}
                for name, count in found.items()
            ]
            print(kind, scenario, n, found, flush=True)
    return rows


def worst(rows: list[dict[str, Any]], test: str, held: Any, n: int) -> float:
    return max(
        row["rejected"]
        for row in rows
        if (row["test"], row["n_seeds"]) == (test, n) and row["scenario"] in held
    )


def power(rows: list[dict[str, Any]], test: str, n: int) -> float:
    mine = [r for r in rows if (r["test"], r["n_seeds"]) == (test, n)]
    return float(np.mean([row["rejected"] for row in mine]))


def choice_table(nulls: list[dict], effects: list[dict], held: Any) -> str:
    header = ["test", *(f"worst, n = {n}" for n in SEEDS)]
    header += [f"power, n = {n}" for n in SEEDS[1:]]
    lines = []
    for test in dict.fromkeys(row["test"] for row in nulls):
        cells = [bare(worst(nulls, test, held, n)) for n in SEEDS]
        cells += [bare(power(effects, test, n)) for n in SEEDS[1:]]
        lines.append([test, *cells])
    return markdown(header, lines)


def tables(record: dict[str, Any], which: str) -> str:
    one, two = record[f"{which}_one_null"], record[f"{which}_two_null"]
    gain, gain_two = record[f"{which}_one_effect"], record[f"{which}_two_effect"]
    return "\n\n".join(
        [
            f"Seeds against zero, {which} round:",
            choice_table(one, gain, HELD_OF_ONE),
            f"Two groups, {which} round:",
            choice_table(two, gain_two, HELD_OF_TWO),
        ]
    )


def save_tables(record: dict[str, Any], path: Path) -> None:
    text = path.read_text()
    for which in ROUNDS:
        begin, end = f"<!-- {which}: begin -->\n", f"\n<!-- {which}: end -->"
        head, rest = text.split(begin)
        text = head + begin + tables(record, which) + end + rest.split(end)[1]
    path.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reps", type=int, default=4000, help="runs a cell")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder")
    parser.add_argument("--render", action="store_true", help="do not simulate")
    args = parser.parse_args()
    path = args.docs / "seed_test_choice.json"
    if not args.render:
        record: dict[str, Any] = {
            "command": "python scripts/choose_seed_tests.py",
            "level": LEVEL,
            "seeds": {which: each[0] for which, each in ROUNDS.items()},
            "reps": args.reps,
        }
        for which, (seed, one, two) in ROUNDS.items():
            parts = {
                "one_null": (one, NULLS_OF_ONE),
                "one_effect": (one, EFFECTS_OF_ONE),
                "two_null": (two, NULLS_OF_TWO),
                "two_effect": (two, EFFECTS_OF_TWO),
            }
            for kind, (name, (candidates, scenarios)) in enumerate(parts.items()):
                record[f"{which}_{name}"] = simulate(
                    seed, args.reps, kind, candidates, scenarios
                )
        save_json(record, path)
    save_tables(json.loads(path.read_text()), args.docs / "statistics.md")


if __name__ == "__main__":
    main()
