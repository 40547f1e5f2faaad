"""R10: what counts as following, and as stuck, and what the numbers come to."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import mesagym
from mesagym.agents.policy import RandomPolicy, Record
from mesagym.agents.scripted import Stuck
from mesagym.evals.shifts import EvaluationPool, build_pool, shifts_of
from mesagym.levels.shift import Lens
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE

PROTOCOL = reproduction("follow_me").protocol


@dataclass(frozen=True)
class Chaser:
    """Steps towards where it sees the leader, in its column first."""

    def init_carry(self, n: int) -> Any:
        return ()

    def act(
        self,
        params: Any,
        carry: Any,
        obs: jax.Array,
        key: jax.Array,
        *,
        reset: jax.Array,
        state: Any = None,
    ) -> tuple[jax.Array, Any, Record]:
        def place(channel: int) -> jax.Array:
            flat = obs[..., channel].reshape(obs.shape[0], -1).argmax(1)
            return jnp.stack([flat // obs.shape[2], flat % obs.shape[2]], axis=1)

        down, right = (place(2) - place(1)).T
        sideways = jnp.where(right > 0, 3, 1)
        upright = jnp.where(down > 0, 2, 0)
        action = jnp.where(right != 0, sideways, upright)
        record = Record(jnp.zeros((len(obs), 4)), jnp.zeros(len(obs)), {})
        return action, carry, record


@pytest.fixture(scope="module")
def pool() -> EvaluationPool:
    env, params = mesagym.make("FollowMe-v0", size=9, crop_radius=None)
    return build_pool(env, params, shifts_of(env)["training"], 32)


def tiles(pool: EvaluationPool, policy: Any) -> float:
    return PROTOCOL.tiles_visited(pool, policy, (), jax.random.key(0))


def test_who_always_walks_up_visits_few_tiles_and_who_walks_about_most(
    pool: EvaluationPool,
) -> None:
    up, about = tiles(pool, Stuck(4)), tiles(pool, RandomPolicy(4))
    assert 1 <= up <= 7  # a column inside the border
    assert about > 2 * up


def test_who_follows_what_it_sees_gets_stuck_in_a_mirror(pool: EvaluationPool) -> None:
    mirrored = replace(pool, shift=replace(pool.shift, lens=Lens(flipped=True)))
    assert tiles(mirrored, Chaser()) < 0.75 * tiles(pool, Chaser())


def figures(**changed: float) -> dict[str, dict[str, Any]]:
    """Return what ten seeds alike but for noise would be recorded as."""
    means = {
        "gate": 0.8,
        "anti_return": -12.0,
        "anti_following": 0.8,
        "flipped_return": -1.0,
        "flipped_following": 0.05,
        "tiles": 14.0,
        "mirrored_tiles": 6.0,
    }
    seeds = {
        name: [changed.get(name, mean) + 0.01 * (k % 3) for k in range(10)]
        for name, mean in means.items()
    }
    trained = {
        "training": {"score_beacons_in_order": seeds["gate"]},
        "shifted": {
            "return_beacons_in_order": seeds["anti_return"],
            "score_following": seeds["anti_following"],
        },
        "flipped": {
            "return_beacons_in_order": seeds["flipped_return"],
            "score_following": seeds["flipped_following"],
        },
    }
    random = {
        name: {"return_beacons_in_order": [-5.0]} for name in ("shifted", "flipped")
    }
    shown = {"expert": seeds["tiles"], "expert, mirrored": seeds["mirrored_tiles"]}
    return {
        "expert": {
            "seeds": list(range(500, 510)),
            "stopped": 0,
            "policies": {"trained": trained, "random": random},
            "tiles": {"trained": shown},
        }
    }


def test_below_random_behind_an_anti_expert_and_stuck_in_a_mirror_confirms() -> None:
    assert PROTOCOL.judge(figures()).outcome == CONFIRMED


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"anti_return": 2.0}, "anti-expert: return"),
        ({"anti_following": 0.2}, "anti-expert: followed"),
        ({"flipped_return": -9.0}, "mirrored: return"),
        ({"flipped_following": 0.6}, "mirrored: not followed"),
        ({"mirrored_tiles": 13.0}, "mirrored: stuck"),
    ],
)
def test_each_half_of_the_claim_can_refute_it(
    changed: dict[str, float], words: str
) -> None:
    judgement = PROTOCOL.judge(figures(**changed))
    assert judgement.outcome == REFUTED
    assert words in judgement.reason


def test_agents_that_earn_little_with_an_expert_prove_nothing() -> None:
    judgement = PROTOCOL.judge(figures(gate=0.3))
    assert judgement.outcome == UNTESTABLE
    assert judgement.blank
