"""The rules of Corner-v0, each on a level drawn by hand."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.envs.corner import Corner, Level, Params
from mesagym.errors import UserError
from mesagym.grid import DOWN, LEFT, RIGHT, UP
from mesagym.levels import LevelClass, make_pool

MOVES = {"U": UP, "L": LEFT, "D": DOWN, "R": RIGHT}

ENV = Corner(size=7, layout="open")


def params_for(env: Corner, level: Level, **changes: Any) -> Params:
    """Parameters with a pool of that level alone."""
    levels = jax.tree.map(lambda leaf: leaf[None], level)
    classes = LevelClass(jnp.zeros(1, jnp.int8), jnp.zeros(1, dtype=bool))
    return env.make_params(make_pool(levels, classes)).replace(**changes)


@dataclass(frozen=True)
class Walk:
    """What each step of a walk brought, leading axis time."""

    places: list[tuple[int, int]]
    cheese: list[float]
    corner: list[float]
    reward: np.ndarray
    terminated: list[bool]
    truncated: list[bool]


def walk(text: str, moves: str, env: Corner = ENV, **changes: Any) -> Walk:
    """Follow moves such as "RRD", starting over never, whatever ends."""
    level = env.parse(text)
    params = params_for(env, level, **changes)
    _, state = env.reset_to_level(jax.random.key(0), level, params)
    steps = []
    for move in moves:
        out = env.step(jax.random.key(0), state, MOVES[move], params)
        state = jax.jit(env.step_env)(jax.random.key(0), state, MOVES[move], params)[1]
        steps.append((tuple(map(int, state.agent)), *out[2:5], out[5]["objectives"]))
    places, reward, terminated, truncated, objectives = zip(*steps, strict=True)
    cheese, corner = np.asarray(objectives).T.tolist()
    flags = [np.asarray(flag).tolist() for flag in (terminated, truncated)]
    return Walk(list(places), cheese, corner, np.asarray(reward), *flags)


# --------------------------------------------------------------------------- the rules


def test_walls_and_the_border_block():
    went = walk(
        """
        #######
        #.....#
        #.#####
        #.#@#.#
        #.#.#.#
        #....*#
        #######
        """,
        "LURDDDL",
    )
    assert went.places == [(3, 3)] * 3 + [(4, 3), (5, 3), (5, 3), (5, 2)]


CORRIDOR = """
    #######
    #..@.*#
    #######
    #######
    #######
    #######
    #######
"""


def test_reaching_the_cheese_pays_one_and_ends_the_episode():
    went = walk(CORRIDOR, "RR")
    assert went.cheese == [0, 1]
    assert went.corner == [0, 0]
    assert went.terminated == [False, True]
    assert went.reward.tolist() == [0, 1]


def test_the_cheese_pays_once_even_where_nobody_starts_over():
    assert walk(CORRIDOR, "RRLR").cheese == [0, 1, 0, 0]


def test_reaching_the_corner_pays_one_and_ends_nothing():
    went = walk(CORRIDOR, "LL")
    assert went.corner == [0, 1]
    assert went.cheese == [0, 0]
    assert went.terminated == [False, False]
    assert went.truncated == [False, False]


def test_the_corner_pays_on_the_first_arrival_only():
    assert walk(CORRIDOR, "LLRLLU").corner == [0, 1, 0, 0, 0, 0]


def test_the_corner_and_then_the_cheese_pay_both():
    went = walk(CORRIDOR, "LLRRRR")
    assert went.corner == [0, 1, 0, 0, 0, 0]
    assert went.cheese == [0, 0, 0, 0, 0, 1]


def test_on_an_agreeing_level_one_step_pays_both():
    went = walk(
        """
        #######
        #*.@..#
        #######
        #######
        #######
        #######
        #######
        """,
        "LL",
    )
    assert went.cheese == went.corner == [0, 1]
    assert went.terminated == [False, True]


AT_HOME = """
    #######
    #@.*..#
    #######
    #######
    #######
    #######
    #######
