"""The rules of KeysChests-v0, each on a level drawn by hand."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.envs.keys_chests import KeysChests, Level, Params
from mesagym.errors import UserError
from mesagym.grid import DOWN, LEFT, RIGHT, UP
from mesagym.levels import LevelClass, make_pool

MOVES = {"U": UP, "L": LEFT, "D": DOWN, "R": RIGHT}

ENV = KeysChests(size=7, layout="open", max_keys=4, max_chests=4)


def params_for(env: KeysChests, level: Level, **changes: Any) -> Params:
    """Parameters with a pool of that level alone."""
    levels = jax.tree.map(lambda leaf: leaf[None], level)
    classes = LevelClass(jnp.zeros(1, jnp.int8), jnp.zeros(1, dtype=bool))
    return env.make_params(make_pool(levels, classes)).replace(**changes)


def room(*rows: str) -> str:
    """A 7x7 level of these rows, walls for the rest."""
    return "\n".join(["#######", *rows, *["#######"] * (6 - len(rows))])


@dataclass(frozen=True)
class Walk:
    """What each step of a walk brought, leading axis time."""

    places: list[tuple[int, int]]
    held: list[int]
    chests: list[float]
    keys: list[float]
    ghosts: list[float]
    reward: list[float]
    terminated: list[bool]
    truncated: list[bool]
    state: Any


STEP = jax.jit(ENV.step_env)


def walk(text: str, moves: str, **changes: Any) -> Walk:
    """Follow moves such as "RRD", starting over never, whatever ends."""
    level = ENV.parse(text)
    params = params_for(ENV, level, **changes)
    key = jax.random.key(0)
    _, state = ENV.reset_to_level(key, level, params)
    steps = []
    for move in moves:
        _, state, reward, terminated, info = STEP(key, state, MOVES[move], params)
        truncated = bool(ENV.is_truncated(state, params))
        place = tuple(map(int, state.agent))
        paid = np.asarray(info["objectives"]).tolist()
        ends = (bool(terminated), truncated)
        steps.append((place, int(state.held), *paid, float(reward), *ends))
    return Walk(*map(list, zip(*steps, strict=True)), state=state)


# --------------------------------------------------------------------------- the rules


def test_walls_block_and_keys_and_chests_do_not():
    went = walk(room("#.@*k.#", "#.#..*#"), "DRRRRL")
    assert went.places == [(1, 2), (1, 3), (1, 4), (1, 5), (1, 5), (1, 4)]


def test_a_key_is_picked_up_on_arrival_once():
    went = walk(room("#@k..*#"), "RRLL")
    assert went.keys == [1, 0, 0, 0]
    assert went.held == [1, 1, 1, 1]
    assert went.chests == went.reward == [0, 0, 0, 0]


def test_a_chest_opens_on_arrival_with_a_key_and_uses_it_up():
    went = walk(room("#@k*.*#", "#...k.#"), "RRLR")
    assert went.chests == went.reward == [0, 1, 0, 0]
    assert went.held == [1, 0, 0, 0]


def test_a_chest_stays_shut_without_a_key_and_opens_later():
    went = walk(room("#k.@*.#"), "RLLLRRR")
    assert went.chests == [0, 0, 0, 0, 0, 0, 1]
    assert went.held == [0, 0, 0, 1, 1, 1, 0]


def test_standing_on_a_shut_chest_opens_nothing():
    # The second move is against a wall.
    assert walk(room("#k.@*##"), "RR").chests == [0, 0]


def test_keys_are_saved_for_chests_that_come_later():
    went = walk(room("#@kk*.#", "#....*#"), "RRRDR")
    assert went.held == [1, 2, 1, 1, 0]
    assert went.chests == [0, 0, 1, 0, 1]


def test_the_episode_ends_when_no_chest_is_left_although_keys_are():
    went = walk(room("#@k*kk#"), "RR")
    assert went.terminated == [False, True]


def test_the_episode_ends_when_no_key_is_left_although_chests_are():
    went = walk(room("#@k***#"), "RR")
    assert went.terminated == [False, True]


def test_the_episode_goes_on_while_a_key_is_held_or_on_the_floor():
    assert walk(room("#@kk**#"), "RRLRR").terminated == [False] * 5
    assert walk(room("#@k*.*#", "#k....#"), "RR").terminated == [False, False]


def test_opening_the_last_chest_on_the_last_step_truncates_nothing():
    limit = jnp.int32(2)
    went = walk(room("#@k*..#"), "RR", max_steps_in_episode=limit)
    assert (went.terminated, went.truncated) == ([False, True], [False, False])
    went = walk(room("#@k*..#"), "RL", max_steps_in_episode=limit)
    assert (went.terminated, went.truncated) == ([False, False], [False, True])


def test_a_ghost_opens_with_a_key_of_its_own_and_the_chests_keep_theirs():
    went = walk(room("#@kg*.#", "#....*#"), "RRRLL")
    assert went.ghosts == [0, 1, 0, 0, 0]
    assert went.chests == [0, 0, 1, 0, 0]
    assert went.reward == went.chests


def test_a_ghost_stays_where_no_key_for_it_is_left():
    # One key, two ghosts, of which the one passed before the key waits.
    went = walk(room("#g@kg.#", "#*...*#"), "LRRRLLL")
    assert went.ghosts == [0, 0, 0, 1, 0, 0, 0]


def test_a_ghost_outlives_its_chest_and_a_chest_its_ghost():
    # 'b' is both: ghost and chest open by one arrival, each with its key.
    went = walk(room("#@kb*.#"), "RR")
    assert (went.chests, went.ghosts) == ([0, 1], [0, 1])
    # The first chest uses the key up, the ghost's is left for the second.
    went = walk(room("#@k*b.#", "#k....#"), "RRR")
    assert (went.chests, went.ghosts) == ([0, 1, 0], [0, 0, 1])


def test_ghosts_end_nothing():
    assert walk(room("#@kg*.#"), "RRLR").terminated == [False] * 4


def test_each_objective_is_rewarded_by_its_weight():
    weights = jnp.array([4.0, 2.0, 1.0])
    went = walk(room("#@kb*.#", "#k....#"), "RRL", weights=weights)
    assert went.reward == [2, 5, 0]


def test_the_default_time_limit_is_128_steps():
    level = ENV.parse(room("#@k*..#"))
    assert params_for(ENV, level).max_steps_in_episode == 128


# -------------------------------------------------------------------- the observation


def view(env: KeysChests, text: str, moves: str = "") -> np.ndarray:
    level = env.parse(text)
    params = params_for(env, level)
    obs, state = env.reset_to_level(jax.random.key(0), level, params)
    for move in moves:
        obs, state, *_ = env.step_env(jax.random.key(0), state, MOVES[move], params)
    return np.asarray(obs)


def test_the_channels_show_walls_agent_keys_and_chests():
    obs = view(ENV, room("#@kbk*#", "#..g..#"))
    assert ENV.channel_names == ("walls", "agent", "keys", "chests", "held")
    assert np.argwhere(~obs[..., 0]).tolist() == [
        [r, c] for r in (1, 2) for c in range(1, 6)
    ]
    assert np.argwhere(obs[..., 1]).tolist() == [[1, 1]]
    assert np.argwhere(obs[..., 2]).tolist() == [[1, 2], [1, 4]]
    assert np.argwhere(obs[..., 3]).tolist() == [[1, 3], [1, 5]]
    assert not obs[..., 4].any()


def test_what_is_taken_and_opened_is_seen_no_more():
    obs = view(ENV, room("#@kbk*#", "#..g..#"), "RR")
    assert np.argwhere(obs[..., 2]).tolist() == [[1, 4]]
    assert np.argwhere(obs[..., 3]).tolist() == [[1, 5]]


def test_ghosts_are_not_seen():
    seen = view(ENV, room("#@kb*.#", "#.gg..#"))
    np.testing.assert_array_equal(seen, view(ENV, room("#@k**.#", "#.....#")))
    drawn = replace(ENV, pixels=8)
    seen = view(drawn, room("#@kb*.#", "#.gg..#"))
    np.testing.assert_array_equal(seen, view(drawn, room("#@k**.#", "#.....#")))


@pytest.mark.parametrize("held", [0, 1, 2, 3, 4])
def test_held_keys_are_counted_in_every_window(held: int):
    obs = view(ENV, room("#@kkkk#", "#....*#"), "R" * held)[..., 4]
    for row in range(6):
        for column in range(6):
            assert obs[row : row + 2, column : column + 2].sum() == held


def test_a_crop_shows_how_many_keys_are_held():
    near = replace(ENV, crop_radius=1)
    counts = [view(near, room("#@kk.*#"), "R" * n)[..., 4].sum() for n in range(3)]
    assert counts[0] == 0 < counts[1] < counts[2]


@pytest.mark.parametrize("pixels", [1, 3, 8])
def test_a_cropped_picture_shows_how_many_keys_are_held(pixels: int):
    # Row 5, so that the border's purse is out of sight: the windows are alike but for
    # the agent, who has come back to where it was.
    near = replace(ENV, pixels=pixels, crop_radius=1)
    text = room("#....*#", "#.....#", "#.....#", "#.....#", "#.@kk.#")
    pictures = [view(near, text, moves) for moves in ("L", "RLL", "RRLLL")]
    middle = slice(pixels, 2 * pixels)
    agents = {picture[middle, middle].tobytes() for picture in pictures}
    assert len(agents) == 3


def test_a_window_too_small_for_the_count_is_an_error_that_names_the_least():
    with pytest.raises(UserError, match=r"env\.crop_radius: 1 .* use 2 or more"):
        KeysChests(size=7, crop_radius=1, max_keys=10)
    assert KeysChests(size=7, crop_radius=1, max_keys=9).crop_radius == 1


# ----------------------------------------------------------------------------- settings


@pytest.mark.parametrize("setting", ["max_keys", "max_chests"])
@pytest.mark.parametrize("value", [0, 25])
def test_a_maximum_that_does_not_fit_is_an_error(setting: str, value: int):
    with pytest.raises(UserError, match=rf"env\.{setting}: {value} .* use 1 to 24"):
        KeysChests(size=7, **{setting: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_keys": 5}, r"env\.num_keys: 5 is outside 1 to env\.max_keys, 4"),
        ({"num_chests": 0}, r"env\.num_chests: 0 is outside 1 to env\.max_chests"),
        ({"shifted_keys": -2}, r"env\.shifted_keys: -2 is outside"),
        ({"shifted_chests": 9}, r"env\.shifted_chests: 9 is outside"),
        ({"num_ghosts": 5}, r"env\.num_ghosts: 5 is outside -1 to env\.max_chests"),
        ({"key_density": 1.5}, r"env\.key_density: 1\.5 is outside"),
        ({"chest_density": 0.95}, r"more than 1 with the other density"),
        ({"shifted_chest_density": -0.1}, r"env\.shifted_chest_density: -0\.1"),
        ({"holes": 1.1}, r"env\.holes: 1\.1 is outside"),
    ],
)
def test_settings_that_cannot_be_are_errors(settings: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message) as error:
        ENV.params_with(**settings)
    assert "\n" not in str(error.value)


def test_more_items_than_the_grid_has_tiles_are_an_error():
    env = KeysChests(size=5, max_keys=5, max_chests=5)
    with pytest.raises(UserError, match=r"env\.num_keys: .* 11 tiles .* 5x5 .* has 9"):
        env.params_with(num_keys=5, num_chests=5)


def test_items_that_fit_hardly_ever_are_found_out_before_training():
    # A tree in 5x5 has seven floor tiles, which are too few for nine things.
    env = KeysChests(size=5, layout="tree", max_keys=4, max_chests=4)
    params = env.params_with(num_keys=4, num_chests=4)
    with pytest.raises(UserError, match="no level of 5x5 tiles can be drawn"):
        env.check_levels(params)


# -------------------------------------------------------------------------------- texts


def test_a_text_is_read_as_it_looks():
    level = ENV.parse(room("#@k*gb#"))
    assert level.agent.tolist() == [1, 1]
    assert level.tiles[1].tolist() == [1, 0, 4, 8, 32, 40, 1]
    assert (level.num_keys, level.num_chests) == (1, 2)
    assert np.argwhere(~np.asarray(level.walls)).tolist() == [
        [1, c] for c in range(1, 6)
    ]


def test_a_text_with_more_than_the_static_maxima_is_an_error():
    with pytest.raises(UserError, match=r"chest 5, and env\.max_chests is 4"):
        ENV.parse(room("#@k***#", "#**...#"))
