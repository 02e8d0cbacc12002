"""Large values by digest: upload, read through a reference, collect.

A digest is no capability: whether a blob exists is said only to those who may read it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable

from farcall.domain import access
from farcall.domain.errors import Refused
from farcall.hub import ports

DIGEST = re.compile(r"blake3:[0-9a-f]{64}")
_COLLECTED_AT_ONCE = 500


class BlobRoom:
    """Uploads are pinned for `pin_seconds`, so that an invocation can come to name them.

    `needing(account, digest)` tells of which versions a worker of the account holds an attempt whose arguments name the
    blob: it may have been offered before its invocation was committed.
    """

    def __init__(
        self,
        store: ports.Store,
        blobs: ports.Blobs,
        *,
        limit_bytes: int = 1 << 30,
        pin_seconds: float = 3600.0,
        needing: Callable[[int, str], Iterable[int]] = lambda _account, _digest: (),
    ) -> None:
        self._store = store
        self._blobs = blobs
        self.limit_bytes = limit_bytes
        self._pin_seconds = pin_seconds
        self._needing = needing
        self._pinning: Counter[str] = Counter()  # put, but its pin is not committed yet
        self._collecting = False
        self._spared: set[str] = set()  # pinned during a collection, which may have listed them before
        self._deleting: dict[str, asyncio.Event] = {}  # under way; set when it is done

    async def upload(self, subject: access.Subject, fill: ports.Fill, expected: str | None = None) -> tuple[str, int]:
        """Store what comes; returns (digest, size). Raises Refused (too_large, invalid_request)."""
        if not (access.has_scope(subject, "invoke") or access.has_scope(subject, "serve")):
            raise Refused("permission_denied", "This token may neither call nor serve, so it may not upload.")
        try:
            digest, size = await self._blobs.put(fill, expected, self.limit_bytes)
        except OverflowError:
            raise Refused("too_large", f"A blob has at most {self.limit_bytes} bytes.") from None
        except ports.BlobMismatch as error:
            raise Refused("invalid_request", f"{error}".rstrip(".") + ".") from None
        self._pinning[digest] += 1
        try:
            expires_at = time.time() + self._pin_seconds
            token = subject.token if subject.only else 0
            await self._store.do(ports.PinBlob(digest, size, subject.key, expires_at, token))
            if self._collecting:
                self._spared.add(digest)
        finally:
            self._pinning[digest] -= 1
            if not self._pinning[digest]:
                del self._pinning[digest]
        if digest in self._deleting:
            await self._deleting[digest].wait()
        if await self._blobs.size(digest) is None:  # an earlier upload of the same bytes was collected just then
            raise Refused("hub_unavailable", "The blob was collected while it came in.", "Upload it again.")
        return digest, size

    async def open(self, subject: access.Subject, digest: str, start: int = 0) -> tuple[int, AsyncIterator[memoryview]]:
        """Size of the whole and its bytes from `start` on; raises Refused (not_found).

        Each chunk is valid until the next is asked for.
        """
        size = await self.size(subject, digest)
        return size, self._blobs.chunks(digest, start)

    async def size(self, subject: access.Subject, digest: str) -> int:
        """Bytes of a blob that the subject may read, and so may name in a call; raises Refused (not_found)."""
        if DIGEST.fullmatch(digest):
            size = await self._blobs.size(digest) if await self._readable(subject, digest) else None
            if size is not None:
                return size
        raise Refused("not_found", f"There is no blob {digest[:80]}, or you may not know of it.")

    async def _readable(self, subject: access.Subject, digest: str) -> bool:
        if await needed_within(self._store, subject, self._needing(subject.key, digest)):
            return True
        for account in subject.owned_accounts:
            if await self._store.blob_readable(digest, account, subject.token, subject.only):
                return True
        return False

    async def collect(self, now: float) -> int:
        """Delete what has neither reference nor live pin; returns how many. One at a time."""
        if self._collecting:
            return 0
        self._collecting = True
        collected = 0
        try:
            while True:
                digests = await self._store.do(ports.CollectBlobs(now, _COLLECTED_AT_ONCE))
                for digest in digests:
                    if digest not in self._pinning and digest not in self._spared:
                        await self._delete(digest)
                        collected += 1
                if len(digests) < _COLLECTED_AT_ONCE:
                    return collected
        finally:
            self._collecting = False
            self._spared.clear()

    async def _delete(self, digest: str) -> None:
        done = self._deleting[digest] = asyncio.Event()
        try:
            await self._blobs.delete(digest)
        finally:
            del self._deleting[digest]
            done.set()


async def needed_within(store: ports.Store, subject: access.Subject, versions: Iterable[int]) -> bool:
    """Whether one of the versions whose attempts need a blob lies within the limits of the subject."""
    for version in versions:
        row = await store.version(key=version) if subject.only else None
        if not subject.only or (row is not None and access.within(subject, row.name)):
            return True
    return False
