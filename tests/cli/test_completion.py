"""What the shell is offered on TAB."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mesagym.cli.commands import COMMANDS
from mesagym.cli.completion import candidates
from mesagym.cli.main import main

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mesagym ", list(COMMANDS)),
        ("mesagym tr", ["train"]),
        ("mesagym train env=c", ["env=coin_run", "env=color_shape", "env=corner"]),
        ("mesagym train agent=", ["agent=cnn", "agent=impala", "agent=mlp"]),
        ("mesagym train -m agent=i", ["agent=impala"]),
        ("mesagym train env.lay", ["env.layout="]),
        ("mesagym train env.layout=t", ["env.layout=tree"]),
        ("mesagym train train.sa", ["train.save_seconds="]),
        ("mesagym train split.alpha=", ["split.alpha=0.0"]),
        ("mesagym train agent=cnn agent.network.ch", ["agent.network.channels="]),
        ("mesagym train nowhere=", []),
        ("mesagym nothing ", []),
        ("mesagym doctor mat", ["matrix="]),
    ],
)
def test_words_are_completed(line: str, offered: list[str]) -> None:
    assert candidates(line) == offered


def test_folders_are_offered_as_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("runs/one", "runs/other", "runs/.hidden"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs" / "file").touch()
    monkeypatch.chdir(tmp_path)
    offered = candidates("mesagym evaluate run=runs/o")
    assert offered == ["run=runs/one", "run=runs/other"]


def test_what_a_file_of_a_group_decides_is_not_offered() -> None:
    assert "agent.name=" not in candidates("mesagym train ")


def test_a_line_that_cannot_be_offers_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMP_LINE", raising=False)
    assert main(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(
    capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    assert main(["-sc", f"install={shell}"]) == 0
    assert "COMP_LINE" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_train_env(tmp_path: Path) -> None:
    command = tmp_path / "mesagym"
    command.write_text(
        f"#!/bin/sh\nexec '{sys.executable}' -c 'import sys; "
        'sys.argv[0] = "mesagym"; from mesagym.cli.main import main; '
        'sys.exit(main())\' "$@"\n'
    )
    command.chmod(0o755)
    script = (
        'eval "$(mesagym -sc install=bash)"; COMP_LINE="mesagym train env=corn"; '
        "COMP_POINT=${#COMP_LINE}; COMP_CWORD=2; "
        '$(complete -p mesagym | sed "s/.*-F \\([^ ]*\\).*/\\1/"); '
        'echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["env=corner"], done.stderr
