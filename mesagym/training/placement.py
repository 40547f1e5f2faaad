"""How the cells of a grid are batched: one decision, by backend and devices."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

HOW: tuple[str, ...] = ("map", "vmap", "shard")


def choose(num_cells: int, devices: list[Any] | None = None) -> str:
    """Choose how to run several cells.

    On a CPU cells run one after another inside one program (`map`): eight dense
    networks by `vmap` cost 1.2 to 1.3 times eight single runs, and kernels with a
    batch axis turn convolutions into grouped ones, which are slower still. On an
    accelerator `vmap` fills the device. Over several devices the cells are spread
    (`shard`) where their number is a multiple of the devices'.
    """
    devices = jax.devices() if devices is None else devices
    if len(devices) > 1 and num_cells % len(devices) == 0:
        return "shard"
    return "map" if devices[0].platform == "cpu" else "vmap"


def over_cells(
    function: Callable[..., Any], how: str, devices: list[Any] | None = None
) -> Any:
    """Return a jitted function that applies ``function`` along a leading axis.

    It has ``lower``, as every jitted function, so that it can be compiled ahead.

    Args:
        function: of one cell's arguments, each a pytree.
        how: one of :data:`HOW`.
        devices: those of `shard`; all where not given.
    """

    def one_after_another(*arguments: Any) -> Any:
        return jax.lax.map(lambda each: function(*each), arguments)

    if how == "map":
        return jax.jit(one_after_another)
    if how == "vmap":
        return jax.jit(jax.vmap(function))
    if how != "shard":
        raise ValueError(f"'{how}' is not one of {', '.join(HOW)}")
    devices = jax.devices() if devices is None else devices
    mesh = Mesh(np.array(devices), ("cell",))
    on_cpu = devices[0].platform == "cpu"
    each_device = one_after_another if on_cpu else jax.vmap(function)
    sharded = jax.jit(
        jax.shard_map(
            each_device,
            mesh=mesh,
            in_specs=P("cell"),
            out_specs=P("cell"),
            check_vma=False,
        )
    )

    return _Spread(sharded, NamedSharding(mesh, P("cell")))


@dataclass(frozen=True)
class _Spread:
    """A jitted function whose arguments are put onto several devices first."""

    jitted: Any
    sharding: NamedSharding

    def __call__(self, *arguments: Any) -> Any:
        return self.jitted(*jax.device_put(arguments, self.sharding))

    def lower(self, *arguments: Any) -> Any:
        return self.jitted.lower(*jax.device_put(arguments, self.sharding))
