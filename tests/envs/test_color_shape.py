"""ColorShape-v0: its rules on levels drawn by hand, and the levels it draws itself."""

import itertools
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from mesagym.cli.env_schema import ColorShapeConfig
from mesagym.envs.color_shape import COLORS, SHAPES, ColorShape, Level
from mesagym.errors import UserError
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.levels import AGREEING, AMBIGUOUS, DISTINGUISHING, LAYOUTS
from tests import reference

MOVES = dict(zip("ULDR", range(4), strict=True))

ENV = ColorShape(size=7, layout="open")


@cache
def stepper(env: ColorShape) -> Any:
    """Return what steps an environment, compiled once."""

    @reference.jit_once
    def step(state: Any, action: jax.Array, params: Any) -> Any:
        out = env.step_env(jax.random.key(0), state, action, params)
        return *out, env.is_truncated(out[1], params)

    return step


@dataclass(frozen=True)
class Walk:
    """What each step of a walk brought, leading axis time."""

    target: list[float]
    color: list[float]
    shape: list[float]
    reward: list[float]
    terminated: list[bool]
    truncated: list[bool]


def walk(text: str, moves: str, **changes: Any) -> Walk:
    """Follow moves such as "RRD", starting over never, whatever ends."""
    params = ENV.params_with(**changes)
    _, state = ENV.reset_to_level(jax.random.key(0), ENV.parse(text), params)
    steps = []
    for move in moves:
        out = stepper(ENV)(state, jnp.int32(MOVES[move]), params)
        _, state, reward, terminated, info, truncated = out
        flags = (float(reward), bool(terminated), bool(truncated))
        steps.append((*np.asarray(info["objectives"]).tolist(), *flags))
    return Walk(*map(list, zip(*steps, strict=True)))


# --------------------------------------------------------------------------- the rules

ALL = """
    #######
    #c.@.*#
    #.....#
    #..s..#
    #.....#
    #.....#
    #######
"""
ALONE = ALL.replace("c", ".").replace("s", ".")
SPLIT = ALL.replace("*", ".")
COLOR_ONLY, SHAPE_ONLY = ALL.replace("s", "."), ALL.replace("c", ".")


def test_reaching_the_target_pays_one_and_ends_the_episode():
    went = walk(ALL, "RR")
    assert went.target == went.reward == [0, 1]
    assert went.color == went.shape == [0, 0]
    assert went.terminated == [False, True]


@pytest.mark.parametrize("text", [ALL, SPLIT, COLOR_ONLY])
def test_reaching_what_shares_the_colour_pays_the_colour_and_ends(text: str):
    went = walk(text, "LL")
    assert went.color == [0, 1]
    assert went.target == went.shape == went.reward == [0, 0]
    assert went.terminated == [False, True]


@pytest.mark.parametrize("text", [ALL, SPLIT, SHAPE_ONLY])
def test_reaching_what_shares_the_shape_pays_the_shape_and_ends(text: str):
    went = walk(text, "DD")
    assert went.shape == [0, 1]
    assert went.target == went.color == went.reward == [0, 0]
    assert went.terminated == [False, True]


def test_a_target_that_stands_alone_pays_all_three():
    went = walk(ALONE, "RR")
    assert went.target == went.color == went.shape == [0, 1]
    assert went.terminated == [False, True]


@pytest.mark.parametrize("text", [COLOR_ONLY, SHAPE_ONLY])
def test_a_target_beside_one_look_alike_pays_the_target_alone(text: str):
    went = walk(text, "RR")
    assert went.target == [0, 1]
    assert went.color == went.shape == [0, 0]


def test_an_object_pays_on_the_first_arrival_only():
    assert walk(ALL, "RRLR").target == [0, 1, 0, 0]


def test_without_objects_nothing_ends_but_the_time():
    went = walk(ALONE.replace("*", "."), "RRLLLL", max_steps_in_episode=6)
    assert not any(went.terminated + went.target + went.color + went.shape)
    assert went.truncated == [False] * 5 + [True]


