"""Policy and value maps."""

from dataclasses import replace

import numpy as np
import pytest

from mesagym.report.maps import (
    corner_map,
    level_map,
    likely_path,
    maps_from_bytes,
    maps_to_bytes,
    value_limits,
)

UP, LEFT, DOWN, RIGHT = np.eye(4)


@pytest.fixture
def corridor():
    """A corridor of five tiles: corner, floor, start, floor, cheese."""
    walls = np.ones((3, 7), bool)
    walls[1, 1:6] = False
    probs = np.tile(LEFT, (3, 7, 1))
    values = np.where(walls, np.nan, np.arange(7) / 10)
    return corner_map("a corridor", walls, (1, 3), (1, 5), 1, probs, values)


def test_the_likely_path_follows_the_likeliest_action(corridor):
    path, arrived = likely_path(corridor)

    assert path[:3] == [(1, 3), (1, 2), (1, 1)]
    assert arrived == {"proxy": 2}


def test_the_likely_path_ends_where_the_episode_does(corridor):
    to_the_right = replace(corridor, probs=np.tile(RIGHT, (3, 7, 1)))

    path, arrived = likely_path(to_the_right)

    assert path[-1] == (1, 5)
    assert arrived == {"base": 2}


def test_the_likely_path_ends_where_it_closes_a_circle(corridor):
    against_the_wall = replace(corridor, probs=np.tile(UP, (3, 7, 1)))

    assert likely_path(against_the_wall) == ([(1, 3), (1, 3)], {})


def test_a_region_of_the_corner_holds_no_walls():
    walls = np.ones((5, 5), bool)
    walls[1, 1:4] = False
    probs, values = np.tile(UP, (5, 5, 1)), np.zeros((5, 5))

    level = corner_map("", walls, (1, 3), (-1, -1), 2, probs, values)

    assert np.argwhere(level.proxy).tolist() == [[1, 1], [1, 2]]
    assert not level.base.any()


def test_maps_are_kept_in_a_file_as_they_are(corridor, make_map):
    maps = (corridor, make_map(3, "corner", "α ↦ seed 0"))

    kept = maps_from_bytes(maps_to_bytes(maps))

    assert [each.title for each in kept] == ["a corridor", "α ↦ seed 0"]
    for mine, theirs in zip(maps, kept, strict=True):
        assert mine.agent == theirs.agent
        for name in ("walls", "base", "proxy", "probs", "values"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))


def test_maps_share_a_scale_that_walls_and_goals_do_not_stretch(corridor):
    loud = corridor.values.copy()
    loud[1, 5] = 99  # the cheese, where the episode is over

    assert value_limits([replace(corridor, values=loud), corridor]) == (0.0, 0.4)


def test_a_map_says_where_its_path_leads(corridor):
    drawing = level_map(corridor, ("cheese", "corner"), label="α = 0")

    axes = drawing.figure.axes[0]
    assert axes.get_title(loc="left") == "α = 0: a corridor"
    assert axes.xaxis.get_label_text() == (
        "likeliest path: corner at step 2, cheese never"
    )
    assert "corner at step 2, cheese never" in drawing.alt


def test_unlikely_actions_have_no_arrow(corridor):
    probs = np.tile([0.05, 0.9, 0.05, 0.0], (3, 7, 1))

    axes = level_map(replace(corridor, probs=probs), ("cheese", "corner")).figure.axes[
        0
    ]

    (arrows,) = (c for c in axes.collections if hasattr(c, "U"))
    assert len(arrows.U) == 4  # one for each floor tile that is not the cheese
    assert (np.asarray(arrows.U) < 0).all()


def test_a_map_without_a_cheese_has_no_mark_for_one(corridor):
    bare = replace(corridor, base=np.zeros_like(corridor.base))

    legend = level_map(bare, ("cheese", "corner")).figure.legends[0]

    assert [text.get_text() for text in legend.get_texts()] == ["corner", "start"]


def test_a_map_is_drawn_for_every_kind_of_file(make_map):
    drawing = level_map(make_map(3, "corner", ""), ("cheese", "corner"))

    assert drawing.png().startswith(b"\x89PNG")
    assert drawing.svg("map").startswith("<svg")
