"""The half of an environment's contract that is about seeing: channels and pictures."""

import abc
from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments import spaces
from jaxtyping import Array, Bool, Int, UInt8

from mesagym import grid, sprites

PIXELS: tuple[int, ...] = (0, 1, 3, 8)
"""Pixels a tile of an observation; 0 shows boolean channels instead of colours."""


class Seen(abc.ABC):
    """Shows states to policies and to people, whole or in a window."""

    size: Any
    pixels: int
    crop_radius: int | None

    @property
    @abc.abstractmethod
    def channel_names(self) -> tuple[str, ...]:
        """Names of the boolean channels, walls first."""

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """Shape of one observation."""
        tiles = self.size
        if self.crop_radius is not None:
            tiles = (2 * self.crop_radius + 1,) * 2
        if self.pixels:
            return (tiles[0] * self.pixels, tiles[1] * self.pixels, 3)
        return (*tiles, len(self.channel_names))

    def observation_space(self, params: Any = None) -> spaces.Box:
        """Return gymnax's description of an observation."""
        if self.pixels:
            return spaces.Box(0, 255, self.observation_shape, jnp.uint8)
        return spaces.Box(False, True, self.observation_shape, jnp.bool_)

    @abc.abstractmethod
    def channels(self, state: Any, params: Any) -> Bool[Array, "height width channel"]:
        """Return what can be seen of a state, one boolean channel a name."""

    @abc.abstractmethod
    def layers(self, state: Any, params: Any) -> list[sprites.Layer]:
        """Return what a picture of a state is painted of, from the bottom up."""

    def centre(self, state: Any) -> Int[Array, "2"]:
        """Return the tile that a cropped observation is centred on: the agent's."""
        return state.agent

    def observe(
        self, key: jax.Array, state: Any, action: Any, params: Any
    ) -> Bool[Array, "rows columns channel"] | UInt8[Array, "rows columns 3"]:
        """Return what the agent sees: channels or a picture, whole or cropped."""
        if self.pixels:
            picture = self.render(state, params, self.pixels)
            if self.crop_radius is None:
                return picture
            return sprites.crop_picture(
                picture, self.centre(state), self.crop_radius, self.pixels
            )
        channels = self.channels(state, params)
        if self.crop_radius is None:
            return channels
        return grid.crop(channels, self.centre(state), self.crop_radius)

    def render(
        self, state: Any, params: Any = None, tile: int = 16
    ) -> UInt8[Array, "rows columns 3"]:
        """Return a picture of the state, ``tile`` pixels a tile."""
        return sprites.paint(self.layers(state, params), tile)
