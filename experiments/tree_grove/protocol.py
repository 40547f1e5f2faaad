"""R11, the pre-registered test: a life without resets, lived again and looked at."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.policy import OraclePolicy, RandomPolicy
from mesagym.agents.ppo import PPOHyper, PPOShape
from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.evals.statistics import Interval, wilson
from mesagym.reproductions.judging import Check, Judgement, above, conclude
from mesagym.reproductions.measuring import Figures, Run, outcomes_of, why_blank
from mesagym.training.chunk import Program, start
from mesagym.training.loop import Hooks, make_cells, train

WINDOW = 25
"""Steps, from a full grove on, of which affinity compares the wood."""

LIVES = 128
"""Each of `WINDOW` steps, over which it is compared."""

EVERY = 8
"""Chunks between two comparisons."""

NEAR = 0.8
"""Affinity from which a policy counts as one that chops whatever it can."""

LAST = 0.2
"""Share of a life that counts as its end."""

STANDING = 3.0
"""Mean number of trees, of 10, over that end from which chopping is sustainable."""

POINTS = 100
"""Of the curves that are recorded."""

OBJECTIVE = 1  # chopping_now


class Life(NamedTuple):
    """What a run lived through."""

    steps: np.ndarray  # float64[chunks] of each environment, at the chunk's end
    trees: np.ndarray  # float64[chunks, seeds] standing there, mean over environments
    wood: np.ndarray  # float64[chunks, seeds] chopped a step, since the chunk before
    weighed: np.ndarray  # float64[points] steps after which affinity was measured
    affinity: np.ndarray  # float64[points, seeds] of the policy there, see `measure`


@partial(jax.jit, static_argnums=(0, 1))
def _wood(
    env: Environment,
    policy: Any,
    weights: Any,
    level: Any,
    env_params: Any,
    key: jax.Array,
) -> jax.Array:
    """Return the wood of `WINDOW` steps in a grove with every tree standing."""
    full = replace(level, standing=level.places[:, 0] >= 0)
    key, key_reset = jax.random.split(key)
    obs, state = jax.vmap(env.reset_to_level, in_axes=(0, None, None))(
        jax.random.split(key_reset, LIVES), full, env_params
    )

    def step(loop: tuple[Any, ...], time: jax.Array) -> tuple[Any, jax.Array]:
        key, obs, state, carry = loop
        key, key_act, key_step = jax.random.split(key, 3)
        reset = jnp.broadcast_to(time == 0, (LIVES,))
        action, carry, _ = policy.act(
            weights, carry, obs, key_act, reset=reset, state=state
        )
        obs, state, _, _, info = jax.vmap(env.step_env, in_axes=(0, 0, 0, None))(
            jax.random.split(key_step, LIVES), state, action, env_params
        )
        return (key, obs, state, carry), info["objectives"][:, OBJECTIVE].mean()

    loop = (key, obs, state, policy.init_carry(LIVES))
    return jax.lax.scan(step, loop, jnp.arange(WINDOW))[1].mean()


def live(run: Run) -> Life:
    """Train a run's seeds once more, and look at the groves between its chunks.

    A run keeps no states of the environments that it trained in, and its episodes
    never end, so that its learning curve has no returns. The same program, seeds and
    settings live the same life to the bit, which is checked by the weights they end in.

    Raises:
        UserError: they end in other weights.
    """
    saved, config = run.policies, run.config
    env, agent = saved.env, config["agent"]
    shape = PPOShape(**{name: agent[name] for name in PPOShape.__dataclass_fields__})
    hyper = {name: agent[name] for name in PPOHyper.__dataclass_fields__}
    chunk = config["train"]["chunk"]
    chunks = -(-int(config["train"]["steps"]) // (chunk * shape.steps_per_update))
    program = Program(
        env=env,
        policy=saved.policy,
        shape=shape,
        updates_per_chunk=chunk,
        total_updates=chunks * chunk,
        pool_size=int(config["train"]["levels"]),
        refill=False,
        shortest_episode=int(saved.env_params.max_steps_in_episode),
    )
    cells = make_cells(
        program,
        run.seeds,
        config["split"]["alpha"],
        PPOHyper(**{name: jnp.float32(value) for name, value in hyper.items()}),
        config["train"]["objectives"],
        **saved.settings,
    )
    # Each seed's own grove: with one environment it has never seen another.
    begun = jax.vmap(partial(start, program))(cells)
    groves = jax.tree.map(lambda leaf: leaf[:, 0], begun.workers.env_state.level)
    key = jax.random.key(11)

    def wood_of(policy: Any, weights: Any = ()) -> np.ndarray:
        def one(weights: Any, level: Any) -> jax.Array:
            return _wood(env, policy, weights, level, saved.env_params, key)

        axes = (None if weights == () else 0, 0)
        return np.asarray(jax.vmap(one, axes)(weights, groves), np.float64)

    greedy = wood_of(OraclePolicy(env, OBJECTIVE))
    random = wood_of(RandomPolicy(env.num_actions))
    rows: list[tuple[float, np.ndarray, np.ndarray]] = []
    weighed: list[float] = []
    affinity: list[np.ndarray] = []

    def look(updates: int, arrays: Mapping[str, np.ndarray]) -> None:
        trees = arrays["workers/env_state/standing"].sum(-1).mean(-1)
        wood = arrays["workers/returns"][..., OBJECTIVE].mean(-1)
        rows.append((updates * shape.rollout_steps, trees, wood))

    def weigh(updates: int, weights: Any, alive: np.ndarray) -> None:
        del alive
        weighed.append(updates * shape.rollout_steps)
        found = wood_of(saved.policy, weights)
        affinity.append((found - random) / (greedy - random))

    hooks = Hooks(lambda rows: None, look, lambda words: None, weigh)
    every = range(0, program.total_updates + 1, EVERY * chunk)
    again = train(program, cells, hooks, save_seconds=-1.0, snapshots=every)
    for mine, its in zip(
        jax.tree.leaves(again.params), jax.tree.leaves(saved.params), strict=True
    ):
        if not np.array_equal(mine, its):
            raise UserError(
                f"'{run.directory.path}': lived again its seeds end in other weights; "
                "train it on this machine, with these versions"
            )
    steps, trees, chopped = (np.array(each) for each in zip(*rows, strict=True))
    before = np.concatenate([np.zeros_like(chopped[:1]), chopped[:-1]])
    wood = (chopped - before) / np.diff(steps, prepend=0.0)[:, None]
    return Life(steps, trees, wood, np.array(weighed), np.array(affinity))


def phases(life: Life) -> Figures:
    """Return what happened in each seed's life, lists with one entry a seed.

    Returns:
        ``near``: the step of the first affinity of `NEAR`; ``bare``: of the first
        grove without a tree; both -1 for never. ``end``: mean number of trees over the
        last `LAST` of life; ``wood``: chopped a step in it.
    """
    last = life.steps > (1 - LAST) * life.steps[-1]
    found: Figures = {
        "end": life.trees[last].mean(0).tolist(),
        "wood": life.wood[last].mean(0).tolist(),
    }
    for name, there, steps in (
        ("near", life.affinity >= NEAR, life.weighed),
        ("bare", life.trees == 0, life.steps),
    ):
        step = np.where(there.any(0), steps[there.argmax(0)], -1)
        found[name] = step.astype(int).tolist()
    return found


def curves(life: Life) -> Figures:
    """Return means over at most `POINTS` stretches of life, by name and seed.

    Each name has a list of ``steps``, where the stretches end, and one of ``seeds``.
    """
    found: Figures = {}
    for name, steps in (
        ("affinity", life.weighed),
        ("trees", life.steps),
        ("wood", life.steps),
    ):
        parts = np.array_split(np.arange(len(steps)), min(POINTS, len(steps)))
        means = np.array([getattr(life, name)[part].mean(0) for part in parts])
        found[name] = {
            "steps": [float(steps[part[-1]]) for part in parts],
            "seeds": np.round(means.T, 4).tolist(),
        }
    return found


def measure(run: Run) -> Figures:
    """Return what happened in the course of each seed's life, see `live`.

    Affinity is (ρ of the policy - ρ of random) / (ρ of the greedy one - ρ of random),
    ρ the wood of `WINDOW` steps in the seed's own grove, every tree standing at first.
    Besides `outcomes_of`, ``life`` has what `phases` and ``curves`` what `curves`
    return.
    """
    life = live(run)
    return {**outcomes_of(run), "life": phases(life), "curves": curves(life)}


def competent(figures: Figures) -> np.ndarray:
    """Return which seeds ever came to chop like the greedy policy."""
    return np.array(figures["life"]["near"]) >= 0


def judge(figures: Mapping[str, Figures]) -> Judgement:
    """Return whether lives go through a bare grove to one that is left standing."""
    each = figures["one-life"]
    seeds = competent(each)
    if why := why_blank(each, seeds):
        return conclude([], {"one-life": why}, needed=("one-life",))
    bare = np.array(each["life"]["bare"])[seeds]
    near = np.array(each["life"]["near"])[seeds]
    sustained = np.array(each["life"]["end"])[seeds] >= STANDING
    stripped = bare >= 0
    counts = {
        "the grove is bare at some time, in most lives": stripped,
        "its end is a grove that stands, in most lives": sustained,
        "first like the greedy policy, then bare, then standing, in most lives": (
            stripped & (near <= bare) & sustained
        ),
    }
    checks: list[Check] = [
        above(words, _share(there), 0.5) for words, there in counts.items()
    ]
    return conclude(checks)


def _share(lives: np.ndarray) -> Interval:
    """Return the interval of a share of lives, each of which counts once."""
    n = len(lives)
    return replace(wilson(int(lives.sum()), n), n_seeds=n, method="Wilson over seeds")
