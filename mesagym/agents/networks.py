"""The networks that agents are made of, and what they cost."""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Shaped

from mesagym.agents.layers import Conv3x3, max_pool
from mesagym.agents.recurrent import GATES, Memory, empty
from mesagym.errors import UserError, nearest

Tap = Callable[[str, jax.Array], jax.Array]
"""Sees every named activation and returns it, or another in its place."""

Observations = Shaped[Array, "batch ..."]
Outputs = tuple[Float[Array, "batch action"], Float[Array, " batch"], Any]

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": nn.relu,
    "tanh": jnp.tanh,
}

# Orthogonal weights of gain √2, .01 for the policy, 1 for the value: what made
# PPO work in practice (Andrychowicz et al. 2021, section 3.2; Huang et al. 2022).
_hidden_init = nn.initializers.orthogonal(math.sqrt(2))
_policy_init = nn.initializers.orthogonal(0.01)
_value_init = nn.initializers.orthogonal(1.0)


def no_tap(name: str, x: jax.Array) -> jax.Array:
    """Return the activation as it is."""
    return x


class Network(nn.Module):
    """Logits and values from observations: a torso, a memory if there is one, heads.

    A subclass is a Linen module with settings of its own and ``torso(obs, tap)``, from
    observations to features. It passes every activation through ``tap`` under a name,
    the observation as ``"input"`` first; the memory's are ``"memory"`` and, of an
    LSTM, ``"memory/cell"`` before it, the heads' ``"logits"`` and ``"value"``.
    Settings are hashable, so that equal networks compile once.

    Attributes:
        num_actions: how many logits.
        hidden: widths of the torso's dense layers.
        memory: ``"gru"``, ``"lstm"``, or None for a network that forgets.
        memory_size: units of the memory, None for as many as the last hidden layer's.
    """

    num_actions: int
    hidden: tuple[int, ...] = ()
    memory: str | None = None
    memory_size: int | None = None

    label: ClassVar[str]

    def initial_carry(self, n: int) -> Any:
        """Return the carry of ``n`` episodes that have not begun."""
        return empty(self.memory, self._memory_units, n) if self.memory else ()

    @property
    def _memory_units(self) -> int:
        return self.memory_size or self.hidden[-1]

    def torso(self, obs: Observations, tap: Tap) -> Float[Array, "row feature"]:
        """Return the features of every observation: here itself, flattened."""
        return _as_input(obs, tap).reshape(obs.shape[0], -1)

    @nn.compact
    def __call__(
        self,
        obs: Observations,
        carry: Any = (),
        reset: Bool[Array, " row"] | None = None,
        tap: Tap = no_tap,
        at_once: int | None = None,
    ) -> Outputs:
        """Return logits, values and the carry.

        Args:
            obs: of T steps of n episodes, T * n rows, a step's n together. Without a
                memory, rows have nothing to do with one another.
            carry: leaves [n, ...], of the step before the first; begun anew where an
                episode starts at the first.
            reset: where an episode starts; nowhere if None.
            tap: sees and replaces activations, of single steps (T = 1).
            at_once: rows that the torso of a network with a memory takes at a time;
                None is all.
        """
        if at_once is None or obs.shape[0] <= at_once:
            x = self.torso(obs, tap)
        else:
            parts = obs.reshape(-1, at_once, *obs.shape[1:])
            x = _torso_of_parts(self, (), parts)[1].reshape(obs.shape[0], -1)
        if self.memory is not None:
            reset = jnp.zeros(obs.shape[0], dtype=bool) if reset is None else reset
            memory = Memory(self.memory, self._memory_units, name="memory")
            x, carry = memory(x, carry, reset, tap)
        return *_heads(x, self.num_actions, tap), carry


# What a part of a torso keeps for its gradient would be written out and read back for
# all parts; to compute it once more is quicker, and needs a part's memory alone.
@partial(nn.scan, variable_broadcast="params", split_rngs={"params": False})
@partial(nn.remat, prevent_cse=False)
def _torso_of_parts(
    network: Network, nothing: tuple[()], obs: jax.Array
) -> tuple[tuple[()], jax.Array]:
    return nothing, network.torso(obs, no_tap)


def _as_input(obs: jax.Array, tap: Tap) -> jax.Array:
    # Pictures become shares of full brightness, so that all inputs lie in [0, 1].
    scale = 1 / 255 if obs.dtype == jnp.uint8 else 1
    return tap("input", obs.astype(jnp.float32) * scale)


def _dense(name: str, x: jax.Array, features: int, activation: str, tap: Tap) -> Any:
    x = nn.Dense(features, kernel_init=_hidden_init, name=name)(x)
    return tap(name, ACTIVATIONS[activation](x))


