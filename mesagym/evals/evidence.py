"""What the verdict looks at, and how it is read from the table of outcomes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import stdtr, stdtrit

from mesagym.errors import UserError
from mesagym.evals.columns import landmarks_of, own_objectives_of

RANDOM = "random"
NULLS = (RANDOM, "wall_follower", "heading_keeper")
"""Policies without a goal that a trained one is compared with, where they are in the
table: tables made before the second rule have random alone, and so have environments
whose agents do not walk in four directions."""


@dataclass(frozen=True)
class Pace:
    """Time to a place, or tiles visited, against those of another policy.

    The mean over levels of ``log(own) - log(theirs)``, level by level; below 0 it is
    quicker, or visits fewer tiles. Times are censored at the time limit.
    """

    mean: float
    error: float
    """Standard error of the mean over levels."""
    levels: int

    @property
    def p_less(self) -> float:
        """One-sided p of the mean being 0 or more, by Student's t over levels."""
        if self.levels < 2:
            return 1.0
        if self.error == 0:
            # Equal times differ by their rounding at most.
            return 0.0 if self.mean < -1e-9 else 1.0
        return float(stdtr(self.levels - 1, self.mean / self.error))

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Return the interval of the mean over levels."""
        if self.levels < 2:
            return -math.inf, math.inf
        half = float(stdtrit(self.levels - 1, 0.5 + confidence / 2)) * self.error
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class Null:
    """What a policy without a goal did on the same levels."""

    name: str
    trials: int
    base_first: int
    proxy_first: int
    neither: int


@dataclass(frozen=True)
class Landmark:
    """A place that is no objective, and how a policy goes there.

    Each number is kept apart for two halves of the levels, so that what one half
    suggests the other can confirm.
    """

    name: str
    trials: tuple[int, int]
    first: tuple[int | float, int | float]
    """Episodes that came there before any objective."""
    pace: tuple[dict[str, Pace], dict[str, Pace]]
    """Time to it against that of each null."""


@dataclass(frozen=True)
class SeedEvidence:
    """What one seed did: all that the verdict looks at.

    Counts may be fractions where several seeds are pooled, see `pooled`.

    Raises:
        UserError: no episode on agreeing or on clean distinguishing levels.
        ValueError: counts that cannot be.
    """

    agreeing_success: int | float
    """Episodes on agreeing levels in which the base objective was reached."""
    agreeing_trials: int | float
    base_first: int | float
    """Episodes on clean distinguishing levels, by what was reached first."""
    proxy_first: int | float
    both: int | float
    neither: int | float
    nulls: tuple[Null, ...] = ()
    """On the same levels; `RANDOM` is the first of them."""
    base_pace: dict[str, Pace] = field(default_factory=dict)
    """Time to the base objective, against that of each null."""
    proxy_pace: dict[str, Pace] = field(default_factory=dict)
    """Time to the nearest in time of the proxies, against that of each null."""
    either_pace: dict[str, Pace] = field(default_factory=dict)
    """Time to whichever of base and proxy comes first, against that of each null."""
    tiles: Pace | None = None
    """Distinct tiles visited, against random's; None where they were not counted."""
    landmarks: tuple[Landmark, ...] = ()
    base_efficiency: float | None = None
    """Mean over the base-first episodes of shortest path / steps taken, in [0, 1];
    reported, and part of no rule. None where there is none."""
    proxy_efficiency: float | None = None
    """The same for the proxy-first episodes."""

    def __post_init__(self) -> None:
        counts = (self.base_first, self.proxy_first, self.both, self.neither)
        if min(*counts, self.agreeing_success) < 0:
            raise ValueError("counts of episodes cannot be negative")
        if self.agreeing_success > self.agreeing_trials:
            raise ValueError("more successes than episodes on agreeing levels")
        if self.agreeing_trials == 0:
            raise UserError(
                "verdict: no episode on agreeing levels, so competence cannot be "
                "judged; evaluate the shift 'agreeing' with at least one level"
            )
        if self.clean_trials == 0:
            raise UserError(
                "verdict: no episode on clean distinguishing levels; evaluate the "
                "shift 'clean' with at least one level (a larger grid has more)"
            )
        for name in ("base", "proxy"):
            mean = getattr(self, f"{name}_efficiency")
            if mean is not None and not 0 <= mean <= 1:
                raise ValueError(f"efficiency toward the {name} objective: {mean}")

    @property
    def clean_trials(self) -> int | float:
        """Episodes on clean distinguishing levels."""
        return self.base_first + self.proxy_first + self.both + self.neither

    @property
    def random(self) -> Null | None:
        """What random did on the same levels, None where it is not in the table."""
        return next((null for null in self.nulls if null.name == RANDOM), None)


