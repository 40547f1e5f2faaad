"""What contests share whose agent walks a maze."""

import jax
import jax.numpy as jnp
import pytest

from mesagym.envs.dish import Dish
from mesagym.errors import UserError

ENV = Dish(size=(5, 8))
STEP = jax.jit(ENV.step_env)
ACT = jax.jit(ENV.guided_action)

LEVEL = ENV.parse(
    """
    ########
    #@..*.d#
    #......#
    ########
    ########
    """
)


def test_steps_to_go_are_those_around_what_ends_the_episode():
    # The cheese is in the straight way to the dish, and a way leads around it.
    assert ENV.steps_to_go(LEVEL).tolist() == [3, 7]


def test_the_expert_takes_as_many_steps_as_the_solution_says():
    params = ENV.params_with()
    steps = ENV.solve(LEVEL, params).steps.tolist()
    taken = []
    for objective in range(2):
        guide = ENV.guide(LEVEL, objective)
        _, state = ENV.reset_to_level(jax.random.key(0), LEVEL, params)
        while not state.reached[objective]:
            action = ACT(guide, state)
            _, state, *_ = STEP(jax.random.key(0), state, action, params)
        taken.append(int(state.time))
    assert taken == steps


def test_an_objective_past_the_time_limit_is_out_of_reach_and_pays_nothing():
    solution = ENV.solve(LEVEL, ENV.params_with(max_steps_in_episode=5))
    assert solution.steps.tolist() == [3, -1]
    assert solution.returns.tolist() == [1.0, 0.0]


def test_an_unknown_layout_is_an_error_at_once():
    with pytest.raises(UserError, match="layout"):
        Dish(layout="bloks")


def test_states_start_at_no_time_on_the_level_given():
    fields = ENV.common_state(LEVEL, jnp.int32(3), jnp.int32(1))
    assert set(fields) == {"time", "level", "level_index", "generation"}
    assert int(fields["time"]) == 0
    assert fields["level"] is LEVEL