def _heads(x: jax.Array, num_actions: int, tap: Tap) -> tuple[jax.Array, jax.Array]:
    logits = nn.Dense(num_actions, kernel_init=_policy_init, name="policy_head")(x)
    value = nn.Dense(1, kernel_init=_value_init, name="value_head")(x)
    return tap("logits", logits), tap("value", value[:, 0])


class MLP(Network):
    """Dense layers on the flattened observation.

    Activations: ``input``, ``dense_0`` and so on, a memory's, ``logits``, ``value``.
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "relu"

    label: ClassVar[str] = "mlp"

    def torso(self, obs: Observations, tap: Tap) -> jax.Array:
        """Return the last dense layer's output."""
        x = _as_input(obs, tap).reshape(obs.shape[0], -1)
        for i, features in enumerate(self.hidden):
            x = _dense(f"dense_{i}", x, features, self.activation, tap)
        return x


class CNN(Network):
    """Convolutions of 3x3, then dense layers, on a grid of any size.

    After a convolution the grid is halved while a side is longer than
    ``largest_side``: a 13x13 grid keeps its resolution, and a 64x64 one reaches the
    dense layers as 16x16.

    Activations: ``input``, ``conv_0`` and so on, ``pool_0`` where halved, ``dense_0``
    and so on, a memory's, ``logits``, ``value``.
    """

    channels: tuple[int, ...] = (16, 16, 16)
    hidden: tuple[int, ...] = (128,)
    activation: str = "relu"
    largest_side: int = 16

    label: ClassVar[str] = "cnn"

    def torso(
        self, obs: Shaped[Array, "batch height width channel"], tap: Tap
    ) -> jax.Array:
        """Return the last dense layer's output."""
        x = _as_input(obs, tap)
        for i, features in enumerate(self.channels):
            convolution = Conv3x3(features, kernel_init=_hidden_init, name=f"conv_{i}")
            x = tap(f"conv_{i}", ACTIVATIONS[self.activation](convolution(x)))
            if max(x.shape[1:3]) > self.largest_side:
                x = tap(f"pool_{i}", max_pool(x))
        x = x.reshape(x.shape[0], -1)
        for i, features in enumerate(self.hidden):
            x = _dense(f"dense_{i}", x, features, self.activation, tap)
        return x


class Impala(Network):
    """The residual network of IMPALA (Espeholt et al. 2018, figure 3, right).

    Each block is a convolution, a maximum over 3x3 pixels 2 apart, and residual
    units of relu, convolution, relu, convolution. Without ``memory="lstm"`` a dense
    layer stands in place of the LSTM, as in Abdel Sadek et al. 2025; with it the LSTM
    reads that layer, as in IMPALA, but neither the last action nor the last reward
    besides. Convolutions start as Glorot and Bengio
    2010 have it, so that a sum of units does not grow with their number.

    Activations: ``input``; for block b ``block_b/conv`` and ``block_b/pool``, for its
    unit u ``block_b/unit_u/conv_0`` (after the relu), ``block_b/unit_u/conv_1`` and
    their sum with the way around, ``block_b/unit_u``; ``flat``, ``dense_0`` and so
    on, a memory's, ``logits``, ``value``.
    """

    channels: tuple[int, ...] = (16, 32, 32)
    units: int = 2
    hidden: tuple[int, ...] = (256,)

    label: ClassVar[str] = "impala"

    def torso(
        self, obs: Shaped[Array, "batch height width channel"], tap: Tap
    ) -> jax.Array:
        """Return the last dense layer's output."""
        init = nn.initializers.glorot_uniform()
        x = _as_input(obs, tap)
        for b, features in enumerate(self.channels):
            convolve = partial(Conv3x3, features, kernel_init=init)
            x = tap(f"block_{b}/conv", convolve(name=f"block_{b}_conv")(x))
            x = tap(f"block_{b}/pool", max_pool(x))
            for u in range(self.units):
                at, name = f"block_{b}/unit_{u}", f"block_{b}_unit_{u}_conv"
                y = convolve(name=f"{name}_0")(nn.relu(x))
                y = tap(f"{at}/conv_0", nn.relu(y))
                y = tap(f"{at}/conv_1", convolve(name=f"{name}_1")(y))
                x = tap(at, x + y)
        x = tap("flat", nn.relu(x).reshape(x.shape[0], -1))
        for i, features in enumerate(self.hidden):
            x = _dense(f"dense_{i}", x, features, "relu", tap)
        return x


_NETWORKS: dict[str, type[Network]] = {
    network.label: network for network in (MLP, CNN, Impala)
}

network_names: tuple[str, ...] = tuple(_NETWORKS)
"""Names that :func:`make_network` accepts."""


def _sizes(key: str, value: Any) -> tuple[int, ...]:
    sizes = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise UserError(f"{key}: {value!r} is not a list of whole numbers from 1")
    return sizes


