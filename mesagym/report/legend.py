"""Legends: what the shapes on murals and films are."""

from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw

from mesagym.report import style
from mesagym.report.lettering import font, wrap
from mesagym.sprites import Glyph, draw_glyph

_TILE = 16
_TYPE = 12
_LINE = 22
_GAP = 5  # between a glyph and its name
_APART = 14  # between two entries


def legend_strip(legend: Mapping[str, Glyph], width: int) -> Image.Image | None:
    """Return glyphs with their names, in as many lines as they need.

    Args:
        legend: from a name to how it is drawn.
        width: in pixels. A name that is wider by itself is broken.

    Returns:
        A picture so wide, or None where there is nothing to name.
    """
    if not legend:
        return None
    letters = font(_TYPE)
    placed: list[tuple[int, int, Glyph, list[str]]] = []
    left = top = 0
    tall = 1
    for name, glyph in legend.items():
        lines = wrap(name, letters, width - _TILE - 2 - _GAP)
        needed = _TILE + 2 + _GAP + round(max(map(letters.getlength, lines)))
        if left and left + needed > width:
            left, top, tall = 0, top + tall * _LINE, 1
        placed.append((left, top, glyph, lines))
        tall = max(tall, len(lines))
        left += needed + _APART
    image = Image.new("RGB", (width, top + tall * _LINE), style.PAPER)
    draw = ImageDraw.Draw(image)
    for left, top, glyph, lines in placed:
        picture = Image.fromarray(np.asarray(draw_glyph(glyph, _TILE)))
        # A thin frame, so that what has the floor's colour is seen on the paper.
        draw.rectangle((left, top, left + _TILE + 1, top + _TILE + 1), style.FAINT)
        image.paste(picture, (left + 1, top + 1))
        for k, line in enumerate(lines):
            place = (left + _TILE + 2 + _GAP, top + 2 + k * _LINE)
            draw.text(place, line, style.INK, letters)
    return image
