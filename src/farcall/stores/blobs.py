"""Bytes as files, by digest: `ab/cdef…` below one directory, written beside and renamed, so never seen half."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from blake3 import blake3

from farcall.hub.ports import BlobMismatch, StoreFailed
from farcall.stores.writeback import start_write_back

_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")
_PREFIX = "blake3:"
_UNFINISHED = "unfinished"
# Large enough that going to another thread does not count, small enough to hold one per upload.
_STEP_BYTES = 1 << 20
_CHUNKS_AS_THEY_ARE = 64  # of a step; more of them are joined, since each costs a call
_WRITE_BACK_BYTES = 8 << 20
_BINARY = getattr(os, "O_BINARY", 0)  # Windows only
_READ = os.O_RDONLY | _BINARY
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

    async def put(self, chunks: AsyncIterator[bytes], expected: str | None, limit_bytes: int) -> tuple[str, int]:
        """Store; returns (digest, size). Raises BlobMismatch, OverflowError beyond `limit_bytes`, or StoreFailed
        (full disk); then it leaves nothing behind.

        One step is hashed and written while the next comes in; what is there already is only hashed.
        """
        if expected is not None and not _DIGEST.fullmatch(expected):
            raise BlobMismatch(f"{expected[:80]!r} is no digest; they look like blake3: and 64 hexadecimal digits")
        known = self.path(expected) if expected is not None else None
        upload = _Upload(self._unfinished / secrets.token_hex(16) if known is None else None)
        writing: asyncio.Task[None] | None = None
        size = 0
        try:
            await _on_disk(upload.open)
            held: list[bytes] = []
            waiting = 0
            async for chunk in chunks:
                waiting += len(chunk)
                if size + waiting > limit_bytes:
                    raise OverflowError(f"the blob is larger than the limit of {limit_bytes} bytes")
                held.append(chunk)
                if waiting >= _STEP_BYTES:
                    if writing is not None:
                        await writing
                    writing = asyncio.ensure_future(_on_disk(upload.write, held))
                    size += waiting
                    held, waiting = [], 0
            if writing is not None:
                await writing
            await _on_disk(upload.write, held)
            digest = upload.digest
            if expected is not None and digest != expected:
                raise BlobMismatch(f"the bytes that came are {digest}, not {expected}")
            await _on_disk(upload.keep, self._sure_place(digest))
        finally:
            if writing is not None:
                await asyncio.gather(writing, return_exceptions=True)
            await _on_disk(upload.abandon)
        return digest, size + waiting

    async def size(self, digest: str) -> int | None:
        """In bytes; None if it is not here."""
        place = self._place(digest)
        if place is None:
            return None
        try:
            return (await asyncio.get_running_loop().run_in_executor(None, os.stat, place)).st_size
        except FileNotFoundError:
            return None

    async def chunks(self, digest: str, start: int = 0) -> AsyncIterator[bytes]:
        """Stream it from byte `start`, in pieces of at most 1 MiB; raises KeyError if it is not here."""
        place = self._place(digest)
        if place is None:
            raise KeyError(digest)
        loop = asyncio.get_running_loop()
        try:
            descriptor = await loop.run_in_executor(None, os.open, place, _READ)
        except FileNotFoundError:
            raise KeyError(digest) from None
        try:
            os.lseek(descriptor, start, os.SEEK_SET)
            while chunk := await loop.run_in_executor(None, os.read, descriptor, _STEP_BYTES):
                yield chunk
        finally:
            os.close(descriptor)

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

    All methods block, and are called one after the other; but `abandon` may come while another is still at work, in a
    thread that nobody waits for any more.
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

    def write(self, chunks: list[bytes]) -> None:
        with self._lock:
            for data in chunks if len(chunks) <= _CHUNKS_AS_THEY_ARE else [b"".join(chunks)]:
                self._hash.update(data)
                view = memoryview(data)
                while view and self._descriptor >= 0:
                    view = view[os.write(self._descriptor, view) :]
                self._size += len(data)
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
