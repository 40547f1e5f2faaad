"""Walks are the episodes that the environment's own loop would run."""

import numpy as np

from mesagym.evals.episodes import run_episodes
from mesagym.evals.goals.walks import counts, walks
from mesagym.evals.outcomes import Contestant
from tests.evals.goals.studies import study


def contestant_called(name: str) -> Contestant:
    return next(each for each in study().contestants if each.name == name)


def test_a_walk_is_as_long_as_the_episode_of_the_same_policy() -> None:
    pool, oracle = study().pools["clean"], contestant_called("oracle:proxy_tile")
    walked = walks(pool, oracle)
    episodes = run_episodes(pool, oracle.policy, (), [0, 1])
    np.testing.assert_array_equal(walked.taken.sum(-1), episodes.steps)


def test_what_follows_the_end_of_a_walk_is_not_of_it() -> None:
    walked = walks(study().pools["clean"], contestant_called("random"))
    taken = walked.taken.astype(int)
    assert (np.diff(taken, axis=-1) <= 0).all()
    assert taken[..., 0].all()


def test_counts_add_up_to_the_steps_taken() -> None:
    walked = walks(study().pools["clean"], contestant_called("random"))
    found = counts(walked, 49, 4)
    np.testing.assert_array_equal(found.sum((2, 3)), walked.taken.sum(-1))
    seed, level, step = np.argwhere(walked.taken)[17]
    here = walked.situations[seed, level, step], walked.actions[seed, level, step]
    same = (walked.situations[seed, level] == here[0]) & (
        walked.actions[seed, level] == here[1]
    )
    expected = (same & walked.taken[seed, level]).sum()
    assert found[seed, level, here[0], here[1]] == expected


def test_seeds_of_a_random_policy_walk_differently_and_again_alike() -> None:
    pool, random = study().pools["clean"], contestant_called("random")
    first, again = walks(pool, random), walks(pool, random)
    np.testing.assert_array_equal(first.actions, again.actions)
    assert (first.actions[0] != first.actions[1]).any()
