"""Gymnasium's door leads into the same environments, in Gymnasium's own manners."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnax.environments import spaces
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mesagym.envs.corner import Corner
from mesagym.envs.gymnasium_door import (
    GymnasiumEnv,
    GymnasiumVectorEnv,
    gymnasium_space,
)
from mesagym.errors import UserError

PAGE = Path(__file__).parents[2] / "docs" / "doors.md"
N = 5
LIMIT = 6


@dataclass(frozen=True)
class Slippery(Corner):
    """The corner maze where every third move or so goes another way."""

    def transition(self, key: Any, state: Any, action: Any, params: Any) -> Any:
        key_slip, key_way = jax.random.split(key)
        way = jax.random.randint(key_way, (), 0, self.num_actions)
        slips = jax.random.uniform(key_slip) < 0.4
        return super().transition(key, state, jnp.where(slips, way, action), params)


@dataclass(frozen=True)
class Barren(Corner):
    """A maze none of whose shifted levels can be used."""

    def draw_level(self, key: Any, params: Any, alpha: Any, solvable: bool) -> Any:
        level, accepted = super().draw_level(key, params, alpha, solvable)
        return level, accepted & (jnp.asarray(alpha) == 0)


SLIPPERY = Slippery(size=5, layout="open")

APART = """
    #####
    #.#.#
    #...#
    #@.*#
    #####
"""


def assert_same(a: Any, b: Any) -> None:
    """Assert that two answers are of one type and equal, to the bit."""
    if isinstance(a, Mapping):
        assert a.keys() == b.keys()
        for name in a:
            assert_same(a[name], b[name])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, np.ndarray) and a.dtype == object:
        assert_same(list(a), list(b))
    else:
        assert type(a) is type(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)


def settings_of(env: Any) -> dict[str, Any]:
    """What an environment was made with."""
    return {field.name: getattr(env, field.name) for field in fields(env)}


def actions(env: Any, steps: int, seed: int = 0) -> np.ndarray:
    """Random actions, int64[steps, N]."""
    return np.random.default_rng(seed).integers(env.num_actions, size=(steps, N))


def make(env: Any = SLIPPERY, **settings: Any) -> GymnasiumEnv:
    return GymnasiumEnv(env, max_episode_steps=LIMIT, **settings)


def make_batch(env: Any = SLIPPERY, **settings: Any) -> GymnasiumVectorEnv:
    return GymnasiumVectorEnv(env, N, max_episode_steps=LIMIT, **settings)


def make_loop(env: Any, mode: AutoresetMode) -> SyncVectorEnv:
    """Gymnasium's own loop over single environments."""
    return SyncVectorEnv([lambda: make(env)] * N, autoreset_mode=mode)


# ------------------------------------------------------------- every environment


def test_gymnasium_makes_every_environment_by_its_name(name: str, env: Any):
    single = gymnasium.make(f"mesagym/{name}", **settings_of(env)).unwrapped
    batch = gymnasium.make_vec(f"mesagym/{name}", num_envs=3, **settings_of(env))
    assert isinstance(single, GymnasiumEnv)
    assert isinstance(batch, GymnasiumVectorEnv)
    assert single.environment == batch.environment == env
    assert batch.num_envs == 3


def test_gymnasiums_checker_finds_nothing_to_warn_of(name: str, env: Any):
    check_env(gymnasium.make(f"mesagym/{name}", **settings_of(env)).unwrapped)


def test_a_batch_does_what_gymnasiums_loop_of_single_ones_does(name: str, env: Any):
    ours, loop = make_batch(env), make_loop(env, AutoresetMode.NEXT_STEP)
    assert ours.metadata == loop.metadata
    assert ours.observation_space == loop.observation_space
    assert ours.action_space == loop.action_space
    assert_same(ours.reset(seed=3), loop.reset(seed=3))
    ended = np.zeros(N, dtype=bool)
    for action in actions(env, 2 * LIMIT + 3):
        assert_same(out := ours.step(action), loop.step(action))
        assert out[0] in ours.observation_space
        ended |= out[2] | out[3]
    assert ended.all()


def test_the_reward_is_the_weighted_sum_of_the_objectives_by_name(env: Any):
    weights = 2.0 ** jnp.arange(env.num_objectives)
    batch = make_batch(env, params=env.default_params.replace(weights=weights))
    batch.reset(seed=0)
    for action in actions(env, 3 * LIMIT):
        _, reward, _, _, infos = batch.step(action)
        paid = [infos["objectives"][name] for name in env.objective_names]
        wanted = np.asarray(weights) @ paid
        np.testing.assert_allclose(reward, wanted, rtol=1e-5, atol=1e-6)


