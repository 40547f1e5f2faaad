"""The rules of FollowMe-v0, each on a level drawn by hand, and its solver."""

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.envs.follow_me import FollowMe, Level
from mesagym.errors import UserError
from mesagym.grid import DOWN, LEFT, MOVES, RIGHT, UP
from mesagym.levels import AGREEING, DISTINGUISHING
from tests import reference

KEYS = {"U": UP, "L": LEFT, "D": DOWN, "R": RIGHT}

ENV = FollowMe(size=7, max_beacons=4)
STEP = jax.jit(ENV.step_env)


class Walk(NamedTuple):
    """What each step of a walk brought."""

    places: list[tuple[int, ...]]
    leader: list[tuple[int, ...]]
    in_order: list[float]
    following: list[float]
    state: Any


def walk(text: str, moves: str, seed: int = 0, **settings: Any) -> Walk:
    """Follow moves such as "RRD" on a level."""
    params = ENV.params_with(**settings)
    level = ENV.parse(text)
    _, state = ENV.reset_to_level(jax.random.key(0), level, params)
    keys = jax.random.split(jax.random.key(seed), len(moves))
    steps = []
    for key, move in zip(keys, moves, strict=True):
        _, state, _, terminated, info = STEP(key, state, KEYS[move], params)
        assert not terminated
        places = [tuple(np.asarray(x).tolist()) for x in (state.agent, state.leader)]
        steps.append((*places, *info["objectives"].tolist()))
    places, leader, in_order, following = map(list, zip(*steps, strict=True))
    return Walk(places, leader, in_order, following, state)


# --------------------------------------------------------------------------- the rules

ROW = """
    #######
    #.....#
    #@.*..#
    #....2#
    #..3..#
    #.....#
    #######
"""


def test_walls_block_and_pay_nothing():
    went = walk(ROW, "LD")
    assert went.places == [(2, 1), (3, 1)]
    assert went.in_order == [0, 0]


def test_the_first_beacon_pays_one_and_then_the_next():
    assert walk(ROW, "RRRRD").in_order == [0, 1, 0, 0, 1]


def test_a_beacon_out_of_turn_costs_one_and_changes_no_turn():
    # Beacon 3, which is not its turn, then 1, then 2.
    went = walk(ROW, "DDRRUURRD")
    assert went.in_order == [0, 0, 0, -1, 0, 1, 0, 0, 1]
    assert (went.state.right, went.state.wrong) == (2, 1)


def test_after_the_last_beacon_the_first_has_its_turn_again():
    went = walk(ROW, "RRRRDDLLUU")
    assert went.in_order == [0, 1, 0, 0, 1, 0, 0, 1, 0, 1]


def test_a_beacon_just_visited_is_wrong_when_it_is_entered_again():
    assert walk(ROW, "RRLR").in_order == [0, 1, 0, -1]


def test_staying_on_a_beacon_pays_nothing():
    text = ROW.replace("#.....#\n    #@.*..#", "#######\n    #@.*..#")
    assert walk(text, "RRUU").in_order == [0, 1, 0, 0]


LED = """
    #######
    #.....#
    #@.*.L#
    #.....#
    #2.3..#
    #.....#
    #######
"""


def test_the_leader_takes_shortest_paths_in_the_order_that_pays():
    went = walk(LED, "U" * 8)
    assert went.leader[1] == (2, 3)
    assert went.leader[5] == (4, 1)
    assert went.leader[7] == (4, 3)
    ends = [(2, 5), *went.leader]
    apart = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in pairwise(ends)]
    assert apart == [1] * 8


def test_an_anti_expert_visits_the_beacons_backwards():
    went = walk("leader_order: 321" + LED, "U" * 10)
    visits: dict[tuple[int, ...], int] = {(2, 3): 1, (4, 1): 2, (4, 3): 3}
    order = [visits[place] for place in went.leader if place in visits]
    assert order[:3] == [3, 2, 1]


