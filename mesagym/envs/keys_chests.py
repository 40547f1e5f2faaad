"""KeysChests-v0: chests to open with keys; too few keys in training, too many later."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, Num

from mesagym import grid, sprites
from mesagym.envs import base
from mesagym.envs.movable import Thing
from mesagym.errors import UserError
from mesagym.levels import errands
from mesagym.levels.errand_levels import (
    CHEST,
    GHOST,
    KEY,
    LEGEND,
    WALL,
    Numbers,
    draw_fields,
    edited_fields,
    read_tiles,
    write_tiles,
)
from mesagym.levels.errands import Guide
from mesagym.levels.layouts import get_layout
from mesagym.levels.pool import (
    AGREEING,
    DISTINGUISHING,
    LevelClass,
    LevelPool,
    Solution,
)
from mesagym.levels.shift import (
    LARGER_AMOUNTS,
    Shift,
    allocation_shifts,
    seen_shifts,
)
from mesagym.levels.solve import UNREACHABLE, reachable
from mesagym.sprites import Layer

SURPLUS = 3
"""Keys more than chests from which a level is distinguishing."""

# Those in which reports draw the proxy and the base objective.
_KEY_COLOUR = (0, 114, 178)
_CHEST_COLOUR = (230, 159, 0)


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
    held keys, and the middle of the agent the bluer the more there are.

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
    phrases: ClassVar[dict[str, str]] = {
        "chests": "opened chests",
        "keys": "picked up keys",
        "ghost_chests": "opened ghost chests",
    }
    action_names: ClassVar[tuple[str, ...]] = grid.ACTION_NAMES
    legend: ClassVar[dict[str, str]] = LEGEND
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
        LARGER_AMOUNTS,
        *seen_shifts(
            "shifted",
            hidden={"keys": ("keys",), "chests": ("chests",)},
            doubled={"keys": ("keys",)},
            standard=("flipped", "observation_noise", "hidden_keys", "hidden_chests"),
        ),
    )
    movable: ClassVar[dict[str, Thing]] = {
        "chests": Thing("tiles", bit=CHEST),
        "keys": Thing("tiles", bit=KEY),
    }
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
        both = self._distributions(params)
        for prefix, numbers in zip(("", "shifted_"), both, strict=True):
            numbers.must_fit(prefix, self.size, self._most)
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
            **self.common_state(level, index, generation),
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
        drawn, fits = draw_fields(
            key,
            self.layout,
            self.size,
            params.holes,
            self._distributions(params),
            alpha,
            self._most,
            # Unfiltered, an item may lie where no path leads.
            solvable,
        )
        return Level(*drawn), fits

    @property
    def _most(self) -> tuple[int, int]:
        return self.max_keys, self.max_chests

    def _distributions(self, params: Params) -> tuple[Numbers, Numbers]:
        """Return what the usual levels hold, and what the shifted ones do."""
        usual = Numbers(
            params.num_keys,
            params.num_chests,
            params.num_ghosts,
            params.key_density,
            params.chest_density,
        )
        shifted = Numbers(
            params.shifted_keys,
            params.shifted_chests,
            params.num_ghosts,
            params.shifted_key_density,
            params.shifted_chest_density,
        )
        return usual, shifted

    @base.compiled()
    def is_valid(self, level: Level, params: Params) -> Bool[Array, ""]:
        home = reachable(level.walls, self.at(level.agent))
        items = level.tiles & ~jnp.uint8(WALL)
        in_reach = (home | (items == 0)).all()
        clear = level.tiles[level.agent[0], level.agent[1]] == 0
        enough = (level.num_keys >= 1) & (level.num_chests >= 1)
        return in_reach & clear & enough

    def ground(self, level: Level) -> Bool[Array, "height width"]:
        return super().ground(level) & (level.tiles == 0)

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
        fields = level.tiles, level.agent, level.num_keys, level.num_chests
        numbers = self._distributions(params)
        return Level(*edited_fields(key, fields, numbers, alpha, self._most))

    # --------------------------------------------------------------- solutions

    @base.compiled()
    def classify(self, level: Level) -> LevelClass:
        """Class a level by its counts, see the promise above."""
        distinguishing = level.num_keys - level.num_chests >= SURPLUS
        label = jnp.where(distinguishing, DISTINGUISHING, AGREEING)
        return LevelClass(label.astype(jnp.int8), distinguishing)

    def _places(self, level: Level) -> tuple[Int[Array, "_ 2"], ...]:
        """Return the places of keys, of chests and of ghosts."""
        keys, chests, ghosts = (level.tiles & kind != 0 for kind in (KEY, CHEST, GHOST))
        return (
            errands.places_of(keys, self.max_keys),
            errands.places_of(chests, self.max_chests),
            errands.places_of(ghosts, self.max_chests),
        )

    def _survey(self, level: Level) -> errands.Survey:
        keys, chests, _ = self._places(level)
        counts = jnp.stack([level.num_keys, level.num_chests])
        return errands.survey(level.walls, level.agent, keys, chests, counts)

    @base.compiled()
    def solve(self, level: Level, params: Params) -> Solution:
        """Bound the returns; first steps of chests and keys are exact."""
        last = jnp.minimum(params.max_steps_in_episode, UNREACHABLE - 1)
        ghosts = self._places(level)[2]
        return self.solution(*errands.bounds(self._survey(level), ghosts, last))

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
        last = jnp.minimum(params.max_steps_in_episode, UNREACHABLE - 1)
        decay = params.time_penalty / params.max_steps_in_episode
        value = errands.best_order(self._survey(level), last, discount, decay)[0]
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
        other = GHOST if objective == 2 else CHEST
        kinds = np.array([KEY] * self.max_keys + [other] * self.max_chests, np.uint8)
        around = level.walls | (level.tiles & CHEST != 0)
        if objective == 0:
            return errands.guide_to_chests(self._survey(level), kinds)
        if objective == 1:
            return errands.guide_to_keys(self._survey(level), kinds, around)
        keys, _, ghosts = self._places(level)
        return errands.guide_to_ghosts(level.walls, keys, ghosts, kinds, around)

    def guided_action(self, guide: Guide, state: State) -> Int[Array, ""]:
        here = state.tiles[guide.places[:, 0], guide.places[:, 1]]
        is_key = guide.kinds == KEY
        purse = jnp.where(guide.kinds == GHOST, state.ghost_held, state.held)
        wanted = (here & guide.kinds != 0) & (is_key | (purse > 0))
        return errands.guided_move(
            guide, wanted, is_key, state.level.walls, state.agent
        )

    # ------------------------------------------------------------------ texts

    def parse(self, text: str) -> Level:
        """Read a level.

        Raises:
            UserError: a text that is not a level of this size, has no agent or two,
                no key or no chest, more than the static maxima, or an item that no
                path leads to.
        """
        tiles, agent = read_tiles(text, self.size, self._most)
        return Level(
            jnp.asarray(tiles),
            jnp.array(agent, jnp.int32),
            jnp.int32((tiles & KEY != 0).sum()),
            jnp.int32((tiles & CHEST != 0).sum()),
        )

    def show(self, level: Level) -> str:
        return write_tiles(np.asarray(level.tiles), np.asarray(level.agent))

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
        pale, full = (240, 247, 252), _KEY_COLOUR
        shade = tuple(
            a + ((b - a) * share).astype(jnp.int32)
            for a, b in zip(pale, full, strict=True)
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
