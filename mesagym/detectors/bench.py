"""The benchmark: every detector on every organism, kept reading by reading."""

import itertools
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mesagym.detectors.base import Detector, Effort, Known, LeftOut, Reading
from mesagym.detectors.expected import WITHOUT_SEARCH
from mesagym.detectors.scoring import Row
from mesagym.detectors.subject import Subject
from mesagym.errors import UserError
from mesagym.organisms.labels import CONSTRUCTED, EMERGENT, QUESTIONS
from mesagym.organisms.make import FIRST_OF_DEVELOPMENT
from mesagym.organisms.specimen import Specimen
from mesagym.organisms.together import together
from mesagym.tracking.arrays import arrays_to_bytes
from mesagym.tracking.files import (
    atomic_write_json,
    make_folders,
    read_sealed,
    sealed,
    sha256,
)
from mesagym.training.state_io import to_arrays

FORMAT = "mesagym-detection/2"


@dataclass(frozen=True)
class Scored:
    """A specimen and what a detector said of it."""

    specimen: Specimen
    detector: Detector
    reading: Reading

    def row(self) -> Row:
        """Return it as one row of the benchmark's table."""
        specimen, labels = self.specimen, self.specimen.labels
        return Row(
            self.detector.name,
            specimen.organism,
            specimen.construction,
            habitat_name(specimen),
            specimen.seed,
            # Of agents that nobody labelled nothing was learned, whatever their seeds.
            specimen.seed >= FIRST_OF_DEVELOPMENT and labels.S.provenance != EMERGENT,
            self.reading.status,
            self.reading.score,
            self.reading.p,
            {letter: labels.of(letter).holds for letter in QUESTIONS},
            {letter: labels.of(letter).provenance for letter in QUESTIONS},
            self.reading.flops,
        )


def habitat_name(specimen: Specimen) -> str:
    """Return where a specimen lives: ``two_goals-tile``."""
    return specimen.place.removeprefix(f"{specimen.organism}-")


def subject_of(specimen: Specimen) -> Subject:
    """Return a specimen as detectors see it: without its labels."""
    habitat = specimen.habitat
    return Subject(
        specimen.name,
        habitat.env,
        habitat.env_params,
        specimen.policy,
        specimen.params,
        specimen.seed,
    )


def known_of(specimen: Specimen) -> Known:
    """Return a development specimen with the labels that detectors may learn from."""
    labels = specimen.labels
    return Known(
        subject_of(specimen),
        specimen.organism,
        {letter: labels.of(letter).holds for letter in QUESTIONS},
        specimen.trigger,
    )


def headline(specimens: Sequence[Specimen], detector: Detector) -> list[Specimen]:
    """Return those that a detector's headline area is over.

    Development's apart, proved, and the label that it asks for first constructed.
    """
    return [
        each
        for each in specimens
        if each.seed < FIRST_OF_DEVELOPMENT
        and each.verified
        and each.labels.of(detector.asks[0]).provenance == CONSTRUCTED
    ]


class Lessons:
    """What detectors learn from development's specimens, each asked once.

    Only verified ones teach, and those of the environment that is then looked into:
    strengths and weights are of one board. Of an environment without any, all do. The
    one whose map drives it without a search teaches nothing: detectors are tried on it
    as they are, not taught to pass it by.

    Attributes:
        specimens: development's.
        effort: how much detectors may do.
        say: told what is being learned.
    """

    def __init__(
        self,
        specimens: Sequence[Specimen],
        effort: Effort,
        say: Callable[[str], None],
    ) -> None:
        self.specimens = [
            each
            for each in specimens
            if each.seed >= FIRST_OF_DEVELOPMENT
            and each.verified
            and each.organism != WITHOUT_SEARCH
        ]
        self.effort, self.say = effort, say
        self._learned: dict[tuple[str, str], Any] = {}
        self._learning: dict[tuple[str, str], threading.Lock] = {}
        names = sorted(weights_hash(each) for each in self.specimens)
        self._hash = sha256(" ".join(names).encode())

    def of(self, detector: Detector, env_name: str, family: str = "") -> Any:
        """Return what a detector learned for an environment, None if nothing.

        Args:
            detector: which.
            env_name: registered.
            family: of organisms, that is then looked into: it is left out of what was
                learned, where the detector can tell.
        """
        learned = self._of_all(detector, env_name)
        return learned.for_family(family) if isinstance(learned, LeftOut) else learned

    def hash_for(self, detector: Detector) -> str:
        """Return what tells these lessons from others; empty where none are taken."""
        if detector.learn is None:
            return ""
        return self._hash

    def _of_all(self, detector: Detector, env_name: str) -> Any:
        there = [x for x in self.specimens if x.habitat.env_name == env_name]
        there = there or self.specimens
        if detector.learn is None or not there:
            return None
        key = (detector.name, env_name)
        # What is not learned for the same waits for nothing.
        with self._learning.setdefault(key, threading.Lock()):
            if key not in self._learned:
                self.say(
                    f"{detector.id} {detector.name}: learns from {len(there)} "
                    "development organisms"
                )
                known = [known_of(each) for each in there]
                self._learned[key] = detector.learn(known, self.effort)
            return self._learned[key]


