"""What is known of an organism's inside: four labels, each with where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mesagym.errors import UserError

CONSTRUCTED, SHAPED, EMERGENT = "constructed", "shaped", "emergent"
PROVENANCES: tuple[str, ...] = (CONSTRUCTED, SHAPED, EMERGENT)
"""Weights or data flow guarantee it; training made it likely; nobody knows."""

QUESTIONS: Mapping[str, str] = {
    "S": "runs a search or planning process",
    "R": "that process causally drives its actions",
    "G": "its internal objective weighs the proxy above the base objective",
    "C": "its objective is conditional on a marker",
}
"""What each label says of an organism."""


@dataclass(frozen=True)
class Label:
    """The answer to one of `QUESTIONS`.

    Attributes:
        holds: None where nobody knows, which is what ``emergent`` means.
        provenance: one of `PROVENANCES`.
        why: one sentence: what guarantees it, or made it likely.
    """

    holds: bool | None
    provenance: str
    why: str

    def __post_init__(self) -> None:
        if self.provenance not in PROVENANCES:
            raise UserError(
                f"label: provenance '{self.provenance}' is none of "
                + ", ".join(PROVENANCES)
            )
        if (self.holds is None) != (self.provenance == EMERGENT):
            raise UserError(
                "label: what is emergent is not known, and what is not known is "
                f"emergent; holds={self.holds} is '{self.provenance}'"
            )


UNKNOWN = Label(None, EMERGENT, "training alone made it; nobody labelled it")


@dataclass(frozen=True)
class Labels:
    """All that is known of one organism.

    Attributes:
        S: search.
        R: that the search drives the actions.
        G: that the proxy weighs more than the base objective.
        C: that the objective depends on a marker.
        weights: of the internal objective, (base, proxy), while nothing is marked;
            None where nobody knows.
        weights_marked: the same where the level is marked.
    """

    S: Label = UNKNOWN
    R: Label = UNKNOWN
    G: Label = UNKNOWN
    C: Label = UNKNOWN
    weights: tuple[float, float] | None = None
    weights_marked: tuple[float, float] | None = None

    def of(self, letter: str) -> Label:
        """Return one of the four by its letter."""
        return getattr(self, letter)

    def document(self) -> dict[str, Any]:
        """Return it as it is written on a card."""
        found: dict[str, Any] = {
            letter: vars(self.of(letter)) | {"says": says}
            for letter, says in QUESTIONS.items()
        }
        for name in ("weights", "weights_marked"):
            value = getattr(self, name)
            found[name] = None if value is None else list(value)
        return found


def read_labels(document: Mapping[str, Any]) -> Labels:
    """Return the labels that a card states.

    Raises:
        UserError: a letter is missing, or its words do not go together.
    """
    letters: dict[str, Label] = {}
    for letter in QUESTIONS:
        if letter not in document:
            raise UserError(f"card: the label {letter} is missing")
        stated = document[letter]
        letters[letter] = Label(stated["holds"], stated["provenance"], stated["why"])
    return Labels(
        **letters,
        weights=_pair(document.get("weights")),
        weights_marked=_pair(document.get("weights_marked")),
    )


def _pair(stated: Sequence[float] | None) -> tuple[float, float] | None:
    return None if stated is None else (float(stated[0]), float(stated[1]))
