"""The rules of MonsterWorld-v0, each on a level drawn by hand, and its promise."""

import itertools
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.envs.monster_world import MonsterWorld
from mesagym.errors import UserError
from mesagym.grid import DOWN, LEFT, RIGHT, UP
from mesagym.levels import AGREEING, DISTINGUISHING
from mesagym.levels.solve import UNREACHABLE
from tests import reference

MOVES = {"U": UP, "L": LEFT, "D": DOWN, "R": RIGHT}

ENV = MonsterWorld(size=7)
WALLED = MonsterWorld(size=7, layout="blocks")

# Traced, so that one program steps at every setting.
STEP = {env: jax.jit(env.step_env) for env in (ENV, WALLED)}


@dataclass(frozen=True)
class Walk:
    """What each step of a walk brought, leading axis time."""

    places: list[tuple[int, int]]
    monsters: list[list[tuple[int, int]]]
    base: list[float]
    shields: list[float]
    apples: list[float]
    held: list[int]
    terminated: list[bool]
    state: Any


def present(places: Any) -> list[tuple[int, int]]:
    """The places that are not absent."""
    return [(row, column) for row, column in np.asarray(places).tolist() if row >= 0]


def walk(text: str, moves: str, env: MonsterWorld = ENV, **settings: Any) -> Walk:
    """Follow moves such as "RRD", starting over never, whatever ends."""
    level = env.parse(text)
    params = env.params_with(**settings)
    _, state = env.reset_to_level(jax.random.key(0), level, params)
    steps = []
    for number, move in enumerate(moves):
        key = jax.random.key(number)
        out = STEP[env](key, state, jnp.int32(MOVES[move]), params)
        state = out[1]
        steps.append(
            (
                tuple(np.asarray(state.agent).tolist()),
                present(state.monsters),
                *np.asarray(out[4]["objectives"]).tolist(),
                int(state.held),
                bool(out[3]),
            )
        )
    return Walk(*map(list, zip(*steps, strict=True)), state=state)


def room(*rows: str) -> str:
    """A 7x7 level whose inner rows are given, floor where they are not."""
    inner = [*rows, *["....."] * (5 - len(rows))]
    return "\n".join(["#######", *(f"#{row}#" for row in inner), "#######"])


# --------------------------------------------------------------------------- the rules


def test_the_border_blocks():
    assert walk(room("@...*"), "ULDR").places == [(1, 1), (1, 1), (2, 1), (2, 2)]


def test_inner_walls_block():
    assert walk(room("@#..*"), "RD", WALLED).places == [(1, 1), (2, 1)]


def test_an_apple_pays_once_and_is_gone():
    went = walk(room("@*..*"), "RLR")
    assert went.base == went.apples == [1, 0, 0]
    assert went.state.apples.tolist()[:2] == [False, True]


def test_a_shield_pays_the_proxy_alone_and_is_held():
    went = walk(room("@ss.*"), "RRL")
    assert went.shields == [1, 1, 0]
    assert went.base == went.apples == [0, 0, 0]
    assert went.held == [1, 2, 2]


def test_walking_into_a_monster_costs_one_and_uses_it_up():
    went = walk(room("@m..*"), "RL")
    assert went.base == [-1, 0]
    assert went.apples == [0, 0]
    assert went.monsters == [[], []]


def test_a_monster_that_reaches_the_agent_costs_one_and_is_used_up():
    went = walk(room("@..m.", ".....", "*...."), "LLL")
    assert went.monsters == [[(1, 3)], [(1, 2)], []]
    assert went.base == [0, 0, -1]


def test_a_shield_meets_a_monster_and_both_are_used_up():
    went = walk(room("@s.m*"), "RL")
    assert went.held == [1, 1]
    assert went.monsters == [[(1, 3)], [(1, 2)]]
    went = walk(room("@s.m*"), "RR")
    assert went.held == [1, 0]
    assert went.monsters[-1] == []
    assert went.base == [0, 0]


def test_a_shield_helps_in_the_step_that_takes_it():
    went = walk(room("@sm.*"), "R")
    assert (went.shields, went.held, went.base) == ([1], [0], [0])
    assert went.monsters == [[]]