# ----------------------------------------------------------------------- what is seen


def view(text: str, env: ColorShape = ENV) -> dict[str, list[list[int]]]:
    """Return the tiles of each channel that shows any."""
    params = env.params_with()
    obs, _ = env.reset_to_level(jax.random.key(0), env.parse(text), params)
    names = env.channel_names
    return {
        name: np.argwhere(obs[:, :, i]).tolist()
        for i, name in enumerate(names)
        if obs[:, :, i].any()
    }


def test_an_object_is_seen_in_its_colour_and_in_its_shape():
    text = "target_color: 2\ntarget_shape: 1\nother_color: 0\nother_shape: 2\n" + ALL
    seen = view(text)
    del seen["walls"]
    assert seen == {
        "agent": [[1, 3]],
        "green": [[1, 1], [1, 5]],  # the target's colour
        "yellow": [[3, 3]],
        "gem": [[1, 5], [3, 3]],  # the target's shape
        "ring": [[1, 1]],
    }


def test_the_published_training_level_is_a_yellow_line_alone():
    seen = view(ALONE)
    assert seen["yellow"] == seen["line"] == [[1, 5]]
    assert set(seen) == {"walls", "agent", "yellow", "line"}


def test_the_published_test_is_a_yellow_gem_and_a_line_of_another_colour():
    seen = view(SPLIT)
    assert seen["yellow"] == seen["gem"] == [[1, 1]]
    assert seen["blue"] == seen["line"] == [[3, 3]]


@pytest.mark.parametrize("tile", [1, 3, 8])
def test_every_colour_in_every_shape_looks_different(tile: int):
    env = replace(ENV, num_colors=6, num_shapes=6)
    level, params = env.parse(ALONE), env.params_with()
    state = env.reset_to_level(jax.random.key(0), level, params)[1]
    pairs = np.array(list(itertools.product(range(6), range(6))))

    @jax.jit
    @jax.vmap
    def picture(pair: jax.Array) -> jax.Array:
        colors = level.colors.at[0].set(pair[0])
        shapes = level.shapes.at[0].set(pair[1])
        changed = state.replace(level=level.replace(colors=colors, shapes=shapes))
        return env.render(changed, params, tile)

    seen = np.asarray(picture(pairs)).reshape(36, 7, tile, 7, tile, 3)
    assert len(np.unique(seen[:, 1, :, 5].reshape(36, -1), axis=0)) == 36
    assert len(np.unique(seen[:, 2].reshape(36, -1), axis=0)) == 1


def test_glyphs_of_three_pixels_are_where_their_object_is():
    state = ENV.reset_to_level(jax.random.key(0), ENV.parse(ALONE), ENV.params_with())[
        1
    ]
    picture = np.asarray(ENV.render(state, None, 3))
    line = (picture == np.array(COLORS["yellow"])).all(axis=-1)
    assert np.argwhere(line).tolist() == [[4, 15], [4, 16], [4, 17]]


# ---------------------------------------------------------------------------- settings


@pytest.mark.parametrize("name", ["num_colors", "num_shapes"])
@pytest.mark.parametrize("value", [1, 7])
def test_a_number_of_features_out_of_range_is_an_error(name: str, value: int):
    with pytest.raises(UserError, match=rf"env\.{name}: {value} is outside 2 to 6"):
        ColorShape(size=7, **{name: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_color": 3}, r"env\.target_color: 3 is not one of 0 yellow, 1 blue"),
        ({"target_shape": -1}, r"env\.target_shape: -1 is not one of 0 line, 1 gem"),
    ],
)
def test_a_target_that_cannot_be_is_an_error_that_names_those_that_can(
    settings: dict, message: str
):
    with pytest.raises(UserError, match=message):
        ENV.params_with(**settings)


def test_the_features_of_configurations_are_those_of_the_environment():
    for kind, known in (("color", COLORS), ("shape", SHAPES)):
        fields = ColorShapeConfig.__dataclass_fields__
        assert fields[f"num_{kind}s"].metadata["rule"].high == len(known)
        meaning = fields[f"target_{kind}"].metadata["rule"].doc
        named = ", ".join(f"{i} {name}" for i, name in enumerate(known))
        assert meaning.endswith(named)


