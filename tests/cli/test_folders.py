"""The configurations are found in a repository and in a wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mesagym.cli.folders import PACKAGE, config_folder
from mesagym.errors import UserError

REPOSITORY = Path(__file__).parents[2]


def installed(folder: Path) -> Path:
    """Lay mesagym out as a wheel does, and return its package."""
    package = folder / "mesagym"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "configs", package / "_configs")
    return package


def test_a_repository_uses_its_own_folder() -> None:
    assert config_folder() == REPOSITORY / "configs"


def test_a_repository_prefers_its_folder_to_a_stale_copy(tmp_path: Path) -> None:
    package = installed(tmp_path)
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    (tmp_path / "pyproject.toml").touch()
    assert config_folder(package) == tmp_path / "configs"


def test_a_wheel_uses_the_copy_that_it_brings(tmp_path: Path) -> None:
    package = installed(tmp_path)
    assert config_folder(package) == package / "_configs"


def test_a_stranger_s_configs_beside_the_package_are_not_used(tmp_path: Path) -> None:
    package = installed(tmp_path)
    (tmp_path / "configs").mkdir()
    assert config_folder(package) == package / "_configs"


def test_missing_configurations_are_a_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Install mesagym again"):
        config_folder(tmp_path / "mesagym")


def test_an_installed_command_composes_in_an_empty_directory(tmp_path: Path) -> None:
    installed(tmp_path / "site-packages")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "mesagym.cli", "train", "agent=cnn", "--cfg", "job"],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site-packages")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "name: cnn" in done.stdout
    assert list(empty.iterdir()) == []
