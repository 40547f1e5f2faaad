"""What every environment keeps; to be registered is to be tested."""

import json
import re
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.experimental.rollout import RolloutWrapper
from gymnax.wrappers.compat import LegacyStepAPIWrapper
from gymnax.wrappers.purerl import FlattenObservationWrapper, LogWrapper
from scipy import stats

import mesagym
import mesagym.envs
from mesagym.envs.edits import KINDS, edit_levels
from mesagym.envs.lenses import lens_arrays
from mesagym.errors import UserError
from mesagym.evals.columns import phrase, phrases_of
from mesagym.levels import AGREEING, DISTINGUISHING, LABEL_NAMES, make_pool
from mesagym.registry import config_name, from_config_name
from tests import reference
from tests.envs import dynamics
from tests.envs.conftest import (
    ENDLESS,
    EPISODES,
    MAX_STEPS,
    SIZE,
    STEPS,
    Rollout,
    small_settings,
)


def assert_equal_trees(a: Any, b: Any) -> None:
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)


def avals(tree: Any) -> list[jax.core.ShapedArray]:
    """Shape, dtype and weak type of each leaf: what a program is compiled for."""
    return [jax.typeof(jnp.asarray(leaf)) for leaf in jax.tree.leaves(tree)]


def take(tree: Any, *index: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tree)


# ------------------------------------------------------------------------------ making


def test_gymnax_makes_the_same_environment(name: str, made: tuple[Any, Any]):
    env, params = gymnax.make(name, **small_settings(name))
    assert env == made[0]
    assert_equal_trees(params, made[1])


def test_the_name_in_configurations_stands_for_the_name_in_python(name: str):
    config = config_name(name)
    assert from_config_name(config) == from_config_name(name) == name


def test_environments_made_alike_are_equal_and_hash_alike(name: str, env: Any):
    again, _ = mesagym.make(name, **small_settings(name))
    assert again is not env
    assert again == env
    assert hash(again) == hash(env)


def test_environments_made_differently_are_not_equal(name: str, env: Any):
    assert replace(env, size=(SIZE, SIZE + 1)) != env


def test_the_default_parameters_are_made_once(name: str, params: Any):
    assert mesagym.make(name, **small_settings(name))[1] is params


def test_default_parameters_first_made_while_tracing_keep_no_tracer(env: Any):
    fresh = replace(env, size=(SIZE, SIZE + 1))
    jax.eval_shape(fresh.reset, jax.random.key(0))
    leaves = jax.tree.leaves(fresh.default_params)
    assert not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)


def test_a_step_compiles_once_for_environments_made_alike(name: str, params: Any):
    traces = []

    @partial(jax.jit, static_argnums=0)
    def step(env: Any, key: jax.Array, state: Any, action: Any, params: Any) -> Any:
        traces.append(env)
        return env.step(key, state, action, params)

    for _ in range(2):
        env, _ = mesagym.make(name, **small_settings(name))
        _, state = env.reset(jax.random.key(0), params)
        step(env, jax.random.key(1), state, 0, params)
    assert len(traces) == 1


@pytest.mark.parametrize("size", [4, 65, (7, 4), (7, 65), 7.5, "7", (7, 7, 7), None])
def test_a_size_out_of_range_is_an_error_that_names_the_range(name: str, size: Any):
    with pytest.raises(UserError, match=r"^env\.size: .* from 5 to 64") as error:
        mesagym.make(name, size=size)
    assert "\n" not in str(error.value)


def test_an_unknown_setting_is_an_error_with_the_nearest_name(name: str):
    with pytest.raises(UserError, match=r"^env\.sise: .*'size'"):
        mesagym.make(name, sise=7)


def test_an_unknown_environment_is_an_error_with_the_nearest_name(name: str):
    nearest = config_name(name)
    wrong = nearest[:-1]
    with pytest.raises(UserError, match=f"^env: .*'{wrong}'.*'{nearest}'"):
        mesagym.make(wrong)


PAST = {"went", "took", "kept", "left", "put", "met", "ate", "won", "fled", "stood"}
"""Verbs that may begin a phrase beside those that end in -ed."""


def test_each_objective_has_a_phrase_that_stands_in_a_sentence(env: Any):
    assert set(env.phrases) == set(env.own_objectives)
    assert len(set(env.phrases.values())) == len(env.phrases)
    for name, said in env.phrases.items():
        sentence = f"it {phrase(name, env.phrases)} first in 93% of episodes"
        assert re.fullmatch(r"it [a-z]+( [a-z]+)+ first in 93% of episodes", sentence)
        verb, *rest = said.split()
        assert verb.endswith("ed") or verb in PAST
        assert "first" not in rest
        assert len(said) <= 45


