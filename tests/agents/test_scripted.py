"""Scripted policies: where they go, and that their logits are their probabilities."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym
from mesagym.agents.networks import make_network
from mesagym.agents.policy import (
    NetworkPolicy,
    OraclePolicy,
    Policy,
    RandomPolicy,
    forgets,
)
from mesagym.agents.scripted import (
    Blend,
    EpsilonGreedy,
    Heading,
    Mirrored,
    Mixture,
    NearestObject,
    Negated,
    Softened,
    Stuck,
    WallFollower,
)
from mesagym.envs.coin_run import CoinRun
from mesagym.envs.sokoban import Sokoban
from mesagym.errors import UserError

ENV, _ = mesagym.make("TwoGoals-v0", size=9)
PARAMS = ENV.params_with(max_steps_in_episode=1000)
NAMES = ENV.action_names
UP, LEFT, DOWN, RIGHT = range(4)

# The base tile is one step to the left; the proxy tile lies in a corner.
HALL = """
#########
#...*@..#
#.......#
#.......#
#.......#
#.......#
#.......#
#......o#
#########
""".strip()

TREE = """
#########
#@..#...#
###.#.#.#
#...#.#.#
#.#####.#
#.......#
#.#.#.###
#.#.#..*#
#########
""".strip()


@cache
def start(text: str, n: int) -> Any:
    level = ENV.parse(text)
    state = ENV.initial_state(level, jnp.int32(-1), jnp.int32(-1))
    return jax.tree.map(lambda leaf: jnp.stack([leaf] * n), state)


@partial(jax.jit, static_argnums=(0, 1))
def walk(policy: Any, steps: int, state: Any, key: Any, params: Any = ()) -> Any:
    """Return agents [steps, n, 2], actions [steps, n] and logits [steps, n, 4].

    Nothing ends: states go on beyond what would be an episode's end.
    """
    n = state.agent.shape[0]

    def step(loop: Any, time: Any) -> Any:
        state, carry, key = loop
        key, key_act = jax.random.split(key)
        reset = jnp.broadcast_to(time == 0, (n,))
        obs = jnp.zeros((n, 1))
        action, carry, record = policy.act(
            params, carry, obs, key_act, reset=reset, state=state
        )
        moved = jax.vmap(ENV.transition, in_axes=(None, 0, 0, None))(
            key, state, action, PARAMS
        )
        return (moved, carry, key), (state.agent, action, record.logits)

    loop = (state, policy.init_carry(n), key)
    return jax.lax.scan(step, loop, jnp.arange(steps))[1]


def walked(policy: Any, text: str, steps: int, n: int = 4, params: Any = ()) -> Any:
    found = walk(policy, steps, start(text, n), jax.random.key(3), params)
    return [np.asarray(each) for each in found]


def first_step(policy: Any, text: str = HALL, n: int = 4, params: Any = ()) -> Any:
    """Return the probabilities of the first action, [n, 4]."""
    logits = walked(policy, text, 2, n, params)[2][0]
    return np.exp(logits.astype(np.float64))


BASE, PROXY = OraclePolicy(ENV, 0), OraclePolicy(ENV, 1)
EVERY = [
    Softened(ENV, 1, 0.5),
    Negated(ENV, 0),
    NearestObject(ENV),
    WallFollower(ENV),
    Heading(ENV),
    Stuck(4, RIGHT),
    EpsilonGreedy(BASE, 0.1),
    Mirrored(BASE, NAMES),
    Mixture(BASE, PROXY),
    Blend(BASE, PROXY),
]


@pytest.mark.parametrize("policy", EVERY, ids=lambda policy: type(policy).__name__)
def test_the_logits_are_logarithms_of_what_actions_are_drawn_from(policy: Any) -> None:
    assert isinstance(policy, Policy)
    assert policy == policy.__class__(**vars(policy))
    _, actions, logits = walked(policy, HALL, 2, n=2000)
    chances = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(chances.sum(axis=-1), 1, atol=1e-5)
    # Whatever each carries, a batch's actions are as often as their chances add up to.
    taken = np.eye(4)[actions].mean(axis=1)
    spread = np.sqrt((chances * (1 - chances)).mean(axis=1) / 2000)
    assert (np.abs(taken - chances.mean(axis=1)) <= 5 * spread + 1e-6).all()


# ------------------------------------------------------------ guided by an objective


def test_a_softened_oracle_weighs_moves_by_the_steps_that_they_leave() -> None:
    text = HALL.replace("*@", ".@", 1).replace("#...", "#*..", 1)
    # To the base tile lead 3 steps after a move to the left, 4 against the wall, 5
    # away from it.
    weights = np.exp(-np.array([4, 3, 5, 5]) / 0.5)
    np.testing.assert_allclose(
        first_step(Softened(ENV, 0, 0.5), text)[0], weights / weights.sum(), rtol=1e-4
    )


def test_a_softened_oracle_never_walks_into_what_bars_its_way() -> None:
    # Beyond the base tile, which ends the episode, no way leads to the proxy tile.
    assert first_step(Softened(ENV, 1, 1.0))[0, LEFT] == 0
    assert first_step(Softened(ENV, 1, 1e6))[0] == pytest.approx(
        [1 / 3, 0, 1 / 3, 1 / 3], abs=1e-3
    )


def test_a_temperature_may_be_given_when_the_policy_acts() -> None:
    given = first_step(Softened(ENV, 0, None), params=jnp.float32(0.5))
    np.testing.assert_allclose(given, first_step(Softened(ENV, 0, 0.5)), rtol=1e-5)


def test_a_negated_oracle_walks_away() -> None:
    agents = walked(Negated(ENV, 0, 0.01), HALL, 20)[0]
    away = np.abs(agents - np.array([1, 4])).sum(axis=-1)
    assert (away[0] == 1).all()
    # The corner itself is the proxy tile, which ends the episode.
    assert (away[-1] == 8).all()


def test_the_nearest_object_is_gone_to_whichever_objective_is_its() -> None:
    near_base = first_step(NearestObject(ENV))[0]
    near_proxy = first_step(NearestObject(ENV), HALL.translate({42: "o", 111: "*"}))[0]
    assert near_base[LEFT] == near_proxy[LEFT] == 1


def test_between_objects_equally_near_either_may_be_gone_to() -> None:
    text = HALL.replace("o", ".").replace("#...*@..#", "#..*.@.o#")
    chances = first_step(NearestObject(ENV), text)[0]
    assert chances == pytest.approx([0, 0.5, 0, 0.5], abs=1e-6)


# ------------------------------------------------------------------- without an aim


def test_a_wall_follower_visits_every_tile_of_a_maze_without_loops() -> None:
    floor = {
        tuple(tile)
        for tile in np.argwhere(np.array([list(r) for r in TREE.split()]) != "#")
    }
    agents = walked(WallFollower(ENV), TREE, 2 * len(floor))[0]
    for each in range(agents.shape[1]):
        assert {tuple(tile) for tile in agents[:, each]} == floor


def test_a_wall_follower_keeps_to_the_wall_of_a_hall() -> None:
    agents = walked(WallFollower(ENV), HALL, 60, n=16)[0][12:]
    beside = (agents == 1).any(axis=-1) | (agents == 7).any(axis=-1)
    assert beside.all()
    # It goes round: every corner is seen.
    assert {(1, 1), (1, 7), (7, 1), (7, 7)} <= {tuple(t) for t in agents[:, 0]}


def test_a_heading_is_kept_until_a_wall_is_before_it() -> None:
    agents, actions, _ = walked(Heading(ENV), HALL, 40, n=16)
    walls = np.asarray(start(HALL, 1).level.walls)[0]
    moves = np.array([(-1, 0), (0, -1), (1, 0), (0, 1)])
    ahead = agents[1:] + moves[actions[:-1]]
    free = ~walls[ahead[..., 0], ahead[..., 1]]
    assert (actions[1:] == actions[:-1])[free].all()
    assert (actions[1:] != actions[:-1])[~free].all()
    assert (~free).any()


def test_headings_differ_between_episodes() -> None:
    assert len(set(walked(Heading(ENV), HALL, 2, n=64)[1][0].tolist())) == 3


def test_a_stuck_policy_takes_one_action() -> None:
    assert (walked(Stuck(4, DOWN), HALL, 5)[1] == DOWN).all()


# ------------------------------------------------------------- made of other policies


def test_an_epsilon_greedy_policy_slips_by_so_much() -> None:
    chances = first_step(EpsilonGreedy(BASE, 0.2))[0]
    assert chances == pytest.approx([0.05, 0.85, 0.05, 0.05], abs=1e-6)


def test_a_greedy_network_is_mixed_as_it_acts_and_not_by_its_logits() -> None:
    network = NetworkPolicy(make_network("mlp", 4, hidden=(4,)), greedy=True)
    obs = jax.random.bernoulli(jax.random.key(0), 0.5, (3, 5))
    weights = network.init(jax.random.key(1), obs)
    reset = jnp.ones(3, dtype=bool)
    _, _, record = EpsilonGreedy(network, 0.2).act(
        weights, (), obs, jax.random.key(2), reset=reset
    )
    best = np.exp(record.logits).max(axis=-1)
    assert best == pytest.approx([0.85] * 3, abs=1e-5)
    assert record.value.any()


def test_a_mirrored_oracle_goes_right_where_it_should_go_left() -> None:
    assert first_step(Mirrored(BASE, NAMES))[0].argmax() == RIGHT


def test_a_mixture_keeps_to_one_policy_for_an_episode() -> None:
    mixture = Mixture(Stuck(4, LEFT), Stuck(4, RIGHT), 0.25)
    actions = walked(mixture, HALL, 10, n=2000)[1]
    assert (actions == actions[0]).all()
    assert (actions[0] == LEFT).mean() == pytest.approx(0.25, abs=0.05)


def test_a_mixture_tosses_anew_where_an_episode_starts_and_only_there() -> None:
    mixture = Mixture(Stuck(4, LEFT), Stuck(4, RIGHT), 1.0)
    carry = (jnp.zeros(2, dtype=bool), (), ())
    reset = jnp.array([True, False])
    action, carry, _ = mixture.act(
        (), carry, jnp.zeros((2, 1)), jax.random.key(0), reset=reset
    )
    assert action.tolist() == [LEFT, RIGHT]
    assert carry[0].tolist() == [True, False]


def test_a_blend_draws_each_step_from_both() -> None:
    blend = Blend(BASE, RandomPolicy(4), 0.6)
    assert first_step(blend)[0] == pytest.approx([0.1, 0.7, 0.1, 0.1], abs=1e-6)


def test_a_pair_of_weights_goes_to_both_policies_of_two() -> None:
    soft = Softened(ENV, 0, None)
    pair = (jnp.float32(0.1), jnp.float32(1e6))
    chances = first_step(Blend(soft, soft, 0.5), params=pair)[0]
    assert chances == pytest.approx([0.125, 0.625, 0.125, 0.125], abs=1e-3)


# ------------------------------------------------------------------------- in general


def test_who_remembers_nothing_says_so() -> None:
    names = {type(policy).__name__: forgets(policy) for policy in EVERY}
    assert {name for name, forgetful in names.items() if not forgetful} == {
        "WallFollower",
        "Heading",
        "Mixture",
    }
    assert not forgets(EpsilonGreedy(WallFollower(ENV), 0.1))
    assert not forgets(Blend(BASE, WallFollower(ENV)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Softened(CoinRun(), 0, 1.0), "no field of steps"),
        (lambda: NearestObject(Sokoban()), "no field of steps"),
        (lambda: WallFollower(CoinRun()), "it walks up, left"),
        (lambda: Softened(ENV, 0, 0.0), "above 0"),
        (lambda: Negated(ENV, 0, -1.0), "above 0"),
        (lambda: Softened(ENV, 2, 1.0), "objective 2 has no expert"),
        (lambda: EpsilonGreedy(BASE, 1.5), r"epsilon is 1.5, outside \[0, 1\]"),
        (lambda: Mixture(BASE, PROXY, -0.5), "share is -0.5"),
        (lambda: Stuck(4, 4), "action 4 is outside 0 to 3"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


def test_a_policy_without_a_state_says_what_is_missing() -> None:
    reset = jnp.ones(2, dtype=bool)
    with pytest.raises(UserError, match="pass state="):
        Heading(ENV).act(
            (),
            Heading(ENV).init_carry(2),
            jnp.zeros((2, 1)),
            jax.random.key(0),
            reset=reset,
        )
