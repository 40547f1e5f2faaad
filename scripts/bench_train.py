"""Training throughput of each agent, beside the roofline that its arithmetic allows.

    python scripts/bench_train.py --out experiments/benchmarks/train-cpu.json
    python scripts/bench_train.py --agents "mlp 9x9" "mlp gru 9x9" --out FILE

One seed trains for some chunks; a chunk's time includes refilling the pool, stepping,
learning and the counts, and leaves out compilation. The limit is the measured float32
matrix peak over the multiply-adds of one environment step: a forward pass to act, and
for each epoch a forward pass and its gradient, without the first layer's gradient by
its input. Pooling, random numbers and the environment are not in it, nor is what a
torso behind a memory computes twice.

Agents and the matrix product take turns, so that all meet the same neighbours. `core
share` compares operations per second of processor time with the matrix product's: what
a shared machine leaves comparable.
"""

import argparse
import statistics
import time
from functools import partial
from typing import Any, NamedTuple

import jax
from timing import Timing, facts, show, write

import mesagym
from mesagym.agents.networks import forward_flops, make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.agents.ppo import PPOShape, make_hyper
from mesagym.training.chunk import Program, start, train_chunk
from mesagym.training.loop import make_cells

MICRO = PPOShape(microbatch=128)
PAPER = PPOShape(
    num_envs=256, rollout_steps=128, epochs=5, minibatches=4, microbatch=128
)
"""PPO of Abdel Sadek et al. 2025, for its network on 15x15."""

SMALL = PPOShape(num_envs=64, rollout_steps=32, epochs=2, minibatches=2, microbatch=128)
"""Minibatches of 1024 steps, or of 32 segments of 32 steps."""

AGENTS: dict[str, tuple[str, dict[str, Any], int, PPOShape, int]] = {
    # name: network, settings, size, shape, updates a chunk
    "mlp 9x9": ("mlp", {}, 9, PPOShape(minibatches=8), 16),
    "mlp 2x256 9x9": ("mlp", {"hidden": (256, 256)}, 9, PPOShape(minibatches=8), 16),
    "mlp 3x128 13x13": ("mlp", {"hidden": (128, 128, 128)}, 13, PPOShape(), 16),
    "cnn 9x9": ("cnn", {}, 9, MICRO, 4),
    "cnn 13x13": ("cnn", {}, 13, MICRO, 4),
    "impala 15x15 paper": ("impala", {}, 15, PAPER, 1),
    "mlp gru 9x9": ("mlp", {"memory": "gru"}, 9, PPOShape(minibatches=8), 16),
    "impala 15x15 small": ("impala", {}, 15, SMALL, 1),
    "impala lstm 15x15 small": ("impala", {"memory": "lstm"}, 15, SMALL, 1),
}


def first_layer_flops(params: Any, obs_shape: tuple[int, ...]) -> int:
    """Return the operations of the layer that reads the observation."""
    kernels = [x for x in jax.tree.leaves(params) if x.ndim in (2, 4)]
    channels, pixels = obs_shape[-1], obs_shape[0] * obs_shape[1]
    for kernel in kernels:
        if kernel.ndim == 4 and kernel.shape[2] == channels:
            return 2 * kernel.size * pixels
    inputs = channels * pixels
    return max(2 * k.size for k in kernels if k.ndim == 2 and k.shape[0] == inputs)


class Prepared(NamedTuple):
    """A compiled function with what it does in a call."""

    name: str
    steps: int  # environment steps that a call takes, or products
    flops: float  # of each
    compile_seconds: float
    function: Any
    given: tuple[Any, ...]


def product(size: int = 2048) -> Prepared:
    """Return a large float32 matrix product, which things are measured against."""
    a = jax.random.normal(jax.random.key(0), (size, size))
    function = jax.jit(lambda a: a @ a)
    function(a)
    return Prepared("matrix product", 1, 2.0 * size**3, 0.0, function, (a,))


def prepare(name: str) -> Prepared:
    """Compile the chunk of one agent."""
    network_name, settings, size, shape, updates = AGENTS[name]
    env, _ = mesagym.make("Corner-v0", size=size)
    network = make_network(network_name, env.num_actions, **settings)
    program = Program(
        env=env,
        policy=NetworkPolicy(network),
        shape=shape,
        updates_per_chunk=updates,
        total_updates=10_000,
        pool_size=4096,
        refill=True,
        shortest_episode=128,
    )
    cells = make_cells(program, [0], 0.5, make_hyper())
    cell = jax.tree.map(lambda leaf: leaf[0], cells)
    state = jax.jit(partial(start, program))(cell)
    begin = time.perf_counter()
    chunk = jax.jit(partial(train_chunk, program)).lower(cell, state).compile()
    compile_seconds = time.perf_counter() - begin
    state, _ = chunk(cell, state)  # the next one refills its pool, as all later ones
    forward = forward_flops(network, env.observation_shape)
    first = first_layer_flops(state.optimised.params, env.observation_shape)
    flops = forward + shape.epochs * (3 * forward - first)
    return Prepared(
        name, program.steps_per_chunk, flops, compile_seconds, chunk, (cell, state)
    )


class Spent(NamedTuple):
    """Seconds of the calls of one function."""

    wall: list[float]
    processor: list[float]


def in_turns(prepared: list[Prepared], repeats: int) -> list[Spent]:
    """Time each once, then each again, so often; every call waits for its results."""
    spent = [Spent([], []) for _ in prepared]
    for _ in range(repeats):
        for each, into in zip(prepared, spent, strict=True):
            begin, processor = time.perf_counter(), time.process_time()
            jax.block_until_ready(each.function(*each.given))
            into.wall.append(time.perf_counter() - begin)
            into.processor.append(time.process_time() - processor)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--agents", nargs="+", default=list(AGENTS), choices=AGENTS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", help="JSON of another system's figures, same names")
    parser.add_argument("--out", help="where to write the JSON")
    args = parser.parse_args()
    prepared = [product(), *map(prepare, args.agents)]
    spent = in_turns(prepared, args.repeats)
    peak = prepared[0].flops / min(spent[0].wall)
    per_core = prepared[0].flops / statistics.median(spent[0].processor)
    timings, shares = [], {}
    for each, taken in zip(prepared[1:], spent[1:], strict=True):
        rates = sorted(each.steps / wall for wall in taken.wall)
        median = statistics.median(rates)
        work = each.flops * each.steps / statistics.median(taken.processor)
        shares[each.name] = work / per_core
        note = (
            f"{each.flops / 1e6:.2f} MFLOP a step, {median * each.flops / 1e9:.0f} "
            f"GFLOP/s, core share {work / per_core:.2f}"
        )
        timings.append(
            Timing(
                *(each.name, median, rates[0], rates[-1], each.compile_seconds),
                limit=peak / each.flops,
                note=note,
            )
        )
    record = facts(timings, vars(args), args.peer)
    for name, share in shares.items():
        record["figures"][name]["core_share"] = share
    record["matrix_peak_gflops"] = peak / 1e9
    record["matrix_peak_gflops_per_core"] = per_core / 1e9
    show(record)
    print(
        f"float32 matrix peak, taken in the same turns: {peak / 1e9:.0f} GFLOP/s, "
        f"{per_core / 1e9:.0f} per second of processor time"
    )
    write(record, args.out)


if __name__ == "__main__":
    main()
