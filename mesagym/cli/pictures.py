"""The films, maps and figures of a run, made from its policies and outcomes."""

import jax
import numpy as np

from mesagym.agents.policy import forgets
from mesagym.cli.assess import pools_for, tested_always
from mesagym.cli.playing import play
from mesagym.evals.maps import tile_map
from mesagym.evals.shifts import EvaluationPool
from mesagym.report.figures import draw_figures
from mesagym.report.films import Episode, film
from mesagym.report.maps import LevelMap, maps_to_bytes, tabular_map
from mesagym.report.page import report_html
from mesagym.report.view import MAPS, RunView, load_run
from mesagym.tracking import Record, RunDirectory
from mesagym.tracking.progress import Progress, silent
from mesagym.training.saved import Saved, load

EPISODES = 4
"""Episodes in a film: the first levels of the shift, each with another seed."""

FILMED = 2
"""Shifts that are filmed: the first ones, which every training is tested on."""

MAPPED = 2
"""Levels that are drawn as maps: the first clean ones, with the first seed."""

WIDTH = 224
"""Pixels that an episode's frame has at most."""

_TITLES = {
    "contest": (
        "In distribution: the objectives agree",
        "Out of distribution: they come apart",
    ),
    "allocation": (
        "In distribution: levels as in training",
        "Out of distribution: the shifted levels",
    ),
}


def films_and_maps(
    trained: Saved,
    pools: dict[str, EvaluationPool],
    progress: Progress = silent,
) -> dict[str, bytes]:
    """Return films and maps, by their path in the run directory, maps first.

    Args:
        trained: the policies.
        pools: of the shifts of `tested_always` at least.
        progress: told of each.
    """
    env, files = trained.env, {}
    shifts = tested_always(env)
    # What remembers has no action of a tile alone.
    mapped = env.tabular and env.kind == "contest" and forgets(trained.policy)
    total = len(shifts) + mapped
    if mapped:
        progress("filming", 1, total, "maps")
        files[MAPS] = maps_to_bytes(_maps(trained, pools[shifts[1]]))
    for number, (name, title) in enumerate(
        zip(shifts, _TITLES[env.kind], strict=True), 1 + mapped
    ):
        progress("filming", number, total, name)
        files[f"films/{name}.gif"] = film(
            played(trained, pools[name]), title, env.own_objectives
        )
    return files


def played(trained: Saved, pool: EvaluationPool) -> list[Episode]:
    """Play the first levels of a pool, each with another seed's policy."""
    count = min(EPISODES, pool.size)
    seeds = [trained.seeds[k % len(trained.seeds)] for k in range(count)]
    env = pool.env
    episodes = play(
        env,
        pool.env_params,
        jax.tree.map(lambda leaf: leaf[:count], pool.levels),
        trained.policy,
        [trained.of_seed(seed) for seed in seeds],
        tile=max(2, min(16, WIDTH // max(env.height, env.width))),
    )
    return [
        each.episode(env, pool.shift.name, seed, f"level {k}")
        for k, (each, seed) in enumerate(zip(episodes, seeds, strict=True))
    ]


def _maps(trained: Saved, pool: EvaluationPool) -> list[LevelMap]:
    seed = trained.seeds[0]
    found = []
    for k in range(min(MAPPED, pool.size)):
        level = jax.tree.map(lambda leaf, k=k: np.asarray(leaf[k]), pool.levels)
        seen = tile_map(
            pool.env, trained.policy, trained.of_seed(seed), level, pool.env_params
        )
        found.append(
            tabular_map(
                f"seed {seed}, clean level {k}",
                np.asarray(level.walls),
                level.agent.tolist(),
                pool.env.action_names,
                seen,
            )
        )
    return found


def complete(
    run: RunDirectory,
    pools: dict[str, EvaluationPool] | None = None,
    progress: Progress = silent,
) -> RunView:
    """Add what a run's report shows and its directory lacks, and return the view.

    Args:
        run: open for writing, its policies and outcomes there.
        pools: those of its evaluation, drawn again where they are not at hand.
        progress: told of each film and figure.
    """
    # Maps come before films, so that of both films neither is missing.
    if sum(name.startswith("films/") for name in run.contents) < FILMED:
        trained = load(run)
        if pools is None:
            tested = run.config["evaluation"]
            pools = pools_for(
                trained,
                tested_always(trained.env),
                tested["levels"],
                tested["seed"],
                silent,
                progress,
            )
        for name, content in films_and_maps(trained, pools, progress).items():
            run.write_file(name, content)
    view = load_run(run.path, mode=run.config["evaluation"]["modes"][0])
    for name, content in draw_figures(view, progress).items():
        run.write_file(f"figures/{name}", content)
    return view


def write_page(run: Record, view: RunView, progress: Progress = silent) -> None:
    """Write the run's own report."""
    progress("writing the page")
    run.write_file("report.html", report_html([view]))
