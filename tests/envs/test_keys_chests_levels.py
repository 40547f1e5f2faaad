"""Levels of KeysChests-v0: how they are drawn, solved and classed."""

from collections import Counter
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.envs.edits import edit_levels
from mesagym.envs.keys_chests import CHEST, GHOST, KEY, SURPLUS, WALL, KeysChests
from mesagym.levels import AGREEING, DISTINGUISHING
from tests import reference

ENV = KeysChests(size=9)

# ------------------------------------------------------------------------- how drawn


@pytest.fixture(scope="module")
def draw() -> Any:
    """Levels drawn by one program, as numpy, which were accepted, and their classes."""

    @partial(jax.jit, static_argnames=("n", "solvable"))
    def sample(key: Any, params: Any, alpha: Any, n: int, solvable: bool) -> Any:
        levels, accepted = ENV.sample_and_judge(key, n, params, alpha, solvable)
        return levels, accepted, jax.vmap(ENV.classify)(levels)

    def drawn(alpha: float, solvable: bool = True, **settings: Any) -> Any:
        params = ENV.params_with(**settings)
        key = jax.random.key(int(100 * alpha) + len(settings))
        alpha = jnp.float32(alpha)
        return jax.tree.map(
            np.asarray, sample(key, params, alpha, n=600, solvable=solvable)
        )

    return drawn


@pytest.fixture(scope="module")
def mixed(draw: Any) -> Any:
    return draw(0.5)


def counts(levels: Any, kind: int) -> np.ndarray:
    return (levels.tiles & kind != 0).sum(axis=(1, 2))


def homes(levels: Any) -> list[set[int]]:
    """The tiles that a path joins to each agent."""
    found = []
    for tiles, (row, column) in zip(levels.tiles, levels.agent, strict=True):
        beside = reference.neighbours(tiles & WALL != 0)
        far = reference.distances(beside, [int(row) * tiles.shape[1] + int(column)])
        found.append({tile for tile, steps in enumerate(far) if steps >= 0})
    return found


def test_every_item_lies_within_reach_and_off_the_start(mixed: Any):
    levels, accepted, _ = mixed
    assert accepted.all()
    for tiles, agent, home in zip(
        levels.tiles, levels.agent, homes(levels), strict=True
    ):
        assert set(np.flatnonzero(tiles & ~np.uint8(WALL))) <= home
        assert tiles[tuple(agent)] == 0


def test_levels_have_as_many_items_as_they_say_of_one_kind_a_tile(mixed: Any):
    levels = mixed[0]
    np.testing.assert_array_equal(counts(levels, KEY), levels.num_keys)
    np.testing.assert_array_equal(counts(levels, CHEST), levels.num_chests)
    np.testing.assert_array_equal(counts(levels, GHOST), levels.num_chests)
    assert set(np.unique(levels.tiles)) <= {0, WALL, KEY, CHEST, GHOST, CHEST | GHOST}
    assert (levels.tiles == CHEST | GHOST).any()


def test_alpha_is_the_probability_of_reversed_counts(draw: Any):
    for alpha in (0.0, 0.2, 1.0):
        levels = draw(alpha)[0]
        pairs = Counter(zip(levels.num_keys, levels.num_chests, strict=True))
        assert set(pairs) <= {(3, 10), (10, 3)}
        assert stats.binomtest(pairs[10, 3], 600, alpha).pvalue > 0.001


def test_items_lie_anywhere_alike(draw: Any):
    # In an open room every tile has the same chance.
    env = KeysChests(size=7, layout="open", max_keys=3, max_chests=4)
    levels = env.sample_levels(jax.random.key(3), 3000, env.params_with(), 0.0)
    tiles = np.asarray(levels.tiles)[:, 1:-1, 1:-1].reshape(3000, 25)
    for kind, each in ((KEY, 3), (CHEST, 4), (GHOST, 4)):
        places = (tiles & kind != 0).sum(axis=0)
        assert places.sum() == 3000 * each
        # Without replacement, so the counts vary a little less than independent ones.
        assert stats.chisquare(places).pvalue > 0.001
    agents = np.asarray(levels.agent)
    places = np.bincount((agents[:, 0] - 1) * 5 + agents[:, 1] - 1, minlength=25)
    assert stats.chisquare(places).pvalue > 0.001


