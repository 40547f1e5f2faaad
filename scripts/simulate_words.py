"""Simulate how often a run gets each word, and how often its intervals are right.

    python scripts/simulate_words.py [--replications 500]

writes docs/words.json and the tables in docs/statistics.md, which says what is drawn
and how the figures are read. The policies of experiments/demo are put on several draws
of levels besides. It takes some minutes.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mesagym.evals.episodes import run_episodes
from mesagym.evals.evidence import NULLS, Null, Pace, SeedEvidence, pooled
from mesagym.evals.facts import facts_of
from mesagym.evals.outcomes import OUTCOMES, outcome_codes
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.evals.verdict import RunVerdict, judge_run
from mesagym.evals.verdict_rule import (
    DEFAULT_RULE,
    INCAPABLE,
    INCONCLUSIVE,
    MISGENERALIZED,
    MIXTURE,
    NOISY_BASE,
    NOISY_PROXY,
    ROBUST,
    SEED_DEPENDENT,
    UNTRAINED,
    WORDS,
)
from mesagym.training.saved import load

REPOSITORY = Path(__file__).parent.parent
BEGIN, END = "<!-- words: begin -->", "<!-- words: end -->"

SEEDS = (2, 4, 8, 10)
LEVELS, RANDOM_DRAWS = 128, 4
MORE_LEVELS = (128, 256, 512, 1024)
"""On which seeds that are alike, and as random, are judged besides."""
PUBLISHING_SEED = 61_201

# Logarithms of times less random's, level by level. What the levels and the null's few
# episodes have in common for all seeds, and what is a seed's own, spread as they do for
# the policies of docs/evaluators/verdict_confusion.md on 9×9 grids.
SHARED_SPREAD, OWN_SPREAD = 0.8, 1.2
SEED_SPREAD = 0.4
"""Of the times between seeds, for each unit of the spread of their logits."""
WALKERS_SOONER = 0.45
"""By so much a wall follower and a heading keeper come sooner than random."""
LEVEL_SPREAD = 0.5
"""Of the logits of the outcomes over levels, the same for all seeds."""
NULL_RATES = {"random": (0.40, 0.42, 0.18)} | {
    name: (0.46, 0.46, 0.08) for name in NULLS[1:]
}


# --- populations of seeds -------------------------------------------------------------


class Kind(NamedTuple):
    """Seeds of one kind."""

    rates: tuple[float, float, float]  # base, proxy, neither first, of a median seed
    times: tuple[float, float, float]
    """Mean logarithms of times to base, proxy, and whichever comes first, less
    random's."""
    right: tuple[str, ...]  # words that are right of such seeds
    spread: float = 0.5  # between seeds, of the logits


BASE = Kind((0.92, 0.04, 0.04), (-1.6, 0.5, -1.4), (ROBUST, NOISY_BASE))
PROXY = Kind((0.04, 0.92, 0.04), (0.5, -1.6, -1.4), (MISGENERALIZED, NOISY_PROXY))

POPULATIONS: dict[str, tuple[tuple[float, Kind], ...]] = {
    "base, alike": ((1.0, BASE._replace(spread=0.0)),),
    "base, spread .5": ((1.0, BASE),),
    "base, spread 1": ((1.0, BASE._replace(spread=1.0)),),
    "proxy, spread .5": ((1.0, PROXY),),
    "near the ceiling": ((1.0, BASE._replace(rates=(0.996, 0.002, 0.002))),),
    "in between, base at .62": (
        (1.0, Kind((0.62, 0.25, 0.13), (-1.0, 0.1, -0.8), (ROBUST, NOISY_BASE))),
    ),
    "both, coin an episode": (
        (1.0, Kind((0.48, 0.48, 0.04), (-0.5, -0.5, -1.4), (MIXTURE,))),
    ),
    "as random": ((1.0, Kind((0.40, 0.42, 0.18), (0.0, 0.0, 0.0), (INCAPABLE,), 0.0)),),
    "as random, spread .5": (
        (1.0, Kind((0.40, 0.42, 0.18), (0.0, 0.0, 0.0), (INCAPABLE,))),
    ),
    "two kinds .5/.5": ((0.5, BASE), (0.5, PROXY)),
    "two kinds .9/.1": ((0.9, BASE), (0.1, PROXY)),
}


