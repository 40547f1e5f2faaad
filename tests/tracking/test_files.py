"""Files that reach the disk whole or not at all."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesagym.errors import UserError
from mesagym.tracking import DamagedFile, files


def test_a_file_holds_what_was_written(tmp_path: Path):
    files.atomic_write_bytes(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_name_with_spaces_and_letters_of_any_script_works(tmp_path: Path):
    path = tmp_path / "ein Lauf, α = 0.1 — 迷路" / "Käse.json"
    files.make_folders(path.parent)
    files.atomic_write_json(path, {"Käse": 1})
    assert json.loads(path.read_text()) == {"Käse": 1}


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path):
    files.atomic_write_bytes(tmp_path / "ours", b"")
    (tmp_path / "other").touch()
    modes = {(tmp_path / name).stat().st_mode for name in ("ours", "other")}
    assert len(modes) == 1


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_an_interrupted_write_leaves_the_old_content(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files.atomic_write_bytes(tmp_path / "file", b"old")
    monkeypatch.setattr(os, call, _raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        files.atomic_write_bytes(tmp_path / "file", b"new")
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_the_system_refuses_is_said_in_one_line(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    error = OSError(number, os.strerror(number))
    monkeypatch.setattr(os, "fsync", _raising(error))
    with pytest.raises(UserError) as caught:
        files.atomic_write_bytes(tmp_path / "file", b"content")
    assert said in str(caught.value)
    assert str(tmp_path / "file") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_gone_is_said_to_be(tmp_path: Path):
    with pytest.raises(UserError, match="its folder is gone"):
        files.atomic_write_bytes(tmp_path / "gone" / "file", b"")


def test_a_folder_below_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="a file, not a folder"):
        files.make_folders(tmp_path / "file" / "folder")


def test_folders_that_were_made_are_known_outermost_first(tmp_path: Path):
    made = files.make_folders(tmp_path / "a" / "b")
    assert made == [tmp_path / "a", tmp_path / "a" / "b"]


def test_removing_made_folders_spares_one_that_is_in_use(tmp_path: Path):
    made = files.make_folders(tmp_path / "a" / "b")
    (tmp_path / "a" / "theirs").touch()
    files.remove_folders(made)
    assert os.listdir(tmp_path / "a") == ["theirs"]


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(DamagedFile, match=r"policy\.json' is missing"):
        files.read_bytes(tmp_path / "policy.json")


@given(data=st.binary(min_size=1, max_size=100), place=st.integers(0, 799))
def test_one_altered_bit_is_noticed(
    data: bytes, place: int, tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.getbasetemp() / "altered"
    altered = bytearray(data)
    altered[place // 8 % len(data)] ^= 1 << place % 8
    path.write_bytes(altered)
    with pytest.raises(DamagedFile, match="altered' is torn or altered"):
        files.read_bytes(path, {files.sha256(data)})


def test_torn_json_is_named(tmp_path: Path):
    files.atomic_write_json(tmp_path / "a.json", files.sealed({"a": 1}))
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text[: len(text) // 2])
    with pytest.raises(DamagedFile, match=r"a\.json' is torn or altered"):
        files.read_sealed(tmp_path / "a.json")


def test_an_edited_number_breaks_a_seal(tmp_path: Path):
    files.atomic_write_json(tmp_path / "a.json", files.sealed({"a": 1}))
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text.replace("1,", "2,", 1))
    with pytest.raises(DamagedFile, match="does not match its own SHA-256"):
        files.read_sealed(tmp_path / "a.json")


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=40)
@given(value=st.dictionaries(st.text().filter(lambda key: key != "sha256"), _JSON))
def test_a_sealed_document_comes_back_as_it_was(
    value: dict, tmp_path_factory: pytest.TempPathFactory
):
    path = tmp_path_factory.getbasetemp() / "sealed.json"
    files.atomic_write_json(path, files.sealed(value))
    assert files.read_sealed(path) == value


def test_an_argument_that_is_no_utf8_can_be_written(tmp_path: Path):
    command = os.fsdecode(b"train name=\xff")
    files.atomic_write_json(tmp_path / "a.json", files.sealed({"command": command}))
    assert files.read_sealed(tmp_path / "a.json") == {"command": command}


def test_numpy_values_become_plain_ones():
    value = {"a": np.float32(0.5), "b": np.arange(2), "c": np.bool_(True), 3: (1,)}
    assert files.plain(value) == {"a": 0.5, "b": [0, 1], "c": True, "3": [1]}


def test_a_number_that_is_not_finite_becomes_null():
    assert files.plain([np.nan, np.float32("inf"), 1.5]) == [None, None, 1.5]


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="of type set"):
        files.plain({"a": {1}})


def _raising(error: BaseException):
    def call(*_, **__):
        raise error

    return call


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path: Path):
    files.check_writable(tmp_path / "new" / "folder" / "file.png")
    (tmp_path / "there.png").write_bytes(b"old")
    files.check_writable(tmp_path / "there.png")
    assert [each.name for each in tmp_path.rglob("*")] == ["there.png"]
    assert (tmp_path / "there.png").read_bytes() == b"old"


def test_a_place_that_cannot_be_written_is_said_before_the_work(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file, not a folder"):
        files.check_writable(tmp_path / "file" / "a.png")
    with pytest.raises(UserError, match="it is a folder"):
        files.check_writable(tmp_path)