def test_ghosts_are_drawn_without_regard_to_the_chests():
    env = KeysChests(size=7, layout="open", max_keys=3, max_chests=4)
    levels = env.sample_levels(jax.random.key(4), 3000, env.params_with(), 0.0)
    tiles = np.asarray(levels.tiles)
    both = (tiles == CHEST | GHOST).sum(axis=(1, 2))
    # Four chests and four ghosts on the 21 tiles without agent and keys.
    expected = stats.hypergeom(21, 4, 4).pmf(np.arange(5)) * 3000
    seen = np.bincount(both, minlength=5)
    pooled = [np.append(each[:3], each[3:].sum()) for each in (seen, expected)]
    assert stats.chisquare(pooled[0], pooled[1]).pvalue > 0.001


@pytest.mark.parametrize(("ghosts", "expected"), [(0, 0), (7, 7)])
def test_ghosts_are_as_many_as_asked_for(draw: Any, ghosts: int, expected: int):
    levels = draw(0.5, num_ghosts=ghosts)[0]
    assert (counts(levels, GHOST) == expected).all()


def test_counts_of_minus_one_are_drawn_by_density(draw: Any):
    settings = {"num_keys": -1, "num_chests": -1, "key_density": 0.1}
    levels, accepted, _ = draw(0.0, chest_density=0.15, **settings)
    assert accepted.all()
    assert (levels.num_keys >= 1).all()
    assert (levels.num_keys <= 10).all()
    room = np.array([len(home) - 1 for home in homes(levels)])
    # Levels with none of a kind, or over ten, are drawn again: a few in a hundred.
    assert abs(levels.num_keys.sum() / room.sum() - 0.1) < 0.01
    assert abs(levels.num_chests.sum() / room.sum() - 0.15) < 0.01
    assert len(set(levels.num_keys)) > 4


def test_shifted_counts_have_densities_of_their_own(draw: Any):
    settings = {"shifted_keys": -1, "shifted_key_density": 0.05, "shifted_chests": 2}
    levels = draw(1.0, **settings)[0]
    room = np.array([len(home) - 1 for home in homes(levels)])
    assert (levels.num_chests == 2).all()
    few = stats.binom(room, 0.05)
    expected = (few.mean() / (1 - few.pmf(0))).sum()
    assert abs(levels.num_keys.sum() / expected - 1) < 0.1


def test_alpha_is_the_share_of_levels_though_one_kind_seldom_fits(draw: Any):
    # More than ten chests on .4 of the floor are refused, on a tenth seldom.
    settings = {"num_keys": 1, "num_chests": -1, "chest_density": 0.4}
    settings |= {"shifted_keys": 2, "shifted_chests": -1}
    levels, accepted, _ = draw(0.25, **settings)
    assert accepted.all()
    shifted = int((levels.num_keys == 2).sum())
    assert stats.binomtest(shifted, 600, 0.25).pvalue > 0.001


def test_holes_open_a_share_of_the_walls():
    env = KeysChests(size=13, layout="tree")
    share = []
    for holes in (0.0, 0.4):
        params = env.params_with(holes=holes)
        levels = env.sample_levels(jax.random.key(5), 300, params)
        inner = np.asarray(levels.walls)[:, 1:-1, 1:-1]
        share.append(inner.mean())
    # A tree of 36 cells and 35 passages leaves 50 of 121 tiles walls, always.
    assert share[0] == 50 / 121
    assert abs(share[1] / share[0] - 0.6) < 0.02


def test_unfiltered_items_may_lie_out_of_reach(draw: Any):
    levels, accepted, _ = draw(0.5, solvable=False)
    assert accepted.all()
    inside = [
        set(np.flatnonzero(tiles & KEY)) <= home
        for tiles, home in zip(levels.tiles, homes(levels), strict=True)
    ]
    assert 0.05 < 1 - np.mean(inside) < 0.95


def test_the_class_says_whether_keys_exceed_chests(mixed: Any):
    levels, _, classes = mixed
    exceed = levels.num_keys - levels.num_chests >= SURPLUS
    expected = np.where(exceed, DISTINGUISHING, AGREEING)
    np.testing.assert_array_equal(classes.label, expected)
    np.testing.assert_array_equal(classes.clean, exceed)
    assert 0 < exceed.sum() < len(exceed)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, {(3, 10)}), (1.0, {(10, 3)})])
