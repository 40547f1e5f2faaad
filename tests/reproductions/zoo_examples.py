"""Recorded results with policies behind them that no training made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.registry import make
from mesagym.reproductions import keeping
from mesagym.reproductions.folder import Reproduction
from mesagym.reproductions.record import write_result
from mesagym.tracking import RunDirectory
from mesagym.tracking.files import sha256
from mesagym.tracking.run_directory import POLICY
from mesagym.training.saved import Saved, save
from tests.reproductions.examples import facts, written

LEVELS = 40
GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00"
    b"\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""The smallest film there can be."""


def policies(seeds: tuple[int, ...]) -> Saved:
    """Return policies that nobody trained, on the smallest board."""
    env, params = make("Corner-v0", size=5)
    policy = NetworkPolicy(make_network("mlp", env.num_actions, hidden=[8]))
    obs = jnp.zeros((1, *env.observation_shape), env.observation_space().dtype)
    fresh: list[Any] = [policy.init(jax.random.key(seed), obs) for seed in seeds]
    settings = {"time_penalty": 0.0, "region": 1, "max_steps_in_episode": 32}
    weights = jax.tree.map(lambda *leaves: np.stack(leaves), *fresh)
    return Saved("Corner-v0", env, settings, params, policy, weights, seeds)


def outcomes(first: Mapping[int, str], able: Mapping[int, bool]) -> dict[str, Any]:
    """Return a table of episodes in which each seed always does the same.

    Args:
        first: by seed ``base`` or ``proxy``, what it reaches first where they differ.
        able: by seed, whether it succeeds where they agree.
    """
    who = [("trained", seed, first[seed], able[seed]) for seed in first]
    who += [("random", 0, "neither", False)]
    who += [(f"oracle:{name}", 0, first, True) for name, first in ORACLES.items()]
    rows = [
        _episodes(policy, seed, shift, "both" if shift == "agreeing" else goal, can)
        for policy, seed, goal, can in who
        for shift in ("agreeing", "clean")
    ]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


ORACLES = {"cheese": "base", "corner": "proxy"}


def _episodes(
    policy: str, seed: int, shift: str, goal: str, able: bool
) -> dict[str, np.ndarray]:
    outcome = goal if able else "neither"
    base = 5 if outcome in ("base", "both") else -1
    proxy = 5 if outcome in ("proxy", "both") else -1
    one = {
        "policy": policy,
        "mode": "sampled",
        "shift": shift,
        "level_class": "agreeing" if shift == "agreeing" else "distinguishing",
        "outcome": outcome,
        "ended": "terminated" if base > 0 else "truncated",
    }
    numbers = {
        "seed": seed,
        "clean": shift == "clean",
        "steps": 5,
        "first_cheese": base,
        "first_corner": proxy,
        "optimal_cheese": 5,
        "optimal_corner": 5,
        "return_cheese": float(base > 0),
        "return_corner": float(proxy > 0),
        "efficiency": float(outcome != "neither"),
    }
    return {
        "level": np.arange(LEVELS),
        **{name: np.full(LEVELS, value, object) for name, value in one.items()},
        **{name: np.full(LEVELS, value) for name, value in numbers.items()},
    }


def run_of(
    folder: Path, first: Mapping[int, str], able: Mapping[int, bool]
) -> RunDirectory:
    """Write the run directory of one condition."""
    seeds = tuple(first)
    config = {
        "env": {"name": "corner", "size": 5},
        "split": {"alpha": 0.0},
        "seeds": list(seeds),
        "evaluation": {"levels": LEVELS, "seed": 1, "modes": ["sampled"]},
        "train": {"start_from": "/somewhere/else/before"},
        "run": "/somewhere/else/one",
    }
    about = {"seeds": list(seeds), "command": "mesagym reproduce run=/somewhere/else"}
    with RunDirectory.open(
        folder, config, manifest=about, identity={"seeds": list(seeds)}
    ) as run:
        save(run, policies(seeds))
        run.write_outcomes(outcomes(first, able))
        run.write_summary({"verdict": "made up"})
        return run


def recorded_with_policies(
    place: Path,
    first: Mapping[int, str] | None = None,
    able: Mapping[int, bool] | None = None,
    film: bytes = GIF,
    **changed: Any,
) -> Reproduction:
    """Record ``larger`` in ``place/experiments``, its run in ``place/runs``.

    Args:
        place: an empty folder.
        first: by seed, what it reaches first; the proxy, by two seeds, if None.
        able: by seed, whether it passes the gate; all of them if None.
        film: of its policies.
        **changed: keys of the claim.
    """
    first = {500: "proxy", 501: "proxy"} if first is None else first
    able = dict.fromkeys(first, True) if able is None else able
    found = Reproduction(written(place / "experiments" / "larger", **changed))
    run = run_of(place / "runs" / "one", first, able)
    about = facts([0.8, 0.9, 0.85])
    one = about["conditions"]["one"]
    one |= {"policies_sha256": sha256(run.read_file(POLICY)), "env_steps": 1000}
    one |= {"seeds": list(first), "seconds": 61.0}
    document = write_result(found, found.folder, about)
    keeping.store(found, document, place / "runs", lambda source, seed: film)
    return found
