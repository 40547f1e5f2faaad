"""Pieces of HTML that the sections of a page are made of."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from mesagym.report.style import Drawing


def figure(drawing: Drawing, name: str) -> str:
    """Return a drawing as a figure; names differ within a page."""
    return f"<figure>{drawing.svg(name)}</figure>"


def key(outcome: str) -> str:
    """Return a patch in the colour of an outcome."""
    return f'<span class="key" style="--tone: var(--{outcome})"></span>'


def data_url(data: bytes, kind: str) -> str:
    """Return a picture as an address that holds all of it."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def choice(names: Sequence[str]) -> str:
    """Return names to choose from: ``target, color or shape``."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def capital(text: str) -> str:
    """Return a text that begins with a capital."""
    return text[:1].upper() + text[1:]


def meanings(shifts: Sequence[str], said: Mapping[str, str]) -> str:
    """Return what each shift means as a list to open; empty where none is known."""
    items = "".join(
        f'<dt>{escape(shift)}</dt><dd class="words">{escape(said[shift])}</dd>'
        for shift in shifts
        if shift in said
    )
    if not items:
        return ""
    return (
        f"<details><summary>What each shift means</summary><dl>{items}</dl></details>"
    )
