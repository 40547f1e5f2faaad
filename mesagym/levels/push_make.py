"""Box-pushing puzzles made by playing, pulls and then pushes; and edits of them."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Num

from mesagym import grid
from mesagym.levels.layouts import get_layout
from mesagym.levels.places import as_mask, in_order
from mesagym.levels.push_play import play, same_tiles, undone
from mesagym.levels.randomness import chances, one_of, random_words
from mesagym.levels.solve import reachable


class Pieces(NamedTuple):
    """What a puzzle is made of. Boxes and targets that are absent: (-1, -1), last."""

    walls: Bool[Array, "height width"]
    agent: Int[Array, "2"]
    boxes: Int[Array, "box 2"]
    base_targets: Int[Array, "box 2"]
    proxy_targets: Int[Array, "box 2"]


def make_puzzle(
    key: jax.Array,
    layout: str,
    size: tuple[int, int],
    max_boxes: int,
    max_moves: int,
    num_boxes: Int[Array, ""],
    num_moves: Int[Array, ""],
    alpha: float | int | Num[Array, ""],
) -> tuple[Pieces, Int[Array, "2 move 3"], Bool[Array, ""]]:
    """Make a puzzle that pushes solve for both kinds of targets.

    Boxes stand at drawn places. Random pulls, a number drawn from 1 to ``num_moves``,
    lead back to the start; as many random pushes, drawn anew, lead on from it to
    other places. One of the two ends, by a fair coin, has the base targets.

    Args:
        key: randomness.
        layout: name of the walls' layout.
        size: height and width of the grid.
        max_boxes: places for boxes.
        max_moves: pulls and pushes that there is room for.
        num_boxes: how many boxes, at most ``max_boxes``.
        num_moves: most pulls, and pushes, at most ``max_moves``.
        alpha: probability that the other end has the proxy targets; otherwise they
            are the base targets.

    Returns:
        ``(pieces, plans, accepted)``: the puzzle; the pushes to the base and to the
        proxy targets; and whether it may be used: its two ends share no tile, and the
        way to neither passes the other.
    """
    height, width = size
    mask = partial(as_mask, height=height, width=width)
    key_walls, key_play = jax.random.split(key)
    moves = (2, max_moves, max_boxes, len(grid.MOVES))
    places, bits, words = random_words(key_play, (height * width,), moves, (7,))
    chance = chances(words)
    walls = get_layout(layout)(key_walls, height, width)
    ends = grid.random_tiles(places, ~walls, max_boxes)
    absent = jnp.arange(max_boxes)[:, None] >= num_boxes
    ends = jnp.where(absent, -1, ends)
    count = 1 + (chance[:2] * num_moves).astype(jnp.int32)

    agent = grid.random_tile(chance[2], ~walls & ~mask(ends))

    def phase(place: tuple[Any, Any], now: tuple[Any, ...]) -> tuple[Any, Any]:
        bits, count, chance, pull = now
        played = play(bits, walls, *place, count, ends, pull)
        filled = walls | mask(played.boxes)
        home = grid.at(played.agent, height, width)
        agent = grid.random_tile(chance, reachable(filled, home))
        return (agent, played.boxes), (agent, played)

    # Both in one loop: the program holds one copy of what a move takes.
    given = (bits, count, chance[3:5], jnp.array([True, False]))
    agents, played = jax.lax.scan(phase, (agent, ends), given)[1]
    agent, start, far = agents[0], *played.boxes

    # The two ends lie apart, and no way to the one leads over the other.
    both = mask(ends) & mask(far)
    over = jax.vmap(same_tiles, (0, None))(played.history[0], far)
    moved = ~same_tiles(start, ends) & ~same_tiles(start, far)
    accepted = moved & ~both.any() & ~over.any() & (ends[0, 0] >= 0)
    accepted &= ((ends >= 0) | absent).all()

    swap, shifted = chance[5] < 0.5, chance[6] < alpha
    targets = jnp.stack([in_order(ends), in_order(far)])
    plans = jnp.stack([undone(played.moves[0]), played.moves[1]])
    targets, plans = (jnp.where(swap, two[::-1], two) for two in (targets, plans))
    # Not shifted, both objectives have the same targets and the same way to them.
    targets, plans = (
        two.at[1].set(jnp.where(shifted, two[1], two[0])) for two in (targets, plans)
    )
    return Pieces(walls, agent, in_order(start), *targets), plans, accepted


def is_well_formed(pieces: Pieces) -> Bool[Array, ""]:
    """Return whether pieces stand on floor, and targets are as many as boxes.

    No two boxes, or targets of a kind, stand on one tile, and the agent on no box.
    There may be no proxy targets at all.
    """
    mask = partial(as_mask, height=pieces.walls.shape[0], width=pieces.walls.shape[1])
    number = (pieces.boxes[:, 0] >= 0).sum()
    # As many tiles as there are boxes, all on floor: no two are the same.
    kinds = [pieces.boxes, pieces.base_targets, pieces.proxy_targets]
    masks = [mask(tiles) for tiles in kinds]
    counts = jnp.stack([(tiles & ~pieces.walls).sum() for tiles in masks])
    some = jnp.stack([(tiles[:, 0] >= 0).sum() for tiles in kinds])
    right = (counts == some) & (some == number)
    right = right.at[2].set(right[2] | (some[2] == 0))
    filled = pieces.walls | masks[0]
    stands = ~filled[pieces.agent[0], pieces.agent[1]]
    return right.all() & (number > 0) & stands


def edited_puzzle(
    key: jax.Array, pieces: Pieces, alpha: float | int | Num[Array, ""]
) -> Pieces:
    """Toggle a wall, move the agent or a box, or draw targets anew, all alike.

    Drawn anew, one base target gets another place; the proxy targets are those of the
    base, or with probability α all at other places.
    """
    walls, _, boxes, bases, _ = pieces
    height, width = walls.shape
    mask = partial(as_mask, height=height, width=width)
    places, words = random_words(key, (height * width,), (5,))
    chance = chances(words)
    tile = grid.random_tile(chance[0], grid.inside(height, width))
    toggled = walls ^ grid.at(tile, height, width)
    number = (boxes[:, 0] >= 0).sum()
    which = (chance[1] * number).astype(jnp.int32)
    floor = ~walls & ~mask(boxes)
    box = grid.random_tile(chance[2], floor)
    target = grid.random_tile(chance[2], ~walls & ~mask(bases))
    bases = bases.at[which].set(target)
    others = grid.random_tiles(places, ~walls & ~mask(bases), len(boxes))
    others = jnp.where(bases[:, :1] < 0, -1, others)
    bases = in_order(bases)
    proxies = jnp.where(chance[3] < alpha, in_order(others), bases)
    edited = [
        pieces._replace(walls=toggled),
        pieces._replace(agent=grid.random_tile(chance[0], floor)),
        pieces._replace(boxes=in_order(boxes.at[which].set(box))),
        pieces._replace(base_targets=bases, proxy_targets=proxies),
    ]
    return one_of(chance[4], edited)
