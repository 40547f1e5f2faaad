"""A dot a level, a mark a seed; words have the numbers."""

import numpy as np

from mesagym.evals.evaluators.base import gathered, tidy
from mesagym.evals.outcomes import Columns, Contestant
from mesagym.report.evaluators.agents_devices import figures


def rows() -> Columns:
    parts = []
    for policy, agent, level in (("trained", 1.0, 0.8), ("random", 0.0, 0.2)):
        contestant = Contestant(policy, "sampled", None, (), (0, 1))
        parts.append(tidy(contestant, "clean", "agent", np.full(2, agent)))
        parts.append(tidy(contestant, "clean", "level_agent", np.full((2, 9), level)))
    return gathered(parts)


def test_every_level_is_a_dot_and_every_seed_a_mark() -> None:
    (drawing,) = figures(rows())
    lines = drawing.figure.axes[0].lines
    assert [len(line.get_xdata()) for line in lines] == [18, 2, 18, 2]
    np.testing.assert_allclose(lines[1].get_xdata(), 1.0)


def test_its_words_have_both_probabilities() -> None:
    (drawing,) = figures(rows())
    assert "trained (sampled): 1.00 from all levels, 0.80 from one." in drawing.alt


def test_the_page_has_a_tip_for_every_policy() -> None:
    (drawing,) = figures(rows())
    svg = drawing.svg("agents")
    assert all(tip in svg for tip in drawing.tips.values())


def test_without_rows_there_is_no_figure() -> None:
    assert figures(gathered([])) == []
