"""Box-pushing puzzles with two kinds of targets, read from texts and written."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from mesagym.errors import UserError
from mesagym.levels.ascii import Drawing, read_drawing, write_drawing
from mesagym.levels.push_host import Tile
from mesagym.levels.push_make import Pieces

LEGEND: dict[str, str] = {
    "#": "wall",
    ".": "floor",
    "@": "agent",
    "*": "base target",
    "p": "proxy target",
    "o": "target of both kinds",
    "$": "box",
    "X": "box on a base target",
    "P": "box on a proxy target",
    "O": "box on a target of both kinds",
    "&": "agent on a base target",
    "%": "agent on a proxy target",
    "+": "agent on a target of both kinds",
}
"""What each letter of a text stands for."""

_LETTERS: dict[str, str] = {
    "": ".*po",
    "box": "$XPO",
    "agent": "@&%+",
}
"""What stands on a tile; then: on plain floor, a base, a proxy target, one of both."""


class Puzzle(NamedTuple):
    """What a text says; places are ``(row, column)``, in reading order."""

    drawing: Drawing
    agent: Tile
    boxes: list[Tile]
    base_targets: list[Tile]
    proxy_targets: list[Tile]  # as many, or none
    proxy_ends: bool


def tiles_of(places: Any) -> frozenset[Tile]:
    """Return the places that are there, of int32[n, 2] of JAX or numpy, as a set."""
    there = np.asarray(places).tolist()
    return frozenset((row, column) for row, column in there if row >= 0)


def padded(tiles: Sequence[Tile], n: int) -> Int[jax.Array, "{n} 2"]:
    """Return at most n tiles as places, (-1, -1) for what lacks."""
    absent = [(-1, -1)] * (n - len(tiles))
    return jnp.array([*tiles, *absent], jnp.int32).reshape(-1, 2)


def read_puzzle(text: str, size: tuple[int, int], max_boxes: int) -> Puzzle:
    """Read a text in the letters of :data:`LEGEND`; ``proxy_ends: 0`` may stand above.

    Args:
        text: the level.
        size: height and width that it must have.
        max_boxes: how many boxes it may have.

    Raises:
        UserError: a text of another size, no agent or two, no box or too many, not as
            many targets of a kind as boxes (no proxy targets are allowed), or one
            that is solved already.
    """
    drawing = read_drawing(text, LEGEND, settings=["proxy_ends"])
    drawing.must_be(size)
    proxy_ends = drawing.settings.get("proxy_ends", 1)
    if proxy_ends not in (0, 1):
        raise UserError(f"level: proxy_ends is {proxy_ends}; write 0 (no) or 1 (yes)")
    agent = drawing.only(_LETTERS["agent"], "agent")
    boxes = drawing.all(_LETTERS["box"])
    if not boxes:
        raise UserError("level: no box; put one '$' on a floor tile")
    if len(boxes) > max_boxes:
        raise UserError(
            f"level: {drawing.place(*boxes[max_boxes])}: box number "
            f"{max_boxes + 1} and env.max_boxes is {max_boxes}; raise it"
        )
    targets = []
    for kind, marks in (("base", (1, 3)), ("proxy", (2, 3))):
        letters = "".join(row[i] for row in _LETTERS.values() for i in marks)
        targets.append(drawing.all(letters))
        count = len(targets[-1])
        if count != len(boxes) and (kind == "base" or count):
            none = " or none" if kind == "proxy" else ""
            raise UserError(
                f"level: {len(boxes)} boxes and {count} {kind} targets; give as "
                f"many as boxes{none}"
            )
        if targets[-1] == boxes:
            raise UserError(
                f"level: {drawing.place(*boxes[0])}: all boxes stand on {kind} "
                "targets at the start; move one"
            )
    return Puzzle(drawing, agent, boxes, *targets, proxy_ends=bool(proxy_ends))


def write_puzzle(pieces: Pieces, proxy_ends: Any) -> str:
    """Return the text that `read_puzzle` reads back."""
    letters = np.where(np.asarray(pieces.walls), "#", ".")
    stands = {"box": pieces.boxes, "agent": pieces.agent[None]}
    mark = np.zeros(letters.shape, dtype=int)
    for value, tiles in enumerate((pieces.base_targets, pieces.proxy_targets), 1):
        for tile in tiles_of(tiles):
            mark[tile] += value
    letters = np.where(mark > 0, np.array(list(_LETTERS[""]))[mark], letters)
    for what, tiles in stands.items():
        for tile in tiles_of(tiles):
            letters[tile] = _LETTERS[what][mark[tile]]
    # A proxy that ends the episode is the default, and goes unsaid.
    settings = {} if bool(proxy_ends) else {"proxy_ends": 0}
    return write_drawing(letters, settings)
