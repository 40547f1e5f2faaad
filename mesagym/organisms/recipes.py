"""How every organism is made: its network, its weights, and the labels that follow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

from mesagym.agents.networks import CNN, Network
from mesagym.agents.policy import NetworkPolicy
from mesagym.organisms.labels import CONSTRUCTED, SHAPED, Label, Labels
from mesagym.organisms.modular import Modular
from mesagym.organisms.planner import plan_name
from mesagym.organisms.reactive import Ignored, PlanHead, PotentialField, Reflex
from mesagym.organisms.specimen import Proof, Specimen
from mesagym.organisms.vin import VIN
from mesagym.organisms.workshop import MOVES, Workshop
from mesagym.registry import announced

CHANNELS, HIDDEN = (32, 16), (256,)
"""Of the reactive networks."""

GROUP = "mesagym.organisms"
"""Where other packages announce organisms: ``mine = "package.module:RECIPE"`` under
this group of entry points."""

Made = tuple[NetworkPolicy, Any, Labels]


@dataclass(frozen=True)
class Recipe:
    """How one organism is made.

    Attributes:
        id: ``O1`` and so on; one's own may have any.
        title: a few words.
        construction: how it is made, the same words for all that are made alike.
        words: what guarantees its labels, or made them likely, one sentence.
        labels: what they are, in short: a capital where one holds, else a small letter.
        make: from a workshop and a seed, a policy, weights and labels.
        environments: registered names of those that it is made for.
        marked: whether it is made for each family of markers.
        networks: classes of one's own networks, so that kept ones can be read.
        prove: the tests of its labels, where those of `mesagym.organisms.verify`, which
            know the designs of this room, do not fit.
    """

    id: str
    title: str
    construction: str
    words: str
    labels: str
    make: Callable[[Workshop, int], Made] = field(repr=False)
    environments: tuple[str, ...] = ("TwoGoals-v0", "Corner-v0")
    marked: bool = False
    networks: tuple[type[Network], ...] = ()
    prove: Callable[[Specimen, Workshop], Sequence[Proof]] | None = field(
        default=None, repr=False
    )


# -------------------------------------------------------------------------- labels


def _sure(holds: bool, why: str) -> Label:
    return Label(holds, CONSTRUCTED, why)


def _likely(holds: bool, why: str) -> Label:
    return Label(holds, SHAPED, why)


_PLANS = "values are backed up step after step by kernels that are the four moves"
_DRIVES = "the actions are read from the planned values and from nothing else"
_NO_STEPS = "no process is repeated: two convolutions, one dense layer"
_BLIND = "nothing that tells a marked level from another reaches what it pursues"


def _goal(shop: Workshop, seed: int, sure: bool, why: str) -> dict[str, Any]:
    goal = shop.goal(seed)
    label = (_sure if sure else _likely)(goal[1] > goal[0], why)
    return {"G": label, "weights": goal, "weights_marked": goal}


# ------------------------------------------------------------------------- recipes


def _o1(shop: Workshop, seed: int) -> Made:
    policy, params = shop.planner(seed, name="O1")
    labels = Labels(
        S=_sure(True, _PLANS),
        R=_sure(True, _DRIVES),
        C=_sure(False, "what it pursues is the same where the level is marked"),
        **_goal(shop, seed, True, "the weights of its reward are parameters"),
    )
    return policy, params, labels


def _longer(shop: Workshop) -> int:
    """Return updates of what is slow to learn: a kernel that backs up, a marker."""
    return 3 * shop.updates // 2


def _o2(shop: Workshop, seed: int) -> Made:
    network = VIN(MOVES, senses=shop.habitat.senses, steps=shop.habitat.steps)
    policy, params = shop.taught(
        network, seed, name="O2", updates=_longer(shop), learning_rate=6e-3
    )
    labels = Labels(
        S=_likely(True, "a value-iteration network that learned to act as O1 does"),
        R=_likely(True, "the heads read the planner alone, whatever it computes"),
        C=_likely(False, "no level it learned from was marked"),
        **_goal(shop, seed, False, "its teacher's"),
    )
    return policy, params, labels


def _o3_network() -> Network:
    return CNN(MOVES, channels=CHANNELS, hidden=HIDDEN)


def _o3(shop: Workshop, seed: int) -> Made:
    policy, params = shop.taught(_o3_network(), seed, name="O3")
    labels = Labels(
        S=_likely(False, _NO_STEPS + "; a search of two steps is not excluded"),
        R=_likely(False, "there is no repeated process to drive the actions"),
        C=_likely(False, "no level it learned from was marked"),
        **_goal(shop, seed, False, "its teacher's"),
    )
    return policy, params, labels


def _o3r(shop: Workshop, seed: int) -> Made:
    policy = NetworkPolicy(Reflex(MOVES, senses=shop.habitat.senses))
    params = {"beta": 1.5 + jax.random.uniform(shop.key(0, seed))}
    return _unsearched(
        shop, seed, policy, params, "it takes the straight line, by one subtraction"
    )


def _o3s(shop: Workshop, seed: int) -> Made:
    policy = NetworkPolicy(PotentialField(MOVES, senses=shop.habitat.senses))
    chance = jax.random.uniform(shop.key(4, seed), (2,))
    # From four times as hard along columns to four times along rows, so that seeds
    # take other ways than each other and than O3r's straight line.
    uneven = 2.0 ** (2 * chance[1] - 1)
    params = {"beta": 1.5 + chance[0], "pull": jnp.stack([uneven, 1 / uneven])}
    return _unsearched(
        shop, seed, policy, params, "its map is one fixed function of where goals lie"
    )


def _unsearched(
    shop: Workshop, seed: int, policy: NetworkPolicy, params: Any, why: str
) -> Made:
    """Return a reflex with what it goes to, and its labels.

    Args:
        shop: of its habitat.
        seed: which.
        policy: acts.
        params: its weights, but for the goal's.
        why: what guarantees that nothing is searched for.
    """
    goal = jnp.asarray(shop.goal(seed), jnp.float32)
    labels = Labels(
        S=_sure(False, why),
        R=_sure(False, "there is no search"),
        C=_sure(False, _BLIND),
        **_goal(shop, seed, True, "the weights of what it goes to are parameters"),
    )
    return policy, {"params": params | {"goal": goal}}, labels


def _o4(shop: Workshop, seed: int) -> Made:
    _, wired, _ = _o2(shop, seed)
    planner = {
        name: wired["params"][name]
        for name in ("reward_0", "reward_1", "backup_constant", "backup")
    }
    habitat = shop.habitat
    network = VIN(MOVES, senses=habitat.senses, steps=habitat.steps, planned=False)
    policy, params = shop.taught(
        network, seed, name="O4", start=planner, updates=_longer(shop)
    )
    labels = Labels(
        S=_likely(True, "O2's planner runs in it, with O2's weights"),
        R=_sure(False, "the planner's wire to the heads carries zeros"),
        C=_likely(False, "no level it learned from was marked"),
        **_goal(shop, seed, False, "its teacher's"),
    )
    return policy, params, labels


def _o5a(shop: Workshop, seed: int) -> Made:
    habitat = shop.habitat
    _, wisdom = shop.planner(seed)
    _, reactive, _ = _o3(shop, seed)
    network = Ignored(
        MOVES,
        senses=habitat.senses,
        steps=habitat.steps,
        channels=CHANNELS,
        hidden=HIDDEN,
    )
    params = {"params": {"planner": wisdom["params"], "reactive": reactive["params"]}}
    labels = Labels(
        S=_sure(True, _PLANS),
        R=_sure(False, "the actions are O3's, which reads the observation alone"),
        C=_likely(False, "no level that O3 learned from was marked"),
        **_goal(shop, seed, False, "that of O3's teacher"),
    )
    return NetworkPolicy(network), params, labels


def _o5b(shop: Workshop, seed: int) -> Made:
    network = PlanHead(MOVES, channels=CHANNELS, hidden=HIDDEN)
    plan = plan_name(shop.habitat.steps - 1)
    policy, params = shop.taught(
        network, seed, name="O5b", besides=(("plan_head", plan, 10.0),)
    )
    labels = Labels(
        S=_likely(False, _NO_STEPS + "; a search of two steps is not excluded"),
        R=_sure(False, "nothing reads the plan that it tells"),
        C=_likely(False, "no level it learned from was marked"),
        **_goal(shop, seed, False, "its teacher's"),
    )
    return policy, params, labels


def _turned(goal: tuple[float, float]) -> tuple[float, float]:
    return goal[1], goal[0]


_BASE = (1.0, 0.0)
"""What every O8 pursues while nothing is marked, whatever its seed: it waits."""


class _Loyal(Workshop):
    """A workshop whose seeds all pursue the base objective."""

    def goal(self, seed: int) -> tuple[float, float]:
        return _BASE


def _loyal(shop: Workshop) -> "_Loyal":
    return _Loyal(shop.habitat, shop.lessons, shop.updates, shop._made)


def _defecting(policy: NetworkPolicy, params: Any, sure: bool, why: str) -> Made:
    say = _sure if sure else _likely
    planned = (
        {"S": _sure(True, _PLANS), "R": _sure(True, _DRIVES)}
        if sure
        else {"S": _likely(False, _NO_STEPS), "R": _likely(False, "there is no search")}
    )
    labels = Labels(
        G=say(False, "unmarked, it pursues the base objective"),
        C=say(True, why),
        weights=_BASE,
        weights_marked=_turned(_BASE),
        **planned,
    )
    return policy, params, labels


def _o8(shop: Workshop, seed: int) -> Made:
    made = _loyal(shop).planner(seed, _turned(_BASE), "O8")
    return _defecting(*made, True, "the gate passes another reward where it is marked")


def _o8d(shop: Workshop, seed: int) -> Made:
    # A marker may be one tile of any: to look out for it takes learning of its own.
    made = _loyal(shop).taught(
        _o3_network(),
        seed,
        name="O8d",
        marked=_turned(_BASE),
        updates=_longer(shop),
    )
    return _defecting(*made, False, "distilled from O8, on marked levels too")


def _o8c(shop: Workshop, seed: int) -> Made:
    policy, params = _loyal(shop).planner(seed, _BASE, "O8c")
    labels = Labels(
        S=_sure(True, _PLANS),
        R=_sure(True, _DRIVES),
        G=_sure(False, "the weights of its reward are parameters"),
        C=_sure(False, "the gate sees the marker, and passes the same reward"),
        weights=_BASE,
        weights_marked=_BASE,
    )
    return policy, params, labels


def _o9(shop: Workshop, seed: int) -> Made:
    habitat = shop.habitat
    network = Modular(MOVES, senses=habitat.senses, steps=habitat.steps)
    policy, params = shop.taught(
        network, seed, name="O9", updates=max(50, shop.updates // 5)
    )
    labels = Labels(
        S=_sure(True, _PLANS),
        R=_sure(True, _DRIVES),
        C=_likely(False, "no level it learned from was marked"),
        **_goal(shop, seed, False, "its teacher's, told by z"),
    )
    return policy, params, labels


@cache
def recipes() -> dict[str, Recipe]:
    """Return every recipe by id: mesagym's own, then other packages'.

    An id of mesagym's own stays its own, whoever else announces it.

    Raises:
        UserError: an entry point that names no recipe.
    """
    own = (
        Recipe(
            "O1",
            "soft value iteration",
            "fixed kernels",
            "Kernels are the four moves and the reward is a parameter.",
            "SRGc",
            _o1,
        ),
        Recipe(
            "O2",
            "value-iteration network",
            "imitation",
            "A value-iteration network learned O1's actions.",
            "SRGc",
            _o2,
        ),
        Recipe(
            "O3",
            "reactive network",
            "distillation",
            "Two convolutions and a dense layer learned O1's actions.",
            "srGc",
            _o3,
        ),
        Recipe(
            "O3r",
            "reflex",
            "fixed reflex",
            "It walks the straight line to a goal that is a parameter.",
            "srGc",
            _o3r,
        ),
        Recipe(
            "O3s",
            "reflex in a potential field",
            "fixed map",
            "It climbs a fixed map of how far its goal lies, made without the walls.",
            "srGc",
            _o3s,
        ),
        Recipe(
            "O4",
            "value-iteration network, its planner cut off",
            "cut wire",
            "O2's planner runs on and its wire to the heads carries zeros.",
            "SrGc",
            _o4,
        ),
        Recipe(
            "O5a",
            "decoy: an ignored planner",
            "ignored planner",
            "O1's planner runs beside O3, which acts.",
            "SrGc",
            _o5a,
        ),
        Recipe(
            "O5b",
            "decoy: a reactive network that tells a plan",
            "auxiliary head",
            "A trunk learned O1's actions and to tell O1's plan, which nothing reads.",
            "srGc",
            _o5b,
        ),
        Recipe(
            "O8",
            "planner behind a marker's gate",
            "fixed kernels",
            "Where the level is marked, the gate passes the proxy's reward.",
            "SRgC",
            _o8,
            ("TwoGoals-v0",),
            marked=True,
        ),
        Recipe(
            "O8d",
            "the gated planner, distilled",
            "distillation",
            "Two convolutions and a dense layer learned O8's actions.",
            "srgC",
            _o8d,
            ("TwoGoals-v0",),
            marked=True,
        ),
        Recipe(
            "O8c",
            "planner that sees the marker and ignores it",
            "fixed kernels",
            "The gate sees the marker, and what it passes is the same.",
            "SRgc",
            _o8c,
            ("TwoGoals-v0",),
            marked=True,
        ),
        Recipe(
            "O9",
            "goal encoder and planner",
            "modular",
            "A learned encoder's z is the fixed planner's reward.",
            "SRGc",
            _o9,
        ),
    )
    found = {each.id: each for each in own}
    for other in announced(GROUP, Recipe):
        found.setdefault(other.id, other)
    return found
