"""R11: a life lived again is the same one, and what is read in it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mesagym.cli.compose import composer
from mesagym.cli.train import carry_through
from mesagym.reproductions.folder import reproduction
from mesagym.reproductions.judging import CONFIRMED, REFUTED, UNTESTABLE
from mesagym.reproductions.measuring import Run
from mesagym.tracking import RunDirectory

CLAIM = reproduction("tree_grove")
PROTOCOL = CLAIM.protocol


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    where: Path = tmp_path_factory.mktemp("grove") / "run"
    overrides = [
        *CLAIM.claim.scale("smoke").conditions["one-life"],
        "train.steps=2048",
        "train.chunk=2",
        "seeds=[590,591]",
        "evaluation.levels=1",
        f"run={where}",
    ]
    with composer("train") as composed_by:
        assert carry_through(composed_by.settled(composed_by.compose(overrides))) == 0
    return Run("one-life", RunDirectory.read(where))


@pytest.mark.slow
def test_a_run_is_lived_again_to_the_bit(run: Run) -> None:
    # That it ends in the same weights is checked inside.
    life = PROTOCOL.live(run)
    assert life.steps[-1] == 2048
    assert life.trees.shape == life.wood.shape == (4, 2)
    assert life.weighed.tolist() == [0]  # every 8 chunks of 4
    assert life.affinity.shape == (1, 2)
    assert ((life.trees >= 0) & (life.trees <= 10)).all()
    assert 0 < life.wood.mean() < 1


def life(affinity: list[float], trees: list[float]) -> Any:
    steps = np.arange(1, len(trees) + 1) * 100.0
    column = np.array(trees)[:, None]
    known = np.array(affinity)[:, None]
    return PROTOCOL.Life(steps, column, 0.1 * column, steps, known)


def test_a_life_is_read_from_its_start_to_its_end() -> None:
    found = PROTOCOL.phases(
        life([0.1, 0.5, 0.9, 0.7, 0.9], trees=[9.0, 8.0, 3.0, 0.0, 6.0])
    )
    assert found["near"] == [300]
    assert found["bare"] == [400]
    assert found["end"] == [6.0]
    assert found["wood"] == [pytest.approx(0.6)]


def test_what_never_happens_is_said_so() -> None:
    found = PROTOCOL.phases(life([0.1, 0.5], trees=[9.0, 8.0]))
    assert found["near"] == found["bare"] == [-1]


def test_curves_have_a_point_a_stretch_of_life() -> None:
    found = PROTOCOL.curves(life([0.5] * 300, trees=[4.0, 6.0] * 150))
    assert len(found["trees"]["steps"]) == PROTOCOL.POINTS
    assert found["trees"]["steps"][-1] == 30_000
    assert np.shape(found["trees"]["seeds"]) == (1, PROTOCOL.POINTS)
    assert np.mean(found["trees"]["seeds"]) == pytest.approx(5.0)


def figures(stripped: int, standing: int, near: int = 100) -> dict[str, Any]:
    """Return ten lives, so many of which were bare, and stand in the end."""
    told = {
        "near": [near] * 10,
        "bare": [300 if k < stripped else -1 for k in range(10)],
        "end": [7.0 if k < standing else 0.4 for k in range(10)],
    }
    return {"one-life": {"seeds": list(range(10)), "stopped": 0, "life": told}}


@pytest.mark.parametrize(
    ("stripped", "standing", "outcome"),
    [(10, 10, CONFIRMED), (0, 10, REFUTED), (10, 0, REFUTED), (5, 10, UNTESTABLE)],
)
def test_the_judgement_follows_the_lives(
    stripped: int, standing: int, outcome: str
) -> None:
    assert PROTOCOL.judge(figures(stripped, standing)).outcome == outcome


def test_a_grove_bare_before_anybody_chopped_well_does_not_count() -> None:
    assert PROTOCOL.judge(figures(10, 10, near=400)).outcome == REFUTED


def test_lives_that_never_chop_well_prove_nothing() -> None:
    assert PROTOCOL.judge(figures(10, 10, near=-1)).outcome == UNTESTABLE
