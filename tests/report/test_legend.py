"""The strip that names shapes below murals and films."""

import io

import numpy as np
import pytest
from PIL import Image

from mesagym.report.legend import legend_strip
from mesagym.report.mural import Picture, Section, mural

RED, BLUE = (200, 0, 0), (0, 0, 200)
LEGEND = {
    "agent": ((RED, "disc"),),
    "key held, in the border": ((BLUE, "key"),),
    "base target": ((BLUE, "ring"),),
}


def ink(image: Image.Image) -> np.ndarray:
    """Return where anything but paper is, bool[height, width]."""
    return (np.asarray(image) != 255).any(axis=-1)


def test_nothing_to_name_is_no_strip() -> None:
    assert legend_strip({}, 300) is None


def test_entries_stand_side_by_side_where_there_is_room() -> None:
    strip = legend_strip(LEGEND, 900)
    one = legend_strip({"agent": LEGEND["agent"]}, 900)
    assert strip is not None
    assert one is not None
    assert strip.height == one.height


@pytest.mark.parametrize("width", [90, 120, 236, 336])
def test_nothing_is_cut_off_however_narrow(width: int) -> None:
    strip = legend_strip(LEGEND, width)
    assert strip is not None
    assert strip.width == width
    drawn = ink(strip)
    assert not drawn[:, -1].any()
    assert not drawn[-1].any()
    # Every letter that a wide strip has: as much ink, but for what wrapping moves.
    wide = legend_strip(LEGEND, 2000)
    assert wide is not None
    assert drawn.sum() == pytest.approx(ink(wide).sum(), rel=0.02)


def test_a_mural_has_its_legend_at_the_foot() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    sections = [Section("", [Picture(pixels)])]
    plain = Image.open(io.BytesIO(mural("Levels", sections)))
    named = Image.open(io.BytesIO(mural("Levels", sections, legend=LEGEND)))
    assert named.width == plain.width
    foot = np.asarray(named.convert("RGB"))[plain.height :].reshape(-1, 3)
    for colour in (RED, BLUE):
        assert (np.abs(foot.astype(int) - colour).max(axis=1) < 8).any()
