"""What a manifest says of where a run was made."""

import json
import subprocess
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path

import pytest

from mesagym.tracking import environment_facts, facts


def repository(folder: Path) -> Path:
    """Make a repository with one commit, and mesagym's file name in it."""
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one"],
    ):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    return folder


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where mesagym's code seems to lie: a repository of its own."""
    folder = repository(tmp_path / "code")
    monkeypatch.setattr(facts.mesagym, "__file__", str(folder / "__init__.py"))
    return folder


def test_facts_are_plain_json():
    found = environment_facts()
    assert json.loads(json.dumps(found)) == found


def test_the_time_is_utc():
    assert datetime.fromisoformat(environment_facts()["time"]).utcoffset() is not None


@pytest.mark.parametrize(
    "program", ["/somewhere/bin/mesagym", "/somewhere/mesagym/cli/__main__.py"]
)
def test_the_command_does_not_say_where_the_program_lies(
    monkeypatch: pytest.MonkeyPatch, program: str
):
    monkeypatch.setattr(sys, "argv", [program, "demo"])
    assert environment_facts()["command"] == "mesagym demo"


def test_the_command_is_as_typed_in_a_shell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["mesagym", "train", "run=a b"])
    assert environment_facts()["command"] == "mesagym train 'run=a b'"


def test_versions_are_those_installed():
    packages = facts.package_versions()
    assert packages["numpy"] == metadata.version("numpy")
    assert "mesagym" in packages
    assert set(packages) <= set(facts.PACKAGES)


def test_the_commit_of_the_code_is_found(code: Path):
    found = facts.git_facts()
    assert found is not None
    assert found["of"] == "mesagym"
    assert len(found["revision"]) == 40
    assert found["dirty"] is False


def test_a_changed_file_makes_the_code_dirty(code: Path):
    assert facts.changed_files() == []
    (code / "__init__.py").write_text("changed = True\n")
    found = facts.git_facts()
    assert found is not None
    assert found["dirty"] is True
    assert facts.changed_files() == ["__init__.py"]


def test_an_installed_mesagym_is_not_taken_for_the_repository_around_it(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    installed = code / "site-packages" / "__init__.py"
    installed.parent.mkdir()
    installed.touch()
    monkeypatch.setattr(facts.mesagym, "__file__", str(installed))
    monkeypatch.chdir(code)
    found = facts.git_facts()
    assert found is not None
    assert found["of"] == "working directory"


def test_no_repository_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(facts.mesagym, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    assert environment_facts()["git"] is None


def test_no_git_is_no_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert facts.git_facts() is None
