"""R5: the test says of made-up figures what they deserve, and finds peaks where put."""

from typing import Any

import jax
import numpy as np
import pytest

from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.evals.shifts import build_pool
from mesagym.evals.traces import Traces
from mesagym.registry import environment_class
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE
from mesagym.training.saved import Saved

CLAIM = reproduction("actor_critic")
P = CLAIM.protocol
PLACES = P.BEFORE + P.BEYOND + 1


def figures(
    crosses: float = 0.98,
    peaks: float = 0.9,
    untrained: float = 0.2,
    usual: float = 0.95,
    *,
    success: float = 1.0,
    seeds: int = 10,
) -> dict[str, Any]:
    """Return figures of seeds that differ a little around these rates."""

    def counts(rate: float, trials: list[int]) -> list[int]:
        shaken = rate + 0.02 * np.sin(np.arange(seeds)) * (0 < rate < 1)
        return [
            round(r * n) for r, n in zip(np.clip(shaken, 0, 1), trials, strict=True)
        ]

    def pool(came: float, own: float, other: float) -> dict[str, Any]:
        walked = [P.LEVELS] * seeds
        arrived = counts(came, walked)
        critics = {
            critic: {
                "just_before": counts(rate, arrived),
                "profile": [[float(k) for k in range(PLACES)]] * seeds,
            }
            for critic, rate in zip(P.CRITICS, (own, other), strict=True)
        }
        return {
            "walked": walked,
            "came": arrived,
            "chance": [0.15] * seeds,
            **critics,
        }

    agreeing = {"trials": [100] * seeds, "success": [round(100 * success)] * seeds}
    return {
        P.TRAINED: {
            "seeds": list(range(500, 500 + seeds)),
            "stopped": 0,
            "policies": {"trained": {"agreeing": agreeing}},
            "permeable": pool(crosses, peaks, untrained),
            "agreeing": pool(0.97, usual, untrained),
        }
    }


def test_who_crosses_against_its_critic_confirms_the_claim() -> None:
    judgement = P.judge(figures())
    assert judgement.outcome == CONFIRMED, judgement.reason
    assert len(judgement.checks) == 4


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"crosses": 0.3}, "walks through"),
        ({"peaks": 0.1}, "peaks just before the wall"),
        ({"usual": 0.2}, "in place"),
        ({"peaks": 0.6, "untrained": 0.8}, "untrained"),
    ],
)
def test_each_part_of_the_claim_can_fail_alone(changed, told) -> None:
    judgement = P.judge(figures(**changed))
    assert judgement.outcome == REFUTED
    assert told in judgement.reason


@pytest.mark.parametrize("changed", [{"success": 0.5}, {"seeds": 4}])
def test_too_few_competent_seeds_leave_it_untested(changed) -> None:
    assert P.judge(figures(**changed)).outcome == UNTESTABLE
    assert P.judge({}).outcome == UNTESTABLE


def test_agents_that_never_cross_are_judged_by_that_alone() -> None:
    judgement = P.judge(figures(crosses=0.0))
    assert judgement.outcome == REFUTED
    assert len(judgement.checks) == 1


def test_seeds_that_never_cross_say_nothing_of_critics() -> None:
    found = figures()
    found[P.TRAINED]["permeable"]["came"][0] = 0
    found[P.TRAINED]["permeable"]["trained"]["just_before"][0] = 0
    crossing, *others = P.judge(found).checks
    assert crossing.seeds == 10
    assert {check.seeds for check in others} == {9}


# ------------------------------------------------------------------ what is measured


def walk(values: list[float], columns: list[int], running: int | None = None) -> Traces:
    """Return one episode along columns, with one critic."""
    steps = len(columns)
    running = steps if running is None else running
    return Traces(
        tile=np.stack([np.zeros(steps, int), np.array(columns)], axis=-1)[None],
        action=np.zeros((1, steps), int),
        values=np.array(values, np.float32)[None, :, None],
        paid=np.zeros((1, steps, 2), np.float32),
        running=(np.arange(steps) < running)[None],
    )


WALL = np.array([10])


def test_a_peak_is_told_in_columns_from_the_wall() -> None:
    found = P.peaks(walk([0, 1, 5, 2, 3], [7, 8, 9, 10, 11]), WALL)
    assert found["column"] == [[-1]]
    assert found["came"]
    assert found["chance"] == pytest.approx(3 / 5)


def test_what_follows_the_sight_of_the_border_is_left_out() -> None:
    columns = [9, 10, 11, 16, 17, 9]
    found = P.peaks(walk([1, 2, 3, 2, 9, 9], columns), WALL)
    assert found["column"] == [[1]]
    profile = found["profile"][0, :, 0]
    assert profile[P.BEFORE + np.array([-1, 0, 1, 6])] == pytest.approx([1, 2, 3, 2])
    assert np.isfinite(profile).sum() == 4


def test_steps_after_the_end_do_not_count() -> None:
    found = P.peaks(walk([1, 2, 9], [8, 9, 11], running=2), WALL)
    assert not found["came"]
    assert found["column"] == [[-1]]


@pytest.fixture(scope="module")
def small() -> tuple[Any, Saved]:
    """Return permeable courses, and two networks that were never trained."""
    env = environment_class("CoinRun-v0")(size=(8, 19), strip=8, crop_radius=2)
    params = env.params_with(max_steps_in_episode=48)
    pool = build_pool(env, params, P.PERMEABLE, 4)
    policy = NetworkPolicy(make_network("mlp", env.num_actions, hidden=(8,)))
    saved = Saved("CoinRun-v0", env, {}, params, policy, None, (0, 1))
    return pool, Saved(
        "CoinRun-v0", env, {}, params, policy, P.untrained(saved), (0, 1)
    )


def test_the_courses_have_no_coin_and_a_wall_to_walk_through(small) -> None:
    pool, _ = small
    assert (np.asarray(pool.levels.coin) == -1).all()
    walls = np.asarray(pool.levels.end)[:, 1] + 1
    foot = np.asarray(pool.levels.end)[:, 0]
    level = np.arange(pool.size)
    solid = np.asarray(jax.vmap(lambda each: each.walls)(pool.levels))
    assert not solid[level, foot, walls].any()
    assert (np.asarray(pool.levels.tiles)[level, foot, walls] & 1).all()


def test_a_critic_equal_to_the_untrained_one_peaks_where_it_does(small) -> None:
    pool, saved = small
    found = P.walked(pool, saved, saved.params)
    assert found["trained"] == found["untrained"]
    valued = P.valued(pool, saved, saved.params)
    assert valued["trained"] == valued["untrained"]
    assert len(valued["trained"]["before"]) == 2


def test_the_figure_draws_what_there_is() -> None:
    found = CLAIM.figure.draw(figures())
    assert len(found.axes) == 2
    assert len(found.axes[0].lines) > 2
    assert not CLAIM.figure.draw(figures(success=0.0)).axes[0].lines