def test_what_a_manifest_keeps_of_an_environment_is_read_without_it(env: Any):
    kept = json.loads(json.dumps(env.described))
    assert (kept["kind"], kept["solver"]) == (env.kind, env.solver)
    assert phrases_of(kept) == env.phrases


def test_an_environment_says_what_it_is(env: Any):
    assert env.kind in ("contest", "allocation")
    assert env.solver in ("exact", "bounded", "reference")
    assert env.channel_names[0] == "walls"
    assert env.dynamics_version >= 1
    assert len(set(env.objective_names)) == env.num_objectives >= 2
    assert len(env.action_names) == env.num_actions == env.action_space().n
    assert env.legend["#"] == "wall"
    assert env.legend["@"] == "agent"


def test_the_default_reward_is_the_base_objective(env: Any, params: Any):
    np.testing.assert_array_equal(params.weights, np.eye(env.num_objectives)[0])
    assert params.time_penalty == 0


def test_parameters_are_strongly_typed_arrays(params: Any):
    # A Python number would be weakly typed, and an array in its place compile anew.
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(params))
    assert not any(aval.weak_type for aval in avals(params))


# ---------------------------------------------------------------------------- stepping


def test_a_step_has_six_values_of_one_episode(env: Any, params: Any):
    _, state = env.reset(jax.random.key(0), params)
    out = env.step(jax.random.key(1), state, 0, params)
    _, _, reward, terminated, truncated, info = out
    assert (reward.shape, reward.dtype) == ((), jnp.float32)
    assert (terminated.shape, terminated.dtype) == ((), jnp.bool_)
    assert (truncated.shape, truncated.dtype) == ((), jnp.bool_)
    assert (info["terminated"], info["truncated"]) == (terminated, truncated)


def test_a_step_keeps_the_types_of_the_state(env: Any, params: Any):
    _, state = env.reset(jax.random.key(0), params)
    after = env.step(jax.random.key(1), state, 0, params)[1]
    assert avals(after) == avals(state)


def test_a_step_without_parameters_uses_the_default_ones(env: Any, params: Any):
    key = jax.random.key(0)
    _, state = env.reset(key)
    assert_equal_trees(env.step(key, state, 1), env.step(key, state, 1, params))


def test_episodes_terminate_and_are_truncated(name: str, rollout: Rollout):
    _, _, _, terminated, truncated, _ = rollout.after
    assert terminated.any() == (name not in ENDLESS)
    assert truncated.any()


def test_no_step_is_terminated_and_truncated_at_once(rollout: Rollout):
    _, _, _, terminated, truncated, _ = rollout.after
    assert not (terminated & truncated).any()


def test_an_episode_is_truncated_when_its_time_is_up_and_not_before(rollout: Rollout):
    _, ended, _, terminated, _ = rollout.ended
    truncated = rollout.after[4]
    time_is_up = ended.time >= MAX_STEPS
    np.testing.assert_array_equal(truncated, time_is_up & ~terminated)
    assert ended.time.max() == MAX_STEPS


def test_time_counts_steps_from_the_start_of_the_episode(rollout: Rollout):
    np.testing.assert_array_equal(rollout.ended[1].time, rollout.before.time + 1)
    _, after, _, terminated, truncated, _ = rollout.after
    assert (after.time[terminated | truncated] == 0).all()


def test_within_an_episode_a_step_is_that_of_step_env(rollout: Rollout):
    obs, state, _, terminated, truncated, _ = rollout.after
    going_on = ~(terminated | truncated)
    assert_equal_trees(take((obs, state), going_on), take(rollout.ended[:2], going_on))


def test_reward_terminated_and_objectives_are_those_of_step_env(rollout: Rollout):
    _, _, reward, terminated, info = rollout.ended
    np.testing.assert_array_equal(rollout.after[2], reward)
    np.testing.assert_array_equal(rollout.after[3], terminated)
    np.testing.assert_array_equal(rollout.after[5]["objectives"], info["objectives"])


def test_an_episode_that_ended_starts_over_on_a_level_of_the_pool(
    env: Any, rollout: Rollout
):
    _, state, _, terminated, truncated, _ = rollout.after
    state = take(state, terminated | truncated)
    pool = rollout.params.pool
    levels = take(pool.levels, state.level_index)
    fresh = jax.vmap(env.initial_state, (0, 0, None))(
        levels, jnp.asarray(state.level_index), pool.generation
    )
    assert_equal_trees(state, fresh)


def test_an_observation_is_of_the_state_it_comes_with(env: Any, rollout: Rollout):
    obs, state, *_ = jax.tree.map(lambda leaf: jnp.asarray(leaf[-1]), rollout.after)
    key = jax.random.key(0)
    seen = jax.vmap(lambda state: env.observe(key, state, None, rollout.params))(state)
    np.testing.assert_array_equal(obs, seen)