class Drawn(NamedTuple):
    """Seeds of several runs, [runs, seeds], and the levels that they met."""

    kinds: np.ndarray
    logits: np.ndarray  # [runs, seeds, 3]
    levels: np.ndarray  # [runs, levels, 3] what levels add to the logits of all seeds
    counts: np.ndarray  # [runs, seeds, 3] of base, proxy, neither first


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities over the last axis."""
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def some_seeds(
    population: Sequence[tuple[float, Kind]],
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kinds of seeds, [*shape], and their logits, [*shape, 3]."""
    shares = [share for share, _ in population]
    kinds = rng.choice(len(population), p=shares, size=shape)
    centres = np.log([kind.rates for _, kind in population])[kinds]
    spreads = np.array([kind.spread for _, kind in population])[kinds]
    return kinds, centres + spreads[..., None] * rng.normal(size=(*shape, 3))


def drawn(
    population: Sequence[tuple[float, Kind]],
    runs: int,
    n: int,
    rng: np.random.Generator,
    levels: int = LEVELS,
) -> Drawn:
    """Draw runs of n seeds, each run on levels of its own."""
    kinds, logits = some_seeds(population, (runs, n), rng)
    added = LEVEL_SPREAD * rng.normal(size=(runs, levels, 3))
    chances = softmax(logits[:, :, None] + added[:, None]).cumsum(-1)
    outcome = (rng.random(chances.shape[:-1])[..., None] > chances).sum(-1)
    counts = (outcome[..., None] == np.arange(3)).sum(2)
    return Drawn(kinds, logits, added, counts)


def evidence(
    population: Sequence[tuple[float, Kind]],
    runs: Drawn,
    run: int,
    rng: np.random.Generator,
) -> list[SeedEvidence]:
    """Return what the seeds of one run show: counts drawn before, times drawn here."""
    levels = runs.levels.shape[1]
    trials = levels * RANDOM_DRAWS
    nulls = tuple(
        Null(name, trials, *rng.multinomial(trials, rates).tolist())
        for name, rates in NULL_RATES.items()
    )
    # What seeds have in common on these levels: [objective or either, null].
    common = rng.normal(size=(3, len(NULLS))) * SHARED_SPREAD / np.sqrt(levels)
    walkers = np.array([0.0, *(WALKERS_SOONER,) * (len(NULLS) - 1)])
    spread = np.hypot(SHARED_SPREAD, OWN_SPREAD) / np.sqrt(levels)
    found = []
    for kind, counts in zip(runs.kinds[run], runs.counts[run], strict=True):
        paces = []
        for objective, time in enumerate(population[kind][1].times):
            differs = SEED_SPREAD * population[kind][1].spread
            own = rng.normal() * np.hypot(differs, OWN_SPREAD / np.sqrt(levels))
            means = time + own + walkers + common[objective]
            errors = spread * np.sqrt(
                rng.chisquare(levels - 1, len(NULLS)) / (levels - 1)
            )
            paces.append(
                {
                    name: Pace(float(mean), float(error), levels)
                    for name, mean, error in zip(NULLS, means, errors, strict=True)
                }
            )
        base, proxy, neither = counts.tolist()
        success = int(rng.binomial(levels, 0.97))
        found.append(
            SeedEvidence(
                agreeing_success=success,
                agreeing_trials=levels,
                base_first=base,
                proxy_first=proxy,
                both=0,
                neither=neither,
                nulls=nulls,
                base_pace=paces[0],
                proxy_pace=paces[1],
                either_pace=paces[2],
            )
        )
    return found


# --- words and coverage ---------------------------------------------------------------


def right_words(
    population: Sequence[tuple[float, Kind]], kinds: np.ndarray
) -> tuple[str, ...]:
    """Return the words that are right of a run with seeds of these kinds."""
    there = np.unique(kinds)
    if len(there) > 1:
        return (SEED_DEPENDENT,)
    return population[int(there[0])][1].right


def simulated(
    name: str, n: int, runs: int, seed: int, levels: int = LEVELS
) -> dict[str, Any]:
    """Return how often runs of n seeds of a population get each word, and coverage."""
    population = POPULATIONS[name]
    rng = np.random.default_rng([seed, list(POPULATIONS).index(name), n])
    them = drawn(population, runs, n, rng, levels)
    verdicts = [judge_run(evidence(population, them, run, rng)) for run in range(runs)]
    words = Counter(each.word for each in verdicts)
    says_nothing = (INCONCLUSIVE, UNTRAINED)
    right = sum(
        each.word in right_words(population, kinds)
        for each, kinds in zip(verdicts, them.kinds, strict=True)
    )
    nothing = sum(words[word] for word in says_nothing)
    row = {
        "population": name,
        "n_seeds": n,
        "levels": levels,
        "runs": runs,
        "words": {word: words[word] / runs for word in WORDS if words[word]},
        "right": right / runs,
        "says_nothing": nothing / runs,
        "wrong": (runs - right - nothing) / runs,
    }
    return row | coverage(population, them, verdicts, rng)


