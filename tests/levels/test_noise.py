"""Gradient noise: its moments, its smoothness, its octaves."""

import functools

import jax
import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.levels.noise import PERIOD, noise_field
from tests import reference

N, SHAPE = 4000, (13, 20)


@functools.cache
def fields(octaves: int) -> np.ndarray:
    @reference.jit_once
    @jax.vmap
    def draw(key: jax.Array) -> jax.Array:
        return noise_field(key, *SHAPE, octaves)

    return np.asarray(draw(jax.random.split(jax.random.key(0), N)))


def correlation(values: np.ndarray, tiles: int) -> float:
    """Between tiles so many columns apart."""
    first, second = values[:, :, :-tiles].ravel(), values[:, :, tiles:].ravel()
    return float(np.corrcoef(first, second)[0, 1])


@pytest.mark.parametrize("octaves", [1, 2, 3])
def test_mean_and_variance_of_every_tile_are_0_and_1(octaves: int):
    values = fields(octaves)
    assert values.dtype == np.float32
    # 260 tiles: none as far off as 5 standard errors. The fourth moment is below 3.
    assert np.abs(values.mean(axis=0)).max() < 5 / np.sqrt(N)
    assert np.abs(values.var(axis=0) - 1).max() < 5 * np.sqrt(2 / N)


def test_values_are_as_often_high_as_low():
    values = fields(2)[:, ::8, ::8]
    assert abs((values > 0.55).mean() - (values < -0.55).mean()) < 0.015


def test_neighbours_are_alike_and_far_tiles_are_not():
    values = fields(1)
    near = [correlation(values, tiles) for tiles in (1, 2, 3)]
    assert near[0] > 0.7
    assert near[0] > near[1] > near[2]
    assert abs(correlation(values, 2 * PERIOD + 1)) < 0.02


def test_more_octaves_are_rougher():
    steps = [np.diff(fields(octaves), axis=2).std() for octaves in (1, 2, 3)]
    assert steps[0] < steps[1] < steps[2]


def test_rows_and_columns_are_alike():
    values = fields(2)
    down = np.diff(values, axis=1).std()
    right = np.diff(values, axis=2).std()
    assert abs(down / right - 1) < 0.02


@pytest.mark.parametrize("shape", [(5, 64), (64, 5), (6, 7)])
def test_any_size_has_a_field_that_varies(shape: tuple[int, int]):
    draw = reference.jit_once(lambda key: noise_field(key, *shape, 2))
    field = np.asarray(draw(jax.random.key(1)))
    assert field.shape == shape
    assert 0.3 < field.std() < 2


def test_no_octave_is_an_error():
    with pytest.raises(UserError, match="octaves: 0 is too few; use 1 or more"):
        noise_field(jax.random.key(0), 9, 9, 0)
