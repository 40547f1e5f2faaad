"""The benchmark: every detector on every organism, kept reading by reading."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mesagym.detectors.base import Detector, Effort, Known, Reading
from mesagym.detectors.scoring import Row
from mesagym.detectors.subject import Subject
from mesagym.errors import UserError
from mesagym.organisms.labels import QUESTIONS
from mesagym.organisms.make import FIRST_OF_DEVELOPMENT
from mesagym.organisms.specimen import Specimen
from mesagym.tracking.files import (
    atomic_write_json,
    make_folders,
    read_sealed,
    sealed,
)

FORMAT = "mesagym-detection/1"


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
            specimen.seed >= FIRST_OF_DEVELOPMENT,
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


def run(
    specimens: Sequence[Specimen],
    detectors: Sequence[Detector],
    effort: Effort,
    kept: Path,
    say: Callable[[str], None],
) -> list[Scored]:
    """Put every detector on every specimen; what is kept already is not done again.

    Detectors learn from development's specimens whose labels are verified, of the
    habitat that they then look into: strengths and weights are of one board.

    Args:
        specimens: development's among them.
        detectors: which.
        effort: how much they may do.
        kept: folder of the readings, one file each.
        say: told what is being done.

    Raises:
        UserError: a kept reading was made with another effort.
    """
    found = []
    lessons = [
        each
        for each in specimens
        if each.seed >= FIRST_OF_DEVELOPMENT and each.verified
    ]
    for detector in detectors:
        learned: dict[str, Any] = {}
        for specimen in specimens:
            path = kept / detector.name / f"{specimen.name.replace('/', '-')}.json"
            if path.is_file():
                found.append(Scored(specimen, detector, _read(path, effort)))
                continue
            board = specimen.habitat.env_name
            if board not in learned:
                learned[board] = _learn(detector, lessons, board, effort, say)
            say(f"{detector.id} {detector.name}: {specimen.name}")
            reading = detector.score(subject_of(specimen), learned[board], effort)
            make_folders(path.parent)
            document = {
                "format": FORMAT,
                "effort": vars(effort),
                **reading_document(reading),
            }
            atomic_write_json(path, sealed(document))
            found.append(Scored(specimen, detector, reading))
    return found


def _learn(
    detector: Detector,
    lessons: Sequence[Specimen],
    board: str,
    effort: Effort,
    say: Callable[[str], None],
) -> Any:
    if detector.learn is None:
        return None
    say(f"{detector.id} {detector.name}: learns from development's organisms, {board}")
    there = [each for each in lessons if each.habitat.env_name == board]
    return detector.learn([known_of(each) for each in there], effort)


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


def _read(path: Path, effort: Effort) -> Reading:
    document = read_sealed(path)
    if document.get("format") != FORMAT or document["effort"] != vars(effort):
        raise UserError(
            f"'{path}' was made with another effort or version; give another folder"
        )
    return Reading(
        document["status"],
        _number(document["score"]),
        np.array(document["null"], np.float64),
        document["why"],
        document["flops"],
        {name: _number(each) for name, each in document["details"].items()},
    )
