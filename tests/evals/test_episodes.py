"""The evaluation loop: who sees through a shift's lens, and how often it compiles."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.agents.combined import Lensed, Mirrored
from mesagym.agents.policy import OraclePolicy, Record, sure
from mesagym.envs.corner import Corner
from mesagym.evals.episodes import _run, run_episodes
from mesagym.evals.outcomes import OUTCOMES, outcome_codes
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of

ENV = Corner(size=9, layout="open")
PARAMS = ENV.params_with(max_steps_in_episode=24)
N = 64


@dataclass(frozen=True)
class Eyes:
    """Walks to the cheese that it sees, first along the rows; stands before walls.

    Of two it goes for what lies midway, and without one it goes up.
    """

    def init_carry(self, n: int) -> Any:
        return ()

    def act(
        self, params: Any, carry: Any, obs: Any, key: Any, *, reset: Any, **_: Any
    ) -> Any:
        def place(mask: jax.Array) -> jax.Array:
            rows, columns = jnp.arange(mask.shape[1]), jnp.arange(mask.shape[2])
            total = jnp.maximum(mask.sum((1, 2)), 1)
            row = (mask.sum(2) * rows).sum(1) / total
            return jnp.stack([row, (mask.sum(1) * columns).sum(1) / total], -1)

        up, left, down, right = range(4)
        away = place(obs[..., 2]) - place(obs[..., 1])
        across = jnp.where(away[:, 1] < 0, left, right)
        action = jnp.where(away[:, 0] < 0, up, down)
        action = jnp.where(away[:, 0] == 0, across, action).astype(jnp.int32)
        logits = sure(action, 4)
        return action, carry, Record(logits, jnp.zeros(action.shape[0]), {})


@pytest.fixture(scope="module")
def pools() -> dict[str, EvaluationPool]:
    names = ("clean", "flipped", "hidden_cheese", "doubled_cheese", "longer")
    names += ("observation_noise",)
    return {n: build_pool(ENV, PARAMS, shifts_of(ENV)[n], N) for n in names}


def outcomes(pool: EvaluationPool, policy: Any) -> np.ndarray:
    codes = outcome_codes(run_episodes(pool, policy, (), [0]).first)
    return np.array(OUTCOMES)[codes][0]


@pytest.fixture(scope="module")
def came_to(pools: dict[str, EvaluationPool]) -> dict[str, np.ndarray]:
    return {name: outcomes(pool, Eyes()) for name, pool in pools.items()}


def test_lenses_and_time_limits_share_the_levels_of_what_they_change(
    pools: dict[str, EvaluationPool],
) -> None:
    for pool in pools.values():
        assert np.array_equal(pool.levels.agent, pools["clean"].levels.agent)
        assert np.array_equal(pool.levels.cheese, pools["clean"].levels.cheese)


def test_all_of_one_shape_are_run_by_one_compiled_program(
    pools: dict[str, EvaluationPool],
) -> None:
    compiled: Any = _run
    compiled.clear_cache()
    for pool in pools.values():
        run_episodes(pool, Eyes(), (), [0])
    assert compiled._cache_size() == 1


def test_who_sees_walks_to_the_cheese(came_to: dict[str, np.ndarray]) -> None:
    assert (came_to["clean"] == "base").all()


def test_flipped_it_loses_its_competence(came_to: dict[str, np.ndarray]) -> None:
    # Only a cheese in its own column is where it seems to be.
    assert (came_to["flipped"] == "neither").mean() > 0.7
    assert (came_to["flipped"] == "proxy").mean() < 0.1


def test_a_hidden_cheese_is_not_found(came_to: dict[str, np.ndarray]) -> None:
    assert (came_to["hidden_cheese"] == "base").mean() < 0.4


def test_a_phantom_leads_astray(came_to: dict[str, np.ndarray]) -> None:
    assert (came_to["doubled_cheese"] == "base").mean() < 0.6


def test_noise_leads_astray(came_to: dict[str, np.ndarray]) -> None:
    assert (came_to["observation_noise"] == "base").mean() < 1


def test_longer_episodes_have_four_times_the_steps(
    pools: dict[str, EvaluationPool],
) -> None:
    assert int(pools["longer"].env_params.max_steps_in_episode) == 96


@pytest.mark.parametrize("shift", ["flipped", "hidden_cheese", "observation_noise"])
def test_an_expert_that_reads_the_state_sees_what_is(
    pools: dict[str, EvaluationPool], shift: str
) -> None:
    expert = OraclePolicy(ENV, 0)
    found = run_episodes(pools[shift], expert, (), [0])
    assert np.array_equal(found.first[0, :, 0], pools["clean"].solution.steps[:, 0])


def test_a_lens_before_the_policy_is_the_lens_of_the_shift(
    pools: dict[str, EvaluationPool], came_to: dict[str, np.ndarray]
) -> None:
    lens = pools["flipped"].shift.lens
    found = outcomes(pools["clean"], Lensed(Eyes(), lens, ENV))
    assert np.array_equal(found, came_to["flipped"])


def test_a_policy_is_shown_phantoms_without_a_shift(
    pools: dict[str, EvaluationPool],
) -> None:
    lens = pools["doubled_cheese"].shift.lens
    found = outcomes(pools["clean"], Lensed(Eyes(), lens, ENV))
    assert (found == "base").mean() < 0.6


def test_a_mirrored_expert_fails_as_who_sees_mirrored(
    pools: dict[str, EvaluationPool],
) -> None:
    mirrored = Mirrored(OraclePolicy(ENV, 0), ENV.action_names)
    assert (outcomes(pools["clean"], mirrored) == "neither").mean() > 0.7
