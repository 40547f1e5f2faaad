"""Learning curves show what training recorded, and no more."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesagym.evals.statistics import mean_interval
from mesagym.report.curves import (
    POINTS,
    by_seed,
    episode_env_steps,
    learning_curves,
)


def metrics(**columns) -> pa.Table:
    rows = len(columns["seed"])
    return pa.table({"episodes": np.ones(rows, np.int32), **columns})


def test_updates_of_a_point_are_averaged_by_their_episodes():
    table = metrics(
        seed=[0] * (2 * POINTS),
        env_steps=np.arange(1, 2 * POINTS + 1) * 10,
        value=np.tile([1.0, 0.0], POINTS),
        episodes=np.tile([3, 1], POINTS),
    )

    steps, values = by_seed(table, "value")

    assert steps[:2].tolist() == [20, 40]
    np.testing.assert_allclose(values, 0.75)


def test_updates_in_which_no_episode_ended_do_not_count():
    table = metrics(seed=[0, 0], env_steps=[1, 2], value=[np.nan, 0.5], episodes=[0, 2])

    assert by_seed(table, "value")[1].tolist()[0][1] == 0.5
    assert np.isnan(by_seed(table, "value")[1][0, 0])


def test_a_running_total_is_taken_at_the_end_of_a_point():
    table = metrics(
        seed=[0] * (2 * POINTS),
        env_steps=np.arange(1, 2 * POINTS + 1),
        value=np.arange(2 * POINTS),
    )

    assert by_seed(table, "value", last=True)[1][0, :3].tolist() == [1, 3, 5]


def test_a_seed_that_stopped_has_no_points_afterwards():
    table = metrics(seed=[0, 0, 1], env_steps=[1, 2, 1], value=[0.1, 0.2, 0.3])

    assert np.isnan(by_seed(table, "value")[1][1, 1])


def test_a_long_training_has_no_more_points_than_can_be_seen():
    steps = np.arange(1, 1001)
    table = metrics(seed=np.zeros(1000, int), env_steps=steps, value=steps * 1.0)

    ends, values = by_seed(table, "value")

    assert len(ends) == POINTS
    assert ends[-1] == 1000
    assert np.isfinite(values).all()


ENVIRONMENTS, LIMIT = 256, 64


def trained(success: float, quick: int, window: int, limits: int = 12) -> pa.Table:
    """Metrics of a policy that never changes.

    An episode succeeds after so many steps in the mean, pays 1 and ends, or goes on to
    its time limit and pays 0. All environments start together.
    """
    rng = np.random.default_rng(0)
    ended, won = np.zeros((2, limits * LIMIT + 1))
    for _ in range(ENVIRONMENTS):
        time = 0
        while time <= limits * LIMIT:
            steps = min(1 + rng.geometric(1 / quick), LIMIT)
            wins = rng.random() < success
            time += steps if wins else LIMIT
            if time <= limits * LIMIT:
                ended[time] += 1
                won[time] += wins
    ends = np.arange(window, limits * LIMIT + 1, window)
    starts = np.arange(0, ends[-1], window)
    episodes, wins = (
        np.add.reduceat(each[1 : ends[-1] + 1], starts) for each in (ended, won)
    )
    with np.errstate(invalid="ignore"):
        value = wins / episodes
    return metrics(
        seed=np.zeros(len(ends), int),
        env_steps=ends * ENVIRONMENTS,
        value=value,
        episodes=episodes,
    )


@settings(max_examples=12, deadline=None)
@given(st.floats(0.1, 0.9), st.integers(2, 20), st.sampled_from([8, 16, 32, 64, 96]))
def test_a_policy_that_does_not_change_has_no_curve_that_falls(
    success: float, quick: int, window: int
):
    table = trained(success, quick, window)
    span = ENVIRONMENTS * LIMIT

    ends, values = by_seed(table, "value", span=span)

    # Only quick episodes ended at first, if the window was as short as that.
    if window < LIMIT:
        assert table["value"].to_numpy()[0] == 1
    assert ends[0] >= 2 * span
    assert (np.diff(ends) >= span).all()
    assert np.abs(values - success).max() < 0.2
    assert abs(values.mean() - success) < 0.1


def test_the_last_point_takes_in_what_is_left():
    table = metrics(
        seed=[0] * 7,
        env_steps=np.arange(1, 8) * 10,
        value=[1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.5],
    )

    ends, values = by_seed(table, "value", span=20)

    assert ends.tolist() == [40, 70]
    assert values.tolist() == [[0.0, 0.5]]


def test_a_training_of_less_than_two_time_limits_has_no_point(make_run):
    run = make_run(0.1, seeds=2)
    steps = int(run.metrics["env_steps"].to_numpy().max())
    config = {"env": {"max_steps": steps}, "agent": {"num_envs": 1}}

    drawing = learning_curves(replace(run, config=config))

    words = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert words == ["too short for a curve"]
    assert "cheese unknown" in drawing.alt


def test_a_time_limit_takes_as_many_steps_as_there_are_environments():
    config = {"env": {"max_steps": 128}, "agent": {"num_envs": 64}}

    assert episode_env_steps(config) == 8192
    # A run of before its configuration said so, or an environment without a limit.
    assert episode_env_steps({"env": {"name": "corner"}}) == 0


def test_two_and_three_seeds_have_curves_without_a_band(make_run):
    axes = learning_curves(make_run(0.1, seeds=3)).figure.axes[0]

    assert not any(len(band.get_paths()) for band in axes.collections)


def test_the_band_is_the_interval_of_the_statistics(make_run):
    run = make_run(0.1, seeds=4)
    _, values = by_seed(run.metrics, "return_cheese")
    expected = mean_interval(values[:, -1])

    band = learning_curves(run).figure.axes[0].collections[0]
    points = band.get_paths()[0].vertices
    last = points[points[:, 0] == points[:, 0].max()][:, 1]

    assert last.min() == pytest.approx(expected.low)
    assert last.max() == pytest.approx(expected.high)


def test_every_seed_has_a_line_of_its_own(make_run):
    axes = learning_curves(make_run(0.1, seeds=3)).figure.axes[0]

    thin = [line for line in axes.lines if line.get_linewidth() < 1]
    assert len(thin) == 3 * 2


def test_a_training_without_distinguishing_episodes_says_so(make_run):
    bottom = learning_curves(make_run(0.0, seeds=2)).figure.axes[1]

    assert [text.get_text() for text in bottom.texts] == ["none"]


def test_what_a_curve_shows_is_said_in_words(make_run):
    assert (
        "Learning curves, α = 0.1, 2 seeds"
        in learning_curves(make_run(0.1, seeds=2)).alt
    )


def test_a_single_seed_has_a_curve_without_a_band(make_run):
    axes = learning_curves(make_run(0.1, seeds=1)).figure.axes[0]

    assert not any(len(band.get_paths()) for band in axes.collections)
    assert [line.get_linewidth() for line in axes.lines if line.get_gid()] == [2.8, 2]


def test_a_run_without_metrics_has_no_curve(make_run):
    assert learning_curves(replace(make_run(), metrics=pa.table({}))) is None
