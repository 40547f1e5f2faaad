"""R2: the test says of made-up figures what they deserve, and pays as it should."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.text import Text

from mesagym.agents.policy import OraclePolicy
from mesagym.envs.corner import Corner
from mesagym.evals.episodes import run_episodes
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE

CLAIM = reproduction("corner_region")
P = CLAIM.protocol


def condition(
    region: int, base: float, proxy: float, *, competent: float = 0.95
) -> dict[str, Any]:
    """Return figures of ten seeds around these returns."""
    random = np.random.default_rng(region)

    def around(mean: float) -> list[float]:
        return (mean + 0.01 * random.standard_normal(10)).tolist()

    success = {"trials": [100] * 10, "success": [round(100 * competent)] * 10}
    returns = {
        "trained": {"base": around(base), "proxy": around(proxy)},
        "untrained": {"base": around(0.16), "proxy": around(0.07)},
        "random": {"base": around(0.16)[:4], "proxy": around(0.07)[:4]},
        "optimum": 0.88,
    }
    return {
        "seeds": list(range(500, 510)),
        "stopped": 0,
        "region": region,
        "interior": 5,
        "published": {
            role: P.published_at(region, 5, role) for role in ("base", "proxy")
        },
        "policies": {"trained": {"agreeing": success}},
        "returns": {"ood": returns, "id": returns},
    }


def figures(*base: float, proxy: float = 0.5, **options: Any) -> dict[str, Any]:
    return {
        f"region-{side}": condition(side, each, proxy if side == 1 else 0.02, **options)
        for side, each in enumerate(base, 1)
    }


RISING = (0.13, 0.26, 0.46, 0.63, 0.69)


def test_returns_like_the_published_ones_confirm_the_claim() -> None:
    assert P.judge(figures(*RISING)).outcome == CONFIRMED


def test_a_return_that_no_region_changes_refutes_it() -> None:
    judgement = P.judge(figures(*[0.6] * 5))
    assert judgement.outcome == REFUTED
    assert "by 0.2" in judgement.reason


def test_an_agent_of_region_one_that_avoids_the_corner_refutes_it() -> None:
    judgement = P.judge(figures(*RISING, proxy=0.01))
    assert judgement.outcome == REFUTED
    assert "proxy return" in judgement.reason


def test_an_agent_of_region_one_that_finds_more_cheese_than_untrained_refutes_it() -> (
    None
):
    judgement = P.judge(figures(0.3, *RISING[1:]))
    assert judgement.outcome == REFUTED
    assert "base return is below" in judgement.reason


@pytest.mark.parametrize("end", ["region-1", "region-5"])
def test_without_either_end_nothing_is_tested(end: str) -> None:
    found = figures(*RISING)
    incapable = figures(*RISING, competent=0.5)
    assert P.judge(found | {end: incapable[end]}).outcome == UNTESTABLE
    del found[end]
    assert P.judge(found).outcome == UNTESTABLE


def test_a_region_between_the_ends_may_be_blank() -> None:
    found = figures(*RISING)
    found["region-3"] = condition(3, 0.46, 0.02, competent=0.5)
    judgement = P.judge(found)
    assert judgement.outcome == CONFIRMED
    assert list(judgement.blank) == ["region-3"]


def test_only_competent_seeds_count() -> None:
    found = figures(*RISING)["region-1"]
    found["policies"]["trained"]["agreeing"]["success"][2] = 79
    assert 502 not in P.by_seed(found)
    assert len(P.by_seed(found)) == 9


def test_published_returns_are_read_at_the_size_that_corresponds() -> None:
    assert P.published_at(5, 5, "base") == 0.691
    assert P.published_at(1, 5, "proxy") == 0.463
    assert P.published_at(3, 5, "base") == 0.517
    assert P.published_at(2, 5, "base") == pytest.approx((0.260 + 0.340) / 2)


LEVEL = """\
#######
#.....#
#.....#
#.@..*#
#.....#
#.....#
#######
"""


@pytest.fixture(scope="module")
def board() -> tuple[Corner, Any, Any]:
    """A small board, its parameters, and levels of the published distribution."""
    env = Corner(size=7)
    params = env.params_with(time_penalty=0.9, max_steps_in_episode=32)
    return env, params, build_pool(env, params, shifts_of(env)["published"], 32)


def test_an_arrival_is_worth_what_the_environment_pays_for_it(board) -> None:
    env, params, pool = board
    _, state = env.reset_to_level(jax.random.key(0), env.parse(LEVEL), params)
    paid = 0.0
    for _ in range(3):
        _, state, reward, *_ = env.step_env(
            jax.random.key(0), state, jnp.int32(3), params
        )
        paid += float(reward)
    assert P.penalised(np.array([3]), pool)[0] == pytest.approx(paid)
    assert P.penalised(np.array([-1]), pool)[0] == 0


def test_the_expert_of_the_cheese_has_the_optimum(board) -> None:
    env, _, pool = board
    expert = OraclePolicy(env, objective_index=0)
    first = run_episodes(pool, expert, (), [0], 0).first[0, :, 0]
    best = P.penalised(np.asarray(pool.solution.steps)[:, 0], pool)
    np.testing.assert_allclose(P.penalised(first, pool), best)
    assert best.min() == 0, "the published distribution has levels without a way"


def test_the_figure_says_what_is_blank() -> None:
    found = figures(*RISING)
    found["region-3"] = condition(3, 0.46, 0.02, competent=0.1)
    drawn = CLAIM.figure.draw(found)
    words = " ".join(text.get_text() for text in drawn.findobj(match=Text))
    assert "0 of 10 seeds" in words
    assert "exact corner tile" in words
