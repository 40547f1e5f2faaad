"""How one process keeps the others from writing to the same folder."""

import contextlib
import fcntl
import os
import socket
from pathlib import Path

from mesagym.errors import UserError
from mesagym.tracking.files import explained


class Lock:
    """An exclusive hold on a folder, which ends with the process at the latest."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the folder free and remove the lock file. Twice does no harm."""
        if self._descriptor is None:
            return
        # Unlinked while still held: whoever waits on this file sees that it has
        # lost its name and opens the new one.
        try:
            with contextlib.suppress(OSError):
                self._path.unlink()
        finally:
            os.close(self._descriptor)
            self._descriptor = None


def acquire(path: Path) -> Lock:
    """Take the lock whose file is ``path``, without waiting.

    Raises:
        UserError: another process has it, or the file cannot be made.
    """
    while True:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            raise explained(error, path) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 200).decode(errors="replace").strip()
            os.close(descriptor)
            raise UserError(
                f"'{path.parent}' is in use by {holder or 'another process'}. "
                "Wait until it has ended, or choose another folder."
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise explained(error, path, "lock") from error
        if _is_current(path, descriptor):
            break
        os.close(descriptor)
    # The holder's number is a courtesy to whoever is refused: the lock holds
    # without it, so a full disk is no reason to stop here.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        line = f"process {os.getpid()} on {socket.gethostname()}\n"
        os.pwrite(descriptor, line.encode(), 0)
    return Lock(path, descriptor)


def _is_current(path: Path, descriptor: int) -> bool:
    """Whether the open file still bears its name (nobody removed it meanwhile)."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
