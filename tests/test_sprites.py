"""Pictures of grids: what is painted where, and that it can be told apart."""

from itertools import combinations

import jax.numpy as jnp
import numpy as np
import pytest

from mesagym import sprites
from mesagym.sprites import Layer

RED, BLUE, WHITE = (200, 0, 0), (0, 0, 200), (255, 255, 255)


def test_layers_are_painted_over_one_another():
    first = jnp.array([[True, True, False]])
    second = jnp.array([[False, True, False]])
    image = sprites.paint([Layer(first, RED), Layer(second, BLUE)], 2, WHITE)
    assert image.shape == (2, 6, 3)
    for column, colour in [(0, RED), (2, BLUE), (4, WHITE)]:
        assert (image[:, column : column + 2] == jnp.array(colour)).all()


@pytest.mark.parametrize("shape", sprites.SHAPES)
def test_a_shape_stays_on_its_tile(shape: str):
    mask = jnp.zeros((3, 3), dtype=bool).at[1, 1].set(True)
    image = np.asarray(sprites.paint([Layer(mask, RED, shape)], 16, WHITE))
    painted = (image == RED).all(axis=-1)
    assert painted[16:32, 16:32].any()
    assert painted.sum() == painted[16:32, 16:32].sum()


@pytest.mark.parametrize("tile", [8, 12, 16])
def test_the_shapes_look_different(tile: int):
    drawn = [sprites.stencil(shape, tile) for shape in sprites.SHAPES]
    # A tenth of the tile, so that a person sees it.
    assert min((a != b).mean() for a, b in combinations(drawn, 2)) > 0.1


def test_tiles_too_small_for_shapes_are_filled():
    layer = Layer(jnp.ones((1, 1), dtype=bool), RED, "ring")
    assert (sprites.paint([layer], 4, WHITE) == jnp.array(RED)).all()


def test_an_unknown_shape_is_named():
    layer = Layer(jnp.ones((1, 1), dtype=bool), RED, "star")
    with pytest.raises(ValueError, match="shape 'star' is not one of tile, disc"):
        sprites.paint([layer], 16, WHITE)


@pytest.mark.parametrize("tile", [1, 3, 8])
def test_a_window_of_a_picture_is_the_picture_of_the_window(tile: int):
    tiles = jnp.zeros((4, 5), dtype=bool).at[2, 3].set(True).at[0, 0].set(True)
    picture = sprites.paint([Layer(tiles, RED)], tile, WHITE)
    window = np.asarray(sprites.crop_picture(picture, jnp.array([2, 4]), 1, tile))
    expected = np.array(
        [
            [WHITE, WHITE, sprites.WALL],
            [RED, WHITE, sprites.WALL],
            [WHITE, WHITE, sprites.WALL],
        ]
    )
    expected = expected.repeat(tile, axis=0).repeat(tile, axis=1)
    np.testing.assert_array_equal(window, expected)


def test_a_legend_draws_each_name_once_and_what_lies_on_it_over_it():
    tile = jnp.ones((1, 1), dtype=bool)
    layers = [
        Layer(tile, WHITE, name="pond"),
        Layer(tile, BLUE, "waves", "pond"),
        Layer(tile, RED, "disc", "agent"),
        Layer(tile, BLUE, "ring", "agent in a boat"),
        Layer(tile, BLUE, "cross"),
        Layer(tile, (jnp.int32(1), 2, 3), "dot", "a shade of the state"),
    ]
    assert sprites.glyphs(layers) == {
        "pond": ((WHITE, "tile"), (BLUE, "waves")),
        "agent": ((RED, "disc"),),
        "agent in a boat": ((RED, "disc"), (BLUE, "ring")),
    }


def test_a_name_is_present_where_any_of_its_layers_is():
    some, none = jnp.array([[False, True]]), jnp.zeros((1, 2), dtype=bool)
    layers = [
        Layer(none, RED, name="first"),
        Layer(some, RED, name="first"),
        Layer(none, RED, name="second"),
        Layer(some, RED),
    ]
    found = {name: bool(here) for name, here in sprites.present(layers).items()}
    assert found == {"first": True, "second": False}


@pytest.mark.parametrize("shape", sprites.SHAPES)
def test_a_glyph_is_the_picture_of_its_tile(shape: str):
    layer = Layer(jnp.ones((1, 1), dtype=bool), RED, shape, "thing")
    picture = sprites.draw_glyph(sprites.glyphs([layer])["thing"], 16)
    np.testing.assert_array_equal(picture, sprites.paint([layer], 16))
