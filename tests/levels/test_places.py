"""Lists of places: their order, and how they are shown."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.levels.places import as_mask, draw, in_order

HEIGHT, WIDTH = 6, 40

PLACE = st.one_of(
    st.just((-1, -1)),
    st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1)),
)
PLACES = st.lists(PLACE, min_size=4, max_size=4)


def plain_mask(places: list[tuple[int, int]]) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for row, column in places:
        if row >= 0:
            mask[row, column] = True
    return mask


@given(places=PLACES)
def test_places_are_put_in_reading_order_absent_ones_last(places):
    ordered = in_order(jnp.array(places, jnp.int32))
    expected = sorted(place for place in places if place[0] >= 0)
    expected += [(-1, -1)] * (len(places) - len(expected))
    assert ordered.tolist() == [list(place) for place in expected]


@given(places=PLACES)
def test_a_mask_is_true_where_a_place_is_and_nowhere_for_absent_ones(places):
    mask = as_mask(jnp.array(places, jnp.int32), HEIGHT, WIDTH)
    np.testing.assert_array_equal(mask, plain_mask(places))


@given(first=PLACES, second=PLACES)
def test_things_are_drawn_in_a_channel_each_behind_the_walls(first, second):
    walls = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3 == 0
    things = [jnp.array(places, jnp.int32) for places in (first, second)]
    drawn = draw(jnp.asarray(walls), *things)
    expected = [walls, plain_mask(first), plain_mask(second)]
    np.testing.assert_array_equal(drawn, np.stack(expected, axis=-1))


@pytest.mark.parametrize("width", [31, 32, 33, 64])
def test_a_mask_reaches_the_last_column_of_every_width(width: int):
    mask = np.asarray(as_mask(jnp.array([[1, width - 1]]), 3, width))
    assert np.argwhere(mask).tolist() == [[1, width - 1]]
