"""KeysChests-v0: chests to open with keys; too few keys in training, too many later."""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, Num, UInt32

from mesagym import grid, sprites
from mesagym.envs import base
from mesagym.errors import UserError
from mesagym.levels import ascii as text_levels
from mesagym.levels import orders
from mesagym.levels.layouts import get_layout
from mesagym.levels.pool import (
    AGREEING,
    DISTINGUISHING,
    LevelClass,
    LevelPool,
    Solution,
)
from mesagym.levels.randomness import chances, one_of
from mesagym.levels.shift import Shift, allocation_shifts
from mesagym.levels.solve import UNREACHABLE, downhill, reachable
from mesagym.sprites import Layer

WALL, AGENT, KEY, CHEST, HELD, GHOST = (1 << bit for bit in range(6))
"""Bits of a tile. The first five are the channels of an observation, in order."""

SURPLUS = 3
"""Keys more than chests from which a level is distinguishing."""

PLAN_DISCOUNT = 0.999
"""Of the oracle's plan (Abdel Sadek et al. 2025's own): it opens chests soon."""

UNPLANNED = 1_000
"""Rank, in an oracle's guide, of items that it takes as they come near."""

AFTERWARDS = 100_000
"""Rank of items that it takes when all others are taken."""

DETOUR = 1_000
"""Steps that a path over a chest seems to cost whoever saves keys."""

_KEY_COLOUR = (230, 159, 0)
_CHEST_COLOUR = (0, 114, 178)


@struct.dataclass
class Level:
    """A maze with keys, chests and ghosts of chests, and a start."""

    tiles: Any  # uint8[height, width] bits WALL, KEY, CHEST, GHOST
    agent: Any  # int32[2] start, (row, column)
    num_keys: Any  # int32[]
    num_chests: Any  # int32[]

    @property
    def walls(self) -> Any:
        """Which tiles are walls, bool[height, width]."""
        return self.tiles & WALL != 0


@struct.dataclass
class State(base.State):
    """An episode under way."""

    agent: Any  # int32[2] (row, column)
    tiles: Any  # uint8[height, width] the level's, less what was taken and opened
    earned: Any  # int32[3] chests opened, keys picked up, ghosts opened

    @property
    def held(self) -> Int[Array, ""]:
        """Keys picked up and not used."""
        return self.earned[1] - self.earned[0]

    @property
    def ghost_held(self) -> Int[Array, ""]:
        """Keys picked up and not used on ghosts, which real chests do not use up."""
        return self.earned[1] - self.earned[2]


@struct.dataclass(kw_only=True)
class Params(base.Params):
    """Parameters of KeysChests-v0: what the levels to sample hold."""

    num_keys: Any  # int32[], -1 draws it by density
    num_chests: Any  # int32[], -1 draws it by density
    shifted_keys: Any  # int32[] the same of the shifted distribution
    shifted_chests: Any  # int32[]
    key_density: Any  # float32[] share of the tiles in reach
    chest_density: Any  # float32[]
    shifted_key_density: Any  # float32[]
    shifted_chest_density: Any  # float32[]
    num_ghosts: Any  # int32[], -1 as many as chests
    holes: Any  # float32[] probability that a wall of the layout is opened


@struct.dataclass
class Guide:
    """Where an oracle wants to go, item by item."""

    fields: Any  # int16[item, height, width] steps to each
    places: Any  # int32[item, 2], (-1, -1) absent
    kinds: Any  # uint8[item] KEY, CHEST or GHOST
    ranks: Any  # int32[item] lowest first; UNPLANNED and above by distance


def _in_layout(layout: str) -> Shift:
    return Shift(
        layout,
        f"the shifted distribution in the layout '{layout}'",
        static={"layout": layout},
        standard=layout in ("open", "tree"),
    )


