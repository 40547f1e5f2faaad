"""From a settled configuration to what the rooms below take."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.agents.ppo import PPOShape, make_hyper
from mesagym.cli.env_schema import PluginConfig
from mesagym.cli.schema import AgentConfig, EnvConfig, TrainConfig
from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.registry import environment_class, from_config_name
from mesagym.tracking import RunDirectory
from mesagym.training.chunk import Cell, Program
from mesagym.training.loop import make_cells, snapshot_updates
from mesagym.training.saved import Saved, described, load

_SHAPE = tuple(each.name for each in dataclasses.fields(PPOShape))


@dataclass(frozen=True)
class Plan:
    """A training, ready to begin."""

    env_name: str
    settings: dict[str, Any]  # of the environment's parameters
    program: Program
    cells: Cell
    snapshots: list[int]  # updates after which they are taken
    start_from: Any = None  # weights with a leading axis of cells; None is fresh ones

    def trained(self, params: Any, seeds: tuple[int, ...]) -> Saved:
        """Return the policies that training left.

        Args:
            params: weights with a leading axis of seeds.
            seeds: their numbers.
        """
        program = self.program
        return Saved(
            self.env_name,
            program.env,
            self.settings,
            program.env.params_with(**self.settings),
            program.policy,
            params,
            seeds,
        )


def plan(config: TrainConfig) -> Plan:
    """Return what a configuration asks for; nothing is written.

    Raises:
        UserError: a value that only the environment or the network can judge.
    """
    env, values = environment(config.env), settings(config.env)
    params = env.params_with(**values)
    env.check_levels(params, config.split.alpha)
    network = dataclasses.asdict(config.agent.network)
    network = make_network(network.pop("name"), env.num_actions, **network)
    ppo = {name: getattr(config.agent, name) for name in _ppo_keys(config.agent)}
    shape = PPOShape(**{name: ppo.pop(name) for name in _SHAPE})
    train = config.train
    chunk = train.chunk or 1
    chunks = math.ceil(train.steps / (chunk * shape.steps_per_update))
    program = Program(
        env=env,
        policy=NetworkPolicy(network),
        shape=shape,
        updates_per_chunk=chunk,
        total_updates=chunks * chunk,
        pool_size=int(train.levels or pool_size(env, chunk * shape.steps_per_update)),
        refill=train.levels is None,
        shortest_episode=int(params.max_steps_in_episode),
    )
    cells = make_cells(
        program,
        config.seeds,
        config.split.alpha,
        make_hyper(**ppo),
        train.objectives,
        **values,
    )
    return Plan(
        from_config_name(config.env.name),
        values,
        program,
        cells,
        snapshot_updates(train.snapshots, chunks, chunk),
        _weights(config, program),
    )


def _weights(config: TrainConfig, program: Program) -> Any:
    """Return the weights that each seed starts with, None where they are fresh.

    Raises:
        UserError: the run has not these seeds, or its policies do not fit.
    """
    train = config.train
    if train.start_from is None:
        return None
    there = RunDirectory.read(train.start_from).policy_seeds()
    wanted = config.seeds
    if train.start_seed is not None:
        wanted = [train.start_seed] * len(config.seeds)
    if missing := [seed for seed in wanted if seed not in there]:
        raise UserError(
            f"train.start_from: '{train.start_from}' has no policy of seed "
            f"{missing[0]}. Saved seeds: {', '.join(map(str, there)) or 'none'}. Train "
            "these, or give train.start_seed, which all seeds then start from"
        )
    source = load(train.start_from, wanted)
    _check_fit(source, program, train.start_from)
    return source.params


def _check_fit(source: Saved, program: Program, where: str) -> None:
    """Refuse policies that cannot be trained on here.

    Raises:
        UserError: names what differs.
    """
    theirs, ours, network = source.env, program.env, program.policy.network
    pairs = {
        "observations": (theirs.observation_shape, ours.observation_shape),
        "channels": (theirs.channel_names, ours.channel_names),
        "actions": (theirs.action_names, ours.action_names),
        "network": (described(source.policy.network), described(network)),
    }
    for what, (there, here) in pairs.items():
        if there != here:
            raise UserError(
                f"train.start_from: the policies of '{where}' do not fit: {what} "
                f"{_plainly(there)} there and {_plainly(here)} here"
            )


def _plainly(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plainly(each)}" for name, each in value.items())
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def pool_size(env: Environment, steps: int) -> int:
    """Return as many levels as episodes can be expected in so many steps at most.

    The best agent's episodes are the most: from a random tile to another lies about
    a third of the height and of the width, and walls make no way shorter.
    """
    shortest = max(1.0, (env.height + env.width - 4) / 3)
    return math.ceil(steps / shortest)


def _ppo_keys(agent: AgentConfig) -> list[str]:
    names = [each.name for each in dataclasses.fields(agent)]
    return [name for name in names if name not in ("name", "network")]


def environment(config: EnvConfig) -> Environment:
    """Return the environment that a configuration asks for.

    Raises:
        UserError: a setting that cannot be.
    """
    cls = environment_class(config.name)
    static = {each.name for each in dataclasses.fields(cls)}
    given = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in _keys(config).items()
        if name in static
    }
    return cls(**given)


def settings(config: EnvConfig) -> dict[str, Any]:
    """Return what a configuration says of the environment's parameters, by name."""
    static = {each.name for each in dataclasses.fields(environment_class(config.name))}
    given = {k: v for k, v in _keys(config).items() if k not in static}
    if "max_steps" in given:
        given["max_steps_in_episode"] = given.pop("max_steps")
    return given


def _keys(config: EnvConfig) -> dict[str, Any]:
    if isinstance(config, PluginConfig):
        given = {} if config.settings is None else config.settings
        if not isinstance(given, dict):
            raise UserError(
                f"env.settings: '{given}' is no mapping, such as {{size: 9}}"
            )
        return given
    found = dataclasses.asdict(config)
    del found["name"]
    return found