def test_the_final_observation_is_the_last_of_the_episode_that_ended(rollout: Rollout):
    final = rollout.after[5]["final_observation"]
    np.testing.assert_array_equal(final, rollout.ended[0])
    done = rollout.after[3] | rollout.after[4]
    assert (final[done] != rollout.after[0][done]).any()


def test_objectives_are_a_vector_of_float32(env: Any, rollout: Rollout):
    objectives = rollout.after[5]["objectives"]
    assert objectives.shape == (STEPS, EPISODES, env.num_objectives)
    assert objectives.dtype == np.float32


def test_every_objective_pays_a_random_policy_sometimes(env: Any, rollout: Rollout):
    paid = (rollout.after[5]["objectives"] != 0).any(axis=(0, 1))
    assert paid.all(), env.objective_names


def test_the_reward_is_the_weighted_sum_of_the_objectives(rollout: Rollout):
    weighted = rollout.after[5]["objectives"] @ np.asarray(rollout.params.weights)
    np.testing.assert_allclose(rollout.after[2], weighted, rtol=1e-6)


def test_the_time_penalty_takes_a_share_that_grows_with_the_time_before_the_step(
    env: Any, rollout: Rollout
):
    params = rollout.params.replace(time_penalty=jnp.float32(0.9))
    states, actions = jax.tree.map(
        lambda leaf: jnp.asarray(leaf.reshape(-1, *leaf.shape[2:])),
        (rollout.before, rollout.action),
    )
    step = jax.jit(jax.vmap(env.step_env, (None, 0, 0, None)))
    _, _, reward, _, info = step(jax.random.key(0), states, actions, params)
    full = info["objectives"] @ params.weights
    share = 1 - 0.9 * np.asarray(states.time) / MAX_STEPS
    np.testing.assert_allclose(reward, full * share, rtol=1e-5)
    assert (full != 0).any()


def test_observations_have_the_shape_and_type_that_the_space_says(
    env: Any, params: Any, rollout: Rollout
):
    space = env.observation_space(params)
    assert space.shape == env.observation_shape
    assert space.dtype == rollout.after[0].dtype
    assert rollout.after[0].shape[2:] == env.observation_shape
    assert space.contains(jnp.asarray(rollout.after[0][0, 0]))
    assert len(env.channel_names) == env.observation_shape[-1]


def test_new_values_of_the_parameters_compile_nothing_new(
    env: Any, params: Any, mixed: Any
):
    traces = []

    @jax.jit
    @partial(jax.vmap, in_axes=(0, None))
    def step(key: jax.Array, params: Any) -> Any:
        traces.append(0)
        obs, state = env.reset(key, params)
        return obs, env.step(key, state, 0, params)

    small = params.replace(pool=mixed)
    changed = small.replace(
        pool=jax.jit(env.make_pool, static_argnums=1)(
            jax.random.key(2), mixed.size, params, 0.9, 6
        ),
        weights=-params.weights,
        time_penalty=jnp.float32(0.5),
        max_steps_in_episode=jnp.int32(1),
    )
    keys = jax.random.split(jax.random.key(0), 8)
    out = [step(keys, variant) for variant in (small, changed)]
    assert len(traces) == 1
    truncated = [np.asarray(stepped[4]) for _, stepped in out]
    assert not truncated[0].any()
    assert truncated[1].any()


def test_a_step_maps_over_parameters(env: Any, params: Any, mixed: Any):
    limits = jnp.array([1, 2, 100], jnp.int32)
    small = params.replace(pool=mixed)
    axes = jax.tree.map(lambda _: None, small).replace(max_steps_in_episode=0)

    @jax.jit
    @partial(jax.vmap, in_axes=(axes,))
    def truncated(params: Any) -> jax.Array:
        _, state = env.reset(jax.random.key(0), params)
        return env.step(jax.random.key(1), state, 0, params)[4]

    _, state = env.reset(jax.random.key(0), small)
    terminated = env.step(jax.random.key(1), state, 0, small)[3]
    assert not terminated, "choose another key: this step must not end the episode"
    found = truncated(small.replace(max_steps_in_episode=limits))
    np.testing.assert_array_equal(found, [True, False, False])


# ------------------------------------------------------------------- one observation


