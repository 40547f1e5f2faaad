"""What a manifest says of the machine and the code that made a run."""

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import mesagym

PACKAGES = (
    "mesagym",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "chex",
    "gymnax",
    "gymnasium",
    "orbax-checkpoint",
    "safetensors",
    "numpy",
    "scipy",
    "pyarrow",
    "hydra-core",
    "omegaconf",
    "wandb",
    "rich",
    "matplotlib",
    "plotly",
)
"""The packages whose versions can change a run's results or how it is read."""


def environment_facts() -> dict[str, Any]:
    """Return the facts for ``manifest.json`` that need no device.

    Returns:
        ``time`` (UTC, ISO 8601), ``command`` (as typed in a shell), ``python``,
        ``platform``, ``cpu_count`` (those this process may use), ``packages``
        (version by name, of those installed) and ``git`` (:func:`git_facts`).
    """
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _command(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": _cpu_count(),
        "packages": package_versions(),
        "git": git_facts(),
    }


def _command() -> str:
    """Return the command line, its program without the folder it lies in.

    Where a program is installed says nothing about a result, and does not belong in a
    record that is passed on.
    """
    program = Path(sys.argv[0])
    if program.name == "__main__.py":  # python -m mesagym.cli
        program = Path(program.parent.parent.name)
    return shlex.join([program.name, *sys.argv[1:]])


def package_versions() -> dict[str, str]:
    """Return the versions of :data:`PACKAGES` that are installed, importing none."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    versions.setdefault("mesagym", mesagym.__version__)
    return versions


def git_facts() -> dict[str, Any] | None:
    """Return which commit the code was at, None where no repository says.

    Returns:
        ``of`` (``"mesagym"`` where mesagym's own code lies in a repository that
        tracks it, else ``"working directory"``), ``revision`` (the commit) and
        ``dirty`` (whether tracked files differ from it).
    """
    for of, folder in _places().items():
        revision = _git(folder, "rev-parse", "HEAD")
        status = _git(folder, "status", "--porcelain", "--untracked-files=no")
        if revision and status is not None:
            return {"of": of, "revision": revision, "dirty": bool(status)}
    return None


def changed_files() -> list[str]:
    """Return the tracked files that make `git_facts` dirty, as their repository says.

    Empty where there are none, or no repository says.
    """
    for folder in _places().values():
        changed = _git(folder, "diff", "--name-only", "HEAD")
        if changed is not None:
            return changed.splitlines()
    return []


def _places() -> dict[str, Path]:
    """Return the folders in which a repository is looked for, the first counting."""
    package = Path(mesagym.__file__).parent
    # An installed mesagym may lie inside a repository that knows nothing of it.
    tracked = _git(package, "ls-files", "__init__.py")
    own = {"mesagym": package} if tracked else {}
    return {**own, "working directory": Path.cwd()}


def _git(folder: Path, *arguments: str) -> str | None:
    """Run git in a folder; None where it is not there or refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=True,
            timeout=10,
            # A status must not write the index of a repository in use.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()


def _cpu_count() -> int | None:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def committed_in(*paths: Path) -> str | None:
    """Return the commit in which files became what they are now.

    None where one of them is not committed as it stands, or no repository says.

    Args:
        *paths: the files, of one repository.
    """
    folder, names = paths[0].parent, [str(each.resolve()) for each in paths]
    if _git(folder, "status", "--porcelain", "--", *names) != "":
        return None
    return _git(folder, "log", "-1", "--format=%H", "--", *names) or None


def committed_text(path: Path) -> str | None:
    """Return what the last commit has of a file, None where it has nothing of it."""
    return _git(path.parent, "show", f"HEAD:./{path.name}")