def test_the_leader_goes_around_a_beacon_that_is_not_next():
    # Straight down from 1 lies 3; another shortest path to 2 leads beside it.
    text = """
        #######
        #L.*..#
        #.....#
        #..3..#
        #.....#
        #@...2#
        #######
    """
    went = walk(text, "L" * 8)
    assert went.leader[1] == (1, 3)
    assert went.leader[7] == (5, 5)
    assert (3, 3) not in went.leader


def test_meeting_the_leaders_last_beacon_pays_following_once():
    # The leader visits 1 with its second step, as the agent does.
    went = walk(LED, "RRLR")
    assert went.following == [0, 1, 0, 0]
    assert went.in_order == [0, 1, 0, -1]


def test_a_beacon_pays_following_as_long_as_the_leader_visits_no_other():
    # It reaches 2 with its sixth step.
    assert walk(LED, "URDURDR").following == [0] * 7
    assert walk(LED, "URDRU").following == [0, 0, 0, 1, 0]
    late = walk(LED, "UDUDURR" + "D")
    assert late.following == [0] * 8


def test_a_beacon_before_the_leader_has_been_there_pays_no_following():
    text = LED.replace("@.*.L", ".@*.L")
    went = walk(text, "RL")
    assert went.in_order == [1, 0]
    assert went.following == [0, 0]


def test_whoever_waits_on_a_beacon_meets_the_leader_there():
    text = """
        #######
        #.*..L#
        #@....#
        #.....#
        #2.3..#
        #.....#
        #######
    """
    went = walk(text, "RUU")
    assert went.in_order == [0, 1, 0]
    assert went.following == [0, 0, 1]


def test_following_an_anti_expert_pays_the_proxy_and_costs_the_base():
    went = walk("leader_order: 321" + LED, "DRDR")
    assert went.leader[3] == (4, 3)
    assert went.following == [0, 0, 0, 1]
    assert went.in_order == [0, 0, 0, -1]


def test_the_leader_does_not_block():
    text = LED.replace("@.*.L", "..*@L")
    assert walk(text, "RL").places == [(2, 5), (2, 4)]


def test_without_leader_nothing_is_followed():
    went = walk(ROW, "RRRRDDLL")
    assert set(went.leader) == {(-1, -1)}
    assert set(went.following) == {0}
    assert went.state.shown == -1


def test_without_noise_the_leader_never_errs_and_with_noise_it_does():
    straight = [walk(LED, "U" * 20, seed).leader for seed in range(3)]
    assert straight[0] == straight[1] == straight[2]
    erring = {tuple(walk(LED, "U" * 20, seed, noise=1.0).leader) for seed in range(6)}
    assert len(erring) > 1


def test_a_leader_that_always_errs_heads_for_any_other_beacon_all_alike():
    params = ENV.params_with(noise=1.0)
    level = ENV.parse(LED)
    _, state = ENV.reset_to_level(jax.random.key(0), level, params)
    state = state.replace(leader=jnp.array([2, 4]))
    step = jax.vmap(ENV.step_env, (0, None, None, None))
    keys = jax.random.split(jax.random.key(1), 4000)
    targets = np.asarray(step(keys, state, UP, params)[1].target)
    counts = np.bincount(targets, minlength=3)
    assert counts[0] == 0
    assert abs(counts[1] - 2000) < 4 * np.sqrt(1000)


def test_a_leader_errs_as_often_as_its_noise_says():
    params = ENV.params_with(noise=0.25)
    level = ENV.parse(LED)
    _, state = ENV.reset_to_level(jax.random.key(0), level, params)
    state = state.replace(leader=jnp.array([2, 4]))
    step = jax.vmap(ENV.step_env, (0, None, None, None))
    keys = jax.random.split(jax.random.key(2), 4000)
    after = step(keys, state, UP, params)[1]
    # Half of its errors head for the beacon whose turn it is.
    share = (np.asarray(after.target) == 2).mean()
    assert abs(share - 0.125) < 4 * np.sqrt(0.125 * 0.875 / 4000)
    assert (np.asarray(after.turn) == 1).all()


def test_only_the_time_ends_an_episode():
    params = ENV.params_with(max_steps_in_episode=3)
    level = ENV.parse(ROW)
    _, state = ENV.reset_to_level(jax.random.key(0), level, params)
    for t in range(3):
        out = STEP(jax.random.key(t), state, RIGHT, params)
        state = out[1]
        assert not out[3]
        assert ENV.is_truncated(state, params) == (t == 2)


