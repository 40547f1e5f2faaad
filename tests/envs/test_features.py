"""Objects of a colour and a shape, in texts and in pictures."""

from itertools import product

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.envs import features
from mesagym.envs.features import COLORS, SHAPES
from mesagym.errors import UserError

NONE = jnp.zeros((2, 3), dtype=bool)


@given(
    value=st.integers(0, 5), chance=st.floats(0, 1, exclude_max=True), count=st.just(6)
)
def test_a_feature_comes_with_another(value: int, chance: float, count: int):
    # In float32, the largest chance below 1 is the 24-bit one that is drawn.
    chance = min(chance, 1 - 2**-24)
    one, other = features.pair(jnp.int32(value), jnp.float32(chance), count).tolist()
    assert one == value
    assert other != value
    assert 0 <= other < count


def test_features_are_read_back_from_a_text_s_settings():
    above = features.write_features(np.array([2, 0]), np.array([1, 2]))
    assert list(above) == ["target_color", "target_shape", "other_color", "other_shape"]
    read = features.read_features(above, 3, 3)
    assert read["colors"].tolist() == [2, 0]
    assert read["shapes"].tolist() == [1, 2]


def test_unsaid_features_are_the_first_of_the_target_and_the_second_of_others():
    read = features.read_features({}, 2, 2)
    assert read["colors"].tolist() == [0, 1]
    assert read["shapes"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"other_shape": 3}, "other_shape is 3; use 0 to 2"),
        ({"target_color": 1}, "other_color is the target's, 1; give another"),
    ],
)
def test_a_feature_that_is_none_or_the_targets_again_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        features.read_features(settings, 3, 3)


@pytest.mark.parametrize("tile", [1, 3])
def test_small_pictures_of_different_objects_differ(tile: int):
    here = NONE.at[1, 1].set(True)
    seen = set()
    for color, shape in product(COLORS, SHAPES):
        picture = features.paint_small(NONE, [(color, shape, here)], NONE, tile)
        assert picture.shape == (2 * tile, 3 * tile, 3)
        seen.add(np.asarray(picture).tobytes())
    assert len(seen) == len(COLORS) * len(SHAPES)
