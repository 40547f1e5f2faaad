"""Small random changes of levels, which curricula and counterfactuals are made of."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Num

from mesagym.envs.base import Environment, compiled
from mesagym.errors import UserError, nearest

KINDS: tuple[str, ...] = ("elementary", "biased", "unrestricted")


def edit_levels(
    env: Environment,
    key: jax.Array,
    levels: Any,
    params: Any,
    kind: str = "biased",
    alpha: float | int | Num[Array, ""] = 0.0,
    edits: int = 1,
) -> Any:
    """Change each level of a batch by several edits, one after another.

    An edit that would break the environment's rules, or put the base objective out of
    reach, is not made: the level stays as it was. The kinds differ in what else they
    keep (after the mutations of Abdel Sadek et al. 2025, arXiv 2507.03068):

    - ``elementary``: the level's class. Edits as unrestricted ones, without those that
      turn an agreeing level into another, and so on.
    - ``biased``: α. Where an edit gives the base object or a proxy a new place, the
      place is from the shifted distribution with probability α only.
    - ``unrestricted``: nothing.

    Args:
        env: the environment.
        key: randomness.
        levels: leaves [n, ...].
        params: where the environment's level settings lie.
        kind: one of the three.
        alpha: of the biased kind; the others do not look at it.
        edits: how many each level is offered.

    Returns:
        Levels, leaves [n, ...].

    Raises:
        UserError: an unknown kind, or fewer than no edits.
    """
    if kind not in KINDS:
        raise UserError(f"edits: unknown kind '{kind}'." + nearest(kind, KINDS))
    if edits < 0:
        raise UserError(f"edits: {edits} is below 0; give how many to make")
    return _edit(
        env, kind, key, levels, params, jnp.asarray(alpha, float), jnp.int32(edits)
    )


@compiled("kind")
def _edit(
    self: Environment,
    kind: str,
    key: jax.Array,
    levels: Any,
    params: Any,
    alpha: jax.Array,
    edits: Int[Array, ""],
) -> Any:
    def edit(_: Any, carry: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        key, level = carry
        key, key_edit = jax.random.split(key)
        share = alpha if kind == "biased" else 1.0
        edited = self.propose_edit(key_edit, level, params, share)
        keep = self.is_valid(edited, params)
        if kind == "elementary":
            keep &= self.classify(edited).label == self.classify(level).label
        return key, jax.tree.map(
            lambda new, old: jnp.where(keep, new, old), edited, level
        )

    def edit_one(key: jax.Array, level: Any) -> Any:
        return jax.lax.fori_loop(0, edits, edit, (key, level))[1]

    n = jax.tree.leaves(levels)[0].shape[0]
    return jax.vmap(edit_one)(jax.random.split(key, n), levels)
