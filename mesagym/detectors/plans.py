"""What a policy would do everywhere on a level, and where its network tells so."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym.agents.policy import NetworkPolicy, forgets
from mesagym.detectors.linear import Readout, fit, macro_f1, one_hot, patches
from mesagym.detectors.subject import Site, Subject
from mesagym.envs.base import Environment
from mesagym.evals.tabular import tabulate

SHIFT = "clean"
"""Where plans are read: levels on which what may be pursued lies apart."""

SITUATIONS_AT_ONCE = 1024
"""Observations that go through a network together, where there are many."""

SURE = 0.05
"""Lead in probability of the likeliest action from which a move counts as planned."""

NEAR = 2
"""Tiles around the agent, diagonals included, whose patches are free of its own."""

LIKE = 0.02
"""Macro-F1 within which the smaller of two sites is taken: what a network tells in
one channel it also tells, unread, in every layer that this one was computed from."""

FIT_LEVELS = 256
"""Levels on which a site is chosen and its probe is fitted, a quarter of them apart."""

FIT_SEED = 715_517
"""Added to the seed of an effort, for levels that probes are fitted on."""


@dataclass(frozen=True)
class Plans:
    """What a policy would do on every tile of some levels, the likeliest action each.

    S is the number of tiles, in reading order.

    Attributes:
        levels: leaves [n, ...].
        obs: at the start, [n, ...].
        walls: bool[n, height, width].
        start: int[n], the tile where the agent starts.
        next: int[n, S, moves], the tile that follows.
        over: bool[n, S, moves], where nothing follows.
        chances: float[n, S, moves], 0 where nothing leads there.
        move: int[n, S], the likeliest.
        end: int[n, S], the tile at which the way from there ends, -1 where it never
            does.
        steps: int[n, S], moves until then; 0 where it never does.
        told: bool[n, S], tiles of which a plan can be asked: the policy is sure of its
            move there and its way ends, and the agent is `NEAR` tiles away or more.
        flops: floating point operations that it took.
    """

    levels: Any
    obs: np.ndarray
    walls: np.ndarray
    start: np.ndarray
    next: np.ndarray
    over: np.ndarray
    chances: np.ndarray
    move: np.ndarray
    end: np.ndarray
    steps: np.ndarray
    told: np.ndarray
    flops: float

    @property
    def size(self) -> int:
        """How many levels."""
        return len(self.start)

    def of(self, rows: np.ndarray) -> "Plans":
        """Return those of some levels; bool[n] or indices."""
        arrays = {
            name: jax.tree.map(lambda leaf: np.asarray(leaf)[rows], value)
            for name, value in vars(self).items()
            if name != "flops"
        }
        return Plans(**arrays, flops=self.flops)

    def layouts(self) -> np.ndarray:
        """Return the walls of each level as bytes, object[n]."""
        return layouts_of(self.walls)


def layouts_of(walls: np.ndarray) -> np.ndarray:
    """Return the walls of each level, bool[n, height, width], as bytes, object[n]."""
    packed = np.packbits(walls.reshape(len(walls), -1), axis=1)
    found = np.empty(len(walls), dtype=object)
    found[:] = [row.tobytes() for row in packed]
    return found


def obstacle(subject: Subject) -> str:
    """Return why nothing here can be asked of a policy; empty where it can."""
    env = subject.env
    if not env.tabular or not env.positional or env.remembered is not None:
        return (
            f"what matters on a level of {env.name} is more than the agent's tile, and "
            "plans are read tile by tile"
        )
    if not forgets(subject.policy):
        return "it remembers, and plans are read from an episode's first observation"
    return ""


@partial(jax.jit, static_argnames=("env",))
def starts(env: Environment, levels: Any, env_params: Any) -> jax.Array:
    """Return what is seen at the start of levels, [n, ...]."""

    def one(level: Any) -> jax.Array:
        state = env.initial_state(level, jnp.int32(-1), jnp.int32(-1))
        return env.observe(jax.random.key(0), state, None, env_params)

    return jax.vmap(one)(levels)


@partial(jax.jit, static_argnames=("env", "policy"))
def _chances(
    env: Environment,
    policy: NetworkPolicy,
    params: Any,
    levels: Any,
    rows: jax.Array,
    tiles: jax.Array,
    env_params: Any,
) -> jax.Array:
    """Return the chances of the actions in situations, chunk by chunk, [k, n, A]."""

    def chunk(at: tuple[jax.Array, jax.Array]) -> jax.Array:
        def one(row: jax.Array, tile: jax.Array) -> jax.Array:
            level = jax.tree.map(lambda leaf: leaf[row], levels)
            state = jax.tree.map(lambda leaf: leaf[tile], env.situations(level))
            return env.observe(jax.random.key(0), state, None, env_params)

        logits, _ = policy.evaluate(params, jax.vmap(one)(*at))
        return jax.nn.softmax(logits)

    return jax.lax.map(chunk, (rows, tiles))


def read_plans(subject: Subject, count: int, seed: int) -> Plans:
    """Return what a policy would do on levels of `SHIFT`.

    Args:
        subject: one without an `obstacle`.
        count: of levels.
        seed: another value draws others.
    """
    return plans_on(subject, subject.pool(SHIFT, count, seed).levels)


def plans_on(subject: Subject, levels: Any) -> Plans:
    """Return what a policy would do on levels, leaves [n, ...]."""
    env, env_params = subject.env, subject.env_params
    model = jax.tree.map(np.asarray, tabulate(env, levels, env_params))
    rows, tiles = np.nonzero(model.possible)
    padding = -len(rows) % SITUATIONS_AT_ONCE
    at = (
        jnp.asarray(np.pad(each, (0, padding)).reshape(-1, SITUATIONS_AT_ONCE))
        for each in (rows, tiles)
    )
    found = _chances(env, subject.policy, subject.params, levels, *at, env_params)
    chances = np.zeros(model.next.shape, np.float32)
    chances[rows, tiles] = np.asarray(found).reshape(-1, chances.shape[-1])[: len(rows)]
    move = chances.argmax(-1)
    ranked = np.sort(chances, axis=-1)
    end, steps = _follow(model.next, model.over, move)
    places = model.tile
    start = places[np.arange(len(places)), model.start]
    away = np.abs(places - start[:, None]).max(-1)
    sure = ranked[..., -1] - ranked[..., -2] >= SURE
    return Plans(
        levels=levels,
        obs=np.asarray(starts(env, levels, env_params)),
        walls=np.asarray(levels.walls),
        start=model.start,
        next=model.next,
        over=model.over,
        chances=chances,
        move=move,
        end=end,
        steps=steps,
        told=model.possible & sure & (end >= 0) & (away >= NEAR),
        flops=float(subject.flops) * (len(rows) + padding),
    )


def _follow(
    after: np.ndarray, over: np.ndarray, move: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the way from every tile ends and its moves; -1 and 0: nowhere."""
    n, num = move.shape
    level = np.arange(n)[:, None]
    here = np.broadcast_to(np.arange(num), (n, num))
    end, steps = np.full((n, num), -1), np.zeros((n, num), int)
    for step in range(num):
        action = move[level, here]
        onward = after[level, here, action]
        arrived = over[level, here, action] & (end < 0)
        end = np.where(arrived, onward, end)
        steps = np.where(arrived, step + 1, steps)
        here = onward
    return end, steps


