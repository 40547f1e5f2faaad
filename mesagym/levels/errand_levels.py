"""Levels with keys and chests: their tiles drawn, edited, read and written."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num, UInt8, UInt32

from mesagym import grid
from mesagym.errors import UserError
from mesagym.levels import ascii as text_levels
from mesagym.levels.layouts import get_layout
from mesagym.levels.randomness import chances, one_of
from mesagym.levels.solve import reachable

WALL, AGENT, KEY, CHEST, HELD, GHOST = (1 << bit for bit in range(6))
"""Bits of a tile. The first five are the channels of an observation, in order."""

LEGEND: dict[str, str] = {
    "#": "wall",
    ".": "floor",
    "@": "agent",
    "*": "chest",
    "k": "key",
    "g": "ghost",
    "b": "both, chest and ghost",
}
"""What each letter of a text stands for."""

_LETTERS = (("#", WALL), ("k", KEY), ("*b", CHEST), ("gb", GHOST))


Fields = tuple[
    UInt8[Array, "height width"], Int[Array, "2"], Int[Array, ""], Int[Array, ""]
]
"""Of a level: the bits of its tiles, the agent's start, how many keys and chests."""


class Numbers(NamedTuple):
    """How many items a distribution of levels has."""

    keys: Int[Array, ""]  # -1 draws it by density
    chests: Int[Array, ""]  # -1 draws it by density
    ghosts: Int[Array, ""]  # -1 makes them as many as the chests
    key_density: Float[Array, ""]  # share of the free tiles
    chest_density: Float[Array, ""]

    def must_fit(
        self, prefix: str, size: tuple[int, int], most: tuple[int, int]
    ) -> None:
        """Raise a UserError where numbers are too many for a grid, or no densities.

        Args:
            prefix: "" or "shifted_", of the names of the settings.
            size: height and width of the grid.
            most: keys and chests that a level may have.
        """
        inner = (size[0] - 2) * (size[1] - 2)
        start = f"env.{prefix or 'num_'}"
        least = 1
        for kind, number, limit in zip(("keys", "chests"), self, most, strict=False):
            given = int(number)
            if given != -1 and not 1 <= given <= limit:
                raise UserError(
                    f"{start}{kind}: {given} is outside 1 to env.max_{kind}, {limit}, "
                    "and not -1, which draws by density"
                )
            least += max(given, 1)
        if least > inner:
            raise UserError(
                f"{start}keys: an agent, keys and chests need {least} tiles and a "
                f"{size[0]}x{size[1]} grid has {inner}; take fewer or a larger env.size"
            )
        shares = [float(self.key_density), float(self.chest_density)]
        for kind, share in zip(("key", "chest"), shares, strict=True):
            if not 0 <= share <= 1 or sum(shares) > 1:
                raise UserError(
                    f"env.{prefix}{kind}_density: {share:g} is outside "
                    "[0, 1], or more than 1 with the other density"
                )


def draw_fields(
    key: jax.Array,
    layout: str,
    size: tuple[int, int],
    holes: Float[Array, ""],
    distributions: tuple[Numbers, Numbers],
    alpha: float | int | Num[Array, ""],
    most: tuple[int, int],
    solvable: bool,
) -> tuple[Fields, Bool[Array, ""]]:
    """Draw a level, and whether its items fit.

    Args:
        key: randomness.
        layout: name of the walls' layout.
        size: height and width of the grid.
        holes: probability that a wall of the layout is opened.
        distributions: the usual one and the shifted one.
        alpha: probability of the shifted one.
        most: keys and chests that a level may have.
        solvable: whether a path must join all items to the agent.
    """
    key_walls, key_places = jax.random.split(key)
    height, width = size
    rows = jax.random.bits(key_places, (4, height * width + 2))
    walls = get_layout(layout)(key_walls, height, width)
    opened = chances(rows[3, 2:]).reshape(size) < holes
    walls &= ~(opened & grid.inside(*size))
    agent = grid.random_tile(chances(rows[0, 0]), ~walls)
    start = grid.at(agent, *size)
    free = (reachable(walls, start) if solvable else ~walls) & ~start
    return _furnished(rows[:3], walls, agent, free, distributions, alpha, most)


def edited_fields(
    key: jax.Array,
    fields: Fields,
    distributions: tuple[Numbers, Numbers],
    alpha: float | int | Num[Array, ""],
    most: tuple[int, int],
) -> Fields:
    """Toggle a wall, move the agent or an item, or draw all items anew, all alike.

    Arguments as those of `draw_fields`; items drawn anew lie within reach.
    """
    tiles, start, *numbers = fields
    height, width = tiles.shape
    rows = jax.random.bits(key, (4, height * width + 2))
    chance = chances(rows[3, :4])
    walls, agent = tiles & WALL != 0, grid.at(start, height, width)
    bare = (tiles & ~jnp.uint8(WALL) == 0) & ~agent
    floor = bare & ~walls
    inside = grid.inside(height, width)
    wall = grid.at(grid.random_tile(chance[0], bare & inside), height, width)
    item = grid.random_tile(chance[1], ~bare & ~agent)
    free = grid.random_tile(chance[2], floor)
    moved = tiles.at[item[0], item[1]].set(0)
    moved = moved.at[free[0], free[1]].set(tiles[item[0], item[1]])
    # Only within reach: else nearly every such edit would be refused.
    home = reachable(walls, agent) & ~agent
    anew, fits = _furnished(rows[:3], walls, start, home, distributions, alpha, most)
    edited = [
        (tiles ^ (wall * WALL).astype(jnp.uint8), start, *numbers),
        (tiles, free, *numbers),
        (jnp.where(floor.any(), moved, tiles), start, *numbers),
        jax.tree.map(lambda new, old: jnp.where(fits, new, old), anew, fields),
    ]
    return one_of(chance[3], edited)


