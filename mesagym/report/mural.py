"""Murals: many levels on one picture, in rows with headings, as PNG."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from mesagym.report import style
from mesagym.report.legend import legend_strip
from mesagym.report.lettering import font, wrap, write
from mesagym.sprites import Glyph

_PAD = 12
_TYPE = 12
_LINE = 16
_HEADING = 15


@dataclass(frozen=True)
class Picture:
    """A level on a mural."""

    pixels: np.ndarray  # uint8[rows, columns, 3]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """Levels that belong together."""

    heading: str
    pictures: Sequence[Picture]


def mural(
    title: str,
    sections: Sequence[Section],
    *,
    columns: int = 6,
    legend: Mapping[str, Glyph] | None = None,
) -> bytes:
    """Return levels in rows, each section under its heading, as PNG.

    Args:
        title: above all of them.
        sections: one picture at least in all; all of one size. A section without a
            picture says so.
        columns: pictures side by side.
        legend: what is drawn how, named at the foot.

    Raises:
        ValueError: no picture, or pictures of different sizes.
    """
    every = [each for section in sections for each in section.pictures]
    if not every or len({each.pixels.shape for each in every}) != 1:
        raise ValueError("a mural needs at least one picture, and pictures of one size")
    height, width = every[0].pixels.shape[:2]
    cell = (width, height + (_LINE if any(each.caption for each in every) else 0))
    columns = min(columns, max(len(section.pictures) for section in sections))
    total = max(columns * (cell[0] + _PAD) + _PAD, 360)
    lines = wrap(title, font(_HEADING, bold=True), total - 2 * _PAD)
    top = _PAD + 20 * len(lines)
    foot = _height(sections, columns, cell, top)
    strip = legend_strip(legend or {}, total - 2 * _PAD)
    below = strip.height + _PAD // 2 if strip else 0
    image = Image.new("RGB", (total, foot + below), style.PAPER)
    if strip:
        image.paste(strip, (_PAD, foot))
    draw = ImageDraw.Draw(image)
    for k, line in enumerate(lines):
        place = (_PAD, _PAD - 4 + 20 * k)
        draw.text(place, line, style.INK, font(_HEADING, bold=True))
    for section in sections:
        if section.heading:
            place = (_PAD, top)
            write(draw, place, section.heading, style.INK, total, _TYPE + 1)
            top += _LINE + 6
        if not section.pictures:
            write(draw, (_PAD, top), "none was found", style.MUTED, total, _TYPE)
            top += _LINE
        for k, each in enumerate(section.pictures):
            row, column = divmod(k, columns)
            left, upper = _PAD + column * (cell[0] + _PAD), top + row * (cell[1] + _PAD)
            image.paste(Image.fromarray(each.pixels), (left, upper))
            caption = _fitting(each.caption, cell[0] + _PAD - 4)
            place = (left, upper + height + 1)
            draw.text(place, caption, style.MUTED, font(_TYPE - 2))
        top += _rows(section, columns) * (cell[1] + _PAD)
    file = io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def _fitting(text: str, width: int) -> str:
    """Return a text, cut where it would be wider than so many pixels."""
    letters = font(_TYPE - 2)
    while text and letters.getlength(text) > width:
        text = text.rstrip("…")[:-1].rstrip(" ,") + "…"
        if len(text) < 3:
            break
    return text


def _rows(section: Section, columns: int) -> int:
    return -(-len(section.pictures) // columns)


def _height(
    sections: Sequence[Section], columns: int, cell: tuple[int, int], top: int
) -> int:
    for section in sections:
        top += (_LINE + 6) * bool(section.heading)
        top += _LINE * (not section.pictures)
        top += _rows(section, columns) * (cell[1] + _PAD)
    return top + _PAD // 2
