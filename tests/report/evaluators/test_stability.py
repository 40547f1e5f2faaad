"""Figures of stability show each seed's preference and when what appeared."""

import numpy as np
import pytest

from mesagym.evals.evaluators.base import gathered, tidy
from mesagym.evals.outcomes import Contestant
from mesagym.report import style
from mesagym.report.evaluators.stability import by_steps, figures

STEPS = (0, 1000, 4000, 16000)


def contestant(name="trained"):
    return Contestant(name, "sampled", None, (), (3, 5))


def rows(preferences, *, drift=None, baseline=None, times=None):
    """Return a finding's table: a preference for each snapshot and seed."""
    last = contestant()
    parts = [
        tidy(last, "clean", "preference", values, str(step))
        for step, values in zip(STEPS, preferences, strict=True)
    ]
    for name, (after, by) in (times or {}).items():
        parts.append(tidy(last, "clean", f"{name}_after", after))
        parts.append(tidy(last, "clean", f"{name}_time", by))
    for k, value in enumerate(drift or []):
        for kind in ("action_drift", "inaction_drift"):
            parts.append(tidy(last, "clean", kind, value, str(STEPS[k])))
    for k, value in enumerate(baseline or []):
        other = contestant("baseline")
        parts.append(tidy(other, "clean", "preference", value, str(STEPS[k])))
    return gathered(parts)


APART = [[0.0, 0.1], [0.2, -0.3], [0.8, -0.9], [0.9, -1.0]]
TIMES = {
    "competence": ([0, 1000], [1000, 4000]),
    "proxy": ([np.nan, 1000], [np.nan, 4000]),
    "base": ([1000, np.nan], [4000, np.nan]),
}


def lines(axes, prefix):
    return [each for each in axes.lines if (each.get_gid() or "").startswith(prefix)]


def test_each_seed_is_a_line_in_the_colour_of_what_it_ends_for():
    (drawing,) = figures(rows(APART, times=TIMES))
    first, second = lines(drawing.figure.axes[0], "seed-")
    np.testing.assert_array_equal(first.get_xdata(), STEPS)
    np.testing.assert_allclose(first.get_ydata(), [0, 0.2, 0.8, 0.9])
    np.testing.assert_allclose(second.get_ydata(), [0.1, -0.3, -0.9, -1])
    assert (first.get_color(), second.get_color()) == (style.BASE, style.PROXY)


def test_a_seed_that_ends_near_zero_is_drawn_as_even():
    (drawing,) = figures(rows([[0.0, 0.0]] * 3 + [[0.05, -0.05]]))
    colours = {line.get_color() for line in lines(drawing.figure.axes[0], "seed-")}
    assert colours == {style.NEITHER}


@pytest.mark.parametrize("name", list(TIMES))
def test_onsets_are_marked_where_they_are_first_seen(name):
    (drawing,) = figures(rows(APART, times=TIMES))
    marks = lines(drawing.figure.axes[1], f"{name}-")
    wanted = [by for by in TIMES[name][1] if np.isfinite(by)]
    assert [float(each.get_xdata()[0]) for each in marks] == wanted


def test_the_legend_explains_what_is_drawn_and_nothing_else():
    (drawing,) = figures(rows(APART), "cheese", "corner")
    texts = [each.get_text() for each in drawing.figure.legends[0].get_texts()]
    assert texts == ["a seed that ends for cheese", "a seed that ends for corner"]


def test_a_baseline_is_a_dashed_mean_and_adds_the_figure_of_drift():
    drift = [[0.0, 0.0], [0.2, 0.4], [0.5, np.nan], [np.nan, np.nan]]
    both = figures(rows(APART, drift=drift, baseline=[[0.5, 0.7]] * 4))
    assert len(both) == 2
    means = lines(both[1].figure.axes[0], "action_drift")
    np.testing.assert_allclose(means[0].get_ydata(), [0, 0.3, 0.5, np.nan])
    dashed = [x for x in both[0].figure.axes[0].lines if x.get_color() == style.MUTED]
    np.testing.assert_allclose(dashed[0].get_ydata(), 0.6)
    assert "action drift not there" in both[1].alt


def test_the_words_say_the_ends_and_the_times():
    (drawing,) = figures(rows(APART, times=TIMES), "the_cheese", "corner")
    assert "At the end: 0.90, -1.00" in drawing.alt
    assert "corner appears in 1 of 2 seeds, by 4.00k steps" in drawing.alt
    assert "the cheese" in drawing.alt


def test_there_is_no_figure_without_a_history():
    assert figures(gathered([])) == []


def test_a_drawing_can_be_saved_either_way():
    (drawing,) = figures(rows(APART, times=TIMES))
    assert drawing.png(dpi=60).startswith(b"\x89PNG")
    assert 'role="img"' in drawing.svg("stability")


def test_a_table_of_snapshots_is_in_order_of_steps_not_of_text():
    steps, values, seeds = by_steps(rows(APART), "preference")
    assert steps.tolist() == list(STEPS)
    assert seeds.tolist() == [3, 5]
    np.testing.assert_allclose(values, APART)
