"""R7, the pre-registered test: are chests that can be seen opened more than ghosts?

A ghost is a chest that nobody sees. Who does not look for chests opens as many ghosts
as chests, so the difference of the two is how far chests are sought.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym import grid
from mesagym.agents.policy import (
    Intervention,
    OraclePolicy,
    Record,
    fresh_where_reset,
    refuse_taps,
    sure,
)
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.shift_verdict import DEFAULT_AMOUNTS_RULE
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.evals.statistics import mean_interval
from mesagym.levels.errand_levels import CHEST, KEY
from mesagym.levels.solve import reachable
from mesagym.reproductions.judging import (
    Check,
    Judgement,
    above,
    below,
    conclude,
    numbers,
)
from mesagym.reproductions.measuring import Figures, Run, outcomes_of, why_blank
from mesagym.reproductions.pairing import differences, rises_by_seed

TRAINED, CONTROL = "chests-abound", "control"
"""Trained where half of the free tiles are chests, as published; where a tenth are."""

SHUFFLED = "oracle:shuffled"
"""The base oracle, which goes where chests might as well have been."""

GATE = DEFAULT_AMOUNTS_RULE.gate
"""Score for chests, on levels as in its own training, from which a seed counts."""

MOSTLY = 0.5
"""Of the base oracle's difference: below it, chests are mostly ignored."""

SHUFFLES = 4
"""Ways in which the chests of each level are laid anew."""


def measure(run: Run) -> Figures:
    """Return what every policy did on each shift, and how far it sought chests.

    Returns:
        `outcomes_of`, with `SHUFFLED` among the policies on ``shifted``; and
        ``competent`` (which seeds pass the gate) and ``sought``: by policy and shift a
        list with, for each seed, the mean over levels of the chests opened less the
        ghosts opened.
    """
    figures = outcomes_of(run)
    policies = figures["policies"]
    policies[SHUFFLED] = {"shifted": _of_shuffled(run)}
    # The control's own training levels are the shifted ones.
    own = "shifted" if run.config["split"]["alpha"] == 1 else "training"
    scores = numbers(policies["trained"][own]["score_chests"])
    return {
        **figures,
        "competent": (scores >= GATE).tolist(),
        "sought": {
            policy: {shift: _sought(there).tolist() for shift, there in shifts.items()}
            for policy, shifts in policies.items()
        },
    }


def _sought(there: Figures) -> np.ndarray:
    return numbers(there["return_chests"]) - numbers(there["return_ghost_chests"])


def _of_shuffled(run: Run) -> Figures:
    """Return what the base oracle comes to by ways that suit shuffled levels."""
    saved, config = run.policies, run.config["evaluation"]
    shift = shifts_of(saved.env)["shifted"]
    pool = build_pool(
        saved.env, saved.env_params, shift, config["levels"], config["seed"]
    )
    seeds = range(SHUFFLES)
    oracle = Contestant(SHUFFLED, "greedy", ShuffledOracle(saved.env), (), seeds)
    table = evaluate(saved.env, [pool], [oracle], config["seed"])
    columns = [f"return_{name}" for name in saved.env.own_objectives]
    return {
        "trials": [pool.size] * SHUFFLES,
        **{
            name: [float(table[name][table["seed"] == seed].mean()) for seed in seeds]
            for name in columns
        },
    }


