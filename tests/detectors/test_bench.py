"""The benchmark's readings: in order whatever is begun first, and each lesson once."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mesagym.detectors.base import SCORED, Detector, Effort, Known, Reading
from mesagym.detectors.bench import Lessons, run
from mesagym.detectors.subject import Subject
from mesagym.errors import UserError
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.make import one
from mesagym.organisms.recipes import recipes
from mesagym.organisms.specimen import Specimen
from mesagym.organisms.workshop import Workshop

EFFORT = Effort(16, 19, 0)


@pytest.fixture(scope="module")
def specimens() -> list[Specimen]:
    shops = [
        Workshop(Habitat(name, {"size": 5}), 64, 1)
        for name in ("TwoGoals-v0", "Corner-v0")
    ]
    return [
        one(recipes()[name], shop, seed)
        for name in ("O3r", "O3s")
        for shop in shops
        for seed in (0, 1, 100)
    ]


def made(name: str, learn: Any = None, fails_on: str = "") -> Detector:
    def score(subject: Subject, learned: Any, effort: Effort) -> Reading:
        if subject.name == fails_on:
            raise UserError("no room left")
        told = 0.0 if learned is None else float(learned)
        return Reading(SCORED, told, null=np.zeros(effort.nulls), why=subject.name)

    words = dict.fromkeys(("metric", "null", "source", "caveat"), "of a test")
    return Detector(name, name, name, ("R",), **words, score=score, learn=learn)


def test_readings_come_in_the_order_of_the_work_and_a_lesson_is_taken_once(
    specimens: list[Specimen], tmp_path: Path
) -> None:
    taught: list[set[str]] = []

    def learn(known: Sequence[Known], effort: Effort) -> int:
        taught.append({each.family for each in known})
        return len(known)

    said: list[str] = []
    lessons = Lessons(specimens, EFFORT, said.append)
    work = [(made("reads"), specimens), (made("learns", learn), specimens)]
    found = run(work, EFFORT, tmp_path, said.append, lessons)
    assert [(each.detector.name, each.specimen.name) for each in found] == [
        (detector.name, each.name) for detector, there in work for each in there
    ]
    assert [each.reading.why for each in found[:12]] == [s.name for s in specimens]
    # Once for each environment, and never from what detectors are only tried on.
    assert taught == [{"O3r"}, {"O3r"}]


def test_what_fails_is_raised_and_what_was_read_is_kept(
    specimens: list[Specimen], tmp_path: Path
) -> None:
    lessons = Lessons(specimens, EFFORT, lambda _: None)
    many = [
        dataclasses.replace(each, seed=seed)
        for each in specimens[3:]
        for seed in range(1000, 1100)
    ]
    work = [(made("reads", fails_on=specimens[1].name), [*specimens[:3], *many])]
    with pytest.raises(UserError, match="no room left"):
        run(work, EFFORT, tmp_path, lambda _: None, lessons)
    kept = {path.stem for path in tmp_path.glob("reads/*.json")}
    assert specimens[0].name.replace("/", "-") in kept
    # Of hundreds that wait none is begun any more.
    assert len(kept) < len(many) / 2