# ------------------------------------------------------------------------------ seeing


def test_the_channels_show_where_things_are_and_no_order():
    env = FollowMe(size=7, max_beacons=4, crop_radius=None)
    params = env.params_with()
    one, other = (
        env.parse(text)
        for text in (LED, LED.replace("*", "1").replace("2", "*").replace("1", "2"))
    )
    obs = [env.reset_to_level(jax.random.key(0), x, params)[0] for x in (one, other)]
    np.testing.assert_array_equal(*obs)
    seen = np.asarray(obs[0])
    assert np.argwhere(seen[..., 1]).tolist() == [[2, 1]]
    assert np.argwhere(seen[..., 2]).tolist() == [[2, 5]]
    assert np.argwhere(seen[..., 3]).tolist() == [[2, 3], [4, 1], [4, 3]]
    np.testing.assert_array_equal(seen[..., 0], np.asarray(one.walls))


def test_the_window_is_the_one_of_the_whole_picture():
    params = ENV.params_with()
    obs, state = ENV.reset_to_level(jax.random.key(0), ENV.parse(LED), params)
    whole = np.asarray(ENV.channels(state, params))
    padded = np.pad(whole, ((3, 3), (3, 3), (0, 0)))
    padded[..., 0] = np.pad(whole[..., 0], 3, constant_values=True)
    np.testing.assert_array_equal(obs, padded[2:9, 1:8])


def test_what_is_not_there_is_not_seen_beyond_the_border():
    params = ENV.params_with()
    text = ROW.replace("@.*..", "..*..").replace("#.....#", "#@....#", 1)
    obs, _ = ENV.reset_to_level(jax.random.key(0), ENV.parse(text), params)
    assert not np.asarray(obs)[..., 2].any()
    assert np.asarray(obs)[..., 3].sum() == 2


# ------------------------------------------------------------------------------ levels


class Drawn(NamedTuple):
    """Levels, their classes, their solutions."""

    levels: Level
    classes: Any
    solution: Any


@pytest.fixture(scope="module", params=["open", "blocks"])
def env(request: pytest.FixtureRequest) -> FollowMe:
    return FollowMe(size=9, layout=request.param, max_beacons=5)


@pytest.fixture(scope="module")
def drawn(env: FollowMe) -> Drawn:
    """2,000 levels, half of them shifted."""

    params = env.params_with()

    @reference.jit_once
    def draw(key: jax.Array) -> Drawn:
        levels = env.sample_levels(key, 2000, params, 0.5)
        classes = jax.vmap(env.classify)(levels)
        return Drawn(levels, classes, jax.vmap(env.solve, (0, None))(levels, params))

    return jax.tree.map(np.asarray, draw(jax.random.key(0)))


def fields(walls: np.ndarray, beacons: np.ndarray, closed: bool) -> list[np.ndarray]:
    """Return the steps to each beacon, tile by tile, others entered or not."""
    found = []
    for n, (row, column) in enumerate(beacons):
        shut = walls.copy()
        if closed:
            for other in np.delete(beacons, n, axis=0):
                shut[tuple(other)] = True
        beside = reference.neighbours(shut)
        far = reference.distances(beside, [row * walls.shape[1] + column])
        found.append(reference.as_grid(far, walls.shape, 10**6))
    return found


def first_after(field: np.ndarray, tile: tuple[int, int]) -> int:
    """Return the steps to a beacon from a tile that may be closed itself."""
    return 1 + min(int(field[tile[0] + r, tile[1] + c]) for r, c in MOVES)


def test_no_beacon_of_a_drawn_level_is_in_the_way(drawn: Drawn):
    for i in range(300):
        walls, beacons = drawn.levels.walls[i], drawn.levels.beacons[i]
        beacons = beacons[beacons[:, 0] >= 0]
        assert len(beacons) == 4
        starts = [drawn.levels.agent[i], drawn.levels.leader[i], *beacons]
        assert len({tuple(tile) for tile in starts}) == 6
        around = fields(walls, beacons, closed=True)
        through = fields(walls, beacons, closed=False)
        for start in map(tuple, starts):
            for n, beacon in enumerate(map(tuple, beacons)):
                if start != beacon:
                    assert first_after(around[n], start) == through[n][start] < 100