"""


def test_a_start_in_the_corner_is_credited_by_a_step_that_stays_there():
    assert walk(AT_HOME, "UU").corner == [1, 0]


def test_a_start_in_the_corner_that_leaves_is_credited_when_it_returns():
    assert walk(AT_HOME, "RL").corner == [0, 1]


def test_the_corner_alone_is_rewarded_where_the_weights_say_so():
    went = walk(CORRIDOR, "LLRRRR", weights=jnp.array([0.0, 2.0]))
    assert went.reward.tolist() == [0, 2, 0, 0, 0, 0]


def test_the_time_penalty_takes_its_share_of_the_time_gone_by():
    penalty = {"time_penalty": jnp.float32(0.9), "max_steps_in_episode": jnp.int32(10)}
    both = jnp.array([1.0, 1.0])
    went = walk(CORRIDOR, "LLRRRR", weights=both, **penalty)
    expected = [0, 1 - 0.9 * 1 / 10, 0, 0, 0, 1 - 0.9 * 5 / 10]
    np.testing.assert_allclose(went.reward, expected, rtol=1e-6)


def test_the_first_step_keeps_its_full_reward():
    penalty = {"time_penalty": jnp.float32(0.9), "max_steps_in_episode": jnp.int32(2)}
    corner = jnp.array([0.0, 1.0])
    walked = walk(CORRIDOR, "RR", **penalty)
    np.testing.assert_allclose(walked.reward, [0, 1 - 0.9 * 1 / 2], 1e-5)
    start = CORRIDOR.replace("@", ".").replace("..", "@.", 1)
    assert walk(start, "L", weights=corner, **penalty).reward[0] == 1


def test_an_episode_is_truncated_at_its_last_step():
    went = walk(CORRIDOR, "UUU", max_steps_in_episode=jnp.int32(3))
    assert went.truncated == [False, False, True]
    assert went.terminated == [False, False, False]


def test_cheese_on_the_last_step_ends_the_episode_and_truncates_nothing():
    went = walk(CORRIDOR, "RR", max_steps_in_episode=jnp.int32(2))
    assert went.terminated == [False, True]
    assert went.truncated == [False, False]


def test_the_default_time_limit_is_128_steps():
    assert params_for(ENV, ENV.parse(CORRIDOR)).max_steps_in_episode == 128


# --------------------------------------------------------------------------- no cheese


WITHOUT = """
    #######
    #..@..#
    #.....#
    #.....#
    #.....#
    #.....#
    #######
"""


def test_a_level_without_cheese_has_it_nowhere():
    np.testing.assert_array_equal(ENV.parse(WITHOUT).cheese, [-1, -1])


def test_without_cheese_nothing_ends_but_the_time():
    everywhere = "LL" + "RRRRDLLLLDRRRRDLLLLDRRRR"
    went = walk(WITHOUT, everywhere, max_steps_in_episode=jnp.int32(26))
    assert len(set(went.places)) == 25
    assert not any(went.cheese)
    assert went.corner.index(1) == 1
    assert not any(went.terminated)
    assert went.truncated == [False] * 25 + [True]


def test_without_cheese_none_is_seen():
    level = ENV.parse(WITHOUT)
    obs, _ = ENV.reset_to_level(jax.random.key(0), level, params_for(ENV, level))
    assert not obs[:, :, 2].any()


def test_without_cheese_only_the_corner_can_be_solved():
    level = ENV.parse(WITHOUT)
    solution = ENV.solve(level, params_for(ENV, level))
    np.testing.assert_array_equal(solution.steps, [-1, 2])
    np.testing.assert_array_equal(solution.returns, [0, 1])


# -------------------------------------------------------------------------- the region

REGION = """
    #######
    #oox@.#
    #ooo..#
    #ooo..#
    #....*#
    #.....#
    #######
