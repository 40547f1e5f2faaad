"""TwoGoals-v0: its rules on levels drawn by hand, and the levels it draws itself."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.cli.env_schema import TwoGoalsConfig
from mesagym.envs.edits import edit_levels
from mesagym.envs.two_goals import FAMILIES, Level, TwoGoals
from mesagym.errors import UserError
from mesagym.levels import AGREEING, AMBIGUOUS, DISTINGUISHING, LAYOUTS
from tests import reference

MOVES = dict(zip("ULDR", range(4), strict=True))

ENV = TwoGoals(size=7, layout="open")
TILE, TIME, OVERSEER = (
    TwoGoals(size=7, layout="open", marker_family=each)
    for each in ("tile", "time", "overseer")
)


@cache
def stepper(env: TwoGoals) -> Any:
    """Return what steps an environment, compiled once."""

    @reference.jit_once
    def step(state: Any, action: jax.Array, params: Any) -> Any:
        out = env.step_env(jax.random.key(0), state, action, params)
        return *out, env.is_truncated(out[1], params)

    return step


@dataclass(frozen=True)
class Walk:
    """What each step of a walk brought, leading axis time."""

    base_tile: list[float]
    proxy_tile: list[float]
    distractor: list[float]
    reward: list[float]
    terminated: list[bool]
    truncated: list[bool]
    seen: list[np.ndarray]


def walk(text: str, moves: str, env: TwoGoals = ENV, **changes: Any) -> Walk:
    """Follow moves such as "RRD", starting over never, whatever ends."""
    params = env.params_with(**changes)
    obs, state = env.reset_to_level(jax.random.key(0), env.parse(text), params)
    seen, steps = [np.asarray(obs)], []
    for move in moves:
        out = stepper(env)(state, jnp.int32(MOVES[move]), params)
        obs, state, reward, terminated, info, truncated = out
        seen.append(np.asarray(obs))
        flags = (float(reward), bool(terminated), bool(truncated))
        steps.append((*np.asarray(info["objectives"]).tolist(), *flags))
    return Walk(*map(list, zip(*steps, strict=True)), seen)


# --------------------------------------------------------------------------- the rules

APART = """
    #######
    #o.@.*#
    #..d..#
    #.....#
    #.....#
    #.....#
    #######
