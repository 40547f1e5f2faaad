"""What the shell is offered on TAB: subcommands, groups, files, keys and choices."""

import contextlib
import os
from collections.abc import Sequence

from mesagym.cli.commands import COMMANDS
from mesagym.cli.compose import Composer, composer
from mesagym.errors import UserError, nearest

SHELLS = ("bash", "zsh", "fish")


def complete(words: Sequence[str]) -> int:
    """Carry out ``-sc install=bash`` and what that script calls, ``-sc query=bash``.

    Raises:
        UserError: another shell or action.
    """
    action, _, shell = " ".join(words).partition("=")
    if action not in ("install", "uninstall", "query"):
        raise UserError("-sc: write install=, uninstall= or query= and a shell")
    if shell not in SHELLS:
        raise UserError(f"-sc: unknown shell '{shell}'." + nearest(shell, SHELLS))
    if action == "query":
        # A half-typed line may be wrong in any way; TAB then offers nothing.
        with contextlib.suppress(Exception):
            separator = "\n" if shell == "fish" else " "
            print(separator.join(candidates(os.environ["COMP_LINE"])))
        return 0
    with composer("train") as composed_by:
        composed_by.hydra.shell_completion("train", [f"{action}={shell}"])
    return 0


def candidates(line: str) -> list[str]:
    """Return what the last word of a line can become.

    Args:
        line: from the command's name to the cursor.
    """
    words = line.split()
    last = "" if line[-1:].isspace() else words[-1]
    before = [word for word in words[1:] if not word.startswith("-")]
    if last:
        before = before[:-1]
    if not before:
        return [name for name in COMMANDS if name.startswith(last)]
    command, *overrides = before
    if command not in COMMANDS:
        return []
    with composer(command) as composed_by:
        return _of_command(composed_by, overrides, last)


def _of_command(composed_by: Composer, overrides: list[str], last: str) -> list[str]:
    name, equals, value = last.partition("=")
    groups = composed_by.groups()
    if equals and name in groups:
        return [
            f"{name}={each}"
            for each in composed_by.options(name)
            if each.startswith(value)
        ]
    keys = [each for each in composed_by.keys(overrides) if not each.rule.fixed]
    if equals:
        found = next((each for each in keys if each.path == name), None)
        if found is None:
            return []
        if found.rule.choices:
            options = [str(each) for each in found.rule.choices]
        elif found.path == "run":
            options = _folders(value)
        else:
            options = [] if found.value in (None, "???") else [str(found.value)]
        return [f"{name}={each}" for each in options if each.startswith(value)]
    every = [f"{group}=" for group in groups] + [f"{each.path}=" for each in keys]
    return sorted(each for each in every if each.startswith(last))


def _folders(value: str) -> list[str]:
    parent = os.path.dirname(value)
    with contextlib.suppress(OSError):
        inside = sorted(os.scandir(parent or "."), key=lambda entry: entry.name)
        return [
            os.path.join(parent, entry.name)
            for entry in inside
            if entry.is_dir() and not entry.name.startswith(".")
        ]
    return []
