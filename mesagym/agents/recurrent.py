"""What a network remembers from step to step: GRU and LSTM over whole sequences."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float

Carry = dict[str, jax.Array]
"""``hidden`` float32[n, size], and ``cell`` of the same shape for an LSTM."""

Gates = Float[Array, "batch gates"]

GATES: dict[str, tuple[str, ...]] = {
    "gru": ("reset", "update", "candidate"),
    "lstm": ("input", "forget", "candidate", "output"),
}
"""The kinds of memory, and the gates of each in the order of their weights."""


def empty(kind: str, size: int, n: int) -> Carry:
    """Return the carry of ``n`` episodes that have not begun: zeros."""
    names = ("cell", "hidden") if kind == "lstm" else ("hidden",)
    return {name: jnp.zeros((n, size)) for name in names}


def _keep(name: str, x: jax.Array) -> jax.Array:
    return x


def _gru(given: Gates, told: Gates, carry: Carry, tap: Any) -> Carry:
    # Cho et al. 2014, equations 5 to 8, but that the reset gate multiplies what the
    # state's product gave and not the state, so that one product serves all gates.
    reset, update, candidate = jnp.split(given, 3, axis=-1)
    reset_too, update_too, candidate_too = jnp.split(told, 3, axis=-1)
    new = jnp.tanh(candidate + nn.sigmoid(reset + reset_too) * candidate_too)
    keep = nn.sigmoid(update + update_too)
    hidden = keep * carry["hidden"] + (1 - keep) * new
    return {"hidden": tap("memory", hidden)}


def _lstm(given: Gates, told: Gates, carry: Carry, tap: Any) -> Carry:
    # Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000.
    write, keep, new, read = jnp.split(given + told, 4, axis=-1)
    cell = nn.sigmoid(keep) * carry["cell"] + nn.sigmoid(write) * jnp.tanh(new)
    cell = tap("memory/cell", cell)
    return {"cell": cell, "hidden": tap("memory", nn.sigmoid(read) * jnp.tanh(cell))}


_STEPS = {"gru": _gru, "lstm": _lstm}


def unroll(
    kind: str,
    given: Float[Array, "time batch gates"],
    kernel: Float[Array, "size gates"],
    carry: Carry,
    reset: Bool[Array, "time batch"],
) -> tuple[Float[Array, "time batch size"], Carry]:
    """Run a memory over sequences, beginning anew where ``reset``.

    Args:
        kind: ``"gru"`` or ``"lstm"``.
        given: what each step's input gives to the gates, biases included.
        kernel: from the state to the gates.
        carry: before the first step.
        reset: where an episode starts; nothing earlier reaches such a step, nor does
            its gradient reach back.

    Returns:
        The state after every step, and the carry after the last.
    """

    def step(carry: Carry, now: Any) -> tuple[Carry, jax.Array]:
        given, reset = now
        carry = jax.tree.map(lambda x: jnp.where(reset[:, None], 0.0, x), carry)
        carry = _STEPS[kind](given, carry["hidden"] @ kernel, carry, _keep)
        return carry, carry["hidden"]

    carry, hidden = jax.lax.scan(step, carry, (given, reset))
    return hidden, carry


def _by_gate(init: Any, gates: int) -> Any:
    """Draw the weights of each gate apart, as if they were matrices of their own."""

    def make(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
        each = (*shape[:-1], shape[-1] // gates)
        keys = jax.random.split(key, gates)
        return jnp.concatenate([init(key, each, dtype) for key in keys], axis=-1)

    return make


class Memory(nn.Module):
    """A GRU or LSTM between what a network sees and what it says.

    Activations: ``memory``, the state after the step, which the next layer reads and
    the next step begins with; of an LSTM ``memory/cell`` before it.
    """

    kind: str
    size: int

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "row feature"],
        carry: Carry,
        reset: Bool[Array, " row"],
        tap: Any,
    ) -> tuple[Float[Array, "row size"], Carry]:
        """Return the state after every row, and the carry after the last step.

        Args:
            x: features of T steps of n episodes, T * n rows, a step's n together.
            carry: of n episodes before the first step, new where one starts there.
            reset: where an episode starts.
            tap: sees the state of a single step, T = 1.
        """
        gates, n = len(GATES[self.kind]), carry["hidden"].shape[0]

        def forget_late(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> Any:
            # A forget gate that starts open remembers (Jozefowicz et al. 2015).
            if self.kind == "gru":
                return jnp.zeros(shape, dtype)
            return jnp.zeros(shape, dtype).at[self.size : 2 * self.size].set(1.0)

        # One product for all steps; only that with the state is left to the loop.
        given = nn.Dense(gates * self.size, bias_init=forget_late, name="input")(x)
        kernel = self.param(
            "kernel",
            _by_gate(nn.initializers.orthogonal(), gates),
            (self.size, gates * self.size),
            x.dtype,
        )
        if x.shape[0] == n:
            told = carry["hidden"] @ kernel
            carry = _STEPS[self.kind](given, told, carry, tap)
            return carry["hidden"], carry
        hidden, carry = unroll(
            self.kind,
            given.reshape(-1, n, given.shape[-1]),
            kernel,
            carry,
            reset.reshape(-1, n),
        )
        return hidden.reshape(-1, self.size), carry
