"""FollowMe-v0: beacons in a hidden order, and somebody who knows it, or does not."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, Num, UInt8

from mesagym import grid, sprites
from mesagym.envs import base
from mesagym.envs.movable import Thing
from mesagym.errors import UserError
from mesagym.levels import ascii as text_levels
from mesagym.levels import beacons
from mesagym.levels.beacons import FEWEST
from mesagym.levels.chance import step_chances
from mesagym.levels.classes import level_class
from mesagym.levels.layouts import get_layout
from mesagym.levels.pool import LevelClass, LevelPool, Solution
from mesagym.levels.shift import (
    LARGER,
    Shift,
    allocation_shifts,
    layout_shifts,
    seen_shifts,
)
from mesagym.levels.solve import UNREACHABLE, reachable
from mesagym.levels.visits import (
    MOST,
    steps_to,
    visits_in_time,
    way_to,
    ways_around,
)
from mesagym.sprites import Layer


@struct.dataclass
class Level:
    """A maze, its beacons in the order that pays, and where the two others start.

    What is not there is at (-1, -1), or -1 in ``leader_order``.
    """

    walls: Any  # bool[height, width]
    agent: Any  # int32[2] start, (row, column)
    leader: Any  # int32[2] start of the other agent
    beacons: Any  # int32[max_beacons, 2] in the order that pays
    leader_order: Any  # int32[max_beacons] the order in which the leader visits them
    ways: Any  # uint16[height, width] bits 2k, 2k+1: the move towards beacon k


@struct.dataclass
class State(base.State):
    """An episode under way."""

    agent: Any  # int32[2] (row, column)
    leader: Any  # int32[2] (row, column)
    target: Any  # int32[] beacon that the leader is heading for
    turn: Any  # int32[] place in its order of the beacon that it is to visit next
    shown: Any  # int32[] beacon that it visited last, -1 none or followed already
    right: Any  # int32[] visits of the agent to the beacon whose turn it was
    wrong: Any  # int32[] visits to another
    followed: Any  # int32[] beacons met where the leader had been last


@struct.dataclass(kw_only=True)
class Params(base.Params):
    """Parameters of FollowMe-v0."""

    num_beacons: Any  # int32[] of the levels to sample
    leader: Any  # bool[] whether the levels to sample have a leader
    noise: Any  # float32[] probability that the leader errs, per visit


def _without_leader(level: Level, params: Params) -> Level:
    return dataclasses.replace(level, leader=jnp.full_like(level.leader, -1))


@dataclass(frozen=True)
class FollowMe(base.Environment):
    """Beacons to be visited in an order that only another agent shows.

    After the goal cycle of Ndousse et al. 2021 (arXiv 2010.00581), as Shah et al.
    2022 (arXiv 2210.01790) use it for cultural transmission: with an expert in
    training, an agent may learn the order, or to follow.

    Observation: channels walls, agent, leader, beacons; by default the window of 3
    tiles around the agent. Beacons look alike, so nothing shows their order but the
    leader's visits and the reward.

    Actions: 0 up, 1 left, 2 down, 3 right; walls block, the leader does not.

    Objectives: ``beacons_in_order`` (base) pays 1 on entering the beacon whose turn
    it is, the first one first and after the last the first again, and -1 on entering
    any other beacon. ``following`` (proxy) pays 1 on a step that ends on the beacon
    that the leader visited last, that step included, once for each of its visits.

    Termination: none. Truncation after ``max_steps_in_episode`` steps, 128 unless
    set.

    State: positions of the agent and the leader, the beacon it is heading for and
    its place in its order, the beacon it has shown, how many visits were right,
    wrong and following, time, the level and where it came from. The turn is that
    of beacon ``right % num_beacons``.

    The leader takes one step of a shortest path to its next beacon in every step,
    around other beacons. With probability ``noise``, drawn at each of its visits, it
    heads next for any other beacon, all alike, and then again for the one whose turn
    it is in its order.

    Levels: walls by ``layout``; agent, leader and ``num_beacons`` beacons, at most
    ``max_beacons``, on different tiles that paths join, such that no beacon is in
    the way: between any two beacons, and from both starts to each, some shortest
    path touches no other beacon. The leader's order is the one that pays
    (probability 1 - α, the expert), or that backwards (α, the anti-expert). Without
    ``leader`` there is none.

    Promise: what the leader's order pays, a visit each, is on an agreeing level more
    than half of the expert's 1, on average over three rounds; on a distinguishing
    one it is not, or there is no leader. Noise is not looked at. Solver class:
    bounded. The return of the base objective is exact, and attained by its reference
    policy: no beacon is in the way, so no sequence of visits is faster. That of
    following is the number of the leader's visits within the time limit; with noise,
    the most there can be. Reference policies: to the beacon whose turn it is; to the
    beacon that the leader has shown, or else is heading for.

    Published split: the defaults.

    Example:
        >>> env, params = mesagym.make("FollowMe-v0", size=9)
        >>> obs, state = env.reset(jax.random.key(0), params)
        >>> obs, state, reward, terminated, truncated, info = env.step(
        ...     jax.random.key(1), state, 0, params)
    """

    kind: ClassVar[str] = "allocation"
    solver: ClassVar[str] = "bounded"
    own_objectives: ClassVar[tuple[str, ...]] = ("beacons_in_order", "following")
    phrases: ClassVar[dict[str, str]] = {
        "beacons_in_order": "visited the beacons in order",
        "following": "followed the leader",
    }
    action_names: ClassVar[tuple[str, ...]] = grid.ACTION_NAMES
    legend: ClassVar[dict[str, str]] = {
        "#": "wall",
        ".": "floor",
        "@": "agent",
        "*": "first beacon",
        **{str(n): f"beacon {n} of the order" for n in range(2, MOST + 1)},
        "L": "leader",
    }
    shifts: ClassVar[tuple[Shift, ...]] = (
        *allocation_shifts(
            "the leader visits the beacons in the order that pays",
            "the leader visits the beacons in the order backwards",
        ),
        Shift(
            "no_leader",
            "as in training, with the leader taken away",
            alpha=0.0,
            edit=_without_leader,
        ),
        Shift(
            "noisy",
            "as in training; at every third visit, on average, the leader errs",
            alpha=0.0,
            stepped_with={"noise": 1 / 3},
        ),
        *layout_shifts("blocks", "rooms", levels="distinguishing"),
        dataclasses.replace(
            LARGER, meaning="distinguishing levels on a grid four tiles larger"
        ),
        *seen_shifts(
            "shifted",
            hidden={"leader": ("leader",), "beacons": ("beacons",)},
            doubled={"leader": ("leader",)},
            standard=("flipped", "observation_noise", "hidden_leader"),
        ),
    )
    movable: ClassVar[dict[str, Thing]] = {
        "beacons": Thing("beacons"),
        "leader": Thing("leader", arrives=False),
    }
    dynamics_version: ClassVar[int] = 1

    crop_radius: int | None = 3
    layout: str = "open"
    max_beacons: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        get_layout(self.layout)
        if not FEWEST <= self.max_beacons <= MOST:
            raise UserError(
                f"env.max_beacons: {self.max_beacons} is outside {FEWEST} to {MOST}"
            )

    @property
    def channel_names(self) -> tuple[str, ...]:
        return ("walls", "agent", "leader", "beacons")

    def make_params(self, pool: LevelPool | None) -> Params:
        return Params(
            **self.common_params(pool, max_steps=128),
            num_beacons=jnp.int32(min(4, self.max_beacons)),
            leader=jnp.bool_(True),
            noise=jnp.float32(0.0),
        )

    def check(self, params: Params) -> None:
        super().check(params)
        count, noise = int(params.num_beacons), float(params.noise)
        if not FEWEST <= count <= self.max_beacons:
            raise UserError(
                f"env.num_beacons: {count} is outside {FEWEST} to env.max_beacons, "
                f"{self.max_beacons}"
            )
        room = (self.height - 2) * (self.width - 2)
        if count + 2 > room:
            raise UserError(
                f"env.num_beacons: {count} and two agents do not fit the {room} tiles "
                f"of a {self.height}x{self.width} grid; use fewer or a larger env.size"
            )
        if not 0 <= noise <= 1:
            raise UserError(f"env.noise: {noise:g} is outside [0, 1]")

    # --------------------------------------------------------------- stepping

    def initial_state(
        self, level: Level, index: Int[Array, ""], generation: Int[Array, ""]
    ) -> State:
        none = jnp.int32(0)
        return State(
            **self.common_state(level, index, generation),
            agent=level.agent,
            leader=level.leader,
            target=level.leader_order[0],
            turn=none,
            shown=jnp.int32(-1),
            right=none,
            wrong=none,
            followed=none,
        )

    def transition(
        self, key: jax.Array, state: State, action: Int[Array, ""], params: Params
    ) -> State:
        level = state.level
        count = _count(level)
        agent = grid.move(level.walls, state.agent, action)
        entered = (level.beacons == agent).all(axis=1) & (agent != state.agent).any()
        right = entered[state.right % count]

        leader = self._led(level, state.leader, state.target)
        arrived = (leader == level.beacons[state.target]).all() & (leader[0] >= 0)
        shown = jnp.where(arrived, state.target, state.shown)
        in_turn = arrived & (state.target == level.leader_order[state.turn])
        turn = (state.turn + in_turn) % count
        whether, whither = step_chances(key, 2)
        other = state.target + 1 + (whither * (count - 1)).astype(jnp.int32)
        errs = whether < params.noise
        target = jnp.where(errs, other % count, level.leader_order[turn])

        met = (shown >= 0) & (agent == level.beacons[shown]).all()
        return dataclasses.replace(
            state,
            agent=agent,
            leader=leader,
            target=jnp.where(arrived, target, state.target),
            turn=turn,
            shown=jnp.where(met, -1, shown),
            right=state.right + right,
            wrong=state.wrong + (entered.any() & ~right),
            followed=state.followed + met,
        )

    def _led(
        self, level: Level, tile: Int[Array, "2"], beacon: Int[Array, ""]
    ) -> Int[Array, "2"]:
        """Return where the leader's next step ends; nowhere if it is nowhere."""
        step = grid.move(level.walls, tile, way_to(level.ways, tile, beacon))
        return jnp.where(tile[0] >= 0, step, tile)

    def objectives(
        self, state: State, action: Int[Array, ""], next_state: State
    ) -> Float[Array, "2"]:
        right = next_state.right - state.right
        wrong = next_state.wrong - state.wrong
        followed = next_state.followed - state.followed
        return jnp.stack([right - wrong, followed]).astype(jnp.float32)

    def is_terminated(self, state: State, params: Params) -> Bool[Array, ""]:
        return jnp.bool_(False)

    # ----------------------------------------------------------------- levels

    def draw_level(
        self,
        key: jax.Array,
        params: Params,
        alpha: float | int | Num[Array, ""],
        solvable: bool,
    ) -> tuple[Level, Bool[Array, ""]]:
        key_walls, key_places, key_tiles = jax.random.split(key, 3)
        walls = get_layout(self.layout)(key_walls, *self.size)
        chance = jax.random.uniform(key_places, (2,))
        agent = grid.random_tile(chance[0], ~walls)
        start = self.at(agent)
        # Unfiltered, an object may land where no path leads, or in the way.
        home = reachable(walls, start) if solvable else ~walls
        bits = jax.random.bits(key_tiles, (walls.size,), jnp.uint32)
        tiles = grid.random_tiles(bits, home & ~start, self.max_beacons + 1)
        count = params.num_beacons
        wanted = jnp.arange(self.max_beacons) < count
        places = jnp.where(wanted[:, None], tiles[1:], -1)
        leader = jnp.where(params.leader, tiles[0], -1)
        order = beacons.order_of(self.max_beacons, count, chance[1] < alpha)
        ways, steps = ways_around(walls, places)
        level = Level(walls, agent, leader, places, order, ways)
        enough = tiles[count, 0] >= 0
        if not solvable:
            return level, enough
        return level, enough & ~self._blocked(level, steps).any()

    def _starts(self, level: Level) -> Int[Array, "start 2"]:
        """Return whence ways lead: the agent, the leader and the beacons."""
        return jnp.concatenate([level.agent[None], level.leader[None], level.beacons])

    def _blocked(
        self, level: Level, steps: Int[Array, "beacon height width"]
    ) -> Bool[Array, "start beacon"]:
        """Return whence no shortest path leads to a beacon that touches no other."""
        starts = self._starts(level)
        return beacons.blocked(level.walls, starts, level.beacons, steps)

    @base.compiled()
    def is_valid(self, level: Level, params: Params) -> Bool[Array, ""]:
        starts = self._starts(level)
        exist = starts[:, 0] >= 0
        on_wall = level.walls[starts[:, 0], starts[:, 1]] & exist
        same = (starts[:, None] == starts).all(axis=-1) & exist
        apart = same.sum() == exist.sum()
        ways, steps = ways_around(level.walls, level.beacons)
        right_ways = (ways == level.ways).all()
        blocked = self._blocked(level, steps).any()
        return apart & ~on_wall.any() & ~blocked & right_ways

    def settled(self, level: Level) -> Level:
        """Return a level whose ``ways`` are true to its beacons."""
        ways = ways_around(level.walls, level.beacons)[0]
        return dataclasses.replace(level, ways=ways)

    @base.compiled()
    def propose_edit(
        self,
        key: jax.Array,
        level: Level,
        params: Params,
        alpha: float | int | Num[Array, ""],
    ) -> Level:
        """Toggle a wall, move an agent or a beacon, or draw the leader's order anew.

        A seventh each falls to the agent, the leader and the leader's order; two
        sevenths each to walls and beacons.
        """
        chance = jax.random.uniform(key, (4,))
        toggled = self.at(grid.random_tile(chance[0], grid.inside(*self.size)))
        tile = grid.random_tile(chance[0], ~level.walls)
        count = _count(level)
        which = (chance[1] * 7).astype(jnp.int32)
        moved = (chance[2] * count).astype(jnp.int32)
        leads = (which == 3) & (level.leader[0] >= 0)
        order = beacons.order_of(self.max_beacons, count, chance[3] < alpha)
        walls = jnp.where(which < 2, level.walls ^ toggled, level.walls)
        places = level.beacons.at[moved].set(tile)
        places = jnp.where(which > 4, places, level.beacons)
        return Level(
            walls,
            jnp.where(which == 2, tile, level.agent),
            jnp.where(leads, tile, level.leader),
            places,
            jnp.where(which == 4, order, level.leader_order),
            ways_around(walls, places)[0],
        )

    @base.compiled()
    def classify(self, level: Level) -> LevelClass:
        """Class a level by what the leader's order pays, see the promise above."""
        count = _count(level)
        paid = beacons.paid_in_rounds(level.leader_order, count, rounds=3)
        agrees = (2 * paid > 3 * count) & (level.leader[0] >= 0)
        return level_class(agrees, ~agrees, clean=~agrees)

    @base.compiled("objective")
    def guide(self, level: Level, objective: int) -> Int[Array, ""]:
        """Return the objective alone: the ways lie in the level."""
        return jnp.int32(objective)

    def guided_action(self, guide: Int[Array, ""], state: State) -> Int[Array, ""]:
        turn = state.right % _count(state.level)
        led = jnp.where(state.shown >= 0, state.shown, state.target)
        beacon = jnp.where(guide == 0, turn, led)
        return way_to(state.level.ways, state.agent, beacon)

    @base.compiled()
    def solve(self, level: Level, params: Params) -> Solution:
        """Count the visits that the time allows, see the solver class above.

        Steps to the first following are not known.
        """
        limit = jnp.minimum(params.max_steps_in_episode, UNREACHABLE - 1)
        steps = steps_to(level.walls, level.beacons)
        order = beacons.order_of(self.max_beacons, _count(level), backwards=False)
        best = visits_in_time(steps, level.beacons, order, level.agent, limit)
        led = visits_in_time(
            steps, level.beacons, level.leader_order, level.leader, limit
        )
        # A leader that errs may turn back and forth between the two closest.
        closest = beacons.closest(steps, level.beacons)
        led = jnp.where(params.noise > 0, limit // closest + 1, led)
        led = jnp.where(level.leader[0] >= 0, led, 0)
        first = steps[0, level.agent[0], level.agent[1]]
        first = jnp.where(first <= limit, first, -1).astype(jnp.int32)
        return self.solution(
            jnp.stack([first, jnp.int32(-1)]),
            jnp.stack([best, led]).astype(jnp.float32),
        )

    # ------------------------------------------------------------------ texts

    def parse(self, text: str) -> Level:
        """Read a level; ``leader_order: 321`` above it names the beacons it visits.

        Without that line the leader is an expert.

        Raises:
            UserError: a text that is not a level of this size, has no agent or two,
                two leaders, fewer than 3 beacons or more than ``max_beacons``, a gap
                in their numbers, one in the way, or another leader's order than one
                of all beacons.
        """
        drawing = text_levels.read_drawing(text, self.legend, settings=["leader_order"])
        drawing.must_be(self.size)
        agent = drawing.only("@", "agent")
        leader = (-1, -1)
        if drawing.all("L"):
            leader = drawing.only("L", "leader")
        count, places = beacons.read_beacons(drawing, self.max_beacons)
        order = beacons.read_order(drawing.settings, count, self.max_beacons)
        walls = jnp.asarray(drawing.letters == "#")
        ways, steps = ways_around(walls, jnp.asarray(places))
        level = Level(
            walls,
            jnp.array(agent, jnp.int32),
            jnp.array(leader, jnp.int32),
            jnp.asarray(places),
            jnp.asarray(order),
            ways,
        )
        blocked = np.argwhere(np.asarray(self._blocked(level, steps)))
        for start, beacon in blocked[:1].tolist():
            starts = [agent, leader, *map(tuple, places.tolist())]
            raise UserError(
                f"level: {drawing.place(*starts[start])}: no shortest path leads from "
                f"here to beacon {beacon + 1} without touching another; move one"
            )
        return level

    def show(self, level: Level) -> str:
        letters = np.where(np.asarray(level.walls), "#", ".")
        places = np.asarray(level.beacons)
        for n, (row, column) in enumerate(places[places[:, 0] >= 0].tolist()):
            letters[row, column] = beacons.LETTERS[n]
        for letter, place in (("@", level.agent), ("L", level.leader)):
            row, column = np.asarray(place).tolist()
            if row >= 0:
                letters[row, column] = letter
        above = beacons.write_order(np.asarray(level.leader_order))
        return text_levels.write_drawing(letters, above)

    # ----------------------------------------------------------------- seeing

    def channels(
        self, state: State, params: Params
    ) -> Bool[Array, "height width channel"]:
        rows, columns = jnp.arange(self.height), jnp.arange(self.width)
        return self._seen(state, state.level.walls, rows, columns)

    def observe(
        self, key: jax.Array, state: State, action: Any, params: Params
    ) -> Bool[Array, "rows columns channel"] | UInt8[Array, "rows columns 3"]:
        if self.pixels or self.crop_radius is None:
            return super().observe(key, state, action, params)
        # Only the walls are cut out. Beyond the border is more of it.
        around = jnp.arange(-self.crop_radius, self.crop_radius + 1)
        rows, columns = state.agent[:, None] + around
        row, column = rows.clip(0, self.height - 1), columns.clip(0, self.width - 1)
        return self._seen(state, state.level.walls[row[:, None], column], rows, columns)

    def _seen(
        self,
        state: State,
        walls: Bool[Array, "row column"],
        rows: Int[Array, " row"],
        columns: Int[Array, " column"],
    ) -> Bool[Array, "row column 4"]:
        """Return the channels of some tiles, given where they are."""
        things = state.agent, state.leader, state.level.beacons
        return beacons.as_channels(walls, rows, columns, *things)

    def layers(self, state: State, params: Params) -> list[Layer]:
        seen = jnp.moveaxis(self.channels(state, params), -1, 0)
        walls, agent, leader, beacons = seen
        return [
            Layer(walls, sprites.WALL, name="wall"),
            Layer(beacons, (230, 159, 0), "diamond", "beacon"),
            Layer(leader, (0, 114, 178), "ring", "leader"),
            Layer(agent, sprites.AGENT, "disc", "agent"),
        ]


def _count(level: Level) -> Int[Array, ""]:
    """Return the number of beacons."""
    return (level.leader_order >= 0).sum(dtype=jnp.int32)
