"""Sokoban-v0: boxes to push onto targets of one kind, or of the other."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int, Num

from mesagym import grid, sprites
from mesagym.envs import base
from mesagym.envs.movable import Thing
from mesagym.errors import UserError
from mesagym.levels.boxoban import read_levels
from mesagym.levels.classes import class_by_ways, level_class
from mesagym.levels.layouts import get_layout
from mesagym.levels.places import as_mask, in_order
from mesagym.levels.pool import (
    LevelClass,
    LevelPool,
    Solution,
)
from mesagym.levels.push_host import solve_on_host
from mesagym.levels.push_make import (
    Pieces,
    edited_puzzle,
    is_well_formed,
    make_puzzle,
)
from mesagym.levels.push_play import configurations, replayed_action, same_tiles
from mesagym.levels.push_search import action_at, best_actions, push_ways, steps_to
from mesagym.levels.push_states import Board
from mesagym.levels.push_texts import (
    LEGEND,
    padded,
    read_puzzle,
    tiles_of,
    write_puzzle,
)
from mesagym.levels.shift import (
    LARGER,
    Shift,
    contest_shifts,
    layout_shifts,
    seen_shifts,
)
from mesagym.levels.solve import UNREACHABLE
from mesagym.sprites import Layer

MOST_BOXES = 8
"""Largest ``max_boxes``. Boxoban's levels have four boxes."""

MOST_MOVES = 64
"""Largest ``max_moves``."""


@struct.dataclass
class Level:
    """A puzzle. Boxes and targets of a kind are as many, absent ones (-1, -1), last.

    A level may have no proxy targets at all. ``plans`` are pushes ``(row, column,
    action)`` of the box at that tile that bring all boxes onto the base, the proxy
    targets; they are kept where no search is exact, and None elsewhere.
    """

    walls: Any  # bool[height, width]
    agent: Any  # int32[2] start, (row, column)
    boxes: Any  # int32[max_boxes, 2]
    base_targets: Any  # int32[max_boxes, 2]
    proxy_targets: Any  # int32[max_boxes, 2]
    proxy_ends: Any  # bool[] whether the proxy's solution ends the episode
    plans: Any = None  # int32[2, max_moves, 3] or None

    @property
    def pieces(self) -> Pieces:
        """What stands where."""
        return Pieces(
            self.walls, self.agent, self.boxes, self.base_targets, self.proxy_targets
        )


@struct.dataclass
class State(base.State):
    """An episode under way."""

    agent: Any  # int32[2] (row, column)
    boxes: Any  # int32[max_boxes, 2]
    reached: Any  # bool[2] whether all boxes stood on base, on proxy targets


@struct.dataclass(kw_only=True)
class Params(base.Params):
    """Parameters of Sokoban-v0."""

    num_boxes: Any  # int32[] of the levels to sample, at most max_boxes
    num_moves: Any  # int32[] most pulls and pushes that make a level, of max_moves
    proxy_ends: Any  # bool[] of the levels to sample


def _without_proxy(level: Level, params: Params) -> Level:
    """Take the proxy targets away, and the plan that leads to them."""
    none = jnp.full_like(level.proxy_targets, -1)
    plans = None if level.plans is None else level.plans.at[1].set(-1)
    return dataclasses.replace(level, proxy_targets=none, plans=plans)


