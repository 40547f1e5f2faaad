"""What a lens does to observations: the shifts of seeing, with all numbers traced."""

import fnmatch
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Int, Shaped

from mesagym import grid
from mesagym.envs.seeing import Seen
from mesagym.errors import UserError, nearest
from mesagym.levels.shift import Lens


@struct.dataclass
class LensArrays:
    """A lens as arrays, so that one compiled program looks through any."""

    flipped: Any  # bool[]
    noise: Any  # float32[] probability, 0 to 1
    hidden: Any  # bool[C] of the environment's channels
    doubled: Any  # bool[C]


@struct.dataclass
class Phantom:
    """A second object that is seen where there is nothing, for one episode."""

    tile: Any  # int32[2] (row, column), (-1, -1) for none
    channels: Any  # bool[C] those that show it


def lens_arrays(env: Seen, lens: Lens, where: str = "lens") -> LensArrays:
    """Return a lens as arrays.

    Args:
        env: whose observations are looked at.
        lens: the recipe.
        where: who asks, for what is said of a mistake.

    Raises:
        UserError: a channel that the environment does not have or show, or a noise
            that is no probability.
    """
    names = env.channel_names
    if not 0 <= lens.noise <= 1:
        raise UserError(f"{where}: a noise of {lens.noise} is outside [0, 1]")
    for name in lens.names_channels:
        if not fnmatch.filter(names, name):
            raise UserError(
                f"{where}: there is no channel '{name}'." + nearest(name, names)
            )
    if lens.names_channels and env.pixels:
        raise UserError(
            f"{where} needs channels to hide or double, and env.pixels={env.pixels} "
            "shows pictures; leave it out, or use env.pixels=0"
        )
    return LensArrays(
        flipped=jnp.bool_(lens.flipped),
        noise=jnp.float32(lens.noise),
        hidden=_among(names, lens.hidden),
        doubled=_among(names, lens.doubled),
    )


def _among(names: tuple[str, ...], wanted: tuple[str, ...]) -> Bool[Array, " channel"]:
    return jnp.array(
        [any(fnmatch.fnmatchcase(name, each) for each in wanted) for name in names]
    )


def draw_phantom(
    key: jax.Array,
    channels: Bool[Array, "height width channel"],
    doubled: Bool[Array, " channel"],
) -> Phantom:
    """Draw where a phantom is seen: on a floor tile where nothing else is.

    Args:
        key: randomness.
        channels: of the whole grid as an episode starts, walls first.
        doubled: which of them show a phantom, if they show anything at all.
    """
    walls = channels[..., :1]
    # What lies everywhere, as a marked level's tint does, is in nobody's way.
    everywhere = (channels | walls).all(axis=(0, 1))
    free = ~(channels & ~everywhere).any(axis=-1) & ~walls[..., 0]
    tile = grid.random_tile(jax.random.uniform(key), free)
    return Phantom(jnp.where(free.any(), tile, -1), doubled & channels.any(axis=(0, 1)))


def look(
    lens: LensArrays,
    obs: Shaped[Array, "batch row column channel"],
    phantoms: Phantom | None,
    corners: Int[Array, "batch 2"],
    tiles_alone: bool,
    key: jax.Array,
) -> Shaped[Array, "batch row column channel"]:
    """Return what is seen through a lens.

    Args:
        lens: as arrays.
        obs: boolean channels, or pictures, of a batch of episodes.
        phantoms: leaves [batch, ...], or None where there are none.
        corners: tile in the upper left of each observation, (row, column).
        tiles_alone: whether observations are channels, a tile each, and not pictures.
        key: randomness of the noise.
    """
    if tiles_alone:
        obs = obs & ~lens.hidden
    if tiles_alone and phantoms is not None:
        rows, columns = jnp.arange(obs.shape[1]), jnp.arange(obs.shape[2])
        tile = phantoms.tile - corners
        in_row = (rows == tile[:, :1]) & (phantoms.tile[:, :1] >= 0)
        there = in_row[:, :, None] & (columns == tile[:, 1:])[:, None, :]
        obs |= there[..., None] & phantoms.channels[:, None, None, :]
    obs = jnp.where(lens.flipped, obs[:, :, ::-1], obs)

    def noisy() -> jax.Array:
        key_where, key_what = jax.random.split(key)
        if tiles_alone:
            return obs ^ jax.random.bernoulli(key_where, lens.noise, obs.shape)
        struck = jax.random.bernoulli(key_where, lens.noise, obs.shape[:3])
        colours = jax.random.bits(key_what, obs.shape, obs.dtype)
        return jnp.where(struck[..., None], colours, obs)

    # Random bits cost more than a small network: none are drawn in vain.
    return jax.lax.cond(lens.noise > 0, noisy, lambda: obs)


def corners(env: Any, states: Any, n: int) -> Int[Array, "batch 2"]:
    """Return the tile in the upper left of what is observed of each state."""
    if env.crop_radius is None:
        return jnp.zeros((n, 2), jnp.int32)
    return jax.vmap(env.centre)(states).astype(jnp.int32) - env.crop_radius
