"""Lenses: what they change of an observation, and what they leave."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym import grid
from mesagym.envs.corner import Corner
from mesagym.envs.dish import Dish
from mesagym.envs.lenses import LensArrays, Phantom, draw_phantom, lens_arrays, look
from mesagym.envs.two_goals import TwoGoals
from mesagym.errors import UserError
from mesagym.levels.shift import CLEAR, Lens

ENV = TwoGoals(size=7)
NAMES = ENV.channel_names
OBS = jax.random.bernoulli(jax.random.key(0), 0.3, (5, 7, 7, len(NAMES)))
KEY = jax.random.key(1)
NOWHERE = jnp.zeros((5, 2), jnp.int32)


def seen(
    lens: Lens, phantoms: Phantom | None = None, obs: jax.Array = OBS
) -> np.ndarray:
    arrays = lens_arrays(ENV, lens)
    return np.asarray(look(arrays, obs, phantoms, NOWHERE, True, KEY))


def test_a_clear_lens_shows_what_is() -> None:
    assert np.array_equal(seen(CLEAR), OBS)


def test_a_flipped_lens_exchanges_left_and_right() -> None:
    assert np.array_equal(seen(Lens(flipped=True)), np.asarray(OBS)[:, :, ::-1])


def test_hidden_channels_are_empty_and_the_others_as_they_are() -> None:
    shown = seen(Lens(hidden=("base_tile", "distractor")))
    gone = [NAMES.index("base_tile"), NAMES.index("distractor")]
    rest = [i for i in range(len(NAMES)) if i not in gone]
    assert not shown[..., gone].any()
    assert np.array_equal(shown[..., rest], np.asarray(OBS)[..., rest])


def test_a_name_with_a_star_is_of_all_channels_that_begin_so() -> None:
    arrays = lens_arrays(Dish(size=7, max_redundancy=3), Lens(hidden=("dish_*",)))
    assert arrays.hidden.tolist() == [False] * 3 + [True] * 3


def test_noise_inverts_so_many_bits_and_others_with_another_key() -> None:
    obs = jnp.zeros((50, 7, 7, 6), dtype=bool)
    lens = lens_arrays(ENV, Lens(noise=0.1))
    once, again = (
        look(lens, obs, None, jnp.zeros((50, 2), jnp.int32), True, jax.random.key(i))
        for i in range(2)
    )
    assert float(once.mean()) == pytest.approx(0.1, abs=0.01)
    assert not jnp.array_equal(once, again)


def test_noise_gives_whole_pixels_another_colour() -> None:
    obs = jnp.full((50, 7, 7, 3), 7, jnp.uint8)
    lens = lens_arrays(Corner(size=7, pixels=1), Lens(noise=0.2))
    shown = look(lens, obs, None, jnp.zeros((50, 2), jnp.int32), False, KEY)
    struck = np.asarray(shown != 7)
    assert struck.any(axis=-1).mean() == pytest.approx(0.2, abs=0.03)
    # A struck pixel keeps a colour by a chance of one in 256 only.
    assert struck[struck.any(axis=-1)].mean() > 0.98


def test_a_picture_is_flipped_as_channels_are() -> None:
    obs = jax.random.bits(KEY, (5, 7, 7, 3), jnp.uint8)
    lens = lens_arrays(Corner(size=7, pixels=1), Lens(flipped=True))
    shown = look(lens, obs, None, NOWHERE, False, KEY)
    assert jnp.array_equal(shown, obs[:, :, ::-1])


# --------------------------------------------------------------------------- phantoms

LEVELS = ENV.sample_levels(jax.random.key(2), 64, ENV.make_params(None), 1.0)
DOUBLED = lens_arrays(ENV, Lens(doubled=("proxy_tile",)))


def phantoms_of(lens: LensArrays = DOUBLED) -> tuple[np.ndarray, Phantom]:
    """Return the channels as episodes start, and a phantom for each."""
    params = ENV.make_params(None)

    def one(key: jax.Array, level: Any) -> tuple[jax.Array, Phantom]:
        state = ENV.initial_state(level, jnp.int32(-1), jnp.int32(-1))
        channels = ENV.channels(state, params)
        return channels, draw_phantom(key, channels, lens.doubled)

    channels, phantoms = jax.vmap(one)(jax.random.split(KEY, 64), LEVELS)
    return np.asarray(channels), phantoms


def test_a_phantom_is_seen_on_a_floor_tile_where_nothing_is() -> None:
    channels, phantoms = phantoms_of()
    row, column = np.asarray(phantoms.tile).T
    assert not channels[np.arange(64), row, column].any()


def test_a_phantom_adds_one_tile_to_the_channels_that_are_doubled_alone() -> None:
    channels, phantoms = phantoms_of()
    whole = jnp.zeros((64, 2), jnp.int32)
    shown = np.asarray(look(DOUBLED, jnp.asarray(channels), phantoms, whole, True, KEY))
    more = shown.sum(axis=(1, 2)).astype(int) - channels.sum(axis=(1, 2))
    expected = np.array(NAMES) == "proxy_tile"
    assert (more == expected).all()


def test_there_is_no_phantom_of_what_is_not_there() -> None:
    walls = grid.inside(7, 7) ^ True
    channels = jnp.zeros((7, 7, len(NAMES)), dtype=bool).at[..., 0].set(walls)
    assert not draw_phantom(KEY, channels, DOUBLED.doubled).channels.any()


def test_a_tint_over_all_tiles_leaves_room_for_a_phantom() -> None:
    tinted = phantoms_of()[0][0].copy()
    tinted[..., NAMES.index("marker")] = True
    phantom = draw_phantom(KEY, jnp.asarray(tinted), DOUBLED.doubled)
    assert (phantom.tile > 0).all()


def test_a_full_grid_has_no_phantom() -> None:
    full = jnp.ones((7, 7, len(NAMES)), dtype=bool)
    phantom = draw_phantom(KEY, full, DOUBLED.doubled)
    assert phantom.tile.tolist() == [-1, -1]
    one = jax.tree.map(lambda leaf: leaf[None], phantom)
    empty = jnp.zeros((1, 7, 7, len(NAMES)), dtype=bool)
    at = jnp.full((1, 2), -3, jnp.int32)
    assert not look(DOUBLED, empty, one, at, True, KEY).any()


def test_a_window_shows_a_phantom_where_the_whole_grid_does() -> None:
    channels, phantoms = phantoms_of()
    centre, radius = jnp.array([2, 4]), 2
    whole = look(
        DOUBLED,
        jnp.asarray(channels),
        phantoms,
        jnp.zeros((64, 2), jnp.int32),
        True,
        KEY,
    )
    cropped = jax.vmap(lambda each: grid.crop(each, centre, radius))(
        jnp.asarray(channels)
    )
    corner = jnp.broadcast_to(centre - radius, (64, 2)).astype(jnp.int32)
    shown = look(DOUBLED, cropped, phantoms, corner, True, KEY)
    expected = jax.vmap(lambda each: grid.crop(each, centre, radius))(whole)
    assert jnp.array_equal(shown, expected)
    assert not jnp.array_equal(shown, cropped)


# ----------------------------------------------------------------------- what cannot be


@pytest.mark.parametrize(
    ("env", "lens", "says"),
    [
        (ENV, Lens(hidden=("base_tiel",)), r"no channel 'base_tiel'\. Did you mean"),
        (ENV, Lens(noise=1.5), r"noise of 1.5 is outside \[0, 1\]"),
        (Corner(size=7, pixels=3), Lens(hidden=("cheese",)), "env.pixels=3 shows pic"),
    ],
)
def test_a_lens_that_cannot_be_is_refused(env: Corner, lens: Lens, says: str) -> None:
    with pytest.raises(UserError, match=says):
        lens_arrays(env, lens)
