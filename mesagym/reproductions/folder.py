"""Where the reproductions lie, and how the code of one is taken out of its folder."""

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import mesagym
from mesagym.errors import UserError, nearest
from mesagym.reproductions import claim
from mesagym.reproductions.claim import Claim, read_claim
from mesagym.tracking.files import read_bytes, sha256

PACKAGE = Path(mesagym.__file__).parent

PROTOCOL, FIGURE = "protocol.py", "figure.py"
SHARED_TESTS = ("alpha_sweep",)
"""Modules of this room that hold tests themselves, and not only the means for them."""

RESULT, PICTURE = "result.json", "figure.png"


@dataclass(frozen=True)
class Reproduction:
    """One reproduction: a folder of ``experiments/``."""

    folder: Path

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return self.folder.name

    @cached_property
    def claim(self) -> Claim:
        """What it says of itself.

        Raises:
            UserError: see `mesagym.reproductions.claim.read_claim`.
        """
        return read_claim(self.folder)

    @cached_property
    def protocol(self) -> Any:
        """The module of the pre-registered test, with ``measure`` and ``judge``."""
        return _module(self.folder / PROTOCOL, ("measure", "judge"))

    @cached_property
    def figure(self) -> Any:
        """The module with ``draw``."""
        return _module(self.folder / FIGURE, ("draw",))

    @cached_property
    def protocol_files(self) -> tuple[Path, ...]:
        """The files that the pre-registered test is written in.

        ``protocol.py``, and what several tests share if it takes its test from there.
        """
        own = self.folder / PROTOCOL
        text = read_bytes(own).decode()
        taken = [
            PACKAGE / "reproductions" / f"{name}.py"
            for name in SHARED_TESTS
            if f"mesagym.reproductions.{name} import" in text
        ]
        return own, *taken

    @cached_property
    def protocol_sha256(self) -> str:
        """The hash of the pre-registered test's code."""
        return sha256(b"".join(read_bytes(each) for each in self.protocol_files))


def experiments_folder(package: Path = PACKAGE) -> Path:
    """Return the folder of the reproductions.

    The repository's own where the package stands in it, else the one a wheel brings.

    Raises:
        UserError: neither is there.
    """
    repository, copy = package.parent, package / "_experiments"
    if (repository / "pyproject.toml").is_file():
        own = repository / "experiments"
        copy = own if own.is_dir() else copy
    if not any(copy.glob(f"*/{claim.FILE}")):
        raise UserError(
            f"the reproductions of mesagym are missing (looked in '{copy}'). "
            "Install mesagym again."
        )
    return copy


def all_reproductions(folder: Path | None = None) -> list[Reproduction]:
    """Return every reproduction, in the order of their numbers.

    Args:
        folder: where to look; `experiments_folder` if None.
    """
    folder = experiments_folder() if folder is None else folder
    found = [Reproduction(each.parent) for each in folder.glob(f"*/{claim.FILE}")]
    return sorted(found, key=lambda each: (_order(each.claim.id), each.name))


def reproduction(name: str, folder: Path | None = None) -> Reproduction:
    """Return one by its name, or by its number where only one has it.

    Raises:
        UserError: there is no such one; gives the nearest.
    """
    folder = experiments_folder() if folder is None else folder
    names = sorted(each.parent.name for each in folder.glob(f"*/{claim.FILE}"))
    if name in names:
        return Reproduction(folder / name)
    numbered = [
        each for each in all_reproductions(folder) if each.claim.id == name.upper()
    ]
    if len(numbered) == 1:
        return numbered[0]
    hint = nearest(name, names)
    raise UserError(f"there is no reproduction '{name}'.{hint}")


def _order(number: str) -> tuple[bool, str, int, str]:
    """Return what sorts R2 before R10, and both before studies of our own."""
    letters = number.rstrip("0123456789abc")
    rest = number[len(letters) :]
    digits = "".join(char for char in rest if char.isdigit())
    return letters != "R", letters, int(digits or 10**6), rest


def _module(path: Path, needed: tuple[str, ...]) -> ModuleType:
    """Load a module from its file.

    Raises:
        UserError: there is no such file, or a function is missing in it.
    """
    if not path.is_file():
        raise UserError(f"'{path}' is missing; see docs/new_reproduction.md")
    spec = importlib.util.spec_from_file_location(
        f"mesagym_experiments.{path.parent.name}.{path.stem}", path
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in needed:
        if not callable(getattr(module, name, None)):
            raise UserError(f"'{path}' has no function '{name}'")
    return module
