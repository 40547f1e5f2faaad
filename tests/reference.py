"""Slow and plain implementations, which the tests hold mesagym's fast ones against.

Nothing here imports mesagym's solvers: paths are found by a queue, tile by tile, and
counted as whole numbers, where mesagym spreads wavefronts of bits.
"""

from collections import deque
from collections.abc import Collection, Iterable
from functools import cached_property, partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

AGREEING, AMBIGUOUS, DISTINGUISHING = range(3)

NOWHERE = -1
"""The distance of a tile that no path reaches."""

jit_once = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""``jax.jit`` for what runs a few times only: compiling takes half as long."""

# ------------------------------------------------------------------------------- grids


def neighbours(walls: np.ndarray) -> list[list[int]]:
    """Return the floor tiles beside each floor tile; tile = row * width + column."""
    floor, width = ~walls, walls.shape[1]
    tiles = np.arange(walls.size).reshape(walls.shape)
    beside: list[list[int]] = [[] for _ in range(walls.size)]
    for tile in tiles[:, :-1][floor[:, :-1] & floor[:, 1:]].tolist():
        beside[tile].append(tile + 1)
        beside[tile + 1].append(tile)
    for tile in tiles[:-1][floor[:-1] & floor[1:]].tolist():
        beside[tile].append(tile + width)
        beside[tile + width].append(tile)
    return beside


def distances(beside: list[list[int]], sources: Iterable[int]) -> list[int]:
    """Return the fewest moves from the nearest source to each tile."""
    far = [NOWHERE] * len(beside)
    queue = deque(sources)
    for tile in queue:
        far[tile] = 0
    while queue:
        tile = queue.popleft()
        for other in beside[tile]:
            if far[other] == NOWHERE:
                far[other] = far[tile] + 1
                queue.append(other)
    return far


def count_paths(
    beside: list[list[int]], far: list[int], avoid: Collection[int] = ()
) -> list[int]:
    """Return how many shortest paths lead from the source to each tile.

    Args:
        beside: of `neighbours`.
        far: of `distances` from one source.
        avoid: only paths without these tiles are counted.
    """
    paths = [0] * len(far)
    reached = sorted((d, tile) for tile, d in enumerate(far) if d >= 0)
    for d, tile in reached:
        if tile in avoid:
            continue
        before = (paths[other] for other in beside[tile] if far[other] == d - 1)
        paths[tile] = 1 if d == 0 else sum(before)
    return paths


def shortest_paths(
    beside: list[list[int]], start: int, ends: Collection[int]
) -> list[list[int]]:
    """Return every shortest path from a tile to the nearest of some, one by one."""
    whole: list[list[int]] = []
    paths = [[start]]
    while paths and not whole:
        whole = [path for path in paths if path[-1] in ends]
        paths = [
            [*path, other]
            for path in paths
            for other in beside[path[-1]]
            if other not in path
        ]
    return whole


def square(shape: tuple[int, int], region: int) -> set[int]:
    """Return the tiles of the region: rows and columns 1 to ``region``."""
    inside = range(1, region + 1)
    return {r * shape[1] + c for r in inside for c in inside}


# -------------------------------------------------------------------------- the corner


class CornerLevel:
    """What breadth-first search says of a corner level."""

    def __init__(
        self, walls: np.ndarray, agent: np.ndarray, cheese: np.ndarray, region: int
    ):
        width = walls.shape[1]
        self.walls = walls
        self.beside = neighbours(walls)
        self.agent = int(agent[0]) * width + int(agent[1])
        self.has_cheese = bool(cheese[0] >= 0)
        self.cheese = int(cheese[0]) * width + int(cheese[1])
        floor = (~walls).ravel()
        self.corner = {t for t in square(walls.shape, int(region)) if floor[t]}
        self.from_agent = distances(self.beside, [self.agent])

    def label(self) -> tuple[int, bool]:
        """Return the class and whether it is clean, by counting shortest paths."""
        far = self.from_agent
        reached = [far[tile] for tile in self.corner if far[tile] >= 0]
        if not reached or not self.has_cheese or far[self.cheese] < 0:
            return AMBIGUOUS, False
        nearest = min(reached)
        ends = [tile for tile in self.corner if far[tile] == nearest]
        paths = count_paths(self.beside, far)
        back = distances(self.beside, [self.cheese])
        onward = count_paths(self.beside, back)
        through = sum(
            paths[self.cheese] * onward[tile]
            for tile in ends
            if far[self.cheese] + back[tile] == nearest
        )
        if through == sum(paths[tile] for tile in ends):
            return AGREEING, False
        if through:
            return AMBIGUOUS, False
        avoiding = count_paths(self.beside, far, avoid=self.corner)
        return DISTINGUISHING, avoiding[self.cheese] == paths[self.cheese]

    def label_by_listing(self) -> tuple[int, bool]:
        """Return the same, by looking at every shortest path in turn."""
        to_corner = shortest_paths(self.beside, self.agent, self.corner)
        cheese = {self.cheese} if self.has_cheese else set()
        to_cheese = shortest_paths(self.beside, self.agent, cheese)
        if not to_corner or not to_cheese:
            return AMBIGUOUS, False
        met = [self.cheese in path for path in to_corner]
        if all(met):
            return AGREEING, False
        if any(met):
            return AMBIGUOUS, False
        return DISTINGUISHING, not any(self.corner & set(path) for path in to_cheese)

    @cached_property
    def to_cheese(self) -> list[int]:
        """Return the fewest moves from every tile to the cheese."""
        return distances(self.beside, [self.cheese] if self.has_cheese else [])

    @cached_property
    def to_corner(self) -> list[int]:
        """Return the fewest moves from every tile to the corner, around the cheese."""
        walls = self.walls.copy()
        if self.has_cheese and self.cheese not in self.corner:
            walls.ravel()[self.cheese] = True
        return distances(neighbours(walls), self.corner)


_COLUMNS = ("walls", "agent", "cheese", "region")


def corner_levels(levels: Any) -> list[CornerLevel]:
    """Return the reference of each of a batch of corner levels."""
    columns = [np.asarray(getattr(levels, name)) for name in _COLUMNS]
    return [CornerLevel(*level) for level in zip(*columns, strict=True)]


def as_grid(far: list[int], shape: tuple[int, int], nowhere: int) -> np.ndarray:
    """Return distances as mesagym writes them, with its word for unreachable."""
    field = np.array(far).reshape(shape)
    return np.where(field == NOWHERE, nowhere, field)


# -------------------------------------------------------------------- any environment


def first_steps(env: Any, levels: Any, params: Any, limit: int) -> np.ndarray:
    """Find the fewest steps to each objective by searching the environment's states.

    All action sequences are tried, breadth first, by calling ``env.step_env`` alone;
    states that differ in nothing but their time are tried once. For environments
    whose steps draw nothing at random.

    Args:
        env: the environment.
        levels: a batch of levels, leading axis n.
        params: its parameters.
        limit: steps after which an episode is over.

    Returns:
        int[n, K], -1 where no sequence of actions is credited.
    """
    chunk = 256
    key = jax.random.key(0)

    @jax.jit
    @jax.vmap
    def start(level: Any) -> Any:
        return env.reset_to_level(key, level, params)[1]

    @jax.jit
    @jax.vmap
    def expand(state: Any) -> Any:
        def act(action: jax.Array) -> Any:
            _, after, _, terminated, info = env.step_env(key, state, action, params)
            return after.replace(time=state.time), terminated, info["objectives"]

        return jax.vmap(act)(jnp.arange(env.num_actions))

    states = jax.tree.map(np.asarray, start(levels))
    n = len(states.time)
    best = np.full((n, env.num_objectives), -1)
    owner = np.arange(n)
    seen = set(_rows(states, owner))
    for step in range(1, limit + 1):
        parts = [
            expand(jax.tree.map(partial(_part, begin=begin, size=chunk), states))
            for begin in range(0, len(owner), chunk)
        ]
        join = partial(_joined, n=len(owner))
        states, ended, credit = jax.tree.map(join, *parts)
        owner = np.repeat(owner, env.num_actions)
        for i, k in np.argwhere(credit > 0):
            if best[owner[i], k] < 0:
                best[owner[i], k] = step
        fresh = []
        for i, row in enumerate(_rows(states, owner)):
            if not ended[i] and row not in seen:
                seen.add(row)
                fresh.append(i)
        if not fresh:
            break
        states = jax.tree.map(itemgetter(fresh), states)
        owner = owner[fresh]
    return best


def _part(leaf: np.ndarray, begin: int, size: int) -> np.ndarray:
    """Return rows from ``begin`` on, the last repeated so that parts are alike."""
    part = leaf[begin : begin + size]
    return np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])


def _joined(*parts: jax.Array, n: int) -> np.ndarray:
    """Return what became of n states, one row for each action of each."""
    whole = np.concatenate(parts)[:n]
    return whole.reshape(-1, *whole.shape[2:])


def _rows(states: Any, owner: np.ndarray) -> list[bytes]:
    """Return the bytes that tell each state from the others."""
    leaves = map(np.ascontiguousarray, [owner, *jax.tree.leaves(states)])
    flat = [leaf.reshape(len(owner), -1).view(np.uint8) for leaf in leaves]
    return [row.tobytes() for row in np.concatenate(flat, axis=1)]