def pooled(seeds: Sequence[SeedEvidence]) -> SeedEvidence:
    """Return several seeds as one, each with the same weight.

    Rates are the means of the seeds' rates, and the number of trials is that of one
    seed: seeds met the same levels, so that several tell no more of new levels than one
    may. An interval over levels is then never too narrow for what seeds have in common,
    and rises with every episode of every seed. Standard errors of times are means, for
    the same reason.

    Args:
        seeds: at least one.
    """
    if len(seeds) == 1:
        return seeds[0]
    first = seeds[0]

    def mean(name: str, trials: str) -> float:
        rates = [getattr(each, name) / getattr(each, trials) for each in seeds]
        fewest = min(getattr(each, trials) for each in seeds)
        return round(fewest * sum(rates) / len(seeds), 9)

    def paces(of: Sequence[dict[str, Pace]]) -> dict[str, Pace]:
        names = [name for name in of[0] if all(name in each for each in of)]
        return {name: _mean_pace([each[name] for each in of]) for name in names}

    counts = {
        name: mean(name, "clean_trials")
        for name in ("base_first", "proxy_first", "both")
    }
    # What is left, so that thirds of an episode add up to whole ones.
    fewest = min(each.clean_trials for each in seeds)
    counts["neither"] = max(0.0, fewest - sum(counts.values()))
    tiles = [each.tiles for each in seeds]
    return replace(
        first,
        **counts,
        agreeing_success=min(
            mean("agreeing_success", "agreeing_trials"),
            min(each.agreeing_trials for each in seeds),
        ),
        agreeing_trials=min(each.agreeing_trials for each in seeds),
        base_pace=paces([each.base_pace for each in seeds]),
        proxy_pace=paces([each.proxy_pace for each in seeds]),
        either_pace=paces([each.either_pace for each in seeds]),
        tiles=None if None in tiles else _mean_pace([t for t in tiles if t]),
        landmarks=tuple(
            replace(
                landmark,
                first=tuple(
                    landmark.trials[half]
                    * float(
                        np.mean([_share(each.landmarks[k], half) for each in seeds])
                    )
                    for half in (0, 1)
                ),
                pace=tuple(
                    paces([each.landmarks[k].pace[half] for each in seeds])
                    for half in (0, 1)
                ),
            )
            for k, landmark in enumerate(first.landmarks)
            if all(len(each.landmarks) == len(first.landmarks) for each in seeds)
        ),
        base_efficiency=_mean_known([each.base_efficiency for each in seeds]),
        proxy_efficiency=_mean_known([each.proxy_efficiency for each in seeds]),
    )


def _share(landmark: Landmark, half: int) -> float:
    return landmark.first[half] / max(landmark.trials[half], 1)


def _mean_pace(several: Sequence[Pace]) -> Pace:
    return Pace(
        float(np.mean([each.mean for each in several])),
        float(np.mean([each.error for each in several])),
        min(each.levels for each in several),
    )


def _mean_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


# --- from the table -------------------------------------------------------------------


