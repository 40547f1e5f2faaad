"""How trained policies are put into a run directory, and taken out ready to act."""

import dataclasses
from collections.abc import Callable, Sequence
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
from mesagym.tracking.console import progress_in_words
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

    def __repr__(self) -> str:
        """Name what they are; weights by their number alone."""
        several = f"seeds={self.seeds}, {_weights_in_words(self.params)} in all"
        setting = _setting_in_words(self.env_name, self.env, self.policy)
        return f"Saved({setting}, {several})"

    def of_seed(self, seed: int) -> Any:
        """Return one seed's weights."""
        place = self.seeds.index(seed)
        return jax.tree.map(lambda leaf: leaf[place], self.params)

    def agent(self, seed: int | None = None) -> "Agent":
        """Return one seed's policy, to play with; the first seed's if None.

        Raises:
            UserError: no such seed.
        """
        seed = self.seeds[0] if seed is None else seed
        if seed not in self.seeds:
            there = ", ".join(map(str, self.seeds))
            raise UserError(f"seed {seed} is not there; use one of {there}")
        return Agent(self.env, self.env_params, self.policy, self.of_seed(seed))


@dataclasses.dataclass(frozen=True)
class Agent:
    """One policy in its environment, one episode at a time.

    For a first look and for notebooks; what runs often calls ``policy.act`` and
    ``env.step`` itself, batched and compiled.

    Attributes:
        env: the environment.
        env_params: its parameters.
        policy: of the network, sampling its actions.
        weights: of this seed.
    """

    env: Environment
    env_params: Any
    policy: NetworkPolicy
    weights: Any

    def __repr__(self) -> str:
        """Name what it is; weights by their number alone."""
        setting = _setting_in_words(self.env.name, self.env, self.policy)
        return f"Agent({setting}, {_weights_in_words(self.weights)})"

    def reset(self, key: jax.Array, alpha: int | float = 1.0) -> tuple[Any, Any]:
        """Draw a level, from the shifted distribution by default, and start on it.

        Returns:
            ``(observation, state)``.

        Raises:
            UserError: α is no probability.
        """
        if not 0 <= alpha <= 1:
            raise UserError(f"alpha: {alpha} is outside [0, 1]; it is a probability")
        levels = self.env.sample_levels(key, 1, self.env_params, alpha)
        level = jax.tree.map(lambda leaf: leaf[0], levels)
        return self.env.reset_to_level(key, level, self.env_params)

    def act(
        self,
        obs: jax.Array,
        key: jax.Array | None = None,
        carry: Any = None,
        **looking: Any,
    ) -> tuple[jax.Array, Any]:
        """Choose an action for one observation.

        Args:
            obs: one observation, without a batch axis.
            key: randomness; without it, always the same.
            carry: ``record.carry`` of the step before, for policies that remember;
                without it, the episode starts here.
            **looking: ``capture=`` names of activations to return, ``intervene=``
                names and functions of the activation, see the policy protocol.

        Returns:
            ``(action, record)``; the record's leaves keep a batch axis of one.
        """
        action, after, record = self.policy.act(
            self.weights,
            self.policy.init_carry(1) if carry is None else carry,
            obs[None],
            jax.random.key(0) if key is None else key,
            reset=jnp.full(1, carry is None),
            **looking,
        )
        return action[0], dataclasses.replace(record, carry=after)

    def step(
        self, state: Any, action: jax.Array, key: jax.Array | None = None
    ) -> tuple[Any, Any, jax.Array, bool]:
        """Step once; the episode does not start over by itself.

        Returns:
            ``(observation, state, objectives, ended)``; what the step paid of each
            objective is float32[K].
        """
        key = jax.random.key(0) if key is None else key
        obs, state, _, terminated, info = self.env.step_env(
            key, state, action, self.env_params
        )
        ended = terminated | self.env.is_truncated(state, self.env_params)
        return obs, state, info["objectives"], bool(ended)


def _setting_in_words(name: str, env: Environment, policy: NetworkPolicy) -> str:
    shape = "x".join(map(str, env.observation_shape))
    return f"{name}, observations {shape}, network={policy.network.label}"


def _weights_in_words(weights: Any) -> str:
    return f"{sum(np.size(leaf) for leaf in jax.tree.leaves(weights)):,} weights"