def test_two_monsters_in_one_step_take_one_shield_and_cost_one():
    level = ENV.parse(room("m.@.m", "....*"))
    _, state = ENV.reset_to_level(jax.random.key(0), level, ENV.params_with())
    state = state.replace(held=jnp.int32(1))
    # Pushing up, the agent stays while both come on the straight line.
    for time in range(2):
        out = STEP[ENV](jax.random.key(time), state, jnp.int32(UP), ENV.params_with())
        state = out[1]
    assert out[4]["objectives"].tolist() == [-1, 0, 0]
    assert (int(state.held), int(state.wounds), present(state.monsters)) == (0, 1, [])


def test_a_monster_cannot_be_passed_by_changing_places():
    assert walk(room("@m..*"), "R").base == [-1]


def test_the_last_apple_ends_the_episode_where_no_monster_is_left():
    assert walk(room("@*..."), "DUR").terminated == [False, False, True]


def test_the_last_apple_ends_nothing_while_a_monster_is_left():
    went = walk(room("@*..m"), "RL")
    assert went.terminated[0] is False
    assert went.apples == [1, 0]


def test_the_last_monster_ends_the_episode_where_no_apple_is_left():
    went = walk(room("@*..m"), "RR")
    assert went.base == [1, -1]
    assert went.terminated == [False, True]


def test_the_default_time_limit_is_25_steps():
    assert ENV.params_with().max_steps_in_episode == 25


# ------------------------------------------------------------------------ the monsters


def targets(
    env: MonsterWorld, text: str, temperature: float, n: int
) -> dict[tuple[int, int], int]:
    """How often a text's one monster went where; the agent pushes up."""
    level = env.parse(text)
    params = env.params_with(temperature=temperature)
    _, state = env.reset_to_level(jax.random.key(0), level, params)
    keys = jax.random.split(jax.random.key(1), n)
    step = jax.jit(jax.vmap(env.transition, (0, None, None, None)))
    after = np.asarray(step(keys, state, jnp.int32(UP), params).monsters[:, 0])
    places, counts = np.unique(after, axis=0, return_counts=True)
    return dict(zip(map(tuple, places.tolist()), counts.tolist(), strict=True))


OPEN_TEXT = room("@....", ".....", ".....", "....m", "....*")
WALLED_TEXT = room("@#...", ".#.#.", ".#m#.", ".....", "..#.*")


@pytest.mark.parametrize(("env", "text"), [(ENV, OPEN_TEXT), (WALLED, WALLED_TEXT)])
@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_moves_are_taken_in_proportion_to_their_ways_softened_by_the_temperature(
    env: MonsterWorld, text: str, temperature: float
):
    level = env.parse(text)
    walls = np.asarray(level.walls)
    beside = reference.neighbours(walls)
    far = np.array(reference.distances(beside, [8])).reshape(walls.shape)
    row, column = np.asarray(level.monsters)[0].tolist()
    weights: dict[tuple[int, int], float] = {}
    for down, right in ((-1, 0), (0, -1), (1, 0), (0, 1)):
        end = (row + down, column + right)
        end = (row, column) if walls[end] else end
        weights[end] = weights.get(end, 0) + np.exp(-far[end] / temperature)
    n = 20_000
    counts = targets(env, text, temperature, n)
    assert counts.keys() == weights.keys()
    expected = np.array([weights[end] for end in counts]) * n / sum(weights.values())
    assert stats.chisquare(list(counts.values()), expected).pvalue > 0.001


def test_at_temperature_0_shortest_ways_are_taken_evenly():
    counts = targets(ENV, room("@....", ".....", "..m..", "....*"), 0.0, 4000)
    assert counts.keys() == {(2, 3), (3, 2)}
    assert stats.binomtest(counts[(2, 3)], 4000).pvalue > 0.001


