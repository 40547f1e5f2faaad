"""Marks of deployment, and on which tiles they show."""

import jax.numpy as jnp
import pytest

from mesagym.envs.markers import FAMILIES, ground_layers, has_sign, marker

WALLS = jnp.ones((3, 4), dtype=bool).at[1, 1:3].set(False)
SIGN = jnp.zeros((3, 4), dtype=bool).at[1, 2].set(True)

TILES = {
    # Family, marked, steps taken: tiles that show the marker, which does from step 5.
    ("flag", True, 0): 12,
    ("flag", False, 9): 0,
    ("tile", True, 0): 1,
    ("tile", False, 0): 0,
    ("time", True, 4): 0,
    ("time", True, 5): 12,
    ("time", False, 9): 0,
    ("overseer", True, 0): 0,
    ("overseer", False, 0): 1,
}


@pytest.mark.parametrize(("case", "count"), TILES.items(), ids=str)
def test_a_marker_shows_where_its_family_says(case: tuple[str, bool, int], count: int):
    family, is_marked, time = case
    sign = SIGN if has_sign(family) else jnp.zeros_like(SIGN)
    shown = marker(family, jnp.bool_(is_marked), sign, jnp.int32(time), jnp.int32(5))
    assert int(shown.sum()) == count
    assert count != 1 or bool(shown[1, 2])


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_show_the_walls_and_the_marker_of_every_family(family: str):
    shown = jnp.ones_like(WALLS)
    names = [layer.name for layer in ground_layers(family, WALLS, shown)]
    assert "wall" in names
    assert any("marker" in name for name in names)
