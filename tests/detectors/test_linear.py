"""Linear readouts: what they tell exactly, and what they cannot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.detectors.linear import explained, fit, macro_f1, one_hot, patches

RANDOM = np.random.default_rng(0)


@given(row=st.integers(0, 4), column=st.integers(0, 5), channel=st.integers(0, 1))
def test_a_patch_holds_its_tile_in_the_middle(row: int, column: int, channel: int):
    maps = np.arange(2 * 5 * 6 * 2.0).reshape(2, 5, 6, 2)
    middle = patches(maps)[:, row, column].reshape(2, 3, 3, 2)[:, 1, 1, channel]
    assert (middle == maps[:, row, column, channel]).all()


def test_a_patch_is_zero_beyond_the_border():
    found = patches(np.ones((1, 3, 3, 1)))[0, 0, 0].reshape(3, 3)
    assert found.tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]


def test_a_readout_finds_a_linear_map():
    x = RANDOM.normal(size=(400, 5))
    weights = RANDOM.normal(size=(5, 2))
    readout = fit(x, x @ weights + 3.0, ridge=1e-9)
    np.testing.assert_allclose(readout.weights, weights, atol=1e-6)


def test_a_constant_feature_gets_no_weight():
    x = RANDOM.normal(size=(50, 3))
    x[:, 1] = 0.1
    assert (fit(x, x[:, :1]).weights[1] == 0).all()


def test_macro_f1_is_the_mean_of_the_classes_that_occur():
    told, true = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert macro_f1(told, true, 4) == pytest.approx((2 / 3 + 0.8) / 2)


def test_what_misleads_explains_less_than_nothing():
    true = np.array([0.0, 1.0, 2.0])
    assert explained(true, true) == 1
    assert explained(-true, true) < 0


def test_classes_become_ones_in_their_columns():
    assert one_hot(np.array([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
