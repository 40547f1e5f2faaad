"""Random-policy rollouts of environments, beside the cost of observing alone.

    python scripts/bench_env.py --out experiments/benchmarks/env-cpu.json

Prints a table and writes JSON. `summed` adds every observation up inside the loop;
`stacked` writes them all to memory, as a learner's rollout does. The limit of each is
the same loop with nothing in it but random actions and observations of states that
differ in the agent's place: what drawing and writing alone cost. `levels` draws and
classes a pool with α = .5. Timings are blocked, compilation is outside, and the median
of the repeats is quoted.
"""

import argparse
import itertools
from typing import Any

import jax
import jax.numpy as jnp
from timing import Timing, facts, measure, show, write

import mesagym
from mesagym.registry import config_name


def rollout(env: Any, params: Any, batch: int, steps: int, form: str, alone: bool):
    """Return a compiled rollout and its arguments."""

    def observe_alone(state: Any, action: jax.Array) -> tuple[Any, Any, jax.Array]:
        row = 1 + (action + state.time) % (env.height - 2)
        state = state.replace(agent=state.agent.at[0].set(row), time=state.time + 1)
        return env.observe(None, state, None, params), state, jnp.float32(0.0)

    def step_all(key: jax.Array, state: Any) -> tuple[Any, Any, Any]:
        bits = jax.random.bits(key, (batch, 2), jnp.uint32)
        actions = (bits[:, 0] % env.num_actions).astype(jnp.int32)
        if alone:
            return jax.vmap(observe_alone)(state, actions)
        keys = jax.random.wrap_key_data(bits)
        out = jax.vmap(env.step, in_axes=(0, 0, 0, None))(keys, state, actions, params)
        return out[:3]

    @jax.jit
    def run(key: jax.Array, state: Any) -> Any:
        def body(carry: Any, key: jax.Array) -> tuple[Any, Any]:
            state, total = carry
            obs, state, reward = step_all(key, state)
            if form == "stacked":
                return (state, total), (obs, reward)
            # A sum for each environment, so that the work divides over cores.
            total = total + reward
            if form == "summed":
                total = total + obs.reshape(batch, -1).sum(axis=1)
            return (state, total), None

        keys = jax.random.split(key, steps)
        return jax.lax.scan(body, (state, jnp.zeros(batch)), keys)

    reset = jax.jit(jax.vmap(env.reset, in_axes=(0, None)))
    _, state = reset(jax.random.split(jax.random.key(0), batch), params)
    return run, (jax.random.key(1), state)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--envs", nargs="+", default=list(mesagym.registered_envs), help="names"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[13])
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--levels", type=int, default=10_000, help="to sample, 0 skips")
    parser.add_argument("--peer", help="JSON of another system's figures, same names")
    parser.add_argument("--out", help="where to write the JSON")
    args = parser.parse_args()

    timings: list[Timing] = []
    for given, size in itertools.product(args.envs, args.sizes):
        env, params = mesagym.make(given, size=size)
        about = f"{config_name(given)} {size}x{size}"
        for form in ("stepped", "summed", "stacked"):
            steps = args.steps if form != "stacked" else max(1, args.steps // 4)
            count = args.batch * steps
            name = f"{form} {about}"
            run, at = rollout(env, params, args.batch, steps, form, alone=False)
            limit = None
            if form != "stepped":
                alone, start = rollout(env, params, args.batch, steps, form, alone=True)
                limit = measure(name, count, args.repeats, alone, *start).median
            timings.append(
                measure(name, count, args.repeats, run, *at)._replace(limit=limit)
            )
        if args.levels:
            pool = jax.jit(
                lambda key, e=env, p=params: e.make_pool(key, args.levels, p, 0.5)
            )
            key = jax.random.key(2)
            name = f"levels {about}"
            timings.append(measure(name, args.levels, args.repeats, pool, key))
    record = facts(timings, vars(args), args.peer)
    show(record)
    write(record, args.out)


if __name__ == "__main__":
    main()