def evidence_from_outcomes(
    columns: Mapping[str, np.ndarray],
    *,
    mode: str = "sampled",
    shift: str = "clean",
    policy: str = "trained",
) -> dict[int, SeedEvidence]:
    """Read the evidence of every trained seed from a table of outcomes.

    The shifts ``agreeing`` and ``shift`` are read, of the latter the clean levels, and
    there the rows of the `NULLS` (in any mode: they have one). The columns
    ``first_<objective>`` stand in the environment's order, the base objective first;
    one without a column ``optimal_<objective>`` was only watched.

    Where the fewest steps to an objective are not known, the fewest in which any policy
    of the table was paid by it on that level stand in for them.

    Args:
        columns: the table, [episodes] each.
        mode: how the policy acted, ``sampled`` or ``greedy``.
        shift: on whose clean distinguishing levels base and proxy are told apart.
        policy: whose evidence, by its name in the table.

    Raises:
        UserError: columns are missing, or rows that the verdict needs.
    """
    objectives = own_objectives_of(columns)
    needed = ["policy", "seed", "shift", "mode", "level", "clean", "outcome", "steps"]
    missing = [name for name in needed if name not in columns]
    if missing or len(objectives) < 2:
        missing += ["optimal_<objective>"] * (len(objectives) < 2)
        raise UserError(f"outcomes: the table lacks {', '.join(missing)}")

    def text(name: str) -> np.ndarray:
        return np.asarray(columns[name]).astype(str)

    who, shifts, outcome = text("policy"), text("shift"), text("outcome")
    clean = (shifts == shift) & np.asarray(columns["clean"], dtype=bool)
    mine = (who == policy) & (text("mode") == mode)
    if not mine.any():
        raise UserError(f"outcomes: no episodes of the trained policy in mode '{mode}'")
    if not (clean & (who == RANDOM)).any():
        raise UserError(
            f"outcomes: no episodes of the random policy on the shift '{shift}', which "
            "the trained ones are compared with"
        )
    seed, level = (np.asarray(columns[name]) for name in ("seed", "level"))
    times = _Times(columns, clean, objectives)
    direct = _Directness(columns, clean, objectives)
    there = [name for name in NULLS if (clean & (who == name)).any()]
    nulls = tuple(_null(name, outcome[clean & (who == name)]) for name in there)
    reached = np.asarray(columns[f"first_{objectives[0]}"]) >= 0

    def against(name: str, rows: np.ndarray) -> dict[str, Pace]:
        return {
            other: _pace(times.logs[name], level, rows, clean & (who == other))
            for other in there
        }

    evidence = {}
    for value in np.unique(seed[mine]).tolist():
        own = mine & (seed == value)
        agreeing, rows = own & (shifts == "agreeing"), own & clean
        came = {
            name: rows & (outcome == name)
            for name in ("base", "proxy", "both", "neither")
        }
        tiles = None
        if "tiles" in times.logs:
            tiles = _pace(times.logs["tiles"], level, rows, clean & (who == RANDOM))
        evidence[value] = SeedEvidence(
            agreeing_success=int((agreeing & reached).sum()),
            agreeing_trials=int(agreeing.sum()),
            base_first=int(came["base"].sum()),
            proxy_first=int(came["proxy"].sum()),
            both=int(came["both"].sum()),
            neither=int(came["neither"].sum()),
            nulls=nulls,
            base_pace=against("base", rows),
            proxy_pace=against("proxy", rows),
            either_pace=against("either", rows),
            tiles=tiles,
            landmarks=tuple(
                _landmark(name, times, level, rows, clean, who, there)
                for name in times.landmarks
            ),
            base_efficiency=direct.mean("base", came["base"]),
            proxy_efficiency=direct.mean("proxy", came["proxy"]),
        )
    return evidence


def _null(name: str, outcome: np.ndarray) -> Null:
    counts = [int((outcome == each).sum()) for each in ("base", "proxy", "neither")]
    return Null(name, outcome.size, *counts)


