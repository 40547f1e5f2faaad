"""The searches of box-pushing puzzles in bits, against a queue of states."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.errors import UserError
from mesagym.levels.places import as_mask
from mesagym.levels.push_host import solve_on_host
from mesagym.levels.push_search import action_at, best_actions, push_ways, steps_to
from mesagym.levels.push_states import Board
from mesagym.levels.solve import UNREACHABLE
from tests import reference
from tests.levels.pushing import NEVER, Puzzle, step, tiles

N = 72  # more than one part of lanes, the last not full


class Boards:
    """Random puzzles of one shape: walls, agent, boxes and two kinds of targets."""

    def __init__(self, height: int, width: int, boxes: int):
        self.board = Board(height, width, boxes)
        random = np.random.default_rng(height * 100 + width * 10 + boxes)
        columns: list[list[Any]] = [[] for _ in range(5)]
        for i in range(N):
            walls = random.random((height, width)) < 0.3 * i / N
            walls[[0, -1]] = walls[:, [0, -1]] = True
            # Some boxes are not there.
            number = random.integers(1, boxes + 1)
            if (~walls).sum() <= 3 * number:
                walls[1:-1, 1:-1] = False
            floor = random.permutation(np.argwhere(~walls))
            places = [np.full((boxes, 2), -1) for _ in range(3)]
            for kind, array in enumerate(places):
                array[:number] = floor[1 + kind * number : 1 + (kind + 1) * number]
            state = tuple(floor[0].tolist()), tiles(places[0])
            for kind in (1, 2) if i % 4 else ():
                # Most of the targets are where a random walk brings the boxes.
                for action in random.integers(0, 4, 100).tolist():
                    state = step(walls, state, action)
                if state[1] != tiles(places[0]):
                    places[kind][:number] = sorted(state[1])
            for column, value in zip(columns, [walls, floor[0], *places], strict=True):
                column.append(value)
        self.walls, *self.places = (np.array(column) for column in columns)
        self.agent, self.boxes, self.base, self.proxy = self.places
        rows = zip(self.walls, *self.places, strict=True)
        self.puzzles = [Puzzle(*row) for row in rows]

    def over(self, function: Any) -> Any:
        """Map ``(walls, agent, boxes, base, proxy)`` over the puzzles, compiled."""
        size = self.walls.shape[1:]

        @reference.jit_once
        @jax.vmap
        def all_of(walls: Any, agent: Any, boxes: Any, base: Any, proxy: Any) -> Any:
            masks = as_mask(base, *size), as_mask(proxy, *size)
            return function(self.board, walls, agent, boxes, *masks)

        places = (jnp.asarray(each, jnp.int32) for each in self.places)
        return jax.tree.map(np.asarray, all_of(jnp.asarray(self.walls), *places))


# One word of agent's tiles and several, squares and oblongs, boxes that are not there.
@pytest.fixture(
    scope="module", params=[(7, 7, 1), (8, 11, 1), (5, 6, 2), (5, 6, 3)], ids=str
)
def boards(request: pytest.FixtureRequest) -> Boards:
    """Puzzles of each shape."""
    return Boards(*request.param)


def or_never(steps: np.ndarray) -> np.ndarray:
    return np.where(steps == UNREACHABLE, NEVER, steps)


def test_fewest_steps_equal_a_search_by_queue(boards: Boards):
    steps = or_never(boards.over(steps_to))
    expected = [one.steps(one.base, one.proxy) for one in boards.puzzles]
    np.testing.assert_array_equal(steps, expected)
    assert len(set(expected)) > 5
    assert NEVER in expected


def test_the_best_actions_lead_to_the_targets_in_the_fewest_steps(boards: Boards):
    def actions(board: Board, walls: Any, agent: Any, boxes: Any, *kinds: Any) -> Any:
        return best_actions(board, walls, *kinds)

    found = boards.over(actions)
    read = jax.jit(action_at, static_argnums=0)
    for i, one in enumerate(boards.puzzles):
        steps = one.steps(one.base, one.proxy)
        agent, boxes = one.agent, boards.boxes[i]
        for _ in range(max(steps, 0)):
            action = int(read(boards.board, found[i], jnp.array(agent), boxes))
            before = tiles(boxes)
            agent, after = step(one.walls, (agent, before), action)
            moved = before - after
            if moved:
                mine = (boxes == list(*moved)).all(axis=1)[:, None]
                boxes = np.where(mine, list(*(after - before)), boxes)
        assert steps == NEVER or tiles(boxes) == one.base


def test_the_relations_of_ways_equal_those_of_counting_them(boards: Boards):
    way = boards.over(push_ways)
    expected = [one.label() for one in boards.puzzles]
    both = np.maximum(way.first_steps, way.second_steps) < UNREACHABLE
    some = way.first_before_some & both
    label = np.where(both & ~some, 2, np.where(way.first_before_all & both, 0, 1))
    np.testing.assert_array_equal(label, [one for one, _ in expected])
    clean = (label == 2) & ~way.second_before_some
    np.testing.assert_array_equal(clean, [one for _, one in expected])
    none = frozenset()
    steps = [(p.steps(p.base, none), p.steps(p.proxy, none)) for p in boards.puzzles]
    found = np.stack([or_never(way.first_steps), or_never(way.second_steps)], axis=-1)
    np.testing.assert_array_equal(found, steps)


def test_the_search_on_the_host_finds_ways_as_short(boards: Boards):
    for one in boards.puzzles:
        state = one.agent, one.boxes
        actions = solve_on_host(one.walls, *state, one.base, one.proxy)
        expected = one.steps(one.base, one.proxy)
        assert (NEVER if actions is None else len(actions)) == expected
        for action in actions or []:
            state = step(one.walls, state, action)
        assert actions is None or state[1] == one.base


def test_the_search_on_the_host_gives_up_where_it_is_told_to():
    walls = np.ones((9, 9), dtype=bool)
    walls[1:-1, 1:-1] = False
    boxes, targets = frozenset({(2, 2), (3, 5)}), frozenset({(7, 7), (1, 1)})
    with pytest.raises(UserError, match=r"^level: .* 50 states") as error:
        solve_on_host(walls, (5, 5), boxes, targets, most_states=50)
    assert "\n" not in str(error.value)
