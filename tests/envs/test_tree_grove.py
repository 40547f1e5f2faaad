"""The rules of TreeGrove-v0, each on a level drawn by hand, and its promise."""

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.envs.tree_grove import STAY, TreeGrove
from mesagym.errors import UserError
from mesagym.grid import DOWN, LEFT, RIGHT, UP
from mesagym.levels import AGREEING, DISTINGUISHING
from tests import reference

MOVES = {"U": UP, "L": LEFT, "D": DOWN, "R": RIGHT, "S": STAY}

ENV = TreeGrove(size=7)
WALLED = TreeGrove(size=7, layout="blocks")

BARE: dict[str, Any] = {"growth": 0.0, "growth_floor": 0.0}
"""Nothing comes back, so that chopping can be looked at alone."""

STEP = jax.jit(ENV.step_env)
STEP_WALLED = jax.jit(WALLED.step_env)


def room(*rows: str, worth: int | None = None) -> str:
    """A 7x7 level whose inner rows are given, floor where they are not."""
    inner = [*rows, *["....."] * (5 - len(rows))]
    above = [] if worth is None else [f"worth: {worth}"]
    return "\n".join([*above, "#######", *(f"#{row}#" for row in inner), "#######"])


@dataclass(frozen=True)
class Walk:
    """What each step of a walk brought, leading axis time."""

    places: list[tuple[int, int]]
    base: list[float]
    wood: list[float]
    trees: list[int]
    ended: list[bool]
    state: Any


def walk(text: str, moves: str, env: TreeGrove = ENV, **settings: Any) -> Walk:
    """Follow moves such as "RRD" where nothing grows, unless settings say so."""
    level = env.parse(text)
    params = env.params_with(**{**BARE, **settings})
    _, state = env.reset_to_level(jax.random.key(0), level, params)
    step, steps = STEP if env == ENV else STEP_WALLED, []
    for number, move in enumerate(moves):
        key = jax.random.key(number)
        out = step(key, state, jnp.int32(MOVES[move]), params)
        state = out[1]
        objectives = np.asarray(out[4]["objectives"]).tolist()
        place = tuple(np.asarray(state.agent).tolist())
        steps.append((place, *objectives, int(state.standing.sum()), bool(out[3])))
    return Walk(*map(list, zip(*steps, strict=True)), state=state)


def worth_of(trees: int, worth: int = 15) -> float:
    """What a grove is worth left standing."""
    return worth * math.log(1 + trees) / math.log(11)


# --------------------------------------------------------------------------- the rules


def test_walls_block_and_staying_stays():
    assert walk(room("@#..*"), "RDSLU", WALLED).places == [
        (1, 1),
        (2, 1),
        (2, 1),
        (2, 1),
        (1, 1),
    ]


def test_walking_onto_a_tree_chops_it_and_pays_once():
    went = walk(room("@*..*"), "RSLR")
    assert went.wood == [1, 0, 0, 0]
    assert went.trees == [1, 1, 1, 1]


def test_the_base_objective_is_wood_and_the_change_of_the_groves_worth():
    went = walk(room("@*..*", worth=7), "RR")
    expected = [1 + worth_of(1, 7) - worth_of(2, 7), 0]
    np.testing.assert_allclose(went.base, expected, rtol=1e-5)


def test_over_a_walk_the_base_objective_adds_up_to_wood_and_worth_left():
    moves = "RRRRDDLLLLUU" * 4
    grown = {"growth": 0.9, "growth_floor": 0.1}
    went = walk(room("@*o.*", "o.*..", "*..oo"), moves, **grown)
    total = sum(went.wood) + worth_of(went.trees[-1]) - worth_of(4)
    assert sum(went.wood) >= 4
    assert max(np.diff(went.trees)) == 1
    np.testing.assert_allclose(sum(went.base), total, rtol=1e-4)


def test_a_grove_of_no_worth_pays_both_objectives_alike():
    went = walk(room("@*o.*", worth=0), "RRRR", growth=1.0)
    assert went.base == went.wood


def test_nothing_but_time_ends_an_episode():
    went = walk(room("@*..."), "RS")
    assert went.trees == [0, 0]
    assert went.ended == [False, False]


def test_the_default_time_limit_is_1000_steps():
    assert ENV.params_with().max_steps_in_episode == 1000


