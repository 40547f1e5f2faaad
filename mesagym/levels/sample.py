"""Draw levels in batches until each keeps a condition, inside a compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

MAX_ROUNDS = 1000
"""Rounds of drawing again before what is still rejected is given up."""


def sample_accepted(
    key: jax.Array,
    n: int,
    draw: Callable[[jax.Array], tuple[Any, Bool[Array, ""]]],
) -> tuple[Any, Bool[Array, " n"]]:
    """Draw ``n`` levels, drawing again each that is rejected.

    A quarter of the batch is drawn a round, for the places still open, so a batch
    costs little more than its levels where few are rejected, and the program holds
    one copy of ``draw``, which is most of its compilation. Each place gets an
    independent draw from the accepted ones.

    Args:
        key: randomness.
        n: how many.
        draw: from a key to a level and whether it is accepted.

    Returns:
        The levels (leading axis n) and which were accepted. A place that no draw
        of :data:`MAX_ROUNDS` filled holds a copy of an accepted level, so that no
        broken level is passed on where any was accepted at all; its flag stays
        false.
    """
    batch = max(1, -(-n // 4))

    def unfinished(carry: tuple[Any, jax.Array, jax.Array]) -> jax.Array:
        _, accepted, rounds = carry
        return ~accepted.all() & (rounds < MAX_ROUNDS)

    def fill(carry: tuple[Any, jax.Array, jax.Array]) -> tuple[Any, Any, Any]:
        levels, accepted, rounds = carry
        keys = jax.random.split(jax.random.fold_in(key, rounds), batch)
        fresh, fresh_accepted = jax.vmap(draw)(keys)
        # Open places sort first; a stable sort compiles in a fifth of nonzero's time.
        places = jnp.argsort(accepted)[:batch]
        places = jnp.where(fresh_accepted & ~accepted[places], places, n)

        def put(old: jax.Array, new: jax.Array) -> jax.Array:
            return old.at[places].set(new, mode="drop")

        levels = jax.tree.map(put, levels, fresh)
        return levels, accepted.at[places].set(True, mode="drop"), rounds + 1

    level = jax.eval_shape(draw, key)[0]
    levels = jax.tree.map(lambda leaf: jnp.zeros((n, *leaf.shape), leaf.dtype), level)
    carry = (levels, jnp.zeros(n, dtype=bool), jnp.int32(0))
    levels, accepted, _ = jax.lax.while_loop(unfinished, fill, carry)
    source = jnp.where(accepted, jnp.arange(n), jnp.argmax(accepted))
    return jax.tree.map(lambda leaf: leaf[source], levels), accepted
