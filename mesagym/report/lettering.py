"""Words on pictures, in the typeface that matplotlib brings along."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import matplotlib
from PIL import ImageDraw, ImageFont


@lru_cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(path, size)


def write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    colour: str,
    width: int,
    size: int,
) -> None:
    """Write a line, smaller where it would not fit.

    Args:
        draw: on what.
        place: of its upper left corner, in pixels.
        text: the line.
        colour: of the letters.
        width: the picture's, in pixels.
        size: of the letters, in pixels.
    """
    size = fitting([text], width - place[0], size)
    draw.text(place, text, colour, font(size))


def fitting(lines: Iterable[str], width: int, size: int) -> int:
    """Return the size of letters, 9 at least, in which lines fit into a width.

    Args:
        lines: written one below the other.
        width: in pixels.
        size: from which they are made smaller.
    """
    lines = list(lines)
    while size > 9 and any(font(size).getlength(line) > width for line in lines):
        size -= 1
    return size


def wrap(text: str, letters: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Return a text as lines that are no wider than so many pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and letters.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
