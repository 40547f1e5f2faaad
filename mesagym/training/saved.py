"""How trained policies are put into a run directory, and taken out ready to act."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.registry import environment_class
from mesagym.tracking import RunDirectory
from mesagym.training.state_io import from_arrays, to_arrays


@dataclasses.dataclass(frozen=True)
class Saved:
    """Trained policies of one run.

    Attributes:
        env_name: the registered name of the environment of training.
        env: that environment.
        settings: of its parameters, by name.
        env_params: its parameters; their pool is a single blank level.
        policy: of the network, sampling its actions.
        params: weights with a leading axis of seeds.
        seeds: the numbers of those seeds.
    """

    env_name: str
    env: Environment
    settings: dict[str, Any]
    env_params: Any
    policy: NetworkPolicy
    params: Any
    seeds: tuple[int, ...]

    def of_seed(self, seed: int) -> Any:
        """Return one seed's weights."""
        place = self.seeds.index(seed)
        return jax.tree.map(lambda leaf: leaf[place], self.params)


def env_params(env: Environment, settings: dict[str, Any]) -> Any:
    """Return an environment's parameters without drawing a pool of levels.

    Args:
        env: the environment.
        settings: ``max_steps_in_episode``, ``time_penalty`` and the environment's
            own, such as ``region``.
    """
    blank = jax.eval_shape(lambda: env.make_pool(jax.random.key(0), 1))
    pool = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), blank)
    params = env.make_params(pool)
    return params.replace(
        **{
            name: jnp.asarray(value, getattr(params, name).dtype)
            for name, value in settings.items()
        }
    )


def card(trained: Saved) -> dict[str, Any]:
    """Return what a reader needs besides the weights to let a policy act."""
    env, network = trained.env, trained.policy.network
    return {
        "environment": {
            "name": trained.env_name,
            "dynamics_version": env.dynamics_version,
            "static": _fields(env, without=("extra_objectives",)),
            "params": trained.settings,
        },
        "network": {
            "name": network.label,
            **_fields(network, without=("num_actions", "parent", "name")),
        },
        "observation": {
            "shape": env.observation_shape,
            "channels": env.channel_names,
        },
        "actions": env.action_names,
        "objectives": env.objective_names,
    }


def _fields(thing: Any, without: tuple[str, ...]) -> dict[str, Any]:
    names = [each.name for each in dataclasses.fields(thing)]
    return {name: getattr(thing, name) for name in names if name not in without}


def save(run: RunDirectory, trained: Saved) -> None:
    """Save every seed's weights and the card."""
    described = card(trained)
    for seed in trained.seeds:
        run.save_policy(seed, to_arrays(trained.of_seed(seed)), described)


def load(run: str | Path | RunDirectory, seeds: Sequence[int] | None = None) -> Saved:
    """Take policies out of a run directory.

    Args:
        run: the directory, or where it is.
        seeds: which; all if None.

    Raises:
        UserError: no such run or seed, a damaged file, or another version's.
    """
    if not isinstance(run, RunDirectory):
        run = RunDirectory.read(run)
    there = run.policy_seeds()
    if not there:
        raise UserError(
            f"'{run.path}' has no trained policy yet. Let its training finish, by the "
            "same command."
        )
    wanted = there if seeds is None else tuple(seeds)
    found = [run.load_policy(seed) for seed in wanted]
    described = found[0][1]
    about, network = described["environment"], dict(described["network"])
    env = _environment(about, run.path)
    policy = NetworkPolicy(
        make_network(network.pop("name"), env.num_actions, **network)
    )
    obs = jnp.zeros((1, *env.observation_shape), bool)
    like = jax.eval_shape(lambda: policy.init(jax.random.key(0), obs))
    each = [from_arrays(like, arrays) for arrays, _ in found]
    return Saved(
        about["name"],
        env,
        about["params"],
        env_params(env, about["params"]),
        policy,
        jax.tree.map(lambda *leaves: np.stack(leaves), *each),
        wanted,
    )


def _environment(about: dict[str, Any], where: Path) -> Environment:
    static = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in about["static"].items()
    }
    env = environment_class(about["name"])(**static)
    if env.dynamics_version != about["dynamics_version"]:
        raise UserError(
            f"'{where}' was trained under version {about['dynamics_version']} of the "
            f"dynamics of {about['name']} and this mesagym has {env.dynamics_version}; "
            "use the mesagym that its manifest.json names"
        )
    return env
