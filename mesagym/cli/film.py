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
from mesagym.registry import config_name
from mesagym.report.films import FRAME_WIDTH, save_film
from mesagym.training.saved import Saved, load


def run(config: FilmConfig) -> int:
    """Play, film, and print where the film is."""
    device.use(config.device)
    if config.run is not None:
        return film_trained(config, load(config.run), f"trained in {config.run}")
    env, params = made(config.env)
    _check_policy(env, config.policy or "random")
    who = config.policy or "random"
    return _film(config, env, params, None, who, config.env.name)


def film_trained(config: FilmConfig, trained: Saved, who: str) -> int:
    """Film trained policies, in turn, in their own environment.

    Args:
        config: its environment and run are not used.
        trained: the policies.
        who: what the title calls them.
    """
    name = config_name(trained.env_name)
    return _film(config, trained.env, trained.env_params, trained, who, name)


def _film(
    config: FilmConfig,
    env: Environment,
    params: Any,
    trained: Saved | None,
    who: str,
    name: str,
) -> int:
    say(f"filming in {title_of(env)}, compiling first")
    chosen = choose_levels(
        env, params, config.n, config.seed, alpha=config.alpha, shift=config.shift
    )
    seeds = [0] * config.n
    weights: list[Any] = [()] * config.n
    if trained is not None:
        if chosen.env.observation_shape != env.observation_shape:
            raise UserError(
                f"shift: '{config.shift}' shows these policies "
                f"{chosen.env.observation_shape} and they were trained on "
                f"{env.observation_shape}; choose another"
            )
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
    title = f"{title_of(chosen.env)}, {chosen.what}: {who}"
    save_film(path, episodes, title, chosen.env.own_objectives)
    print(f"Film: {path}")
    return 0


def _check_policy(env: Environment, name: str) -> None:
    allowed = ["random", *(f"oracle:{each}" for each in env.own_objectives)]
    if name not in allowed:
        raise UserError(f"policy: unknown policy '{name}'." + nearest(name, allowed))


def _scripted(env: Environment, name: str) -> Any:
    if name == "random":
        return RandomPolicy(env.num_actions)
    return OraclePolicy(env, env.own_objectives.index(name.removeprefix("oracle:")))
