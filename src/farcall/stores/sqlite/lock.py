"""One hub per data directory: an advisory lock that the operating system drops with the process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from farcall.hub.ports import StoreUnusable

_LOCK_NAME = "hub.lock"


class DirectoryLock:
    """Held from `acquire` until `release` or the end of the process."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _LOCK_NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Make the directory if need be, and lock it. Raises StoreUnusable."""
        directory = self._path.parent
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreUnusable(
                f"The data directory {directory} is not writable ({error.strerror}); "
                "choose another one, or give this user the right to write there."
            ) from error
        if not _try_lock(descriptor):
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() if sys.platform != "win32" else ""
            os.close(descriptor)
            who = f"the process {holder}" if holder else "another process"
            raise StoreUnusable(
                f"The data directory {directory} is in use by another hub ({who}); "
                "stop that one, or choose another directory."
            )
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
        self._descriptor = descriptor

    def release(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    # Far beyond the text, since Windows forbids others to read what is locked.
    _LOCKED_AT = 1 << 20

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_AT, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
