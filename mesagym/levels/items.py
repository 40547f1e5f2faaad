"""Levels of an agent and items strewn about: drawn, checked, walked and read alike."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from mesagym import grid
from mesagym.errors import UserError
from mesagym.levels.ascii import Drawing
from mesagym.levels.layouts import get_layout
from mesagym.levels.places import as_mask
from mesagym.levels.randomness import chances
from mesagym.levels.solve import UNREACHABLE, distances, reachable


def draw_places(
    key: jax.Array, layout: str, size: tuple[int, int], n: int, joined: bool
) -> tuple[Bool[Array, "height width"], Int[Array, "{n} 2"], Float[Array, ""]]:
    """Draw walls and places on different floor tiles.

    Args:
        key: randomness.
        layout: name of the walls' layout.
        size: height and width of the grid.
        n: how many places.
        joined: whether paths must join all places to one another.

    Returns:
        ``(walls, places, chance)``: places that lack are (-1, -1) and stand last;
        ``chance`` is another uniform number of [0, 1).
    """
    key_walls, key_places = jax.random.split(key)
    walls = get_layout(layout)(key_walls, *size)
    bits = jax.random.bits(key_places, (walls.size + 2,), jnp.uint32)
    chance = chances(bits[walls.size :])
    home = ~walls
    if joined and layout != "open":
        tile = grid.random_tile(chance[0], home)
        home = reachable(walls, grid.at(tile, *size))
    return walls, grid.random_tiles(bits[: walls.size], home, n), chance[1]


def taken(
    counts: Sequence[Int[Array, ""]], maxima: Sequence[int]
) -> Bool[Array, " place"]:
    """Return which places are: the agent's and, of each kind of item, the first few.

    Args:
        counts: how many of each kind there are.
        maxima: how many of each there may be, and so have a place.
    """
    kinds = zip(counts, maxima, strict=True)
    each = [jnp.arange(most) < count for count, most in kinds]
    return jnp.concatenate([jnp.ones(1, dtype=bool), *each])


def are_joined_and_apart(
    walls: Bool[Array, "height width"], places: Int[Array, "place 2"]
) -> Bool[Array, ""]:
    """Return whether paths join all places to the first, and no two are one tile.

    Args:
        walls: tiles that cannot be entered.
        places: ``(row, column)`` each; absent ones, (-1, -1), do not count.
    """
    home = reachable(walls, grid.at(places[0], *walls.shape))
    present = places[:, 0] >= 0
    joined = home[places[:, 0], places[:, 1]].all(where=present)
    apart = as_mask(places, *walls.shape).sum() == present.sum()
    return joined & apart


def fields(
    walls: Bool[Array, "height width"], places: Int[Array, "place 2"]
) -> Int[Array, "place height width"]:
    """Return the steps to each place from every tile; none lead to absent ones."""
    return jax.vmap(lambda place: distances(walls, grid.at(place, *walls.shape)))(
        places
    )


def steps_to_nearest(
    fields: Int[Array, "place height width"],
    sought: Bool[Array, " place"],
    ends: Int[Array, "end 2"],
) -> Int[Array, " end"]:
    """Return the steps to the nearest place sought, from each tile of ``ends``."""
    there = fields[:, ends[:, 0], ends[:, 1]]
    return jnp.where(sought[:, None], there, UNREACHABLE).min(axis=0)


def nearest(
    steps: Int[Array, "height width"],
    places: Int[Array, "place 2"],
    present: Bool[Array, " place"],
) -> Int[Array, ""]:
    """Return the fewest of the steps to places, `UNREACHABLE` where none is present.

    Args:
        steps: from a start to every tile.
        places: ``(row, column)`` each.
        present: which of them count.
    """
    there = steps[places[:, 0], places[:, 1]]
    return jnp.where(present, there, UNREACHABLE).min()


def must_be_open(drawing: Drawing) -> None:
    """Raise a UserError where a drawing of an `open` room has walls inside."""
    inner = np.argwhere((drawing.letters == "#")[1:-1, 1:-1]).tolist()
    for row, column in inner[:1]:
        raise UserError(
            f"level: {drawing.place(row + 1, column + 1)}: a wall inside, and the "
            "layout 'open' has none; write '.' or take another env.layout"
        )


def read_items(
    drawing: Drawing,
    letters: str,
    agent: tuple[int, int],
    steps: np.ndarray,
    limit: tuple[str, int],
    what: str,
    numbered: str,
) -> list[tuple[int, int]]:
    """Return ``(row, column)`` of items in reading order, absent ones (-1, -1) last.

    Args:
        drawing: the level.
        letters: those that stand for an item.
        agent: where the agent starts.
        steps: from there to every tile, int[height, width].
        limit: the setting that bounds how many there may be, and its value, which is
            how many are returned.
        what: an item's name, for the error.
        numbered: the same, ``{}`` in the place of its number.

    Raises:
        UserError: there are more than there may be, or no path joins one to the
            agent.
    """
    setting, most = limit
    found = drawing.all(letters)
    for number, place in enumerate(found, 1):
        if number > most:
            raise UserError(
                f"level: {drawing.place(*place)}: {numbered.format(number)}, and "
                f"env.{setting} is {most}; keep {most}"
            )
        if steps[place] >= UNREACHABLE:
            raise UserError(
                f"level: {drawing.place(*place)}: no path joins the agent at "
                f"{drawing.place(*agent)} to this {what}; open a wall between them"
            )
    return found + [(-1, -1)] * (most - len(found))
