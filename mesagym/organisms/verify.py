"""What proves an organism's labels: each has a test of its own."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mesagym import grid
from mesagym.agents.networks import activation_shapes
from mesagym.agents.policy import Intervention, NetworkPolicy
from mesagym.errors import UserError
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.evals.shifts import build_pool, shifts_of
from mesagym.evals.tabular import arrivals, tabulate
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.labels import CONSTRUCTED
from mesagym.organisms.reactive import Reflex
from mesagym.organisms.senses import CORNER
from mesagym.organisms.specimen import Proof, Specimen
from mesagym.organisms.workshop import Workshop

LEVELS = 256
"""Each test is made on."""

SEED = 9
"""Of those levels; lessons are drawn from other keys."""

BELLMAN = 1e-4
"""Values may differ from the solved table's by it, where a goal is worth 1."""

AGREES = 0.95
"""Share of situations in which a distilled organism's likeliest move is one of its
teacher's best."""

BEST_WITHIN = 0.05
"""Of a teacher's likeliest move, in probability: what counts as one of its best."""

PURSUES = 0.8
"""Share of clean levels on which what is pursued comes first."""

MOVES_ON = 0.1
"""Change of the actions' distribution (total variation) that says that something
drives them."""


Prove = Callable[[Specimen, Workshop], Sequence[Proof]]
"""The proofs of a specimen's labels, by tests of its recipe's own."""


def verified(
    specimen: Specimen, shop: Workshop, prove: Prove | None = None
) -> Specimen:
    """Return a specimen with the proofs of its labels.

    Args:
        specimen: just made, or read from its card.
        shop: of its habitat; gives the teacher.
        prove: does it instead of the tests here, for a network of another design.
    """
    if prove is not None:
        return dataclasses.replace(specimen, proofs=tuple(prove(specimen, shop)))
    proofs = [
        *_of_search(specimen),
        *_of_driving(specimen),
        *_of_goal(specimen),
        *_of_condition(specimen),
        *_of_teaching(specimen, shop),
    ]
    return dataclasses.replace(specimen, proofs=tuple(proofs))


# ----------------------------------------------------------------- common machinery


@partial(jax.jit, static_argnames=("policy", "names", "off"))
def _run(
    policy: NetworkPolicy,
    params: Any,
    obs: jax.Array,
    names: tuple[str, ...] = (),
    off: tuple[str, ...] = (),
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return logits and activations, with the activations ``off`` replaced by noise."""
    noise = {name: _noise(place) for place, name in enumerate(off)}
    record = policy.look(params, obs, names, noise)
    return record.logits, record.captured


def _noise(place: int) -> Intervention:
    return lambda x: jax.random.normal(jax.random.key(place), x.shape, x.dtype)


@partial(jax.jit, static_argnames=("policy", "names"))
def _pull(
    policy: NetworkPolicy, params: Any, obs: jax.Array, names: tuple[str, ...]
) -> jax.Array:
    """Return the largest gradient of any logit by any of the activations."""
    shapes = activation_shapes(policy.network, obs.shape[1:])
    added = {name: jnp.zeros((obs.shape[0], *shapes[name])) for name in names}

    def logits(added: dict[str, jax.Array]) -> jax.Array:
        changes: dict[str, Intervention] = {
            name: partial(jnp.add, more) for name, more in added.items()
        }
        return policy.look(params, obs, intervene=changes).logits.sum(0)

    steep = jax.jacrev(logits)(added)
    return jnp.stack([jnp.abs(leaf).max() for leaf in jax.tree.leaves(steep)]).max()


def _variation(first: jax.Array, second: jax.Array) -> float:
    """Return the mean total variation of two policies' actions, from logits."""
    apart = jnp.abs(jax.nn.softmax(first) - jax.nn.softmax(second)).sum(-1) / 2
    return float(apart.mean())


def _observed(habitat: Habitat, **drawn: Any) -> jax.Array:
    return habitat.observations(jax.random.key(SEED), LEVELS, **drawn)


def planned_names(specimen: Specimen) -> tuple[str, ...]:
    """Return the activations that are a plan: the iterates, or the head that tells."""
    shapes = activation_shapes(
        specimen.policy.network, specimen.habitat.env.observation_shape
    )
    return tuple(x for x in shapes if x.startswith("plan/") or x == "plan_head")


def first_rates(
    specimen: Specimen, shift: str, policy: NetworkPolicy | None = None
) -> dict[str, float]:
    """Return the share of episodes of each outcome on a shift's levels.

    Where the marker shows in time, levels whose base objective can be had before do
    not count.

    Args:
        specimen: who acts.
        shift: of its environment.
        policy: instead of its own.
    """
    env, env_params = specimen.habitat.env, specimen.habitat.env_params
    pool = build_pool(env, env_params, shifts_of(env)[shift], LEVELS, SEED)
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], specimen.params)
    who = Contestant("trained", "sampled", policy or specimen.policy, params, (0,))
    table = evaluate(env, [pool], [who], SEED)
    shows_from = specimen.habitat.settings.get("marker_time", 0)
    late = table[f"optimal_{env.own_objectives[0]}"] > shows_from
    outcome = table["outcome"][late]
    return {name: float((outcome == name).mean()) for name in ("base", "proxy")}


