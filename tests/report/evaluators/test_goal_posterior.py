"""One bar a policy, of shares that add up; its words have the numbers."""

import numpy as np

from mesagym.evals.evaluators.base import gathered, tidy
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.report.evaluators.goal_posterior import figures

SHARES = {
    "trained": {"cheese": 0.2, "corner": 0.7, "other_tile": 0.0, "no_objective": 0.1},
    "random": {"cheese": 0.0, "corner": 0.05, "other_tile": 0.1, "no_objective": 0.85},
}


def rows() -> Columns:
    return gathered(
        tidy(
            Contestant(policy, "sampled", None, (), (0, 1)),
            "clean",
            "share",
            np.array([share - 0.02, share + 0.02]),
            name,
        )
        for policy, shares in SHARES.items()
        for name, share in shares.items()
    )


def test_every_share_is_a_bar_as_long_as_its_mean_over_seeds() -> None:
    (drawing,) = figures(rows())
    bars = {bar.get_gid(): bar.get_width() for bar in drawing.figure.axes[0].patches}
    assert len(bars) == 8
    np.testing.assert_allclose(bars["share-0-corner"], 0.7)
    np.testing.assert_allclose(bars["share-1-no_objective"], 0.85)


def test_its_words_name_what_explains_most() -> None:
    (drawing,) = figures(rows())
    assert "trained (sampled): cheese 0.20, corner 0.70" in drawing.alt
    assert drawing.tips["share-1-corner"] == "random, corner: 0.05 of levels"


def test_the_page_has_a_tip_for_every_bar() -> None:
    (drawing,) = figures(rows())
    svg = drawing.svg("shares")
    assert all(tip in svg for tip in drawing.tips.values())


def test_without_rows_there_is_no_figure() -> None:
    assert figures(gathered([])) == []
