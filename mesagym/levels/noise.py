"""Gradient noise: smooth random fields, from which walls and lava are cut."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from mesagym.errors import UserError
from mesagym.levels.lanes import over_lanes
from mesagym.levels.randomness import chances, random_words

PERIOD = 4
"""Tiles between the lattice points of the first octave: two or three bays across a
13×13 grid. Each further octave halves it and, as is usual, its amplitude; one of a
single tile, the third, is grain and no longer smooth."""

DIRECTIONS = 64
"""Evenly spaced directions that a gradient may have, all alike."""

PERSISTENCE = 0.5
"""Amplitude of an octave as a share of the one before."""


def noise_field(
    key: jax.Array, height: int, width: int, octaves: int
) -> Float[Array, "{height} {width}"]:
    """Return gradient noise of mean 0 and variance 1.

    After Perlin 1985 ("An image synthesizer", SIGGRAPH), with the fade of Perlin
    2002 ("Improving noise", SIGGRAPH). A gradient is a unit vector in one of
    :data:`DIRECTIONS`; each octave's lattice is shifted by its own uniform offset.
    So no tile is special: every tile's values are distributed alike, and above 0 as
    below. They lie within about ±4. Tiles two periods apart are independent but for
    the offset.

    Args:
        key: randomness.
        height: in tiles.
        width: in tiles.
        octaves: how many fields are added, each of half the period of the one
            before; at least 1.

    Raises:
        UserError: fewer than one octave.
    """
    if octaves < 1:
        raise UserError(f"octaves: {octaves} is too few; use 1 or more")
    places = [
        (_places(height, PERIOD / 2**octave), _places(width, PERIOD / 2**octave))
        for octave in range(octaves)
    ]
    shapes = [(int(r[0][-1]) + 3, int(c[0][-1]) + 3) for r, c in places]
    offsets, *directions = random_words(key, (octaves, 2), *shapes)
    amplitudes = PERSISTENCE ** np.arange(octaves)
    amplitudes /= np.sqrt((amplitudes**2).sum() * _variance())

    def add_up(offsets: jax.Array, *directions: jax.Array) -> jax.Array:
        field = jnp.zeros((height, width, offsets.shape[-1]))
        for i, (rows, columns) in enumerate(places):
            octave = _octave(offsets[i], directions[i], rows, columns)
            field += np.float32(amplitudes[i]) * octave
        return field

    return over_lanes(add_up)(chances(offsets), *directions)


Places = tuple[np.ndarray, np.ndarray]


def _places(size: int, period: float) -> Places:
    """Return for each tile a lattice point and how far past it, in periods, it lies.

    Shifted by an offset from 0 to 1, a tile lies between two of the three points
    from there on: which two depends on the offset.
    """
    place = np.arange(size) / period
    first = np.floor(place)
    return first.astype(int), (place - first).astype(np.float32)


def _octave(
    offset: Float[Array, "2 lane"],
    direction: UInt32[Array, "row_point column_point lane"],
    rows: Places,
    columns: Places,
) -> Float[Array, "h w lane"]:
    # A table instead of cosine and sine, which would take most of the time.
    angle = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    table = jnp.asarray([np.cos(angle), np.sin(angle)], jnp.float32)
    direction = (direction % DIRECTIONS).astype(jnp.int32)
    gradient = table[0][direction], table[1][direction]
    # The weight of a lattice point is a product of one along either axis.
    down = right = field = jnp.float32(0)
    for point, past, fade in _three(offset[0], rows):
        past, fade = past[:, None], fade[:, None]
        down += gradient[0][point] * (past * fade)
        right += gradient[1][point] * fade
    for point, past, fade in _three(offset[1], columns):
        field += (down[:, point] + right[:, point] * past) * fade
    return jnp.asarray(field)


def _three(
    offset: Float[Array, " lane"], places: Places
) -> Iterator[tuple[np.ndarray, Float[Array, "size lane"], Float[Array, "size lane"]]]:
    """Yield three points for each tile, how far past each it is, and their weights."""
    first, past = places
    for point in range(3):
        displacement = jnp.asarray(past)[:, None] + offset - point
        yield (
            first + point,
            displacement,
            _fade(1 - jnp.abs(displacement).clip(max=1)),
        )


def _fade(x: jax.Array) -> jax.Array:
    return x**3 * (x * (6 * x - 15) + 10)


def _variance() -> float:
    """Return the variance of one octave at a tile of uniform place in its cell."""
    # Along one axis, over the two points around a place: the mean of the squared
    # weight, and of the squared weight times the squared displacement. A gradient's
    # component squared is 1/2 on average, and there are two components.
    x = (np.arange(1000) + 0.5) / 1000
    weight = (x**3 * (x * (6 * x - 15) + 10)) ** 2
    return float(2 * weight.mean() * 2 * (weight * (1 - x) ** 2).mean())