# -------------------------------------------------------------------- autoreset


@pytest.fixture(scope="module")
def same_step() -> list[tuple[Any, ...]]:
    """What a batch in mode SAME_STEP answered, held to Gymnasium's loop."""
    ours = make_batch(autoreset_mode="SameStep")
    loop = make_loop(SLIPPERY, AutoresetMode.SAME_STEP)
    assert ours.metadata == loop.metadata
    assert_same(ours.reset(seed=1), loop.reset(seed=1))
    answers = []
    for action in actions(SLIPPERY, 4 * LIMIT):
        answers.append(ours.step(action))
        assert_same(answers[-1], loop.step(action))
    return answers


def test_starting_over_in_the_same_step_is_as_in_gymnasiums_loop(
    same_step: list[tuple[Any, ...]],
):
    terminated, truncated = (np.array([a[i] for a in same_step]) for i in (2, 3))
    assert terminated.any()
    assert truncated.any()
    assert not (terminated & truncated).any()


def test_the_last_info_of_an_episode_tells_what_its_last_step_paid(
    same_step: list[tuple[Any, ...]],
):
    for _, reward, terminated, truncated, infos in same_step:
        if (ended := terminated | truncated).any():
            paid = infos["final_info"]["objectives"]["cheese"]
            np.testing.assert_array_equal(paid[ended], reward[ended])
            np.testing.assert_array_equal(paid[ended], terminated[ended])
            np.testing.assert_array_equal(infos["_final_info"], ended)


def test_without_autoreset_a_mask_starts_over_as_in_gymnasiums_loop():
    ours = make_batch(autoreset_mode=AutoresetMode.DISABLED)
    loop = make_loop(SLIPPERY, AutoresetMode.DISABLED)
    assert_same(ours.reset(seed=2), loop.reset(seed=2))
    partly = 0
    for action in actions(SLIPPERY, 16 * LIMIT):
        assert_same(out := ours.step(action), loop.step(action))
        if (ended := out[2] | out[3]).any():
            partly += not ended.all()
            masks = [{"reset_mask": ended.copy()} for _ in range(2)]
            assert_same(ours.reset(options=masks[0]), loop.reset(options=masks[1]))
            assert masks[0].keys() == {"reset_mask"}
    assert partly


def test_without_autoreset_an_ended_episode_cannot_go_on():
    batch = make_batch(autoreset_mode="Disabled")
    batch.reset(seed=0)
    for _ in range(LIMIT):
        *_, terminations, truncations, _ = batch.step(np.ones(N, int))
        if (terminations | truncations).any():
            break
    with pytest.raises(ResetNeeded, match="reset_mask"):
        batch.step(np.ones(N, int))


def test_in_the_step_that_starts_over_nothing_is_paid_and_time_begins_anew():
    batch = make_batch()
    batch.reset(seed=4)
    over, seen = np.zeros(N, bool), 0
    for action in actions(SLIPPERY, 3 * LIMIT):
        _, reward, terminations, truncations, _ = batch.step(action)
        assert (reward[over] == 0).all()
        assert (np.asarray(batch.state.time)[over] == 0).all()
        assert not (terminations | truncations)[over].any()
        seen += over.sum()
        over = terminations | truncations
    assert seen > N


# ------------------------------------------------------------------------ seeds


def play(env: Any, seed: Any, options: Any = None) -> list[Any]:
    """The answers to a reset and to some steps."""
    answers = [env.reset(seed=seed, options=options)]
    batched = isinstance(env, GymnasiumVectorEnv)
    for action in actions(SLIPPERY, LIMIT):
        answers.append(env.step(action if batched else action[0]))
        if not batched and (answers[-1][2] or answers[-1][3]):
            answers.append(env.reset())
    return answers


@pytest.mark.parametrize("maker", [make, make_batch])
def test_the_same_seed_gives_the_same_episodes(maker: Callable[[], Any]):
    used = maker()
    play(used, 8)
    assert_same(play(used, 7), play(maker(), 7))


@pytest.mark.parametrize("maker", [make, make_batch])
def test_another_seed_gives_other_episodes(maker: Callable[[], Any]):
    first, second = play(maker(), 7), play(maker(), 8)
    with pytest.raises(AssertionError):
        assert_same(first, second)


@pytest.mark.parametrize("maker", [make, make_batch])
def test_a_reset_without_a_seed_goes_on_with_other_chances(maker: Callable[[], Any]):
    env = maker()
    levels = [str(env.reset(seed=7)[1]["level_index"])]
    levels += [str(env.reset()[1]["level_index"]) for _ in range(4)]
    assert len(set(levels)) == len(levels)
    assert_same(env.reset(seed=7)[1], env.reset(seed=7)[1])


