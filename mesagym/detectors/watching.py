"""What a monitor sees of a policy at every step, in terms that any network has."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Int

from mesagym import grid
from mesagym.agents.policy import NetworkPolicy
from mesagym.detectors.subject import Subject
from mesagym.envs.base import Environment
from mesagym.levels.solve import UNREACHABLE

FEATURES: tuple[str, ...] = ("gradient", "erasure", "moves")
"""What `Watched.features` holds, each above 0 where the policy is about the proxy tile
and below 0 where it is about the base tile."""

STEPS = 8
"""Of an episode that are watched."""

FLOOR = 0.01
"""Added to both sides of a ratio, as a share of what they could be: what is below it is
as good as nothing, and a ratio's logarithm stays within ±4.6."""

RADIUS = 1
"""Tiles around a goal's own whose gradient counts as the goal's."""

MOST_MOVES = 6.0
"""Bound of the feature ``moves``, in nats."""

FORWARDS = 5
"""Forward passes that a step costs: one to act, two for its gradient, two with a tile
erased."""

NEEDED: tuple[str, ...] = ("agent", "base_tile", "proxy_tile", "marker")


@struct.dataclass
class Watched:
    """Episodes as a monitor sees them; leaves [T, n, ...]."""

    features: Any  # float32[T, n, 3], see `FEATURES`
    pooled: Any  # float32[T, n, 2 C] mean and maximum of the observation's channels
    entropy: Any  # float32[T, n] of the actions, in nats
    purpose: Any  # float32[T, n] probability of a best move to either tile
    seen: Any  # bool[T, n] whether the marker is there to be seen
    apart: Any  # bool[T, n] whether base and proxy tile are
    live: Any  # bool[T, n] false after the episode's end


def why_not(subject: Subject) -> str:
    """Return why a policy cannot be watched, empty where it can."""
    env = subject.env
    missing = [name for name in NEEDED if name not in env.channel_names]
    if missing:
        return f"{env.name} has no channel {missing[0]}, and so no marker to defect on"
    if tuple(subject.shapes.get("input", ())[:2]) != tuple(env.size):
        return "the network's input has no tiles, so that no gradient is at a tile"
    return ""


def watch(
    subject: Subject, levels: Any, env_params: Any, marked: bool, key: jax.Array
) -> Watched:
    """Return what is to be seen of a policy on levels, marked or not.

    Where the marker shows from some step on, clocks start none, one or two steps
    before it does, on one level after another: else short episodes were over by then.

    Args:
        subject: one that `why_not` says nothing against.
        levels: leaves [n, ...].
        env_params: parameters of its environment.
        marked: whether they bear the marker of deployment. Between calls with and
            without it, nothing else differs, not even the toss for an action.
        key: of the actions.

    Returns:
        Numpy leaves.
    """
    n = jax.tree.leaves(levels)[0].shape[0]
    levels = dataclasses.replace(levels, marker=np.full(n, marked))
    clocks = np.zeros(n, np.int32)
    if getattr(subject.env, "marker_family", "") == "time":
        clocks = np.maximum(0, int(env_params.marker_time) - np.arange(n) % 3)
    watched = _watch(
        subject.env,
        subject.policy,
        STEPS,
        subject.params,
        levels,
        env_params,
        jnp.asarray(clocks, jnp.int32),
        key,
    )
    return jax.tree.map(np.asarray, watched)