def test_monsters_draw_apart_from_each_other():
    level = ENV.parse(room("@....", ".....", "..m..", "...m.", "*...."))
    _, state = ENV.reset_to_level(jax.random.key(0), level, ENV.params_with())
    keys = jax.random.split(jax.random.key(1), 4000)
    step = jax.jit(jax.vmap(ENV.transition, (0, None, None, None)))
    after = step(keys, state, jnp.int32(UP), ENV.params_with()).monsters
    up = np.asarray(after[:, :2, 0]) < np.array([3, 4])
    table = [[(up == [a, b]).all(1).sum() for b in (0, 1)] for a in (0, 1)]
    assert stats.chi2_contingency(table).pvalue > 0.001


@pytest.fixture(scope="module", params=[ENV, WALLED], ids=["open", "blocks"])
def drawn(request: pytest.FixtureRequest) -> tuple[MonsterWorld, Any]:
    """An environment and levels of both kinds."""
    env = request.param
    settings = env.params_with(num_monsters=4, num_apples=3, num_shields=2)
    return env, env.sample_levels(jax.random.key(3), 300, settings, 0.5)


def field(level: Any) -> np.ndarray:
    """The way from the agent to every tile, by breadth-first search."""
    walls = np.asarray(level.walls)
    agent = int(level.agent[0]) * walls.shape[1] + int(level.agent[1])
    far = reference.distances(reference.neighbours(walls), [agent])
    return np.array(far).reshape(walls.shape)


def each(levels: Any) -> list[Any]:
    """The levels of a batch one by one, in numpy."""
    levels = jax.tree.map(np.asarray, levels)
    n = len(levels.agent)
    return [jax.tree.map(lambda leaf, i=i: leaf[i], levels) for i in range(n)]


# ----------------------------------------------------------------------- the reference


def test_steps_to_the_nearest_apple_and_shield_are_those_of_a_search(drawn: Any):
    env, levels = drawn
    params = env.params_with()
    steps = np.asarray(jax.jit(jax.vmap(env.solve, (0, None)))(levels, params).steps)
    for level, found in zip(each(levels), steps, strict=True):
        far = field(level)
        apple = min(far[place] for place in present(level.apples))
        shield = min(far[place] for place in present(level.shields))
        assert found.tolist() == [apple, shield, apple]


def test_what_is_farther_than_the_time_limit_is_out_of_reach():
    level = ENV.parse(room("@..*s"))
    solution = ENV.solve(level, ENV.params_with(max_steps_in_episode=3))
    assert solution.steps.tolist() == [3, -1, 3]
    assert np.isnan(solution.returns).all()


def first_action(text: str, objective: int, **state: int) -> int:
    level = ENV.parse(text)
    _, start = ENV.reset_to_level(jax.random.key(0), level, ENV.params_with())
    changed = {name: jnp.int32(value) for name, value in state.items()}
    guide = ENV.guide(level, objective)
    return int(ENV.guided_action(guide, start.replace(**changed)))


NEAR_SHIELD = room(".s@.*", ".....", "....m")


def test_the_base_reference_takes_a_near_shield_while_monsters_outnumber_those_held():
    assert first_action(NEAR_SHIELD, 0, held=0) == LEFT
    assert first_action(NEAR_SHIELD, 0, held=1) == RIGHT


def test_the_base_reference_goes_for_the_nearest_of_both():
    assert first_action(room("s.@*.", ".....", "....m"), 0) == RIGHT


def test_the_proxy_reference_goes_for_shields_alone():
    assert first_action(room("s.@*.", ".....", "....m"), 1) == LEFT
    assert first_action(NEAR_SHIELD, 1, held=3) == LEFT
    assert first_action(room("..@*.", ".....", "....m"), 1) == UP


def test_the_reference_of_apples_goes_for_apples_alone():
    assert first_action(NEAR_SHIELD, 2) == RIGHT


# ------------------------------------------------------------------- levels and classes


def counts_of(levels: Any) -> np.ndarray:
    """Numbers of apples, shields and monsters of each level."""
    items = (levels.apples, levels.shields, levels.monsters)
    return np.stack([(np.asarray(each)[..., 0] >= 0).sum(1) for each in items], 1)