def card(trained: Saved) -> dict[str, Any]:
    """Return what a reader needs besides the weights to let a policy act."""
    env = trained.env
    return {
        "environment": {
            "name": trained.env_name,
            "dynamics_version": env.dynamics_version,
            "static": _fields(env, without=("extra_objectives",)),
            "params": trained.settings,
        },
        "network": described(trained.policy.network),
        "observation": {
            "shape": env.observation_shape,
            "channels": env.channel_names,
        },
        "actions": env.action_names,
        "objectives": env.objective_names,
    }


def described(network: Any) -> dict[str, Any]:
    """Return a network's name and settings, the number of actions apart.

    Of a network that forgets nothing is said of a memory, as before there were any.
    """
    settings = _fields(network, without=("num_actions", "parent", "name"))
    if settings.get("memory") is None:
        settings = {
            name: value
            for name, value in settings.items()
            if name not in ("memory", "memory_size")
        }
    return {"name": network.label, **settings}


def _fields(thing: Any, without: tuple[str, ...]) -> dict[str, Any]:
    names = [each.name for each in dataclasses.fields(thing)]
    return {name: getattr(thing, name) for name in names if name not in without}


def save(run: RunDirectory, trained: Saved) -> None:
    """Save every seed's weights and the card."""
    words = card(trained)
    for seed in trained.seeds:
        run.save_policy(seed, to_arrays(trained.of_seed(seed)), words)


def save_snapshot(
    run: RunDirectory, trained: Saved, update: int, env_steps: int
) -> None:
    """Save the weights that every seed has after ``update`` updates, and the card.

    Args:
        run: open for writing.
        trained: the policies as they are now.
        update: updates done.
        env_steps: environment steps of each seed, up to now.
    """
    arrays = {seed: to_arrays(trained.of_seed(seed)) for seed in trained.seeds}
    run.save_snapshot(update, env_steps, arrays, card(trained))


