"""Arithmetic rates of the convolutional networks and their layers, in a loop.

    python scripts/bench_layers.py --out experiments/benchmarks/layers-cpu.json

Every figure is taken inside `jax.lax.scan`, where training runs, after compilation,
as the median of blocked repeats. A gradient is forward and backward together. The
limit is a large float32 matrix product measured in the same run; operations are those
of `forward_flops` and twice as many for the gradient, without the first layer's by its
input. A network's gradient is taken of the whole batch at once, and as the sum over
microbatches; layers are timed at the size of a microbatch.

A shared machine spoils rates by the clock. `busy` is the share of the cores that this
process had, and `core share` compares operations per second of processor time with the
matrix product's: what the code would reach of the peak if the cores were its own and
equally busy in both.

`--library` adds XLA's own convolution and pooling, which take seconds a gradient.
`--memory lstm` times instead the gradient over segments of IMPALA with a memory, in the
ways in which torso and memory can share the work.
"""

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from timing import Timing, facts, write

from mesagym.agents import layers, networks
from mesagym.agents.networks import forward_flops, make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.agents.recurrent import GATES

NETWORKS = {"cnn": (13, 13, 3), "impala": (15, 15, 3)}
STEPS = 4  # of the timed loop


class Rate(NamedTuple):
    """One thing's rate, with the time it took and the share of the cores it had."""

    timing: Timing  # GFLOP/s
    milliseconds: float
    busy: float
    per_core: float  # GFLOP per second of processor time


def rate(name: str, flops: float, repeats: int, loop: Any, *given: Any) -> Rate:
    """Time a compiled loop of `STEPS` steps of ``flops`` operations each."""
    begin = time.perf_counter()
    jax.block_until_ready(loop(*given))
    first = time.perf_counter() - begin
    walls, spent = [], []
    for _ in range(repeats):
        begin, processor = time.perf_counter(), time.process_time()
        jax.block_until_ready(loop(*given))
        walls.append((time.perf_counter() - begin) / STEPS)
        spent.append((time.process_time() - processor) / STEPS)
    median = statistics.median(walls)
    per_second = [flops / wall / 1e9 for wall in (median, max(walls), min(walls))]
    timing = Timing(name, *per_second, compile_seconds=first)
    return Rate(
        timing,
        milliseconds=median * 1e3,
        busy=sum(spent) / sum(walls) / (os.cpu_count() or 1),
        per_core=flops / statistics.median(spent) / 1e9,
    )


def in_loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """Repeat a function of (x, other) in a scan.

    Each step's x depends on the step before, and its outputs are carried, so that
    nothing is hoisted out of the loop or left uncomputed.
    """

    @jax.jit
    def loop(x: jax.Array, other: Any) -> Any:
        def step(carry: tuple[jax.Array, Any], _: None) -> tuple[Any, None]:
            x, out = carry
            nudge = jax.tree.leaves(out)[0].ravel()[0] * 1e-20
            x = x.at[(0,) * x.ndim].add(nudge)
            return (x, function(x, other)), None

        shapes = jax.eval_shape(function, x, other)
        out = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return lax.scan(step, (x, out), None, length=STEPS)[0]

    return loop


def matrix_peak(repeats: int, size: int = 2048) -> Rate:
    """Time a large float32 matrix product."""
    a = jax.random.normal(jax.random.key(0), (size, size))
    return rate("matrix product", 2 * size**3, repeats, in_loop(jnp.matmul), a, a)


# ------------------------------------------------------------------------- networks


def gradient_loop(policy: NetworkPolicy, microbatch: int | None) -> Callable[..., Any]:
    """Return steps of gradient descent on a batch, whole or in microbatches."""

    def loss(params: Any, obs: jax.Array) -> jax.Array:
        logits, value = policy.evaluate(params, obs)
        return jnp.square(logits).mean() + jnp.square(value - 1).mean()

    def gradient(params: Any, obs: jax.Array) -> Any:
        if microbatch is None:
            return jax.grad(loss)(params, obs)
        parts = obs.reshape(-1, microbatch, *obs.shape[1:])

        def add(total: Any, part: jax.Array) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, jax.grad(loss)(params, part)), None

        total, _ = lax.scan(add, jax.tree.map(jnp.zeros_like, params), parts)
        return jax.tree.map(lambda leaf: leaf / len(parts), total)

    @jax.jit
    def loop(params: Any, obs: jax.Array) -> Any:
        def step(params: Any, _: None) -> tuple[Any, None]:
            slope = gradient(params, obs)
            return jax.tree.map(lambda p, g: p - 1e-3 * g, params, slope), None

        return lax.scan(step, params, None, length=STEPS)[0]

    return loop