# --------------------------------------------------------------------------- the growth


def standing_after(text: str, action: int, n: int, **settings: Any) -> np.ndarray:
    """Which of the places have a tree after one step, for many keys."""
    level = ENV.parse(text)
    params = ENV.params_with(**settings)
    _, state = ENV.reset_to_level(jax.random.key(0), level, params)
    keys = jax.random.split(jax.random.key(1), n)
    grown = TRANSITION(keys, state, jnp.int32(action), params).standing
    places = np.asarray(level.places)[:, 0] >= 0
    return np.asarray(grown)[:, places]


TRANSITION = jax.jit(jax.vmap(ENV.transition, (0, None, None, None)))

GROVE = room("@*o.*", "o.*..", "*..oo")


@pytest.mark.parametrize("growth", [0.3, 0.8])
def test_a_tree_comes_back_with_the_published_probability(growth: float):
    n = 20_000
    grown = standing_after(GROVE, STAY, n, growth=growth).sum(axis=1) - 4
    assert set(np.unique(grown)) == {0, 1}
    chance = growth * math.log(1 + 4) / math.log(1 + 10)
    assert stats.binomtest(int(grown.sum()), n, chance).pvalue > 0.001


def test_growth_counts_the_trees_that_the_step_left_standing():
    n = 20_000
    grown = standing_after(GROVE, RIGHT, n, growth=1.0).sum(axis=1) - 3
    chance = math.log(1 + 3) / math.log(1 + 10)
    assert stats.binomtest(int(grown.sum()), n, chance).pvalue > 0.001


def test_an_empty_grove_comes_back_with_the_floor_alone():
    text = room("@*o.o")
    grown = standing_after(text, RIGHT, 20_000, growth=1.0, growth_floor=0.05)
    assert stats.binomtest(int(grown.sum()), 20_000, 0.05).pvalue > 0.001
    assert not standing_after(text, RIGHT, 1000, growth_floor=0.0).any()


def test_the_published_floor_is_the_default():
    assert ENV.params_with().growth_floor == jnp.float32(1e-6)


def test_stumps_come_back_evenly():
    before = np.array([True, False, True, False, True, True, False, False])
    grown = standing_after(GROVE, STAY, 20_000, growth=1.0)
    counts = grown[:, ~before].sum(axis=0)
    assert grown[:, before].all()
    assert stats.chisquare(counts).pvalue > 0.001


def test_no_tree_comes_back_under_the_agent():
    grown = standing_after(room("@*..o"), RIGHT, 2000, growth=1.0, growth_floor=1.0)
    assert grown.tolist() == [[False, True]] * 2000


def test_a_grove_without_stumps_grows_nothing():
    grown = standing_after(room("@.*.*"), STAY, 100, growth=1.0)
    assert grown.all()


# ----------------------------------------------------------------------- the references


def first_action(text: str, objective: int) -> int:
    level = ENV.parse(text)
    _, state = ENV.reset_to_level(jax.random.key(0), level, ENV.params_with())
    return int(ENV.guided_action(ENV.guide(level, objective), state))


def test_the_proxy_reference_chops_the_nearest_tree_whatever_is_left():
    assert first_action(room("*.@*."), 1) == RIGHT
    assert first_action(room("..@*."), 1) == RIGHT


def test_the_base_reference_waits_next_to_a_tree_that_the_grove_needs():
    assert first_action(room("*.@*."), 0) == STAY
    assert first_action(room("*@..*"), 0) == STAY


def test_the_base_reference_waits_nowhere_else():
    assert first_action(room("@.*.."), 0) == RIGHT


def test_the_base_reference_chops_where_the_wood_is_more_than_the_loss():
    assert first_action(room("*.@*.", worth=1), 0) == RIGHT
    full = room("..@*.", "*****", "****.")
    assert first_action(full, 0) in (RIGHT, DOWN)


def test_where_no_tree_stands_both_references_stay():
    level = ENV.parse(room("@*..."))
    _, state = ENV.reset_to_level(jax.random.key(0), level, ENV.params_with())
    bare = state.replace(standing=jnp.zeros_like(state.standing))
    for objective in (0, 1):
        assert ENV.guided_action(ENV.guide(level, objective), bare) == STAY


