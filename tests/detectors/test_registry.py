from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from mesagym.detectors import registry
from mesagym.detectors.base import Detector, not_applicable
from mesagym.errors import UserError

OUTSIDE = Detector(
    id="X1",
    name="mine",
    title="of another package",
    asks=("S",),
    metric="m",
    null="n",
    source="s",
    caveat="c",
    score=lambda subject, learned, effort: not_applicable("an example"),
)


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    point = EntryPoint("mine", f"{__name__}:OUTSIDE", registry.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    registry.detectors.cache_clear()
    yield
    registry.detectors.cache_clear()


def test_every_detector_has_a_number_and_says_what_it_asks() -> None:
    there = registry.detectors()
    assert [each.id for each in there.values()][:7] == [
        "D1",
        "D2",
        "D3",
        "D4",
        "D5",
        "D6",
        "D9",
    ]
    assert all(set(each.asks) <= set("SRGC") for each in there.values())


def test_a_detector_of_another_package_is_found(announced: None) -> None:
    assert registry.chosen(["X1"]) == [OUTSIDE]
    assert registry.chosen(["mine"]) == [OUTSIDE]


def test_an_unknown_detector_names_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'D5'"):
        registry.chosen(["D55"])