# ------------------------------------------------------------------------------- texts


def test_a_text_is_read_as_it_looks():
    level = ENV.parse("other_shape: 2\n" + SHAPE_ONLY)
    assert level.places.tolist() == [[1, 5], [-1, -1], [3, 3]]
    assert level.colors.tolist() == [0, 1]
    assert level.shapes.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ALL.replace("@", "."), "no agent; put one '@'"),
        (ALL.replace("s", "*"), "line 5, column 8: a second target"),
        (ALL.replace("s", "c"), "line 5, column 8: a second object of the target's co"),
        (ALL.replace("c", "s"), "line 5, column 8: a second object of the target's sh"),
        ("target_color: 3\n" + ALL, "target_color is 3; use 0 to 2"),
        ("other_shape: -1\n" + ALL, "other_shape is -1; use 0 to 2"),
        ("target_shape: 1\n" + ALL, "other_shape is the target's, 1; give another"),
        ("budget: 2\n" + ALL, "line 1: unknown setting 'budget'"),
        (
            ALONE.replace("@.*", "@s*").replace(".....", "#####"),
            "line 3, column 10: no path joins the agent at line 3, column 8",
        ),
    ],
)
def test_a_level_that_cannot_be_is_an_error_that_says_where(text: str, message: str):
    with pytest.raises(UserError, match=f"^level: {message}") as error:
        ENV.parse(text)
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------ levels as they are


class Plain:
    """What breadth-first search says of a level."""

    def __init__(self, walls: np.ndarray, agent: np.ndarray, places: np.ndarray):
        width = walls.shape[1]
        self.walls = walls
        self.agent, *tiles = (
            int(place[0]) * width + int(place[1]) if place[0] >= 0 else None
            for place in (agent, *places)
        )
        self.objects = dict(zip(("target", "color", "shape"), tiles, strict=True))

    def relation(self, first: str, second: str) -> tuple[int, bool]:
        """Return the class of a level with the first object for the base's."""
        width = self.walls.shape[1]
        agent, base = (
            np.array((-1, -1) if tile is None else divmod(tile, width))
            for tile in (self.agent, self.objects[first])
        )
        one = reference.CornerLevel(self.walls, agent, base, 1)
        one.corner = {self.objects[second]}
        return one.label()

    def label(self) -> tuple[int, bool]:
        here = [name for name, tile in self.objects.items() if tile is not None]
        # The other objects end the episode, so a way past them must lead to each.
        steps = dict(zip(self.objects, self.steps(), strict=True))
        if any(steps[name] < 0 for name in here):
            return AMBIGUOUS, False
        if here == ["color", "shape"]:
            clean = self.relation("color", "shape")[1]
            return (DISTINGUISHING if clean else AMBIGUOUS), clean
        if here[:1] != ["target"]:
            return AMBIGUOUS, False
        reach = self.far(self.objects["target"], ())[self.agent] >= 0
        if here == ["target"]:
            return (AGREEING if reach else AMBIGUOUS), False
        labels, clean = zip(
            *(self.relation("target", k) for k in here[1:]), strict=True
        )
        same = set(labels) in ({AGREEING}, {DISTINGUISHING})
        return (labels[0] if same else AMBIGUOUS), all(clean)

    def far(self, tile: int, avoid: tuple[int, ...]) -> list[int]:
        walls = self.walls.copy()
        walls.ravel()[list(avoid)] = True
        return reference.distances(reference.neighbours(walls), [tile])

    def steps(self) -> list[int]:
        found = []
        alone = self.objects["color"] is self.objects["shape"] is None
        for name in self.objects:
            tile = self.objects["target" if alone else name]
            others = {t for t in self.objects.values() if t is not None} - {tile}
            reach = [-1] if tile is None else self.far(tile, tuple(others))
            found.append(reach[self.agent if tile is not None else 0])
        return found


