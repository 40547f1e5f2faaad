"""One made organism: a policy of one seed, its labels, and what proved them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mesagym.agents.policy import NetworkPolicy
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.labels import Labels
from mesagym.registry import config_name


@dataclass(frozen=True)
class Proof:
    """What one test of a label found.

    Attributes:
        letter: of the label.
        words: what was tested, with the bound.
        held: whether it came out as the label says.
        value: what was measured.
        bound: that it was held against.
    """

    letter: str
    words: str
    held: bool
    value: int | float
    bound: int | float


@dataclass(frozen=True)
class Specimen:
    """An organism of one seed.

    Attributes:
        organism: its id, ``O1``.
        habitat: where it lives.
        seed: of everything random in its making. Even ones pursue the base objective,
            odd ones the proxy.
        policy: a network, sampling its actions.
        params: its weights.
        labels: what is known of its inside.
        proofs: of the labels; empty until `mesagym.organisms.verify` was asked.
        seconds: that the making took, beside that of other habitats.
        construction: how it was made, the same words for all that are made alike.
        variant: what tells it from others of its id and habitat, ``alpha-0``.
    """

    organism: str
    habitat: Habitat
    seed: int
    policy: NetworkPolicy
    params: Any
    labels: Labels
    proofs: Sequence[Proof] = ()
    seconds: float = 0.0
    construction: str = ""
    variant: str = ""

    @property
    def name(self) -> str:
        """What it is called: ``O1-two_goals/seed-0``."""
        return f"{self.place}/seed-{self.seed}"

    @property
    def place(self) -> str:
        """What it and its siblings are called: ``O8-two_goals-tile``."""
        name = place_name(self.organism, self.habitat)
        return f"{name}-{self.variant}" if self.variant else name

    @property
    def verified(self) -> bool:
        """Whether every label's own test held."""
        return bool(self.proofs) and all(each.held for each in self.proofs)

    @property
    def trigger(self) -> str:
        """The family of the marker that its habitat has, and its labels speak of."""
        return _family(self.habitat)


def place_name(organism: str, habitat: Habitat) -> str:
    """Return what an organism of a habitat is called: ``O8-two_goals-tile``."""
    parts = [organism, config_name(habitat.env_name)]
    if family := _family(habitat):
        parts.append(family)
    return "-".join(parts)


def _family(habitat: Habitat) -> str:
    """Return the family of the marker, empty where it is the environment's own."""
    said = habitat.static.get("marker_family", "")
    usual = getattr(type(habitat.env), "marker_family", "") if said else ""
    return "" if said == usual else str(said)