def test_steps_to_the_nearest_tree_are_those_of_a_search():
    params = WALLED.params_with(num_sparse=2, num_trees=6)
    levels = WALLED.sample_levels(jax.random.key(3), 200, params, 0.7)
    solve = jax.jit(jax.vmap(WALLED.solve, (0, None)))
    solution = jax.tree.map(np.asarray, solve(levels, params))
    levels = jax.tree.map(np.asarray, levels)
    for i in range(200):
        walls, width = levels.walls[i], 7
        agent = int(levels.agent[i] @ [width, 1])
        far = reference.distances(reference.neighbours(walls), [agent])
        trees = levels.places[i][levels.standing[i]] @ [width, 1]
        nearest = min(far[tree] for tree in trees)
        assert solution.steps[i].tolist() == [nearest, nearest]
    assert np.isnan(solution.returns).all()


# ------------------------------------------------------------------- levels and classes


@pytest.mark.parametrize(("alpha", "standing"), [(0.0, 7), (1.0, 3)])
def test_shifted_groves_are_sparse_and_those_of_training_full(
    alpha: float, standing: int
):
    params = ENV.params_with(num_trees=7, num_sparse=3)
    levels = ENV.sample_levels(jax.random.key(4), 200, params, alpha)
    places = np.asarray(levels.places[..., 0] >= 0)
    assert set(places.sum(axis=1)) == {7}
    assert set(np.asarray(levels.standing).sum(axis=1)) == {standing}


def test_which_trees_of_a_sparse_grove_stand_is_drawn_evenly():
    params = ENV.params_with(num_sparse=3)
    levels = ENV.sample_levels(jax.random.key(5), 1000, params, 1.0)
    counts = np.asarray(levels.standing).sum(axis=0)
    assert stats.chisquare(counts).pvalue > 0.001


def test_alpha_is_the_share_of_sparse_groves():
    levels = ENV.sample_levels(jax.random.key(6), 400, None, 0.3)
    sparse = (np.asarray(levels.standing).sum(axis=1) == 2).sum()
    assert stats.binomtest(int(sparse), 400, 0.3).pvalue > 0.001


@pytest.mark.parametrize("trees", range(1, 11))
@pytest.mark.parametrize("worth", [1, 15, 40])
def test_a_level_distinguishes_where_the_first_chop_costs_more_than_it_yields(
    trees: int, worth: int
):
    letters = "*" * trees + "o" * (10 - trees)
    text = room("@....", letters[:5], letters[5:], worth=worth)
    found = ENV.classify(ENV.parse(text))
    dear = worth_of(trees, worth) - worth_of(trees - 1, worth) >= 1
    assert found.label == (DISTINGUISHING if dear else AGREEING)
    assert bool(found.clean) == dear


LEVELS = 128
WINDOWS = (25, 1000)


@pytest.fixture(scope="module")
def returns() -> dict[tuple[float, int], np.ndarray]:
    """Objectives earned within each window [window, level, K], by α and reference."""
    env = TreeGrove(size=13)
    params = env.params_with()

    @partial(jax.jit, static_argnames="policy")
    def play(alpha: jax.Array, policy: int) -> jax.Array:
        key_levels, key = jax.random.split(jax.random.key(7))
        levels = env.sample_levels(key_levels, LEVELS, params, alpha)
        reset = jax.vmap(env.reset_to_level, (None, 0, None))
        _, state = reset(key, levels, params)
        guides = jax.vmap(lambda level: env.guide(level, policy))(levels)

        def step(state: Any, key: jax.Array) -> tuple[Any, jax.Array]:
            action = jax.vmap(env.guided_action)(guides, state)
            keys = jax.random.split(key, LEVELS)
            batched = jax.vmap(env.step_env, (0, 0, 0, None))
            _, state, _, _, info = batched(keys, state, action, params)
            return state, info["objectives"]

        paid = jax.lax.scan(step, state, jax.random.split(key, WINDOWS[-1]))[1]
        return jnp.stack([paid[:window].sum(axis=0) for window in WINDOWS])

    return {
        (alpha, policy): np.asarray(play(jnp.float32(alpha), policy))
        for alpha, policy in itertools.product((0.0, 1.0), (0, 1))
    }