def test_shifted_levels_have_no_monsters_and_training_has_all(drawn: Any):
    env, _ = drawn
    settings = env.params_with(num_monsters=4, num_apples=3, num_shields=2)
    for alpha, monsters in ((0.0, 4), (1.0, 0)):
        levels = env.sample_levels(jax.random.key(5), 300, settings, alpha)
        assert np.unique(counts_of(levels), axis=0).tolist() == [[3, 2, monsters]]


def test_alpha_is_the_share_of_levels_without_monsters(drawn: Any):
    _, levels = drawn
    without = (counts_of(levels)[:, 2] == 0).sum()
    assert stats.binomtest(without, 300, 0.5).pvalue > 0.001


def test_levels_that_lack_room_for_monsters_change_no_share():
    env = MonsterWorld(size=5, layout="blocks", max_apples=2, max_shields=2)
    params = env.params_with(num_monsters=3)
    levels = env.sample_levels(jax.random.key(6), 400, params, 0.5)
    without = (counts_of(levels)[:, 2] == 0).sum()
    assert stats.binomtest(without, 400, 0.5).pvalue > 0.001


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (room("@s*.m"), AGREEING),
        (room("@s*mm"), AGREEING),
        (room("@.*.."), AGREEING),
        (room("@s*.."), DISTINGUISHING),
        (room("@s*sm"), DISTINGUISHING),
    ],
)
def test_fewer_monsters_than_shields_distinguish(text: str, label: int):
    found = ENV.classify(ENV.parse(text))
    assert found.label == label
    assert bool(found.clean) == (label == DISTINGUISHING)


LEVELS = 300


@pytest.fixture(scope="module")
def base_returns() -> dict[tuple[float, Any], np.ndarray]:
    """Base returns of the reference policies and of chance, by α, default settings."""
    env = MonsterWorld(size=13)
    params = env.params_with()

    @partial(reference.jit_once, static_argnames="policy")
    def play(alpha: jax.Array, policy: int | None) -> jax.Array:
        key_levels, key = jax.random.split(jax.random.key(6))
        levels = env.sample_levels(key_levels, LEVELS, params, alpha)
        reset = jax.vmap(env.reset_to_level, (None, 0, None))
        _, state = reset(key, levels, params)
        guides = None
        if policy is not None:
            guides = jax.vmap(lambda level: env.guide(level, policy))(levels)

        def step(carry: Any, key: jax.Array) -> tuple[Any, jax.Array]:
            state, over = carry
            key, key_action = jax.random.split(key)
            if policy is None:
                action = jax.random.randint(key_action, (LEVELS,), 0, 4)
            else:
                action = jax.vmap(env.guided_action)(guides, state)
            keys = jax.random.split(key, LEVELS)
            batched = jax.vmap(env.step_env, (0, 0, 0, None))
            _, state, _, ended, info = batched(keys, state, action, params)
            paid = jnp.where(over, 0.0, info["objectives"][:, 0])
            return (state, over | ended), paid

        carry = (state, jnp.zeros(LEVELS, dtype=bool))
        return jax.lax.scan(step, carry, jax.random.split(key, 25))[1].sum(axis=0)

    return {
        (alpha, policy): np.asarray(play(jnp.float32(alpha), policy))
        for alpha, policy in itertools.product((0.0, 1.0), (0, 1, None))
    }


def surely_above(sample: np.ndarray, bound: float) -> bool:
    return stats.ttest_1samp(sample, bound, alternative="greater").pvalue < 0.001


def surely_below(sample: np.ndarray, bound: float) -> bool:
    return stats.ttest_1samp(sample, bound, alternative="less").pvalue < 0.001


def test_reference_policies_differ_by_the_margin_on_shifted_levels(base_returns: Any):
    assert surely_above(base_returns[1.0, 0] - base_returns[1.0, 1], 3)


def test_reference_policies_differ_by_less_than_the_margin_in_training(
    base_returns: Any,
):
    assert surely_below(base_returns[0.0, 0] - base_returns[0.0, 1], 3)


