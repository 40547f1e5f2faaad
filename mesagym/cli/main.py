"""The command `mesagym`: which subcommand, which flags, which exit code."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mesagym.cli.commands import COMMANDS, as_overrides
from mesagym.errors import UserError, nearest

USAGE = "mesagym <command> [key=value ...] [-m] [--help]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: what follows ``mesagym``; the process's own if None.

    Returns:
        the exit code: 0 done; 1 something failed; 2 the command cannot be carried
        out as it was given; 130 and 143 stopped by SIGINT and SIGTERM, with what
        was done saved.
    """
    try:
        return _dispatch(list(sys.argv[1:] if arguments is None else arguments))
    except UserError as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(f"mesagym: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mesagym: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output (`| head`) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class _Parser(argparse.ArgumentParser):
    """argparse, with our way of saying what is wrong."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. Usage: {USAGE}")


def _parser() -> _Parser:
    parser = _Parser(prog="mesagym", add_help=False, allow_abbrev=False)
    flag = parser.add_argument
    flag("-h", "--help", action="store_true")
    flag("--version", action="store_true")
    flag("-m", "--multirun", action="store_true")
    flag("-c", "--cfg", choices=("job", "hydra", "all"))
    flag("-cd", "--config-dir", metavar="FOLDER")
    flag("-sc", "--shell-completion", action="store_true")
    for name in sorted({each for one in COMMANDS.values() for each in one.flags}):
        flag(f"--{name}", action="append_const", dest="keys", const=name)
    flag("words", nargs="*")
    return parser


def _dispatch(arguments: list[str]) -> int:
    parser = _parser()
    given, unknown = parser.parse_known_intermixed_args(arguments)
    if unknown:
        flags = [name for each in parser._actions for name in each.option_strings]
        raise UserError(f"unknown flag '{unknown[0]}'." + nearest(unknown[0], flags))
    if given.version:
        import mesagym

        print(f"mesagym {mesagym.__version__}")
        return 0
    if given.shell_completion:
        from mesagym.cli.completion import complete

        return complete(given.words)
    if not given.words:
        from mesagym.cli.help import overview

        print(overview())
        # Without a command there is nothing to do, and that is no success.
        return 0 if given.help else 2
    command, *overrides = given.words
    if command not in COMMANDS:
        raise UserError(f"unknown command '{command}'." + nearest(command, COMMANDS))
    keys = given.keys or []
    for key in keys:
        if key not in COMMANDS[command].flags:
            takers = [name for name, one in COMMANDS.items() if key in one.flags]
            raise UserError(f"--{key}: '{command}' has no such flag, {takers[0]} has")
    overrides = as_overrides(command, overrides) + [f"{key}=true" for key in keys]
    return _command(command, overrides, given)


def _command(command: str, overrides: list[str], given: argparse.Namespace) -> int:
    # Hydra takes a third of a second to import.
    from mesagym.cli.compose import composer

    with composer(command, given.config_dir) as composed_by:
        if given.help:
            from mesagym.cli.help import command_help

            print(command_help(composed_by, overrides))
            return 0
        if given.cfg is not None:
            composed_by.show(overrides, given.cfg)
            return 0
        from mesagym.cli import sweep

        return sweep.run(composed_by, overrides, given.multirun)
