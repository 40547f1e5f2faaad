"""The figure of a splayed level, from made-up rows of a corridor."""

from typing import Any

import numpy as np
import pytest

from mesagym.evals.evaluators.base import gathered, tidy
from mesagym.evals.outcomes import Contestant
from mesagym.report.evaluators.splayed import OUTCOMES, figures, splayed_figure

WHO = Contestant("trained", "sampled", None, (), (0, 1))
OUTCOME = {1: -1.0, 2: -0.5, 3: 0.5, 4: 1.0}


@pytest.fixture
def rows():
    """Four tiles in a row: the proxy's, the start, a bare one, the base object's."""
    parts = []

    def add(measure: str, about: str, value: float) -> None:
        values = np.array([[value - 0.1], [value + 0.1]])
        parts.append(tidy(WHO, "clean", measure, values, about, [0]))

    for column, outcome in OUTCOME.items():
        tile = f"1,{column}"
        add("map_by_start", tile, outcome)
        add("map_by_goal", tile, -outcome)
        add("map_value", tile, column / 10)
        for action, chance in (("left", 0.7), ("right", 0.3)):
            add("map_action", f"{tile},{action}", chance)
    for column, kind in ((1, 2.0), (2, 0.0), (3, 0.0), (4, 1.0)):
        parts.append(tidy(WHO, "clean", "map_ground", [kind, kind], f"1,{column}"))
        parts[-1]["level"][:] = 0
    add("map_start", "1,2", 1.0)
    return gathered(parts)


def test_panels_share_walls_and_are_named(rows) -> None:
    (drawing,) = figures(rows)
    titles = [axes.get_title(loc="left") for axes in drawing.figure.axes[:3]]
    assert titles == ["a  by start", "b  by goal", "c  own goal"]


def test_colours_are_those_of_the_mean_over_seeds(rows):
    axes: Any = figures(rows)[0].figure.axes[0]
    faces = {
        (round(patch.get_x() + 0.5), round(patch.get_y() + 0.5)): patch.get_facecolor()
        for patch in axes.patches[:18]
    }
    for column, outcome in OUTCOME.items():
        np.testing.assert_allclose(
            faces[column, 1], OUTCOMES((outcome + 1) / 2), atol=1e-9
        )


def test_arrows_point_where_the_likeliest_action_leads(rows):
    axes: Any = figures(rows)[0].figure.axes[2]
    (arrows,) = (c for c in axes.collections if hasattr(c, "U"))
    # None on the base object's tile, where the episode is over.
    assert len(arrows.U) == 3
    assert (np.asarray(arrows.U) < 0).all()


def test_it_is_told_in_words(rows) -> None:
    (drawing,) = figures(rows)
    assert "by start -1.00 to 1.00, mean 0.00" in drawing.alt
    assert "mean over 2 seeds" in drawing.alt


def test_values_may_share_a_scale(rows) -> None:
    drawing = splayed_figure(rows, "trained", "sampled", "clean", limits=(0.0, 2.0))
    labels = [t.get_text() for t in drawing.figure.axes[4].get_xticklabels()]
    assert labels == ["0.00", "2.00 value"]


def test_without_maps_there_is_no_figure(rows) -> None:
    bare = rows["measure"] == "map_start"
    assert figures({name: column[bare] for name, column in rows.items()}) == []


def test_it_can_be_saved(rows) -> None:
    (drawing,) = figures(rows)
    assert drawing.svg("splayed").startswith("<svg")
