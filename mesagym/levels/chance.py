"""Random numbers of a step, from the key that the next level is drawn by, too."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mesagym.levels.pool import key_bits
from mesagym.levels.randomness import chances


def step_chances(key: jax.Array, n: int) -> Float[Array, "{n}"]:
    """Return ``n`` uniform numbers of [0, 1), multiples of 2**-24.

    They are mixed from the key's words, as the draw of the level that a step may
    start over on is (`mesagym.levels.pool.key_bits`), at a fraction of what the
    generator costs. A number stands before the words, so that what happens in a step
    tells nothing about the level drawn after it.

    Args:
        key: one that was split off, as everywhere in JAX.
        n: how many.
    """
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    first = key_bits(jnp.concatenate([jnp.ones(1, jnp.uint32), key]))
    # Far apart before they are mixed, as in Weyl's sequence of the golden ratio.
    apart = first + jnp.arange(n, dtype=jnp.uint32) * jnp.uint32(0x9E3779B9)
    words = jax.vmap(key_bits)(apart[:, None])
    return chances(words)
