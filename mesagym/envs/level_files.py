"""Levels as files: a folder of texts is a set of levels to test on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from mesagym.envs.base import Environment
from mesagym.errors import UserError
from mesagym.tracking import atomic_write_text
from mesagym.tracking.files import make_folders

SUFFIX = ".txt"


def read_levels(env: Environment, path: str | Path) -> tuple[Any, tuple[str, ...]]:
    """Read every level of a folder, or the one of a file.

    Args:
        env: whose texts they are, see its ``legend``.
        path: a folder with ``.txt`` files, or one such file.

    Returns:
        ``(levels, names)``: leaves [n, ...] in the order of the files' names, and
        those names without their ending.

    Raises:
        UserError: no such folder, none in it, a file that is no text, or a level that
            breaks the environment's rules; names the file, line and column.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix == SUFFIX)
        if not files:
            raise UserError(f"levels: '{path}' holds no file that ends in {SUFFIX}")
    elif path.is_file():
        files = [path]
    else:
        raise UserError(f"levels: there is no folder or file '{path}'")
    levels = [_read(env, file) for file in files]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)
    return stacked, tuple(file.stem for file in files)


def write_levels(
    env: Environment, levels: Any, folder: str | Path, names: Sequence[str] = ()
) -> list[Path]:
    """Write levels as texts that `read_levels` reads back.

    Args:
        env: whose levels they are.
        levels: leaves [n, ...].
        folder: made where it is missing; files of the same name are replaced.
        names: of the files, without ending; ``level-000`` and so on if empty.

    Returns:
        The files.
    """
    folder = Path(folder)
    make_folders(folder)
    n = jax.tree.leaves(levels)[0].shape[0]
    names = names or [f"level-{i:03d}" for i in range(n)]
    files = []
    for i, name in zip(range(n), names, strict=True):
        level = jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), levels)
        files.append(folder / f"{name}{SUFFIX}")
        atomic_write_text(files[-1], env.show(level) + "\n")
    return files


def _read(env: Environment, file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"'{file}': is no text in UTF-8") from error
    except OSError as error:
        why = error.strerror or error
        raise UserError(
            f"'{file}': cannot be read: {why}; remove or mend it"
        ) from error
    try:
        return env.parse(text)
    except UserError as error:
        raise UserError(f"'{file}': {error}") from error
