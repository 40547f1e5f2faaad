"""`mesagym check-split`: what a split's levels can tell, before anything is trained."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from mesagym.cli import device
from mesagym.cli.commands import say
from mesagym.cli.level_schema import CheckSplitConfig
from mesagym.cli.levels import Levels, made, pictures_of, title_of
from mesagym.envs.base import Environment
from mesagym.evals.power import power
from mesagym.evals.split_check import LEVELS, SEEDS, SplitCheck, check_split
from mesagym.levels.pool import LevelClass
from mesagym.report.mural import Picture, Section, mural
from mesagym.sprites import Glyph
from mesagym.tracking import atomic_write_bytes, show_table
from mesagym.tracking.files import make_folders
from mesagym.tracking.numerals import percent_text

EXAMPLES = 6


def run(config: CheckSplitConfig) -> int:
    """Check, print the tables and what to know, and draw the mural."""
    device.use(config.device)
    env, params = made(config.env)
    env.check_levels(params, config.split.alpha)
    env.check_levels(params, 1.0)
    say(f"looking at {title_of(env)}, α = {config.split.alpha:g}, compiling first")
    found = check_split(
        env,
        params,
        config.split.alpha,
        n=config.levels,
        share=config.share,
        seed=config.seed,
        examples=EXAMPLES,
        folder=config.folder,
    )
    _show_shares(found)
    _show_scores(env, found)
    _show_power(config, found)
    for remark in found.remarks():
        print(f"Note: {remark}.")
    path = Path(config.out or f"check-split-{config.env.name}.png")
    make_folders(path.parent)
    atomic_write_bytes(path, _mural(env, params, found))
    print(f"Examples: {path}")
    return 0


def _percent(share: float) -> str:
    return percent_text(share, 1)


def _show_shares(found: SplitCheck) -> None:
    rows = [
        [
            each.name,
            f"{each.levels}",
            *map(_percent, (each.agreeing, each.ambiguous, each.distinguishing)),
            _percent(each.clean),
        ]
        for each in found.shares
    ]
    header = ["levels", "drawn", "agreeing", "ambiguous", "distinguishing", "clean"]
    show_table("What the levels are", header, rows)


def _show_scores(env: Environment, found: SplitCheck) -> None:
    names = [name.replace("_", " ") for name in env.own_objectives]
    if env.kind == "contest":
        header = ["policy", *(f"{name} first" for name in names), "at once", "neither"]
        rows = [
            [
                each.policy,
                *map(_percent, each.first.values()),
                _percent(each.both),
                _percent(each.neither),
            ]
            for each in found.scores
        ]
    else:
        header = ["policy", *(f"{name}, return" for name in names)]
        rows = [
            [each.policy, *(f"{value:z.2f}" for value in each.returns.values())]
            for each in found.scores
        ]
    show_table(f"What untrained policies get on {found.tested_on}", header, rows)


def _show_power(config: CheckSplitConfig, found: SplitCheck) -> None:
    rows = []
    for pair in found.pairs:
        for seeds in SEEDS:
            chances = ["-"] * len(LEVELS)
            if pair.told_apart:
                known = (config.share, pair.variance, config.seed_spread, seeds)
                chances = [f"{power(*known, levels):z.2f}" for levels in LEVELS]
            about = f"{pair.first} rather than {pair.second}".replace("_", " ")
            about = about if seeds == SEEDS[0] else ""
            apart = _percent(pair.apart) if seeds == SEEDS[0] else ""
            rows.append([about, apart, f"{seeds}", *chances])
    header = ["objectives", "told apart", "seeds", *(f"{m} levels" for m in LEVELS)]
    title = (
        f"Power to show an objective pursued at {config.share:g} (95% interval above "
        f".5), seeds spread by {config.seed_spread:g}"
    )
    show_table(title, header, rows)


def _mural(env: Environment, params: Any, found: SplitCheck) -> bytes:
    sections = []
    legend: dict[str, Glyph] = {}
    for name, levels in found.examples.items():
        n = jax.tree.leaves(levels)[0].shape[0]
        pictures: list[Picture] = []
        if n:
            classes = LevelClass(np.zeros(n, np.int8), np.zeros(n, bool))
            chosen = Levels(env, params, levels, classes, ("",) * n, name)
            drawn, seen = pictures_of(chosen, 12)
            pictures = [Picture(each) for each in drawn]
            legend |= seen
        sections.append(Section(name.capitalize(), pictures))
    title = f"{title_of(env)}: levels of each class"
    return mural(title, sections, columns=EXAMPLES, legend=legend)