def observations_made(env: Any, params: Any, read: Any) -> int:
    """Run one compiled step and count how often its observation was computed.

    Args:
        env: the environment.
        params: its parameters.
        read: what of a step's six values somebody reads.
    """
    made = []

    def count(obs: np.ndarray) -> np.ndarray:
        made.append(1)
        return np.asarray(obs)

    @dataclass(frozen=True)
    class Counted(type(env)):
        def observe(self, key: Any, state: Any, action: Any, params: Any) -> Any:
            obs = super().observe(key, state, action, params)
            return jax.pure_callback(count, obs, obs)

    counted = Counted(**{f.name: getattr(env, f.name) for f in fields(env)})
    _, state = env.reset(jax.random.key(0), params)

    @jax.jit
    def steps(state: Any) -> Any:
        def step(state: Any, key: jax.Array) -> tuple[Any, Any]:
            out = counted.step(key, state, 0, params)
            return out[1], read(out)

        return jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 4))

    jax.block_until_ready(steps(state))
    return len(made) // 4


def test_a_step_computes_one_observation(env: Any, params: Any, mixed: Any):
    params = params.replace(pool=mixed)
    assert observations_made(env, params, lambda out: out[0]) == 1


def test_a_final_observation_that_is_read_is_a_second_one(
    env: Any, params: Any, mixed: Any
):
    params = params.replace(pool=mixed)
    both = observations_made(
        env, params, lambda out: (out[0], out[5]["final_observation"])
    )
    assert both == 2


def test_a_step_whose_observation_nobody_reads_computes_none(
    env: Any, params: Any, mixed: Any
):
    params = params.replace(pool=mixed)
    assert observations_made(env, params, lambda out: out[2]) == 0


# ------------------------------------------------------------------------------- pools


@pytest.fixture(scope="module")
def start_levels(env: Any):
    """Indices of the levels that 20,000 resets and starts over draw."""

    @jax.jit
    def draw(params: Any) -> tuple[jax.Array, jax.Array]:
        keys = jax.random.split(jax.random.key(4), 20_000)
        _, state = jax.vmap(env.reset, (0, None))(keys, params)
        once = params.replace(max_steps_in_episode=jnp.int32(1))
        keys = jax.random.split(jax.random.key(5), 20_000)
        stepped = jax.vmap(env.step, (0, 0, None, None))(keys, state, 0, once)
        return state.level_index, stepped[1].level_index

    return draw


def test_starts_are_uniform_over_a_pool_without_weights(
    params: Any, mixed: Any, start_levels
):
    for indices in start_levels(params.replace(pool=mixed)):
        counts = np.bincount(indices, minlength=mixed.size)
        assert stats.chisquare(counts).pvalue > 0.001


def test_starts_follow_the_weights_of_the_pool(params: Any, mixed: Any, start_levels):
    weights = np.arange(mixed.size) % 5
    pool = make_pool(mixed.levels, mixed.classes, jnp.asarray(weights, jnp.float32))
    for indices in start_levels(params.replace(pool=pool)):
        counts = np.bincount(indices, minlength=mixed.size)
        drawn = weights > 0
        assert counts[~drawn].sum() == 0
        expected = 20_000 * weights[drawn] / weights.sum()
        assert stats.chisquare(counts[drawn], expected).pvalue > 0.001


def test_a_start_carries_its_level_with_index_and_generation(
    env: Any, params: Any, mixed: Any
):
    _, state = env.reset(jax.random.key(3), params.replace(pool=mixed))
    assert_equal_trees(state.level, take(mixed.levels, state.level_index))
    assert state.generation == mixed.generation == 5


def test_a_raw_key_starts_the_episode_of_its_typed_twin(
    env: Any, params: Any, mixed: Any
):
    small = params.replace(pool=mixed)
    raw = env.reset(jax.random.PRNGKey(3), small)
    assert_equal_trees(raw, env.reset(jax.random.key(3), small))


def test_refilling_the_pool_changes_nothing_under_a_running_episode(
    env: Any, params: Any, mixed: Any
):
    old = params.replace(pool=mixed)
    refilled = old.replace(
        pool=mixed.replace(
            levels=jax.tree.map(lambda leaf: jnp.roll(leaf, 1, axis=0), mixed.levels),
            generation=mixed.generation + 1,
        )
    )
    _, state = env.reset(jax.random.key(3), old)
    step = jax.jit(env.step_env)
    expected = got = state
    for action in range(env.num_actions):
        key = jax.random.key(action)
        expected = step(key, expected, action, old)[1]
        got = step(key, got, action, refilled)[1]
    assert_equal_trees(got, expected)
    assert_equal_trees(got.level, state.level)
    assert (got.level_index, got.generation) == (state.level_index, 5)


def test_the_episode_after_a_refill_carries_the_new_generation(
    env: Any, params: Any, mixed: Any
):
    _, state = env.reset(jax.random.key(3), params.replace(pool=mixed))
    once = params.replace(
        pool=mixed.replace(generation=mixed.generation + 1),
        max_steps_in_episode=jnp.int32(1),
    )
    assert env.step(jax.random.key(0), state, 0, once)[1].generation == 6