def plain(levels: Level) -> list[Plain]:
    columns = map(np.asarray, (levels.walls, levels.agent, levels.places))
    return [Plain(*each) for each in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Drawn:
    """Levels from the same key at α = 0 and 1, and so on, with mesagym's facts."""

    levels: dict[str, Any]
    facts: dict[str, tuple[np.ndarray, ...]]


QUICK, THOROUGH = 300, 2000


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((layout, n), marks=[pytest.mark.slow] * slow, id=f"{layout}-{n}")
        for n, slow, layouts in ((QUICK, 0, ("blocks", "tree")), (THOROUGH, 1, LAYOUTS))
        for layout in layouts
    ],
)
def drawn(request: pytest.FixtureRequest) -> Drawn:
    layout, n = request.param
    env = ColorShape(size=9, layout=layout)
    params = env.params_with(target_color=1, target_shape=2)

    @reference.jit_once
    def judge(levels: Any) -> Any:
        classes = jax.vmap(env.classify)(levels)
        solution = jax.vmap(env.solve, (0, None))(levels, params)
        return classes.label, classes.clean, solution.steps

    key = jax.random.key(3)
    levels = {
        "agreeing": env.sample_levels(key, n, params, 0.0),
        "shifted": env.sample_levels(key, n, params, 1.0),
        "unfiltered": env.sample_levels(key, n, params, 1.0, solvable=False),
    }
    for name, k in (("split", 0), ("shape_only", 1), ("color_only", 2)):
        shifted = levels["unfiltered"]
        levels[name] = shifted.replace(places=shifted.places.at[:, k].set(-1))
    facts = {k: tuple(map(np.asarray, judge(each))) for k, each in levels.items()}
    return Drawn(jax.tree.map(np.asarray, levels), facts)


def test_training_levels_have_the_target_alone_and_agree(drawn: Drawn):
    label, _, steps = drawn.facts["agreeing"]
    assert (label == AGREEING).all()
    assert (steps >= 1).all()
    assert (steps == steps[:, :1]).all()
    assert (drawn.levels["agreeing"].places[:, 1:] == -1).all()


def test_shifted_levels_can_be_solved_around_the_look_alikes(drawn: Drawn):
    label, clean, steps = drawn.facts["shifted"]
    assert (steps[:, 0] >= 1).all()
    assert (label == DISTINGUISHING).mean() > 0.15
    assert 0 < clean.sum() <= (label == DISTINGUISHING).sum()