def bench_network(
    name: str, batch: int, microbatch: int, repeats: int, library: bool
) -> list[Rate]:
    """Time a network's gradients, and its forward pass."""
    shape = NETWORKS[name]
    policy = NetworkPolicy(make_network(name, 4))
    obs = jax.random.bernoulli(jax.random.key(0), 0.3, (batch, *shape))
    params = jax.jit(policy.init)(jax.random.key(1), obs)
    forward = forward_flops(policy.network, shape) * batch
    first = next(layers_of(policy.network, shape)).flops * batch
    flops = 3 * forward - first
    label = f"{name} {shape[0]}x{shape[1]}"
    rates = [
        rate(f"{label} gradient, {size}", flops, repeats, loop, params, obs)
        for size, loop in (
            (f"microbatch {microbatch}", gradient_loop(policy, microbatch)),
            ("whole", gradient_loop(policy, None)),
        )
    ]
    floats = obs.astype(jnp.float32)
    evaluate = in_loop(lambda obs, params: policy.evaluate(params, obs))
    rates.append(rate(f"{label} forward", forward, repeats, evaluate, floats, params))
    if library:
        with (
            mock.patch.object(layers, "conv_same", layers._library),
            mock.patch.object(networks, "max_pool", layers._library_pool),
        ):
            loop = gradient_loop(policy, None)
            name = f"{label} gradient, XLA's"
            rates.append(rate(name, flops, 1, loop, params, obs))  # minutes
    return rates


# --------------------------------------------------------------------------- memory


@partial(nn.scan, variable_broadcast="params", split_rngs={"params": False})
def _keeping_torso(
    network: networks.Network, nothing: tuple[()], obs: jax.Array
) -> tuple[tuple[()], jax.Array]:
    """Take parts of a torso as `networks` does, but keep all for the gradient."""
    return nothing, network.torso(obs, networks.no_tap)


def segment_loop(
    policy: NetworkPolicy, segments: int, microbatch: int | None, by_step: bool
) -> Callable[..., Any]:
    """Return steps of gradient descent on segments, time before segment.

    ``by_step`` runs the whole network inside the loop over time.
    """

    def loss(params: Any, obs: jax.Array) -> jax.Array:
        carry, rows = policy.init_carry(segments), obs.shape[0]
        reset = jnp.zeros(rows, dtype=bool)
        if by_step:

            def step(carry: Any, obs: jax.Array) -> Any:
                said = policy._run(
                    params, carry, obs, reset[:segments], networks.no_tap
                )
                return said[2], said[:2]

            steps = obs.reshape(-1, segments, *obs.shape[1:])
            logits, value = lax.scan(step, carry, steps)[1]
        else:
            logits, value = policy.evaluate(params, obs, carry, reset, microbatch)
        return jnp.square(logits).mean() + jnp.square(value - 1).mean()

    @jax.jit
    def loop(params: Any, obs: jax.Array) -> Any:
        def step(params: Any, _: None) -> tuple[Any, None]:
            slope = jax.grad(loss)(params, obs)
            return jax.tree.map(lambda p, g: p - 1e-3 * g, params, slope), None

        return lax.scan(step, params, None, length=STEPS)[0]

    return loop


def bench_memory(kind: str, batch: int, microbatch: int, repeats: int) -> list[Rate]:
    """Time IMPALA's gradient over segments of 32 steps, with and without a memory."""
    shape, segments = NETWORKS["impala"], batch // 32
    obs = jax.random.bernoulli(jax.random.key(0), 0.3, (batch, *shape))
    rates = []

    def add(label: str, memory: str | None, loop: Any) -> None:
        network = make_network("impala", 4, memory=memory)
        policy = NetworkPolicy(network)
        params = jax.jit(policy.init)(jax.random.key(1), obs[:1])
        first = next(layers_of(network, shape)).flops
        flops = (3 * forward_flops(network, shape) - first) * batch
        rates.append(rate(label, flops, repeats, loop(policy), params, obs))

    add("impala, no memory", None, lambda policy: gradient_loop(policy, microbatch))

    def ways(at_once: int | None, by_step: bool = False) -> Callable[..., Any]:
        return lambda policy: segment_loop(policy, segments, at_once, by_step)

    add(f"impala {kind}, torso in parts, computed twice", kind, ways(microbatch))
    with mock.patch.object(networks, "_torso_of_parts", _keeping_torso):
        add(f"impala {kind}, torso in parts, kept", kind, ways(microbatch))
    add(f"impala {kind}, torso at once", kind, ways(None))
    add(f"impala {kind}, all inside the loop over time", kind, ways(None, True))
    return rates


# --------------------------------------------------------------------------- layers


class Layer(NamedTuple):
    """A layer by itself."""

    label: str
    flops: int  # of one observation, forward
    input_shape: tuple[int, ...]
    module: nn.Module | None  # None for pooling