@pytest.mark.parametrize("maker", [make, make_batch])
def test_environments_that_were_never_seeded_differ(maker: Callable[[], Any]):
    indices = [np.ravel(maker().reset()[1]["level_index"]) for _ in range(3)]
    assert len(np.unique(np.concatenate(indices))) > 1


@hypothesis_settings(max_examples=10)
@given(st.lists(st.integers(0, 2**70), min_size=N, max_size=N))
def test_a_list_of_seeds_gives_each_its_own(seeds: list[int]):
    batch = make_batch()
    obs, infos = batch.reset(seed=seeds)
    single = make()
    for i, seed in enumerate(seeds):
        one, info = single.reset(seed=seed)
        np.testing.assert_array_equal(obs[i], one)
        assert infos["level_index"][i] == info["level_index"]


def test_a_seed_that_is_none_leaves_that_one_its_chances():
    batch, other = make_batch(), make_batch()
    batch.reset(seed=0)
    other.reset(seed=0)
    on = other.reset()[1]["level_index"]
    mixed = batch.reset(seed=[None, 100, None, None, None])[1]["level_index"]
    assert mixed[1] == make().reset(seed=100)[1]["level_index"] != on[1]
    np.testing.assert_array_equal(np.delete(mixed, 1), np.delete(on, 1))


def test_each_step_and_each_environment_slips_by_chances_of_its_own():
    room = Slippery(size=9, layout="open")
    batch = make_batch(room)
    rows = ["#" * 9, "#*......#", *["#.......#"] * 2, "#...@...#"]
    rows += [*["#.......#"] * 3, "#" * 9]
    batch.reset(seed=0, options={"level": "\n".join(rows)})
    ways = []
    for _ in range(3):  # no further than the walls
        before = np.asarray(batch.state.agent)
        batch.step(np.full(N, 1))
        ways.append(np.asarray(batch.state.agent) - before)
    moves = np.array(ways)
    assert (moves != moves[:1]).any(), "every step of an environment went one way"
    assert (moves != moves[:, :1]).any(), "all environments went one way in every step"


# ---------------------------------------------------------------------- options


def test_a_level_may_be_a_text():
    obs, info = make().reset(seed=0, options={"level": APART})
    level = SLIPPERY.parse(APART)
    _, state = SLIPPERY.reset_to_level(jax.random.key(0), level)
    seen = SLIPPERY.observe(jax.random.key(0), state, None, SLIPPERY.default_params)
    np.testing.assert_array_equal(obs, seen)
    assert info["level_index"] == -1
    assert info["level_class"] == "distinguishing"
    assert info["level_clean"] is True


def test_a_level_may_be_a_level():
    level = SLIPPERY.parse(APART)
    from_text = make().reset(seed=0, options={"level": APART})
    assert_same(make().reset(seed=0, options={"level": level}), from_text)


def test_a_batch_starts_on_the_same_level_or_on_one_each():
    batch, level = make_batch(), SLIPPERY.parse(APART)
    for given_level in (APART, [APART] * N, [level, APART, level, APART, level]):
        obs, infos = batch.reset(seed=0, options={"level": given_level})
        assert (obs == obs[0]).all()
        assert list(infos["level_class"]) == ["distinguishing"] * N


@pytest.mark.parametrize("maker", [make, make_batch])
def test_a_level_by_hand_holds_for_one_episode(maker: Callable[[], Any]):
    env = maker()
    assert np.all(env.reset(seed=0, options={"level": APART})[1]["level_index"] == -1)
    assert np.all(env.reset()[1]["level_index"] >= 0)


@pytest.mark.parametrize("maker", [make, make_batch])
def test_alpha_draws_the_level_of_an_episode(maker: Callable[[], Any]):
    env = maker()
    classes = {0.0: [], 1.0: []}
    for alpha, found in classes.items():
        for seed in range(8):
            _, info = env.reset(seed=seed, options={"alpha": alpha})
            assert np.all(info["level_index"] == -1)
            found += np.ravel(info["level_class"]).tolist()
    assert set(classes[0.0]) == {"agreeing"}
    assert "distinguishing" in classes[1.0]


def test_a_batch_draws_by_alpha_what_the_single_one_draws():
    obs, infos = make_batch().reset(seed=5, options={"alpha": 0.5})
    for i in range(N):
        one, info = make().reset(seed=5 + i, options={"alpha": 0.5})
        np.testing.assert_array_equal(obs[i], one)
        assert infos["level_class"][i] == info["level_class"]