def coverage(
    population: Sequence[tuple[float, Kind]],
    them: Drawn,
    verdicts: Sequence[RunVerdict],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return how often intervals held what they speak of, None where there is none.

    ``pooled``: the bounds over levels, and the rate of these seeds on all levels, the
    least of base, proxy and neither. ``new_seeds``: the intervals over seeds, and the
    mean rate of all seeds on these levels (``new_seeds_new_levels``: on all levels).
    ``share``: the interval for the share of new seeds with the run's word, and how many
    of all simulated seeds have it.
    """
    levels = LEVEL_SPREAD * rng.normal(size=(400, 3))
    others = some_seeds(population, (400,), rng)[1]
    theirs = softmax(them.logits[:, :, None] + levels).mean((1, 2))
    everywhere = softmax(others[:, None] + levels).mean((0, 1))
    everywhere = np.broadcast_to(everywhere, theirs.shape)
    names = ("base", "proxy", "neither")

    def least(found: list[list[bool]]) -> float | None:
        return min(np.mean(found, axis=0).tolist()) if found else None

    row: dict[str, Any] = {
        "pooled": least(
            [
                _held(each.facts.rates, names, theirs[run])
                for run, each in enumerate(verdicts)
                if each.facts is not None
            ]
        )
    }
    with_new = [
        (run, each.new_seeds)
        for run, each in enumerate(verdicts)
        if each.new_seeds is not None
    ]
    here = {
        run: softmax(others[:, None] + them.levels[run]).mean((0, 1))
        for run, _ in with_new
    }
    row["new_seeds"] = least([_held(new.rates, names, here[r]) for r, new in with_new])
    row["new_seeds_new_levels"] = least(
        [_held(new.rates, names, everywhere[r]) for r, new in with_new]
    )
    alone = Counter(s.word for each in verdicts for s in each.seeds.values())
    shares = [
        new.share[0] <= alone[verdicts[r].word] / alone.total() <= new.share[1]
        for r, new in with_new
        if verdicts[r].word != SEED_DEPENDENT
    ]
    row["share"] = float(np.mean(shares)) if shares else None
    return row


def _held(rates: Any, names: Sequence[str], truth: np.ndarray) -> list[bool]:
    return [
        bool(rates[name].low <= rate <= rates[name].high)
        for name, rate in zip(names, truth, strict=True)
    ]


# --- two draws of levels --------------------------------------------------------------

DEMO = ("alpha-0", "alpha-0.5")
DRAWS, LEVEL_SEED = 8, 4_100_000


def two_draws(sizes: Sequence[int] = (128, 512)) -> list[dict[str, Any]]:
    """Return how often bounds from one draw of levels held the rate on another.

    Every ordered pair of `DRAWS` disjoint draws, of the policies of the demo, all seeds
    pooled as a run's are and each seed alone; and how often they held the rate on all
    levels of all draws.
    """
    found = []
    for name in DEMO:
        saved = load(REPOSITORY / "experiments" / "demo" / name)
        total = DRAWS * max(sizes)
        pool = build_pool(
            saved.env,
            saved.env_params,
            shifts_of(saved.env)["clean"],
            total,
            LEVEL_SEED,
        )
        for mode in ("sampled", "greedy"):
            policy = replace(saved.policy, greedy=mode == "greedy")
            episodes = run_episodes(
                pool, policy, saved.params, list(saved.seeds), LEVEL_SEED
            )
            codes = outcome_codes(episodes.first)
            for size in sizes:
                draws = codes[:, : DRAWS * size].reshape(len(codes), DRAWS, size)
                seeds = [draws, *(draws[k : k + 1] for k in range(len(draws)))]
                held = [_held_by_others(each) for each in seeds]
                about = {"policies": name, "mode": mode, "levels": size}
                pooled_seeds, single = held[0], np.mean(held[1:], axis=0)
                for k, outcome in enumerate(("base", "proxy", "neither")):
                    rate = (draws == OUTCOMES.index(outcome)).mean()
                    found.append(
                        {
                            **about,
                            "outcome": outcome,
                            "rate": round(float(rate), 4),
                            "run_other_draw": round(float(pooled_seeds[0, k]), 4),
                            "run_all_levels": round(float(pooled_seeds[1, k]), 4),
                            "seed_other_draw": round(float(single[0, k]), 4),
                            "seed_all_levels": round(float(single[1, k]), 4),
                        }
                    )
    return found


def _held_by_others(codes: np.ndarray) -> np.ndarray:
    """Return the shares of bounds that held other draws' rates, and that of all levels.

    Args:
        codes: int[seeds, draws, levels] of `OUTCOMES`.

    Returns:
        float[2, 3]: of base, proxy and neither.
    """
    names = ("base", "proxy", "neither")
    rates = np.stack([(codes == OUTCOMES.index(x)).mean((0, 2)) for x in names], -1)
    low, high = np.empty_like(rates), np.empty_like(rates)
    for draw in range(codes.shape[1]):
        seeds = []
        for mine in codes[:, draw]:
            counts = np.bincount(mine, minlength=len(OUTCOMES)).tolist()
            outcomes = dict(zip(OUTCOMES, counts, strict=True))
            seeds.append(
                SeedEvidence(
                    agreeing_success=1,
                    agreeing_trials=1,
                    base_first=outcomes["base"],
                    proxy_first=outcomes["proxy"],
                    both=outcomes["both"],
                    neither=outcomes["neither"],
                )
            )
        bounds = facts_of(pooled(seeds), DEFAULT_RULE).rates
        low[draw] = [bounds[name].low for name in names]
        high[draw] = [bounds[name].high for name in names]
    inside = (low[:, None] <= rates) & (rates <= high[:, None])
    others = ~np.eye(len(rates), dtype=bool)
    whole = rates.mean(0)
    return np.stack(
        [inside[others].mean(0), ((low <= whole) & (whole <= high)).mean(0)]
    )


# --- recording ------------------------------------------------------------------------


def bare(x: float | None) -> str:
    """Write a share with two digits and without its leading zero."""
    return "–" if x is None else f"{x:.2f}".removeprefix("0")


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables(record: dict[str, Any]) -> str:
    """Return the tables of docs/statistics.md."""
    rows = {(row["population"], row["n_seeds"]): row for row in record["words"]}

    def table(cell: Any, seeds: Sequence[int] = SEEDS) -> str:
        lines = [[name, *(cell(rows[name, n]) for n in seeds)] for name in POPULATIONS]
        return markdown(["seeds", *(f"n = {n}" for n in seeds)], lines)

    def words(row: dict[str, Any]) -> str:
        order = sorted(row["words"].items(), key=lambda item: -item[1])
        shown = [f"{word} {bare(share)}" for word, share in order if share >= 0.005]
        return ", ".join(shown)

    def covered(row: dict[str, Any]) -> str:
        return " · ".join(
            bare(row[name])
            for name in ("new_seeds", "new_seeds_new_levels", "share", "pooled")
        )

    draws = [
        [
            f"{row['policies']}, {row['mode']}, {row['levels']} levels",
            row["outcome"],
            *(
                bare(row[name])
                for name in (
                    "rate",
                    "run_other_draw",
                    "run_all_levels",
                    "seed_other_draw",
                    "seed_all_levels",
                )
            ),
        ]
        for row in record["two_draws"]
    ]
    return "\n\n".join(
        [
            "How often runs of n seeds get each word (shares of .005 or more):",
            table(words),
            "Right, saying nothing, wrong:",
            table(
                lambda row: " · ".join(
                    bare(row[name]) for name in ("right", "says_nothing", "wrong")
                )
            ),
            "Coverage of 95 % intervals: of new seeds' mean rates on these levels, the "
            "same on new levels, the share of new seeds with the same word, and the "
            "pooled bounds of these seeds on new levels; of rates the least of base, "
            "proxy and neither.",
            table(covered),
            "Single seeds that do what random does, by the number of levels:",
            markdown(
                ["levels", "words"],
                [[str(row["levels"]), words(row)] for row in record["as_random"]],
            ),
            "Two draws of levels, the demo's eight seeds: how often bounds from one "
            "draw held the rate on another, and the rate on all levels; of the run's "
            "pooled bounds and of a single seed's.",
            markdown(
                [
                    "policies",
                    "outcome",
                    "rate",
                    "run, other draw",
                    "run, all levels",
                    "seed, other draw",
                    "seed, all levels",
                ],
                draws,
            ),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, write the record, and put the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=500)
    parser.add_argument("--seed", type=int, default=PUBLISHING_SEED)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "words.json")
    parser.add_argument(
        "--page", type=Path, default=REPOSITORY / "docs" / "statistics.md"
    )
    given = parser.parse_args(arguments)
    record = {
        "command": "python scripts/simulate_words.py",
        "replications": given.replications,
        "seed": given.seed,
        "levels": LEVELS,
        "two_draws": two_draws(),
        "as_random": [
            simulated("as random", 1, given.replications, given.seed, levels)
            for levels in MORE_LEVELS
        ],
        "words": [],
    }
    for name in POPULATIONS:
        for n in SEEDS:
            row = simulated(name, n, given.replications, given.seed)
            print(name, n, row["words"], flush=True)
            record["words"].append(row)
    given.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    text = given.page.read_text()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    given.page.write_text(f"{head}{BEGIN}\n{tables(record)}\n{END}{tail}")


if __name__ == "__main__":
    main()
