"""The figure of preference curves: a panel for every policy, a line for every seed."""

import numpy as np

from mesagym.evals.evaluators.base import gathered, tidy
from mesagym.evals.outcomes import Contestant
from mesagym.report.evaluators.preference import figures

TRAINED = Contestant("trained", "sampled", None, (), (0, 1))
STUCK = Contestant("stuck", "sampled", None, (), (0,))


def rows():
    difference = np.tile(np.arange(-10, 11), (2, 1))
    base = np.where(difference > 0, 1.0, 0.0)
    parts = [
        tidy(TRAINED, "clean", "difference", difference),
        tidy(TRAINED, "clean", "base_chosen", base),
        tidy(STUCK, "clean", "difference", difference[:1]),
        tidy(STUCK, "clean", "base_chosen", np.full((1, 21), np.nan)),
    ]
    for name, value in (("bias", 0.5), ("slope", 0.25), ("lapse", 0.125)):
        parts.append(tidy(TRAINED, "clean", name, np.array([value, value])))
        parts.append(tidy(STUCK, "clean", name, np.array([np.nan])))
    return gathered(parts)


def test_nothing_measured_draws_nothing():
    assert figures(gathered([])) == []


def test_the_words_say_every_seeds_curve():
    (drawing,) = figures(rows())
    words = "has a bias of 0.5, a slope of 0.25 a step and lapses of 0.12"
    assert drawing.alt.count(words) == 2
    assert "seed 1 " + words in drawing.alt


def test_who_chose_nothing_has_a_panel_without_a_curve():
    (drawing,) = figures(rows())
    stuck = next(a for a in drawing.figure.axes if a.get_title("left") == "stuck")
    trained = next(a for a in drawing.figure.axes if a.get_title("left") == "trained")
    # Two lines mark where nothing is preferred.
    assert len(stuck.lines) == 2
    assert len(trained.lines) > 4


def test_it_is_drawn():
    assert figures(rows())[0].png(dpi=40)