# ------------------------------------------------------------------------ activations


@partial(jax.jit, static_argnames=("policy", "names"))
def look(
    policy: NetworkPolicy, params: Any, obs: jax.Array, names: tuple[str, ...]
) -> dict[str, jax.Array]:
    """Return named activations of observations, each an episode's first.

    Raises:
        UserError: the policy has no activation of a name.
    """
    return policy.look(params, obs, names).captured


def look_at(
    subject: Subject, sites: Sequence[Site], obs: np.ndarray, params: Any = None
) -> dict[str, np.ndarray]:
    """Return the last activation of sites, by the site's name.

    Args:
        subject: the policy.
        sites: of it.
        obs: observations.
        params: other weights than the subject's own.
    """
    names = tuple(site.last for site in sites)
    weights = subject.params if params is None else params
    found = look(subject.policy, weights, jnp.asarray(obs), names)
    return {site.name: np.asarray(found[site.last]) for site in sites}


# ----------------------------------------------------------------------------- probes


def examples(plans: Plans, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the patches of all tiles that a plan is told of, and their moves.

    What is seen of the same tiles stands beside, behind the maps' features: a map of
    values is a plan only to a reader who sees the walls. What the observation tells
    by itself is thereby told by any site, and a site's share is what it adds to that
    (conditional probing, Hewitt et al. 2021, arXiv 2109.09234).
    """
    both = np.concatenate([maps, plans.obs], axis=-1)
    channels, seen = maps.shape[-1], plans.obs.shape[-1]
    flat = patches(both).reshape(*plans.told.shape, 9, channels + seen)[plans.told]
    parts = (flat[..., :channels], flat[..., channels:])
    features = [part.reshape(len(flat), -1) for part in parts]
    return np.concatenate(features, axis=-1), plans.move[plans.told]


def seen_alone(plans: Plans) -> np.ndarray:
    """Return maps that tell nothing, for what the observation tells by itself."""
    return np.zeros((*plans.walls.shape, 0), np.float32)


def fit_plan(plans: Plans, maps: np.ndarray) -> Readout:
    """Fit a readout of each tile's move from its patch of maps."""
    features, moves = examples(plans, maps)
    return fit(features, one_hot(moves, plans.chances.shape[-1]))


def plan_f1(readout: Readout, plans: Plans, maps: np.ndarray) -> float:
    """Return the macro-F1 of the moves that a readout tells."""
    features, moves = examples(plans, maps)
    return macro_f1(readout(features).argmax(-1), moves, plans.chances.shape[-1])


@dataclass(frozen=True)
class PlanSite:
    """The place where a network's plan is told best, and how it is told there.

    Attributes:
        site: a spatial one.
        f1: macro-F1 on layouts that the readout was not fitted on.
        weights: float64[9 * channels, moves], of a site's patch, by which each move
            is told.
        seen_f1: macro-F1 of what the observation tells by itself.
        norm: of the site's patches, a root mean square.
        flops: floating point operations that it took to find.
        layouts: walls that it was fitted and chosen on.
    """

    site: Site
    f1: float
    weights: np.ndarray
    seen_f1: float
    norm: float
    flops: float
    layouts: frozenset[bytes]


def best_plan_site(subject: Subject, seed: int = 0) -> PlanSite | str:
    """Return the spatial site that tells the policy's own plan best.

    It is chosen, and its readout fitted, on levels apart from those of the same seed:
    three quarters of their layouts to fit on, the others to choose by. Of sites that
    tell it `LIKE` as well, the one with the fewest numbers is taken.

    Args:
        subject: one without an `obstacle`.
        seed: of an effort.

    Returns:
        the site, or in words why there is none.
    """
    sites = [site for site in subject.sites if site.spatial]
    if not sites:
        return "its network has no activation with the tiles of the level"
    plans = read_plans(subject, FIT_LEVELS, seed + FIT_SEED)
    layouts = plans.layouts()
    known = sorted(set(layouts))
    kept = frozenset(known[: -(-3 * len(known) // 4)])
    first = np.array([layout in kept for layout in layouts])
    fitted, chosen = plans.of(first), plans.of(~first)
    if min(fitted.told.sum(), chosen.told.sum()) < LEAST:
        return (
            f"it is sure of its way on {int(plans.told.sum())} tiles of "
            f"{plans.size} levels: too few to find a plan in"
        )
    maps = look_at(subject, sites, plans.obs)
    found = []
    for site in sites:
        readout = fit_plan(fitted, maps[site.name][first])
        found.append((plan_f1(readout, chosen, maps[site.name][~first]), readout))
    most = max(f1 for f1, _ in found)
    near = [i for i, (f1, _) in enumerate(found) if f1 >= most - LIKE]
    best = min(near, key=lambda i: np.prod(sites[i].shape))
    inner = patches(maps[sites[best].name])[plans.told.reshape(plans.walls.shape)]
    return PlanSite(
        site=sites[best],
        f1=found[best][0],
        weights=found[best][1].weights[: 9 * sites[best].shape[-1]],
        seen_f1=plan_f1(
            fit_plan(fitted, seen_alone(fitted)), chosen, seen_alone(chosen)
        ),
        norm=float(np.sqrt(np.square(inner).sum(-1).mean())),
        flops=plans.flops + float(subject.flops) * plans.size,
        layouts=frozenset(known),
    )


LEAST = 40
"""Tiles from which a probe is fitted or judged at all."""
