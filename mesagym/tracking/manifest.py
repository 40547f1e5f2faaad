"""How a folder keeps account of its finished files, so that none is half there.

``manifest.json`` names every finished file of its folder and its SHA-256. A new file
is renamed into place first and listed second; one that replaces another is announced
as pending first. So, whenever the process dies, each listed file has a hash that the
manifest knows, and several files can be exchanged for others in one rename.
"""

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mesagym.errors import UserError
from mesagym.tracking import files
from mesagym.tracking.files import DamagedFile

NAME = "manifest.json"
VERSION = 1

OWN_KEYS = frozenset(
    [
        "format",
        "id",
        "created",
        "config_hash",
        "identity",
        "resumed",
        "contents",
        "pending",
        "sha256",
    ]
)
"""Keys that a caller's facts may not have."""


class Manifest:
    """The account of one folder.

    Attributes:
        folder: whose account it is.
        document: what ``manifest.json`` holds, without its own hash.
    """

    def __init__(self, folder: Path, kind: str, word: str) -> None:
        """Take a folder of which nothing is known yet.

        Args:
            folder: the folder.
            kind: what its ``format`` says it is.
            word: what errors call it.
        """
        self.folder = folder
        self.document: dict[str, Any] = {"format": f"{kind}/{VERSION}"}
        self._kind = kind
        self._word = word

    @classmethod
    def load(cls, folder: Path, kind: str, word: str) -> "Manifest":
        """Read and check the manifest of a folder.

        Raises:
            UserError: there is none, it is damaged, or of something else.
        """
        manifest = cls(folder, kind, word)
        manifest.reload()
        return manifest

    @property
    def contents(self) -> dict[str, dict[str, Any]]:
        """What is said of each finished file, by path relative to the folder."""
        return self.document["contents"]

    def reload(self) -> bool:
        """Read the manifest again; return whether it has changed."""
        before = self.document
        self.document = self._read()
        return self.document != before

    def update(self, **facts: Any) -> None:
        """Change facts in memory; the next write keeps them."""
        self.document = {**self.document, **facts}

    def read_file(self, name: str) -> bytes:
        """Return a listed file's content, checked.

        Raises:
            UserError: it is not listed, or it is missing, torn or altered.
        """
        accounts = (self.contents, self.document["pending"])
        entries = [each[name] for each in accounts if name in each]
        if not entries:
            raise UserError(
                f"'{self.folder}' has no {name}. Run the command that makes it again, "
                "with the same configuration and folder."
            )
        hashes = {each["sha256"] for each in entries}
        return files.read_bytes(self.folder / name, hashes)

    def commit(
        self,
        write: Mapping[str, bytes],
        remove: Collection[str] = (),
        facts: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Write and list files, strike others off; safe against a kill at any time.

        Args:
            write: content by path relative to the folder.
            remove: files to strike off and then remove.
            facts: what to note beside the hash, by path.

        Raises:
            UserError: something cannot be written. What the manifest listed before
                is still there, as it was or, file by file, as it was to become.
        """
        self.settle()
        entries = {
            name: {
                "sha256": files.sha256(data),
                "bytes": len(data),
                **((facts or {}).get(name, {})),
            }
            for name, data in write.items()
        }
        replaced = {
            name: entry
            for name, entry in entries.items()
            if self.contents.get(name, entry)["sha256"] != entry["sha256"]
        }
        if replaced:
            self.save(self.contents, replaced)
        for name, data in write.items():
            files.make_folders((self.folder / name).parent)
            files.atomic_write_bytes(self.folder / name, data)
        kept = {
            name: each for name, each in self.contents.items() if name not in remove
        }
        self.save({**kept, **entries}, {})
        for name in remove:
            with contextlib.suppress(OSError):
                (self.folder / name).unlink()

    def settle(self) -> None:
        """Find out which pending files made it, after a kill or a failed write."""
        pending = self.document["pending"]
        if not pending:
            return
        contents = dict(self.contents)
        for name, entry in pending.items():
            with contextlib.suppress(DamagedFile):
                files.read_bytes(self.folder / name, {entry["sha256"]})
                contents[name] = entry
        self.save(contents, {})

    def save(self, contents: dict[str, Any], pending: dict[str, Any]) -> None:
        """Write ``manifest.json``, and only then believe it."""
        document = {**self.document, "contents": contents, "pending": pending}
        files.atomic_write_json(self.folder / NAME, files.sealed(document))
        self.document = document

    def _read(self) -> dict[str, Any]:
        folder, word = self.folder, self._word
        if not folder.is_dir():
            raise UserError(f"there is no {word} at '{folder}'. Check the path.")
        if not (folder / NAME).exists():
            inside = sorted(each.parent.name for each in folder.glob(f"*/{NAME}"))
            hint = f" It holds some: {', '.join(inside[:3])}." if inside else ""
            raise UserError(f"'{folder}' is not a {word}: it has no {NAME}.{hint}")
        document = files.read_sealed(folder / NAME)
        kind, _, version = str(document.get("format")).partition("/")
        if kind != self._kind:
            raise UserError(f"'{folder}' is not a {word} but a '{kind}'.")
        if not version.isdigit() or int(version) > VERSION:
            raise UserError(
                f"'{folder}' was written by a newer mesagym (format {version}, this "
                f"one reads {VERSION}). Update mesagym to read it."
            )
        for name in (*document["contents"], *document["pending"]):
            pure = PurePosixPath(name)
            if pure.is_absolute() or ".." in pure.parts or "\\" in name:
                raise DamagedFile(
                    f"'{folder / NAME}' names a file outside its folder: '{name}'."
                )
        return document
