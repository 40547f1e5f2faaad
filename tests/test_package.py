"""The package as it is imported, typed and shipped."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import jax.numpy as jnp
import jaxtyping
import pytest

import mesagym
from mesagym import grid

REPOSITORY = Path(__file__).parent.parent

HEAVY = {"jax", "jaxlib", "flax", "gymnax", "gymnasium", "scipy", "seaborn", "hydra"}

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def imported_by(statement: str) -> set[str]:
    """Return the top-level modules that a new interpreter has after a statement."""
    code = f"{statement}; import sys; print(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
            *("--outdir", str(folder), str(REPOSITORY)),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_importing_mesagym_imports_neither_jax_nor_gymnax() -> None:
    assert not imported_by("import mesagym") & HEAVY


@pytest.mark.parametrize(
    "statement",
    ["import mesagym.zoo", "from mesagym import zoo", "from mesagym.zoo import load"],
)
def test_the_zoo_is_imported_by_its_own_name_and_without_jax(statement: str) -> None:
    assert not imported_by(statement) & HEAVY


def test_reading_runs_imports_neither_jax_nor_gymnax() -> None:
    assert not imported_by("import mesagym.tracking") & HEAVY


def test_shapes_are_checked_while_tests_run() -> None:
    walls = jnp.ones((3, 3), bool)
    with pytest.raises(jaxtyping.TypeCheckError, match="position"):
        grid.move(walls, jnp.ones(3, jnp.int32), jnp.int32(0))


def test_the_wheel_holds_the_package_its_types_configurations_and_experiments(
    wheel: zipfile.ZipFile,
) -> None:
    package = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "mesagym").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert "mesagym/py.typed" in package
    configs = {
        "mesagym/_configs/" + path.relative_to(REPOSITORY / "configs").as_posix()
        for path in (REPOSITORY / "configs").rglob("*")
        if path.is_file()
    }
    experiments = {
        "mesagym/_experiments/"
        + path.relative_to(REPOSITORY / "experiments").as_posix()
        for path in (REPOSITORY / "experiments").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == package | configs | experiments


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert b"mesagym = mesagym.cli.main:main" in wheel.read(name)


def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith("LICENSE"))
    assert wheel.read(name) == (REPOSITORY / "LICENSE").read_bytes()


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("CHANGELOG.md", r"^## \[?(\d+\.\d+\.\d+)"),
        ("CITATION.cff", r"^version: (\S+)"),
    ],
)
def test_the_version_is_the_same_wherever_it_is_written(
    file: str, pattern: str
) -> None:
    found = re.search(pattern, (REPOSITORY / file).read_text(), re.MULTILINE)
    assert found is not None
    assert found.group(1) == mesagym.__version__


def test_constraints_are_names_and_versions_only() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.+-]+", pin)] == []


def test_every_dependency_is_constrained() -> None:
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    pins = (REPOSITORY / "constraints.txt").read_text().lower().replace("_", "-")
    names = [re.split(r"[^\w-]", line)[0] for line in wanted]
    assert [name for name in names if f"\n{name}==" not in pins] == []
