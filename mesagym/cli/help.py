"""What `--help` prints: written from the schema, so that it cannot grow stale."""

import textwrap
from typing import Any

from mesagym.cli.commands import COMMANDS

WIDTH = 88


def overview() -> str:
    """Return the help of `mesagym` itself; imports nothing that takes long."""
    commands = "\n".join(f"  {name:<13}{c.summary}" for name, c in COMMANDS.items())
    return f"""\
mesagym induces goal misgeneralization in small agents and measures which objective
they learned.

Usage: mesagym <command> [key=value ...] [-m]

{commands}

  mesagym <command> --help   the command's groups and keys, with examples
  -m, --multirun             run every combination: split.alpha=0,0.1 agent=mlp,cnn
  -c, --cfg job              print the configuration instead of running it
  -cd, --config-dir FOLDER   look into your own folder of configurations first
  -sc install=bash           print what completes words on TAB (bash, zsh, fish)
  --version                  print the version

Begin with `mesagym demo`, or with `mesagym doctor` if something does not work.
Documentation: docs/cli.md"""


def command_help(composed_by: Any, overrides: list[str]) -> str:
    """Return the help of a subcommand.

    Args:
        composed_by: the subcommand's `Composer`.
        overrides: as typed; those that choose files of groups count.
    """
    command = composed_by.command
    keys = composed_by.keys(overrides)
    parts = [
        f"mesagym {command}: {COMMANDS[command].summary}\n",
        "Examples:",
        *(f"  {line}" for line in COMMANDS[command].examples),
    ]
    groups = composed_by.groups()
    if groups:
        parts += ["", "Groups (group=file; the default has a star):"]
        for group, chosen in groups.items():
            names = [
                f"{each}*" if each == chosen else each
                for each in composed_by.options(group)
            ]
            parts += _row(group, "  ".join(names))
    shown = [each for each in keys if each.rule.shown]
    parts += ["", "Keys that people change (key=value, with the default):"]
    for each in shown:
        parts += _row(f"{each.path}={_value(each.value)}", each.rule.doc)
    if len(shown) < len(keys):
        parts += ["", f"Further keys (mesagym {command} --cfg job shows their values):"]
        rest = [each for each in keys if not (each.rule.shown or each.rule.fixed)]
        names = ", ".join(each.path for each in rest)
        parts += textwrap.wrap(
            names,
            WIDTH,
            initial_indent="  ",
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
    return "\n".join(parts)


def _row(left: str, right: str, column: int = 34) -> list[str]:
    lines = textwrap.wrap(right, WIDTH - column) or [""]
    left = f"  {left}"
    if len(left) > column - 2:
        return [left, *(" " * column + line for line in lines)]
    rest = [" " * column + line for line in lines[1:]]
    return [left.ljust(column) + lines[0], *rest]


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if value == "???":
        return ""
    if isinstance(value, float):
        return f"{value:g}".replace("e+0", "e").replace("e-0", "e-")
    if isinstance(value, list):
        return f"[{','.join(_value(each) for each in value)}]"
    return str(value)
