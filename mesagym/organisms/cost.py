"""What a network costs to run, whatever it is made of."""

from functools import cache

import jax
import jax.numpy as jnp

from mesagym.agents.networks import forward_flops
from mesagym.agents.policy import NetworkPolicy


@cache
def operations(policy: NetworkPolicy, obs_shape: tuple[int, ...]) -> int:
    """Return the floating point operations of one observation's forward pass.

    As the compiler counts them before it optimises, so that fixed kernels count too,
    which have no layers; where it does not say, those of `forward_flops`.

    Args:
        policy: a network's.
        obs_shape: of one observation.
    """
    obs = jnp.zeros((1, *obs_shape), bool)
    params = jax.eval_shape(lambda: policy.init(jax.random.key(0), obs))
    said = jax.jit(policy.evaluate).lower(params, obs).cost_analysis()
    counted = said.get("flops") if isinstance(said, dict) else None
    return int(counted) if counted else forward_flops(policy.network, obs_shape)
