"""Whether trained policies differ from a random one, shift by shift, over a suite.

The seeds of training are what is exchanged, as everywhere; random is a fixed policy. So
a shift's test is of the mean over new seeds against one number, what random gets on the
same levels: the signs of the seeds' differences from it are flipped
(`mesagym.evals.permutation.sign_flips`), and no n seeds can bring p below 2 / 2^n. To
take random's own draws for other seeds, and exchange them with the trained ones, would
give smaller p values to another question: whether seeds are as random in everything,
their spread included.

Random's number is itself measured, in as many episodes as there are, and its error is
the same for every seed, so that flipping signs does not see it. So the p value is the
largest over an interval that misses random's true number with a chance of `MISSED`,
plus `MISSED` (Berger and Boos 1994).
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betaincinv, stdtrit

from mesagym.errors import UserError, nearest
from mesagym.evals.amounts import Amounts
from mesagym.evals.columns import CONTEST, kind_of, own_objectives_of
from mesagym.evals.multiplicity import benjamini_hochberg
from mesagym.evals.outcomes import OUTCOMES
from mesagym.evals.permutation import sign_flips
from mesagym.evals.power import PowerNote, power_note, rate_noise
from mesagym.levels.pool import AGREEING, LABEL_NAMES

MISSED = 0.001
"""Chance that random's true number is outside the interval that p is the largest over.
It is added to every p value."""

LEVEL = 0.05
"""Below which an adjusted p value is called beyond chance."""

FEWEST = next(n for n in range(1, 64) if 2 / 2**n + MISSED <= LEVEL)
"""Seeds below which no difference, whatever its size, is beyond chance."""

RATE, SCORE, RETURN = "rate", "score", "return"

SUCCESS = "success"
"""Counted beside a contest's outcomes: the base objective was reached, if later."""


@dataclass(frozen=True)
class ShiftTest:
    """Trained policies against random on one shift.

    Where a test could not be made its numbers are NaN and ``why`` says so.
    """

    shift: str
    of: str
    """The outcome that was counted, or SUCCESS, or the objective whose return was."""
    unit: str
    """RATE of a contest's outcome; SCORE, 0 for random and 1 for the reference policy;
    RETURN where the reference policy earns no more than random does."""
    seeds: int
    trained: float = math.nan
    """Mean over seeds."""
    random: float = math.nan
    """On the same levels."""
    p: float = math.nan
    """Two-sided."""
    smallest: float = math.nan
    """No p of so many seeds is below this."""
    adjusted: float = math.nan
    """p, adjusted for the suite (Benjamini and Hochberg)."""
    power: PowerNote | None = None
    why: str = ""

    @property
    def beyond_chance(self) -> bool:
        """Whether the adjusted p is at most `LEVEL`."""
        return self.adjusted <= LEVEL


def suite_tests(
    columns: Mapping[str, np.ndarray],
    *,
    of: str | None = None,
    mode: str = "sampled",
    seeds: Collection[int] | None = None,
) -> tuple[ShiftTest, ...]:
    """Test trained policies against random on every shift, adjusted for the suite.

    Args:
        columns: the table of outcomes, [episodes] each.
        of: of a contest the outcome that is counted, or SUCCESS; if None it is
            ``base``, and SUCCESS on shifts all whose levels are agreeing, where nothing
            comes first. Else the objective whose return is, the base objective if None.
        mode: how the trained policies acted, ``sampled`` or ``greedy``.
        seeds: of trained policies; all if None. To leave seeds out for what they did
            on these same shifts makes p values too small.

    Returns:
        A test a shift, in the order of the table. On the shift ``clean`` only clean
        levels count, as for the verdict.

    Raises:
        UserError: columns are missing, no outcome or objective has that name, or there
            is no episode of the trained policies in that mode.
    """
    contest = kind_of(columns) == CONTEST
    objectives = own_objectives_of(columns)
    needed = ["policy", "shift", "mode", "seed", "level", "clean", "level_class"]
    missing = [name for name in needed if name not in columns]
    if missing or not objectives:
        missing += ["optimal_<objective>"] * (not objectives)
        raise UserError(f"outcomes: the table lacks {', '.join(missing)}")
    allowed = (*OUTCOMES, SUCCESS) if contest else objectives
    if of is not None and of not in allowed:
        what = "outcome" if contest else "objective"
        raise UserError(f"tests: unknown {what} '{of}'." + nearest(of, allowed))
    table = {name: np.asarray(columns[name]) for name in needed}
    policy, shift = table["policy"].astype(str), table["shift"].astype(str)
    counted = (shift != "clean") | table["clean"].astype(bool)
    trained = counted & (policy == "trained") & (table["mode"].astype(str) == mode)
    if seeds is not None:
        trained &= np.isin(table["seed"], list(seeds))
    if not trained.any():
        raise UserError(f"outcomes: no episodes of the trained policy in mode '{mode}'")
    random = counted & (policy == "random")
    agreeing = table["level_class"].astype(str) == LABEL_NAMES[AGREEING]
    amounts = None if contest else Amounts(columns)
    tests = []
    for name in dict.fromkeys(shift.tolist()):
        here = shift == name
        mine, its = trained & here, random & here
        agree = contest and bool(agreeing[here].all())
        usual = "base" if contest else objectives[0]
        test = ShiftTest(
            shift=name,
            of=of or (SUCCESS if agree else usual),
            unit=RATE if contest else RETURN,
            seeds=len(np.unique(table["seed"][mine])),
        )
        if agree and test.of in ("base", "proxy"):
            tests.append(replace(test, why="the objectives agree on these levels"))
            continue
        value = _values(columns, test, objectives[0])
        scale = math.nan if amounts is None else amounts.scale(name, test.of)
        theirs = (value[mine], table["seed"][mine], table["level"][mine])
        tests.append(_tested(test, theirs, (value[its], table["level"][its]), scale))
    adjusted = benjamini_hochberg(np.array([test.p for test in tests]))
    pairs = zip(tests, adjusted.tolist(), strict=True)
    return tuple(replace(test, adjusted=each) for test, each in pairs)