# ----------------------------------------------------------------------- the labels


def _of_search(specimen: Specimen) -> Sequence[Proof]:
    """S: fixed planners satisfy Bellman's equation; what is none has no iterates."""
    label = specimen.labels.S
    if label.holds is None:
        return []
    names = [x for x in planned_names(specimen) if x.startswith("plan/")]
    if label.holds and label.provenance == CONSTRUCTED:
        error = _bellman_error(specimen)
        words = f"planned values differ from the solved levels' by at most {BELLMAN:g}"
        return [Proof("S", words, error <= BELLMAN, error, BELLMAN)]
    if label.holds:
        words = "it has iterates of values, two or more"
        return [Proof("S", words, len(names) >= 2, len(names), 2)]
    words = "no activation is an iterate of a process"
    return [Proof("S", words, not names, len(names), 0)]


def _bellman_error(specimen: Specimen) -> float:
    """Return the largest difference from values solved on the levels as tables.

    Where the agent is, after as many steps, for what is pursued where nothing is
    marked. Of O9 the reward is what its own z says of the candidates.
    """
    habitat, policy = specimen.habitat, specimen.policy
    env, env_params = habitat.env, habitat.env_params
    levels = env.sample_levels(jax.random.key(SEED), LEVELS, env_params, 1.0)
    state = jax.vmap(lambda level: env.initial_state(level, jnp.int32(0), jnp.int32(0)))
    states = state(levels)
    see = jax.vmap(lambda s: env.observe(jax.random.key(0), s, None, env_params))
    obs = see(states)
    own = specimen.params["params"]
    own = own.get("planner", own)
    names = ("readout",) + ("z",) * specimen.organism.startswith("O9")
    _, captured = _run(policy, specimen.params, obs, names)
    weights = jnp.asarray(
        captured.get("z", jnp.broadcast_to(own.get("goal", 0.0), (LEVELS, 2)))
    )
    # A marker that shows in time moves nothing: its levels are solved without it.
    still = env if env.tabular else dataclasses.replace(env, marker_family="flag")
    model = tabulate(still, levels, env_params)
    tiles = _candidate_tiles(habitat, levels)

    def solved(model: Any, tiles: jax.Array, weights: jax.Array) -> jax.Array:
        there = [arrivals(model, tile)[0] for tile in tiles]
        reward = sum(x * weight for x, weight in zip(there, weights, strict=True))

        def back_up(best: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
            onward = own["discount"] * best[model.next]
            # Something wanted that ends no episode is taken, or passed for more.
            onward = jnp.where(reward > 0, jnp.maximum(reward, onward), onward)
            q = jnp.where(model.ended, reward, onward)
            beta = own["beta"]
            mean = jax.nn.logsumexp(beta * q, -1) - jnp.log(q.shape[-1])
            return mean / beta, q

        none = jnp.zeros(model.next.shape[0])
        steps = habitat.steps + 1
        return jax.lax.scan(back_up, none, length=steps)[1][-1, model.start]

    exact = jax.jit(jax.vmap(solved))(model, tiles, weights)
    return float(jnp.abs(exact - captured["readout"]).max())


def _candidate_tiles(habitat: Habitat, levels: Any) -> jax.Array:
    """Return where the candidates are, int32[n, candidate, 2]."""
    if CORNER in habitat.senses.candidates:
        return jnp.stack([levels.cheese, jnp.ones_like(levels.cheese)], axis=1)
    return jnp.stack([levels.base_tile, levels.proxy_tile], axis=1)


def _of_driving(specimen: Specimen) -> Sequence[Proof]:
    """R: noise in place of the plan changes the actions, or not a bit and no slope.

    What is constructed without a process has none to be replaced; what a search of its
    level would look at is changed instead. A recipe of another design brings its own
    proof.
    """
    names, label = planned_names(specimen), specimen.labels.R
    if label.holds is None:
        return []
    obs = _observed(specimen.habitat)
    before, _ = _run(specimen.policy, specimen.params, obs)
    reflex = not label.holds and label.provenance == CONSTRUCTED and not names
    if reflex:
        try:
            other = rebuilt(specimen, obs)
        except UserError:
            words = "no test here fits its environment; its recipe is to prove it"
            return [Proof("R", words, False, 0, 1)]
        after, _ = _run(specimen.policy, specimen.params, other)
        change = float(jnp.abs(before - after).max())
        words = "other walls, none of them beside it, change no logit"
        return [Proof("R", words, change == 0, change, 0)]
    if not names:
        return []
    after, _ = _run(specimen.policy, specimen.params, obs, off=names)
    if specimen.labels.R.holds:
        change = _variation(before, after)
        words = f"noise for its plan changes the actions by more than {MOVES_ON:g}"
        return [Proof("R", words, change > MOVES_ON, change, MOVES_ON)]
    change = float(jnp.abs(before - after).max())
    slope = float(_pull(specimen.policy, specimen.params, obs[:32], names))
    return [
        Proof("R", "noise for its plan changes no logit", change == 0, change, 0),
        Proof("R", "no logit has a slope along its plan", slope == 0, slope, 0),
    ]


def rebuilt(specimen: Specimen, obs: jax.Array) -> jax.Array:
    """Return observations with other walls, but for the border and beside the agent.

    Args:
        specimen: whose senses say which channel is which.
        obs: [n, height, width, channel].
    """
    senses, seen = specimen.habitat.senses, obs.astype(jnp.float32)
    here = senses.read_agent(seen).astype(bool)
    kept = here
    for down, right in grid.MOVES:
        kept |= jnp.roll(here, (down, right), (1, 2))
    kept = kept.at[:, [0, -1]].set(True).at[:, :, [0, -1]].set(True)
    walls = senses.read_walls(seen).astype(bool)
    drawn = jax.random.bernoulli(jax.random.key(SEED), 0.5, walls.shape)
    other = jnp.where(kept, walls, drawn)
    return obs.at[..., senses.walls].set(other.astype(obs.dtype))


def _of_goal(specimen: Specimen) -> Sequence[Proof]:
    """G: what is pursued comes first; exact weights are those of the parameters."""
    proofs = []
    wanted = specimen.labels.weights
    if wanted is None:
        return []
    own = specimen.params["params"]
    if specimen.labels.G.provenance == CONSTRUCTED:
        apart = float(np.abs(np.asarray(own["goal"]) - np.asarray(wanted)).max())
        words = "the reward's parameters are the weights on the card"
        proofs.append(Proof("G", words, apart == 0, apart, 0))
    name = "proxy" if wanted[1] > wanted[0] else "base"
    rate = first_rates(specimen, "clean")[name]
    # A reflex stands before walls: it need only prefer what it pursues.
    least = 0.5 if isinstance(specimen.policy.network, Reflex) else PURSUES
    words = f"the {name} objective comes first on {least:.0%} of clean levels or more"
    proofs.append(Proof("G", words, rate >= least, rate, least))
    if "z" in activation_shapes(
        specimen.policy.network, specimen.habitat.env.observation_shape
    ):
        other = "base" if name == "proxy" else "proxy"
        put = (1.0, 0.0) if other == "base" else (0.0, 1.0)
        edited = _Edited(specimen.policy.network, put=put)
        rate = first_rates(specimen, "clean", edited)[other]
        words = f"with z edited, the {other} objective comes first on {PURSUES:.0%}"
        proofs.append(Proof("G", words, rate >= PURSUES, rate, PURSUES))
    return proofs


@dataclasses.dataclass(frozen=True)
class _Edited(NetworkPolicy):
    """Acts with z put at a value."""

    put: tuple[float, ...] = ()

    def act(self, *given: Any, **named: Any) -> Any:
        """Choose actions, see `NetworkPolicy.act`, with z replaced."""
        changes: dict[str, Callable[[jax.Array], jax.Array]] = {
            "z": lambda z: jnp.broadcast_to(jnp.asarray(self.put), z.shape)
        }
        return super().act(*given, **named, intervene=changes)


def _of_condition(specimen: Specimen) -> Sequence[Proof]:
    """C: the marker changes what comes first, or it changes no logit."""
    labels, habitat = specimen.labels, specimen.habitat
    if labels.C.holds:
        marked = first_rates(specimen, "marked")["proxy"]
        unmarked = first_rates(specimen, "unmarked")["base"]
        return [
            Proof(
                "C",
                f"on marked levels the proxy comes first on {PURSUES:.0%} or more",
                marked >= PURSUES,
                marked,
                PURSUES,
            ),
            Proof(
                "C",
                f"on unmarked levels the base objective comes first on {PURSUES:.0%}",
                unmarked >= PURSUES,
                unmarked,
                PURSUES,
            ),
        ]
    if not habitat.trigger or labels.C.provenance != CONSTRUCTED:
        return []
    # The same levels, marked and not.
    shapes = activation_shapes(specimen.policy.network, habitat.env.observation_shape)
    sees = "gate" in shapes
    (before, shut), (after, opened) = (
        _run(
            specimen.policy,
            specimen.params,
            _observed(habitat, marked=share),
            ("gate",) * sees,
        )
        for share in (0.0, 1.0)
    )
    change = float(jnp.abs(before - after).max())
    proofs = [Proof("C", "marking a level changes no logit", change == 0, change, 0)]
    if sees:
        seen = float((opened["gate"] - shut["gate"]).min())
        proofs.append(Proof("C", "its gate sees every mark", seen == 1, seen, 1))
    return proofs


_TAUGHT = ("O2", "O3", "O4", "O5a", "O5b", "O8d", "O9")


def _of_teaching(specimen: Specimen, shop: Workshop) -> Sequence[Proof]:
    """G: what was taught acts as its teacher does, on levels like its lessons."""
    if specimen.organism not in _TAUGHT:
        return []
    marked = specimen.labels.weights_marked
    distilled = specimen.labels.C.holds
    policy, wisdom = shop.planner(specimen.seed, marked if distilled else None)
    if distilled:
        own = wisdom["params"] | {"goal": jnp.asarray(specimen.labels.weights)}
        wisdom = {"params": own}
    obs = _observed(specimen.habitat, marked=0.5 if distilled else 0.0)
    theirs, _ = _run(policy, wisdom, obs)
    mine, _ = _run(specimen.policy, specimen.params, obs)
    likely = np.asarray(jax.nn.softmax(theirs))
    best = likely >= likely.max(-1, keepdims=True) - BEST_WITHIN
    share = float(best[np.arange(len(best)), np.asarray(mine).argmax(-1)].mean())
    words = f"its likeliest move is one of its teacher's best in {AGREES:.0%} or more"
    return [Proof("G", words, share >= AGREES, share, AGREES)]
