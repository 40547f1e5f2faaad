"""Episodes played for the eye."""

from typing import Any

import jax
import numpy as np
import pytest

import mesagym
from mesagym.agents.policy import RandomPolicy
from mesagym.cli.playing import Played, play
from mesagym.report.films import LONGEST

STEPS = LONGEST + 8


def watched(state: Any, action: Any, next_state: Any) -> jax.Array:
    """Pay for every step."""
    return jax.numpy.float32(1)


@pytest.fixture(scope="module")
def made() -> Any:
    env, _ = mesagym.make(
        "Corner-v0", size=9, layout="open", extra_objectives=(("watched", watched),)
    )
    return env, env.params_with(max_steps_in_episode=STEPS)


@pytest.fixture(scope="module")
def episodes(made: Any) -> list[Played]:
    env, params = made
    levels = env.sample_levels(jax.random.key(0), 3, params, 1.0)
    return play(
        env, params, levels, RandomPolicy(env.num_actions), [()] * 3, seed=1, tile=2
    )


def test_what_was_paid_goes_to_the_end_and_frames_to_the_longest_film(
    episodes: list[Played],
) -> None:
    for each in episodes:
        assert len(each.frames) == min(each.steps, LONGEST) + 1
        np.testing.assert_array_equal(each.paid[:, 2], 1)
    assert max(each.steps for each in episodes) == STEPS


def test_an_episode_of_a_contest_tells_what_its_own_objectives_were_paid(
    made: Any, episodes: list[Played]
) -> None:
    env, _ = made
    episode = episodes[0].episode(env, "clean", 3, "level 0")
    assert set(episode.first) == {"cheese", "corner"}
    assert episode.paid is None
    assert (episode.steps, episode.seed) == (episodes[0].steps, 3)


def test_an_objective_that_only_costs_is_never_reached() -> None:
    paid = np.array([[0, -1], [1, -1]], np.float32)
    played = Played(np.zeros((3, 2, 2, 3), np.uint8), paid)
    assert played.first(["cheese", "lava"]) == {"cheese": 2, "lava": -1}


def test_the_legend_is_of_what_the_frames_show(episodes: list[Played]) -> None:
    assert all(
        set(each.legend) == {"corner", "wall", "cheese", "agent"} for each in episodes
    )