def test_alpha_given_to_make_shifts_the_pool():
    pools = [make(alpha=alpha).params.pool for alpha in (0.0, 1.0)]
    labels = [np.asarray(pool.classes.label) for pool in pools]
    assert (labels[0] == 0).all()
    assert (labels[1] == 2).mean() > 0.3


def test_none_is_no_option():
    given_none = make().reset(seed=0, options={"level": None, "alpha": None})
    assert_same(given_none, make().reset(seed=0))


# ---------------------------------------------------------------- what is handed over


@pytest.mark.parametrize("settings", [{"pixels": 3}, {"pixels": 1, "crop_radius": 1}])
def test_pictures_and_windows_come_through_the_door(settings: dict[str, int]):
    env = Corner(size=5, layout="open", **settings)
    check_env(gymnasium.make("mesagym/Corner-v0", **settings_of(env)).unwrapped)
    batch, loop = make_batch(env), make_loop(env, AutoresetMode.NEXT_STEP)
    obs, infos = batch.reset(seed=0)
    assert_same((obs, infos), loop.reset(seed=0))
    assert obs.shape == (N, *env.observation_shape)
    assert obs.max() > 1


def test_truth_values_are_a_box_of_bytes_and_pictures_stay():
    truth = gymnasium_space(spaces.Box(False, True, (2, 3), jnp.bool_))
    assert truth == gymnasium.spaces.Box(0, 1, (2, 3), np.uint8)
    picture = gymnasium_space(spaces.Box(0, 255, (2, 3, 3), jnp.uint8))
    assert picture == gymnasium.spaces.Box(0, 255, (2, 3, 3), np.uint8)
    assert gymnasium_space(spaces.Discrete(4)) == gymnasium.spaces.Discrete(4)


def test_a_batch_hands_over_arrays_that_are_the_learners_own():
    batch = make_batch()
    kept, _ = batch.reset(seed=0)
    first = kept.copy()
    for action in actions(SLIPPERY, 3):
        out = batch.step(action)
        for array in out[:4]:
            array[...] = 1
    np.testing.assert_array_equal(kept, first)
    twin = make_batch()
    twin.reset(seed=0)
    for action in actions(SLIPPERY, 4):
        wanted = twin.step(action)
    assert_same(batch.step(actions(SLIPPERY, 4)[-1]), wanted)


def test_what_a_learner_writes_into_an_observation_stays_with_the_learner():
    batch = make_batch()
    batch.reset(seed=0)
    obs, *_ = batch.step(np.ones(N, int))
    kept = obs.copy()
    obs[...] = 1
    first_only = np.arange(N) == 0
    again, _ = batch.reset(options={"reset_mask": first_only})
    np.testing.assert_array_equal(again[1:], kept[1:])


def test_a_picture_is_the_environments_own():
    env = make(render_mode="rgb_array", tile=4)
    env.reset(seed=0)
    picture = env.render()
    assert picture is not None
    np.testing.assert_array_equal(
        picture, SLIPPERY.render(env.state, env.params, tile=4)
    )


def test_a_batch_renders_each_of_its_members():
    batch = make_batch(render_mode="rgb_array", tile=4)
    batch.reset(seed=0)
    pictures = batch.render()
    assert pictures is not None
    assert len(pictures) == N
    single = make(render_mode="rgb_array", tile=4)
    single.reset(seed=2)
    np.testing.assert_array_equal(pictures[2], single.render())


@pytest.mark.parametrize("maker", [make, make_batch])
def test_nothing_is_rendered_unless_asked_for(maker: Callable[[], Any]):
    env = maker()
    env.reset(seed=0)
    assert env.render() is None


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize("maker", [make, make_batch])
def test_a_step_needs_a_reset_first(maker: Callable[[], Any]):
    with pytest.raises(ResetNeeded, match="reset"):
        maker().step(maker().action_space.sample())


def test_an_episode_that_ended_needs_a_reset():
    env = make()
    env.reset(seed=0)
    for _ in range(LIMIT):
        _, _, terminated, truncated, _ = env.step(1)
        if terminated or truncated:
            break
    with pytest.raises(ResetNeeded, match="reset"):
        env.step(1)


@pytest.mark.parametrize("action", [4, -1, 0.5, "up", [0], None, True])
def test_what_is_no_action_is_an_error(action: Any):
    env = make()
    env.reset(seed=0)
    with pytest.raises(UserError, match=r"^action: "):
        env.step(action)


