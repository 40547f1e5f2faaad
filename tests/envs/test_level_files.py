"""Level files: what is written is read back, and what cannot be read is named."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import mesagym
from mesagym.envs.level_files import read_levels, write_levels
from mesagym.errors import UserError
from mesagym.evals.shifts import build_pool, choose_shifts


@pytest.fixture(scope="module")
def env() -> Any:
    return mesagym.make("Corner-v0", size=7)[0]


@pytest.fixture
def folder(env: Any, tmp_path: Path) -> Path:
    levels = env.sample_levels(jax.random.key(0), 5, None, 0.5)
    write_levels(env, levels, tmp_path / "mine", ["e", "d", "c", "b", "a"])
    return tmp_path / "mine"


def test_a_folder_is_read_back_in_the_order_of_its_names(
    env: Any, folder: Path
) -> None:
    levels, names = read_levels(env, folder)
    assert names == ("a", "b", "c", "d", "e")
    written = env.sample_levels(jax.random.key(0), 5, None, 0.5)
    for leaf, expected in zip(
        jax.tree.leaves(levels), jax.tree.leaves(written), strict=True
    ):
        np.testing.assert_array_equal(leaf, expected[::-1])


def test_one_file_is_one_level(env: Any, folder: Path) -> None:
    levels, names = read_levels(env, folder / "c.txt")
    assert names == ("c",)
    assert levels.walls.shape == (1, 7, 7)


def test_files_that_are_no_texts_of_levels_are_left_alone(
    env: Any, folder: Path
) -> None:
    (folder / "README.md").write_text("my levels")
    assert len(read_levels(env, folder)[1]) == 5


def test_a_level_that_breaks_a_rule_is_named_with_file_and_line(
    env: Any, folder: Path
) -> None:
    file = folder / "c.txt"
    file.write_text(file.read_text().replace("@", "?"))
    with pytest.raises(UserError, match=r"c\.txt': level: line \d, column \d: unknown"):
        read_levels(env, folder)


def test_a_file_that_is_no_text_is_named(env: Any, folder: Path) -> None:
    (folder / "c.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"c\.txt': is no text"):
        read_levels(env, folder)


def test_what_cannot_be_opened_is_named(env: Any, folder: Path) -> None:
    (folder / "f.txt").symlink_to(folder / "gone.txt")
    with pytest.raises(UserError, match=r"f\.txt': cannot be read: No such file"):
        read_levels(env, folder)


def test_a_place_that_cannot_be_written_is_named(env: Any, folder: Path) -> None:
    levels = env.sample_levels(jax.random.key(0), 1, None, 0.5)
    with pytest.raises(UserError, match=r"a part of this path is a file"):
        write_levels(env, levels, folder / "a.txt" / "more")


def test_a_folder_without_levels_or_no_folder_is_named(
    env: Any, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="holds no file"):
        read_levels(env, tmp_path)
    with pytest.raises(UserError, match="no folder or file"):
        read_levels(env, tmp_path / "nowhere")


def test_a_folder_is_a_shift(env: Any, folder: Path) -> None:
    (shift,) = choose_shifts(env, [str(folder)])
    pool = build_pool(env, env.params_with(), shift, 512)
    assert pool.size == 5
    assert pool.shift.name == str(folder)
    assert pool.solution.steps.shape == (5, 2)
