"""Draw levels in batches until each keeps a condition, inside a compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

MAX_ROUNDS = 1000
"""Rounds of drawing again before what is still rejected is given up."""

ROUNDS = 8
"""Rounds that a batch takes where none is rejected."""


def sample_accepted(
    key: jax.Array,
    n: int,
    draw: Callable[[jax.Array], tuple[Any, Bool[Array, ""]]],
) -> tuple[Any, Bool[Array, " n"]]:
    """Draw ``n`` levels, drawing again each that is rejected.

    A part of the batch is drawn a round and what is accepted of it is lined up
    behind what there is, so a batch costs little more than its levels where few are
    rejected, and the program holds one copy of ``draw``, which is most of its
    compilation. The levels are the first ``n`` accepted of one stream of
    independent draws: each is an independent draw from the accepted ones.

    Args:
        key: randomness.
        n: how many.
        draw: from a key to a level and whether it is accepted.

    Returns:
        The levels (leading axis n) and which were accepted. Where not all places
        were filled in :data:`MAX_ROUNDS` rounds, the open ones hold copies of the
        first accepted level and their flags are false. Where no draw at all was
        accepted, all flags are false and the levels are zeros, which are no levels:
        **callers must see to it that such a batch is never used**. A compiled
        program cannot raise an error, so they look at the flags on the host.
    """
    batch = max(1, -(-n // ROUNDS))

    def unfinished(carry: tuple[Any, jax.Array, jax.Array]) -> jax.Array:
        _, count, rounds = carry
        return (count < n) & (rounds < MAX_ROUNDS)

    def fill(carry: tuple[Any, jax.Array, jax.Array]) -> tuple[Any, Any, Any]:
        levels, count, rounds = carry
        keys = jax.random.split(jax.random.fold_in(key, rounds), batch)
        fresh, accepted = jax.vmap(draw)(keys)
        # A stable sort, which compiles in a fifth of nonzero's time.
        order = jnp.argsort(~accepted)

        def put(old: jax.Array, new: jax.Array) -> jax.Array:
            # The next round writes over what was rejected.
            return jax.lax.dynamic_update_slice_in_dim(old, new[order], count, 0)

        levels = jax.tree.map(put, levels, fresh)
        return levels, count + accepted.sum(dtype=jnp.int32), rounds + 1

    def keep(leaf: jax.Array) -> jax.Array:
        first = jnp.where(count > 0, leaf[0], jnp.zeros_like(leaf[0]))
        filled = is_filled.reshape(n, *[1] * (leaf.ndim - 1))
        return jnp.where(filled, leaf[:n], first)

    # Room behind the last place for what the last round draws in excess.
    level = jax.eval_shape(draw, key)[0]
    levels = jax.tree.map(
        lambda leaf: jnp.zeros((n + batch, *leaf.shape), leaf.dtype), level
    )
    carry = (levels, jnp.int32(0), jnp.int32(0))
    levels, count, _ = jax.lax.while_loop(unfinished, fill, carry)
    is_filled = jnp.arange(n) < count
    return jax.tree.map(keep, levels), is_filled
