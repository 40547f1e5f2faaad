"""Classes of contest levels, from what is known of their shortest ways."""

import jax.numpy as jnp
from jaxtyping import Array, Bool

from mesagym.levels.pool import AGREEING, AMBIGUOUS, DISTINGUISHING, LevelClass
from mesagym.levels.solve import UNREACHABLE, Ways


def level_class(
    agreeing: Bool[Array, ""], distinguishing: Bool[Array, ""], clean: Bool[Array, ""]
) -> LevelClass:
    """Return a level's class; it is ambiguous where it is neither of the first two."""
    label = jnp.where(distinguishing, DISTINGUISHING, AMBIGUOUS)
    label = jnp.where(agreeing, AGREEING, label)
    return LevelClass(label.astype(jnp.int8), clean)


def class_by_ways(way: Ways, in_reach: bool | Bool[Array, ""] = True) -> LevelClass:
    """Class a level by its shortest ways to the base's object and the proxy's.

    A level agrees where all to the proxy's meet the base's object, and distinguishes
    where none does; it is clean where besides none to the base's meets the proxy's.

    Args:
        way: with the base's object as the first target and the proxy's as the second.
        in_reach: whether both objects are, where more than walls is in the way.
    """
    exist = jnp.maximum(way.first_steps, way.second_steps) < UNREACHABLE
    exist &= in_reach
    distinguishing = exist & ~way.first_before_some
    return level_class(
        agreeing=exist & way.first_before_all,
        distinguishing=distinguishing,
        clean=distinguishing & ~way.second_before_some,
    )
