"""Levels as text: a legend in, rows of letters out, errors with line and column."""

import re
from collections.abc import Collection, Mapping

import numpy as np

from mesagym.errors import UserError, nearest


class Drawing:
    """A level's letters, which remember the line and column they were read at.

    Attributes:
        letters: ``str[height, width]``, one letter each.
        settings: whole numbers that stood above the drawing, ``budget: 3``.
    """

    def __init__(
        self,
        letters: np.ndarray,
        lines: list[int],
        indent: int,
        settings: dict[str, int],
    ):
        self.letters = letters
        self.settings = settings
        self._lines = lines
        self._indent = indent

    def place(self, row: int, column: int) -> str:
        """Return ``"line 3, column 5"`` of a tile as the person wrote it."""
        return f"line {self._lines[row]}, column {column + self._indent + 1}"

    def all(self, letters: str) -> list[tuple[int, int]]:
        """Return ``(row, column)`` of every tile with one of the letters, in order."""
        places = np.argwhere(np.isin(self.letters, list(letters))).tolist()
        return [(row, column) for row, column in places]

    def must_be(self, size: tuple[int, int]) -> None:
        """Raise a UserError where the drawing is not of the environment's size."""
        height, width = self.letters.shape
        if (height, width) != size:
            raise UserError(
                f"level: the text is {height}x{width} and env.size is "
                f"{size[0]}x{size[1]}; make them equal"
            )

    def only(self, letters: str, what: str) -> tuple[int, int]:
        """Return ``(row, column)`` of what must stand exactly once.

        Args:
            letters: the letters that stand for it.
            what: its name, for the error.

        Raises:
            UserError: it is missing, or stands twice (the second place is named).
        """
        places = np.argwhere(np.isin(self.letters, list(letters))).tolist()
        if not places:
            raise UserError(f"level: no {what}; put one '{letters[0]}' on a floor tile")
        if len(places) > 1:
            where = self.place(*places[1])
            raise UserError(f"level: {where}: a second {what}; keep only one")
        row, column = places[0]
        return row, column


def read_drawing(
    text: str,
    legend: Mapping[str, str],
    walls: str = "#",
    settings: Collection[str] = (),
) -> Drawing:
    """Read a text, one line a row; blank lines and common indentation do not count.

    Args:
        text: the level.
        legend: what each allowed letter stands for.
        walls: the letters that may stand in the border.
        settings: names that may be given a whole number above the drawing, each on a
            line of its own, ``budget: 3``.

    Raises:
        UserError: ragged rows, an unknown letter, a gap in the border or an unknown
            setting, with its line and column (both from 1).
    """
    numbered = [(i, line.rstrip()) for i, line in enumerate(text.splitlines(), 1)]
    numbered = [(i, line) for i, line in numbered if line]
    given = _settings(numbered, settings)
    numbered = numbered[len(given) :]
    if not numbered:
        raise UserError(f"level: the text is empty; draw it with {_show(legend)}")
    indent = min(len(line) - len(line.lstrip()) for _, line in numbered)
    lines = [number for number, _ in numbered]
    rows = [line[indent:] for _, line in numbered]
    for number, row in zip(lines, rows, strict=True):
        if len(row) != len(rows[0]):
            raise UserError(
                f"level: line {number} has {len(row)} letters and line {lines[0]} "
                f"has {len(rows[0])}; make all rows equally long"
            )
    drawing = Drawing(np.array([list(row) for row in rows]), lines, indent, given)
    unknown = np.argwhere(~np.isin(drawing.letters, list(legend)))
    for row, column in unknown[:1].tolist():
        letter = drawing.letters[row, column]
        raise UserError(
            f"level: {drawing.place(row, column)}: unknown letter '{letter}'; use "
            + _show(legend)
        )
    border = np.ones(drawing.letters.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    gaps = np.argwhere(border & ~np.isin(drawing.letters, list(walls)))
    for row, column in gaps[:1].tolist():
        raise UserError(
            f"level: {drawing.place(row, column)}: the border must be walls, write "
            f"'{walls[0]}'"
        )
    return drawing


def _settings(
    numbered: list[tuple[int, str]], names: Collection[str]
) -> dict[str, int]:
    """Return the settings that the first lines give."""
    given: dict[str, int] = {}
    for number, line in numbered:
        match = re.fullmatch(r"\s*([a-z_]+):\s*(\S+)", line)
        if match is None:
            break
        name, value = match.groups()
        if name not in names:
            meant = nearest(name, names) if names else " It has none; remove the line."
            raise UserError(f"level: line {number}: unknown setting '{name}'." + meant)
        if name in given:
            raise UserError(f"level: line {number}: '{name}' is there twice; keep one")
        if not re.fullmatch(r"-?\d{1,9}", value):
            raise UserError(
                f"level: line {number}: {name} is '{value}'; give a whole number"
            )
        given[name] = int(value)
    return given


def write_drawing(
    letters: np.ndarray, settings: Mapping[str, int | np.integer] | None = None
) -> str:
    """Return an array of letters as a text, one line a row, settings above it."""
    above = [f"{name}: {int(value)}" for name, value in (settings or {}).items()]
    return "\n".join([*above, *("".join(row) for row in letters)])


def _show(legend: Mapping[str, str]) -> str:
    return ", ".join(f"'{letter}' {meaning}" for letter, meaning in legend.items())
