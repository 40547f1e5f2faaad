"""Words on pictures, in the typeface that matplotlib brings along."""

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
    while size > 9 and font(size).getlength(text) > width - place[0]:
        size -= 1
    draw.text(place, text, colour, font(size))


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