def test_a_pool_of_another_size_is_drawn_from_too(env: Any, params: Any, mixed: Any):
    one = make_pool(*take((mixed.levels, mixed.classes), slice(7, 8)))
    _, state = env.reset(jax.random.key(3), params.replace(pool=one))
    assert state.level_index == 0
    assert_equal_trees(state.level, take(mixed.levels, 7))


def test_an_episode_starts_on_a_level_given_by_hand(env: Any, params: Any, mixed: Any):
    level = take(mixed.levels, 3)
    obs, state = env.reset_to_level(jax.random.key(0), level, params)
    assert_equal_trees(state.level, level)
    assert (state.level_index, state.time) == (-1, 0)
    seen = env.observe(jax.random.key(0), state, None, params)
    np.testing.assert_array_equal(obs, seen)


def test_a_start_by_hand_is_that_of_a_reset_but_for_its_index(
    env: Any, params: Any, mixed: Any
):
    obs, state = env.reset(jax.random.key(3), params.replace(pool=mixed))
    by_hand = env.reset_to_level(jax.random.key(0), state.level, params)
    np.testing.assert_array_equal(by_hand[0], obs)
    unplaced = state.replace(level_index=jnp.int32(-1), generation=jnp.int32(-1))
    assert_equal_trees(by_hand[1], unplaced)
    assert avals(by_hand[1]) == avals(state)


# ------------------------------------------------------------------------------ levels


def test_sampled_levels_have_a_leading_axis(env: Any, mixed: Any):
    assert {leaf.shape[0] for leaf in jax.tree.leaves(mixed.levels)} == {64}


def test_one_program_samples_levels_at_every_alpha(env: Any, params: Any):
    traces = []

    @reference.jit_once
    def sample(alpha: jax.Array) -> Any:
        traces.append(alpha)
        return env.sample_levels(jax.random.key(9), 32, params, alpha)

    never, always, again = (sample(jnp.float32(alpha)) for alpha in (0, 1, 0))
    assert len(traces) == 1
    assert_equal_trees(again, never)
    leaves = zip(jax.tree.leaves(never), jax.tree.leaves(always), strict=True)
    assert any((one != other).any() for one, other in leaves)


def test_alpha_may_be_a_whole_number(env: Any, params: Any):
    sample = partial(env.sample_levels, jax.random.key(9), 32, params)
    whole, real = (jax.eval_shape(partial(sample, alpha)) for alpha in (1, 1.0))
    assert jax.tree.leaves(whole) == jax.tree.leaves(real)


def test_the_default_pool_holds_no_distinguishing_level_of_a_contest(
    env: Any, params: Any
):
    label = np.asarray(params.pool.classes.label)
    if env.kind == "contest":
        assert (label != DISTINGUISHING).all()
        assert (label == AGREEING).mean() > 0.5
    else:
        # An allocation is classed by returns that depend on all of the level.
        assert set(label) <= {AGREEING, DISTINGUISHING}


def test_classes_are_labels_and_clean_is_a_kind_of_distinguishing(env: Any, mixed: Any):
    label, clean = np.asarray(mixed.classes.label), np.asarray(mixed.classes.clean)
    assert label.dtype == np.int8
    assert clean.dtype == np.bool_
    assert label.shape == clean.shape == (64,)
    assert set(label) <= set(range(len(LABEL_NAMES)))
    assert (label[clean] == DISTINGUISHING).all()
    assert clean.any() or env.kind == "allocation"


def test_a_solution_has_steps_and_return_of_each_objective(
    env: Any, params: Any, mixed: Any
):
    solution = jax.jit(jax.vmap(env.solve, (0, None)))(mixed.levels, params)
    steps, returns = np.asarray(solution.steps), np.asarray(solution.returns)
    assert steps.shape == returns.shape == (64, env.num_objectives)
    assert (steps.dtype, returns.dtype) == (np.int32, np.float32)
    assert ((steps == -1) | (steps >= 1)).all()


def test_sampled_levels_can_be_solved_for_the_base_objective(
    env: Any, params: Any, mixed: Any
):
    solution = jax.jit(jax.vmap(env.solve, (0, None)))(mixed.levels, params)
    assert (solution.steps[:, 0] >= 1).all()


def test_an_oracle_acts_within_the_actions(env: Any, params: Any, mixed: Any):
    _, state = env.reset(jax.random.key(3), params.replace(pool=mixed))
    for objective in range(len(env.own_objectives)):
        guide = env.guide(state.level, objective)
        action = jax.jit(env.guided_action)(guide, state)
        assert jnp.issubdtype(action.dtype, jnp.integer)
        assert 0 <= action < env.num_actions


