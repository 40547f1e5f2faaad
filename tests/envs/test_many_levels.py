"""Two thousand levels of every environment in every layout: what each promises."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym
from mesagym import registry
from mesagym.levels import AGREEING, DISTINGUISHING, LAYOUTS
from tests.envs.conftest import small_settings

pytestmark = pytest.mark.slow

N = 2000
LIMIT = 100
"""Steps of an episode: more than the longest shortest path here."""

WITHOUT: dict[str, set[str]] = {
    # No box can be pushed around the bends of a maze whose ways are one tile wide.
    "Sokoban-v0": {"tree", "procgen"},
}
"""Layouts in which an environment has no levels, and says so."""

SIZES = {"CoinRun-v0": (9, 17)}


def cases() -> list[Any]:
    found = []
    for name in mesagym.registered_envs:
        env = registry.environment_class(name)
        layouts = LAYOUTS if "layout" in env.__dataclass_fields__ else [None]
        found += [
            pytest.param((name, layout), id=f"{name}-{layout}")
            for layout in layouts
            if layout not in WITHOUT.get(name, set())
        ]
    return found


@pytest.fixture(scope="module", params=cases())
def drawn(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any, Any]]:
    """An environment, its parameters and levels, half of them shifted."""
    name, layout = request.param
    settings = small_settings(name) | {"size": SIZES.get(name, 9)}
    if layout is not None:
        settings["layout"] = layout
    env = registry.environment_class(name)(**settings)
    params = env.params_with(max_steps_in_episode=LIMIT)
    levels, accepted = env.sample_and_judge(jax.random.key(0), N, params, 0.5)
    assert accepted.all()
    yield env, params, levels
    # Programs of 140 cases together would map more memory than a process may.
    jax.clear_caches()


def test_every_level_keeps_the_rules(drawn: tuple[Any, Any, Any]) -> None:
    env, params, levels = drawn
    assert jax.jit(jax.vmap(partial(env.is_valid, params=params)))(levels).all()


def test_every_level_is_classed_and_most_are_where_alpha_puts_them(
    drawn: tuple[Any, Any, Any],
) -> None:
    env, params, _ = drawn
    classify = jax.jit(jax.vmap(env.classify))
    for alpha in (0.0, 1.0):
        levels = env.sample_levels(jax.random.key(1), N, params, alpha)
        label = np.asarray(classify(levels).label)
        if env.kind == "contest" and alpha == 0:
            assert (label != DISTINGUISHING).all()
            assert (label == AGREEING).mean() > 0.5
        assert set(label) <= {0, 1, 2}


def test_experts_attain_what_the_solver_says(drawn: tuple[Any, Any, Any]) -> None:
    env, params, levels = drawn
    solution = jax.jit(jax.vmap(env.solve, (0, None)))(levels, params)
    for k in range(len(env.own_objectives)):
        returns = np.asarray(attained(env, params, levels, k))
        best = np.asarray(solution.returns)[:, k]
        if env.solver == "exact":
            np.testing.assert_allclose(returns, best, rtol=1e-5)
        elif env.solver == "bounded":
            assert (returns <= best + 1e-5).all()
        if env.kind == "contest" and k == 0:
            assert (best == 1).all()


def attained(env: Any, params: Any, levels: Any, k: int) -> jax.Array:
    """Step the expert of an objective; return what it is paid of it, [level]."""

    @jax.jit
    def play(levels: Any, key: jax.Array) -> jax.Array:
        _, state = jax.vmap(env.reset_to_level, (None, 0, None))(key, levels, params)
        guides = jax.vmap(lambda level: env.guide(level, k))(levels)

        def step(carry: Any, key: jax.Array) -> tuple[Any, None]:
            state, over, total = carry
            action = jax.vmap(env.guided_action)(guides, state)
            keys = jax.random.split(key, over.size)
            out = jax.vmap(env.step_env, (0, 0, 0, None))(keys, state, action, params)
            total += jnp.where(over, 0.0, out[4]["objectives"][:, k])
            return (out[1], over | out[3], total), None

        carry = (state, jnp.zeros(N, dtype=bool), jnp.zeros(N))
        return jax.lax.scan(step, carry, jax.random.split(key, LIMIT))[0][2]

    return play(levels, jax.random.key(2))


def test_levels_are_read_back_from_their_texts(drawn: tuple[Any, Any, Any]) -> None:
    env, _, levels = drawn
    for i in range(0, N, 20):
        level = jax.tree.map(lambda leaf, i=i: leaf[i], levels)
        again = env.parse(env.show(level))
        same = jax.tree.map(lambda a, b: bool((a == b).all()), again, level)
        assert jax.tree.all(same), env.show(level)