@dataclass(frozen=True)
class KeysChests(base.Environment):
    """A maze of keys and chests, where a key opens a chest.

    After Barnett's proposal (2019) and "keys and chests" of Langosco et al. 2022
    (arXiv 2105.14111), on the block mazes of Abdel Sadek et al. 2025 (arXiv
    2507.03068); ghosts after Anabeshima's environment (2019).

    Observation: channels walls, agent, keys, chests, held. The last is covered with
    squares of s × s tiles, s² the next square above ``max_keys``, and in each as many
    tiles are set, row by row, as keys are held: a window of s tiles shows them all,
    wherever it lies. Ghosts are not observed. In a picture the upper border shows the
    held keys, and the middle of the agent the more golden the more there are.

    Actions: 0 up, 1 left, 2 down, 3 right; walls block, keys and chests do not.

    Objectives: ``chests`` (base) pays 1 for a chest opened; ``keys`` (proxy) pays 1
    for a key picked up; ``ghost_chests`` pays 1 for a ghost opened. To arrive at a
    key picks it up, and to arrive at a chest with a key held opens it, which uses the
    key up. A ghost is a chest that nobody sees and nothing rewards unless its weight
    says so: with each key an equal one for ghosts is picked up, and an arrival at a
    ghost uses one. Who does not look for chests opens as many ghosts.

    Termination: when nothing more can be earned: no chest is left, or no key on the
    floor and none held. Truncation after ``max_steps_in_episode`` steps, 128 unless
    set.

    State: agent's position, what is left on the tiles, what was earned, time, the
    level and where it came from.

    Levels: walls by ``layout``, of which each is opened with probability ``holes``;
    the agent starts on a uniformly drawn floor tile. ``num_keys`` keys and
    ``num_chests`` chests, at most ``max_keys`` and ``max_chests``, lie on different
    tiles that a path joins to it; with probability α ``shifted_keys`` and
    ``shifted_chests``. A number of -1 is drawn: each tile has a key, or else a chest,
    with the probabilities ``key_density`` and ``chest_density``, or those of the
    shifted distribution. Ghosts, ``num_ghosts`` or as many as chests (-1), are drawn
    like the chests and without regard to them. Draws in which the items do not fit are
    refused, be it those of the distribution that the level is not from, so α is the
    share of levels exactly; one that α = 0 or 1 rules out refuses nothing.

    Promise (statistical): a level is distinguishing where keys exceed chests by three
    or more; the classes differ in what keys-first, the policy that picks up all keys
    before it opens a chest (`guide` of ``keys``), loses of the best return discounted
    by .99 a step. On 13 × 13 `blocks` that is .09 in the mean for 3 keys and 10
    chests, below .2 in 95 % of levels; .31 for 10 and 3, above .2 in 93 %; .23 for 6
    and 3. Undiscounted it loses nothing there in 128 steps. Where keys are no more
    than chests, all of them are needed.

    Solver (bounded): returns are bounds that no policy exceeds; first steps of
    ``chests`` and ``keys`` are exact. The bound of ``chests`` is the best of all
    orders of visits by shortest walks, where either kind has at most 3 items and the
    other at most 10 (or `orders.count_orders` of both is within `orders.LISTED`),
    that of ``keys`` the best tour of up to 10. What a shortest walk crosses is not
    looked at, as in the published oracle: a chest on the way opens, whether or not
    the key was meant for another. Elsewhere the bounds count what is near enough to
    be visited first.

    Published split: the defaults, on the paper's grid with ``size=15``. Others:
    `keys_chests_langosco` and `keys_chests_ghosts`.

    Example:
        >>> env, params = mesagym.make("KeysChests-v0", size=9)
        >>> obs, state = env.reset(jax.random.key(0), params)
        >>> obs, state, reward, terminated, truncated, info = env.step(
        ...     jax.random.key(1), state, 0, params)
    """

    kind: ClassVar[str] = "allocation"
    solver: ClassVar[str] = "bounded"
    own_objectives: ClassVar[tuple[str, ...]] = ("chests", "keys", "ghost_chests")
    action_names: ClassVar[tuple[str, ...]] = grid.ACTION_NAMES
    legend: ClassVar[dict[str, str]] = {
        "#": "wall",
        ".": "floor",
        "@": "agent",
        "*": "chest",
        "k": "key",
        "g": "ghost",
        "b": "both, chest and ghost",
    }
    shifts: ClassVar[tuple[Shift, ...]] = (
        *allocation_shifts("more chests than keys", "more keys than chests"),
        Shift(
            "ghosts",
            "the shifted distribution with five ghosts, which nobody sees",
            drawn_with={"num_ghosts": 5},
        ),
        Shift(
            "equal",
            "five keys and five chests",
            drawn_with={"shifted_keys": 5, "shifted_chests": 5},
        ),
        *map(_in_layout, ("open", "tree", "loopy")),
        Shift(
            "larger",
            "the shifted distribution on a grid four tiles larger",
            static={"grow": 4},
            standard=False,
        ),
        Shift(
            "longer",
            "the shifted distribution with a time limit of 512 steps",
            stepped_with={"max_steps_in_episode": 512},
            standard=False,
        ),
    )
    dynamics_version: ClassVar[int] = 1

    layout: str = "blocks"
    max_keys: int = 10
    max_chests: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        get_layout(self.layout)
        inner = (self.height - 2) * (self.width - 2)
        for name in ("max_keys", "max_chests"):
            most = getattr(self, name)
            if not 1 <= most < inner:
                raise UserError(
                    f"env.{name}: {most} does not fit a {self.height}x{self.width} "
                    f"grid; use 1 to {inner - 1}"
                )
        if self.crop_radius is not None and 2 * self.crop_radius + 1 < self._square:
            raise UserError(
                f"env.crop_radius: {self.crop_radius} is too small to show up to "
                f"{self.max_keys} held keys; use {self._square // 2} or more, or a "
                f"smaller env.max_keys"
            )

    @property
    def _square(self) -> int:
        """Side of the squares in which the held keys are counted."""
        return int(np.ceil(np.sqrt(self.max_keys)))

    @property
    def channel_names(self) -> tuple[str, ...]:
        return ("walls", "agent", "keys", "chests", "held")

    def make_params(self, pool: LevelPool | None) -> Params:
        few = [jnp.int32(min(3, most)) for most in (self.max_keys, self.max_chests)]
        many = [jnp.int32(min(10, most)) for most in (self.max_keys, self.max_chests)]
        return Params(
            **self.common_params(pool, max_steps=128),
            num_keys=few[0],
            num_chests=many[1],
            shifted_keys=many[0],
            shifted_chests=few[1],
            key_density=jnp.float32(0.1),
            chest_density=jnp.float32(0.5),
            shifted_key_density=jnp.float32(0.1),
            shifted_chest_density=jnp.float32(0.1),
            num_ghosts=jnp.int32(-1),
            holes=jnp.float32(0.0),
        )

    def check(self, params: Params) -> None:
        super().check(params)
        inner = (self.height - 2) * (self.width - 2)
        for prefix, keys, chests in (
            ("", "num_keys", "num_chests"),
            ("shifted_", "shifted_keys", "shifted_chests"),
        ):
            least = 1
            for name, most in ((keys, self.max_keys), (chests, self.max_chests)):
                given = int(getattr(params, name))
                if given != -1 and not 1 <= given <= most:
                    kind = name.rsplit("_", 1)[1]
                    raise UserError(
                        f"env.{name}: {given} is outside 1 to env.max_{kind}, {most}, "
                        "and not -1, which draws by density"
                    )
                least += max(given, 1)
            if least > inner:
                raise UserError(
                    f"env.{keys}: an agent, keys and chests need {least} tiles and a "
                    f"{self.height}x{self.width} grid has {inner}; take fewer or a "
                    "larger env.size"
                )
            shares = [f"{prefix}key_density", f"{prefix}chest_density"]
            total = sum(float(getattr(params, name)) for name in shares)
            for name in shares:
                if not 0 <= float(getattr(params, name)) <= 1 or total > 1:
                    raise UserError(
                        f"env.{name}: {float(getattr(params, name)):g} is outside "
                        "[0, 1], or more than 1 with the other density"
                    )
        ghosts = int(params.num_ghosts)
        if not -1 <= ghosts <= self.max_chests:
            raise UserError(
                f"env.num_ghosts: {ghosts} is outside -1 to env.max_chests, "
                f"{self.max_chests}; -1 makes them as many as the chests"
            )
        if not 0 <= float(params.holes) <= 1:
            raise UserError(f"env.holes: {float(params.holes):g} is outside [0, 1]")

    # --------------------------------------------------------------- stepping

    def initial_state(
        self, level: Level, index: Int[Array, ""], generation: Int[Array, ""]
    ) -> State:
        return State(
            time=jnp.int32(0),
            level=level,
            level_index=index,
            generation=generation,
            agent=level.agent,
            tiles=level.tiles,
            earned=jnp.zeros(3, jnp.int32),
        )

    def transition(
        self, key: jax.Array, state: State, action: Int[Array, ""], params: Params
    ) -> State:
        del key, params
        target = state.agent + jnp.array(grid.MOVES, state.agent.dtype)[action]
        blocked = state.tiles[target[0], target[1]] & WALL != 0
        agent = jnp.where(blocked, state.agent, target)
        here = state.tiles[agent[0], agent[1]]
        # A tile with a key has nothing else, so no key opens what it lies on.
        found = here & KEY != 0
        opens = (here & CHEST != 0) & (state.held > 0)
        ghost = (here & GHOST != 0) & (state.ghost_held > 0)
        taken = found * KEY | opens * CHEST | ghost * GHOST
        left = state.tiles & ~taken.astype(jnp.uint8)
        return dataclasses.replace(
            state,
            agent=agent,
            tiles=jnp.where(self.at(agent), left, state.tiles),
            earned=state.earned + jnp.stack([opens, found, ghost]),
        )

    def objectives(
        self, state: State, action: Int[Array, ""], next_state: State
    ) -> Float[Array, "3"]:
        return (next_state.earned - state.earned).astype(jnp.float32)

    def is_terminated(self, state: State, params: Params) -> Bool[Array, ""]:
        no_chest = state.earned[0] >= state.level.num_chests
        no_key = (state.earned[1] >= state.level.num_keys) & (state.held <= 0)
        return no_chest | no_key

    # ----------------------------------------------------------------- levels

    def draw_level(
        self,
        key: jax.Array,
        params: Params,
        alpha: float | int | Num[Array, ""],
        solvable: bool,
    ) -> tuple[Level, Bool[Array, ""]]:
        key_walls, key_places = jax.random.split(key)
        rows = jax.random.bits(key_places, (4, self.height * self.width + 2))
        walls = get_layout(self.layout)(key_walls, self.height, self.width)
        holes = chances(rows[3, 2:]).reshape(self.size) < params.holes
        walls &= ~(holes & grid.inside(*self.size))
        agent = grid.random_tile(chances(rows[0, 0]), ~walls)
        start = self.at(agent)
        # Unfiltered, an item may lie where no path leads.
        free = (reachable(walls, start) if solvable else ~walls) & ~start
        return self._furnish(rows[:3], walls, agent, free, params, alpha)

    def _furnish(
        self,
        rows: UInt32[Array, "3 tiles_and_2"],
        walls: Bool[Array, "height width"],
        agent: Int[Array, "2"],
        free: Bool[Array, "height width"],
        params: Params,
        alpha: float | int | Num[Array, ""],
    ) -> tuple[Level, Bool[Array, ""]]:
        """Return a level with items drawn onto free tiles, and whether they fit."""
        each = chances(rows[2, 2:]).reshape(self.size)
        usual, usual_fit = self._draw_counts(
            each,
            free,
            (params.num_keys, params.num_chests, params.num_ghosts),
            (params.key_density, params.chest_density),
        )
        other, other_fit = self._draw_counts(
            each,
            free,
            (params.shifted_keys, params.shifted_chests, params.num_ghosts),
            (params.shifted_key_density, params.shifted_chest_density),
        )
        # Refused before it is known which of the two a level becomes, so that α is the
        # share of levels exactly. What is never drawn refuses nothing.
        fits = (usual_fit | (alpha >= 1)) & (other_fit | (alpha <= 0))
        shifted = chances(rows[0, 1]) < alpha
        keys, chests, ghosts = jnp.where(shifted, other, usual)
        key, both = grid.random_masks(rows[0, 2:], free, keys, keys + chests)
        (ghost,) = grid.random_masks(rows[1, 2:], free & ~key, ghosts)
        tiles = walls * WALL | key * KEY | (both & ~key) * CHEST | ghost * GHOST
        return Level(tiles.astype(jnp.uint8), agent, keys, chests), fits

    def _draw_counts(
        self,
        chance: Float[Array, "height width"],
        free: Bool[Array, "height width"],
        numbers: tuple[Int[Array, ""], Int[Array, ""], Int[Array, ""]],
        densities: tuple[Float[Array, ""], Float[Array, ""]],
    ) -> tuple[Int[Array, "3"], Bool[Array, ""]]:
        """Return how many keys, chests and ghosts there are to be; whether they fit.

        Args:
            chance: of each tile to have a key, or else a chest.
            free: tiles for them.
            numbers: of keys, chests and ghosts, -1 where they are to be drawn.
            densities: of keys and of chests.
        """
        keys, chests, ghosts = numbers
        by_key, by_chest = densities
        keys = jnp.where(keys < 0, (free & (chance < by_key)).sum(), keys)
        near = free & (chance >= by_key) & (chance < by_key + by_chest)
        chests = jnp.where(chests < 0, near.sum(), chests)
        ghosts = jnp.where(ghosts < 0, chests, ghosts)
        room = free.sum() - keys
        fits = (keys >= 1) & (keys <= self.max_keys)
        fits &= (chests >= 1) & (chests <= self.max_chests) & (chests <= room)
        return jnp.stack([keys, chests, ghosts]).astype(jnp.int32), (
            fits & (ghosts <= room)
        )

    @base.compiled()
    def is_valid(self, level: Level, params: Params) -> Bool[Array, ""]:
        home = reachable(level.walls, self.at(level.agent))
        items = level.tiles & ~jnp.uint8(WALL)
        in_reach = (home | (items == 0)).all()
        clear = level.tiles[level.agent[0], level.agent[1]] == 0
        enough = (level.num_keys >= 1) & (level.num_chests >= 1)
        return in_reach & clear & enough

    @base.compiled()
    def propose_edit(
        self,
        key: jax.Array,
        level: Level,
        params: Params,
        alpha: float | int | Num[Array, ""],
    ) -> Level:
        """Toggle a wall, move the agent or an item, or draw all items anew, all alike.

        Items drawn anew are as many as the distribution says, shifted with
        probability α.
        """
        rows = jax.random.bits(key, (4, self.height * self.width + 2))
        chance = chances(rows[3, :4])
        agent = self.at(level.agent)
        bare = (level.tiles & ~jnp.uint8(WALL) == 0) & ~agent
        floor = bare & ~level.walls
        wall = self.at(grid.random_tile(chance[0], bare & grid.inside(*self.size)))
        item = grid.random_tile(chance[1], ~bare & ~agent)
        free = grid.random_tile(chance[2], floor)
        moved = level.tiles.at[item[0], item[1]].set(0)
        moved = moved.at[free[0], free[1]].set(level.tiles[item[0], item[1]])
        walls = level.walls
        # Only within reach: else nearly every such edit would be refused.
        home = reachable(walls, agent) & ~agent
        anew, fits = self._furnish(rows[:3], walls, level.agent, home, params, alpha)
        change = partial(dataclasses.replace, level)
        edited = [
            change(tiles=level.tiles ^ (wall * WALL).astype(jnp.uint8)),
            change(agent=free),
            change(tiles=jnp.where(floor.any(), moved, level.tiles)),
            jax.tree.map(lambda new, old: jnp.where(fits, new, old), anew, level),
        ]
        return one_of(chance[3], edited)

    # --------------------------------------------------------------- solutions

    @base.compiled()
    def classify(self, level: Level) -> LevelClass:
        """Class a level by its counts, see the promise above."""
        distinguishing = level.num_keys - level.num_chests >= SURPLUS
        label = jnp.where(distinguishing, DISTINGUISHING, AGREEING)
        return LevelClass(label.astype(jnp.int8), distinguishing)

    def _places(self, level: Level, kind: int, n: int) -> Int[Array, "n 2"]:
        found = jnp.nonzero(level.tiles & kind, size=n, fill_value=-1)
        return jnp.stack(found, axis=-1).astype(jnp.int32)

    def _survey(self, level: Level) -> tuple[Any, Any, Any]:
        """Return places of keys, then chests; fields of steps; steps between them."""
        keys = self._places(level, KEY, self.max_keys)
        chests = self._places(level, CHEST, self.max_chests)
        places = jnp.concatenate([keys, chests])
        fields = orders.distances_to(level.walls, places)
        return places, fields, orders.steps_between(fields, level.agent, places)

    def _best_order(
        self,
        level: Level,
        steps: Any,
        limit: Int[Array, ""] | int,
        discount: Float[Array, ""] | float,
        decay: Float[Array, ""] | float,
    ) -> tuple[Float[Array, ""], Int[Array, " depth"]]:
        first, between = steps
        return orders.best_order(
            first,
            between,
            jnp.stack([level.num_keys, level.num_chests]),
            jnp.asarray(limit, jnp.int32),
            jnp.asarray(discount, jnp.float32),
            jnp.asarray(decay, jnp.float32),
            max_keys=self.max_keys,
        )

    @base.compiled()
    def solve(self, level: Level, params: Params) -> Solution:
        """Bound the returns; first steps of chests and keys are exact."""
        _, fields, steps = self._survey(level)
        first, between = steps
        keys = self.max_keys
        ghosts = self._places(level, GHOST, self.max_chests)
        to_key = first[:keys]
        to_chest = (to_key[:, None] + between[:keys, keys:]).min(axis=0)
        to_ghost = fields[:keys, ghosts[:, 0], ghosts[:, 1]].astype(jnp.int32)
        to_ghost = (to_key[:, None] + to_ghost).min(axis=0)
        last = jnp.minimum(params.max_steps_in_episode, UNREACHABLE - 1)
        near = [(far <= last).sum() for far in (to_chest, to_key, to_ghost)]
        # One item a step at most, and for each chest a key.
        chests = jnp.minimum(jnp.minimum(near[0], near[1]), last // 2)
        listed = self._best_order(level, steps, last, 1.0, 0.0)[0]
        chests = jnp.where(listed >= 0, jnp.round(listed).astype(jnp.int32), chests)
        picked = jnp.minimum(near[1], last)
        if keys <= orders.SUBSETS:
            tours = orders.fastest_tours(to_key, between[:keys, :keys])[0]
            picked = (tours[1:] <= last).sum()
        opened = jnp.minimum(jnp.minimum(near[2], near[1]), last // 2)
        least = jnp.stack([far.min() for far in (to_chest, to_key, to_ghost)])
        least = jnp.where(least <= last, least, -1)
        return self.solution(least, jnp.stack([chests, picked, opened]) * 1.0)

    @base.compiled("delayed")
    def discounted_optimum(
        self,
        level: Level,
        params: Params,
        discount: float | Float[Array, ""],
        delayed: bool = False,
    ) -> Float[Array, ""]:
        """Return the best discounted return of the base objective, by all orders.

        Within the time limit and with the time penalty of the parameters; their
        weights are not looked at. It bounds what policies attain as `solve` does.

        Args:
            level: the level.
            params: the parameters.
            discount: γ in (0, 1].
            delayed: γ^d for a chest opened by the d-th step, as later versions of
                the published oracle have it, instead of γ^(d − 1), which is the
                return of an agent that learns with γ.

        Returns:
            The return; not a number where so many orders are not listed.
        """
        steps = self._survey(level)[-1]
        last = jnp.minimum(params.max_steps_in_episode, UNREACHABLE - 1)
        decay = params.time_penalty / params.max_steps_in_episode
        value = self._best_order(level, steps, last, discount, decay)[0]
        value = jnp.where(value < 0, jnp.nan, value)
        return value if delayed else value / discount

    @base.compiled("objective")
    def guide(self, level: Level, objective: int) -> Guide:
        """Return where an objective's oracle goes.

        That of the chests follows the best order, and takes what is nearest where
        orders are not listed. That of the keys makes the fastest tour of up to
        `orders.SUBSETS` keys, around the chests where it can, and opens chests
        afterwards: it is the reference policy of the promise. That of the ghosts
        goes for the nearest ghost or, without a key, for the nearest key.
        """
        places, fields, steps = self._survey(level)
        keys, n = self.max_keys, len(places)
        kinds = np.array([KEY] * keys + [CHEST] * self.max_chests, np.uint8)
        ranks = jnp.full(n, UNPLANNED, jnp.int32)
        order = jnp.full(1, -1, jnp.int32)
        if objective == 0:
            order = self._best_order(level, steps, UNREACHABLE - 1, PLAN_DISCOUNT, 0.0)[
                1
            ]
        elif objective == 1:
            ranks = ranks.at[keys:].set(AFTERWARDS)
            if keys <= orders.SUBSETS:
                first, between = steps
                order = orders.fastest_tours(first[:keys], between[:keys, :keys])[1]
        else:
            ghosts = self._places(level, GHOST, self.max_chests)
            places = jnp.concatenate([places[:keys], ghosts])
            fields = orders.distances_to(level.walls, places)
            kinds[keys:] = GHOST
        order = jnp.where(order < 0, n, order)
        ranks = ranks.at[order].set(jnp.arange(order.size), mode="drop")
        if objective > 0:
            # A chest on the way would use up a key, or end the episode.
            around = level.walls | (level.tiles & CHEST != 0)
            free = orders.distances_to(around, places)
            over = jnp.where(fields < UNREACHABLE, fields + DETOUR, UNREACHABLE)
            fields = jnp.where(free < UNREACHABLE, free, over).astype(jnp.int16)
        return Guide(fields, places, jnp.asarray(kinds), ranks)

    def guided_action(self, guide: Guide, state: State) -> Int[Array, ""]:
        here = state.tiles[guide.places[:, 0], guide.places[:, 1]]
        is_key = guide.kinds == KEY
        purse = jnp.where(guide.kinds == GHOST, state.ghost_held, state.held)
        wanted = (here & guide.kinds != 0) & (is_key | (purse > 0))
        far = guide.fields[:, state.agent[0], state.agent[1]].astype(jnp.int32)
        # Nothing to open is left for later while a key for it is held.
        far += jnp.where(is_key & (wanted & ~is_key).any(), UNREACHABLE, 0)
        score = guide.ranks + jnp.where(guide.ranks < UNPLANNED, 0, far)
        field = guide.fields[jnp.argmin(jnp.where(wanted, score, 2 * AFTERWARDS))]
        return downhill(state.level.walls, field, state.agent)

    # ------------------------------------------------------------------ texts

    def parse(self, text: str) -> Level:
        """Read a level.

        Raises:
            UserError: a text that is not a level of this size, has no agent or two,
                no key or no chest, more than the static maxima, or an item that no
                path leads to.
        """
        drawing = text_levels.read_drawing(text, self.legend)
        drawing.must_be(self.size)
        agent = drawing.only("@", "agent")
        for kinds, name, most in (
            ("k", "key", self.max_keys),
            ("*b", "chest", self.max_chests),
            ("gb", "ghost", self.max_chests),
        ):
            found = drawing.all(kinds)
            if not found and name != "ghost":
                raise UserError(f"level: no {name}; put a '{kinds[0]}' on a floor tile")
            if len(found) > most:
                limit = "max_keys" if name == "key" else "max_chests"
                raise UserError(
                    f"level: {drawing.place(*found[most])}: {name} {most + 1}, and "
                    f"env.{limit} is {most}; take it away or raise that"
                )
        letters = drawing.letters
        tiles = sum(np.isin(letters, list(kind)) * bit for kind, bit in _LETTERS)
        tiles = np.asarray(tiles, np.uint8)
        start = jnp.zeros(self.size, dtype=bool).at[agent].set(True)
        home = np.asarray(reachable(jnp.asarray(tiles & WALL != 0), start))
        for tile in drawing.all("k*gb"):
            if not home[tile]:
                raise UserError(
                    f"level: {drawing.place(*tile)}: no path joins the agent at "
                    f"{drawing.place(*agent)} to this {self.legend[letters[tile]]}; "
                    "open a wall between them"
                )
        return Level(
            jnp.asarray(tiles),
            jnp.array(agent, jnp.int32),
            jnp.int32((tiles & KEY != 0).sum()),
            jnp.int32((tiles & CHEST != 0).sum()),
        )

    def show(self, level: Level) -> str:
        tiles, agent = np.asarray(level.tiles), np.asarray(level.agent)
        letters = np.full(tiles.shape, ".")
        letters[tiles & WALL != 0] = "#"
        for letter, bits in zip(
            "k*gb", (KEY, CHEST, GHOST, CHEST | GHOST), strict=True
        ):
            letters[tiles == bits] = letter
        letters[agent[0], agent[1]] = "@"
        return text_levels.write_drawing(letters)

    # ----------------------------------------------------------------- seeing

    def channels(
        self, state: State, params: Params
    ) -> Bool[Array, "height width channel"]:
        rows, columns = np.indices(self.size) % self._square
        held = rows * self._square + columns < state.held
        seen = [
            state.tiles & WALL != 0,
            self.at(state.agent),
            state.tiles & KEY != 0,
            state.tiles & CHEST != 0,
            held,
        ]
        return jnp.stack(seen, axis=-1)

    def layers(self, state: State, params: Params) -> list[Layer]:
        agent = self.at(state.agent)
        rows, columns = np.indices(self.size)
        # Held keys in the border, row after row of it as far as they go.
        purse = (rows == 0) & (columns < state.held)
        share = jnp.clip(state.held / self.max_keys, 0, 1)
        pale, golden = (255, 250, 235), _KEY_COLOUR
        shade = tuple(
            a + ((b - a) * share).astype(jnp.int32)
            for a, b in zip(pale, golden, strict=True)
        )
        return [
            Layer(state.tiles & WALL != 0, sprites.WALL, name="wall"),
            Layer(purse, _KEY_COLOUR, "key", "key held, in the border"),
            Layer(state.tiles & CHEST != 0, _CHEST_COLOUR, "chest", "chest"),
            Layer(state.tiles & KEY != 0, _KEY_COLOUR, "key", "key"),
            Layer(agent, sprites.AGENT, "disc", "agent"),
            # How many, where the border is out of sight.
            Layer(agent & (state.held > 0), cast(sprites.Colour, shade), "dot"),
        ]


_LETTERS = (("#", WALL), ("k", KEY), ("*b", CHEST), ("gb", GHOST))