def load_latest(
    run: str | Path | RunDirectory,
    seeds: Sequence[int] | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> "tuple[Saved, Unfinished | None]":
    """Take policies out of a run as it stands; arguments as `load_unfinished`.

    Returns:
        the policies, and how far training is where they are those of a checkpoint.

    Raises:
        UserError: as `load`, or as `load_unfinished` where the run is not at its end.
    """
    if not isinstance(run, RunDirectory):
        run = RunDirectory.read(run)
    if run.completed or (run.policy_seeds() and not run.has_checkpoints):
        return load(run, seeds), None
    unfinished = load_unfinished(run, seeds, warn)
    return unfinished.trained, unfinished


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """The policies of a run that has not come to its end, as its checkpoint has them.

    Attributes:
        trained: those of the seeds that had not lost their loss.
        update: updates done.
        env_steps: environment steps of each seed, up to then.
        total_env_steps: those that each seed will have taken at the end.
    """

    trained: Saved
    update: int
    env_steps: int
    total_env_steps: int

    def in_words(self) -> str:
        """Return how far it is: ``after 1.20M of 5.00M steps``."""
        return progress_in_words(self.facts())

    def facts(self) -> dict[str, int]:
        """Return what the manifest of an evaluation says of it."""
        return {
            "update": self.update,
            "env_steps": self.env_steps,
            "total_env_steps": self.total_env_steps,
        }


_WEIGHTS = "optimised/params/"
"""Where the weights are in the arrays of a checkpoint, see `TrainState`."""


def checkpoint_facts(
    trained: Saved, update: int, env_steps: int, total_env_steps: int
) -> dict[str, Any]:
    """Return what a checkpoint says of itself, so that `load_unfinished` can read it.

    Args:
        trained: of the run, whatever its weights; its seeds are those of the
            checkpoint's leading axis.
        update: updates done.
        env_steps: environment steps of each seed, up to now.
        total_env_steps: those of the whole training.
    """
    return {
        "updates": update,
        "env_steps": env_steps,
        "total_env_steps": total_env_steps,
        "seeds": list(trained.seeds),
        "policy": card(trained),
    }


def load_unfinished(
    run: str | Path | RunDirectory,
    seeds: Sequence[int] | None = None,
    warn: Callable[[str], None] = lambda line: None,
) -> Unfinished:
    """Take policies out of the newest whole checkpoint of a run.

    Nothing is written or locked, so that a training that goes on is not disturbed.

    Args:
        run: the directory, or where it is.
        seeds: which; all that have not lost their loss if None.
        warn: told of newer checkpoints that are damaged, in one line each.

    Raises:
        UserError: no checkpoint yet, one that says too little of itself, no such seed,
            a damaged file, or another version's.
    """
    if not isinstance(run, RunDirectory):
        run = RunDirectory.read(run)
    checkpoint = run.load_checkpoint(warn)
    if checkpoint is None:
        raise UserError(
            f"'{run.path}' has no trained policy yet, and no checkpoint. Let its "
            "training go on, by the same command; train.save_seconds is the time "
            "between two."
        )
    meta, arrays = checkpoint.meta, checkpoint.arrays
    if "policy" not in meta:
        raise UserError(
            f"'{run.path}': its checkpoint was saved by an earlier mesagym, which did "
            "not say there what its weights are of. Let its training go on, by the "
            "same command, to its next checkpoint."
        )
    alive = [
        s for s, there in zip(meta["seeds"], arrays["alive"], strict=True) if there
    ]
    wanted = tuple(alive if seeds is None else seeds)
    if lost := [seed for seed in wanted if seed not in alive]:
        there = ", ".join(map(str, alive)) or "none"
        raise UserError(
            f"'{run.path}' has no policy of seed {lost[0]} in its checkpoint. Seeds "
            f"there: {there}."
        )
    if not wanted:
        raise UserError(f"'{run.path}': training diverged for every seed.")
    read = [
        (
            {
                name.removeprefix(_WEIGHTS): array[meta["seeds"].index(seed)]
                for name, array in arrays.items()
                if name.startswith(_WEIGHTS)
            },
            meta["policy"],
        )
        for seed in wanted
    ]
    what = f"'{run.path}', the checkpoint after {checkpoint.step} updates,"
    return Unfinished(
        _assembled(what, read, wanted),
        checkpoint.step,
        meta["env_steps"],
        meta["total_env_steps"],
    )


def load_snapshots(
    run: str | Path | RunDirectory, seeds: Sequence[int] | None = None
) -> list[tuple[int, Saved]]:
    """Take the policies as they were during training out of a run directory.

    Args:
        run: the directory, or where it is.
        seeds: which; those that every snapshot has if None, so that a seed that lost
            its loss on the way is left out throughout.

    Returns:
        environment steps of each seed so far, and the policies; oldest first.

    Raises:
        UserError: no snapshots, no such seed, a damaged file, or another version's.
    """
    if not isinstance(run, RunDirectory):
        run = RunDirectory.read(run)
    there = run.snapshots()
    if not there:
        raise UserError(
            f"'{run.path}' has no snapshots. Train with train.snapshots=10, say, in "
            "another directory."
        )
    if seeds is None:
        lasting = set(there[0].seeds).intersection(*(each.seeds for each in there))
        seeds = sorted(lasting)
    if not seeds:
        raise UserError(f"'{run.path}' has no seed that is in all of its snapshots.")
    found = []
    for each in there:
        read = [run.load_snapshot(each.update, seed) for seed in seeds]
        what = f"'{run.path}', the snapshot after {each.update} updates"
        found.append((each.env_steps, _assembled(what, read, tuple(seeds))))
    return found


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
    if not wanted:
        raise UserError("seeds: none given; name some of " + ", ".join(map(str, there)))
    read = [run.load_policy(seed) for seed in wanted]
    return _assembled(f"'{run.path}', the policy", read, wanted)


def _assembled(
    what: str,
    found: Sequence[tuple[dict[str, np.ndarray], dict[str, Any]]],
    seeds: tuple[int, ...],
) -> Saved:
    """Return policies from what was read of each seed: parameters and card."""
    about = found[0][1]["environment"]
    network = dict(found[0][1]["network"])
    env = _environment(about, what)
    policy = NetworkPolicy(
        make_network(network.pop("name"), env.num_actions, **network)
    )
    obs = jnp.zeros((1, *env.observation_shape), env.observation_space().dtype)
    like = jax.eval_shape(lambda: policy.init(jax.random.key(0), obs))
    each = [
        from_arrays(
            like,
            arrays,
            f"{what} of seed {seed}",
            "use the mesagym that its manifest.json names",
        )
        for seed, (arrays, _) in zip(seeds, found, strict=True)
    ]
    return Saved(
        about["name"],
        env,
        about["params"],
        env.params_with(**about["params"]),
        policy,
        jax.tree.map(lambda *leaves: np.stack(leaves), *each),
        seeds,
    )


def _environment(about: dict[str, Any], what: str) -> Environment:
    static = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in about["static"].items()
    }
    env = environment_class(about["name"])(**static)
    if env.dynamics_version != about["dynamics_version"]:
        raise UserError(
            f"{what} was trained under version {about['dynamics_version']} of the "
            f"dynamics of {about['name']} and this mesagym has {env.dynamics_version}; "
            "use the mesagym that its manifest.json names"
        )
    return env