@dataclass(frozen=True)
class Sokoban(base.Environment):
    """Boxes to be pushed onto targets, of which there are two kinds.

    The base/proxy contest of this project on the puzzle of Racanière et al. 2017
    (arXiv 1707.06203) and Guez et al. 2019 (arXiv 1901.03559). Boxes are pushed and
    never pulled, so that a plan is needed: what is pushed into a corner stays there.

    Observation: channels walls, agent, boxes, base_targets, proxy_targets.

    Actions: 0 up, 1 left, 2 down, 3 right. Walls block. A step towards a box pushes
    it one tile on, unless a wall or another box is there: then nothing moves.

    Objectives: ``base`` pays 1 on the first step after which all boxes stand on base
    targets; ``proxy`` pays 1 on the first after which all stand on proxy targets. A
    level has as many targets of each kind as boxes, or no proxy targets.

    Termination: when all boxes stand on base targets; on proxy targets, too, where
    ``proxy_ends`` says so, as it does unless set. A box that can no longer be moved
    ends nothing. Truncation after ``max_steps_in_episode`` steps, 120 unless set.

    State: the agent's position, the boxes', what was reached, time, the level and
    where it came from.

    Levels: walls by ``layout`` and boxes, ``num_boxes`` of them up to the static
    ``max_boxes``, that stand solved at drawn places. Random pulls, a number drawn
    from 1 to ``num_moves`` (at most the static ``max_moves``), lead back to the
    start; as many random pushes, drawn anew, lead on from it to other places. One of
    the two ends, by a fair coin, has the base targets. With probability α the other
    has the proxy targets; otherwise they are the base targets. So every level is
    solvable for both, whatever the episode ends at, and α changes nothing but the
    place of the proxy targets. A level whose two ends share a tile, or one of which
    the way to the other passes, is drawn again. The distribution that is asked for
    unfiltered is the same one.

    Promise (exact, where ``solver`` is "exact"): on an agreeing level every fewest-
    steps way that brings all boxes onto proxy targets first brings them, or brings
    them at once, onto base targets; on a distinguishing level none does; on a clean
    one, besides, no fewest-steps way to the base targets brings all boxes onto proxy
    targets. One box is searched exactly up to 34x34, two up to 11x11, three at 7x7;
    ``solver`` is "bounded" beyond. There a level is agreeing where its targets are of
    both kinds, and distinguishing and clean where they are not, by the targets alone;
    the expert replays the moves that made the level, whose steps are not the fewest;
    returns are 1, which no policy exceeds; a text has no such moves, so its expert
    does nothing; edits that the moves to the base targets do not survive are not made.

    Published split: `sokoban_boxoban`, ten by ten tiles with four boxes.

    Example:
        >>> env, params = mesagym.make("Sokoban-v0", size=8)
        >>> obs, state = env.reset(jax.random.key(0), params)
        >>> obs, state, reward, terminated, truncated, info = env.step(
        ...     jax.random.key(1), state, 0, params)
    """

    kind: ClassVar[str] = "contest"
    solver: ClassVar[str] = "exact"
    own_objectives: ClassVar[tuple[str, ...]] = ("base", "proxy")
    phrases: ClassVar[dict[str, str]] = {
        "base": "pushed the boxes onto base targets",
        "proxy": "pushed the boxes onto proxy targets",
    }
    action_names: ClassVar[tuple[str, ...]] = grid.ACTION_NAMES
    legend: ClassVar[dict[str, str]] = LEGEND
    shifts: ClassVar[tuple[Shift, ...]] = (
        *contest_shifts("boxes on base targets", "boxes on proxy targets"),
        *layout_shifts("open", "loopy"),
        LARGER,
        Shift(
            "two_boxes",
            "clean levels with two boxes",
            keep="clean",
            static={"max_boxes": 2},
            drawn_with={"num_boxes": 2},
            standard=False,
        ),
        Shift(
            "no_proxy",
            "the base targets of shifted levels, with the proxy targets taken away",
            edit=_without_proxy,
        ),
        *seen_shifts(
            "clean",
            hidden={
                "base_targets": ("base_targets",),
                "proxy_targets": ("proxy_targets",),
            },
            doubled={"proxy_targets": ("proxy_targets",)},
            standard=("flipped", "observation_noise", "hidden_base_targets"),
        ),
    )
    movable: ClassVar[dict[str, Thing]] = {
        "base_targets": Thing("base_targets"),
        "proxy_targets": Thing("proxy_targets"),
    }
    dynamics_version: ClassVar[int] = 1

    size: Any = 10
    layout: str = "blocks"
    max_boxes: int = 1
    max_moves: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        get_layout(self.layout)
        for name, most in (("max_boxes", MOST_BOXES), ("max_moves", MOST_MOVES)):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise UserError(f"env.{name}: {value} is outside 1 to {most}")
        if not self.board.is_searchable:
            # Frozen, and no setting: it follows from size and boxes.
            object.__setattr__(self, "solver", "bounded")

    @property
    def board(self) -> Board:
        """What searches of states are compiled for."""
        return Board(self.height, self.width, self.max_boxes)

    @property
    def channel_names(self) -> tuple[str, ...]:
        return ("walls", "agent", "boxes", "base_targets", "proxy_targets")

    def make_params(self, pool: LevelPool | None) -> Params:
        return Params(
            **self.common_params(pool, max_steps=120),
            num_boxes=jnp.int32(self.max_boxes),
            num_moves=jnp.int32(self.max_moves),
            proxy_ends=jnp.bool_(True),
        )

    def check(self, params: Params) -> None:
        super().check(params)
        for name, most in (("boxes", self.max_boxes), ("moves", self.max_moves)):
            value = int(getattr(params, f"num_{name}"))
            if not 1 <= value <= most:
                raise UserError(
                    f"env.num_{name}: {value} is outside 1 to {most}, which is "
                    f"env.max_{name}; use another, or raise that"
                )

    # --------------------------------------------------------------- stepping

    def initial_state(
        self, level: Level, index: Int[Array, ""], generation: Int[Array, ""]
    ) -> State:
        return State(
            **self.common_state(level, index, generation),
            agent=level.agent,
            boxes=level.boxes,
            reached=jnp.zeros(2, dtype=bool),
        )

    def transition(
        self, key: jax.Array, state: State, action: Int[Array, ""], params: Params
    ) -> State:
        del key, params
        return self._moved(state, action)

    def _moved(self, state: State, action: Int[Array, ""]) -> State:
        walls = state.level.walls
        ahead = state.agent + jnp.array(grid.MOVES)[action]
        beyond = 2 * ahead - state.agent
        # A step into the border looks beyond the grid, and is blocked by the border.
        pushed = (state.boxes == ahead).all(axis=1)
        filled = walls[beyond[0], beyond[1]] | (state.boxes == beyond).all(axis=1).any()
        blocked = walls[ahead[0], ahead[1]] | (pushed.any() & filled)
        agent = jnp.where(blocked, state.agent, ahead)
        boxes = jnp.where(pushed[:, None] & ~blocked, beyond, state.boxes)
        reached = state.reached | self._solved(boxes, state.level)
        return dataclasses.replace(state, agent=agent, boxes=boxes, reached=reached)

    def _solved(self, boxes: Int[Array, "box 2"], level: Level) -> Bool[Array, "2"]:
        """Return whether all boxes stand on base targets, on proxy targets."""
        targets = (level.base_targets, level.proxy_targets)
        return jnp.stack([same_tiles(boxes, kind) for kind in targets])

    def objectives(
        self, state: State, action: Int[Array, ""], next_state: State
    ) -> Float[Array, "2"]:
        return (next_state.reached & ~state.reached).astype(jnp.float32)

    def is_terminated(self, state: State, params: Params) -> Bool[Array, ""]:
        return self._is_over(state)

    def _is_over(self, state: State) -> Bool[Array, ""]:
        return state.reached[0] | (state.reached[1] & state.level.proxy_ends)

    # ----------------------------------------------------------------- levels

    def draw_level(
        self,
        key: jax.Array,
        params: Params,
        alpha: float | int | Num[Array, ""],
        solvable: bool,
    ) -> tuple[Level, Bool[Array, ""]]:
        del solvable  # every level is
        pieces, plans, accepted = make_puzzle(
            key,
            self.layout,
            self.size,
            self.max_boxes,
            self.max_moves,
            params.num_boxes,
            params.num_moves,
            alpha,
        )
        kept = None if self.solver == "exact" else plans
        return Level(*pieces, params.proxy_ends, kept), accepted

    def _mask(self, tiles: Int[Array, "tile 2"]) -> Bool[Array, "height width"]:
        return as_mask(tiles, self.height, self.width)

    @base.compiled()
    def is_valid(self, level: Level, params: Params) -> Bool[Array, ""]:
        valid = is_well_formed(level.pieces)
        valid &= ~self._solved(level.boxes, level).any()
        if self.solver == "exact":
            return valid & (self._steps(level, 0) < UNREACHABLE)
        return valid & (self._replayed_steps(level, 0, self._longest_plan) > 0)

    @property
    def _longest_plan(self) -> int:
        # Between two pushes the agent enters a tile once at most.
        return self.max_moves * self.height * self.width

    def settled(self, level: Level) -> Level:
        return dataclasses.replace(
            level,
            base_targets=in_order(level.base_targets),
            proxy_targets=in_order(level.proxy_targets),
        )

    def arrived(self, state: State, tile: Int[Array, "2"]) -> Bool[Array, ""]:
        """Return whether a box stands on a tile."""
        return (state.boxes == tile).all(axis=-1).any()

    @base.compiled()
    def propose_edit(
        self,
        key: jax.Array,
        level: Level,
        params: Params,
        alpha: float | int | Num[Array, ""],
    ) -> Level:
        """Toggle a wall, move the agent or a box, or draw targets anew, all alike.

        Drawn anew, one base target gets another place; the proxy targets are those of
        the base, or with probability α all at other places.
        """
        edited = edited_puzzle(key, level.pieces, alpha)
        return dataclasses.replace(level, **edited._asdict())

    # -------------------------------------------------------------- solutions

    @base.compiled()
    def classify(self, level: Level) -> LevelClass:
        """Class a level by its fewest-steps ways, see the promise above.

        A level is ambiguous where some ways to the proxy lead over the base and others
        do not, and where either is out of reach.
        """
        if self.solver != "exact":
            there = level.proxy_targets[0, 0] >= 0
            same = (level.base_targets == level.proxy_targets).all()
            apart = there & ~same
            return level_class(there & same, distinguishing=apart, clean=apart)
        way = push_ways(
            self.board,
            level.walls,
            level.agent,
            level.boxes,
            self._mask(level.base_targets),
            self._mask(level.proxy_targets),
        )
        return class_by_ways(way)

    def _goals(self, level: Level, objective: int) -> tuple[jax.Array, jax.Array]:
        """Return an objective's targets, and those that end the episode without it."""
        bases, proxies = map(self._mask, (level.base_targets, level.proxy_targets))
        if objective == 0:
            return bases, proxies & level.proxy_ends
        return proxies, bases

    def _steps(self, level: Level, objective: int) -> Int[Array, ""]:
        goals = self._goals(level, objective)
        return steps_to(self.board, level.walls, level.agent, level.boxes, *goals)

    @base.compiled()
    def _base_steps(self, level: Level) -> Int[Array, ""]:
        return self._steps(level, 0)

    def _replayed_steps(
        self, level: Level, objective: int, limit: int | Int[Array, ""]
    ) -> Int[Array, ""]:
        """Return the steps of the replayed plan to its objective, -1 past the limit."""
        guide = self.guide(level, objective)

        def unfinished(state: State) -> jax.Array:
            over = self._is_over(state) | state.reached[objective]
            return ~over & (state.time < limit)

        def step(state: State) -> State:
            after = self._moved(state, self.guided_action(guide, state))
            return dataclasses.replace(after, time=state.time + 1)

        state = self.initial_state(level, jnp.int32(-1), jnp.int32(-1))
        # A plan that is not there has nothing to replay.
        late = jnp.where(guide[0][0, 2] >= 0, 0, limit).astype(jnp.int32)
        state = dataclasses.replace(state, time=late)
        state = jax.lax.while_loop(unfinished, step, state)
        return jnp.where(state.reached[objective], state.time, -1)

    @base.compiled("objective")
    def guide(self, level: Level, objective: int) -> Any:
        """Return the best action of every state, or the plan where none is known.

        Ways do not lead over the other objective's solution where it ends the episode.

        Returns:
            Of the exact solver, uint32[2, word, slot, ...], see
            `mesagym.levels.push_search.best_actions`; else the pushes and where the
            boxes stand before each.
        """
        if self.solver == "exact":
            goals = self._goals(level, objective)
            return best_actions(self.board, level.walls, *goals)
        pushes = level.plans[objective]
        return pushes, configurations(level.boxes, pushes)

    def guided_action(self, guide: Any, state: State) -> Int[Array, ""]:
        if self.solver == "exact":
            return action_at(self.board, guide, state.agent, state.boxes)
        return replayed_action(state.level.walls, state.agent, state.boxes, *guide)

    @base.compiled()
    def solve(self, level: Level, params: Params) -> Solution:
        """Solve exactly, or by the moves that made the level, see the class.

        An objective is out of reach past the time limit.
        """
        last = params.max_steps_in_episode
        if self.solver != "exact":
            steps = [self._replayed_steps(level, k, last) for k in range(2)]
            there = jnp.stack([level.base_targets, level.proxy_targets])[:, 0, 0] >= 0
            return self.solution(jnp.stack(steps), there.astype(jnp.float32))
        steps = jnp.stack([self._steps(level, k) for k in range(2)])
        return self.arrivals(steps, params)

    def solve_on_host(self, level: Level, objective: int) -> list[int] | None:
        """Return the actions of a fewest-steps way, found one level at a time.

        Exact for any number of boxes, by a search in Python that may take a minute.

        Args:
            level: one level.
            objective: 0 base, 1 proxy.

        Returns:
            Actions, or None where no way leads there before the episode ends.

        Raises:
            UserError: a level that takes too long.
        """
        kinds = (level.boxes, level.base_targets, level.proxy_targets)
        boxes, *targets = (tiles_of(tiles) for tiles in kinds)
        ends = targets[1 - objective]
        if objective == 0 and not bool(level.proxy_ends):
            ends = frozenset()
        (agent,) = tiles_of(level.agent[None])
        walls = np.asarray(level.walls)
        return solve_on_host(walls, agent, boxes, targets[objective], ends)

    # ------------------------------------------------------------------ texts

    def parse(self, text: str) -> Level:
        """Read a level; ``proxy_ends: 0`` above it lets episodes go on at the proxy.

        Raises:
            UserError: a text that is not a level of this size, has no agent or two, no
                box or more than ``max_boxes``, not as many targets of a kind as
                boxes (no proxy targets are allowed), is solved already, or cannot be
                solved for the base objective, where the solver is exact.
        """
        puzzle = read_puzzle(text, self.size, self.max_boxes)
        plans = None
        if self.solver != "exact":
            plans = jnp.full((2, self.max_moves, 3), -1, jnp.int32)
        level = Level(
            jnp.asarray(puzzle.drawing.letters == "#"),
            jnp.array(puzzle.agent, jnp.int32),
            padded(puzzle.boxes, self.max_boxes),
            padded(puzzle.base_targets, self.max_boxes),
            padded(puzzle.proxy_targets, self.max_boxes),
            jnp.bool_(puzzle.proxy_ends),
            plans,
        )
        if self.solver == "exact" and self._base_steps(level) >= UNREACHABLE:
            place, target = puzzle.drawing.place, puzzle.base_targets[0]
            raise UserError(
                f"level: no steps of the agent at {place(*puzzle.agent)} bring all "
                f"boxes onto base targets, as at {place(*target)}, "
                "before the episode ends; open a wall or move a box"
            )
        return level

    def show(self, level: Level) -> str:
        return write_puzzle(level.pieces, level.proxy_ends)

    def read_boxoban(self, path: str | Path) -> Level:
        """Read a file of levels in the format of Boxoban; targets are of both kinds.

        Returns:
            Levels, leaves [n, ...].

        Raises:
            UserError: as `parse`, and of `mesagym.levels.boxoban.boxoban_texts`.
        """
        return read_levels(path, self.parse)

    # ----------------------------------------------------------------- seeing

    def channels(
        self, state: State, params: Params
    ) -> Bool[Array, "height width channel"]:
        level = state.level
        agent = self.at(state.agent)
        tiles = (state.boxes, level.base_targets, level.proxy_targets)
        return jnp.stack([level.walls, agent, *map(self._mask, tiles)], axis=-1)

    def layers(self, state: State, params: Params) -> list[Layer]:
        level, boxes = state.level, self._mask(state.boxes)
        bases, proxies = map(self._mask, (level.base_targets, level.proxy_targets))
        # Orange and blue are base and proxy in reports. A target of both kinds shows
        # both, and where tiles are small the green in which reports draw both at once.
        both = bases & proxies
        return [
            Layer(level.walls, sprites.WALL, name="wall"),
            Layer(bases, (230, 159, 0), "ring", "base target"),
            Layer(proxies, (0, 114, 178), "diamond", "proxy target"),
            Layer(both, (0, 158, 115), "dot"),
            Layer(boxes, (150, 104, 66), "crate", "box"),
            # A box on a target shows the target's colour, darker.
            Layer(boxes & bases, (166, 108, 0), "dot", "box on a base target"),
            Layer(boxes & proxies, (0, 78, 122), "dot", "box on a proxy target"),
            Layer(boxes & both, (0, 110, 80), "dot"),
            Layer(self.at(state.agent), sprites.AGENT, "disc", "agent"),
        ]
