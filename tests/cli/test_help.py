"""`--help` and `--version`: quick, and true to the schema."""

import subprocess
import sys
from pathlib import Path

import pytest

import mesagym
from mesagym.cli.commands import COMMANDS, as_overrides
from mesagym.cli.compose import composer
from mesagym.cli.main import main

SLOW = {"jax", "jaxlib", "flax", "gymnax", "scipy", "hydra", "omegaconf", "pyarrow"}


def modules_of(*words: str) -> set[str]:
    """Return the top-level modules that a command has imported at its end."""
    code = (
        "import sys; from mesagym.cli.main import main; "
        f"code = main({list(words)!r}); "
        "print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr); "
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(mesagym.__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_the_quick_flags_import_nothing_slow(flag: str) -> None:
    assert not modules_of(flag) & SLOW


@pytest.mark.parametrize("words", [["train", "--help"], ["train", "--cfg", "job"]])
def test_looking_at_a_configuration_imports_no_jax(words: list[str]) -> None:
    assert not modules_of(*words) & {"jax", "jaxlib", "flax", "gymnax"}


def test_the_version_is_that_of_the_package(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mesagym {mesagym.__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert [name for name in COMMANDS if f"\n  {name} " not in out] == []


def test_no_command_is_help_and_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: mesagym" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_names_its_groups_keys_and_examples(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "--help"]) == 0
    out = capsys.readouterr().out
    with composer(command) as composed_by:
        groups = composed_by.groups()
        keys = [each for each in composed_by.keys([]) if not each.rule.fixed]
    assert [group for group in groups if f"\n  {group} " not in out] == []
    assert [each.path for each in keys if each.path not in out] == []
    assert [each for each in COMMANDS[command].examples if each not in out] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    main([command, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 88


@pytest.mark.parametrize(
    "example", [line for each in COMMANDS.values() for line in each.examples]
)
def test_every_example_of_the_help_composes(example: str) -> None:
    import shlex

    _, command, *words = shlex.split(example)
    typed = [word for word in words if not word.startswith("-")]
    flags = [f"{word[2:]}=true" for word in words if word.startswith("--")]
    overrides = as_overrides(command, typed) + flags
    if "-m" in words:
        overrides = [word.split(",")[0] for word in overrides]
    with composer(command) as composed_by:
        composed_by.settled(composed_by.compose(overrides))
