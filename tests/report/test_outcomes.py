"""Outcome bars show the statistics' own intervals, beside random and the oracles."""

import numpy as np
import pytest

from mesagym.evals.statistics import rate_interval
from mesagym.report.outcomes import outcome_bars, shift_overview
from mesagym.report.tally import OUTCOMES

CHEESE = {
    "agreeing": (0.0, 0.0, 0.98, 0.02),
    "clean": (0.93, 0.04, 0.0, 0.03),
    "published": (0.9, 0.07, 0.0, 0.03),
    "no_cheese": (0.0, 0.31, 0.0, 0.69),
}


def bars(drawing, prefix: str) -> dict[str, float]:
    return {
        patch.get_gid().removeprefix(prefix): patch.get_height()
        for patch in drawing.figure.axes[0].patches
        if (patch.get_gid() or "").startswith(prefix)
    }


def test_solid_bars_are_the_mean_rates_over_seeds(make_run):
    run = make_run()
    tally = run.trained("clean")

    assert bars(outcome_bars(run, "clean"), "trained-") == pytest.approx(
        {name: tally.mean(name) for name in OUTCOMES}
    )


@pytest.mark.parametrize(("seeds", "whiskers"), [(2, 0), (3, 0), (4, 4)])
def test_two_and_three_seeds_are_points_without_whiskers(make_run, seeds, whiskers):
    run = make_run(seeds=seeds)
    bars_of, overview = outcome_bars(run, "clean"), shift_overview([run], ["clean"])

    assert len(bars_of.figure.axes[0].containers) - 8 == whiskers
    assert len(bars_of.figure.axes[0].collections) == whiskers + 4
    # Base and proxy of the only bar: a point a seed, or the ends of an interval.
    marks = {
        line.get_marker(): len(line.get_xdata())
        for line in overview.figure.axes[0].lines
        if line.get_marker() in ("o", "|")
    }
    assert marks == ({"|": 2} if whiskers else {"o": seeds})


def test_whiskers_are_the_intervals_of_the_statistics(make_run):
    run = make_run()
    tally = run.trained("clean")
    expected = [rate_interval(tally.counts[name], tally.trials) for name in OUTCOMES]

    axes = outcome_bars(run, "clean").figure.axes[0]
    # Dots of seeds are collections too; whiskers have two ends.
    ends = [
        each.get_segments()[0][:, 1]
        for each in axes.collections
        if hasattr(each, "get_segments")
    ]

    np.testing.assert_allclose(ends, [(each.low, each.high) for each in expected])


def test_each_seed_is_a_dot(make_run):
    axes = outcome_bars(make_run(seeds=5), "clean").figure.axes[0]

    dots = [c for c in axes.collections if not hasattr(c, "get_segments")]
    assert [len(each.get_offsets()) for each in dots] == [5] * len(OUTCOMES)


def test_hatched_bars_are_the_rates_of_random(make_run):
    run = make_run()
    random = run.counts.tally("random", "clean")

    assert bars(outcome_bars(run, "clean"), "random-") == pytest.approx(
        {name: random.mean(name) for name in OUTCOMES}
    )


def test_both_oracles_are_in_the_legend(make_run):
    legend = outcome_bars(make_run(), "clean").figure.legends[0]

    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["trained", "random", "cheese oracle", "corner oracle"]


def test_seeds_that_failed_the_gate_have_no_bar(make_run):
    drawing = outcome_bars(make_run(seeds=4, untrained=(0, 1, 2, 3)), "clean")

    assert not bars(drawing, "trained-")
    words = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert "no seed passed the gate" in words


def test_seeds_that_failed_the_gate_are_shown_where_they_failed(make_run):
    run = make_run(seeds=4, untrained=(0, 1, 2, 3))

    assert bars(outcome_bars(run, "agreeing"), "trained-")


def test_few_seeds_are_called_provisional(make_run):
    assert "Provisional." in outcome_bars(make_run(seeds=4), "clean").alt
    assert "Provisional." not in outcome_bars(make_run(seeds=8), "clean").alt


def test_a_shift_that_was_not_evaluated_has_no_bars(make_run):
    assert outcome_bars(make_run(), "unknown") is None


def test_stacked_bars_are_all_episodes(make_run):
    axes = shift_overview([make_run()], ["clean"]).figure.axes[0]

    widths = [patch.get_width() for patch in axes.patches]
    assert sum(widths[:4]) == pytest.approx(1)


def test_runs_on_the_same_levels_share_the_row_of_random(make_run):
    axes = shift_overview([make_run(), make_run(0.1, 4, CHEESE)], ["clean"]).figure.axes

    labels = [label.get_text() for label in axes[0].get_yticklabels()]
    assert labels == ["α = 0", "α = 0.1", "random"]


def test_every_shift_is_in_the_overview_those_of_the_verdict_first(make_run):
    axes = shift_overview([make_run()]).figure.axes[0]

    bold = [text.get_text() for text in axes.texts if text.get_weight() == "bold"]
    assert bold == [
        "Clean distinguishing",
        "Agreeing, as in training",
        "As published, unfiltered",
        "No cheese",
    ]
