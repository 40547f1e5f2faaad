"""Actor against critic on policies whose actor and critic are known, and made apart."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mesagym.agents.policy import OraclePolicy, RandomPolicy, Record
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import (
    APPROXIMATE,
    EXACT,
    Study,
    chosen,
    of_seeds,
)
from mesagym.evals.evaluators.critic import EVALUATOR
from mesagym.evals.outcomes import Contestant
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.registry import environment_class, registered_envs


@dataclass(frozen=True)
class Split:
    """Goes to one objective's tile and values another's, its weights a scale."""

    env: Any
    goes: int
    values: int
    remembers: bool = False

    def init_carry(self, n: int) -> Any:
        return jnp.zeros(n) if self.remembers else ()

    def act(self, params: Any, carry: Any, obs: Any, key: Any, **others: Any) -> Any:
        state = others["state"]
        actor = OraclePolicy(self.env, self.goes)
        n = obs.shape[0]
        action, _, record = actor.act(
            (),
            actor.init_carry(n),
            obs,
            key,
            reset=jnp.ones(n, dtype=bool),
            state=state,
        )

        def value(level: Any, agent: Any) -> Any:
            steps = self.env.guide(level, self.values)[agent[0], agent[1]]
            return params * 0.9 ** steps.astype(jnp.float32)

        values = jax.vmap(value)(state.level, state.agent)
        return action, carry, Record(record.logits, values, {})


def contestant(policy: Any, name: str = "trained", scale: float = 1.0) -> Contestant:
    return Contestant(name, "greedy", policy, jnp.array([scale, scale]), (3, 4))


@pytest.fixture(scope="module")
def study() -> Study:
    env = environment_class("TwoGoals-v0")(size=7)
    params = env.params_with(max_steps_in_episode=24)
    pools = {
        each: build_pool(env, params, shifts_of(env)[each], 6)
        for each in ("agreeing", "clean")
    }
    contestants = (
        contestant(Split(env, goes=1, values=0), "apart"),
        contestant(Split(env, goes=0, values=0), "as one"),
        contestant(Split(env, goes=1, values=0, remembers=True), "remembers"),
        Contestant("random", "sampled", RandomPolicy(4), (), (0,)),
    )
    untrained = contestant(Split(env, goes=0, values=1), "untrained")
    return Study(env, params, pools, {}, contestants, untrained)


@pytest.fixture(scope="module")
def finding(study: Study):
    return EVALUATOR.examine(study)


def mean(finding: Any, policy: str, measure: str, about: str = "", shift="clean"):
    rows = chosen(
        finding.rows, policy=policy, measure=measure, about=about, shift=shift
    )
    return of_seeds(rows["seed"], rows["value"])


def test_a_critic_of_the_base_tile_peaks_there_whoever_acts(finding) -> None:
    for policy in ("apart", "as one"):
        np.testing.assert_allclose(mean(finding, policy, "peak_at", "base_tile"), 1)
        np.testing.assert_allclose(mean(finding, policy, "peak_at", "proxy_tile"), 0)


def test_the_actor_goes_where_its_expert_goes(finding) -> None:
    np.testing.assert_allclose(mean(finding, "apart", "actor_first", "proxy_tile"), 1)
    np.testing.assert_allclose(mean(finding, "as one", "actor_first", "base_tile"), 1)


@pytest.mark.parametrize(("policy", "expected"), [("apart", 1), ("as one", 0)])
def test_actor_and_critic_disagree_where_they_are_made_to(
    finding, policy, expected
) -> None:
    np.testing.assert_allclose(mean(finding, policy, "disagreement"), expected)


def test_on_agreeing_levels_nobody_can_disagree(finding) -> None:
    found = mean(finding, "apart", "disagreement", shift="agreeing")
    np.testing.assert_allclose(found, 0)


def test_the_untrained_critic_is_judged_beside_the_own(finding) -> None:
    found = mean(finding, "apart", "peak_at_untrained", "proxy_tile")
    np.testing.assert_allclose(found, 1)
    np.testing.assert_allclose(mean(finding, "apart", "disagreement_untrained"), 0)


def test_who_remembers_is_followed_along_episodes(finding) -> None:
    assert any("remember" in note for note in finding.notes)
    np.testing.assert_allclose(
        mean(finding, "remembers", "actor_first", "proxy_tile"), 1
    )
    # Its way never comes one step before the base tile, where its value is highest.
    np.testing.assert_allclose(mean(finding, "remembers", "peak_at", "base_tile"), 0)


def test_who_has_no_value_estimate_is_not_judged(finding) -> None:
    measured = set(chosen(finding.rows, policy="random")["measure"].tolist())
    assert measured == {"actor_first", "peak_by_chance"}
    assert any("random" in note for note in finding.notes)


def test_it_claims_nothing(finding) -> None:
    assert not EVALUATOR.claims
    assert finding.readings == ()


def test_rows_name_measures_that_are_explained(finding) -> None:
    assert set(finding.rows["measure"].tolist()) <= set(EVALUATOR.measures)


def test_the_order_of_levels_changes_nothing(study) -> None:
    turned = dict(study.pools)
    pool = turned["clean"]
    turned["clean"] = dataclasses.replace(
        pool, levels=jax.tree.map(lambda leaf: leaf[::-1], pool.levels)
    )
    few = dataclasses.replace(study, contestants=study.contestants[:1])
    there = EVALUATOR.examine(few)
    back = EVALUATOR.examine(dataclasses.replace(few, pools=turned))
    for measure, about in (("peak_steps", "proxy_tile"), ("actor_first", "base_tile")):
        np.testing.assert_allclose(
            mean(there, "apart", measure, about), mean(back, "apart", measure, about)
        )


def test_a_study_without_its_shifts_is_refused(study) -> None:
    with pytest.raises(UserError, match="none of the shifts"):
        EVALUATOR.examine(dataclasses.replace(study, pools={}))


@pytest.mark.parametrize("name", registered_envs)
def test_it_is_exact_where_situations_can_be_listed(name: str) -> None:
    env = environment_class(name)()
    expected = EXACT if env.tabular else APPROXIMATE
    assert EVALUATOR.scope(env).how == expected
