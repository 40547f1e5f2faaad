"""Training state as named numpy arrays and back, for checkpoints."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.errors import UserError


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def to_arrays(tree: Any) -> dict[str, np.ndarray]:
    """Return a pytree's leaves by their path, random keys as their words."""
    named = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(
            jax.random.key_data(leaf) if _is_key(leaf) else leaf
        )
        for path, leaf in named
    }


def from_arrays(
    like: Any,
    arrays: dict[str, np.ndarray],
    what: str = "checkpoint",
    mend: str = "start in a new run directory",
) -> Any:
    """Return the pytree that `to_arrays` flattened.

    Args:
        like: a pytree of the same structure, or its shapes (`jax.eval_shape`).
        arrays: by path.
        what: the file, for an error.
        mend: what to do about it.

    Raises:
        UserError: a leaf is missing, or has another shape or type.
    """

    def restore(path: Any, leaf: Any) -> jax.Array:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if name not in arrays:
            raise UserError(
                f"{what}: it has no '{name}'; another version wrote it, {mend}"
            )
        array = arrays[name]
        if _is_key(leaf):
            restored = jax.random.wrap_key_data(jnp.asarray(array))
        else:
            restored = jnp.asarray(array)
        if restored.shape != leaf.shape or restored.dtype != leaf.dtype:
            raise UserError(
                f"{what}: '{name}' is {restored.dtype}{list(restored.shape)} and "
                f"{leaf.dtype}{list(leaf.shape)} is needed here; {mend}"
            )
        return restored

    return jax.tree_util.tree_map_with_path(restore, like)
