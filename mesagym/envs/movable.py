"""Things put elsewhere on a level that otherwise stays as it was: counterfactuals."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Bool, Int

from mesagym import grid
from mesagym.envs.situations import Situated
from mesagym.envs.supply import LevelSource, compiled
from mesagym.levels.places import as_mask
from mesagym.levels.solve import reachable

TRIES = 16
"""Places tried on a level before it is given up."""


@dataclass(frozen=True)
class Thing:
    """What can be put elsewhere, and where a level keeps its place.

    Attributes:
        field: of the level: a tile int32[2], tiles int32[n, 2], a mask
            bool[height, width], or the bits of tiles uint8[height, width].
        row: of tiles, which one it is; None moves any that is there.
        bit: of bits, which one.
        arrives: whether to arrive at its tile is to arrive at it. Nobody arrives at a
            wall, and what walks by itself is soon elsewhere.
        idle: whether moving it may change no objective's fewest steps.
    """

    field: str
    row: int | None = None
    bit: int = 0
    arrives: bool = True
    idle: bool = False


WALL = Thing("walls", arrives=False, idle=True)
"""An inner wall that no shortest way depends on: moved, it should change nothing."""


@struct.dataclass
class Displaced:
    """A level on which one thing was put elsewhere."""

    level: Any  # as it was, the thing apart; unchanged where not accepted
    old: Any  # int32[2] where the thing was, (row, column)
    new: Any  # int32[2] where it is
    accepted: Any  # bool[] whether a place was found


class Movable(LevelSource, Situated):
    """Says which things of its levels can be put elsewhere, and puts them there.

    An environment names them in ``movable``. One that derives fields of its levels from
    others overrides `settled`, one in which things lie on more than tiles without walls
    overrides `ground`, and one in which the agent brings something there, `arrived`.
    """

    movable: ClassVar[dict[str, Thing]] = {}
    """Things by name. That of an objective is called as the objective, or its role."""
    kind: ClassVar[str]

    def settled(self, level: Any) -> Any:
        """Return a level whose derived fields are true to the rest."""
        return level

    def ground(self, level: Any) -> Bool[Array, "height width"]:
        """Return the tiles that a path joins to the start, to which things can move."""
        return reachable(level.walls, self.at(level.agent))

    def arrived(self, state: Any, tile: Int[Array, "2"]) -> Bool[Array, ""]:
        """Return whether a tile has been arrived at in this state."""
        return (state.agent == tile).all()

    def tiles_of(self, level: Any, name: str) -> Bool[Array, "height width"]:
        """Return where the things of a name are, those that can be moved."""
        thing = self.movable[name]
        value = getattr(level, thing.field)
        if value.shape == (self.height, self.width):
            inner = grid.inside(self.height, self.width)
            return (value & thing.bit != 0) if thing.bit else value & inner
        if thing.row is not None:
            value = value[thing.row]
        return as_mask(value.reshape(-1, 2), self.height, self.width)

    def put_elsewhere(
        self, level: Any, name: str, old: Int[Array, "2"], new: Int[Array, "2"]
    ) -> Any:
        """Return a level whose thing at one tile is at another; nothing is checked."""
        thing = self.movable[name]
        value = getattr(level, thing.field)
        if value.shape == (self.height, self.width):
            was, becomes = self.at(old), self.at(new)
            if thing.bit:
                bit = jnp.asarray(thing.bit, value.dtype)
                value = jnp.where(was, value & ~bit, value)
                value = jnp.where(becomes, value | bit, value)
            else:
                value = (value & ~was) | becomes
        elif value.ndim == 1:
            value = new
        else:
            here = (value == old).all(axis=-1)
            if thing.row is not None:
                here &= jnp.arange(len(value)) == thing.row
            value = jnp.where(here[:, None], new, value)
        return self.settled(dataclasses.replace(level, **{thing.field: value}))

    @compiled("name")
    def displaced(
        self, key: jax.Array, level: Any, name: str, params: Any
    ) -> Displaced:
        """Put one thing on another tile, all alike, and leave the rest as it is.

        The tile is free and joined to the start by a path. The level stays valid, and
        in a contest no objective that was in reach falls out of it. Levels on which
        such a place is not found in `TRIES` draws are not accepted.

        Args:
            key: randomness of which thing moves, where there are several, and whither.
            level: one level.
            name: of `movable`.
            params: parameters.
        """
        thing = self.movable[name]
        here = self.tiles_of(level, name)
        taken = self.at(level.agent)
        for each, other in self.movable.items():
            if not other.idle:
                taken |= self.tiles_of(level, each)
        free = self.ground(level) & ~taken
        contest = self.kind == "contest"
        before = self.solve(level, params).steps if contest else None

        def fits(moved: Any, old: jax.Array, new: jax.Array) -> jax.Array:
            start = self.initial_state(moved, jnp.int32(-1), jnp.int32(-1))
            far = ~self.arrived(start, old) & ~self.arrived(start, new)
            keeps = self.is_valid(moved, params) & far
            if before is None:
                return keeps
            after = self.solve(moved, params).steps
            same = after == before if thing.idle else (before <= 0) | (after > 0)
            return keeps & same.all()

        def attempt(carry: tuple[jax.Array, Displaced]) -> tuple[jax.Array, Displaced]:
            number, _ = carry
            chance = jax.random.uniform(jax.random.fold_in(key, number), (2,))
            old, new = (
                grid.random_tile(chance[0], here),
                grid.random_tile(chance[1], free),
            )
            moved = self.put_elsewhere(level, name, old, new)
            accepted = here.any() & free.any() & fits(moved, old, new)
            return number + 1, Displaced(moved, old, new, accepted)

        nowhere = jnp.zeros(2, jnp.int32)
        none = Displaced(level, nowhere, nowhere, jnp.bool_(False))
        found = jax.lax.while_loop(
            lambda carry: (carry[0] < TRIES) & ~carry[1].accepted,
            attempt,
            (jnp.int32(0), none),
        )[1]
        kept = jax.tree.map(
            lambda new, old: jnp.where(found.accepted, new, old), found.level, level
        )
        return dataclasses.replace(found, level=kept)