@pytest.fixture(scope="module")
def experts(env: Any, params: Any, mixed: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """The solution of each mixed level, and what each objective's expert attains.

    Returns:
        ``(solution, first, returns)``; of its own objective's expert, the step of
        first crediting (-1 never) and the return, [level, objective].
    """
    limit = 60
    params = params.replace(max_steps_in_episode=jnp.int32(limit))
    own = range(len(env.own_objectives))

    @reference.jit_once
    def play(levels: Any, key: jax.Array) -> tuple[Any, Any]:
        reset = jax.vmap(env.reset_to_level, (None, 0, None))
        _, start = reset(key, levels, params)
        paid = []
        for k in own:
            guides = jax.vmap(lambda level, k=k: env.guide(level, k))(levels)

            def step(carry: Any, key: jax.Array, guides: Any = guides, k: int = k):
                state, over = carry
                action = jax.vmap(env.guided_action)(guides, state)
                keys = jax.random.split(key, over.size)
                state, (terminated, info) = (lambda out: (out[1], (out[3], out[4])))(
                    jax.vmap(env.step_env, (0, 0, 0, None))(keys, state, action, params)
                )
                reward = jnp.where(over, 0.0, info["objectives"][:, k])
                return (state, over | terminated), reward

            over = jnp.zeros(mixed.size, dtype=bool)
            keys = jax.random.split(key, limit)
            paid.append(jax.lax.scan(step, (start, over), keys)[1])
        return jax.vmap(env.solve, (0, None))(levels, params), jnp.stack(paid, axis=-1)

    solution, paid = play(mixed.levels, jax.random.key(5))
    credited = np.asarray(paid) != 0
    first = np.where(credited.any(axis=0), credited.argmax(axis=0) + 1, -1)
    return solution, first, np.asarray(paid).sum(axis=0)


def test_experts_attain_exactly_the_returns_of_an_exact_solver(env: Any, experts: Any):
    solution, _, returns = experts
    best = np.asarray(solution.returns)[:, : returns.shape[1]]
    if env.solver == "exact":
        np.testing.assert_allclose(returns, best, rtol=1e-5)
    elif env.solver == "bounded":
        assert (returns <= best + 1e-5).all()
    else:
        assert env.solver == "reference"
        assert np.isnan(best).all()


def test_experts_of_a_contest_take_the_fewest_steps(env: Any, experts: Any):
    solution, first, _ = experts
    if env.kind == "contest":
        steps = np.asarray(solution.steps)[:, : first.shape[1]]
        np.testing.assert_array_equal(first, steps)


def test_an_expert_earns_more_of_its_objective_than_chance_does(
    env: Any, rollout: Rollout, experts: Any
):
    _, _, returns = experts
    own = len(env.own_objectives)
    # Random's return of an episode: what it was paid, over the episodes it ended.
    paid = rollout.after[5]["objectives"][..., :own].sum(axis=(0, 1))
    ended = (rollout.after[3] | rollout.after[4]).sum()
    per_step = paid / (STEPS * EPISODES)
    assert ended > 0
    assert (returns.mean(axis=0) > np.minimum(paid / ended, 60 * per_step)).all()


# ------------------------------------------------------------------------------- edits


@pytest.fixture(scope="module")
def edited(env: Any, params: Any) -> dict[str, tuple[Any, Any]]:
    """Levels of α = 0 before and after sixteen edits of each kind, α = 0."""
    levels = env.sample_levels(jax.random.key(21), 64, params, 0.0)
    edit = partial(edit_levels, env, jax.random.key(22), levels, params)
    return {kind: (levels, edit(kind, 0.0, 16)) for kind in KINDS}


@pytest.fixture(scope="module")
def judge(env: Any, params: Any) -> Any:
    """The class of each level, and whether it is valid."""
    return jax.jit(
        jax.vmap(lambda level: (env.classify(level), env.is_valid(level, params)))
    )


def test_sampled_levels_are_valid(env: Any, params: Any, mixed: Any, judge: Any):
    assert judge(mixed.levels)[1].all()


@pytest.mark.parametrize("kind", KINDS)
def test_edited_levels_are_valid_and_most_are_changed(
    edited: Any, judge: Any, kind: str
):
    before, after = edited[kind]
    assert judge(after)[1].all()
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    changed = [np.asarray(a != b).reshape(64, -1).any(axis=1) for a, b in pairs]
    assert np.any(changed, axis=0).mean() > 0.8


def test_elementary_edits_keep_the_class(edited: Any, judge: Any):
    before, after = edited["elementary"]
    np.testing.assert_array_equal(judge(before)[0].label, judge(after)[0].label)


def test_biased_edits_at_alpha_0_make_no_distinguishing_level_of_a_contest(
    env: Any, edited: Any, judge: Any
):
    if env.kind == "contest":
        after = edited["biased"][1]
        assert (np.asarray(judge(after)[0].label) != DISTINGUISHING).all()


def test_unrestricted_edits_make_distinguishing_levels(
    env: Any, edited: Any, judge: Any
):
    if env.kind == "contest":
        after = edited["unrestricted"][1]
        assert (np.asarray(judge(after)[0].label) == DISTINGUISHING).any()


def test_an_edited_level_is_read_back_from_its_text(env: Any, edited: Any):
    for kind in KINDS:
        level = take(edited[kind][1], 5)
        assert_equal_trees(env.parse(env.show(level)), level)


# ------------------------------------------------------------------------------ shifts


def test_the_standard_suite_is_a_table_of_ten_at_most(env: Any):
    assert len([shift for shift in env.shifts if shift.standard]) <= 10


def test_every_environment_has_the_shifts_of_seeing_and_of_time(env: Any):
    names = [shift.name for shift in env.shifts]
    assert {"flipped", "observation_noise", "longer", "larger"} <= {*names}
    assert len(names) == len({*names})
    for shift in env.shifts:
        lens_arrays(env, shift.lens, shift.name)


def test_the_first_two_shifts_are_those_of_the_kind(env: Any):
    names = [shift.name for shift in env.shifts]
    first = ["agreeing", "clean"] if env.kind == "contest" else ["training", "shifted"]
    assert names[:2] == first
    assert len(set(names)) == len(names) >= 3


# ------------------------------------------------------------------------------- texts


def test_a_level_is_read_back_from_its_text(env: Any, mixed: Any):
    for i in range(64):
        level = take(mixed.levels, i)
        again = env.parse(env.show(level))
        assert_equal_trees(again, level)
        assert avals(again) == avals(level)


def test_a_text_has_a_line_for_each_row_in_letters_of_the_legend(env: Any, mixed: Any):
    lines = env.show(take(mixed.levels, 0)).splitlines()
    above, drawing = lines[: -env.height], lines[-env.height :]
    assert [len(line) for line in drawing] == [env.width] * env.height
    assert set("".join(drawing)) <= set(env.legend)
    assert all(re.fullmatch(r"[a-z_]+: -?\d+", line) for line in above)


def test_an_unknown_letter_is_an_error_with_its_line_and_column(env: Any, mixed: Any):
    rows = env.show(take(mixed.levels, 0)).splitlines()
    row = len(rows) - env.height + 3
    rows[row] = rows[row][:4] + "?" + rows[row][5:]
    with pytest.raises(UserError, match=f"line {row + 1}, column 5: unknown letter"):
        env.parse("\n".join(rows))


def test_a_second_agent_is_an_error_with_its_line_and_column(env: Any, mixed: Any):
    text = env.show(take(mixed.levels, 0))
    floor = text.rindex(".")
    second = max(floor, text.index("@"))
    text = text[:floor] + "@" + text[floor + 1 :]
    line, column = text[:second].count("\n") + 1, second - text.rfind("\n", 0, second)
    with pytest.raises(UserError, match=f"line {line}, column {column}: .*agent"):
        env.parse(text)


def test_a_text_of_another_size_is_an_error_that_names_both(env: Any, mixed: Any):
    rows = env.show(take(mixed.levels, 0)).splitlines()
    with pytest.raises(UserError, match=f"{SIZE + 1}x{SIZE}.*{SIZE}x{SIZE}"):
        env.parse("\n".join([*rows, rows[-1]]))


# ---------------------------------------------------------------------------- pictures


def test_a_picture_has_a_square_of_pixels_for_each_tile(env: Any, params: Any):
    _, state = env.reset(jax.random.key(0), params)
    picture = env.render(state, params, tile=8)
    assert (picture.shape, picture.dtype) == ((SIZE * 8, SIZE * 8, 3), jnp.uint8)


def test_pictures_of_different_levels_differ(env: Any, params: Any, mixed: Any):
    key = jax.random.key(0)
    pictures = [
        env.render(env.reset_to_level(key, take(mixed.levels, i), params)[1], params)
        for i in range(2)
    ]
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize("pixels", [1, 3, 8])
@pytest.mark.parametrize("crop_radius", [None, 2])
def test_a_picture_can_be_observed_whole_or_cropped(
    env: Any, mixed: Any, pixels: int, crop_radius: int | None
):
    seeing = replace(env, pixels=pixels, crop_radius=crop_radius)
    params = env.make_params(mixed)
    _, state = env.reset(jax.random.key(0), params)
    obs = seeing.observe(jax.random.key(0), state, None, params)
    side = (SIZE if crop_radius is None else 5) * pixels
    assert obs.shape == seeing.observation_shape == (side, side, 3)
    assert obs.dtype == seeing.observation_space(params).dtype == jnp.uint8
    if crop_radius is None:
        np.testing.assert_array_equal(obs, env.render(state, params, pixels))


def test_a_window_shows_the_channels_around_its_centre(env: Any, mixed: Any):
    seeing = replace(env, crop_radius=1)
    params = env.make_params(mixed)
    _, state = env.reset(jax.random.key(0), params)
    obs = seeing.observe(jax.random.key(0), state, None, params)
    row, column = (int(i) for i in env.centre(state))
    whole = np.asarray(env.channels(state, params))
    expected = whole[row - 1 : row + 2, column - 1 : column + 2]
    np.testing.assert_array_equal(obs, expected)


@pytest.mark.parametrize("pixels", [2, -1])
def test_pixels_that_cannot_be_are_an_error_that_names_those_that_can(
    env: Any, pixels: int
):
    with pytest.raises(UserError, match=r"env\.pixels: .* 0, 1, 3, 8"):
        replace(env, pixels=pixels)


# ------------------------------------------------------------------- the golden records


def test_the_dynamics_are_those_of_the_record(name: str):
    recorded = dynamics.recorded(name)
    assert recorded is not None, f"python -m tests.envs.dynamics {name}"
    env, version, arrays = recorded
    assert env.dynamics_version == version, "record the new version's dynamics"
    again = dynamics.play(env, arrays)
    assert again.keys() <= arrays.keys()
    for part, array in again.items():
        if array.dtype == np.float32:
            np.testing.assert_allclose(array, arrays[part], rtol=1e-5, err_msg=part)
        else:
            np.testing.assert_array_equal(array, arrays[part], err_msg=part)


# -------------------------------------------------------------------- extra objectives


def time_passes(state: Any, action: Any, next_state: Any) -> jax.Array:
    return jnp.float32(next_state.time - state.time) * 0.25


def test_an_extra_objective_comes_last_and_is_rewarded_by_its_weight(
    env: Any, mixed: Any
):
    env = replace(env, extra_objectives=(("time", time_passes),))
    params = env.make_params(mixed)
    assert env.objective_names == (*env.own_objectives, "time")
    assert params.weights.shape == (env.num_objectives,)
    params = params.replace(weights=jnp.zeros(env.num_objectives).at[-1].set(2.0))
    _, state = env.reset(jax.random.key(0), params)
    _, _, reward, _, _, info = env.step(jax.random.key(1), state, 0, params)
    assert info["objectives"].shape == (env.num_objectives,)
    assert info["objectives"].dtype == jnp.float32
    assert info["objectives"][-1] == 0.25
    assert reward == 0.5
    solution = env.solve(state.level, params)
    assert solution.steps.shape == solution.returns.shape == (env.num_objectives,)


def test_environments_with_other_objectives_are_not_equal(name: str, env: Any):
    assert replace(env, extra_objectives=(("time", time_passes),)) != env


# ---------------------------------------------------------------------- gymnax wrappers


def test_the_rollout_wrapper_runs(env: Any, rollout: Rollout):
    wrapper = RolloutWrapper(env=env, env_params=rollout.params, num_env_steps=16)
    keys = jax.random.split(jax.random.key(0), 4)
    obs, action, reward, _, done, _ = wrapper.batch_rollout(keys, None)
    assert obs.shape == (4, 16, *env.observation_shape)
    assert action.shape == reward.shape == done.shape == (4, 16)
    assert done[:, :MAX_STEPS].any(axis=1).all()


def test_the_flatten_wrapper_flattens_both_observations(env: Any, params: Any):
    wrapped = FlattenObservationWrapper(env)
    length = int(np.prod(env.observation_shape))
    obs, state = wrapped.reset(jax.random.key(0), params)
    out = wrapped.step(jax.random.key(1), state, 0, params)
    flat = (length,)
    assert obs.shape == out[0].shape == out[5]["final_observation"].shape == flat
    assert wrapped.observation_space(params).shape == flat


def test_the_log_wrapper_inside_the_legacy_wrapper_counts_episodes(
    env: Any, rollout: Rollout
):
    wrapped = LegacyStepAPIWrapper(LogWrapper(env))
    params = rollout.params
    _, state = wrapped.reset(jax.random.key(0), params)
    rewards = 0.0
    for t in range(MAX_STEPS):
        _, state, reward, done, info = wrapped.step(jax.random.key(t), state, 0, params)
        rewards += float(reward)
        if done:
            break
    assert info["returned_episode"]
    assert info["returned_episode_lengths"] == t + 1
    np.testing.assert_allclose(info["returned_episode_returns"], rewards, rtol=1e-6)
    assert info["objectives"].shape == (env.num_objectives,)
