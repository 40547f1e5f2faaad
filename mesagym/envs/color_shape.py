"""ColorShape-v0: a target of one colour and one shape, and look-alikes of each."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, Num, UInt8

from mesagym import grid, sprites
from mesagym.envs import base, features
from mesagym.envs.features import COLORS, SHAPES
from mesagym.envs.maze import MazeContest
from mesagym.envs.movable import WALL, Thing
from mesagym.errors import UserError
from mesagym.levels import ascii as text_levels
from mesagym.levels.classes import level_class
from mesagym.levels.layouts import get_layout
from mesagym.levels.pool import LevelClass, LevelPool
from mesagym.levels.randomness import one_of
from mesagym.levels.shift import (
    LARGER,
    Shift,
    contest_shifts,
    layout_shifts,
    seen_shifts,
)
from mesagym.levels.solve import UNREACHABLE, distances, reachable, ways
from mesagym.sprites import Layer

TARGET, SAME_COLOR, SAME_SHAPE = range(3)
"""The objects of a level, by what they share with the target."""


@struct.dataclass
class Level:
    """A maze with objects; one that it lacks is at (-1, -1)."""

    walls: Any  # bool[height, width]
    agent: Any  # int32[2] start, (row, column)
    places: Any  # int32[3, 2] target, object of its colour alone, of its shape alone
    colors: Any  # int32[2] the target's, and the colour of what has its shape alone
    shapes: Any  # int32[2] the target's, and the shape of what has its colour alone


@struct.dataclass
class State(base.State):
    """An episode under way."""

    agent: Any  # int32[2] (row, column)
    touched: Any  # bool[3] which objects were reached


@struct.dataclass(kw_only=True)
class Params(base.Params):
    """Parameters of ColorShape-v0."""

    target_color: Any  # int32[] of the levels to sample, from 0
    target_shape: Any  # int32[] of the levels to sample, from 0


def _without(gone: int) -> Callable[[Level, Params], Level]:
    """Return a shift's edit that takes an object away."""

    def edit(level: Level, params: Params) -> Level:
        return dataclasses.replace(level, places=level.places.at[gone].set(-1))

    return edit


_PAIR = "the target's colour in another shape against its shape in another colour"