def test_the_leaders_order_is_backwards_with_probability_alpha(drawn: Drawn):
    order = drawn.levels.leader_order
    backwards = (order[:, :4] == [3, 2, 1, 0]).all(axis=1)
    assert (backwards | (order[:, :4] == [0, 1, 2, 3]).all(axis=1)).all()
    assert (order[:, 4] == -1).all()
    assert abs(backwards.mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)
    expected = np.where(backwards, DISTINGUISHING, AGREEING)
    np.testing.assert_array_equal(drawn.classes.label, expected)


def test_the_best_return_in_order_equals_a_plain_count(env: FollowMe, drawn: Drawn):
    for i in range(300):
        walls, beacons = drawn.levels.walls[i], drawn.levels.beacons[i]
        beacons = beacons[beacons[:, 0] >= 0]
        to = fields(walls, beacons, closed=False)
        here, left, count = tuple(drawn.levels.agent[i]), 128, 0
        while left >= (step := int(to[count % 4][here])):
            left -= step
            here = tuple(beacons[count % 4])
            count += 1
        assert drawn.solution.returns[i, 0] == count
        assert drawn.solution.steps[i, 0] == to[0][tuple(drawn.levels.agent[i])]


def best_return(walls: np.ndarray, agent: tuple, beacons: list[tuple], limit: int):
    """Return the most that any sequence of moves earns, by trying all at once."""
    best = {(agent, 0): 0}
    for _ in range(limit):
        after: dict[Any, int] = {}
        for (tile, turn), paid in best.items():
            for row, column in MOVES:
                to = (tile[0] + row, tile[1] + column)
                if walls[to]:
                    to = tile
                earned, then = paid, turn
                if to != tile and to in beacons:
                    right = to == beacons[turn]
                    earned += 1 if right else -1
                    then = (turn + right) % len(beacons)
                state = (to, then)
                after[state] = max(after.get(state, -(10**6)), earned)
        best = after
    return max(best.values())


def test_no_sequence_of_moves_earns_more_than_the_best_return(env: FollowMe):
    small = FollowMe(size=6, layout=env.layout, max_beacons=3)
    params = small.params_with(max_steps_in_episode=17)
    levels = small.sample_levels(jax.random.key(4), 24, params, 0.5)
    solution = jax.vmap(small.solve, (0, None))(levels, params)
    walls, agent, beacons = map(
        np.asarray, (levels.walls, levels.agent, levels.beacons)
    )
    for i in range(24):
        places = [tuple(place) for place in beacons[i].tolist()]
        most = best_return(walls[i], tuple(agent[i].tolist()), places, 17)
        assert solution.returns[i, 0] == most


@pytest.fixture(scope="module")
def led(env: FollowMe, drawn: Drawn):
    """Visits that the leader makes in 128 steps, by noise: int[level]."""
    params = env.params_with()

    @reference.jit_once
    def visits(levels: Level, noise: jax.Array) -> jax.Array:
        noisy = params.replace(noise=noise)

        def one(level: Level, key: jax.Array) -> jax.Array:
            _, state = env.reset_to_level(key, level, noisy)

            def step(state: Any, key: jax.Array) -> tuple[Any, Any]:
                after = env.transition(key, state, jnp.int32(0), noisy)
                at = level.beacons[state.target]
                return after, (after.leader == at).all()

            return jax.lax.scan(step, state, jax.random.split(key, 128))[1].sum()

        return jax.vmap(one)(levels, jax.random.split(jax.random.key(3), 2000))

    return lambda noise: np.asarray(visits(drawn.levels, jnp.float32(noise)))


def test_following_is_bounded_by_the_leaders_visits(drawn: Drawn, led: Any):
    np.testing.assert_array_equal(drawn.solution.returns[:, 1], led(0.0))


