"""Training throughput of each agent, beside the roofline that its arithmetic allows.

    python scripts/bench_train.py --out experiments/benchmarks/train-cpu.json

One seed trains for some chunks; a chunk's time includes refilling the pool, stepping,
learning and the counts, and leaves out compilation. The limit is the measured float32
matrix peak over the multiply-adds of one environment step: a forward pass to act, and
for each epoch a forward pass and its gradient, without the first layer's gradient by
its input. Pooling, random numbers and the environment are not in it.
"""

import argparse
import time
from functools import partial
from typing import Any

import jax
from timing import Timing, facts, matrix_peak, measure, show, write

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

AGENTS: dict[str, tuple[str, dict[str, Any], int, PPOShape, int]] = {
    # name: network, settings, size, shape, updates a chunk
    "mlp 9x9": ("mlp", {}, 9, PPOShape(minibatches=8), 16),
    "mlp 2x256 9x9": ("mlp", {"hidden": (256, 256)}, 9, PPOShape(minibatches=8), 16),
    "mlp 3x128 13x13": ("mlp", {"hidden": (128, 128, 128)}, 13, PPOShape(), 16),
    "cnn 9x9": ("cnn", {}, 9, MICRO, 4),
    "cnn 13x13": ("cnn", {}, 13, MICRO, 4),
    "impala 15x15 paper": ("impala", {}, 15, PAPER, 1),
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


def bench(name: str, repeats: int, peak: float) -> Timing:
    """Time the chunks of one agent."""
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
    timing = measure(name, program.steps_per_chunk, repeats, chunk, cell, state)
    forward = forward_flops(network, env.observation_shape)
    first = first_layer_flops(state.optimised.params, env.observation_shape)
    flops = forward + shape.epochs * (3 * forward - first)
    note = f"{flops / 1e6:.2f} MFLOP a step, {timing.median * flops / 1e9:.0f} GFLOP/s"
    return timing._replace(
        compile_seconds=compile_seconds, limit=peak / flops, note=note
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--agents", nargs="+", default=list(AGENTS), choices=AGENTS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", help="JSON of another system's figures, same names")
    parser.add_argument("--out", help="where to write the JSON")
    args = parser.parse_args()
    before = matrix_peak()
    timings = [bench(name, args.repeats, before) for name in args.agents]
    record = facts(timings, vars(args), args.peer)
    record["matrix_peak_gflops"] = [before / 1e9, matrix_peak() / 1e9]
    show(record)
    print(
        "float32 matrix peak before and after: {:.0f}, {:.0f} GFLOP/s".format(
            *record["matrix_peak_gflops"]
        )
    )
    write(record, args.out)


if __name__ == "__main__":
    main()
