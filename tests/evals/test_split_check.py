"""What a split can tell: shares and scores against counts."""

from typing import Any

import jax
import numpy as np
import pytest

import mesagym
from mesagym.envs.level_files import write_levels
from mesagym.evals.split_check import SplitCheck, check_split


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
