"""Levels a second, by layout and size: drawing, drawing again, solving.

    python scripts/bench_levels.py --out experiments/benchmarks/levels-cpu.json

Prints a table and writes JSON. `walls` draws a layout alone. `levels` draws whole
levels of an environment in which everything is joined, and draws again what is not;
`unjoined` draws the same without looking. `distances` (from every tile to one target),
`reachable` (from one tile) and `ways` (from a start to two targets) search the layout's
walls in three of their corners. Each is a batch of levels in one compiled program.
Timings are blocked, compilation is outside, and the median of the repeats is quoted.
`--short` looks at two sizes and two layouts, to see that it runs.
"""

import argparse
from typing import Any

import jax
import jax.numpy as jnp
from timing import Timing, facts, measure, show, write

import mesagym
from mesagym import grid
from mesagym.levels import solve
from mesagym.levels.layouts import LAYOUTS, get_layout

SIZES, SHORT_SIZES = (9, 13, 25, 49), (9, 13)
SHORT_LAYOUTS = ("blocks", "tree")
SEARCHED = ("blocks", "tree")
"""Layouts whose shortest paths are short and long for their size."""


def drawing(layout: str, size: int, batch: int, env: str) -> dict[str, Any]:
    """Return the programs that draw, each a function of a key."""
    in_env, params = mesagym.make(env, size=size, layout=layout)
    walls_of = get_layout(layout)

    @jax.jit
    def walls(key: jax.Array) -> jax.Array:
        keys = jax.random.split(key, batch)
        return jax.vmap(lambda key: walls_of(key, size, size))(keys)

    def levels(solvable: bool) -> Any:
        # Half of them shifted, so that no one kind of level is timed alone.
        return lambda key: in_env.sample_levels(key, batch, params, 0.5, solvable)

    return {"walls": walls, "levels": levels(True), "unjoined": levels(False)}


def to_search(layout: str, size: int, batch: int) -> jax.Array:
    """Return a batch of walls with floor in their corners, bool[batch, size, size]."""
    keys = jax.random.split(jax.random.key(1), batch)
    walls_of = get_layout(layout)
    walls = jax.jit(jax.vmap(lambda key: walls_of(key, size, size)))(keys)
    floor = jnp.array([1, size - 2])
    return walls.at[:, floor[:, None], floor].set(False)


def searching(size: int) -> dict[str, Any]:
    """Return the programs that search, each a function of a batch of walls."""
    ends = jnp.array([[1, 1], [size - 2, size - 2], [1, size - 2]])
    start, first, second = (grid.at(end, size, size) for end in ends)
    programs = {
        "distances": lambda walls: solve.distances(walls, start),
        "reachable": lambda walls: solve.reachable(walls, start),
        "ways": lambda walls: solve.ways(walls, start, first, second),
    }
    return {name: jax.jit(jax.vmap(search)) for name, search in programs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--env", default="Corner-v0", help="one with layouts")
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--layouts", nargs="+", choices=list(LAYOUTS))
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--short", action="store_true", help="see that it runs")
    parser.add_argument("--out", help="where to write the JSON")
    args = parser.parse_args()
    args.sizes = args.sizes or list(SHORT_SIZES if args.short else SIZES)
    args.layouts = args.layouts or list(SHORT_LAYOUTS if args.short else LAYOUTS)

    timings: list[Timing] = []
    key = jax.random.key(0)
    for size in args.sizes:
        for layout in args.layouts:
            for name, program in drawing(layout, size, args.batch, args.env).items():
                label = f"{name} {layout} {size}x{size}"
                timings.append(measure(label, args.batch, args.repeats, program, key))
            if layout in SEARCHED:
                walls = to_search(layout, size, args.batch)
                for name, program in searching(size).items():
                    label = f"{name} {layout} {size}x{size}"
                    timing = measure(label, args.batch, args.repeats, program, walls)
                    timings.append(timing)
            # One program after another: hundreds would stay in memory.
            jax.clear_caches()
    record = facts(timings, vars(args), None)
    show(record)
    write(record, args.out)


if __name__ == "__main__":
    main()