@dataclass(frozen=True)
class ShuffledOracle:
    """Walks as the base oracle would, were the level's chests elsewhere.

    At an episode's start the chests are laid anew, as many, with the level's own rule;
    keys and walls stay. It then plays that level in its mind, and what it does there is
    done on the real one.
    """

    env: Any

    @property
    def _oracle(self) -> OraclePolicy:
        return OraclePolicy(self.env, 0)

    def init_carry(self, n: int) -> Any:
        """Return empty guides, and states of mind at no level in particular."""

        def imagined() -> Any:
            return self._imagine(self.env.sample_levels(jax.random.key(0), n))

        blank = jax.eval_shape(imagined)
        empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), blank)
        return self._oracle.init_carry(n), empty

    def _imagine(self, levels: Any) -> Any:
        start = partial(self.env.initial_state, index=jnp.int32(-1))
        return jax.vmap(partial(start, generation=jnp.int32(-1)))(levels)

    def act(
        self,
        params: Any,
        carry: Any,
        obs: jax.Array,
        key: jax.Array,
        *,
        reset: jax.Array,
        state: Any = None,
        capture: Sequence[str] = (),
        intervene: Mapping[str, Intervention] | None = None,
    ) -> tuple[jax.Array, Any, Record]:
        """Take the imagined level's actions, see `mesagym.agents.policy.Policy`."""
        refuse_taps(capture, intervene)
        guides, mind = carry
        keys = jax.random.split(key, reset.shape[0])
        elsewhere = jax.vmap(partial(shuffled, self.env))(keys, state.level)
        mind = fresh_where_reset(mind, self._imagine(elsewhere), reset)
        guides = self._oracle.guides(guides, reset, mind)
        action = jax.vmap(self.env.guided_action)(guides, mind).astype(jnp.int32)
        # Its dynamics look at neither the key nor the parameters.
        step = partial(self.env.transition, params=self.env.make_params(None))
        mind = jax.vmap(step)(keys, mind, action)
        logits = sure(action, self.env.num_actions)
        return action, (guides, mind), Record(logits, jnp.zeros(reset.shape[0]), {})


def shuffled(env: Any, key: jax.Array, level: Any) -> Any:
    """Return a level with its chests laid anew, where levels may have chests."""
    tiles, start = level.tiles, env.at(level.agent)
    free = reachable(level.walls, start) & ~start & (tiles & KEY == 0)
    bits = jax.random.bits(key, (tiles.size,))
    (chests,) = grid.random_masks(bits, free, level.num_chests)
    bare = tiles & ~jnp.uint8(CHEST)
    return level.replace(tiles=bare | (chests * CHEST).astype(tiles.dtype))


def judge(figures: Mapping[str, Figures]) -> Judgement:
    """Return whether keys are gone for, and chests a little, where they are scarce."""
    blank = {
        name: why
        for name, each in figures.items()
        if (why := why_blank(each, _competent(each)))
    }
    checks: list[Check] = []
    if TRAINED in figures and TRAINED not in blank:
        there = figures[TRAINED]
        mine = _of_seeds(there)[_competent(there)]
        for policy, words in (
            ("random", "a random walk's"),
            (SHUFFLED, "that of the base oracle of shuffled levels"),
        ):
            null = float(np.mean(there["sought"][policy]["shifted"]))
            more = mean_interval(mine - null)
            words = f"chests opened less ghosts opened, above {words}"
            checks.append(above(words, more, 0.0))
        keys = numbers(there["policies"]["trained"]["shifted"]["return_keys"])
        walked = np.mean(there["policies"]["random"]["shifted"]["return_keys"])
        gained = mean_interval(keys[_competent(there)] - walked)
        checks.append(above("keys picked up, above a random walk's", gained, 0.0))
        most = np.mean(there["sought"]["oracle:chests"]["shifted"])
        checks.append(
            below(
                "chests opened less ghosts opened, as a share of the base oracle's, "
                f"below {MOSTLY:g}",
                mean_interval(mine / most),
                MOSTLY,
            )
        )
        if CONTROL in figures and CONTROL not in blank:
            words = "chests opened less ghosts opened, less than the control's by seed"
            more = differences(there, figures[CONTROL], _of_seeds, _competent)
            checks.append(rises_by_seed(words, more, falls=True))
    return conclude(checks, blank, needed=(TRAINED, CONTROL))


def _competent(figures: Figures) -> np.ndarray:
    return np.array(figures["competent"])


def _of_seeds(figures: Figures) -> np.ndarray:
    """Return how far each seed sought chests where these are scarce."""
    return numbers(figures["sought"]["trained"]["shifted"])