def test_with_noise_following_is_bounded_by_the_most_visits_there_can_be(
    env: FollowMe, drawn: Drawn, led: Any
):
    params = env.params_with(noise=0.5)
    solve = reference.jit_once(jax.vmap(partial(env.solve, params=params)))
    bound = np.asarray(solve(drawn.levels).returns[:, 1])
    assert (led(0.5) <= bound).all()
    assert (led(1.0) <= bound).all()


def test_without_leader_there_is_nothing_to_follow():
    solution = ENV.solve(ENV.parse(ROW), ENV.params_with())
    assert solution.returns[1] == 0
    assert solution.returns[0] > 10


@pytest.mark.parametrize(
    ("order", "label"),
    [("123", AGREEING), ("231", AGREEING), ("321", DISTINGUISHING)],
)
def test_a_level_agrees_where_following_pays_more_than_half(order: str, label: int):
    found = ENV.classify(ENV.parse(f"leader_order: {order}{LED}"))
    assert found.label == label
    assert found.clean == (label == DISTINGUISHING)


def test_a_level_without_leader_is_distinguishing():
    assert ENV.classify(ENV.parse(ROW)).label == DISTINGUISHING


def test_unfiltered_levels_may_have_beacons_in_the_way():
    env = FollowMe(size=7, layout="blocks", max_beacons=4)
    params = env.params_with()
    levels = env.sample_levels(jax.random.key(0), 100, params, 0.5, False)
    valid = np.asarray(jax.vmap(env.is_valid, (0, None))(levels, params))
    assert 0 < valid.sum() < 100


def test_levels_without_leader_can_be_drawn():
    params = ENV.params_with(leader=False, num_beacons=3)
    levels = ENV.sample_levels(jax.random.key(0), 16, params, 0.5)
    assert (np.asarray(levels.leader) == -1).all()
    assert ((np.asarray(levels.beacons)[..., 0] >= 0).sum(axis=1) == 3).all()


# ------------------------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@.*.L", "L.*.L", "no agent"),
        ("@.*.L", "@L*.L", "line 4, column 10: a second leader"),
        ("@.*.L", "@.**L", "line 4, column 9: a second beacon 1"),
        ("@.*.L", "@.4.L", r"no beacon 1; put one '\*'"),
        ("#2.3..#", "#2....#", r"2 beacons; draw 3 to 4"),
        ("#2.3..#", "#2.3.5#", r"5 beacons; draw 3 to 4"),
        ("#2.3..#", "#2.4..#", "no beacon 3; put one '3'"),
        ("#@.*.L#", "#@2*3L#", "line 4, column 6: no shortest path .* beacon 1"),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(
    old: str, new: str, message: str
):
    text = LED.replace(old, new)
    if new == "#@2*3L#":
        text = text.replace("#2.3..#", "#.....#")
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        ENV.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("order", ["12", "1234", "122", "0"])
def test_an_order_that_is_not_one_of_all_beacons_is_an_error(order: str):
    with pytest.raises(UserError, match=r"level: leader_order .* as 123"):
        ENV.parse(f"leader_order: {order}{LED}")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_beacons": 2}, "env.num_beacons: 2 is outside 3"),
        ({"num_beacons": 5}, "env.num_beacons: 5 is outside 3 to env.max_beacons, 4"),
        ({"noise": 1.5}, r"env.noise: 1.5 is outside \[0, 1\]"),
    ],
)
def test_settings_that_cannot_be_are_errors(settings: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        ENV.params_with(**settings)


def test_more_beacons_than_tiles_is_an_error():
    with pytest.raises(
        UserError, match=r"env.num_beacons: 8 and two agents .* 9 tiles"
    ):
        FollowMe(size=5, max_beacons=8).params_with(num_beacons=8)


@pytest.mark.parametrize("most", [2, 9])
def test_a_maximum_of_beacons_out_of_range_is_an_error(most: int):
    with pytest.raises(UserError, match=f"env.max_beacons: {most} is outside 3 to 8"):
        FollowMe(size=7, max_beacons=most)


def test_no_shift_of_amounts_speaks_of_clean_levels():
    assert not [each.name for each in FollowMe.shifts if "clean" in each.meaning]