def run(
    work: Sequence[tuple[Detector, Sequence[Specimen]]],
    effort: Effort,
    kept: Path,
    say: Callable[[str], None],
    lessons: Lessons,
) -> list[Scored]:
    """Put detectors on specimens; what is kept already is not done again.

    Args:
        work: each detector, and the specimens that it is put on, development's among
            them.
        effort: how much they may do.
        kept: folder of the readings, one file each.
        say: told what is being done.
        lessons: of development.

    Returns:
        what was said, in the order of ``work``.

    Raises:
        UserError: a kept reading was made with another effort. One of other weights, or
            of what other organisms taught, is made anew.
    """
    total = sum(len(specimens) for _, specimens in work)
    counted = itertools.count(1)

    def put(detector: Detector, specimen: Specimen) -> Scored:
        number = next(counted)
        path = kept / detector.name / f"{specimen.name.replace('/', '-')}.json"
        of = {"weights": weights_hash(specimen), "lessons": lessons.hash_for(detector)}
        if path.is_file() and (there := _read(path, effort, of)) is not None:
            return Scored(specimen, detector, there)
        learned = lessons.of(detector, specimen.habitat.env_name, specimen.organism)
        say(f"{detector.id} {detector.name}: {specimen.name} ({number} of {total})")
        reading = detector.score(subject_of(specimen), learned, effort)
        make_folders(path.parent)
        document = {
            "format": FORMAT,
            "effort": vars(effort),
            "of": of,
            **reading_document(reading),
        }
        atomic_write_json(path, sealed(document))
        return Scored(specimen, detector, reading)

    # Most of the time goes into compiling, one core a program: several at once. What
    # shares its programs stays together, so that none is compiled twice.
    jobs: list[tuple[Detector, list[Specimen]]] = []
    for detector, specimens in work:
        places: dict[str, list[Specimen]] = {}
        for specimen in specimens:
            places.setdefault(specimen.place, []).append(specimen)
        jobs += [(detector, there) for there in places.values()]

    def all_of(index: int, stopped: threading.Event) -> list[Scored]:
        detector, there = jobs[index]
        return [put(detector, each) for each in there if not stopped.is_set()]

    order = _learners_first(jobs)
    found = together([partial(all_of, index) for index in order], say)
    by_job = dict(zip(order, found, strict=True))
    return [scored for index in range(len(jobs)) for scored in by_job[index]]


def _learners_first(jobs: Sequence[tuple[Detector, list[Specimen]]]) -> list[int]:
    """Return the indices of jobs, first one of each that makes a detector learn.

    The others of detectors that learn come last, so that few wait for the lesson.
    """
    first: dict[tuple[str, str], int] = {}
    for index, (detector, there) in enumerate(jobs):
        if detector.learn is not None:
            first.setdefault((detector.name, there[0].habitat.env_name), index)
    teaching = set(first.values())
    return sorted(
        range(len(jobs)),
        key=lambda k: (k not in teaching, jobs[k][0].learn is not None, k),
    )


def reading_document(reading: Reading) -> dict[str, Any]:
    """Return a reading as it is written down; numbers that are none are null."""
    return {
        "status": reading.status,
        "score": _finite(reading.score),
        "null": [float(each) for each in reading.null],
        "why": reading.why,
        "flops": reading.flops,
        "details": {name: _finite(each) for name, each in reading.details.items()},
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def weights_hash(specimen: Specimen) -> str:
    """Return the SHA-256 of a specimen's weights."""
    return sha256(arrays_to_bytes(to_arrays(specimen.params)))


def _read(path: Path, effort: Effort, of: Mapping[str, str]) -> Reading | None:
    """Return a kept reading; None if it is of other weights or was taught by others."""
    document = read_sealed(path)
    if document.get("format") != FORMAT or document["effort"] != vars(effort):
        raise UserError(
            f"'{path}' was made with another effort or version; give another folder"
        )
    if document["of"] != of:
        return None
    return Reading(
        document["status"],
        _number(document["score"]),
        np.array(document["null"], np.float64),
        document["why"],
        document["flops"],
        {name: _number(each) for name, each in document["details"].items()},
    )
