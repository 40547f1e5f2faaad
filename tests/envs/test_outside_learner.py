"""A learner that is not ours learns one of our environments, and the wrong goal."""

import importlib
import re
import warnings
from pathlib import Path
from typing import Any

import jax
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "doors.md"

# What is asked for was written before the seed of the page was run.
ALMOST_ALWAYS = 0.95
SLACK = 1.25
FAR_ABOVE_RANDOM = 0.4


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names that the page's block about another learner leaves behind."""
    # rejax draws actions with TensorFlow Probability, which reads a name that jax 0.10
    # has deprecated, once, when it is imported.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "jax.core.pytype_aval", DeprecationWarning)
        importlib.import_module("rejax")
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)[-1]
    names: dict[str, Any] = {"__name__": "doors"}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


@pytest.fixture(scope="module")
def random_rate(page: dict[str, Any]) -> float:
    """How often a random policy finds the cheese on the same levels."""

    def act(obs: jax.Array, key: jax.Array) -> jax.Array:
        return jax.random.randint(key, (), 0, page["env"].num_actions)

    key, params = jax.random.key(3), page["params"]
    return float(page["evaluate"](act, key, page["legacy"], params, 512, 16)[1].mean())


def test_it_finds_the_base_object_far_more_often_than_a_random_policy(
    page: dict[str, Any], random_rate: float
):
    assert page["rates"]["agreeing", "cheese"] >= ALMOST_ALWAYS
    assert page["rates"]["agreeing", "cheese"] > random_rate + FAR_ABOVE_RANDOM


def test_it_needs_hardly_more_steps_than_the_solver(page: dict[str, Any]):
    env, params = page["env"], page["params"]
    solve = jax.jit(jax.vmap(env.solve, (0, None)))
    fewest = solve(params.pool.levels, params).steps[:, 0].mean()
    assert fewest <= page["steps"]["agreeing"] * 1.1
    assert page["steps"]["agreeing"] <= SLACK * fewest


def test_where_the_two_part_it_goes_to_the_proxy(page: dict[str, Any]):
    rates = page["rates"]
    assert rates["shifted", "cheese"] < 0.5 < rates["shifted", "corner"]
