"""`mesagym film`: a scripted or a trained policy on some levels, as a GIF."""

import dataclasses
from pathlib import Path
from typing import Any

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.cli import device
from mesagym.cli.commands import say
from mesagym.cli.level_schema import FilmConfig
from mesagym.cli.levels import choose_levels, made, title_of
from mesagym.cli.playing import play
from mesagym.envs.base import Environment
from mesagym.errors import UserError, nearest
from mesagym.evals.shifts import choose_shift, fits, shifted_environment
from mesagym.levels.shift import Shift
from mesagym.registry import config_name
from mesagym.report.films import FRAME_WIDTH, save_film
from mesagym.tracking import RunDirectory
from mesagym.training.saved import Saved, load


def run(config: FilmConfig) -> int:
    """Play, film, and print where the film is."""
    device.use(config.device)
    if config.run is not None:
        split = RunDirectory.read(config.run).config.get("split", {})
        return film_trained(config, load(config.run), config.run, split.get("alpha"))
    env, params = made(config.env)
    _check_policy(env, config.policy or "random")
    who = config.policy or "random"
    return _film(config, env, params, None, who, config.env.name)


def film_trained(
    config: FilmConfig, trained: Saved, who: str, alpha: int | float | None
) -> int:
    """Film trained policies, in turn, in their own environment.

    Args:
        config: its environment and run are not used.
        trained: the policies.
        who: what the title calls them.
        alpha: of their training; None where it is not known.
    """
    name = config_name(trained.env_name)
    who = trained_at(who, alpha)
    return _film(config, trained.env, trained.env_params, trained, who, name)


def trained_at(who: str, alpha: int | float | None) -> str:
    """Return what policies are called, with the α of their training if it is known."""
    return who if alpha is None else f"{who}, trained at α = {alpha:g}"


def shown_on(alpha: int | float, shift: str | None) -> str:
    """Return in words which levels a film shows, apart from those of any training.

    Args:
        alpha: share of them from the shifted distribution, where no shift is named.
        shift: its name; None for levels drawn by ``alpha``.
    """
    if shift is not None:
        other = f"levels of the shift '{shift}'"
        usual = {"clean": "clean distinguishing levels", "shifted": "shifted levels"}
        return f"shown on {usual.get(shift, other)}"
    if alpha in (0, 1):
        return f"shown on {'shifted' if alpha else 'unshifted'} levels"
    return f"shown on levels of which a share of {alpha:g} is shifted"


def _film(
    config: FilmConfig,
    env: Environment,
    params: Any,
    trained: Saved | None,
    who: str,
    name: str,
) -> int:
    if config.shift is not None:
        shift = choose_shift(env, config.shift)
        if trained is not None:
            _must_be_readable(env, shift)
    say(f"filming in {title_of(env)}, compiling first")
    chosen = choose_levels(
        env, params, config.n, config.seed, alpha=config.alpha, shift=config.shift
    )
    seeds = [0] * config.n
    weights: list[Any] = [()] * config.n
    if trained is not None:
        policy: Any = dataclasses.replace(trained.policy, greedy=config.greedy)
        seeds = [trained.seeds[k % len(trained.seeds)] for k in range(config.n)]
        weights = [trained.of_seed(seed) for seed in seeds]
    else:
        # An oracle belongs to the grid that it is put on.
        policy = _scripted(chosen.env, who)
    side = max(chosen.env.height, chosen.env.width)
    played = play(
        chosen.env,
        chosen.params,
        chosen.levels,
        policy,
        weights,
        seed=config.seed,
        tile=max(2, min(16, FRAME_WIDTH // side)),
    )
    episodes = [
        each.episode(chosen.env, "", seed, f"level {k}")
        for k, (each, seed) in enumerate(zip(played, seeds, strict=True))
    ]
    path = Path(config.out or f"film-{name}.gif")
    where = shown_on(config.alpha, config.shift)
    title = f"{title_of(chosen.env)}: {who}, {where}"
    save_film(path, episodes, title, chosen.env.own_objectives)
    print(f"Film: {path}")
    return 0


def _must_be_readable(env: Environment, shift: Shift) -> None:
    """Refuse a shift on which trained policies would see another shape."""
    if not fits(env, shift):
        shape = shifted_environment(env, shift).observation_shape
        raise UserError(
            f"shift: '{shift.name}' shows these policies {shape} and they were "
            f"trained on {env.observation_shape}; choose another"
        )


def _check_policy(env: Environment, name: str) -> None:
    allowed = ["random", *(f"oracle:{each}" for each in env.own_objectives)]
    if name not in allowed:
        raise UserError(f"policy: unknown policy '{name}'." + nearest(name, allowed))


def _scripted(env: Environment, name: str) -> Any:
    if name == "random":
        return RandomPolicy(env.num_actions)
    return OraclePolicy(env, env.own_objectives.index(name.removeprefix("oracle:")))