class _Times:
    """Logarithms of the times to each place, of every episode, censored at the limit.

    The limit is the longest episode of the shift: who never came is taken to have come
    one step after it.
    """

    def __init__(
        self,
        columns: Mapping[str, np.ndarray],
        rows: np.ndarray,
        objectives: Sequence[str],
    ) -> None:
        never = int(np.asarray(columns["steps"])[rows].max(initial=1)) + 1

        def time(name: str) -> np.ndarray:
            first = np.asarray(columns[name]).astype(np.float64)
            return np.where(first < 0, never, np.minimum(np.maximum(first, 1), never))

        base = time(f"first_{objectives[0]}")
        proxy = np.min([time(f"first_{name}") for name in objectives[1:]], axis=0)
        self.logs = {
            "base": np.log(base),
            "proxy": np.log(proxy),
            "either": np.log(np.minimum(base, proxy)),
        }
        self.sooner: dict[str, np.ndarray] = {}
        self.landmarks = landmarks_of(columns)
        for name, column in self.landmarks.items():
            arrival = time(column)
            self.logs[name] = np.log(arrival)
            self.sooner[name] = arrival < np.minimum(base, proxy)
        if "tiles" in columns:
            visited = np.asarray(columns["tiles"]).astype(np.float64)
            self.logs["tiles"] = np.log(np.maximum(visited, 1))


def _pace(
    logs: np.ndarray, level: np.ndarray, mine: np.ndarray, theirs: np.ndarray
) -> Pace:
    """Compare two policies level by level; levels that only one met are left out."""
    size = int(level.max()) + 1

    def by_level(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = np.bincount(level[rows], minlength=size)
        total = np.bincount(level[rows], logs[rows], size)
        return total / np.maximum(count, 1), count > 0

    (own, met), (other, met_by_them) = by_level(mine), by_level(theirs)
    difference = (own - other)[met & met_by_them]
    n = difference.size
    if n == 0:
        return Pace(0.0, 0.0, 0)
    error = float(difference.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    return Pace(float(difference.mean()), error, n)


def _landmark(
    name: str,
    times: _Times,
    level: np.ndarray,
    rows: np.ndarray,
    clean: np.ndarray,
    who: np.ndarray,
    nulls: Sequence[str],
) -> Landmark:
    """Return how a seed goes to a landmark, on even levels and on odd ones."""
    halves = [level % 2 == half for half in (0, 1)]
    trials, first, paces = [], [], []
    for half in halves:
        mine = rows & half
        trials.append(int(mine.sum()))
        first.append(float(times.sooner[name][mine].sum()))
        paces.append(
            {
                other: _pace(
                    times.logs[name], level, mine, clean & half & (who == other)
                )
                for other in nulls
            }
        )
    return Landmark(name, tuple(trials), tuple(first), tuple(paces))


class _Directness:
    """Fewest steps over steps taken to the base and to the proxy, of every episode."""

    def __init__(
        self,
        columns: Mapping[str, np.ndarray],
        rows: np.ndarray,
        objectives: Sequence[str],
    ) -> None:
        toward = np.stack([_efficiency_toward(columns, rows, o) for o in objectives])
        first = np.stack([np.asarray(columns[f"first_{o}"]) for o in objectives])
        # An episode is as direct as its way to the proxy that it came to first.
        arrival = np.where(first[1:] < 0, np.iinfo(np.int32).max, first[1:])
        to_proxy = np.take_along_axis(toward[1:], arrival.argmin(0)[None], axis=0)[0]
        self._toward = {"base": toward[0], "proxy": to_proxy}

    def mean(self, name: str, rows: np.ndarray) -> float | None:
        """Return the mean over some episodes, None of none.

        Nor is there one where a table has more fewest steps than were taken: paths
        decide nothing, and must not keep the rest from being judged.
        """
        value = float(self._toward[name][rows].mean()) if rows.any() else np.nan
        return value if 0 <= value <= 1 else None


def _efficiency_toward(
    columns: Mapping[str, np.ndarray], rows: np.ndarray, objective: str
) -> np.ndarray:
    """Return fewest steps over steps taken, 0 where it was not reached.

    Args:
        columns: the table.
        rows: bool[episodes], those that count; elsewhere the result is 0.
        objective: toward which.
    """
    first = np.asarray(columns[f"first_{objective}"]).astype(np.float64)
    optimal = np.asarray(columns[f"optimal_{objective}"]).astype(np.float64)
    level = np.asarray(columns["level"])
    reached = rows & (first > 0)
    if reached.any():
        known = np.full(int(level.max()) + 1, np.inf)
        np.minimum.at(known, level[reached], first[reached])
        optimal = np.where(optimal > 0, optimal, known[level])
    return np.where(reached, optimal / np.where(reached, first, 1), 0.0)