def _values(
    columns: Mapping[str, np.ndarray], test: ShiftTest, base: str
) -> np.ndarray:
    """Return what each episode counts for, float64[episodes]."""
    if test.unit != RATE:
        found = np.asarray(columns[f"return_{test.of}"])
    elif test.of == SUCCESS:
        found = np.asarray(columns[f"first_{base}"]) >= 0
    else:
        found = np.asarray(columns["outcome"]).astype(str) == test.of
    return found.astype(np.float64)


def _tested(
    test: ShiftTest,
    trained: tuple[np.ndarray, np.ndarray, np.ndarray],
    random: tuple[np.ndarray, np.ndarray],
    scale: float,
) -> ShiftTest:
    """Make one shift's test.

    Args:
        test: what is known of it.
        trained: values, seeds and levels of the episodes.
        random: values and levels of the episodes.
        scale: return between random and reference, NaN where there is none.
    """
    for whose, episodes in (("trained", trained), ("random", random)):
        if not episodes[0].size:
            return replace(test, why=f"no episodes of the {whose} policy")
    values, own, levels = trained
    means = np.array([values[own == seed].mean() for seed in np.unique(own)])
    if not (np.isfinite(means).all() and np.isfinite(random[0]).all()):
        return replace(test, why="values that are not finite")
    middle = float(random[0].mean())
    low, high = random_interval(*random, rate=test.unit == RATE)
    n = means.size
    mean = float(means.mean())
    # What of random's interval lies between its middle and the seeds.
    margin = high - middle if mean > middle else middle - low
    shown, unit = {"trained": mean, "random": middle}, 1.0
    if test.unit == RATE:
        noise = rate_noise(mean, values.size // n)
    else:
        noise = episode_noise(values, own, levels)
        if math.isfinite(scale):
            shown = {"trained": (mean - middle) / scale, "random": 0.0, "unit": SCORE}
            unit = scale
    power = power_note(
        (means - middle) / unit,
        noise=noise / unit,
        margin=margin / unit,
        at_least=FEWEST,
    )
    return replace(
        test,
        **shown,
        p=p_against(means, low, high),
        smallest=min(1.0, sign_flips(np.ones(n)).smallest + MISSED),
        power=power,
    )


def episode_noise(values: np.ndarray, seeds: np.ndarray, levels: np.ndarray) -> float:
    """Return the standard deviation of a seed's mean that single episodes alone cause.

    From what is left of the episodes when the means of seeds and of levels are taken
    off; 0 where it cannot be known, with one seed or where seeds had other levels.

    Args:
        values: [episodes].
        seeds: of each episode.
        levels: of each episode.
    """
    own, row = np.unique(seeds, return_inverse=True)
    known, column = np.unique(levels, return_inverse=True)
    n, m = own.size, known.size
    places = np.sort(row * m + column)
    if min(n, m) < 2 or not np.array_equal(places, np.arange(n * m)):
        return 0.0
    table = np.empty((n, m))
    table[row, column] = values
    left = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    return math.sqrt(float((left**2).sum()) / ((n - 1) * (m - 1)) / m)


def p_against(means: np.ndarray, low: float, high: float) -> float:
    """Return the two-sided p of seeds' mean against a number known to an interval.

    The p of flipped signs falls with the distance of the number from the mean, so the
    largest over the interval is that of its nearest end.

    Args:
        means: [seeds].
        low: end of an interval that misses the number in `MISSED` of cases.
        high: the other.
    """
    nearest_end = min(max(float(means.mean()), low), high)
    return min(1.0, sign_flips(means - nearest_end).p + MISSED)


def random_interval(
    values: np.ndarray, levels: np.ndarray, *, rate: bool
) -> tuple[float, float]:
    """Return an interval for what random gets on these levels, missed in `MISSED`.

    For a rate it is Clopper and Pearson's: levels differ in how likely a success is,
    which only makes the number of successes vary less (Hoeffding 1956). For a return it
    is Student's t, with the variance of repeated episodes on one level where every
    level has them, and else with that of all, which holds the levels' differences too.

    Args:
        values: 0 or 1 of a rate, returns else, [episodes].
        levels: the level of each.
        rate: which of the two.
    """
    size = values.size
    mean = float(values.mean())
    if rate:
        found = float(values.sum())
        low = float(betaincinv(found, size - found + 1, MISSED / 2)) if found else 0.0
        rest, high = size - found, 1.0
        if rest:
            high = float(betaincinv(found + 1, rest, 1 - MISSED / 2))
        return low, high
    _, place, episodes = np.unique(levels, return_inverse=True, return_counts=True)
    centre, freedom = np.full(size, mean), size - 1
    if episodes.min() > 1:
        totals = np.bincount(place, values)
        centre, freedom = (totals / episodes)[place], size - episodes.size
    if freedom < 1:
        return -math.inf, math.inf
    variance = float(((values - centre) ** 2).sum()) / freedom
    half = float(stdtrit(freedom, 1 - MISSED / 2)) * math.sqrt(variance / size)
    return mean - half, mean + half
