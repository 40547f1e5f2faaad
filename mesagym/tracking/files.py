"""How a file reaches the disk and is trusted again: whole, hashed, or not at all."""

import contextlib
import enum
import errno
import hashlib
import json
import math
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mesagym.errors import UserError

TEMPORARY = ".tmp-"
"""How the names of files begin that are not yet whole."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class DamagedFile(UserError):
    """A file that is missing, torn or altered since mesagym wrote it."""


def explained(error: OSError, path: str | Path, doing: str = "write") -> UserError:
    """Turn what the system said about a path into a line that tells how to mend it.

    Args:
        error: what the system raised.
        path: the file or folder that was meant.
        doing: the verb of what could not be done: ``"write"``, ``"read"``.
    """
    if error.errno in _FULL:
        return UserError(
            f"cannot {doing} '{path}': the disk is full. Free some space and run "
            "the same command again; what was saved before is intact."
        )
    if error.errno in _FORBIDDEN:
        return UserError(
            f"cannot {doing} '{path}': permission denied or read-only. "
            "Choose a folder that you may write to, or change its permissions."
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return UserError(
            f"cannot {doing} '{path}': a part of this path is a file, not a folder. "
            "Choose another folder."
        )
    if error.errno == errno.ENOENT:
        return UserError(
            f"cannot {doing} '{path}': its folder is gone. Was it moved or removed "
            "meanwhile? Put it back and run the same command again."
        )
    return UserError(
        f"cannot {doing} '{path}': {error.strerror or error}. "
        "Check the path and the disk, then run the same command again."
    )


def make_folders(path: str | Path) -> list[Path]:
    """Make a folder and those above it; return those made, outermost first.

    Raises:
        UserError: it cannot be made; those already made are removed again.
    """
    missing = []
    folder = Path(path)
    made: list[Path] = []
    try:
        while not folder.is_dir():
            missing.append(folder)
            if folder.parent == folder:
                break
            folder = folder.parent
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)
                made.append(folder)
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        remove_folders(made)
        raise explained(error, path, "make the folder") from error
    return made


def check_writable(path: str | Path) -> None:
    """Refuse a file that could not be written, before the work of making it.

    Nothing is left behind.

    Raises:
        UserError: as :func:`make_folders` and :func:`atomic_write_bytes` would.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"cannot write '{path}': it is a folder. Give it another name.")
    made = make_folders(path.parent)
    temporary = path.with_name(TEMPORARY + secrets.token_hex(8))
    try:
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise explained(error, path) from error
    finally:
        remove_folders(made)


def remove_folders(made: list[Path]) -> None:
    """Remove folders that :func:`make_folders` made, as far as they are empty."""
    for folder in reversed(made):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder last beyond a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no fsync of folders; the rename stands.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file so that its name shows the old content or the new, never less.

    The bytes go to a temporary name in the same folder, are synced, and renamed.

    Raises:
        UserError: full disk, read-only folder, and the like; the old file, if there
            was one, is as it was, and no temporary file is left.
    """
    path = Path(path)
    temporary = path.with_name(TEMPORARY + secrets.token_hex(8))
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o666)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise explained(error, path) from error
        raise


def atomic_write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text as :func:`atomic_write_bytes` does."""
    # A lone surrogate (an argument that was no UTF-8) becomes its JSON escape.
    atomic_write_bytes(path, text.encode("utf-8", "backslashreplace"))


def atomic_write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON (:func:`json_text`) atomically."""
    atomic_write_text(path, json_text(value))


def sha256(data: bytes) -> str:
    """Return the SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def read_bytes(path: str | Path, hashes: Collection[str] | None = None) -> bytes:
    """Read a file, and check it where its hash is known.

    Args:
        path: the file.
        hashes: SHA-256 values of which one must be the file's. None checks nothing.

    Raises:
        DamagedFile: it is missing, or its content is not what was written.
        UserError: the system will not let it be read.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DamagedFile(
            f"'{path}' is missing. Copy it back from where the folder came from."
        ) from error
    except OSError as error:
        raise explained(error, path, "read") from error
    if hashes is not None and sha256(data) not in hashes:
        raise DamagedFile(
            f"'{path}' is torn or altered: its SHA-256 is not the recorded one. "
            "Copy it again from where it came from."
        )
    return data


def parse_json(data: bytes, path: str | Path) -> dict[str, Any]:
    """Parse the bytes of a file that must hold one JSON object.

    Raises:
        DamagedFile: they do not; names ``path``.
    """
    try:
        value = json.loads(data)
    except ValueError as error:
        raise DamagedFile(
            f"'{path}' is torn or altered: it is not valid JSON ({error}). "
            "Copy it again from where it came from."
        ) from error
    if not isinstance(value, dict):
        raise DamagedFile(f"'{path}' is torn or altered: it is not a JSON object.")
    return value


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document, plain, closed by ``"sha256"``: the hash of all the rest."""
    content = plain({key: value for key, value in document.items() if key != "sha256"})
    return {**content, "sha256": sha256(canonical_json(content).encode())}


def read_sealed(path: str | Path) -> dict[str, Any]:
    """Read a JSON document that :func:`sealed` closed, and check its hash.

    Returns:
        the document without its hash.

    Raises:
        DamagedFile: missing, torn or altered.
    """
    document = parse_json(read_bytes(path), path)
    found = document.pop("sha256", None)
    if found != sha256(canonical_json(document).encode()):
        raise DamagedFile(
            f"'{path}' is torn or altered: it does not match its own SHA-256. "
            "Copy it again from where it came from."
        )
    return document


def plain(value: Any, *, finite: bool = True) -> Any:
    """Return a value made of dicts, lists, strings, numbers, booleans and None only.

    NumPy scalars and arrays become Python's own, paths and enumerations strings.

    Args:
        value: a nested value.
        finite: turn NaN and infinities into None, since JSON has no such numbers.

    Raises:
        TypeError: it holds something that JSON cannot.
    """
    if isinstance(value, enum.Enum):
        return value.name
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), finite=finite)
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, float):
        return None if finite and not math.isfinite(value) else float(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each, finite=finite) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, finite=finite) for each in value]
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be written")


def json_text(value: Any) -> str:
    """Return a value as indented JSON that ends with a newline; NaN becomes null."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII only."""
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def leftovers(folder: Path, skip: Collection[str] = ()) -> Iterator[Path]:
    """Yield temporary files that a killed process left under a folder.

    Args:
        folder: where to look, at any depth.
        skip: names of folders not to enter.
    """
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in skip]
        for name in names:
            if name.startswith(TEMPORARY):
                yield Path(root, name)
