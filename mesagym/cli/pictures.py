"""The films, maps and figures of a run, made from its policies and outcomes."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.cli.assess import VERDICT_SHIFTS, pools_for
from mesagym.envs.base import Environment
from mesagym.envs.corner import Corner
from mesagym.evals.maps import tile_map
from mesagym.evals.shifts import EvaluationPool
from mesagym.report.figures import draw_figures
from mesagym.report.films import Episode, film
from mesagym.report.maps import LevelMap, corner_map, maps_to_bytes
from mesagym.report.page import report_html
from mesagym.report.view import MAPS, RunView, load_run
from mesagym.tracking import RunDirectory
from mesagym.training.saved import Saved, load

EPISODES = 4
"""Episodes in a film: the first levels of the shift, each with another seed."""

MAPPED = 2
"""Levels that are drawn as maps: the first clean ones, with the first seed."""

LAST = "films/clean.gif"
"""Written after the other films and maps: where it is, none of them is missing."""

WIDTH = 224
"""Pixels that an episode's frame has at most."""


def films_and_maps(
    trained: Saved, pools: dict[str, EvaluationPool]
) -> dict[str, bytes]:
    """Return films and maps, by their path in the run directory, `LAST` as the last.

    Args:
        trained: the policies.
        pools: of `VERDICT_SHIFTS` at least.
    """
    titles = {
        "agreeing": "In distribution: the objectives agree",
        "clean": "Out of distribution: they come apart",
    }
    files = {}
    if isinstance(trained.env, Corner):
        files[MAPS] = maps_to_bytes(_maps(trained, pools["clean"]))
    for name in VERDICT_SHIFTS:
        files[f"films/{name}.gif"] = film(
            played(trained, pools[name]), titles[name], trained.env.objective_names
        )
    return files


def played(trained: Saved, pool: EvaluationPool) -> list[Episode]:
    """Play the first levels of a pool, and keep every frame."""
    count = min(EPISODES, pool.size)
    seeds = [trained.seeds[k % len(trained.seeds)] for k in range(count)]
    params = jax.tree.map(
        lambda *leaves: jnp.stack(leaves), *(trained.of_seed(seed) for seed in seeds)
    )
    env = pool.env
    tile = max(2, min(16, WIDTH // max(env.height, env.width)))
    frames, paid, lengths = _play(
        env,
        trained.policy,
        params,
        jax.tree.map(lambda leaf: leaf[:count], pool.levels),
        pool.env_params,
        jax.random.split(jax.random.key(0), count),
        int(pool.env_params.max_steps_in_episode),
        tile,
    )
    episodes = []
    for k, seed in enumerate(seeds):
        steps = int(lengths[k])
        credited = np.asarray(paid[k, :steps]) != 0
        first = {
            name: int(credited[:, o].argmax()) + 1 if credited[:, o].any() else -1
            for o, name in enumerate(env.objective_names)
        }
        episodes.append(
            Episode(
                np.asarray(frames[k, : steps + 1]),
                first,
                pool.shift.name,
                seed,
                f"level {k}",
            )
        )
    return episodes


@partial(jax.jit, static_argnames=("env", "policy", "max_steps", "tile"))
def _play(
    env: Environment,
    policy: Any,
    params: Any,
    levels: Any,
    env_params: Any,
    keys: jax.Array,
    max_steps: int,
    tile: int,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return frames [n, steps + 1, ...], what each step paid, and lengths [n]."""

    def one(params: Any, level: Any, key: jax.Array) -> Any:
        obs, start = env.reset_to_level(key, level, env_params)

        def step(loop: Any, key: jax.Array) -> Any:
            obs, state, carry, over, reset = loop
            action, carry, _ = policy.act(
                params, carry, obs[None], key, reset=reset[None]
            )
            obs, state, _, terminated, info = env.step_env(
                key, state, action[0], env_params
            )
            paid = jnp.where(over, 0.0, info["objectives"])
            counted = ~over
            over |= terminated | env.is_truncated(state, env_params)
            loop = (obs, state, carry, over, jnp.bool_(False))
            return loop, (state, paid, counted)

        loop = (obs, start, policy.init_carry(1), jnp.bool_(False), jnp.bool_(True))
        _, (states, paid, counted) = jax.lax.scan(
            step, loop, jax.random.split(key, max_steps)
        )
        states = jax.tree.map(
            lambda first, rest: jnp.concatenate([first[None], rest]), start, states
        )
        draw = partial(env.render, params=env_params, tile=tile)
        return jax.lax.map(draw, states), paid, counted.sum()

    return jax.vmap(one)(params, levels, keys)


def _maps(trained: Saved, pool: EvaluationPool) -> list[LevelMap]:
    seed = trained.seeds[0]
    found = []
    for k in range(min(MAPPED, pool.size)):
        level = jax.tree.map(lambda leaf, k=k: np.asarray(leaf[k]), pool.levels)
        seen = tile_map(
            pool.env, trained.policy, trained.of_seed(seed), level, pool.env_params
        )
        found.append(
            corner_map(
                f"seed {seed}, clean level {k}",
                level.walls,
                level.agent.tolist(),
                level.cheese.tolist(),
                int(level.region),
                seen.probabilities,
                seen.values,
            )
        )
    return found


def complete(
    run: RunDirectory, pools: dict[str, EvaluationPool] | None = None
) -> RunView:
    """Add what a run's report shows and its directory lacks, and return the view.

    Args:
        run: open for writing, its policies and outcomes there.
        pools: those of its evaluation, drawn again where they are not at hand.
    """
    if LAST not in run.contents:
        trained = load(run)
        if pools is None:
            tested = run.config["evaluation"]
            pools = pools_for(
                trained,
                VERDICT_SHIFTS,
                tested["levels"],
                tested["seed"],
                lambda line: None,
            )
        for name, content in films_and_maps(trained, pools).items():
            run.write_file(name, content)
    view = load_run(run.path, mode=run.config["evaluation"]["modes"][0])
    for name, content in draw_figures(view).items():
        run.write_file(f"figures/{name}", content)
    return view


def write_page(run: RunDirectory, view: RunView) -> None:
    """Write the run's own report."""
    run.write_file("report.html", report_html([view]))
