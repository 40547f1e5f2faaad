"""Levels as tables of situations and actions, solved and followed exactly."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int

from mesagym.agents.policy import log_probabilities
from mesagym.envs.base import Environment
from mesagym.errors import UserError

LEVELS_AT_ONCE = 64
"""Levels tabulated together; bounds memory whatever the size of a pool."""


@struct.dataclass
class Model:
    """One level until an objective is first credited, or its episode ends.

    S situations (`mesagym.envs.situations`), A actions, K own objectives.
    """

    next: Any  # int32[S, A] the situation that follows
    paid: Any  # float32[S, A, K] what each own objective pays
    over: Any  # bool[S, A] whether an own objective was credited, or the episode ended
    ended: Any  # bool[S, A] whether the episode ended, whatever was credited
    start: Any  # int32[]
    possible: Any  # bool[S] whether some actions lead there before it is over
    tile: Any  # int32[S, 2] where the agent stands, (row, column)


@partial(jax.jit, static_argnames=("env",))
def tabulate(env: Environment, levels: Any, env_params: Any) -> Model:
    """Return the tables of levels, leaves [n, ...].

    Args:
        env: one with ``tabular``, whose transitions are not random.
        levels: leaves [n, ...].
        env_params: its parameters.

    Raises:
        UserError: the environment's levels have too many situations for a table.
    """
    if not env.tabular:
        raise UserError(
            f"{env.name}: its levels have too many situations for a table; choose an "
            "evaluator that follows episodes"
        )
    n = jax.tree.leaves(levels)[0].shape[0]

    def one(level: Any) -> Model:
        return _table(env, level, env_params)

    return jax.lax.map(one, levels, batch_size=min(LEVELS_AT_ONCE, n))


def _table(env: Environment, level: Any, env_params: Any) -> Model:
    situations = env.situations(level)
    key = jax.random.key(0)
    own = len(env.own_objectives)

    def step(state: Any, action: jax.Array) -> tuple[jax.Array, ...]:
        moved = env.transition(key, state, action, env_params)
        paid = env.objectives(state, action, moved)
        ended = env.is_terminated(moved, env_params)
        over = ended | (paid[:own] > 0).any()
        return env.situation_of(moved), paid, over, ended

    actions = jnp.arange(env.num_actions)
    after, paid, over, ended = jax.vmap(
        lambda state: jax.vmap(lambda action: step(state, action))(actions)
    )(situations)
    start = env.situation_of(
        env.initial_state(level, jnp.int32(-1), jnp.int32(-1))
    ).astype(jnp.int32)
    possible = within_reach(after, over, start)
    after = after.astype(jnp.int32)
    return Model(after, paid, over, ended, start, possible, situations.agent)


def within_reach(
    after: Int[Array, "situation action"],
    over: Bool[Array, "situation action"],
    start: Int[Array, ""],
) -> Bool[Array, " situation"]:
    """Return the situations that some actions lead to from a start before it is over.

    Args:
        after: the situation that follows.
        over: where nothing follows.
        start: a situation.
    """

    def grow(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        seen, _ = carry
        onward = (seen[:, None] & ~over).astype(jnp.int32)
        found = seen | (jnp.zeros_like(onward[:, 0]).at[after].add(onward) > 0)
        return found, (found != seen).any()

    seen = jnp.zeros(after.shape[0], dtype=bool).at[start].set(True)
    return jax.lax.while_loop(lambda c: c[1], grow, (seen, jnp.bool_(True)))[0]


class Acting(struct.PyTreeNode):
    """What a policy would do in every situation."""

    probabilities: Any  # float32[..., S, A]
    values: Any  # float32[..., S] 0 from policies without an estimate


@partial(jax.jit, static_argnames=("env", "policy"))
def _acting(
    env: Environment, policy: Any, params: Any, levels: Any, env_params: Any
) -> Acting:
    def one(level: Any) -> Acting:
        states = env.situations(level)
        n = jax.tree.leaves(states)[0].shape[0]
        key = jax.random.key(0)
        obs = jax.vmap(lambda state: env.observe(key, state, None, env_params))(states)
        _, _, record = policy.act(
            params,
            policy.init_carry(n),
            obs,
            key,
            reset=jnp.ones(n, dtype=bool),
            state=states,
        )
        return Acting(jnp.exp(log_probabilities(policy, record)), record.value)

    return jax.lax.map(one, levels)


def acting(
    env: Environment, policy: Any, params: Any, levels: Any, env_params: Any
) -> Acting:
    """Return what policies would do in every situation of levels.

    Each situation is met as an episode's first, so that nothing is carried to it.

    Args:
        env: one with ``tabular``.
        policy: keeps the policy protocol; one that remembers is taken at its word only
            where `forgets` says that nothing is lost.
        params: weights with a leading axis of seeds; ``()`` for policies without any.
        levels: leaves [n, ...].
        env_params: the environment's parameters.

    Returns:
        Numpy leaves [seeds, n, ...]; a policy without weights is one seed.
    """
    seeds = {leaf.shape[0] for leaf in jax.tree.leaves(params)}
    each = [
        _acting(
            env,
            policy,
            jax.tree.map(lambda leaf, s=s: leaf[s], params),
            levels,
            env_params,
        )
        for s in range(seeds.pop() if seeds else 1)
    ]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *each)


class Followed(struct.PyTreeNode):
    """What comes of a policy on one level, exactly."""

    credited: Any  # float32[..., K] probability that the objective is in the first
    """crediting within the horizon; several may be credited at once."""
    alone: Any  # float32[..., K] probability that it is credited first, alone
    visits: Any  # float32[..., S] expected number of steps taken from each situation


@partial(jax.jit, static_argnames=("horizon",))
def follow(
    model: Model, probabilities: Float[Array, "situation action"], horizon: int
) -> Followed:
    """Follow a policy from a level's start until something is credited.

    Args:
        model: of one level; `jax.vmap` for more.
        probabilities: of the actions in each situation.
        horizon: steps at most.
    """
    num, _, own = model.paid.shape
    here = jnp.zeros(num).at[model.start].set(1.0)
    paid = (model.paid > 0).astype(jnp.float32)
    alone = paid * (paid.sum(-1, keepdims=True) == 1)

    def step(carry: tuple[jax.Array, ...], _: None) -> tuple[Any, None]:
        here, credited, single, visits = carry
        flow = here[:, None] * probabilities
        credited += jnp.einsum("sa,sak->k", flow, paid)
        single += jnp.einsum("sa,sak->k", flow, alone)
        onward = jnp.where(model.over, 0.0, flow)
        visits += here
        here = jnp.zeros(num).at[model.next].add(onward)
        return (here, credited, single, visits), None

    none = jnp.zeros(own)
    carry = (here, none, none, jnp.zeros(num))
    (_, credited, single, visits), _ = jax.lax.scan(step, carry, length=horizon)
    return Followed(credited, single, visits)


def optimal_values(
    model: Model,
    reward: Float[Array, "situation action"],
    over: Bool[Array, "situation action"],
    discount: float | Float[Array, ""],
    horizon: int,
) -> Float[Array, "situation action"]:
    """Return the best discounted return after each action, with steps enough to go.

    Args:
        model: of one level.
        reward: of each action in each situation.
        over: where nothing follows.
        discount: of a step.
        horizon: steps to go.
    """

    def back(values: jax.Array, _: None) -> tuple[jax.Array, None]:
        best = values.max(-1)
        return reward + jnp.where(over, 0.0, discount * best[model.next]), None

    return jax.lax.scan(back, jnp.zeros_like(reward), length=horizon)[0]


def soft_values(
    model: Model,
    reward: Float[Array, "situation action"],
    over: Bool[Array, "situation action"],
    discount: float | Float[Array, ""],
    beta: float | Float[Array, ""],
    horizon: int,
) -> Float[Array, "situation action"]:
    """Return the soft-optimal Q, whose policy is ``softmax(beta * Q)``.

    ``Q = r + γ V'`` and ``V = log(mean(exp(β Q))) / β``, the mean instead of the sum so
    that β = 0 is the uniform policy's own value and walking about earns no entropy
    (Haarnoja et al. 2017, arXiv 1702.08165, equations 5 and 6, up to that constant).

    Args:
        model: of one level.
        reward: of each action in each situation.
        over: where nothing follows.
        discount: of a step.
        beta: inverse temperature, from 0.
        horizon: steps to go.
    """
    num_actions = reward.shape[-1]
    # Below it, log-mean-exp is the mean to more digits than float32 has.
    small = 1e-4
    scale = jnp.maximum(beta, small)

    def soft(q: jax.Array) -> jax.Array:
        smooth = jax.nn.logsumexp(scale * q, -1) - jnp.log(num_actions)
        return jnp.where(beta < small, q.mean(-1), smooth / scale)

    def back(values: jax.Array, _: None) -> tuple[jax.Array, None]:
        return reward + jnp.where(over, 0.0, discount * soft(values)[model.next]), None

    return jax.lax.scan(back, jnp.zeros_like(reward), length=horizon)[0]


def arrivals(
    model: Model, tiles: Int[Array, "2"]
) -> tuple[Float[Array, "situation action"], Bool[Array, "situation action"]]:
    """Return the reward and the end of a goal that is a tile: 1 on arriving there.

    Args:
        model: of one level.
        tiles: (row, column) of the goal.

    Returns:
        ``(reward, over)`` for `optimal_values` and `soft_values`. Where the level ends
        nothing follows, so that a goal beyond is out of reach; where an objective is
        credited that ends nothing, the way goes on.
    """
    there = (model.tile == tiles).all(-1)[model.next]
    return there.astype(jnp.float32), model.ended | there


__all__ = [
    "Acting",
    "Followed",
    "Model",
    "acting",
    "arrivals",
    "follow",
    "optimal_values",
    "soft_values",
    "tabulate",
    "within_reach",
]
