"""Places besides objectives, and the steps in which policies come there."""

import dataclasses

import jax
import numpy as np
import pytest

import mesagym
from mesagym.agents.policy import OraclePolicy
from mesagym.agents.scripted import Heading
from mesagym.envs.base import Environment
from mesagym.evals.episodes import run_episodes
from mesagym.evals.landmarks import landmarks_on
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.evals.traces import traces


@pytest.fixture(scope="module")
def pool() -> EvaluationPool:
    env, params = mesagym.make("Corner-v0", size=7)
    assert isinstance(env, Environment)
    return build_pool(env, params, shifts_of(env)["clean"], 16, 3)


def test_a_landmark_is_the_free_tile_nearest_to_its_corner(
    pool: EvaluationPool,
) -> None:
    found = landmarks_on(pool)
    assert found.names[3] == "bottom_right_corner"
    walls, start = np.asarray(pool.levels.walls), np.asarray(pool.levels.agent)
    far = np.add.outer(6 - np.arange(7), 6 - np.arange(7))
    for wall, tile, agent in zip(walls, found.tiles[:, 3], start, strict=True):
        nearest = far[~wall].min()
        if (tile < 0).all():
            assert far[tuple(agent)] == nearest
        else:
            assert not wall[tuple(tile)]
            assert far[tuple(tile)] == nearest
            assert (tile != agent).any()


def test_where_nobody_walks_there_are_no_landmarks() -> None:
    env, params = mesagym.make("CoinRun-v0")
    pool = build_pool(env, params, shifts_of(env)["clean"], 2, 3)
    found = landmarks_on(pool)
    assert found.names == ()
    assert found.tiles.shape == (2, 0, 2)


@pytest.mark.parametrize("kind", ["oracle", "heading"])
def test_tiles_and_arrivals_are_those_of_the_traces(
    pool: EvaluationPool, kind: str
) -> None:
    policy = OraclePolicy(pool.env, 0) if kind == "oracle" else Heading(pool.env)
    found = run_episodes(pool, policy, (), [0])
    landmarks = landmarks_on(pool).tiles
    # A path is a policy's own, so each is followed on its own.
    assert found.tiles.min() >= 1
    assert (found.tiles <= found.steps + 1).all()
    if kind == "heading":
        assert (found.arrived < 0).any()
        return
    # The oracle draws nothing: its way is the same however it is watched.
    for part, kept in traces(pool, policy, (), jax.random.key(0)):
        for level, (tiles, running) in enumerate(
            zip(kept.tile, kept.running, strict=True), start=part.start
        ):
            walked = [tuple(tile) for tile in tiles[running].tolist()]
            length = int(found.steps[0, level])
            assert len(walked) == length
            for place, arrived in enumerate(found.arrived[0, level].tolist()):
                tile = tuple(landmarks[level, place].tolist())
                # Traces have the tile before each step, and not the last one.
                expected = walked.index(tile) if tile in walked else -1
                if expected >= 0:
                    assert arrived == expected
                else:
                    assert arrived in (-1, length)
            assert found.tiles[0, level] in (len(set(walked)), len(set(walked)) + 1)


def test_what_is_not_on_a_level_is_never_arrived_at(pool: EvaluationPool) -> None:
    assert dataclasses.is_dataclass(pool)
    found = run_episodes(pool, OraclePolicy(pool.env, 0), (), [0])
    missing = (landmarks_on(pool).tiles < 0).all(-1)
    assert (found.arrived[0][missing] == -1).all()