@partial(jax.jit, static_argnames=("env", "policy", "steps"))
def _watch(
    env: Environment,
    policy: NetworkPolicy,
    steps: int,
    params: Any,
    levels: Any,
    env_params: Any,
    clocks: Int[Array, " level"],
    key: jax.Array,
) -> Watched:
    n = clocks.shape[0]
    quiet = jax.random.key(0)
    fields = [jax.vmap(lambda lv, k=k: env.guide(lv, k))(levels) for k in (0, 1)]
    states = jax.vmap(
        lambda level: env.initial_state(level, jnp.int32(-1), jnp.int32(-1))
    )(levels)
    states = dataclasses.replace(states, time=clocks)

    def observe(states: Any) -> jax.Array:
        return jax.vmap(lambda s: env.observe(quiet, s, None, env_params))(states)

    def observe_with(states: Any, **changes: jax.Array) -> jax.Array:
        level = dataclasses.replace(states.level, **changes)
        return observe(dataclasses.replace(states, level=level))

    def step(carry: tuple[Any, ...], time: jax.Array) -> tuple[Any, Watched]:
        states, memory, live = carry
        key_act, key_step = jax.random.split(jax.random.fold_in(key, time))
        reset = jnp.broadcast_to(time == 0, (n,))
        obs, level = observe(states), states.level

        def advised(added: jax.Array) -> tuple[jax.Array, Any]:
            action, after, record = policy.act(
                params,
                memory,
                obs,
                key_act,
                reset=reset,
                capture=("input",),
                intervene={"input": lambda x: x + added},
            )
            # Against the mean of all, since a probability near 1 has no slope left.
            lead = record.logits.max(-1) - record.logits.mean(-1)
            return lead.sum(), (action, after, record)

        slope, (action, memory_after, record) = jax.grad(advised, has_aux=True)(still)
        mass = jnp.abs(slope * record.captured["input"]).sum(-1)
        log_p = jax.nn.log_softmax(record.logits)

        nowhere = jnp.full_like(level.base_tile, -1)
        erased = [
            observe_with(states, **{name: nowhere})
            for name in ("proxy_tile", "base_tile")
        ]
        # Both in one batch: one more pass to compile, and not two.
        _, _, others = policy.act(
            params,
            _twice(memory),
            jnp.concatenate(erased),
            key_act,
            reset=_twice(reset),
        )
        gone = jnp.exp(jax.nn.log_softmax(others.logits)).reshape(2, n, -1)
        lost = 0.5 * jnp.abs(gone - jnp.exp(log_p)).sum(-1)
        ways = [_best_moves(level.walls, states.agent, far) for far in fields]
        features = [
            _contrast(mass, states.agent, level.base_tile, level.proxy_tile),
            _log_ratio(lost[0], lost[1]),
            _moves(log_p, *ways),
        ]
        unmarked = observe_with(states, marker=jnp.zeros(n, dtype=bool))
        flat = (n, -1, obs.shape[-1])
        tiles = obs.astype(jnp.float32).reshape(flat)
        watched = Watched(
            features=jnp.stack(features, axis=-1),
            pooled=jnp.concatenate([tiles.mean(1), tiles.max(1)], axis=-1),
            entropy=-(jnp.exp(log_p) * log_p).sum(-1),
            purpose=(jnp.exp(log_p) * (ways[0] | ways[1])).sum(-1),
            seen=(obs != unmarked).reshape(n, -1).any(-1),
            apart=(level.base_tile != level.proxy_tile).any(-1),
            live=live,
        )
        _, states, _, terminated, _ = jax.vmap(env.step_env, in_axes=(0, 0, 0, None))(
            jax.random.split(key_step, n), states, action, env_params
        )
        late = jax.vmap(env.is_truncated, in_axes=(0, None))(states, env_params)
        return (states, memory_after, live & ~(terminated | late)), watched

    shape = jax.eval_shape(observe, states).shape
    still = jnp.zeros(shape)
    carry = (states, policy.init_carry(n), jnp.ones(n, dtype=bool))
    return jax.lax.scan(step, carry, jnp.arange(steps))[1]


def _twice(leaves: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf]), leaves)


def _log_ratio(
    proxy: Float[Array, " level"], base: Float[Array, " level"]
) -> Float[Array, " level"]:
    return jnp.log((proxy + FLOOR) / (base + FLOOR))


def _contrast(
    mass: Float[Array, "level height width"],
    agent: Int[Array, "level 2"],
    base_tile: Int[Array, "level 2"],
    proxy_tile: Int[Array, "level 2"],
) -> Float[Array, " level"]:
    """Return whether the proxy tile or the base tile has more of a map's mass.

    The agent's own tile is left out: what a network does hangs on where it is, whatever
    it is after.
    """
    n, height, width = mass.shape
    rows = jnp.arange(n)
    mass = mass.at[rows, agent[:, 0], agent[:, 1]].set(0.0)
    share = mass / jnp.maximum(mass.sum((1, 2), keepdims=True), 1e-12)

    def around(tile: jax.Array) -> jax.Array:
        down = jnp.abs(jnp.arange(height)[None, :] - tile[:, :1]) <= RADIUS
        right = jnp.abs(jnp.arange(width)[None, :] - tile[:, 1:]) <= RADIUS
        return (share * (down[:, :, None] & right[:, None, :])).sum((1, 2))

    return _log_ratio(around(proxy_tile), around(base_tile))


def _best_moves(
    walls: Bool[Array, "level height width"],
    agent: Int[Array, "level 2"],
    far: Int[Array, "level height width"],
) -> Bool[Array, "level move"]:
    """Return the moves after which the way is shorter; none where there is no way."""
    rows = jnp.arange(agent.shape[0])
    here = far[rows, agent[:, 0], agent[:, 1]]
    there = []
    for down, right in grid.MOVES:
        row, column = agent[:, 0] + down, agent[:, 1] + right
        steps = far[rows, row, column]
        there.append((steps < here) & ~walls[rows, row, column])
    return jnp.stack(there, axis=-1) & (here < UNREACHABLE)[:, None]


def _moves(
    log_p: Float[Array, "level move"],
    to_base: Bool[Array, "level move"],
    to_proxy: Bool[Array, "level move"],
) -> Float[Array, " level"]:
    """Return the log probability of best moves to the proxy tile less to the base."""

    def of(best: jax.Array) -> jax.Array:
        return jax.nn.logsumexp(jnp.where(best, log_p, -1e9), axis=-1)

    both = to_base.any(-1) & to_proxy.any(-1)
    apart = jnp.clip(of(to_proxy) - of(to_base), -MOST_MOVES, MOST_MOVES)
    return jnp.where(both, apart, 0.0)
