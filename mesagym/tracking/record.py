"""How a folder of finished files is made, taken up again, read and closed."""

import contextlib
import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from mesagym.errors import UserError
from mesagym.tracking import configuration, files, lock, tables
from mesagym.tracking.manifest import NAME as MANIFEST
from mesagym.tracking.manifest import OWN_KEYS, Manifest

CONFIG = "config.yaml"
LOCK = ".lock"

# What may already lie in a folder that is to become a record: what a process left
# that was killed before its manifest, and what Hydra puts there before it starts us.
_HARMLESS = frozenset({LOCK, ".hydra"})
# Folders in a record that keep their own account, or that others write.
_FOREIGN = frozenset({"evaluations", "wandb", ".hydra"})

R = TypeVar("R", bound="Record")


class Record:
    """A folder with a manifest. Made by ``open``, ``reopen`` or ``read``.

    Attributes:
        path: the folder.
        is_new: whether this call made it.
    """

    kind: ClassVar[str] = "record"
    word: ClassVar[str] = "folder"

    path: Path
    is_new: bool

    def __init__(self, account: Manifest, held: lock.Lock | None) -> None:
        self.path = account.folder
        self.is_new = False
        self._manifest = account
        self._lock = held

    # Opening

    @classmethod
    def open(
        cls: type[R],
        path: str | Path,
        config: Mapping[str, Any],
        *,
        manifest: Mapping[str, Any],
        identity: Mapping[str, Any] | None = None,
    ) -> R:
        """Create a folder, or take up again one of the same configuration.

        Args:
            path: the folder; those above it are made too.
            config: the whole configuration, kept as ``config.yaml``.
            manifest: facts to keep in ``manifest.json``: versions, device, seeds.
                Facts that have changed when a folder is taken up again are kept
                beside the first ones, under ``resumed``.
            identity: the part of ``config`` that changes results; all of it if
                None. It decides whether an existing folder is the same run.

        Raises:
            UserError: another configuration, in use, not a record, damaged, not
                writable. Nothing is then left behind.
            ValueError: ``manifest`` uses a key that the record keeps for itself.
        """
        path = Path(path)
        kept = files.plain(config, finite=False)
        facts = files.plain(manifest)
        wanted = configuration.canonical(config if identity is None else identity)
        if clash := OWN_KEYS & facts.keys():
            raise ValueError(f"manifest keys {sorted(clash)} are the record's own")
        # Looked at before anything is written, so that a refusal leaves no trace.
        cls._existing(path, wanted)
        made = files.make_folders(path)
        try:
            held = lock.acquire(path / LOCK)
            try:
                account = cls._existing(path, wanted)
                if account is None:
                    return cls._created(path, kept, wanted, facts, held)
                return cls._resumed(account, kept, facts, held)
            except BaseException:
                held.release()
                raise
        except BaseException:
            files.remove_folders(made)
            raise

    @classmethod
    def check(cls, path: str | Path, identity: Mapping[str, Any]) -> bool:
        """Refuse what ``open`` would refuse because of what lies there; write nothing.

        Args:
            path: the folder.
            identity: as that of ``open``.

        Returns:
            whether a complete record of the same configuration is there.

        Raises:
            UserError: another configuration, not a record, damaged.
        """
        account = cls._existing(Path(path), configuration.canonical(identity))
        return account is not None and cls(account, None).completed

    @classmethod
    def reopen(cls: type[R], path: str | Path) -> R:
        """Open an existing folder for writing, whatever its configuration.

        For what is added to a finished run: figures, films, a report.

        Raises:
            UserError: missing, in use, damaged, not writable.
        """
        path = Path(path)
        cls._load(path)
        held = lock.acquire(path / LOCK)
        try:
            record = cls(cls._load(path), held)
            record._recover()
        except BaseException:
            held.release()
            raise
        return record

    @classmethod
    def read(cls: type[R], path: str | Path) -> R:
        """Open an existing folder for reading: no lock, no write.

        Works while another process writes to it. Files are checked against their
        hashes when they are read; :meth:`verify` checks them all at once.

        Raises:
            UserError: there is none; its manifest or configuration is damaged.
        """
        record = cls(cls._load(Path(path)), None)
        record.read_file(CONFIG)
        return record

    @classmethod
    def _load(cls, path: Path) -> Manifest:
        """Read and check the manifest of a folder of this kind."""
        return Manifest.load(path, cls.kind, cls.word)

    @classmethod
    def _existing(cls, path: Path, identity: Any) -> Manifest | None:
        """Return the manifest at ``path``, None where a record can be made."""
        try:
            found = sorted(os.listdir(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise files.explained(error, path, "use") from error
        if MANIFEST not in found:
            foreign = [
                name
                for name in found
                if name not in _HARMLESS
                and not name.startswith(files.TEMPORARY)
                and not name.endswith(".log")
            ]
            if foreign:
                raise UserError(
                    f"'{path}' exists, is not empty ({', '.join(foreign[:3])}"
                    f"{', …' if len(foreign) > 3 else ''}) and is not a {cls.word}. "
                    "Choose another folder."
                )
            return None
        account = cls._load(path)
        difference = configuration.difference(account.document["identity"], identity)
        if difference:
            raise UserError(
                f"'{path}' belongs to another configuration: {difference}. "
                "Choose another folder, or set these keys as they are there."
            )
        return account

    @classmethod
    def _created(
        cls: type[R],
        path: Path,
        config: dict[str, Any],
        identity: Any,
        facts: dict[str, Any],
        held: lock.Lock,
    ) -> R:
        """Make a new record in a locked folder, or leave nothing there."""
        account = Manifest(path, cls.kind, cls.word)
        account.update(
            id=secrets.token_hex(6),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            config_hash=configuration.config_hash(identity),
            **facts,
            identity=identity,
            resumed=[],
            contents={},
            pending={},
        )
        record = cls(account, held)
        record.is_new = True
        try:
            record._clean()
            # The manifest makes it a record: from there on, a killed process has
            # left something that the same command takes up again.
            account.save({}, {})
            record._commit({CONFIG: configuration.to_yaml(config)})
        except BaseException:
            for name in (MANIFEST, CONFIG):
                with contextlib.suppress(OSError):
                    (path / name).unlink()
            raise
        return record

    @classmethod
    def _resumed(
        cls: type[R],
        account: Manifest,
        config: dict[str, Any],
        facts: dict[str, Any],
        held: lock.Lock,
    ) -> R:
        """Take up a record in a locked folder."""
        record = cls(account, held)
        record._recover()
        if record.completed:
            return record
        first = account.document
        changed = {key: each for key, each in facts.items() if first.get(key) != each}
        account.update(resumed=[*account.document["resumed"], changed])
        record._commit({CONFIG: configuration.to_yaml(config)})
        return record

    # Closing

    def close(self) -> None:
        """Give the folder free. Twice does no harm."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self: R) -> R:
        """Return the record itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the folder free."""
        self.close()

    # What it says of itself

    @property
    def id(self) -> str:
        """A name of 12 hexadecimal digits, drawn when the record was made."""
        return self._manifest.document["id"]

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, read from ``config.yaml`` and checked."""
        return configuration.from_yaml(self.read_file(CONFIG))

    @property
    def config_hash(self) -> str:
        """The hash of the part of the configuration that changes results."""
        return self._manifest.document["config_hash"]

    @property
    def manifest(self) -> dict[str, Any]:
        """A copy of ``manifest.json``, without its own hash."""
        return files.plain(self._manifest.document)

    @property
    def contents(self) -> tuple[str, ...]:
        """The finished files, as paths relative to the folder."""
        return tuple(self._manifest.contents)

    @property
    def completed(self) -> bool:
        """Whether ``summary.json`` is there and says so."""
        if "summary.json" not in self.contents:
            return False
        return self.read_summary().get("complete") is True

    def verify(self) -> None:
        """Check every finished file against its hash.

        Raises:
            UserError: names the first file that is missing, torn or altered.
        """
        for name in self.contents:
            self.read_file(name)

    # Files

    def read_file(self, name: str) -> bytes:
        """Return a finished file's content, checked.

        Args:
            name: its path relative to the folder, with ``/``.

        Raises:
            UserError: there is no such file, or it is damaged.
        """
        try:
            return self._manifest.read_file(name)
        except UserError:
            # Where another process writes, our copy of the manifest may be old.
            if self._lock is not None or not self._manifest.reload():
                raise
            return self._manifest.read_file(name)

    def write_file(self, name: str, content: bytes | str) -> Path:
        """Write a file atomically and list it; return where it is.

        Args:
            name: its path relative to the folder, with ``/``: ``films/seed-0.gif``.
            content: bytes, or text to encode as UTF-8.

        Raises:
            UserError: not writable, full disk.
        """
        if name in (MANIFEST, CONFIG, LOCK):
            raise ValueError(f"'{name}' is the record's own file")
        self._commit({name: content.encode() if isinstance(content, str) else content})
        return self.path / name

    def write_outcomes(
        self,
        outcomes: Mapping[str, Any] | Sequence[Mapping[str, Any]] | tables.Table,
    ) -> None:
        """Write ``outcomes.parquet``: one row an episode.

        Args:
            outcomes: columns by name, rows, or a ``pyarrow.Table``.
        """
        table = tables.as_table(outcomes)
        self._commit({"outcomes.parquet": tables.table_to_bytes(table)})

    def read_outcomes(self) -> tables.Table:
        """Return ``outcomes.parquet`` as a ``pyarrow.Table``."""
        return tables.bytes_to_table(self.read_file("outcomes.parquet"))

    def write_summary(
        self, summary: Mapping[str, Any], *, complete: bool = True
    ) -> None:
        """Write ``summary.json``, the last thing that a finished run writes.

        Args:
            summary: nested mappings, lists and scalars; NaN becomes null.
            complete: what :attr:`completed` will say.
        """
        document = {**summary, "complete": complete}
        self._commit({"summary.json": files.json_text(document).encode()})

    def read_summary(self) -> dict[str, Any]:
        """Return ``summary.json``."""
        name = "summary.json"
        return files.parse_json(self.read_file(name), self.path / name)

    # Shared with the kinds of record

    def _commit(
        self,
        write: Mapping[str, bytes],
        remove: Collection[str] = (),
        facts: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Write and list files, strike others off; see ``Manifest.commit``."""
        self._writing()
        self._manifest.commit(write, remove, facts)

    def _writing(self) -> None:
        if self._lock is None:
            raise RuntimeError(f"'{self.path}' was opened for reading, or is closed")

    def _recover(self) -> None:
        """Put in order what a killed process left."""
        self._manifest.settle()
        self._clean()

    def _clean(self) -> None:
        """Remove temporary files."""
        for path in files.leftovers(self.path, _FOREIGN):
            with contextlib.suppress(OSError):
                path.unlink()
