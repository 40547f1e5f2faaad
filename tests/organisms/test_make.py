"""Making many: what is kept is not made again, and nothing is begun after a failure."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from mesagym.errors import UserError
from mesagym.organisms import store
from mesagym.organisms.make import Scale, chosen, make
from mesagym.organisms.recipes import Recipe, recipes
from mesagym.organisms.workshop import Workshop
from mesagym.tracking.files import atomic_write_json, sealed

SCALE = Scale("tiny", 5, (0, 1), (100,), 64, 1)
NAMES = [
    f"{organism}-{home}/seed-{seed}"
    for home in ("two_goals", "corner")
    for organism in ("O1", "O3s")
    for seed in SCALE.every_seed
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisms")
    made = make(folder, chosen(["O1", "O3s"]), SCALE, lambda _: None, "as a test")
    assert [each.name for each in made] == NAMES
    # What is constructed is proved whatever students learn.
    assert all(each.verified for each in made)
    return folder


def test_what_is_kept_is_not_made_again_and_what_is_lost_is(root: Path) -> None:
    path = root / "O3s-corner" / store.CARD
    card = json.loads(path.read_text("utf-8"))
    del card["seeds"]["1"], card["sha256"]
    atomic_write_json(path, sealed(card))
    said: list[str] = []
    again = make(root, chosen(["O1", "O3s"]), SCALE, said.append, "as a test")
    assert [each.name for each in again] == NAMES
    assert said == ["O3s-corner, seed 1 (1 of 1)"]


def test_what_was_made_otherwise_is_refused_before_anything_is_made(
    root: Path,
) -> None:
    said: list[str] = []
    other = dataclasses.replace(SCALE, updates=2)
    with pytest.raises(UserError, match="made otherwise \\(updates\\)"):
        make(root, chosen(["O3r", "O3s"]), other, said.append, "as a test")
    assert said == []


def test_after_a_failure_no_seed_is_begun_and_what_was_made_is_kept(
    tmp_path: Path,
) -> None:
    usual = recipes()["O3s"]

    def fails(shop: Workshop, seed: int) -> Any:
        if shop.habitat.env_name == "TwoGoals-v0" and seed == 1:
            raise UserError("no room left")
        return usual.make(shop, seed)

    failing: Recipe = dataclasses.replace(usual, make=fails)
    said: list[str] = []
    many = dataclasses.replace(SCALE, seeds=tuple(range(200)))
    with pytest.raises(UserError, match="no room left"):
        make(tmp_path, [failing], many, said.append, "as a test")
    assert store.seeds_in(tmp_path / "O3s-two_goals") == [0]
    assert len(store.seeds_in(tmp_path / "O3s-corner")) < 200