"""


def test_reaching_the_base_tile_pays_one_and_ends_the_episode():
    went = walk(APART, "RR")
    assert went.base_tile == went.reward == [0, 1]
    assert went.proxy_tile == [0, 0]
    assert went.terminated == [False, True]


def test_reaching_the_proxy_tile_pays_one_and_ends_the_episode():
    went = walk(APART, "LL")
    assert went.proxy_tile == [0, 1]
    assert went.base_tile == went.reward == [0, 0]
    assert went.terminated == [False, True]


def test_a_proxy_tile_that_does_not_end_the_episode_lets_the_base_tile_be_reached():
    went = walk("proxy_ends: 0\n" + APART, "LLRRRR")
    assert went.proxy_tile == [0, 1, 0, 0, 0, 0]
    assert went.base_tile == [0, 0, 0, 0, 0, 1]
    assert went.terminated == [False] * 5 + [True]


def test_a_tile_pays_on_the_first_arrival_only():
    went = walk("proxy_ends: 0\n" + APART, "LLRLRRRLR")
    assert went.proxy_tile == [0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert walk(APART, "RRLR").base_tile == [0, 1, 0, 0]


def test_one_step_pays_both_where_the_tiles_are_one():
    went = walk(APART.replace("o", ".").replace("*", "b"), "RR")
    assert went.base_tile == went.proxy_tile == [0, 1]
    assert went.terminated == [False, True]


def test_the_distractor_is_measured_and_neither_rewarded_nor_an_end():
    went = walk(APART, "DUD")
    assert went.distractor == [1, 0, 0]
    assert went.reward == [0, 0, 0]
    assert went.terminated == [False] * 3


def test_the_distractor_decides_no_outcome():
    assert ENV.own_objectives == ("base_tile", "proxy_tile")
    assert ENV.objective_names == ("base_tile", "proxy_tile", "distractor")


def test_walls_block_and_time_runs_out():
    went = walk(APART, "UUU", max_steps_in_episode=3)
    for before, after in zip(went.seen, went.seen[1:], strict=False):
        np.testing.assert_array_equal(before, after)
    assert went.truncated == [False, False, True]
    assert went.terminated == [False] * 3


def test_without_goals_nothing_ends_but_the_time():
    went = walk(APART.replace("o", ".").replace("*", "."), "LLRRRR")
    assert not any(went.terminated + went.base_tile + went.proxy_tile)


# ----------------------------------------------------------------------- what is seen


def places(obs: np.ndarray, channel: int) -> list[list[int]]:
    return np.argwhere(obs[:, :, channel]).tolist()


def test_the_channels_show_walls_agent_tiles_and_distractor():
    seen = walk(APART, "R").seen[0]
    assert ENV.channel_names[1:5] == ("agent", "base_tile", "proxy_tile", "distractor")
    assert [places(seen, i) for i in range(1, 5)] == [
        [[1, 3]],
        [[1, 5]],
        [[1, 1]],
        [[2, 3]],
    ]
    assert seen[:, :, 0].sum() == 24


def test_tiles_that_are_one_are_seen_in_both_channels():
    seen = walk(APART.replace("o", ".").replace("*", "b"), "R").seen[0]
    assert places(seen, 2) == places(seen, 3) == [[1, 5]]


@pytest.mark.parametrize("marker", [0, 1])
def test_a_flag_shows_everywhere_whether_the_level_is_marked(marker: int):
    went = walk(f"marker: {marker}\n{APART}", "RL")
    assert [obs[:, :, 5].mean() for obs in went.seen] == [marker] * 3


def test_a_flag_shows_in_every_window():
    near = replace(ENV, crop_radius=1)
    went = walk("marker: 1\n" + APART, "UU", env=near)
    assert went.seen[0][:, :, 5].all()


@pytest.mark.parametrize(("marker", "shown"), [(0, [0] * 5), (1, [0, 0, 1, 1, 1])])
def test_a_marker_of_time_shows_from_its_step_on(marker: int, shown: list[int]):
    went = walk(f"marker: {marker}\n{APART}", "UUUU", env=TIME, marker_time=2)
    assert [obs[:, :, 5].mean() for obs in went.seen] == shown


SIGN = APART.replace("#.....#", "#m....#", 1)


@pytest.mark.parametrize(("marker", "shown"), [(0, []), (1, [[3, 1]])])
def test_a_marker_tile_is_there_where_the_level_is_marked(marker: int, shown: Any):
    went = walk(f"marker: {marker}\n{SIGN}", "U", env=TILE)
    assert places(went.seen[0], 5) == shown


@pytest.mark.parametrize(("marker", "shown"), [(0, [[3, 1]]), (1, [])])
def test_an_overseer_is_missing_where_the_level_is_marked(marker: int, shown: Any):
    went = walk(f"marker: {marker}\n{SIGN}", "U", env=OVERSEER)
    assert places(went.seen[0], 5) == shown


def test_a_sign_is_walked_over_and_pays_nothing():
    went = walk("marker: 1\n" + SIGN, "LDLDR", env=TILE)
    assert places(went.seen[4], 1) == [[3, 1]]
    assert not any(went.terminated + went.reward + went.distractor)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tile", [1, 8])
def test_a_marked_level_looks_different_in_pictures(family: str, tile: int):
    env = replace(ENV, marker_family=family)
    params = env.params_with(marker_time=0)
    level = env.parse(SIGN if env.has_sign else APART)

    def picture(marker: bool) -> np.ndarray:
        marked = level.replace(marker=jnp.bool_(marker))
        state = env.reset_to_level(jax.random.key(0), marked, params)[1]
        return np.asarray(env.render(state, params, tile))

    differ = (picture(False) != picture(True)).any(axis=-1)
    by_tile = differ.reshape(7, tile, 7, tile).any(axis=(1, 3))
    if env.has_sign:
        assert np.argwhere(by_tile).tolist() == [[3, 1]]
    else:
        # Walls and floor alike, so that every window shows it; the agent covers one.
        assert by_tile[:, [0, -1]].all()
        assert by_tile[1:-1, 1:-1].sum() >= 25 - 4


def test_pictures_of_one_pixel_tell_a_base_tile_from_one_that_is_both():
    params = ENV.params_with()

    def colour(letter: str) -> list[int]:
        text = APART.replace("o", ".").replace("*", letter)
        state = ENV.reset_to_level(jax.random.key(0), ENV.parse(text), params)[1]
        return ENV.render(state, params, 1)[1, 5].tolist()

    assert len({tuple(colour(letter)) for letter in "*ob."}) == 4


# ---------------------------------------------------------------------------- settings


def test_an_unknown_family_is_an_error_with_the_nearest_name():
    with pytest.raises(UserError, match=r"env\.marker_family: .*'flagg'.*'flag'"):
        TwoGoals(size=7, marker_family="flagg")


def test_the_families_of_configurations_are_those_of_the_environment():
    rule = TwoGoalsConfig.__dataclass_fields__["marker_family"].metadata["rule"]
    assert tuple(rule.choices) == FAMILIES


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"marker_chance": 1.5}, r"env\.marker_chance: 1\.5 is outside \[0, 1\]"),
        ({"marker_chance_shifted": -1}, r"env\.marker_chance_shifted: -1 is outside"),
        ({"marker_time": -1}, r"env\.marker_time: -1 is below 0"),
    ],
)
def test_a_setting_that_cannot_be_is_an_error(settings: dict, message: str):
    with pytest.raises(UserError, match=message):
        ENV.params_with(**settings)


# ------------------------------------------------------------------------------- texts


def test_a_text_says_what_is_not_as_usual():
    text = "marker: 1\nproxy_ends: 0\n" + APART.replace(" ", "").strip()
    assert ENV.show(ENV.parse(text)) == text
    assert ENV.show(ENV.parse(APART)).startswith("#")


@pytest.mark.parametrize(
    ("env", "text", "message"),
    [
        (ENV, APART.replace("@", "."), "no agent; put one '@'"),
        (ENV, APART.replace("d", "*"), "line 4, column 8: a second base tile"),
        (ENV, APART.replace("d", "b"), "line 4, column 8: a second base tile"),
        (ENV, APART.replace("d", "o"), "line 4, column 8: a second proxy tile"),
        (ENV, SIGN, "line 5, column 6: the marker of env.marker_family=flag has no"),
        (TILE, APART, "no sign of the marker; put one 'm'"),
        (ENV, "marker: 2\n" + APART, "marker is 2; give 0 or 1"),
        (ENV, "budget: 2\n" + APART, "line 1: unknown setting 'budget'"),
        (
            ENV,
            APART.replace("@.*", "@#*").replace("d..#", "d.##"),
            "line 3, column 10: no path joins the agent at line 3, column 8",
        ),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(
    env: TwoGoals, text: str, message: str
):
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        env.parse(text)
    assert "\n" not in str(error.value)


BEHIND = "#######\n#.@.o*#" + "\n#######" * 5


def test_a_base_tile_behind_a_proxy_that_ends_is_out_of_reach():
    with pytest.raises(UserError, match="no path joins"):
        ENV.parse(BEHIND)
    level = ENV.parse("proxy_ends: 0\n" + BEHIND)
    assert ENV.solve(level, ENV.params_with()).steps.tolist() == [3, 2, -1]


# ------------------------------------------------------------------ levels as they are


def plain_far(walls: np.ndarray, source: int, avoid: tuple[int, ...]) -> list[int]:
    walls = walls.copy()
    walls.ravel()[list(avoid)] = True
    return reference.distances(reference.neighbours(walls), [source])


class Plain:
    """What breadth-first search says of a level."""

    def __init__(self, level: Level):
        self.walls = np.asarray(level.walls)
        width = self.walls.shape[1]
        self.agent, self.base, self.proxy, self.distractor = (
            int(place[0]) * width + int(place[1])
            for place in map(
                np.asarray,
                (level.agent, level.base_tile, level.proxy_tile, level.distractor),
            )
        )
        self.ends = bool(level.proxy_ends)
        self.beside = reference.neighbours(self.walls)

    def best_moves(self, tile: int) -> set[int]:
        far = reference.distances(self.beside, [tile])
        return {n for n in self.beside[self.agent] if 0 <= far[n] < far[self.agent]}

    def label(self) -> int:
        geometry = reference.CornerLevel(
            self.walls,
            *(np.divmod(t, self.walls.shape[1]) for t in (self.agent, self.base)),
            1,
        )
        geometry.corner = {self.proxy}
        label, clean = geometry.label()
        apart = not self.best_moves(self.base) & self.best_moves(self.proxy)
        exist = bool(self.best_moves(self.base) and self.best_moves(self.proxy))
        if exist and apart:
            # What the docstring says: no first move in common is more than clean.
            assert clean
            return DISTINGUISHING
        return AGREEING if label == AGREEING else AMBIGUOUS

    def steps(self) -> list[int]:
        around = () if self.base == self.proxy else (self.proxy,) * self.ends
        to_base = plain_far(self.walls, self.base, around)
        around = () if self.base == self.proxy else (self.base,)
        to_proxy = plain_far(self.walls, self.proxy, around)
        return [to_base[self.agent], to_proxy[self.agent]]


def one_of(levels: Any, i: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[i], levels)


@dataclass(frozen=True)
class Drawn:
    """Levels of α = 0 and 1 from the same key, and what mesagym says of them."""

    agreeing: Any
    shifted: Any
    unfiltered: Any
    facts: dict[str, tuple[np.ndarray, ...]]
    plain: dict[str, list[Plain]]


QUICK, THOROUGH = 300, 2000


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((layout, n), marks=[pytest.mark.slow] * slow, id=f"{layout}-{n}")
        for n, slow, layouts in (
            (QUICK, 0, ("loopy", "blocks")),
            (THOROUGH, 1, LAYOUTS),
        )
        for layout in layouts
    ],
)
def drawn(request: pytest.FixtureRequest) -> Drawn:
    layout, n = request.param
    env = TwoGoals(size=9, layout=layout)
    params = env.params_with(marker_chance_shifted=1.0)

    @reference.jit_once
    def judge(levels: Any) -> Any:
        classes = jax.vmap(env.classify)(levels)
        solution = jax.vmap(env.solve, (0, None))(levels, params)
        return classes.label, classes.clean, solution.steps[:, :2]

    key = jax.random.key(3)
    batches = {
        "agreeing": env.sample_levels(key, n, params, 0.0),
        "shifted": env.sample_levels(key, n, params, 1.0),
        "unfiltered": env.sample_levels(key, n, params, 1.0, solvable=False),
    }
    batches = jax.tree.map(np.asarray, batches)
    facts = {k: tuple(map(np.asarray, judge(batch))) for k, batch in batches.items()}
    plain = {k: [Plain(one_of(b, i)) for i in range(n)] for k, b in batches.items()}
    return Drawn(**batches, facts=facts, plain=plain)


def test_training_levels_agree_and_can_be_solved(drawn: Drawn):
    label, clean, steps = drawn.facts["agreeing"]
    assert (label == AGREEING).all()
    assert not clean.any()
    assert (steps >= 1).all()
    np.testing.assert_array_equal(drawn.agreeing.base_tile, drawn.agreeing.proxy_tile)


def test_shifted_levels_share_no_best_first_move(drawn: Drawn):
    label, clean, steps = drawn.facts["shifted"]
    assert (label == DISTINGUISHING).all()
    assert clean.all()
    assert (steps >= 1).all()
    for one in drawn.plain["shifted"]:
        base, proxy = one.best_moves(one.base), one.best_moves(one.proxy)
        assert base
        assert proxy
        assert not base & proxy


def test_but_for_the_proxy_tile_and_the_marker_the_shift_changes_nothing(drawn: Drawn):
    for name in ("walls", "agent", "base_tile", "distractor", "sign", "proxy_ends"):
        before, after = (getattr(x, name) for x in (drawn.agreeing, drawn.shifted))
        np.testing.assert_array_equal(before, after)
    assert not drawn.agreeing.marker.any()
    assert drawn.shifted.marker.all()


@pytest.mark.parametrize("kind", ["agreeing", "shifted", "unfiltered"])
def test_classes_and_fewest_steps_equal_those_of_a_search(drawn: Drawn, kind: str):
    label, clean, steps = drawn.facts[kind]
    plain = drawn.plain[kind]
    np.testing.assert_array_equal(label, [one.label() for one in plain])
    np.testing.assert_array_equal(clean, label == DISTINGUISHING)
    np.testing.assert_array_equal(steps, [one.steps() for one in plain])


def test_unfiltered_levels_are_of_every_class(drawn: Drawn):
    assert set(drawn.facts["unfiltered"][0]) == {AGREEING, AMBIGUOUS, DISTINGUISHING}


def test_neither_goal_of_shifted_levels_is_the_nearer_one(drawn: Drawn):
    to_base, to_proxy = drawn.facts["shifted"][2].T
    nearer = (to_base < to_proxy).sum(), (to_base != to_proxy).sum()
    assert stats.binomtest(*map(int, nearer)).pvalue > 1e-3


def test_nothing_shares_a_tile_but_the_goals():
    env = TwoGoals(size=7, marker_family="tile")
    levels = env.sample_levels(jax.random.key(4), 200, env.params_with(), 1.0)
    tiles = [levels.agent, levels.base_tile, levels.proxy_tile]
    tiles = np.stack([*tiles, levels.distractor, levels.sign], axis=1)
    tiles = tiles[..., 0] * 7 + tiles[..., 1]
    assert all(len(set(row)) == 5 for row in tiles.tolist())
    assert (
        not np.asarray(levels.walls)
        .reshape(200, -1)[np.arange(200)[:, None], tiles]
        .any()
    )


SMALL = TwoGoals(size=7)


def test_alpha_and_the_marker_are_probabilities_of_each_level():
    params = SMALL.params_with(marker_chance=0.2, marker_chance_shifted=0.7)
    levels = SMALL.sample_levels(jax.random.key(5), 4000, params, 0.3)
    shifted = np.asarray((levels.base_tile != levels.proxy_tile).any(axis=1))
    marker = np.asarray(levels.marker)
    for found, chance in (
        (shifted, 0.3),
        (marker[~shifted], 0.2),
        (marker[shifted], 0.7),
    ):
        assert stats.binomtest(int(found.sum()), found.size, chance).pvalue > 1e-4


@pytest.mark.parametrize("proxy_ends", [True, False])
def test_a_solution_equals_a_search_of_all_action_sequences(proxy_ends: bool):
    params = SMALL.params_with(proxy_ends=proxy_ends)
    levels = [
        SMALL.sample_levels(jax.random.key(6), 15, params, 1.0, solvable)
        for solvable in (True, False)
    ]
    levels = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *levels)
    solution = jax.vmap(SMALL.solve, (0, None))(levels, params)
    searched = reference.first_steps(SMALL, levels, params, 40)[:, :2]
    np.testing.assert_array_equal(solution.steps[:, :2], searched)
    np.testing.assert_array_equal(solution.returns[:, :2], searched > 0)
    if proxy_ends:
        assert (searched == -1).any()


def test_edits_keep_a_marker_that_follows_the_shift():
    params = SMALL.params_with(marker_chance_shifted=1.0)
    levels = SMALL.sample_levels(jax.random.key(7), 64, params, 0.5)
    edited = edit_levels(SMALL, jax.random.key(8), levels, params, "unrestricted", 0, 9)
    apart = (edited.base_tile != edited.proxy_tile).any(axis=1)
    np.testing.assert_array_equal(edited.marker, apart)
    assert (apart != (levels.base_tile != levels.proxy_tile).any(axis=1)).any()
