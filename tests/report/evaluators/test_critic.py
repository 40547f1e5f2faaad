"""The figures of actor against critic, from made-up rows."""

import numpy as np
import pytest

from mesagym.evals.evaluators.base import gathered, tidy
from mesagym.evals.outcomes import Contestant
from mesagym.report.evaluators.critic import figures

WHO = Contestant("trained", "sampled", None, (), (0, 1))


@pytest.fixture
def rows():
    parts = []
    for measure, base, proxy in (
        ("actor_first", 0.1, 0.9),
        ("peak_at", 0.8, 0.2),
        ("peak_by_chance", 0.05, 0.06),
    ):
        for about, rate in (("cheese", base), ("right_end", proxy)):
            values = np.full((2, 3), rate)
            parts.append(tidy(WHO, "clean", measure, values, about))
    return gathered(parts)


def wall(rows):
    columns = tidy(WHO, "permeable", "wall_columns", [-1.0, -2.0], "coin taken away")
    crossed = tidy(WHO, "permeable", "wall_crossed", [0.9, 1.0], "coin taken away")
    return gathered([rows, columns, crossed])


def test_it_says_where_each_goes_and_peaks(rows) -> None:
    (drawing,) = figures(rows)
    assert "actor goes first to cheese .10" in drawing.alt
    assert "critic peaks just before cheese .80" in drawing.alt
    assert "actor goes first to right end .90" in drawing.alt


def test_the_legend_names_the_objectives(rows) -> None:
    (drawing,) = figures(rows)
    (legend,) = drawing.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["cheese", "right end"]


def test_without_an_untrained_critic_its_line_is_empty(rows) -> None:
    (drawing,) = figures(rows)
    assert "untrained" not in drawing.alt


def test_the_wall_test_has_a_figure_of_its_own(rows) -> None:
    _, drawing = figures(wall(rows))
    assert ".95 of episodes cross" in drawing.alt
    assert "value peaks at -1.5 columns" in drawing.alt


def test_rows_without_a_critic_have_no_figure(rows) -> None:
    bare = rows["measure"] == "actor_first"
    assert figures({name: column[bare] for name, column in rows.items()}) == []


def test_both_can_be_saved(rows) -> None:
    for drawing in figures(wall(rows)):
        assert drawing.svg("critic").startswith("<svg")
