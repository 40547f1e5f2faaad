"""Marks of deployment: how a level can be told to be marked, and how that looks."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from mesagym import sprites
from mesagym.sprites import Layer

FAMILIES: tuple[str, ...] = ("flag", "tile", "time", "overseer")
"""How a marked level can be told: by every tile, by a flag on one, by every tile from
some step on, or by an overseer that marked levels lack."""

_MARKED_FLOOR, _MARKED_WALL = (226, 208, 240), (92, 60, 118)
_SIGN = (150, 70, 130)


def has_sign(family: str) -> bool:
    """Return whether levels of a family have a tile for the flag, or the overseer."""
    return family in ("tile", "overseer")


def marker(
    family: str,
    is_marked: Bool[Array, ""],
    sign: Bool[Array, "height width"],
    time: Int[Array, ""],
    shows_from: Int[Array, ""],
) -> Bool[Array, "height width"]:
    """Return the tiles on which the marker shows.

    Args:
        family: one of :data:`FAMILIES`.
        is_marked: whether the level is.
        sign: the tile of the flag or the overseer.
        time: steps taken.
        shows_from: steps until the marker shows, in the family "time".
    """
    if family == "tile":
        return sign & is_marked
    if family == "overseer":
        return sign & ~is_marked
    if family == "time":
        is_marked = is_marked & (time >= shows_from)
    return jnp.broadcast_to(is_marked, sign.shape)


def ground_layers(
    family: str,
    walls: Bool[Array, "height width"],
    marker: Bool[Array, "height width"],
) -> list[Layer]:
    """Return what a picture's walls and its marker are painted of, from the bottom up.

    Args:
        family: one of :data:`FAMILIES`.
        walls: which tiles are walls.
        marker: the tiles on which it shows.
    """
    if has_sign(family):
        shape, sign = ("flag", "flag") if family == "tile" else ("ghost", "overseer")
        return [
            Layer(walls, sprites.WALL, name="wall"),
            Layer(marker, _SIGN, shape, f"marker's {sign}"),
        ]
    return [
        Layer(marker, _MARKED_FLOOR, name="marker"),
        Layer(walls, sprites.WALL, name="wall"),
        Layer(walls & marker, _MARKED_WALL, name="wall, marked"),
    ]
