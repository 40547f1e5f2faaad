"""Levels of Sokoban in the format of Boxoban, turned into texts of ours."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from mesagym.errors import UserError

LETTERS: dict[str, str] = {
    "#": "#",
    " ": ".",
    "@": "@",
    "$": "$",
    ".": "o",
    "*": "O",
    "+": "+",
}
"""Wall, floor, player, box, target, box on a target, player on a target; what each is
in the letters of Sokoban-v0, where each target is of both kinds."""


def translated(text: str) -> str:
    """Return one level in the letters of Sokoban-v0, its lines as they were.

    Raises:
        UserError: an unknown letter, with its line and column.
    """
    for number, line in enumerate(text.splitlines(), 1):
        for column, letter in enumerate(line, 1):
            if letter not in LETTERS:
                allowed = ", ".join(f"'{each}'" for each in LETTERS)
                raise UserError(
                    f"level: line {number}, column {column}: unknown letter "
                    f"'{letter}'; Boxoban's are {allowed}"
                )
    return text.translate(str.maketrans(LETTERS))


def boxoban_texts(path: str | Path) -> list[tuple[str, str]]:
    """Read a file of levels, each under a line ``; name``.

    The format of the levels of Guez et al. 2018
    (https://github.com/google-deepmind/boxoban-levels). What stands before the first
    such line is a level without a name, if it is not blank.

    Args:
        path: of the file.

    Returns:
        The name and the text of each level, in the letters of Sokoban-v0.

    Raises:
        UserError: no such file, none in it, or an unknown letter.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"levels: there is no file '{path}'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"levels: '{path}' cannot be read: {error}") from error
    before, *rest = re.split(r"^;[ \t]*(.*)$", text, flags=re.MULTILINE)
    pairs = [("", before), *zip(rest[::2], rest[1::2], strict=True)]
    found = []
    for name, level in pairs:
        lines = [line.rstrip("\r") for line in level.splitlines()]
        if any(line.strip() for line in lines):
            try:
                rows = translated("\n".join(line for line in lines if line.strip()))
            except UserError as error:
                raise UserError(f"'{path}': level {name.strip()}: {error}") from error
            found.append((name.strip(), rows))
    if not found:
        raise UserError(f"levels: '{path}' holds no level; each begins with '; name'")
    return found


def read_levels(path: str | Path, parse: Callable[[str], Any]) -> Any:
    """Read a file of levels with a function that reads one.

    Args:
        path: of the file.
        parse: from a text in the letters of Sokoban-v0 to a level.

    Returns:
        Levels, leaves [n, ...].

    Raises:
        UserError: as `parse` does, with the file and the level named, and of
            `boxoban_texts`.
    """
    levels = []
    for name, text in boxoban_texts(path):
        try:
            levels.append(parse(text))
        except UserError as error:
            raise UserError(f"'{path}': level {name}: {error}") from error
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)