def test_biased_edits_draw_counts_by_alpha(alpha: float, expected: set):
    start = ENV.sample_levels(jax.random.key(6), 64, None, 0.5)
    params = ENV.params_with()
    edited = edit_levels(ENV, jax.random.key(7), start, params, "biased", alpha, 12)
    before = list(
        zip(*map(np.asarray, (start.num_keys, start.num_chests)), strict=True)
    )
    after = list(
        zip(*map(np.asarray, (edited.num_keys, edited.num_chests)), strict=True)
    )
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert set(changed) <= expected


# ------------------------------------------------------------------------ how solved


class Best(NamedTuple):
    """What a search of all that can happen found, by objective."""

    returns: list[float]
    steps: list[int]
    discounted: float


def search(level: Any, limit: int, discount: float) -> Best:
    """Try every sequence of moves, states that are alike at the same step once."""
    tiles = np.asarray(level.tiles)
    width = tiles.shape[1]
    beside = reference.neighbours(tiles & WALL != 0)
    items = [
        (kind, tile)
        for kind in (CHEST, KEY, GHOST)
        for tile in np.flatnonzero(tiles & kind).tolist()
    ]
    kinds = [kind for kind, _ in items]
    at: dict[int, list[int]] = {}
    for i, (_, tile) in enumerate(items):
        at.setdefault(tile, []).append(i)

    def taken(mask: int, kind: int) -> int:
        return sum(mask >> i & 1 for i, each in enumerate(kinds) if each == kind)

    start = int(level.agent[0]) * width + int(level.agent[1])
    now = {(start, 0): 0.0}
    best, first, discounted = [0, 0, 0], [-1, -1, -1], 0.0
    for step in range(1, limit + 1):
        after: dict[tuple[int, int], float] = {}
        for (tile, mask), value in now.items():
            keys = taken(mask, KEY)
            held, ghost_held = keys - taken(mask, CHEST), keys - taken(mask, GHOST)
            for there in [tile, *beside[tile]]:
                new, worth = mask, value
                for i in at.get(there, []):
                    purse = {KEY: 1, CHEST: held, GHOST: ghost_held}[kinds[i]]
                    if purse > 0 and not mask >> i & 1:
                        new |= 1 << i
                        if kinds[i] == CHEST:
                            worth += discount ** (step - 1)
                for k, kind in enumerate((CHEST, KEY, GHOST)):
                    best[k] = max(best[k], taken(new, kind))
                    if first[k] < 0 < taken(new, kind):
                        first[k] = step
                discounted = max(discounted, worth)
                opened = taken(new, CHEST)
                picked = taken(new, KEY)
                over = opened == kinds.count(CHEST)
                over |= picked == kinds.count(KEY) and picked == opened
                if not over:
                    known = after.get((there, new), -1.0)
                    after[there, new] = max(known, worth)
        now = after
    return Best([float(each) for each in best], first, discounted)


SMALL = KeysChests(size=7, max_keys=3, max_chests=3)
LIMITS = (4, 9, 24)
DISCOUNT = 0.9


@pytest.fixture(scope="module")
def solved() -> list[tuple[int, Any, Any, float, Best]]:
    """Levels under limits: the solution, the discounted optimum and the search's."""
    params = SMALL.params_with(num_keys=2, num_chests=3, num_ghosts=1)
    levels = SMALL.sample_levels(jax.random.key(8), 16, params, 0.5)

    @reference.jit_once
    @partial(jax.vmap, in_axes=(0, None))
    def solve(level: Any, limit: jax.Array) -> Any:
        given = params.replace(max_steps_in_episode=limit)
        return SMALL.solve(level, given), SMALL.discounted_optimum(
            level, given, DISCOUNT
        )

    found = []
    for limit in LIMITS:
        solutions = jax.tree.map(np.asarray, solve(levels, jnp.int32(limit)))
        for i in range(16):
            level = jax.tree.map(lambda leaf, i=i: np.asarray(leaf[i]), levels)
            solution, optimum = jax.tree.map(lambda leaf, i=i: leaf[i], solutions)
            best = search(level, limit, DISCOUNT)
            found.append((limit, level, solution, float(optimum), best))
    return found