@pytest.mark.parametrize("wrong", [[0] * (N - 1), [0] * (N - 1) + [4], 0, [0.0] * N])
def test_what_are_no_actions_of_a_batch_is_an_error(wrong: Any):
    batch = make_batch()
    batch.reset(seed=0)
    with pytest.raises(UserError, match=r"^action: "):
        batch.step(wrong)


@pytest.mark.parametrize("maker", [make, make_batch])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": APART}, r"^options: no option 'levels'.*'level'"),
        ({"alpha": 1.5}, r"^env\.alpha: 1.5 "),
        ({"alpha": float("nan")}, r"^env\.alpha: nan "),
        ({"alpha": "half"}, r"^env\.alpha: 'half' "),
        ({"alpha": 0.5, "level": APART}, "exclude one another"),
        ({"level": "#####"}, "^level: "),
        ({"level": 3}, r"^options\.level: .*5x5 Slippery"),
        ({"level": Corner(size=7).default_params.pool.levels}, r"^options\.level: "),
    ],
)
def test_a_wrong_option_is_an_error_of_one_line(
    maker: Callable[[], Any], options: Any, message: str
):
    with pytest.raises(UserError, match=message) as error:
        maker().reset(seed=0, options=options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("maker", [make, make_batch])
def test_an_alpha_that_allows_no_level_is_an_error(maker: Callable[..., Any]):
    barren = Barren(size=5, layout="open")
    env = maker(barren)
    env.reset(seed=0, options={"alpha": 0.0})
    before = env.state
    with pytest.raises(UserError, match=r"^env\.alpha: no level of 5x5 .* at 1.0"):
        env.reset(options={"alpha": 1.0})
    assert env.state is before
    with pytest.raises(UserError, match=r"^env: no level of 5x5 tiles"):
        maker(barren, alpha=1.0)


@pytest.mark.parametrize(
    "mask", [[True] * (N - 1), [False] * N, [1] * N, np.ones((N, 1), bool)]
)
def test_a_wrong_mask_is_an_error(mask: Any):
    batch = make_batch()
    batch.reset(seed=0)
    with pytest.raises(UserError, match=r"^options\.reset_mask: "):
        batch.reset(options={"reset_mask": mask})


def test_a_mask_needs_a_reset_of_all_first():
    with pytest.raises(ResetNeeded, match="without a mask"):
        make_batch().reset(options={"reset_mask": [True] * N})


def test_a_list_that_does_not_fit_the_batch_is_an_error():
    with pytest.raises(UserError, match=r"^seed: 2 seeds for 5"):
        make_batch().reset(seed=[1, 2])
    with pytest.raises(UserError, match=r"^options\.level: 2 levels for 5"):
        make_batch().reset(options={"level": [APART, APART]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"env": "Cornr-v0"}, "^env: unknown environment"),
        ({"env": "Corner-v0", "sise": 7}, r"^env\.sise: .*'size'"),
        ({"env": SLIPPERY, "size": 7}, r"^env\.size: the environment is made"),
        ({"env": SLIPPERY, "alpha": -0.1}, r"^env\.alpha: -0.1 "),
        ({"env": SLIPPERY, "max_episode_steps": 0}, r"^env\.max_episode_steps: 0 "),
        ({"env": SLIPPERY, "render_mode": "rgb"}, r"^env\.render_mode: .*'rgb_array'"),
    ],
)
def test_a_wrong_setting_is_an_error_of_one_line(settings: Any, message: str):
    for maker in (GymnasiumEnv, GymnasiumVectorEnv):
        with pytest.raises(UserError, match=message) as error:
            maker(**settings)
        assert "\n" not in str(error.value)


def test_a_batch_without_members_or_of_an_unknown_mode_is_an_error():
    with pytest.raises(UserError, match=r"^env\.num_envs: 0 "):
        GymnasiumVectorEnv(SLIPPERY, 0)
    with pytest.raises(UserError, match=r"^env\.autoreset_mode: .*'SameStep'"):
        GymnasiumVectorEnv(SLIPPERY, 1, autoreset_mode="same_step")


# ------------------------------------------------------------------------ the page

# The last block trains; tests/envs/test_outside_learner.py runs it.
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)[:-1]


@pytest.mark.parametrize("code", BLOCKS, ids=["gymnax", "single", "vector"])
def test_what_the_page_about_doors_shows_runs(code: str):
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert "mesagym" in names


def test_what_the_page_says_is_paid_is_paid(capsys: pytest.CaptureFixture[str]):
    exec(compile(BLOCKS[0], str(PAGE), "exec"), {})
    printed = capsys.readouterr().out.strip()
    assert re.search(r"print\(paid\)  # (.*)", BLOCKS[0])[1] == printed
