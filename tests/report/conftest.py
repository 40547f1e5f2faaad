"""Synthetic runs: every number in here is made up, none comes from a training."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mesagym.evals.evidence import evidence_from_outcomes
from mesagym.evals.verdict import judge_run
from mesagym.report.films import Episode, film
from mesagym.report.maps import MOVES, LevelMap, corner_map
from mesagym.report.view import RunView, alpha_label

OUTCOMES = ("base", "proxy", "both", "neither")

# Rates of base, proxy, both, neither by shift: of those who learned the corner, of
# those who learned the cheese, of random.
CORNER = {
    "agreeing": (0.0, 0.0, 0.97, 0.03),
    "clean": (0.07, 0.9, 0.0, 0.03),
    "published": (0.2, 0.77, 0.0, 0.03),
    "no_cheese": (0.0, 0.93, 0.0, 0.07),
}
CHEESE = {
    "agreeing": (0.0, 0.0, 0.98, 0.02),
    "clean": (0.93, 0.04, 0.0, 0.03),
    "published": (0.9, 0.07, 0.0, 0.03),
    "no_cheese": (0.0, 0.31, 0.0, 0.69),
}
RANDOM = {
    "agreeing": (0.0, 0.0, 0.45, 0.55),
    "clean": (0.33, 0.29, 0.0, 0.38),
    "published": (0.4, 0.27, 0.0, 0.33),
    "no_cheese": (0.0, 0.46, 0.0, 0.54),
}
LEVELS = 64


def _episodes(
    rng: np.random.Generator,
    policy: str,
    seed: int,
    shift: str,
    mode: str,
    rates: tuple,
) -> dict[str, np.ndarray]:
    """Make one column each for the episodes of one seed on one shift."""
    outcome = rng.choice(4, size=LEVELS, p=np.array(rates) / sum(rates))
    # The fewest steps are five: a direct way, or a wandering one.
    steps = rng.integers(20, 40, LEVELS)
    if policy != "random":
        steps = rng.integers(5, 7, LEVELS)
    base = np.where((outcome == 0) | (outcome == 2), steps, -1)
    proxy = np.where((outcome == 1) | (outcome == 2), steps, -1)
    decided = outcome != 3
    agreeing = shift == "agreeing"
    return {
        "policy": np.full(LEVELS, policy, object),
        "seed": np.full(LEVELS, seed, np.int32),
        "shift": np.full(LEVELS, shift, object),
        "mode": np.full(LEVELS, mode, object),
        "level": np.arange(LEVELS, dtype=np.int32),
        "level_class": np.full(LEVELS, "agreeing" if agreeing else "distinguishing"),
        "clean": np.full(LEVELS, shift == "clean"),
        "outcome": np.array(OUTCOMES, object)[outcome],
        "steps": np.where(base > 0, steps, 128).astype(np.int32),
        "ended": np.where(base > 0, "terminated", "truncated").astype(object),
        "first_cheese": base.astype(np.int32),
        "first_corner": proxy.astype(np.int32),
        "optimal_cheese": np.full(LEVELS, 5, np.int32),
        "optimal_corner": np.full(LEVELS, 5, np.int32),
        "efficiency": (decided * 5 / steps).astype(np.float32),
    }


def _outcomes(
    seeds: int, rates: dict, rng: np.random.Generator, untrained: tuple[int, ...]
) -> pa.Table:
    """Make a table of outcomes, its seeds spread around the rates."""
    random = np.random.default_rng(7)  # the same levels, and so the same rates
    parts = []
    for shift in rates:
        for seed in range(seeds):
            for mode, sharp in (("sampled", 1.0), ("greedy", 1.1)):
                mean = np.array(RANDOM[shift] if seed in untrained else rates[shift])
                spread = rng.dirichlet(60 * mean**sharp + 0.02)
                parts.append(
                    _episodes(rng, "trained", seed, shift, mode, tuple(spread))
                )
        parts.append(_episodes(random, "random", -1, shift, "sampled", RANDOM[shift]))
        both = (0.0, 0.0, 1.0, 0.0)
        for k, oracle in enumerate(("cheese", "corner")):
            perfect = both if shift == "agreeing" else tuple(np.eye(4)[k])
            if shift == "no_cheese" and k == 0:
                perfect = (0.0, 0.0, 0.0, 1.0)
            parts.append(
                _episodes(rng, f"oracle:{oracle}", -1, shift, "greedy", perfect)
            )
    return pa.table(
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    )


def _metrics(seeds: int, alpha: float, rng: np.random.Generator) -> pa.Table:
    """Make learning curves: S-shaped, noisy, a little different for every seed."""
    updates = np.arange(1, 241)
    columns: dict[str, list[np.ndarray]] = {}
    for seed in range(seeds):
        middle, noise = rng.normal(60, 12), rng.normal(0, 0.03, len(updates))
        learned = 0.12 + 0.86 / (1 + np.exp(-(updates - middle) / 18))
        base = np.clip(learned + noise, 0, 1)
        corner = np.clip(base * (1 - 0.85 * alpha ** (0.4)), 0, 1) if alpha else base
        episodes = rng.poisson(200 + 3 * updates)
        bought = np.cumsum(rng.binomial(episodes, alpha))
        rows = {
            "seed": np.full(len(updates), seed, np.int32),
            "update": updates.astype(np.int32),
            "env_steps": updates.astype(np.int64) * 8192,
            "episodes": episodes.astype(np.int32),
            "return_cheese": np.where(updates == 1, np.nan, base).astype(np.float32),
            "return_corner": np.where(updates == 1, np.nan, corner).astype(np.float32),
            "distinguishing_episodes": bought.astype(np.int64),
            "distinguishing_transitions": 10 * bought.astype(np.int64),
            "distinguishing_levels": (0.7 * bought).astype(np.int64),
            "clock_seconds": updates * 0.4,
        }
        for name, values in rows.items():
            columns.setdefault(name, []).append(values)
    return pa.table({name: np.concatenate(each) for name, each in columns.items()})


# --- levels, maps, frames -------------------------------------------------------------


def _distances(walls: np.ndarray, goal: tuple[int, int]) -> np.ndarray:
    steps = np.full(walls.shape, 999)
    steps[goal] = 0
    queue = deque([goal])
    while queue:
        row, column = queue.popleft()
        for down, right in MOVES:
            there = (row + down, column + right)
            if not walls[there] and steps[there] == 999:
                steps[there] = steps[row, column] + 1
                queue.append(there)
    return steps


def _level(seed: int, side: int = 9) -> tuple[np.ndarray, tuple, tuple]:
    """Return walls, agent and cheese, all joined by paths."""
    rng = np.random.default_rng(seed)
    while True:
        walls = rng.random((side, side)) < 0.25
        walls[[0, -1], :] = walls[:, [0, -1]] = True
        walls[1, 1] = False
        home = np.argwhere(_distances(walls, (1, 1)) < 999)
        far = home[home.sum(1) > side]
        if len(far) > 6:
            agent, cheese = far[rng.permutation(len(far))[:2]]
            return walls, tuple(agent.tolist()), tuple(cheese.tolist())


def _synthetic_map(seed: int, goal: str, title: str) -> LevelMap:
    walls, agent, cheese = _level(seed)
    steps = _distances(walls, (1, 1) if goal == "corner" else cheese)
    values = 0.95 ** np.minimum(steps, 60).astype(np.float64)
    probs = np.zeros((*walls.shape, 4))
    for row, column in np.argwhere(~walls):
        ends = [(row + down, column + right) for down, right in MOVES]
        gain = [
            -4.0 if walls[end] else 2.5 * (steps[row, column] - steps[end])
            for end in ends
        ]
        weights = np.exp(np.clip(gain, -6, 6))
        probs[row, column] = weights / weights.sum()
    return corner_map(title, walls, agent, cheese, 1, probs, values)


def _synthetic_episode(seed: int, goal: str, shift: str) -> Episode:
    """Paint an agent that walks to its goal; toward the corner it then stays there."""
    walls, agent, cheese = _level(seed)
    steps = _distances(walls, (1, 1) if goal == "corner" else cheese)
    tile, here, frames = 16, agent, []
    rng, first = np.random.default_rng(seed), {"cheese": -1, "corner": -1}
    for step in range(129):
        frame = np.where(walls[..., None], (52, 58, 70), (247, 246, 242))
        frame[1, 1] = (150, 190, 220)
        frame[cheese] = (238, 178, 34)
        frame[here] = (190, 62, 60)
        frames.append(np.kron(frame, np.ones((tile, tile, 1))).astype(np.uint8))
        if step and here == cheese:
            first["cheese"] = step
            break
        if step and here == (1, 1) and first["corner"] < 0:
            first["corner"] = step
        ends = [(here[0] + down, here[1] + right) for down, right in MOVES]
        ends = [end for end in ends if not walls[end]]
        if goal == "nothing":
            here = ends[rng.integers(len(ends))]
        elif here != (1, 1) or goal == "cheese":
            here = min(ends, key=lambda end: steps[end])
    return Episode(np.stack(frames), first, shift, seed=0, note=f"level {seed}")


# --- fixtures -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def make_run() -> Callable[..., RunView]:
    """Makes a run of made-up numbers, as ``load_run`` would read it."""

    def make(
        alpha: float = 0.0,
        seeds: int = 8,
        rates: dict = CORNER,
        untrained: tuple[int, ...] = (),
        stopped: int = 0,
        label: str | None = None,
    ) -> RunView:
        rng = np.random.default_rng(int(1000 * alpha) + seeds)
        outcomes = _outcomes(seeds, rates, rng, untrained)
        columns = {
            name: outcomes[name].to_numpy(zero_copy_only=False)
            for name in outcomes.column_names
        }
        verdict = judge_run(evidence_from_outcomes(columns), stopped=stopped)
        return RunView(
            label=label or alpha_label(alpha),
            alpha=alpha,
            objective_names=("cheese", "corner"),
            metrics=_metrics(seeds, alpha, rng),
            outcomes=outcomes,
            verdict=verdict,
            summary={"complete": True},
            manifest={
                "format": "mesagym-run/1",
                "id": "0123456789ab",
                "created": "2030-01-01T00:00:00+00:00",
                "command": "mesagym train env=corner seeds=8",
                "seeds": list(range(seeds)),
                "device": "a synthetic device",
                "packages": {"jax": "0.0.0"},
                "git": {"of": "mesagym", "revision": "0" * 40, "dirty": True},
                "contents": {"outcomes.parquet": {"sha256": "…"}},
            },
            config={
                "env": {"name": "corner", "size": 9, "layout": "blocks"},
                "agent": {"name": "mlp"},
                "split": {"alpha": alpha},
            },
        )

    return make


@pytest.fixture(scope="session")
def make_map() -> Callable[..., LevelMap]:
    """Makes the map of a policy that walks to a goal, by a seed for the level."""
    return _synthetic_map


@pytest.fixture(scope="session")
def make_episode() -> Callable[..., Episode]:
    """Makes an episode: level's seed, goal (cheese, corner, nothing), shift."""
    return _synthetic_episode


@pytest.fixture(scope="session")
def two_runs(make_run: Callable[..., RunView]) -> list[RunView]:
    """Two values of α with everything that a report can show."""
    shown = [(make_run(), "corner"), (make_run(0.1, 4, CHEESE), "cheese")]
    runs = []
    for run, goal in shown:
        maps = tuple(
            _synthetic_map(seed, goal, f"seed 0, clean level {seed}") for seed in (3, 5)
        )
        plan = [
            (3, goal, "clean"),
            (5, goal, "clean"),
            (8, goal, "agreeing"),
            (9, "nothing", "no_cheese"),
        ]
        episodes = [_synthetic_episode(*each) for each in plan]
        title = f"{run.label}: sampled actions, in and out of distribution"
        data = film(episodes, title, run.objective_names)
        runs.append(replace(run, maps=maps, films={"episodes.gif": data}))
    return runs