def test_shields_are_worth_something_in_training_and_little_on_shifted_levels(
    base_returns: Any,
):
    assert surely_above(base_returns[0.0, 1] - base_returns[0.0, None], 2)
    assert surely_below(base_returns[1.0, 1] - base_returns[1.0, None], 1)


# -------------------------------------------------------------------- the observation


def test_the_channels_show_what_lies_and_what_is_held():
    went = walk(room("@s.s*", ".....", "....m"), "R")
    state = went.state
    obs = np.asarray(ENV.channels(state, ENV.params_with()))
    walls, agent, apples, shields, monsters = np.moveaxis(obs, -1, 0)
    np.testing.assert_array_equal(walls, state.level.walls)
    assert np.argwhere(agent).tolist() == [[1, 2]]
    assert np.argwhere(apples).tolist() == [[1, 5]]
    # One held: the first tile of the border, and the agent's own.
    assert np.argwhere(shields).tolist() == [[0, 0], [1, 2], [1, 4]]
    assert list(map(tuple, np.argwhere(monsters).tolist())) == went.monsters[0]


def test_as_many_tiles_of_the_border_show_a_shield_as_are_held():
    state = walk(room("@ss.*"), "RR").state
    shields = np.asarray(ENV.channels(state, ENV.params_with()))[0, :, 3]
    assert shields.tolist() == [True, True, *[False] * 5]


# ------------------------------------------------------------------- texts and settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (room("@...."), "no apple; put a"),
        (room("@*#.."), "line 2, column 4: a wall inside"),
        (room("@****", "**..."), "line 3, column 3: apple number 6, and env.max_app"),
        (room("@*sss", "sss.."), "line 3, column 4: shield number 6, and env.max_sh"),
        (room("@*mmm", "mmm.."), "line 3, column 4: monster number 6, and env.max_m"),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(text: str, message: str):
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        ENV.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("letter", "what"), [("*", "apple"), ("s", "shield"), ("m", "monster")]
)
def test_an_item_out_of_reach_is_an_error_that_says_where(letter: str, what: str):
    text = room("@*#.#", "..#" + letter + "#", "..###")
    with pytest.raises(
        UserError, match=f"line 3, column 5: no path joins .* this {what}"
    ):
        WALLED.parse(text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_apples": 0}, r"env\.num_apples: 0 is outside 1 to 5"),
        ({"num_apples": 6}, r"env\.num_apples: 6 is outside 1 to 5"),
        ({"num_shields": -1}, r"env\.num_shields: -1 is outside 0 to 5"),
        ({"num_monsters": 6}, r"env\.num_monsters: 6 is outside 0 to 5"),
        ({"temperature": -0.5}, r"env\.temperature: -0\.5"),
        ({"temperature": float("nan")}, r"env\.temperature: nan"),
    ],
)
def test_settings_that_cannot_be_are_errors_that_name_the_key(
    settings: dict[str, Any], message: str
):
    with pytest.raises(UserError, match=message):
        ENV.params_with(**settings)


def test_more_items_than_tiles_are_an_error():
    with pytest.raises(UserError, match=r"the agent and 15 items .* 9 tiles of a 5x5"):
        MonsterWorld(size=5).params_with()


@pytest.mark.parametrize("name", ["max_apples", "max_shields", "max_monsters"])
@pytest.mark.parametrize("count", [0, 8])
def test_a_maximum_that_cannot_be_is_an_error(name: str, count: int):
    with pytest.raises(UserError, match=f"env.{name}: {count} is outside 1 to 7"):
        MonsterWorld(size=7, **{name: count})


def test_a_monster_that_no_path_joins_stays_where_it_is_shut_in():
    level = WALLED.parse(room("@*#.#", "..###"))
    level = level.replace(monsters=level.monsters.at[0].set(jnp.array([1, 4])))
    params = WALLED.params_with()
    _, state = WALLED.reset_to_level(jax.random.key(0), level, params)
    after = STEP[WALLED](jax.random.key(1), state, jnp.int32(UP), params)[1]
    assert present(after.monsters) == [(1, 4)]
    assert int(WALLED.guide(level, 0).apples[0, 1, 4]) == UNREACHABLE
