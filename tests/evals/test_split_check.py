"""What a split can tell: shares, scores and power against counts and simulation."""

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import mesagym
from mesagym.envs.level_files import write_levels
from mesagym.evals.split_check import SplitCheck, check_split, power


@pytest.fixture(scope="module")
def corner() -> tuple[Any, Any]:
    env, _ = mesagym.make("Corner-v0", size=7, layout="open")
    return env, env.params_with(max_steps_in_episode=24)


@pytest.fixture(scope="module")
def found(corner: tuple[Any, Any]) -> SplitCheck:
    return check_split(*corner, 0.25, n=400, examples=3)


def test_shares_add_up_and_follow_alpha(found: SplitCheck) -> None:
    training, shifted = found.shares
    for each in (training, shifted):
        whole = each.agreeing + each.ambiguous + each.distinguishing
        assert whole == pytest.approx(1)
    # A quarter of the training levels is drawn as the shifted ones are.
    expected = 0.25 * shifted.distinguishing
    spread = np.sqrt(expected * (1 - expected) / 400 + 0.0625 * 0.25 / 400)
    assert abs(training.distinguishing - expected) < 4 * spread


def test_experts_score_what_the_solver_says(found: SplitCheck) -> None:
    scores = {each.policy: each for each in found.scores}
    assert scores["oracle:cheese"].first == {"cheese": 1.0, "corner": 0.0}
    assert scores["oracle:corner"].first == {"cheese": 0.0, "corner": 1.0}


def test_a_random_walk_is_scored_beside_them(found: SplitCheck) -> None:
    random = found.scores[0]
    assert random.policy == "random"
    whole = sum(random.first.values()) + random.both + random.neither
    assert whole == pytest.approx(1)
    assert 0 < random.first["cheese"] < 1


def test_clean_levels_tell_the_objectives_apart(found: SplitCheck) -> None:
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.apart) == ("cheese", "corner", 1.0)
    assert pair.told_apart


def test_every_class_has_examples_of_it(
    corner: tuple[Any, Any], found: SplitCheck
) -> None:
    env, _ = corner
    clean = found.examples["clean distinguishing"]
    assert np.asarray(jax.vmap(env.classify)(clean).clean).all()
    assert {jax.tree.leaves(each)[0].shape[0] for each in found.examples.values()} <= {
        0,
        1,
        2,
        3,
    }


def test_levels_that_cannot_tell_are_remarked_on(
    corner: tuple[Any, Any], tmp_path: Any
) -> None:
    env, params = corner
    write_levels(env, env.sample_levels(jax.random.key(0), 24, params, 0.0), tmp_path)
    found = check_split(env, params, 0.0, n=40, folder=str(tmp_path))
    (pair,) = found.pairs
    assert not pair.told_apart
    remarks = " ".join(found.remarks())
    assert "cannot tell cheese from corner" in remarks
    assert "only 0.0%" in remarks


def test_power_is_that_of_a_simulation() -> None:
    rng = np.random.default_rng(0)
    share, spread, seeds, levels = 0.65, 0.15, 6, 100
    variance = share * (1 - share)
    sd = np.sqrt(spread**2 + variance / levels)
    scores = rng.normal(share, sd, (20_000, seeds))
    half = stats.t.ppf(0.975, seeds - 1) * scores.std(axis=1, ddof=1) / np.sqrt(seeds)
    shown = (scores.mean(axis=1) - half > 0.5).mean()
    assert power(share, variance, spread, seeds, levels) == pytest.approx(
        shown, abs=4 * np.sqrt(0.25 / 20_000)
    )


@settings(max_examples=60, deadline=None)
@given(
    share=st.floats(0.55, 0.95),
    spread=st.floats(0.02, 0.4),
    seeds=st.integers(2, 30),
    levels=st.integers(8, 4096),
)
def test_power_grows_with_seeds_and_levels(
    share: float, spread: float, seeds: int, levels: int
) -> None:
    variance = share * (1 - share)
    here = power(share, variance, spread, seeds, levels)
    assert 0 <= here <= 1
    assert power(share, variance, spread, seeds + 1, levels) >= here - 1e-9
    assert power(share, variance, spread, seeds, 2 * levels) >= here - 1e-9


def test_without_any_spread_the_outcome_is_certain() -> None:
    assert power(0.6, 0.0, 0.0, 4, 10) == 1.0
    assert power(0.5, 0.0, 0.0, 4, 10) == 0.0
