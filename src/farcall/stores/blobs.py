"""Bytes as files, by digest: `ab/cdef…` below one directory, written beside and renamed, so never seen half."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from io import FileIO
from pathlib import Path
from typing import Any

from blake3 import blake3

from farcall.hub.ports import BlobMismatch, Fill, StoreFailed
from farcall.stores.writeback import start_write_back

_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")
_PREFIX = "blake3:"
_UNFINISHED = "unfinished"
# Large enough that going to another thread does not count, small enough to hold two per transfer.
_STEP_BYTES = 1 << 20
_WRITE_BACK_BYTES = 8 << 20
_BINARY = getattr(os, "O_BINARY", 0)  # Windows only
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY


class FileBlobs:
    """The Blobs port on the directory `root`. Files are on the disk before `put` returns."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / _UNFINISHED

    def prepare(self) -> None:
        """Make the directory and remove what uploads left behind when the hub died. Call before the first `put`."""
        self._unfinished.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self._unfinished.iterdir():
            leftover.unlink(missing_ok=True)

    def path(self, digest: str) -> Path | None:
        """Where the bytes lie, for whoever sends or maps a whole file without copying; None if they are not here.

        The file is never changed; it may be deleted, which does not disturb who has it open.
        """
        place = self._place(digest)
        return place if place is not None and place.is_file() else None

    async def put(self, fill: Fill, expected: str | None, limit_bytes: int) -> tuple[str, int]:
        """Store; returns (digest, size). Raises BlobMismatch, OverflowError beyond `limit_bytes`, or StoreFailed
        (full disk); then it leaves nothing behind.

        One step is hashed and written, each in a thread, while the next comes in; what is there already is only hashed.
        """
        if expected is not None and not _DIGEST.fullmatch(expected):
            raise BlobMismatch(f"{expected[:80]!r} is no digest; they look like blake3: and 64 hexadecimal digits")
        known = self.path(expected) if expected is not None else None
        upload = _Upload(self._unfinished / secrets.token_hex(16) if known is None else None)
        writing: asyncio.Task[None] | None = None
        size = 0
        coming, other = _buffers()
        try:
            await _on_disk(upload.open)
            while count := await _filled(fill, coming):
                size += count
                if size > limit_bytes:
                    raise OverflowError(f"the blob is larger than the limit of {limit_bytes} bytes")
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(upload.take(coming[:count]))
                coming, other = other, coming
            if writing is not None:
                await writing
            digest = upload.digest
            if expected is not None and digest != expected:
                raise BlobMismatch(f"the bytes that came are {digest}, not {expected}")
            await _on_disk(upload.keep, self._sure_place(digest))
        finally:
            if writing is not None:
                await asyncio.gather(writing, return_exceptions=True)
            await _on_disk(upload.abandon)
        return digest, size

    async def size(self, digest: str) -> int | None:
        """In bytes; None if it is not here."""
        place = self._place(digest)
        if place is None:
            return None
        try:
            return (await asyncio.get_running_loop().run_in_executor(None, os.stat, place)).st_size
        except FileNotFoundError:
            return None

    async def chunks(self, digest: str, start: int = 0) -> AsyncIterator[memoryview]:
        """Stream it from byte `start`, in pieces of at most 1 MiB, each valid until the next is asked for; raises
        KeyError if it is not here. One is read while the one before is on its way.
        """
        place = self._place(digest)
        if place is None:
            raise KeyError(digest)
        in_thread = functools.partial(asyncio.get_running_loop().run_in_executor, None)
        reading = _Download()
        try:
            await in_thread(reading.open, place, start)
            going, other = _buffers()
            following = in_thread(reading.read, going)
            while count := await following:
                following = in_thread(reading.read, other)
                yield going[:count]
                going, other = other, going
        except FileNotFoundError:
            raise KeyError(digest) from None
        finally:
            reading.close()

    async def delete(self, digest: str) -> None:
        """Idempotent."""
        place = self._place(digest)
        if place is not None:
            await asyncio.get_running_loop().run_in_executor(None, _remove, place)

    def _place(self, digest: str) -> Path | None:
        """None for what is no digest: nothing else may become part of a path."""
        return self._sure_place(digest) if _DIGEST.fullmatch(digest) else None

    def _sure_place(self, digest: str) -> Path:
        text = digest.removeprefix(_PREFIX)
        return self._root / text[:2] / text[2:]


class _Upload:
    """A file that grows, or without a `path` only its digest.

    All methods but `take` block, and are called one after the other; but `abandon` may come while another is still at
    work, in a thread that nobody waits for any more.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor = -1
        self._hash = blake3()
        self._size = 0
        self._started = 0
        self._lock = threading.Lock()

    @property
    def digest(self) -> str:
        return _PREFIX + self._hash.hexdigest()

    def open(self) -> None:
        if self._path is not None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, _CREATE, 0o600)

    async def take(self, data: memoryview) -> None:
        """Hash and write; raises StoreFailed."""
        hashing = _on_disk(self._take, data)
        if self._path is None:
            await hashing
        else:
            await asyncio.gather(hashing, _on_disk(self._write, data))

    def _take(self, data: memoryview) -> None:
        self._hash.update(data)

    def _write(self, data: memoryview) -> None:
        with self._lock:
            while data and self._descriptor >= 0:
                written = os.write(self._descriptor, data)
                data = data[written:]
                self._size += written
            if self._descriptor >= 0 and self._size - self._started >= _WRITE_BACK_BYTES:
                start_write_back(self._descriptor, self._started, self._size - self._started)
                self._started = self._size

    def keep(self, place: Path) -> None:
        """Give the file its name, durably."""
        with self._lock:
            if self._descriptor >= 0 and self._path is not None:
                os.fsync(self._descriptor)
                self._close()
                place.parent.mkdir(mode=0o700, exist_ok=True)
                os.replace(self._path, place)
            _sync_directory(place.parent)
            _sync_directory(place.parent.parent)

    def abandon(self) -> None:
        """Close and remove what is left; nothing, if it was kept."""
        with self._lock:
            self._close()
            if self._path is not None:
                self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class _Download:
    """A file that is read. All methods block; `close` may come while another is still at work, see `_Upload`."""

    def __init__(self) -> None:
        self._file: FileIO | None = None
        self._closed = False
        self._lock = threading.Lock()

    def open(self, path: Path, start: int) -> None:
        with self._lock:
            if not self._closed:
                self._file = path.open("rb", buffering=0)
                self._file.seek(start)

    def read(self, buffer: memoryview) -> int:
        with self._lock:
            return 0 if self._file is None or self._closed else self._file.readinto(buffer) or 0

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()


def _buffers() -> tuple[memoryview, memoryview]:
    return memoryview(bytearray(_STEP_BYTES)), memoryview(bytearray(_STEP_BYTES))


async def _filled(fill: Fill, buffer: memoryview) -> int:
    """Bytes that came; fewer than the buffer takes only at the end."""
    held = 0
    while held < len(buffer) and (count := await fill(buffer[held:])):
        held += count
    return held


async def _on_disk(work: Callable[..., None], *arguments: Any) -> None:
    """In a thread; errors of the disk, and only those, are the store's failure."""
    try:
        await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    except OSError as error:
        raise StoreFailed(f"the blob cannot be written: {error.strerror or error}") from error


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":
        return  # directories cannot be opened there, and renames are journalled
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(place: Path) -> None:
    place.unlink(missing_ok=True)
