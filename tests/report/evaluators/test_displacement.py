"""The figures of displacement: every policy and thing is in them and their words."""

import numpy as np

from mesagym.evals.evaluators.base import gathered, tidy
from mesagym.evals.outcomes import Contestant
from mesagym.report.evaluators.displacement import figures

TRAINED = Contestant("trained", "greedy", None, (), (0, 1, 2))
RANDOM = Contestant("random", "sampled", None, (), (0,))


def rows():
    rng = np.random.default_rng(0)
    return gathered(
        tidy(who, "clean", measure, rng.uniform(0, 1, (len(who.seeds), 9)), thing)
        for who in (TRAINED, RANDOM)
        for measure in ("following", "start_change")
        for thing in ("cheese", "wall")
    )


def test_nothing_measured_draws_nothing():
    assert figures(gathered([])) == []


def test_there_is_a_tip_for_every_policy_and_thing():
    for drawing in figures(rows()):
        assert len(drawing.tips) == 4
        assert all(f"{tip}." in drawing.alt for tip in drawing.tips.values())


def test_intervals_are_over_seeds_and_of_one_seed_over_levels():
    alt = figures(rows())[0].alt
    assert "over 3 seeds" in alt
    assert "over 9 levels" in alt


def test_a_thing_that_could_not_be_measured_is_left_out():
    nothing = tidy(RANDOM, "clean", "following", np.full((1, 9), np.nan), "dish")
    drawing = figures(gathered([rows(), nothing]))[0]
    assert "dish" not in drawing.alt


def test_it_is_drawn():
    assert all(drawing.png(dpi=40) for drawing in figures(rows()))