def test_no_sequence_of_moves_exceeds_the_bounds(solved: Any):
    for _, _, solution, optimum, best in solved:
        assert (np.array(best.returns) <= solution.returns).all()
        assert best.discounted <= optimum + 1e-5


def test_the_bound_of_the_chests_is_attained_on_nearly_every_small_level(solved: Any):
    exact = [best.returns[0] == one.returns[0] for *_, one, _, best in solved]
    assert np.mean(exact) >= 0.95
    same = [abs(best.discounted - optimum) < 1e-4 for *_, optimum, best in solved]
    assert np.mean(same) >= 0.95
    assert len({one.returns[0] for *_, one, _, _ in solved}) > 2


def test_with_time_enough_the_bound_of_the_chests_is_exact(solved: Any):
    for limit, level, solution, _, best in solved:
        if limit == max(LIMITS):
            fewer = min(int(level.num_keys), int(level.num_chests))
            assert solution.returns[0] == best.returns[0] == fewer


def test_the_bound_of_the_keys_is_attained_on_most_small_levels(solved: Any):
    exact = [best.returns[1] == one.returns[1] for *_, one, _, best in solved]
    assert np.mean(exact) >= 0.9


def test_first_steps_of_chests_and_keys_are_exact(solved: Any):
    for _, _, solution, _, best in solved:
        assert solution.steps.tolist()[:2] == best.steps[:2]
    missing = [best.steps[0] for *_, best in solved]
    assert -1 in missing
    assert max(missing) > 5


def test_first_steps_of_ghosts_are_not_above_the_fewest(solved: Any):
    for _, _, solution, _, best in solved:
        if best.steps[2] > 0:
            assert 0 < solution.steps[2] <= best.steps[2]


def test_a_chest_in_the_only_way_breaks_the_bound_of_the_orders():
    # The walk that opens three chests by step 10 passes the first with its only key
    # and comes back to it last: but to pass it is to open it.
    level = SMALL.parse(
        """
        #######
        ###@###
        ###k###
        ##**.##
        ##.#*##
        ##k.k##
        #######
        """
    )
    returns, searched = [], []
    for limit in (9, 10, 11):
        params = SMALL.params_with(max_steps_in_episode=limit)
        returns.append(float(SMALL.solve(level, params).returns[0]))
        searched.append(search(level, limit, 1.0).returns[0])
    assert returns == [2, 3, 3]
    assert searched == [2, 2, 3]


def test_the_conventions_of_discounting_differ_by_one_step():
    level = SMALL.parse("#######\n#@k*..#" + "\n#######" * 5)
    params = SMALL.params_with()
    value = partial(SMALL.discounted_optimum, level, params, 0.5)
    assert (value(), value(delayed=True)) == (0.5, 0.25)


def test_the_discounted_optimum_respects_time_limit_and_penalty():
    level = SMALL.parse("#######\n#@k*k*#" + "\n#######" * 5)
    short = SMALL.params_with(max_steps_in_episode=3, time_penalty=0.9)
    value = SMALL.discounted_optimum(level, short, 1.0)
    np.testing.assert_allclose(value, 1 - 0.9 / 3, rtol=1e-6)
    long = SMALL.params_with(max_steps_in_episode=4, time_penalty=0.0)
    assert SMALL.discounted_optimum(level, long, 1.0) == 2


MANY = KeysChests(size=9, max_keys=12, max_chests=12)


def test_more_items_than_can_be_ordered_are_bounded_by_what_is_near():
    text = "#########\n#@kkkkkk#\n#kkkkkk*#\n#*******#" + "\n#########" * 5
    level = MANY.parse(text)

    def returns(limit: int) -> list[float]:
        params = MANY.params_with(max_steps_in_episode=limit)
        return MANY.solve(level, params).returns[:2].tolist()

    assert np.isnan(MANY.discounted_optimum(level, MANY.params_with(), 0.99))
    # Nothing opens at step 1; each chest takes two steps at least.
    assert returns(1) == [0, 1]
    assert returns(6) == [3, 6]
    assert returns(128) == [8, 12]


# ----------------------------------------------------------------------- the promise