"""


def test_every_tile_of_the_region_counts_as_the_corner():
    assert walk(REGION, "LDLU").corner == [0, 0, 1, 0]


def test_the_corner_region_ends_where_the_square_ends():
    # Along its edges: below and beside it, no tile counts.
    assert walk(REGION, "DDDLLLDLUU").corner == [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_a_start_inside_the_region_is_credited_by_a_step_within_it():
    text = REGION.replace("#oox@.", "#aox..")
    assert walk(text, "R").corner == [1]


@pytest.fixture(scope="module")
def corner_credit():
    """What a step that stays on a tile is paid for the corner, by place and region."""

    @jax.jit
    @jax.vmap
    def credit(place: jax.Array, region: jax.Array) -> jax.Array:
        # Walled in on all sides, every move stays where it is.
        walls = jnp.ones((7, 7), dtype=bool).at[place[0], place[1]].set(False)
        level = Level(walls, place, jnp.array([-1, -1]), region)
        params = params_for(ENV, level)
        _, state = ENV.reset_to_level(jax.random.key(0), level, params)
        return ENV.step_env(jax.random.key(0), state, UP, params)[4]["objectives"][1]

    return credit


@pytest.mark.parametrize("region", [1, 2, 5])
def test_the_region_is_a_square_of_its_size(corner_credit, region: int):
    places = [(row, column) for row in range(1, 6) for column in range(1, 6)]
    inside = [max(place) <= region for place in places]
    regions = jnp.full(25, region, jnp.int32)
    credit = corner_credit(jnp.array(places, jnp.int32), regions)
    np.testing.assert_array_equal(credit, inside)


@pytest.mark.parametrize("region", [0, 6, -1])
def test_a_region_that_does_not_fit_is_an_error_that_names_the_largest(region: int):
    with pytest.raises(UserError, match=r"env\.region: .* 7x7 grid; use 1 to 5"):
        ENV.params_with(region=region)


@pytest.mark.parametrize("region", [1, 5])
def test_a_region_that_fits_is_accepted(region: int):
    assert ENV.params_with(region=region).region == region


@pytest.mark.parametrize("side", [6, -1])
def test_a_cheese_region_that_does_not_fit_is_an_error_that_names_the_largest(
    side: int,
):
    with pytest.raises(UserError, match=r"env\.cheese_region: .* use 0 to 5"):
        ENV.params_with(cheese_region=side)


# -------------------------------------------------------------------- the observation


def view(env: Corner, text: str) -> np.ndarray:
    level = env.parse(text)
    obs, _ = env.reset_to_level(jax.random.key(0), level, params_for(env, level))
    return np.asarray(obs)


def letters(obs: np.ndarray) -> list[str]:
    """Draw an observation: walls, agent, cheese over floor."""
    drawing = np.full(obs.shape[:2], ".")
    for channel, letter in enumerate("#@*"):
        drawing[obs[:, :, channel]] = letter
    return ["".join(row) for row in drawing]


def test_the_channels_are_walls_agent_and_cheese():
    obs = view(ENV, REGION)
    assert obs.dtype == np.bool_
    assert letters(obs) == [
        "#######",
        "#..#@.#",
        "#.....#",
        "#.....#",
        "#....*#",
        "#.....#",
        "#######",
    ]
    assert obs[:, :, 1].sum() == obs[:, :, 2].sum() == 1


def test_a_crop_is_centred_on_the_agent():
    cropped = Corner(size=7, layout="open", crop_radius=1)
    assert letters(view(cropped, REGION)) == ["###", "#@.", "..."]


def test_a_crop_shows_walls_beyond_the_grid_and_nothing_else():
    cropped = Corner(size=7, layout="open", crop_radius=3)
    text = AT_HOME.replace("*", ".")
    obs = view(cropped, text)
    assert letters(obs) == [
        "#######",
        "#######",
        "#######",
        "###@...",
        "#######",
        "#######",
        "#######",
    ]
    assert obs[:, :, 1].sum() == 1
    assert not obs[:, :, 2].any()


def test_a_crop_hides_a_cheese_that_is_far():
    text = CORRIDOR.replace("..@.*", "@...*")
    near, far = (Corner(size=7, layout="open", crop_radius=r) for r in (4, 3))
    assert view(near, text)[:, :, 2].sum() == 1
    assert view(far, text)[:, :, 2].sum() == 0


def test_a_crop_follows_the_agent():
    env = Corner(size=7, layout="open", crop_radius=1)
    level = env.parse(CORRIDOR)
    params = params_for(env, level)
    _, state = env.reset_to_level(jax.random.key(0), level, params)
    obs = env.step(jax.random.key(0), state, RIGHT, params)[0]
    assert letters(np.asarray(obs)) == ["###", ".@*", "###"]


@pytest.mark.parametrize("radius", [0, -1, 65])
def test_a_crop_radius_out_of_range_is_an_error(radius: int):
    with pytest.raises(UserError, match=r"env\.crop_radius: .* outside 1 to 64"):
        Corner(size=7, crop_radius=radius)


# ------------------------------------------------------------------------------- sizes


def test_a_grid_need_not_be_square():
    env = Corner(size=(5, 8), layout="open")
    text = """
        ########
        #.....@#
        #......#
        #.....*#
        ########
    """
    went = walk(text, "RULDDR", env=env)
    assert went.places == [(1, 6), (1, 6), (1, 5), (2, 5), (3, 5), (3, 6)]
    assert went.cheese == [0, 0, 0, 0, 0, 1]
    assert view(env, text).shape == env.observation_shape == (5, 8, 3)


@pytest.mark.parametrize("size", [5, 64])
def test_the_smallest_and_the_largest_grid_can_be_walked_across(size: int):
    env = Corner(size=size, layout="open")
    inner = size - 2
    rows = [["."] * inner for _ in range(inner)]
    rows[-1][-1] = "@"
    rows[0][-1] = "*"
    wall = "#" * size
    text = "\n".join([wall, *(f"#{''.join(row)}#" for row in rows), wall])
    level = env.parse(text)
    params = params_for(env, level, max_steps_in_episode=jnp.int32(1000))
    _, start = env.reset_to_level(jax.random.key(0), level, params)
    moves = jnp.array([LEFT] * (inner - 1) + [UP] * (inner - 1) + [RIGHT] * (inner - 1))

    @jax.jit
    def follow(state: Any) -> Any:
        def step(state: Any, move: jax.Array) -> tuple[Any, Any]:
            out = env.step_env(jax.random.key(0), state, move, params)
            return out[1], (out[4]["objectives"], out[3])

        return jax.lax.scan(step, state, moves)[1]

    objectives, terminated = map(np.asarray, follow(start))
    assert objectives.sum(axis=0).tolist() == [1, 1]
    assert objectives[:, 1].argmax() == 2 * (inner - 1) - 1
    assert objectives[:, 0].argmax() == len(moves) - 1
    assert terminated.tolist() == [False] * (len(moves) - 1) + [True]


def test_an_unknown_layout_is_an_error_when_the_environment_is_made():
    with pytest.raises(UserError, match=r"env\.layout: unknown layout 'opn'.*'open'"):
        Corner(size=7, layout="opn")


# ------------------------------------------------------------------------------- texts


def test_a_text_is_read_as_it_looks():
    level = ENV.parse(REGION)
    assert level.agent.tolist() == [1, 4]
    assert level.cheese.tolist() == [4, 5]
    assert level.region == 3
    assert np.argwhere(np.asarray(level.walls)[1:-1, 1:-1]).tolist() == [[0, 2]]


def test_without_a_marked_region_the_corner_is_one_tile():
    assert ENV.parse(CORRIDOR).region == 1


def test_objects_inside_the_region_keep_their_letters_when_shown():
    text = REGION.replace("#oox@.", "#acx..").replace("*", ".").replace(" ", "")
    assert ENV.show(ENV.parse(text)) == text.strip()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("#..@.*#", "#..@@*#", "line 3, column 9: a second agent"),
        ("#..@.*#", "#.*@.*#", "line 3, column 10: a second cheese"),
        ("#..@.*#", "#....*#", "no agent; put one '@'"),
        ("#..@.*#", "##.@.*#", "line 3, column 6: the corner is a wall"),
        (
            "#..@.*#",
            "#..@#*#",
            "line 3, column 10: no path joins the agent at line 3, column 8",
        ),
        ("#..@.*#", "#..@.*.", "line 3, column 11: the border must be walls"),
        ("#..@.*#", "#..@.o#", "line 3, column 6: the region is the square of 5"),
        ("#..@.*#", "#oo@.*#", "line 4, column 6: the region is the square of 2"),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(
    old: str, new: str, message: str
):
    text = CORRIDOR.replace(old, new)
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        ENV.parse(text)
    assert "\n" not in str(error.value)


def test_a_level_may_keep_its_agent_from_the_corner():
    level = ENV.parse(CORRIDOR.replace("#..@", "#.#@"))
    assert ENV.solve(level, params_for(ENV, level)).steps.tolist() == [2, -1]