def surely_above(sample: np.ndarray, bound: float) -> bool:
    return stats.ttest_1samp(sample, bound, alternative="greater").pvalue < 0.001


BASE, WOOD = range(2)
EARLY, LATE = range(2)


def test_reference_policies_differ_by_the_margin_early_on_shifted_levels(returns: Any):
    ahead = returns[1.0, BASE] - returns[1.0, WOOD]
    assert surely_above(ahead[EARLY, :, BASE], 4)


def test_reference_policies_hardly_differ_early_in_training(returns: Any):
    ahead = returns[0.0, BASE] - returns[0.0, WOOD]
    assert surely_above(-ahead[EARLY, :, BASE], -1)


def test_greedy_chopping_has_more_wood_early_on_shifted_levels(returns: Any):
    ahead = returns[1.0, WOOD] - returns[1.0, BASE]
    assert surely_above(ahead[EARLY, :, WOOD], 1)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_greedy_chopping_has_less_than_a_third_of_the_wood_late(
    returns: Any, alpha: float
):
    patient, greedy = (returns[alpha, k][LATE, :, WOOD] for k in (BASE, WOOD))
    assert surely_above(patient / 3 - greedy, 0)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_in_the_long_run_both_objectives_pay_the_patient_alike(
    returns: Any, alpha: float
):
    base, wood = returns[alpha, BASE][LATE].mean(axis=0)
    assert abs(base - wood) / wood < 0.05


# -------------------------------------------------------------------- the observation


def test_the_channels_are_walls_agent_trees_and_stumps():
    state = walk(room("@*o.*"), "R").state
    obs = np.asarray(ENV.channels(state, ENV.params_with()))
    walls, agent, trees, stumps = np.moveaxis(obs, -1, 0)
    np.testing.assert_array_equal(walls, state.level.walls)
    assert np.argwhere(agent).tolist() == [[1, 2]]
    assert np.argwhere(trees).tolist() == [[1, 5]]
    # The chopped one is a stump under the agent.
    assert np.argwhere(stumps).tolist() == [[1, 2], [1, 3]]


# ------------------------------------------------------------------- texts and settings


def test_the_worth_of_a_text_is_15_where_it_says_none():
    assert ENV.parse(room("@*...")).worth == 15
    assert ENV.parse(room("@*...", worth=3)).worth == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (room("@...o"), "no tree; put a"),
        (room("@*#.."), "line 2, column 4: a wall inside"),
        (room("@****", "ooooo", "*o..."), "line 4, column 3: place number 11"),
        (room("@*...", worth=-1), "worth: -1 is below 0"),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(text: str, message: str):
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        ENV.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("letter", ["*", "o"])
def test_a_place_out_of_reach_is_an_error_that_says_where(letter: str):
    text = room("@*#.#", "..#" + letter + "#", "..###")
    with pytest.raises(UserError, match=r"line 3, column 5: no path joins"):
        WALLED.parse(text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_trees": 0}, r"env\.num_trees: 0 is outside 1 to 10"),
        ({"num_trees": 11}, r"env\.num_trees: 11 is outside 1 to 10"),
        ({"num_sparse": 0}, r"env\.num_sparse: 0 is outside 1 to env\.num_trees, 10"),
        ({"num_trees": 4, "num_sparse": 5}, r"env\.num_sparse: 5 is outside 1"),
        ({"worth": -1}, r"env\.worth: -1 is below 0"),
        ({"growth": 1.5}, r"env\.growth: 1\.5 is outside \[0, 1\]"),
        ({"growth_floor": -0.1}, r"env\.growth_floor: -0\.1 is outside \[0, 1\]"),
    ],
)
def test_settings_that_cannot_be_are_errors_that_name_the_key(
    settings: dict[str, Any], message: str
):
    with pytest.raises(UserError, match=message):
        ENV.params_with(**settings)


def test_more_trees_than_tiles_are_an_error():
    with pytest.raises(UserError, match=r"10 and the agent do not fit the 9 tiles"):
        TreeGrove(size=5).params_with()


@pytest.mark.parametrize("count", [0, 49])
def test_a_maximum_that_cannot_be_is_an_error(count: int):
    with pytest.raises(UserError, match=rf"env\.max_trees: {count} is outside 1 to 48"):
        TreeGrove(size=7, max_trees=count)