def _furnished(
    rows: UInt32[Array, "3 tiles_and_2"],
    walls: Bool[Array, "height width"],
    agent: Int[Array, "2"],
    free: Bool[Array, "height width"],
    distributions: tuple[Numbers, Numbers],
    alpha: float | int | Num[Array, ""],
    most: tuple[int, int],
) -> tuple[Fields, Bool[Array, ""]]:
    """Return a level with items drawn onto free tiles, and whether they fit."""
    each = chances(rows[2, 2:]).reshape(walls.shape)
    usual, usual_fit = _draw_numbers(each, free, distributions[0], most)
    other, other_fit = _draw_numbers(each, free, distributions[1], most)
    # Refused before it is known which of the two a level becomes, so that α is the
    # share of levels exactly. What is never drawn refuses nothing.
    fits = (usual_fit | (alpha >= 1)) & (other_fit | (alpha <= 0))
    shifted = chances(rows[0, 1]) < alpha
    numbers = jnp.where(shifted, other, usual)
    keys, chests, ghosts = numbers
    key, both = grid.random_masks(rows[0, 2:], free, keys, keys + chests)
    (ghost,) = grid.random_masks(rows[1, 2:], free & ~key, ghosts)
    tiles = walls * WALL | key * KEY | (both & ~key) * CHEST | ghost * GHOST
    return (tiles.astype(jnp.uint8), agent, keys, chests), fits


def _draw_numbers(
    chance: Float[Array, "height width"],
    free: Bool[Array, "height width"],
    numbers: Numbers,
    most: tuple[int, int],
) -> tuple[Int[Array, "3"], Bool[Array, ""]]:
    """Return how many keys, chests and ghosts there are to be; whether they fit.

    Each tile's ``chance`` decides whether it is to have a key, or else a chest.
    """
    keys, chests, ghosts, by_key, by_chest = numbers
    keys = jnp.where(keys < 0, (free & (chance < by_key)).sum(), keys)
    near = free & (chance >= by_key) & (chance < by_key + by_chest)
    chests = jnp.where(chests < 0, near.sum(), chests)
    ghosts = jnp.where(ghosts < 0, chests, ghosts)
    room = free.sum() - keys
    fits = (keys >= 1) & (keys <= most[0])
    fits &= (chests >= 1) & (chests <= most[1]) & (chests <= room)
    drawn = jnp.stack([keys, chests, ghosts]).astype(jnp.int32)
    return drawn, fits & (ghosts <= room)


def read_tiles(
    text: str, size: tuple[int, int], most: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "height width"], tuple[int, int]]:
    """Read a text in the letters of :data:`LEGEND`.

    Args:
        text: the level.
        size: height and width that it must have.
        most: keys and chests that it may have; ghosts as chests.

    Returns:
        The tiles' bits, and the agent's ``(row, column)``.

    Raises:
        UserError: a text of another size, no agent or two, no key or no chest, too
            many items, or one that no path leads to.
    """
    drawing = text_levels.read_drawing(text, LEGEND)
    drawing.must_be(size)
    agent = drawing.only("@", "agent")
    for kinds, name, limit in (
        ("k", "key", "max_keys"),
        ("*b", "chest", "max_chests"),
        ("gb", "ghost", "max_chests"),
    ):
        found = drawing.all(kinds)
        allowed = most[0] if name == "key" else most[1]
        if not found and name != "ghost":
            raise UserError(f"level: no {name}; put a '{kinds[0]}' on a floor tile")
        if len(found) > allowed:
            raise UserError(
                f"level: {drawing.place(*found[allowed])}: {name} {allowed + 1}, and "
                f"env.{limit} is {allowed}; take it away or raise that"
            )
    letters = drawing.letters
    tiles = sum(np.isin(letters, list(kind)) * bit for kind, bit in _LETTERS)
    tiles = np.asarray(tiles, np.uint8)
    start = grid.at(jnp.array(agent), *size)
    home = np.asarray(reachable(jnp.asarray(tiles & WALL != 0), start))
    for tile in drawing.all("k*gb"):
        if not home[tile]:
            raise UserError(
                f"level: {drawing.place(*tile)}: no path joins the agent at "
                f"{drawing.place(*agent)} to this {LEGEND[letters[tile]]}; "
                "open a wall between them"
            )
    return tiles, agent


def write_tiles(
    tiles: UInt8[np.ndarray, "height width"], agent: Int[np.ndarray, "2"]
) -> str:
    """Return the text that `read_tiles` reads back."""
    letters = np.full(tiles.shape, ".")
    letters[tiles & WALL != 0] = "#"
    for letter, bits in zip("k*gb", (KEY, CHEST, GHOST, CHEST | GHOST), strict=True):
        letters[tiles == bits] = letter
    letters[agent[0], agent[1]] = "@"
    return text_levels.write_drawing(letters)
