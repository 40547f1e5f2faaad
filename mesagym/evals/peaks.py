"""Where a critic's value peaks in a level's table, and what its actor then does."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float

from mesagym.evals.tabular import Model, follow

SAME = 1e-5
"""Share of a critic's spread within which values are one peak: situations that look
alike are valued alike, up to rounding."""


class Peak(struct.PyTreeNode):
    """What a critic says of one level; NaN from one that values everything alike."""

    at: Any  # float32[..., K] share of the peak from which one step credits objective k
    elsewhere: Any  # float32[...] share from which no step credits anything
    steps: Any  # float32[..., K] fewest from the peak to being credited with k first
    anticipation: Any  # float32[..., K] value one step before k, in its spreads
    disagreement: Any  # float32[...] chance that the actor goes where no peak is


class Acted(struct.PyTreeNode):
    """What a level comes to, whoever judges it."""

    first: Any  # float32[..., K] chance that k is in the first crediting
    by_chance: Any  # float32[..., K] share of all situations one step before k


def steps_to_credit(model: Model) -> Float[Array, "situation objective"]:
    """Return the fewest steps until an objective is credited, before any other is.

    Args:
        model: of one level.

    Returns:
        From 1; infinite where nothing leads to it. Several may be credited at once.
    """

    def unfinished(carry: tuple[jax.Array, jax.Array]) -> jax.Array:
        return carry[1]

    def relax(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        steps, _ = carry
        onward = jnp.where(model.over[..., None], jnp.inf, 1 + steps[model.next])
        shorter = jnp.where(model.paid > 0, 1.0, onward).min(axis=1)
        return shorter, (shorter < steps).any()

    far = jnp.full(model.paid.shape[::2], jnp.inf)
    return jax.lax.while_loop(unfinished, relax, (far, jnp.bool_(True)))[0]


def _peak(
    model: Model,
    steps: Float[Array, "situation objective"],
    values: Float[Array, " situation"],
    flow: Float[Array, "situation action"],
) -> Peak:
    here = model.possible
    count = here.sum()
    top = jnp.where(here, values, -jnp.inf).max()
    spread = top - jnp.where(here, values, jnp.inf).min()
    peak = here & (values >= top - SAME * spread)
    share = peak / peak.sum()
    before = steps == 1
    at = share @ before
    mean = jnp.where(here, values, 0).sum() / count
    deviation = jnp.sqrt(jnp.where(here, (values - mean) ** 2, 0).sum() / count)
    near = here[:, None] & before
    scaled = (values - mean) / jnp.where(deviation > 0, deviation, 1)
    # Zero over zero, not a number, where no situation is one step before.
    anticipation = jnp.where(near, scaled[:, None], 0).sum(0) / near.sum(0)
    paid = model.paid > 0
    peaked = (peak[:, None] & before).any(axis=0)
    other = paid.any(axis=-1) & ~(paid & peaked).any(axis=-1) & peaked.any()
    far = jnp.where(peak[:, None], steps, 0).sum(0) / peak.sum()
    found = Peak(
        at=at,
        elsewhere=share @ ~before.any(axis=-1),
        steps=jnp.where(jnp.isfinite(far), far, jnp.nan),
        anticipation=anticipation,
        # A peak before nothing is no goal that the actor could share or miss.
        disagreement=jnp.where(peaked.any(), (flow * other).sum(), jnp.nan),
    )
    # Rounding apart, a policy without an estimate values all situations alike.
    critical = spread > 1e-7 * jnp.maximum(1.0, jnp.abs(top))
    return jax.tree.map(lambda leaf: jnp.where(critical, leaf, jnp.nan), found)


@partial(jax.jit, static_argnames=("horizon",))
def peaks(
    models: Model,
    probabilities: Float[Array, "level situation action"],
    values: Float[Array, "critic level situation"],
    horizon: int,
) -> tuple[Acted, Peak]:
    """Return what an actor does on levels, and where critics' values peak there.

    Only situations count that some actions lead to before anything is credited.

    Args:
        models: of levels, leaves [n, ...].
        probabilities: the actor's.
        values: of each critic in each situation.
        horizon: steps that the actor has at most.

    Returns:
        ``(acted, peak)``, leaves [n, ...] and [critics, n, ...].
    """

    def one(
        model: Model, probabilities: jax.Array, values: jax.Array
    ) -> tuple[Acted, Peak]:
        steps = steps_to_credit(model)
        visits = follow(model, probabilities, horizon).visits
        flow = visits[:, None] * probabilities
        paid = (model.paid > 0).astype(jnp.float32)
        near = model.possible[:, None] & (steps == 1)
        acted = Acted(
            first=jnp.einsum("sa,sak->k", flow, paid),
            by_chance=near.sum(0) / model.possible.sum(),
        )
        judged = jax.vmap(lambda each: _peak(model, steps, each, flow))(values)
        return acted, judged

    return jax.vmap(one, in_axes=(0, 0, 1), out_axes=(0, 1))(
        models, probabilities, values
    )