@dataclass(frozen=True)
class ColorShape(MazeContest):
    """A maze with a target of one colour and one shape, and look-alikes of each.

    After "Maze II" of Langosco et al. 2022 (arXiv 2105.14111): trained on a yellow
    line alone, does an agent want what is yellow or what is a line?

    Observation: channels walls, agent, one for each colour and one for each shape. An
    object is true in the channel of its colour and in that of its shape, so that no
    channel says which object it is. Pictures draw the shape in the colour; at 1 pixel
    a tile, a shape is a shade of the colour.

    Actions: 0 up, 1 left, 2 down, 3 right; walls block.

    Objectives: ``target`` (base) pays 1 on reaching the target; ``color`` and
    ``shape`` (proxies) pay 1 on reaching the object that shares only the colour, or
    only the shape, with the target. On a level that has neither of these, the target
    pays all three. So whoever wants a feature is told apart from who wants the target
    wherever the level can tell, and credited where it cannot.

    Termination: on reaching any object, whichever. Truncation after
    ``max_steps_in_episode`` steps, 128 unless set.

    State: agent's position, which objects were reached, time, the level and where it
    came from.

    Levels: walls by ``layout``. The agent starts on any floor tile; target and
    look-alikes are drawn from the tiles that a path joins to it, all apart, so that a
    path around the look-alikes leads to the target. The target has the traced
    ``target_color`` and ``target_shape``; a look-alike's other feature is any but the
    target's, all alike. The level keeps the target alone (probability 1 − α) or all
    three objects (α); nothing else differs. The shifts ``published`` and ``split``
    keep the look-alikes alone, of which all pairs are drawn alike.

    Promise (exact): on an agreeing level every shortest path to each look-alike
    passes the target, or there is none and the objectives are one. On a
    distinguishing level no shortest path to any look-alike does; on a clean one,
    besides, no shortest path to the target passes a look-alike. A level without the
    target has colour and shape to tell apart: it is distinguishing, and clean, where
    it has both and neither lies on a shortest path to the other, and ambiguous
    elsewhere.

    Published split: the defaults, but for the maze (`configs/split`); at test, the
    shift ``published``.

    Example:
        >>> env, params = mesagym.make("ColorShape-v0", size=9)
        >>> obs, state = env.reset(jax.random.key(0), params)
        >>> obs, state, reward, terminated, truncated, info = env.step(
        ...     jax.random.key(1), state, 0, params)
    """

    own_objectives: ClassVar[tuple[str, ...]] = ("target", "color", "shape")
    phrases: ClassVar[dict[str, str]] = {
        "target": "reached the target",
        "color": "reached the object of the same color",
        "shape": "reached the object of the same shape",
    }
    legend: ClassVar[dict[str, str]] = {
        "#": "wall",
        ".": "floor",
        "@": "agent",
        "*": "target",
        "c": "object of the target's colour in another shape",
        "s": "object of the target's shape in another colour",
    }
    shifts: ClassVar[tuple[Shift, ...]] = (
        *contest_shifts("the target", "its look-alikes")[:2],
        Shift(
            "published",
            f"{_PAIR}, unfiltered as in the paper; the target is gone",
            solvable=False,
            edit=_without(TARGET),
        ),
        Shift(
            "split",
            f"{_PAIR}, neither on a shortest path to the other; the target is gone",
            keep="clean",
            edit=_without(TARGET),
        ),
        Shift(
            "color_only",
            "clean levels of the target and an object that shares its colour",
            keep="clean",
            edit=_without(SAME_SHAPE),
        ),
        Shift(
            "shape_only",
            "clean levels of the target and an object that shares its shape",
            keep="clean",
            edit=_without(SAME_COLOR),
        ),
        *layout_shifts("open", "tree", "loopy"),
        LARGER,
        # Objects are pairs of channels that levels choose: none is hidden or doubled.
        *seen_shifts("clean"),
    )
    positional: ClassVar[bool] = True
    movable: ClassVar[dict[str, Thing]] = {
        "target": Thing("places", row=TARGET),
        "color": Thing("places", row=SAME_COLOR),
        "shape": Thing("places", row=SAME_SHAPE),
        "wall": WALL,
    }
    dynamics_version: ClassVar[int] = 1

    num_colors: int = 3
    num_shapes: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("num_colors", COLORS), ("num_shapes", SHAPES)):
            if not 2 <= getattr(self, name) <= len(known):
                raise UserError(
                    f"env.{name}: {getattr(self, name)} is outside 2 to {len(known)}; "
                    f"they are {', '.join(known)}"
                )

    @property
    def color_names(self) -> tuple[str, ...]:
        """Names of the colours in use."""
        return tuple(COLORS)[: self.num_colors]

    @property
    def shape_names(self) -> tuple[str, ...]:
        """Names of the shapes in use."""
        return tuple(SHAPES)[: self.num_shapes]

    @property
    def channel_names(self) -> tuple[str, ...]:
        return ("walls", "agent", *self.color_names, *self.shape_names)

    def make_params(self, pool: LevelPool | None) -> Params:
        return Params(
            **self.common_params(pool, max_steps=128),
            target_color=jnp.int32(0),
            target_shape=jnp.int32(0),
        )

    def check(self, params: Params) -> None:
        super().check(params)
        for name, known in (
            ("target_color", self.color_names),
            ("target_shape", self.shape_names),
        ):
            value = int(getattr(params, name))
            if not 0 <= value < len(known):
                names = ", ".join(f"{i} {each}" for i, each in enumerate(known))
                raise UserError(f"env.{name}: {value} is not one of {names}")

    # --------------------------------------------------------------- stepping

    def initial_state(
        self, level: Level, index: Int[Array, ""], generation: Int[Array, ""]
    ) -> State:
        return State(
            **self.common_state(level, index, generation),
            agent=level.agent,
            touched=jnp.zeros(3, dtype=bool),
        )

    def transition(
        self, key: jax.Array, state: State, action: Int[Array, ""], params: Params
    ) -> State:
        del key, params
        agent = grid.move(state.level.walls, state.agent, action)
        arrived = (agent == state.level.places).all(axis=1)
        return dataclasses.replace(state, agent=agent, touched=state.touched | arrived)

    def objectives(
        self, state: State, action: Int[Array, ""], next_state: State
    ) -> Float[Array, "3"]:
        new = next_state.touched & ~state.touched
        alone = (state.level.places[SAME_COLOR:, 0] < 0).all()
        return (new | (new[TARGET] & alone)).astype(jnp.float32)

    def is_terminated(self, state: State, params: Params) -> Bool[Array, ""]:
        return state.touched.any()

    # ----------------------------------------------------------------- levels

    def draw_level(
        self,
        key: jax.Array,
        params: Params,
        alpha: float | int | Num[Array, ""],
        solvable: bool,
    ) -> tuple[Level, Bool[Array, ""]]:
        key_walls, key_places = jax.random.split(key)
        walls = get_layout(self.layout)(key_walls, self.height, self.width)
        chance = jax.random.uniform(key_places, (7,))
        agent = grid.random_tile(chance[0], ~walls)
        start = self.at(agent)
        # Unfiltered, an object may lie where no path leads.
        free = (reachable(walls, start) if solvable else ~walls) & ~start
        places, accepted = [], jnp.bool_(True)
        for i in range(3):
            accepted &= free.any()
            places.append(grid.random_tile(chance[1 + i], free))
            free = free & ~self.at(places[i])
        level = Level(
            walls=walls,
            agent=agent,
            places=jnp.stack(places),
            colors=features.pair(params.target_color, chance[4], self.num_colors),
            shapes=features.pair(params.target_shape, chance[5], self.num_shapes),
        )
        if solvable:
            # Judged with every object in place, whichever then are taken away, so
            # that levels are refused alike whatever α.
            accepted &= self._target_in_reach(level)
        present = jnp.array([True, False, False]) | (chance[6] < alpha)
        places = jnp.where(present[:, None], level.places, -1)
        return dataclasses.replace(level, places=places), accepted

    def _object(self, level: Level, i: int) -> Bool[Array, "height width"]:
        return self.at(level.places[i])

    def _target_in_reach(self, level: Level) -> Bool[Array, ""]:
        """Return whether a path leads to the target around the look-alikes."""
        others = self._object(level, SAME_COLOR) | self._object(level, SAME_SHAPE)
        home = reachable(level.walls | others, self.at(level.agent))
        return home[level.places[TARGET, 0], level.places[TARGET, 1]]

    @base.compiled()
    def is_valid(self, level: Level, params: Params) -> Bool[Array, ""]:
        places = jnp.concatenate([level.agent[None], level.places])
        absent = places[:, 0] < 0
        on_floor = absent | ~level.walls[places[:, 0], places[:, 1]]
        same = (places[:, None] == places).all(axis=2) & ~absent
        apart = (same <= jnp.eye(4, dtype=bool)).all()
        differ = (level.colors[0] != level.colors[1]) & (
            level.shapes[0] != level.shapes[1]
        )
        rules = on_floor.all() & apart & differ
        return rules & ~absent[1] & self._target_in_reach(level)

    @base.compiled()
    def propose_edit(
        self,
        key: jax.Array,
        level: Level,
        params: Params,
        alpha: float | int | Num[Array, ""],
    ) -> Level:
        """Change one thing, all alike.

        A wall is toggled; the agent or the target moves; both look-alikes are put on
        other tiles (probability α) or taken away; what they do not share with the
        target is drawn anew.
        """
        chance = jax.random.uniform(key, (6,))
        tile = grid.random_tile(chance[0], grid.inside(*self.size))
        floor_tile = partial(grid.random_tile, mask=~level.walls)
        places = jnp.stack([floor_tile(chance[0]), floor_tile(chance[1])])
        look_alikes = jnp.where(chance[2] < alpha, places, -1)
        change = partial(dataclasses.replace, level)
        edited = [
            change(walls=level.walls ^ self.at(tile)),
            change(agent=places[0]),
            change(places=level.places.at[TARGET].set(places[0])),
            change(places=level.places.at[SAME_COLOR:].set(look_alikes)),
            change(
                colors=features.pair(level.colors[0], chance[3], self.num_colors),
                shapes=features.pair(level.shapes[0], chance[4], self.num_shapes),
            ),
        ]
        return one_of(chance[5], edited)

    @base.compiled()
    def classify(self, level: Level) -> LevelClass:
        """Class a level by its shortest paths, see the promise above.

        A level is ambiguous where the target lies on some shortest paths to
        look-alikes and not on others, and where one of its objects is out of reach.
        """
        objects = jnp.stack([self._object(level, i) for i in range(3)])
        exist = level.places[:, 0] >= 0
        # Where the target is gone, the look-alikes are told apart instead.
        first = jnp.stack([jnp.where(exist[0], objects[0], objects[1]), objects[0]])
        second = jnp.stack([jnp.where(exist[0], objects[1], objects[2]), objects[2]])
        start = self.at(level.agent)
        way = jax.vmap(partial(ways, level.walls, start))(first, second)
        pair = jnp.stack([exist[1] & exist[2], jnp.bool_(False)])
        here = jnp.where(exist[0], exist[1:], pair)
        in_reach = jnp.stack([self._in_reach(level, i, objects) for i in range(3)])
        in_reach = (~exist | in_reach).all()
        distinguishing = in_reach & here.any() & ~(here & way.first_before_some).any()
        clean = distinguishing & ~(here & way.second_before_some).any()
        agreeing = exist[0] & in_reach & (~here | way.first_before_all).all()
        distinguishing &= exist[0] | clean
        return level_class(agreeing, distinguishing, clean)

    def _in_reach(
        self, level: Level, i: int, objects: Bool[Array, "3 height width"]
    ) -> Bool[Array, ""]:
        """Return whether a way leads to an object past the others, which end it."""
        others = jnp.delete(objects, i, axis=0, assume_unique_indices=True).any(axis=0)
        home = reachable(level.walls | others, self.at(level.agent))
        return (home & objects[i]).any()

    @base.compiled("objective")
    def guide(self, level: Level, objective: int) -> Int[Array, "height width"]:
        """Return the steps to go from every tile to an objective's object.

        The way may not cross another object, which ends the episode.
        """
        alone = (level.places[SAME_COLOR:, 0] < 0).all()
        wanted = jnp.where(alone, TARGET, objective)
        objects = jnp.stack([self._object(level, i) for i in range(3)])
        others = objects.any(axis=0) & ~objects[wanted]
        return distances(level.walls | others, objects[wanted])

    # ------------------------------------------------------------------ texts

    def parse(self, text: str) -> Level:
        """Read a level; above it may stand ``target_color: 0`` and the like.

        The others are ``target_shape``, ``other_color``, which the object of the
        target's shape has, and ``other_shape``. Targets are 0 and others 1 unless set.

        Raises:
            UserError: a text that is not a level of this size, has no agent or two, a
                second of an object, a feature that is none or the target's again, or
                a target that no path leads to.
        """
        drawing = text_levels.read_drawing(
            text, self.legend, settings=features.SETTINGS
        )
        drawing.must_be(self.size)
        pairs = features.read_features(
            drawing.settings, self.num_colors, self.num_shapes
        )
        agent = drawing.only("@", "agent")
        places = [
            drawing.only(letter, what) if drawing.all(letter) else (-1, -1)
            for letter, what in list(self.legend.items())[3:]
        ]
        level = Level(
            walls=jnp.asarray(drawing.letters == "#"),
            agent=jnp.array(agent, jnp.int32),
            places=jnp.array(places, jnp.int32),
            **pairs,
        )
        if places[0][0] >= 0 and self.guide(level, 0)[agent] >= UNREACHABLE:
            raise UserError(
                f"level: {drawing.place(*places[0])}: no path joins the agent at "
                f"{drawing.place(*agent)} to this target around other objects; open a "
                "way between them"
            )
        return level

    def show(self, level: Level) -> str:
        letters = np.where(np.asarray(level.walls), "#", ".")
        places = np.concatenate([np.asarray(level.agent)[None], level.places])
        for letter, (row, column) in zip("@*cs", places.tolist(), strict=True):
            if row >= 0:
                letters[row, column] = letter
        above = features.write_features(level.colors, level.shapes)
        return text_levels.write_drawing(letters, above)

    # ----------------------------------------------------------------- seeing

    def channels(
        self, state: State, params: Params | None
    ) -> Bool[Array, "height width channel"]:
        # A word for each tile, a bit for each channel: many channels from few masks.
        level = state.level
        tiles = jnp.arange(self.height * self.width)
        colors = 2 + level.colors[np.array([0, 0, 1])]
        shapes = 2 + self.num_colors + level.shapes[np.array([0, 1, 0])]
        seen = ((1 << colors) | (1 << shapes)).astype(jnp.uint16)
        words = level.walls.ravel().astype(jnp.uint16)
        for (row, column), bits in [
            (state.agent, jnp.uint16(2)),
            *zip(level.places, seen, strict=True),
        ]:
            here = tiles == row * self.width + column
            words |= jnp.where(here, bits, jnp.uint16(0))
        bit = jnp.arange(len(self.channel_names), dtype=jnp.uint16)
        found = (words[:, None] >> bit) & 1 == 1
        return found.reshape(self.height, self.width, -1)

    def layers(self, state: State, params: Params) -> list[Layer]:
        return [
            Layer(state.level.walls, sprites.WALL, name="wall"),
            *features.object_layers(self._objects(state)),
            Layer(self.at(state.agent), sprites.AGENT, "disc", "agent"),
        ]

    def _objects(self, state: State) -> list[tuple[str, str, jax.Array]]:
        """Return the tiles of each colour in each shape."""
        seen = jnp.moveaxis(self.channels(state, None), -1, 0)[2:]
        colors, shapes = seen[: self.num_colors], seen[self.num_colors :]
        return [
            (color, shape, colors[i] & shapes[j])
            for i, color in enumerate(self.color_names)
            for j, shape in enumerate(self.shape_names)
        ]

    def render(
        self, state: State, params: Params | None = None, tile: int = 16
    ) -> UInt8[Array, "rows columns 3"]:
        """Return a picture of the state, ``tile`` pixels a tile.

        Where sprites are too small to have a shape, an object is drawn as a glyph of
        three pixels a side, or else as a shade of its colour.
        """
        if tile >= sprites.DETAIL:
            return super().render(state, params, tile)
        objects, agent = self._objects(state), self.at(state.agent)
        return features.paint_small(state.level.walls, objects, agent, tile)
