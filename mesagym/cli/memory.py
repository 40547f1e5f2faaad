"""How much memory a training needs, estimated before anything is compiled."""

import math
from typing import Any

import numpy as np

from mesagym.cli.build import Plan
from mesagym.errors import UserError

MARGIN = 1.25
"""What XLA's own buffers add to those that the estimate counts."""


def needed_bytes(planned: Plan, seeds: int) -> int:
    """Return about how many bytes a training holds at once.

    Counted are the rollout and a shuffled minibatch of it, final observations, four
    copies of the weights (themselves, two moments, a gradient), what the network keeps
    of one microbatch for its gradient, and the pool of levels; times the seeds, which
    train side by side.

    Args:
        planned: the training.
        seeds: how many.
    """
    import jax

    from mesagym.agents.networks import activation_shapes

    program, shape = planned.program, planned.program.shape
    obs = program.env.observation_space()
    one = math.prod(program.env.observation_shape) * np.dtype(obs.dtype).itemsize
    rows = shape.steps_per_update
    batch = shape.microbatch or shape.minibatch
    policy = program.policy
    seen = jax.ShapeDtypeStruct((batch, *program.env.observation_shape), obs.dtype)
    params = jax.eval_shape(lambda key, x: policy.init(key, x), jax.random.key(0), seen)
    weights = _bytes(params)
    kept = activation_shapes(policy.network, program.env.observation_shape)
    floats = batch * sum(math.prod(each) for each in kept.values())
    slots = (shape.rollout_steps - 1) // max(1, program.shortest_episode) + 1
    rollout = rows * (one + 32) + slots * shape.num_envs * one
    minibatch = shape.minibatch * (one + 32)
    env_params = program.env.params_with(**planned.settings)
    pool = jax.eval_shape(
        lambda key: program.env.sample_levels(key, program.pool_size, env_params, 1.0),
        jax.eval_shape(lambda: jax.random.key(0)),
    )
    # Each activation before and after its nonlinearity, and their cotangents.
    network = 4 * 4 * floats
    if units := math.prod(kept.get("memory", (0,))):
        # A memory goes through a whole minibatch at once, and keeps gates and state.
        network += 4 * 6 * shape.minibatch * units
        slots_and_starts = slots + shape.rollout_steps // shape.segment
        network += 4 * 2 * slots_and_starts * shape.num_envs * units
    each = rollout + minibatch + 4 * weights + network + 2 * _bytes(pool)
    return int(MARGIN * seeds * each)


def available_bytes() -> int | None:
    """Return how many bytes the device has to give, None where it does not say."""
    import jax

    device = jax.devices()[0]
    if device.platform == "cpu":
        return _of_host()
    stats = device.memory_stats() or {}
    limit = stats.get("bytes_limit")
    return None if limit is None else int(limit) - int(stats.get("bytes_in_use", 0))


def must_fit(planned: Plan, seeds: int, what: str) -> None:
    """Refuse a training that the device's memory cannot hold.

    Raises:
        UserError: names the training, the need and what there is.
    """
    there = available_bytes()
    need = needed_bytes(planned, seeds)
    if there is not None and need > there:
        raise UserError(
            f"{what}: needs about {_size(need)} of memory and there are "
            f"{_size(there)}; take a smaller scale, or a machine with more"
        )


def _of_host() -> int | None:
    """Return what Linux says is available, the limit of a container included."""
    found = []
    try:
        with open("/proc/meminfo") as lines:
            found += [
                1024 * int(line.split()[1])
                for line in lines
                if line.startswith("MemAvailable:")
            ]
    except OSError:
        pass
    try:
        with open("/sys/fs/cgroup/memory.max") as limit:
            text = limit.read().strip()
        if text.isdigit():
            found.append(int(text))
    except OSError:
        pass
    return min(found, default=None)


def _bytes(tree: Any) -> int:
    import jax

    return sum(
        math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)
    )


def _size(count: int) -> str:
    if count < 2**30:
        return f"{count / 2**20:.0f} MiB"
    return f"{count / 2**30:.1f} GiB"