def layers_of(network: networks.Network, obs_shape: tuple[int, ...]) -> Any:
    """Yield a network's convolutions, poolings and dense layers from the input on."""
    found: list[Layer] = []
    previous: tuple[int, ...] = obs_shape

    def note(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        out, module = call(*args, **kwargs), context.module
        if isinstance(module, nn.Dense | layers.Conv3x3):
            shape, features = args[0].shape[1:], out.shape[-1]
            weights, kind = shape[-1], f"dense {shape[-1]}→{features}"
            if isinstance(module, layers.Conv3x3):
                weights *= module.kernel_size**2
                kind = f"conv {shape[0]}x{shape[1]} {shape[2]}→{features}"
            flops = 2 * math.prod(out.shape) * weights
            found.append(Layer(kind, flops, shape, module.clone(parent=None)))
        return out

    def tap(name: str, x: jax.Array) -> jax.Array:
        nonlocal previous
        if "pool" in name:
            height, width, channels = previous
            found.append(Layer(f"pool {height}x{width} {channels}", 0, previous, None))
        previous = x.shape[1:]
        return x

    with nn.intercept_methods(note):
        jax.eval_shape(
            lambda obs: network.init(
                *(jax.random.key(0), obs, network.initial_carry(1)),
                *(jnp.ones(1, dtype=bool), tap),
            ),
            jax.ShapeDtypeStruct((1, *obs_shape), jnp.bool_),
        )
    yield from found


def bench_layers(name: str, batch: int, repeats: int) -> list[Rate]:
    """Time each different layer of a network alone, forward and with its gradient."""
    network = make_network(name, 4)
    every = list(layers_of(network, NETWORKS[name]))
    rates = []
    for layer in dict.fromkeys(layer.label for layer in every):
        times = sum(other.label == layer for other in every)
        one = next(other for other in every if other.label == layer)
        is_first = one is every[0]
        x = jax.random.normal(jax.random.key(0), (batch, *one.input_shape))
        module = one.module
        params = module.init(jax.random.key(1), x) if module else ()

        def forward(x: Any, params: Any, module: Any = module) -> Any:
            return module.apply(params, x) if module else layers.max_pool(x)

        def gradient(
            x: Any, params: Any, forward: Any = forward, is_first: bool = is_first
        ) -> Any:
            if is_first:
                out, pull = jax.vjp(lambda params: forward(x, params), params)
            else:
                out, pull = jax.vjp(forward, x, params)
            return out, pull(out)

        label = f"{name} {one.label}" + (f" (×{times})" if times > 1 else "")
        flops = one.flops * batch
        both = (2 if is_first else 3) * flops
        rates.append(rate(label, flops, repeats, in_loop(forward), x, params))
        label += " ∇"
        rates.append(rate(label, both, repeats, in_loop(gradient), x, params))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--microbatch", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--library", action="store_true", help="time XLA's own, too")
    parser.add_argument("--memory", choices=GATES, help="time segments instead")
    parser.add_argument("--out", help="where to write the JSON")
    args = parser.parse_args()
    rates = [matrix_peak(args.repeats)]
    if args.memory:
        rates += bench_memory(args.memory, args.batch, args.microbatch, args.repeats)
    for name in [] if args.memory else args.networks:
        rates += bench_network(
            name, args.batch, args.microbatch, args.repeats, args.library
        )
        rates += bench_layers(name, args.microbatch, args.repeats)
    rates.append(matrix_peak(args.repeats))
    peaks = [rates[0], rates.pop()]
    peak = max(each.timing.high for each in peaks)
    per_core = max(each.per_core for each in peaks)
    record = facts([r.timing._replace(limit=peak) for r in rates], vars(args), None)
    record["unit"] = "GFLOP/s"
    record["matrix_peak_gflops"] = [each.timing.high for each in peaks]
    record["matrix_peak_gflops_per_core"] = [each.per_core for each in peaks]
    print(
        f"{'':46}{'ms':>9}{'GFLOP/s':>9}{'min':>7}{'max':>7}{'share':>7}{'busy':>6}"
        f"{'core share':>12}"
    )
    for r in rates:
        row = record["figures"][r.timing.name]
        row |= {"milliseconds": r.milliseconds, "busy": r.busy}
        line = f"{r.timing.name:46}{r.milliseconds:9.2f}"
        if r.timing.median:  # pooling has no operations worth counting
            row["core_share"] = r.per_core / per_core
            line += f"{r.timing.median:9.0f}{r.timing.low:7.0f}{r.timing.high:7.0f}"
            line += (
                f"{r.timing.median / peak:7.2f}{r.busy:6.2f}{row['core_share']:12.2f}"
            )
        else:
            line += f"{r.busy:36.2f}"
        print(line)
    print(
        f"peak {peak:.0f} GFLOP/s (max. of the matrix product before and after); load "
        f"{record['load_average']:.1f} on {record['cores']} cores"
    )
    write(record, args.out)


if __name__ == "__main__":
    main()