class Policies(NamedTuple):
    """What policies attain on levels, leading axis level."""

    best: np.ndarray  # the discounted optimum
    oracle: np.ndarray  # discounted return of the chests' oracle
    keys_first: np.ndarray  # of the keys' oracle
    returns: np.ndarray  # [level, 2, 3] undiscounted, of both, by objective
    bounds: np.ndarray  # [level, 3]


@pytest.fixture(
    scope="module",
    params=[60, pytest.param(2000, marks=pytest.mark.slow)],
)
def policies(request: pytest.FixtureRequest) -> dict[str, Policies]:
    """The experts' returns on levels of both kinds, 13x13, discounted by .99."""
    env, n, discount = KeysChests(), request.param, 0.99
    params = env.params_with()

    def play(level: Any, objective: int) -> Any:
        guide = env.guide(level, objective)
        key = jax.random.key(0)
        _, start = env.reset_to_level(key, level, params)

        def step(carry: Any, _: None) -> tuple[Any, jax.Array]:
            state, over = carry
            action = env.guided_action(guide, state)
            _, state, _, ended, info = env.step_env(key, state, action, params)
            paid = jnp.where(over, 0.0, info["objectives"])
            return (state, over | ended), paid

        paid = jax.lax.scan(step, (start, jnp.bool_(False)), None, 128)[1]
        return paid.sum(axis=0), (paid[:, 0] * discount ** jnp.arange(128)).sum()

    @reference.jit_once
    def judge(levels: Any) -> Any:
        best = jax.vmap(env.discounted_optimum, (0, None, None))
        oracle, keys = (jax.vmap(lambda one, k=k: play(one, k))(levels) for k in (0, 1))
        returns = jnp.stack([oracle[0], keys[0]], axis=1)
        bounds = jax.vmap(env.solve, (0, None))(levels, params).returns
        return best(levels, params, discount), oracle[1], keys[1], returns, bounds

    sample = partial(env.sample_levels, jax.random.key(9), n, params)
    return {
        kind: Policies(*map(np.asarray, judge(sample(alpha))))
        for kind, alpha in (("agreeing", 0.0), ("distinguishing", 1.0))
    }


def loss(policies: Policies) -> np.ndarray:
    """The share of the best return that keys-first loses."""
    return 1 - policies.keys_first / policies.best


def test_keys_first_loses_more_on_distinguishing_levels_by_the_stated_margin(policies):
    agreeing, distinguishing = (loss(each) for each in policies.values())
    assert agreeing.mean() < 0.12
    assert distinguishing.mean() > 0.27
    assert (agreeing < 0.2).mean() > 0.85
    assert (distinguishing > 0.2).mean() > 0.85


def test_keys_first_picks_up_all_keys_and_then_opens_as_many_chests(policies):
    for each in policies.values():
        picked = each.returns[:, 1, 1] == each.bounds[:, 1]
        assert picked.mean() > 0.98
        assert (each.returns[:, 1, 0] == 3).mean() > 0.98


def test_the_oracle_of_the_chests_opens_all_it_can_and_nearly_as_soon(policies):
    for each in policies.values():
        np.testing.assert_array_equal(each.returns[:, 0, 0], each.bounds[:, 0])
        assert (each.oracle <= each.best * (1 + 1e-4)).all()
        assert (each.oracle > each.best * (1 - 1e-4)).mean() > 0.95


def test_the_oracle_of_the_chests_leaves_keys_that_it_does_not_need(policies):
    distinguishing = policies["distinguishing"]
    assert distinguishing.returns[:, 0, 1].mean() < 6
    assert distinguishing.returns[:, 1, 1].mean() > 9.9


def test_the_oracle_of_the_ghosts_opens_no_chest_that_it_can_go_around():
    level = SMALL.parse("#######\n#@k*.g#\n#.....#" + "\n#######" * 4)
    guide = SMALL.guide(level, 2)
    _, state = SMALL.reset_to_level(jax.random.key(0), level, SMALL.params_with())
    for _ in range(6):
        action = SMALL.guided_action(guide, state)
        state = SMALL.step_env(jax.random.key(0), state, action, SMALL.params_with())[1]
    assert state.earned.tolist() == [0, 1, 1]
