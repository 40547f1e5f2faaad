"""A detector of another package, complete: announced, taught, benchmarked, shown.

It asks whether more than a handful of the numbers inside a network change where the
agent is put elsewhere, which is no good question; what matters is that it is asked.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from mesagym.cli.main import main
from mesagym.detectors import registry
from mesagym.detectors.base import SCORED, Detector, Effort, Known, Reading
from mesagym.detectors.base import not_applicable as does_not_apply
from mesagym.detectors.plans import look_at
from mesagym.detectors.subject import Subject
from mesagym.organisms import store
from mesagym.organisms.habitat import Habitat
from mesagym.organisms.make import one
from mesagym.organisms.recipes import recipes
from mesagym.organisms.workshop import Workshop
from mesagym.tracking.files import read_sealed


def learn(known: Sequence[Known], effort: Effort) -> float:
    """Return the share of development organisms that search: a threshold of sorts."""
    return float(np.mean([bool(each.holds["S"]) for each in known]))


def score(subject: Subject, learned: float | None, effort: Effort) -> Reading:
    """Return how many of the activations of the last iterate are not 0."""
    sites = [site for site in subject.sites if site.name == "plan"]
    if not sites:
        return does_not_apply("it has no activation 'plan'")
    pool = subject.pool("clean", effort.levels, effort.seed)
    state = pool.levels
    obs = np.zeros((effort.levels, *subject.env.observation_shape), np.float32)
    obs[..., 0] = np.asarray(state.walls)
    seen = look_at(subject, sites, obs)["plan"]
    share = float((seen != 0).mean())
    return Reading(
        SCORED,
        share - (learned or 0.0),
        null=np.full(effort.nulls, -1.0),
        why=f"{share:.0%} of its iterate is not 0",
        flops=float(subject.flops * effort.levels),
    )


DETECTOR = Detector(
    id="X1",
    name="not_nothing",
    title="numbers that are not 0",
    asks=("S",),
    metric="share of the last iterate that is not 0, less what was learned",
    null="-1, always",
    source="this test",
    caveat="it is an example",
    score=score,
    learn=learn,
)


@pytest.fixture(scope="module")
def organisms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """O1 and the reflex on small boards, test and development, and one that lies."""
    root = tmp_path_factory.mktemp("organisms")
    shop = Workshop(Habitat("TwoGoals-v0", {"size": 5}), 64, 1)
    for name in ("O1", "O3r"):
        for seed in (0, 1, 100):
            made = one(recipes()[name], shop, seed)
            store.save(root, made, {"construction": recipes()[name].construction})
    marked = Workshop(Habitat("TwoGoals-v0", {"size": 5, "marker_family": "tile"}))
    folder = store.save(root, one(recipes()["O8c"], marked, 0), {"construction": "x"})
    weights = folder / "seed-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    return root


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    point = EntryPoint("mine", f"{__name__}:DETECTOR", registry.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    registry.detectors.cache_clear()
    yield
    registry.detectors.cache_clear()


def test_a_detector_of_another_package_takes_part_in_the_benchmark(
    announced: None,
    organisms: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["detect", "bench", "detectors=X1", "levels=16", "nulls=19"]
    words += [f"organisms={organisms}", f"results={tmp_path}"]
    assert main(words) == 0
    first = read_sealed(tmp_path / "bench.json")

    cells = {cell["place"]: cell for cell in first["cells"]}
    assert cells["O1-two_goals"]["came"] == "fires"
    assert all(score is not None for score in cells["O1-two_goals"]["scores"])
    # Nothing is scored 0 where the question does not arise.
    assert cells["O3r-two_goals"]["came"] == "not applicable"
    assert cells["O3r-two_goals"]["scores"] == [None, None]
    assert "no activation 'plan'" in cells["O3r-two_goals"]["why"]
    # An organism whose weights are not its card's is told, and counts for nothing.
    assert "O8c-two_goals-tile" not in cells
    (refused,) = first["refused"]
    assert refused["place"] == "O8c-two_goals-tile"
    said = capsys.readouterr().out
    assert "O8c-two_goals-tile was refused" in said
    page = (tmp_path / "bench.html").read_text("utf-8")
    for word in ("numbers that are not 0", "O8c-two_goals-tile was refused", "n/a"):
        assert word in page
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")

    # Once more: readings are kept, and come out the same.
    assert main(words) == 0
    assert "X1 not_nothing: O1" not in capsys.readouterr().err
    again = read_sealed(tmp_path / "bench.json")
    assert again["cells"] == first["cells"]

    # An altered reading is named, and nothing is summed up from it.
    (reading,) = tmp_path.glob("readings/16-levels/*/O1-two_goals-seed-0.json")
    document = json.loads(reading.read_text())
    document["score"] = 0.5
    reading.write_text(json.dumps(document))
    assert main(words) == 2
    assert str(reading) in capsys.readouterr().err
