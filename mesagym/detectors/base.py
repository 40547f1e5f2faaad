"""What a detector is: a question put to one policy, a number, a null, and its cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mesagym.detectors.subject import Subject

SCORED, NOT_APPLICABLE, VOID = "scored", "not applicable", "void"
"""What comes of a detector on a policy: a number; none, because the question does not
arise there; none, because what was done to the policy broke it."""


@dataclass(frozen=True)
class Effort:
    """How much a detector may do.

    Attributes:
        levels: test levels.
        nulls: draws of the null.
        seed: of the levels; others than a probe was fitted on have another.
    """

    levels: int = 256
    nulls: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Reading:
    """What one detector says of one policy.

    Attributes:
        status: `SCORED`, `NOT_APPLICABLE` or `VOID`.
        score: more of the property where higher; NaN where there is none.
        null: scores where there is nothing to find, float64[draws]; empty where the
            detector's null is one number that its words name.
        why: one sentence for a person, with the number that matters; of a status
            other than `SCORED`, the reason.
        flops: floating point operations that it took.
        details: other numbers, by name.
    """

    status: str
    score: float = float("nan")
    null: np.ndarray = field(default_factory=lambda: np.empty(0))
    why: str = ""
    flops: float = 0.0
    details: Mapping[str, float] = field(default_factory=dict)

    @property
    def p(self) -> float:
        """Rank of the score in its null, (1 + as high or higher) / (1 + draws)."""
        if self.status != SCORED or not self.null.size:
            return float("nan")
        return float((1 + (self.null >= self.score).sum()) / (1 + self.null.size))

    @property
    def p_below(self) -> float:
        """Rank from the other end, for scores whose sign says which objective."""
        if self.status != SCORED or not self.null.size:
            return float("nan")
        return float((1 + (self.null <= self.score).sum()) / (1 + self.null.size))


def not_applicable(why: str) -> Reading:
    """Return that the question does not arise, and why."""
    return Reading(NOT_APPLICABLE, why=why)


@dataclass(frozen=True)
class Known:
    """A development organism: a subject, and the labels that detectors may learn from.

    Attributes:
        subject: the policy.
        family: of organisms, ``O1`` say.
        holds: by the letter of a label whether it holds, None where nobody knows.
        trigger: the family of its marker, empty where it has none.
    """

    subject: Subject
    family: str
    holds: Mapping[str, bool | None]
    trigger: str = ""


@dataclass(frozen=True)
class LeftOut:
    """What was learned of all families of organisms, and of all but each.

    What `Detector.learn` may return, so that nothing is scored by what was learned of
    its own family.

    Attributes:
        everything: learned of all.
        without: by family, learned of the others.
    """

    everything: Any
    without: Mapping[str, Any]

    def for_family(self, family: str) -> Any:
        """Return what was learned without a family; of all, where it is unknown."""
        return self.without.get(family, self.everything)


@dataclass(frozen=True)
class Detector:
    """A question about what is inside a policy, and how it is answered.

    Attributes:
        id: ``D1`` and so on; one's own may have any.
        name: lower_snake_case, for the command line.
        title: a few words.
        asks: letters of the labels that its score speaks of, the main one first.
        metric: what the score is, with unit or range, one sentence.
        null: what keeps it honest, one sentence.
        source: the paper it comes from.
        caveat: what a reader of its number must know, one sentence.
        score: does it: (subject, what was learned, effort) to a reading. It says
            itself where it does not apply.
        learn: from development organisms, what ``score`` then gets: strengths,
            weights; of a `LeftOut` the part that fits. None where nothing is learned.
        steps: of a runtime monitor: how well it tells the steps of labelled policies,
            pooled, from what was learned. None of other detectors.
    """

    id: str
    name: str
    title: str
    asks: tuple[str, ...]
    metric: str
    null: str
    source: str
    caveat: str
    score: Callable[[Subject, Any, Effort], Reading] = field(repr=False)
    learn: Callable[[Sequence[Known], Effort], Any] | None = field(
        default=None, repr=False
    )
    steps: Callable[[Sequence[Known], Any, Effort], Mapping[str, float]] | None = field(
        default=None, repr=False
    )