def test_but_for_the_look_alikes_the_shift_changes_nothing(drawn: Drawn):
    before, after = drawn.levels["agreeing"], drawn.levels["shifted"]
    for name in ("walls", "agent", "colors", "shapes"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    np.testing.assert_array_equal(before.places[:, 0], after.places[:, 0])
    assert (after.places >= 1).all()


KINDS = ("agreeing", "shifted", "unfiltered", "split", "shape_only", "color_only")


@pytest.mark.parametrize("kind", KINDS)
def test_classes_and_fewest_steps_equal_those_of_a_search(drawn: Drawn, kind: str):
    label, clean, steps = drawn.facts[kind]
    searched = plain(drawn.levels[kind])
    expected = np.array([one.label() for one in searched])
    np.testing.assert_array_equal(label, expected[:, 0])
    np.testing.assert_array_equal(clean, expected[:, 1])
    np.testing.assert_array_equal(steps, [one.steps() for one in searched])
    assert clean.any() == (kind != "agreeing")


def test_nothing_shares_a_tile_and_all_stands_on_floor(drawn: Drawn):
    levels = drawn.levels["shifted"]
    n, height, width = levels.walls.shape
    tiles = np.concatenate([levels.agent[:, None], levels.places], axis=1)
    tiles = tiles[..., 0] * width + tiles[..., 1]
    assert all(len(set(row)) == 4 for row in tiles.tolist())
    floor = ~levels.walls.reshape(n, height * width)
    assert floor[np.arange(n)[:, None], tiles].all()


SMALL = ColorShape(size=7, num_colors=4)


@pytest.fixture(scope="module")
def pairs() -> list[tuple[tuple[int, int], Any]]:
    """Levels of every target, drawn by one program mapped over targets."""
    params = SMALL.params_with()
    targets = list(itertools.product(range(4), range(3)))

    @reference.jit_once
    @jax.vmap
    def draw(target: jax.Array, key: jax.Array) -> Any:
        changed = params.replace(target_color=target[0], target_shape=target[1])
        return SMALL.sample_levels(key, 400, changed, 0.5)

    keys = jax.random.split(jax.random.key(9), len(targets))
    levels = jax.tree.map(np.asarray, draw(jnp.array(targets, jnp.int32), keys))
    return [
        (target, jax.tree.map(lambda leaf, i=i: leaf[i], levels))
        for i, target in enumerate(targets)
    ]


def test_one_program_draws_every_target(pairs: list):
    for (color, shape), levels in pairs:
        assert (levels.colors[:, 0] == color).all()
        assert (levels.shapes[:, 0] == shape).all()


def test_look_alikes_have_any_other_colour_and_shape_all_pairs_alike(pairs: list):
    for (color, shape), levels in pairs:
        seen = levels.colors[:, 1] * 3 + levels.shapes[:, 1]
        counts = np.bincount(seen, minlength=12).reshape(4, 3)
        others = np.delete(np.delete(counts, color, axis=0), shape, axis=1)
        assert others.sum() == counts.sum()
        assert stats.chisquare(others.ravel()).pvalue > 1e-4


def test_alpha_is_the_probability_of_each_level(pairs: list):
    shifted = sum((levels.places[:, 1, 0] >= 0).sum() for _, levels in pairs)
    assert stats.binomtest(int(shifted), 400 * len(pairs), 0.5).pvalue > 1e-4


@pytest.mark.parametrize(
    ("name", "gone"),
    [("published", 0), ("split", 0), ("color_only", 2), ("shape_only", 1)],
)
def test_a_shift_takes_one_object_away(pairs: list, name: str, gone: int):
    shift = shifts_of(SMALL)[name]
    levels = jax.tree.map(jnp.asarray, pairs[0][1])
    after = jax.vmap(shift.edit, (0, None))(levels, SMALL.params_with())
    there = np.delete([0, 1, 2], gone)
    assert (after.places[:, gone] == -1).all()
    np.testing.assert_array_equal(after.places[:, there], levels.places[:, there])
    assert shift.alpha == 1


def test_the_split_is_clean_pairs_and_the_published_test_any():
    pools = [
        build_pool(SMALL, SMALL.params_with(), shifts_of(SMALL)[name], 64)
        for name in ("split", "published")
    ]
    for pool in pools:
        assert (pool.levels.places[:, 0] == -1).all()
        assert (pool.levels.places[:, 1:] >= 1).all()
    split, published = (np.asarray(pool.classes.clean) for pool in pools)
    assert split.all()
    assert not published.all()


@pytest.mark.parametrize("gone", ["*c", "*s", "*cs"])
def test_one_look_alike_alone_or_none_tells_nothing_apart(gone: str):
    text = ALL.translate(str.maketrans(gone, "." * len(gone)))
    found = ENV.classify(ENV.parse(text))
    assert found.label == AMBIGUOUS
    assert not found.clean


def test_a_solution_equals_a_search_of_all_action_sequences():
    params = SMALL.params_with()
    parts = [
        SMALL.sample_levels(jax.random.key(6), 15, params, 0.8, solvable)
        for solvable in (True, False)
    ]
    levels = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
    gone = levels.places.at[::5, 0].set(-1).at[1::5, 1].set(-1).at[2::5, 2].set(-1)
    levels = levels.replace(places=gone)
    solution = jax.vmap(SMALL.solve, (0, None))(levels, params)
    searched = reference.first_steps(SMALL, levels, params, 40)
    np.testing.assert_array_equal(solution.steps, searched)
    np.testing.assert_array_equal(solution.returns, searched > 0)
