"""A bar an objective, a tick for random tiles; words have the numbers."""

import numpy as np

from mesagym.evals.evaluators.base import gathered, tidy
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.report.evaluators.directedness import figures

SCORES = {"trained": (0.1, 0.6), "random": (0.0, 0.0)}


def rows() -> Columns:
    parts = []
    for policy, scores in SCORES.items():
        contestant = Contestant(policy, "sampled", None, (), (0, 1))
        for name, score in zip(("cheese", "corner"), scores, strict=True):
            levels = np.full((2, 4), score) + np.array([[-0.05], [0.05]])
            parts.append(tidy(contestant, "clean", "directedness", levels, name))
        parts.append(tidy(contestant, "clean", "random_tile", np.array([0.02, 0.04])))
    return gathered(parts)


def test_every_score_is_a_bar_as_long_as_its_mean_over_seeds() -> None:
    (drawing,) = figures(rows())
    bars = {bar.get_gid(): bar.get_width() for bar in drawing.figure.axes[0].patches}
    np.testing.assert_allclose(bars["directed-0-cheese"], 0.1)
    np.testing.assert_allclose(bars["directed-0-corner"], 0.6)


def test_its_words_have_the_scores_and_the_best_tile() -> None:
    (drawing,) = figures(rows())
    expected = "trained (sampled): cheese 0.10, corner 0.60, best random tile 0.03."
    assert expected in drawing.alt


def test_the_page_has_a_tip_for_every_bar() -> None:
    (drawing,) = figures(rows())
    svg = drawing.svg("directed")
    assert all(tip in svg for tip in drawing.tips.values())


def test_without_rows_there_is_no_figure() -> None:
    assert figures(gathered([])) == []