def _size(key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UserError(f"{key}: {value!r} is not a whole number from 1")
    return value


def _activation(key: str, value: Any) -> str:
    if value not in ACTIVATIONS:
        hint = nearest(str(value), ACTIVATIONS)
        raise UserError(f"{key}: unknown activation '{value}'.{hint}")
    return value


def _memory(key: str, value: Any) -> str | None:
    if value is not None and value not in GATES:
        hint = nearest(str(value), GATES)
        raise UserError(f"{key}: unknown memory '{value}'.{hint}")
    return value


def _memory_size(key: str, value: Any) -> int | None:
    return None if value is None else _size(key, value)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "channels": _sizes,
    "hidden": _sizes,
    "units": _size,
    "largest_side": _size,
    "activation": _activation,
    "memory": _memory,
    "memory_size": _memory_size,
}


def make_network(name: str, num_actions: int, **settings: Any) -> Network:
    """Make a network.

    Args:
        name: ``"mlp"``, ``"cnn"`` or ``"impala"``.
        num_actions: how many logits.
        **settings: those of the network, such as ``hidden=(128, 128)``. Lists become
            tuples.

    Raises:
        UserError: an unknown name or setting, or a value out of range.
    """
    if name not in _NETWORKS:
        hint = nearest(name, network_names)
        raise UserError(f"agent.network: unknown network '{name}'.{hint}")
    network = _NETWORKS[name]
    own = {"num_actions", "parent", "name"}
    known = [f.name for f in dataclasses.fields(network) if f.name not in own]
    for setting, value in settings.items():
        if setting not in known:
            hint = nearest(setting, known)
            raise UserError(f"agent.network.{setting}: {name} has no such.{hint}")
        check = _CHECKS[setting]
        settings[setting] = check(f"agent.network.{setting}", value)
    made = network(num_actions=num_actions, **settings)
    if made.memory_size is not None and made.memory is None:
        raise UserError(
            f"agent.network.memory_size: {made.memory_size} is of no memory; give "
            "agent.network.memory"
        )
    if made.memory is not None and made.memory_size is None and not made.hidden:
        raise UserError(
            "agent.network.memory_size: null is as many as the last of "
            "agent.network.hidden, which is empty; give a number"
        )
    return made


# ------------------------------------------------------------------------- the cost


def _blank(obs_shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, *obs_shape), jnp.bool_)


def init_params(network: Network, key: jax.Array, obs: Observations) -> Any:
    """Return fresh weights, float32.

    Args:
        network: the network.
        key: randomness.
        obs: a batch of observations, read for its shape alone.
    """
    n = obs.shape[0]
    carry, reset = network.initial_carry(n), jnp.ones(n, dtype=bool)
    return network.init(key, obs, carry, reset, no_tap)


def _abstractly(network: Network, obs_shape: tuple[int, ...], tap: Tap = no_tap) -> Any:
    """Run a network on shapes alone; return the shapes of its weights."""

    def run(obs: jax.Array) -> Any:
        carry, reset = network.initial_carry(1), jnp.ones(1, dtype=bool)
        return network.init(jax.random.key(0), obs, carry, reset, tap)

    return jax.eval_shape(run, _blank(obs_shape))


def activation_shapes(
    network: Network, obs_shape: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    """Return the shape of every named activation of one observation, in order."""
    shapes: dict[str, tuple[int, ...]] = {}

    def tap(name: str, x: jax.Array) -> jax.Array:
        shapes[name] = x.shape[1:]
        return x

    _abstractly(network, obs_shape, tap)
    return shapes


def parameter_count(network: Network, obs_shape: tuple[int, ...]) -> int:
    """Return how many numbers the weights are."""
    leaves = jax.tree.leaves(_abstractly(network, obs_shape))
    return sum(math.prod(leaf.shape) for leaf in leaves)


def forward_flops(network: Network, obs_shape: tuple[int, ...]) -> int:
    """Return the floating point operations of one observation's forward pass.

    Two for each weight that each output meets, in dense, convolutional and recurrent
    layers, padding counted like pixels; biases, activations and pooling, well under
    5 % in all, are left out. A gradient costs twice this on top, without the first
    layer's input gradient.
    """
    flops = 0

    def count(
        call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext
    ) -> Any:
        nonlocal flops
        out = call(*args, **kwargs)
        module = context.module
        if context.method_name == "__call__":
            if isinstance(module, nn.Dense):
                flops += 2 * math.prod(out.shape) * args[0].shape[-1]
            elif isinstance(module, Memory):  # the state's; the input's is a Dense
                gates = module.size * len(GATES[module.kind])
                flops += 2 * math.prod(out[0].shape) * gates
            elif isinstance(module, Conv3x3):
                weights = module.kernel_size**2 * args[0].shape[-1]
                flops += 2 * math.prod(out.shape) * weights
        return out

    with nn.intercept_methods(count):
        _abstractly(network, obs_shape)
    return flops
