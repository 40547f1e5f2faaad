"""Levels of Corner-v0 as they are drawn: solvable, fairly drawn, exactly solved."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.envs.corner import Corner, Level
from mesagym.levels import AGREEING, LAYOUTS, LevelClass, make_pool
from mesagym.levels.solve import UNREACHABLE
from tests import reference

QUICK, THOROUGH = 2000, 10_000


@dataclass(frozen=True)
class Facts:
    """What mesagym says of a batch of levels."""

    label: np.ndarray
    clean: np.ndarray
    to_cheese: np.ndarray
    to_corner: np.ndarray
    steps: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """A batch of levels, what mesagym says of them, and what a search says."""

    levels: Any
    layout: str
    judge: Callable[[], Facts]

    @cached_property
    def facts(self) -> Facts:
        return self.judge()

    @cached_property
    def searched(self) -> list[reference.CornerLevel]:
        return reference.corner_levels(self.levels)

    @cached_property
    def home(self) -> list[list[int]]:
        """Tiles that a path joins to the corner, in reading order."""
        tile = self.levels.walls.shape[2] + 1
        far = [reference.distances(one.beside, [tile]) for one in self.searched]
        return [[t for t, d in enumerate(one) if d >= 0] for one in far]


Draw = Callable[..., Drawn]


@cache
def drawer(env: Corner, n: int, solvable: bool = True) -> Draw:
    """Return what draws n levels from seed, α and region, and keeps the first few."""

    @reference.jit_once
    def draw(seed: jax.Array, alpha: jax.Array, region: jax.Array) -> Any:
        params = params_for(env).replace(region=region)
        return env.sample_levels(jax.random.key(seed), n, params, alpha, solvable)

    @reference.jit_once
    def judge(levels: Any) -> tuple[jax.Array, ...]:
        classes = jax.vmap(env.classify)(levels)
        fields = [jax.vmap(lambda x, k=k: env.guide(x, k))(levels) for k in (0, 1)]
        solution = jax.vmap(env.solve, (0, None))(levels, params_for(env))
        return classes.label, classes.clean, *fields, solution.steps

    def drawn(seed: int, alpha: float, region: int, keep: int = n) -> Drawn:
        levels = draw(jnp.uint32(seed), jnp.float32(alpha), jnp.int32(region))

        def kept(tree: Any) -> Any:
            return jax.tree.map(lambda leaf: np.asarray(leaf)[:keep], tree)

        return Drawn(kept(levels), env.layout, lambda: Facts(*kept(judge(levels))))

    return drawn


def params_for(env: Corner, max_steps: int = 128) -> Any:
    """Default parameters around a pool of one empty level."""
    walls = jnp.zeros((1, env.height, env.width), dtype=bool)
    place = jnp.ones((1, 2), jnp.int32)
    level = Level(walls, place, place, jnp.ones(1, jnp.int32))
    pool = make_pool(level, LevelClass(jnp.zeros(1, jnp.int8), jnp.zeros(1, bool)))
    return env.make_params(pool).replace(max_steps_in_episode=jnp.int32(max_steps))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            (layout, size, n),
            id=f"{layout}-{size}-{n}",
            marks=[pytest.mark.slow] if n == THOROUGH or size == 13 else [],
        )
        for n in (QUICK, THOROUGH)
        for layout in LAYOUTS
        for size in (9, 13)
    ],
)
def draw(request: pytest.FixtureRequest) -> Draw:
    """Levels of each layout and size, in quick and thorough numbers."""
    layout, size, n = request.param
    return drawer(Corner(size=size, layout=layout), n)


@pytest.fixture(scope="module")
def mixed(draw: Draw) -> Drawn:
    """Half of them with the cheese anywhere; the corner is one tile."""
    return draw(0, 0.5, 1)


# ------------------------------------------------------------------------- every layout


def test_every_level_can_be_solved(mixed: Drawn):
    for one in mixed.searched:
        assert one.from_agent[one.cheese] >= 0
        assert all(one.from_agent[tile] >= 0 for tile in one.corner)


def test_borders_are_closed_and_the_corner_is_open(mixed: Drawn):
    walls = mixed.levels.walls
    assert walls[:, [0, -1]].all()
    assert walls[:, :, [0, -1]].all()
    assert not walls[:, 1, 1].any()


def test_agent_and_cheese_stand_on_floor_apart_from_one_another(mixed: Drawn):
    levels, every = mixed.levels, np.arange(len(mixed.levels.agent))
    for place in (levels.agent, levels.cheese):
        assert not levels.walls[every, place[:, 0], place[:, 1]].any()
    assert (levels.agent != levels.cheese).any(axis=1).all()


def test_levels_differ_where_there_are_enough(mixed: Drawn):
    walls = mixed.levels.walls
    n, size, _ = walls.shape
    different = len(np.unique(walls.reshape(n, -1), axis=0))
    if mixed.layout == "open":
        assert different == 1
    elif mixed.layout == "rooms":
        # Rooms have few walls, and those in few places: at 9x9 about 1,500 come up.
        assert different > min(0.2 * n, 1000)
    elif mixed.layout == "procgen":
        # One in four (six) mazes is the smallest, of which there are four.
        # Of the others at 9x9 there are few thousands.
        assert different > 0.3 * n
    elif mixed.layout != "blocks" and size == 9:
        # There are 100,352 trees of 16 cells, not all equally probable.
        assert different > 0.85 * n
    else:
        assert different == n


def test_distances_equal_a_breadth_first_search(mixed: Drawn):
    shape = mixed.levels.walls.shape[1:]
    for i, one in enumerate(mixed.searched):
        cheese, corner = one.to_cheese, one.to_corner
        expected = reference.as_grid(cheese, shape, UNREACHABLE)
        np.testing.assert_array_equal(mixed.facts.to_cheese[i], expected)
        expected = reference.as_grid(corner, shape, UNREACHABLE)
        np.testing.assert_array_equal(mixed.facts.to_corner[i], expected)


def test_fewest_steps_equal_a_breadth_first_search(mixed: Drawn):
    far = [[x.to_cheese[x.agent], x.to_corner[x.agent]] for x in mixed.searched]
    expected = np.array(far)
    # A start in the corner is credited by its first step.
    expected[expected == 0] = 1
    np.testing.assert_array_equal(mixed.facts.steps, expected)


def test_classes_equal_those_of_counting_all_shortest_paths(mixed: Drawn):
    label, clean = np.array([one.label() for one in mixed.searched]).T
    np.testing.assert_array_equal(mixed.facts.label, label)
    np.testing.assert_array_equal(mixed.facts.clean, clean)
    # In a tree one way leads anywhere, so it passes the cheese or does not.
    one_way = mixed.layout in ("tree", "procgen")
    assert set(label) == ({0, 2} if one_way else {0, 1, 2})
    assert 0 < clean.sum() < (label == 2).sum()


def test_classes_of_a_region_equal_those_of_counting(draw: Draw):
    region_of_three = draw(1, 0.5, 3, keep=500)
    label, clean = np.array([one.label() for one in region_of_three.searched]).T
    np.testing.assert_array_equal(region_of_three.facts.label, label)
    np.testing.assert_array_equal(region_of_three.facts.clean, clean)
    assert clean.any()


def test_without_a_shift_every_level_agrees(draw: Draw):
    drawn = draw(2, 0.0, 1)
    assert (drawn.levels.cheese == 1).all()
    assert (drawn.facts.label == AGREEING).all()


def test_without_a_shift_the_cheese_lies_in_the_region(draw: Draw):
    drawn = draw(3, 0.0, 3, keep=1000)
    assert (drawn.levels.cheese >= 1).all()
    assert (drawn.levels.cheese <= 3).all()
    assert (drawn.levels.region == 3).all()
    inside = [[t for t in home if t in one.corner] for home, one in homes(drawn)]
    assert uniform([one.cheese for one in drawn.searched], inside) > 0.001


def test_a_cheese_region_moves_the_cheese_and_leaves_the_corner_as_it_is():
    env = Corner(size=7)
    levels = {
        (region, side): env.sample_levels(
            jax.random.key(11),
            200,
            env.params_with(region=region, cheese_region=side),
            alpha=0.0,
        )
        for region, side in ((3, 0), (1, 3))
    }
    np.testing.assert_array_equal(levels[3, 0].cheese, levels[1, 3].cheese)
    np.testing.assert_array_equal(levels[3, 0].agent, levels[1, 3].agent)
    assert (levels[1, 3].region == 1).all()
    assert (levels[1, 3].cheese.max(axis=1) > 1).any()


def homes(drawn: Drawn) -> list[tuple[list[int], reference.CornerLevel]]:
    return list(zip(drawn.home, drawn.searched, strict=True))


def places(tiles: list[int], eligible: list[list[int]], seed: int = 0) -> np.ndarray:
    """Return where in its own list each tile stands, a number of [0, 1).

    Spread over its share, a uniform rank is a uniform number, whatever the count.
    """
    ranks = np.array([e.index(tile) for tile, e in zip(tiles, eligible, strict=True)])
    within = np.random.default_rng(seed).random(len(ranks))
    return (ranks + within) / np.array(list(map(len, eligible)))


def uniform(tiles: list[int], eligible: list[list[int]]) -> float:
    """Return the p-value of each tile being a uniform draw from its own list."""
    counts, _ = np.histogram(places(tiles, eligible), bins=20, range=(0, 1))
    return stats.chisquare(counts).pvalue


def test_the_agent_starts_anywhere_that_a_path_joins_to_the_corner(mixed: Drawn):
    eligible = [[t for t in home if t != one.cheese] for home, one in homes(mixed)]
    assert uniform([one.agent for one in mixed.searched], eligible) > 0.001


def test_a_shifted_cheese_lies_anywhere_that_a_path_joins_to_the_corner(draw: Draw):
    drawn = draw(4, 1.0, 1, keep=1000)
    assert uniform([one.cheese for one in drawn.searched], drawn.home) > 0.001


def test_agent_and_shifted_cheese_are_drawn_independently(draw: Draw):
    drawn = draw(4, 1.0, 1, keep=1000)
    free = [[t for t in home if t != one.cheese] for home, one in homes(drawn)]
    cheese = places([one.cheese for one in drawn.searched], drawn.home, seed=1)
    agent = places([one.agent for one in drawn.searched], free, seed=2)
    counts, *_ = np.histogram2d(cheese, agent, bins=4, range=[(0, 1), (0, 1)])
    assert stats.chisquare(counts.ravel()).pvalue > 0.001


def test_where_the_agent_starts_does_not_tell_where_the_cheese_is(mixed: Drawn):
    free = [[t for t in home if t != one.cheese] for home, one in homes(mixed)]
    agent = places([one.agent for one in mixed.searched], free)
    in_corner = (mixed.levels.cheese == 1).all(axis=1)
    counts, *_ = np.histogram2d(agent, in_corner, bins=[10, 2])
    assert stats.chi2_contingency(counts).pvalue > 0.001


def test_alpha_is_the_probability_of_each_level(mixed: Drawn):
    assert_probability(mixed, 0.5)


def test_alpha_may_be_small(draw: Draw):
    assert_probability(draw(5, 0.02, 1, keep=1000), 0.02)


def assert_probability(drawn: Drawn, alpha: float) -> None:
    in_corner = (drawn.levels.cheese == 1).all(axis=1)
    # A shifted cheese may land in the corner, too.
    chance = 1 - alpha + alpha / np.array(list(map(len, drawn.home)))
    variance = chance * (1 - chance)
    z = (in_corner - chance).sum() / np.sqrt(variance.sum())
    assert abs(z) < 4
    # Were it a rounded count, batches would vary less than coin tosses do.
    batches = (in_corner - chance).reshape(-1, 100).sum(axis=1)
    spread = (batches**2 / variance.reshape(-1, 100).sum(axis=1)).sum()
    low, high = stats.chi2.ppf([1e-4, 1 - 1e-4], len(batches))
    assert low < spread < high


# -------------------------------------------------------------- blocks, and unfiltered


@pytest.fixture(scope="module")
def blocks() -> Drawn:
    return drawer(Corner(size=9), QUICK)(6, 1.0, 1)


@pytest.fixture(scope="module")
def unfiltered() -> Drawn:
    return drawer(Corner(size=9), QUICK, solvable=False)(7, 1.0, 1)


def assert_share(walls: np.ndarray, share: float) -> None:
    bound = 4 * np.sqrt(share * (1 - share) / walls.size)
    assert abs(walls.mean() - share) < bound


def test_a_quarter_of_the_tiles_are_walls_in_solvable_levels_too(blocks: Drawn):
    walls = blocks.levels.walls[:, 1:-1, 1:-1].copy()
    # One of the corner's two neighbours is open: .25 given that not both are walls.
    assert_share(walls[:, [0, 1], [1, 0]], (0.25 - 0.25**2) / (1 - 0.25**2))
    elsewhere = np.ones((7, 7), dtype=bool)
    elsewhere[[0, 0, 1], [0, 1, 0]] = False
    assert_share(walls[:, elsewhere], 0.25)


def test_a_quarter_of_the_tiles_are_walls_in_unfiltered_levels(unfiltered: Drawn):
    elsewhere = np.ones((7, 7), dtype=bool)
    elsewhere[0, 0] = False
    assert_share(unfiltered.levels.walls[:, 1:-1, 1:-1][:, elsewhere], 0.25)


def floors(drawn: Drawn) -> list[tuple[list[int], reference.CornerLevel]]:
    floor = [np.flatnonzero(~one.walls).tolist() for one in drawn.searched]
    return list(zip(floor, drawn.searched, strict=True))


def test_an_unfiltered_cheese_lies_on_any_floor(unfiltered: Drawn):
    eligible = [floor for floor, _ in floors(unfiltered)]
    assert uniform([one.cheese for one in unfiltered.searched], eligible) > 0.001


def test_an_unfiltered_agent_starts_on_any_other_floor(unfiltered: Drawn):
    eligible = [
        [t for t in floor if t != one.cheese] for floor, one in floors(unfiltered)
    ]
    assert uniform([one.agent for one in unfiltered.searched], eligible) > 0.001


def test_some_unfiltered_levels_cannot_be_solved_and_say_so(unfiltered: Drawn):
    apart = [one.from_agent[one.cheese] < 0 for one in unfiltered.searched]
    assert 0.02 < np.mean(apart) < 0.5
    np.testing.assert_array_equal(unfiltered.facts.steps[:, 0] == -1, apart)


def test_classes_of_unfiltered_levels_equal_those_of_counting(unfiltered: Drawn):
    label, clean = np.array([one.label() for one in unfiltered.searched]).T
    np.testing.assert_array_equal(unfiltered.facts.label, label)
    np.testing.assert_array_equal(unfiltered.facts.clean, clean)


def test_counting_shortest_paths_classes_as_listing_them_does():
    # The reference against a plainer one, on rooms small enough to list all paths.
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(400):
        walls = np.ones((5, 6), dtype=bool)
        walls[1:-1, 1:-1] = rng.random((3, 4)) < 0.2
        walls[1, 1] = False
        floor = np.argwhere(~walls)
        if len(floor) < 2:
            continue
        agent, cheese = rng.choice(floor, 2, replace=False)
        level = reference.CornerLevel(walls, agent, cheese, int(rng.integers(1, 4)))
        assert level.label() == level.label_by_listing()
        seen.add(level.label())
    assert len(seen) == 4


# ---------------------------------------------------------------- exact, by trying all


SMALL = Corner(size=7)


@pytest.fixture(scope="module")
def small() -> Any:
    """Sixty levels, regions of one and two tiles, some that cannot be solved."""
    draw = drawer(SMALL, 20)
    parts = [
        draw(seed, 0.8, region).levels for seed, region in ((8, 1), (9, 2), (10, 1))
    ]
    levels = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    # Walls in the last twenty, wherever nothing stands, that may cut off anything.
    built = np.random.default_rng(0).random(levels.walls.shape) < 0.3
    built[:40] = False
    for place in (levels.agent, levels.cheese, np.ones((60, 2), int)):
        built[np.arange(60), place[:, 0], place[:, 1]] = False
    return levels.replace(walls=levels.walls | built)


@pytest.mark.parametrize("limit", [6, 128])
def test_a_solution_equals_a_search_of_all_action_sequences(small: Any, limit: int):
    params = params_for(SMALL, limit)
    solution = jax.vmap(SMALL.solve, (0, None))(small, params)
    searched = reference.first_steps(SMALL, small, params, limit)
    np.testing.assert_array_equal(solution.steps, searched)
    np.testing.assert_array_equal(solution.returns, searched > 0)
    assert (searched == -1).any()
    assert searched.max() > 5


def solved(text: str, **changes: Any) -> list[int]:
    level = SMALL.parse(text)
    params = params_for(SMALL).replace(**changes)
    steps = SMALL.solve(level, params).steps.tolist()
    levels = jax.tree.map(lambda leaf: leaf[None], level)
    limit = min(int(params.max_steps_in_episode), 200)
    assert reference.first_steps(SMALL, levels, params, limit)[0].tolist() == steps
    return steps


def test_a_cheese_in_the_only_way_puts_the_corner_out_of_reach():
    text = "#######\n#..*.@#" + "\n#######" * 5
    assert solved(text) == [2, -1]


def test_the_way_to_the_corner_leads_around_the_cheese():
    text = "#######\n#..*.@#\n#.###.#\n#.....#" + "\n#######" * 3
    assert solved(text) == [2, 8]


def test_a_cheese_in_the_region_does_not_stand_in_the_way_of_itself():
    text = "#######\n#oc..@#\n#xx####" + "\n#######" * 4
    assert solved(text) == [3, 3]


def test_an_objective_reached_on_the_last_step_is_within_reach():
    text = "#######\n#.@..*#" + "\n#######" * 5
    assert solved(text, max_steps_in_episode=jnp.int32(3)) == [3, 1]


def test_an_objective_past_the_time_limit_is_out_of_reach():
    text = "#######\n#.@..*#" + "\n#######" * 5
    assert solved(text, max_steps_in_episode=jnp.int32(2)) == [-1, 1]


def test_no_time_limit_brings_what_no_path_joins_within_reach():
    text = "#######\n#..*.@#" + "\n#######" * 5
    assert solved(text, max_steps_in_episode=jnp.int32(10**6)) == [2, -1]


@pytest.mark.parametrize("limit", [8, 128])
@pytest.mark.parametrize("objective", [0, 1])
def test_an_oracle_takes_as_many_steps_as_the_solution_says(
    small: Any, oracle: Callable, objective: int, limit: int
):
    params = params_for(SMALL, limit)
    expected = jax.vmap(SMALL.solve, (0, None))(small, params).steps[:, objective]
    credited = oracle(small, params, objective)
    first = np.where(credited.any(axis=1), credited.argmax(axis=1) + 1, -1)
    first[first > limit] = -1
    np.testing.assert_array_equal(first, expected)


@pytest.fixture(scope="module")
def oracle() -> Callable:
    """Follow an oracle and say at which of 128 steps it is credited, [n, 128]."""

    def follow(levels: Any, params: Any, objective: int) -> np.ndarray:
        @reference.jit_once
        @jax.vmap
        def credited(level: Any) -> jax.Array:
            key = jax.random.key(0)
            guide = SMALL.guide(level, objective)
            _, start = SMALL.reset_to_level(key, level, params)

            def step(carry: tuple[Any, jax.Array], _: None) -> tuple[Any, jax.Array]:
                state, over = carry
                action = SMALL.guided_action(guide, state)
                out = SMALL.step_env(key, state, action, params)
                credit = (out[4]["objectives"][objective] > 0) & ~over
                return (out[1], over | out[3]), credit

            return jax.lax.scan(step, (start, jnp.bool_(False)), None, 128)[1]

        return np.asarray(credited(levels))

    return follow
