"""Where reproductions lie, and in which order."""

from pathlib import Path

import pytest

from mesagym.errors import UserError
from mesagym.reproductions.folder import (
    Reproduction,
    all_reproductions,
    experiments_folder,
    reproduction,
)
from mesagym.tracking.files import sha256
from tests.reproductions.examples import PROTOCOL, written


def test_reproductions_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name, number in (("b", "R10"), ("c", "R2"), ("a", "R3c"), ("d", "R3a")):
        written(tmp_path / name, id=number)
    written(tmp_path / "e", id="PD", kind="study")
    found = [each.claim.id for each in all_reproductions(tmp_path)]
    assert found == ["R2", "R3a", "R3c", "R10", "PD"]


def test_a_reproduction_is_found_by_its_name_and_by_its_number(tmp_path: Path) -> None:
    written(tmp_path / "larger")
    assert reproduction("larger", tmp_path).name == "larger"
    assert reproduction("r99", tmp_path).name == "larger"


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    written(tmp_path / "larger")
    with pytest.raises(UserError, match="Did you mean 'larger'"):
        reproduction("lager", tmp_path)


def test_code_that_lacks_a_function_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "larger")
    (folder / "protocol.py").write_text(PROTOCOL.replace("def judge", "def guess"))
    with pytest.raises(UserError, match="no function 'judge'"):
        _ = Reproduction(folder).protocol


def test_the_repository_is_preferred_to_an_installed_copy(tmp_path: Path) -> None:
    package = tmp_path / "mesagym"
    written(package / "_experiments" / "stale")
    assert experiments_folder(package) == package / "_experiments"
    (tmp_path / "pyproject.toml").touch()
    assert experiments_folder(package) == package / "_experiments"
    written(tmp_path / "experiments" / "fresh")
    assert experiments_folder(package) == tmp_path / "experiments"


def test_an_install_without_reproductions_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Install mesagym again"):
        experiments_folder(tmp_path / "mesagym")


def test_the_hash_of_a_test_covers_what_it_takes_from_a_shared_one(
    tmp_path: Path,
) -> None:
    folder = written(tmp_path / "larger")
    alone = Reproduction(folder)
    assert [each.name for each in alone.protocol_files] == ["protocol.py"]
    taken = "from mesagym.reproductions.alpha_sweep import judge, measure\n"
    (folder / "protocol.py").write_text(taken)
    shared = Reproduction(folder)
    names = [each.name for each in shared.protocol_files]
    assert names == ["protocol.py", "alpha_sweep.py"]
    assert shared.protocol_sha256 != sha256(taken.encode())
