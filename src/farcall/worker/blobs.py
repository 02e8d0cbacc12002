"""Large values: those that arguments name are fetched once and kept, those of results are sent before their outcome."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3

from farcall.link import Address
from farcall.link.transfers import PIECE_BYTES, Broken, transfers
from farcall.wire import rest

_DIGEST: Final = re.compile(r"blake3:([0-9a-f]{64})")
_TRANSFERS: Final = 16
_SILENCE_SECONDS: Final = 60.0
_TRIES: Final = 5
_FIRST_PAUSE_SECONDS: Final = 0.2
_LEFT_BEHIND_SECONDS: Final = 7 * 24 * 3600

_stored = msgspec.json.Decoder(rest.Blob).decode


class BlobError(Exception):
    """A blob can't be had, or can't be stored; the message says why, as half a sentence."""


class Blobs:
    """Transfers to and from one hub, and the cache of what was fetched."""

    def __init__(
        self,
        address: Address,
        token: str,
        ca_file: str | None,
        cache: Path,
        outgoing: Path,
        cache_limit_bytes: int,
        blob_limit_bytes: int,
    ) -> None:
        self._transfers = transfers(address, token, ca_file, silence_seconds=_SILENCE_SECONDS)
        self._threads = ThreadPoolExecutor(_TRANSFERS, "farcall-blob")
        self._root = cache
        self._directory = cache / secrets.token_hex(8)
        self._outgoing = outgoing  # on the file system of the slots' spools, so that a claim is a rename
        self._cache_limit_bytes = cache_limit_bytes
        self._blob_limit_bytes = blob_limit_bytes
        self._cached: OrderedDict[str, int] = OrderedDict()  # digest to bytes, least recently used first
        self._pins: dict[str, int] = {}
        self._fetching: dict[str, asyncio.Task[None]] = {}

    # -- arguments -----------------------------------------------------------------------------------------------------

    async def fetch(self, wanted: Sequence[tuple[str, int]]) -> dict[str, str]:
        """Digest to path for all of these (digest, bytes); they stay there until `unpin`. Raises BlobError."""
        for digest, _ in wanted:
            self._pins[digest] = self._pins.get(digest, 0) + 1
        try:
            await asyncio.gather(*(self._have(digest, size) for digest, size in wanted))
        except BaseException:
            self.unpin(digest for digest, _ in wanted)
            raise
        return {digest: str(self._path(digest)) for digest, _ in wanted}

    def unpin(self, digests: object) -> None:
        """These are not needed any more by one attempt."""
        for digest in digests:  # type: ignore[attr-defined]  # any iterable of digests
            left = self._pins.get(digest, 0) - 1
            if left > 0:
                self._pins[digest] = left
            else:
                self._pins.pop(digest, None)
        self._evict()

    async def _have(self, digest: str, size: int) -> None:
        if digest in self._cached:
            self._cached.move_to_end(digest)
            return
        task = self._fetching.get(digest)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._download(digest, size))
            self._fetching[digest] = task
            task.add_done_callback(lambda _: self._fetching.pop(digest, None))
        await asyncio.shield(task)

    async def _download(self, digest: str, size: int) -> None:
        if size > self._blob_limit_bytes:
            raise BlobError(f"{digest} has {size} bytes; the limit is {self._blob_limit_bytes}")
        self._make_directory()
        path = self._path(digest)
        temporary = path.with_suffix(".part")
        try:
            await self._retried(self._get, digest, size, temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        self._cached[digest] = size
        self._evict()

    def _get(self, digest: str, size: int, path: Path) -> None:
        hasher = blake3()
        received = 0
        buffer = memoryview(bytearray(min(size + 1, PIECE_BYTES)))
        with self._transfers.get(f"/v1/blobs/{digest}") as answer:
            _check(answer.status, digest)
            with path.open("wb") as file:
                while received <= size and (count := answer.fill(buffer)):
                    received += count
                    hasher.update(buffer[:count])
                    file.write(buffer[:count])
        if received != size or f"blake3:{hasher.hexdigest()}" != digest:
            raise BlobError(f"what the hub sent is not {digest}")

    # -- results -------------------------------------------------------------------------------------------------------

    def claim(self, spool: Path, digest: str) -> Path:
        """Move a slot's file out of its reach; raises BlobError if there is none, or it is no plain file."""
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise BlobError("the function's process named no digest")
        self._outgoing.mkdir(mode=0o700, exist_ok=True)
        claimed = self._outgoing / f"{match[1]}.{secrets.token_hex(4)}"
        try:
            os.rename(spool / match[1], claimed)
        except OSError:
            raise BlobError("the function's process named a part that it has not written") from None
        if claimed.is_symlink() or not claimed.is_file():
            claimed.unlink()
            raise BlobError("the function's process named a part that is no file")
        return claimed

    async def upload(self, file: Path, digest: str) -> None:
        """Send a file, to be known by `digest`; raises BlobError if the hub refuses, or finds another digest."""
        await self._retried(self._post, file, digest)

    def _post(self, file: Path, digest: str) -> None:
        size = os.stat(file).st_size
        if size > self._blob_limit_bytes:
            raise BlobError(f"a part has {size} bytes; the limit is {self._blob_limit_bytes}")
        with file.open("rb") as source:
            status, body = self._transfers.post("/v1/blobs", source, size, digest)
        _check(status, digest)
        try:
            stored = _stored(body).digest
        except msgspec.DecodeError:
            raise _Again("its answer was no hub's") from None
        if stored != digest:
            raise BlobError("a part was not what the function's process said it was")

    # -- both ----------------------------------------------------------------------------------------------------------

    async def _retried(self, transfer: Callable[..., None], *arguments: object) -> None:
        """Run it in a thread, again if the hub is not well."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE_SECONDS
        for left in range(_TRIES - 1, -1, -1):
            try:
                await loop.run_in_executor(self._threads, transfer, *arguments)
                return
            except (Broken, _Again) as error:
                if not left:
                    raise BlobError(f"the hub could not be reached ({error})") from None
                await asyncio.sleep(pause)
                pause *= 2
            except OSError as error:
                raise BlobError(f"the cache could not be written ({error.strerror})") from None

    def _path(self, digest: str) -> Path:
        return self._directory / digest.rpartition(":")[2]

    def _evict(self) -> None:
        total = sum(self._cached.values())
        for digest, size in list(self._cached.items()):
            if total <= self._cache_limit_bytes:
                return
            if digest not in self._pins:
                del self._cached[digest]
                self._path(digest).unlink(missing_ok=True)
                total -= size

    def _make_directory(self) -> None:
        if self._directory.exists():
            return
        self._directory.mkdir(parents=True, mode=0o700)
        for other in self._root.iterdir():  # of workers that were killed long ago
            if time.time() - other.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                shutil.rmtree(other, ignore_errors=True)

    async def close(self) -> None:
        """End transfers and remove the cache."""
        for task in list(self._fetching.values()):
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)
        self._transfers.close()
        await asyncio.get_running_loop().run_in_executor(
            None, self._threads.shutdown
        )  # at once, now that they are broken
        shutil.rmtree(self._directory, ignore_errors=True)


class _Again(Exception):
    """The hub is not well now."""


def _check(status: int, digest: str) -> None:
    if status < 300:
        return
    if status >= 500 or status == 429:
        raise _Again(f"status {status}")
    raise BlobError(f"the hub refused {digest} with status {status}")
