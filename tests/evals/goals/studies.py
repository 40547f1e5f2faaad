"""Small studies on tabular levels, for the tests of evaluators that infer goals."""

from functools import cache
from typing import Any

import mesagym
from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.agents.scripted import Stuck, WallFollower
from mesagym.evals.evaluators.base import Study
from mesagym.evals.outcomes import Contestant
from mesagym.evals.shifts import build_pool, shifts_of

LEVELS, SEEDS = 32, 2


@cache
def world() -> tuple[Any, Any, Any]:
    """Return a small environment, its parameters and its pools."""
    env, params = mesagym.make("TwoGoals-v0", size=7)
    params = params.replace(max_steps_in_episode=params.max_steps_in_episode // 4)
    pools = {
        name: build_pool(env, params, shifts_of(env)[name], LEVELS)
        for name in ("clean", "agreeing")
    }
    return env, params, pools


@cache
def study() -> Study:
    """Return oracles, random, one that is stuck and one that remembers."""
    env, params, pools = world()
    policies = {
        "oracle:base_tile": OraclePolicy(env, 0),
        "oracle:proxy_tile": OraclePolicy(env, 1),
        "random": RandomPolicy(env.num_actions),
        "stuck": Stuck(env.num_actions),
        "wall_follower": WallFollower(env),
    }
    contestants = tuple(
        Contestant(name, "sampled", policy, (), range(SEEDS))
        for name, policy in policies.items()
    )
    return Study(env, params, pools, {}, contestants)
