"""Large values: sent before the call that names them, fetched and verified when a result is looked at."""

from __future__ import annotations

import contextlib
import mmap
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from blake3 import blake3

from farcall.client.errors import from_failure
from farcall.client.rest import Rest
from farcall.domain.errors import Failure
from farcall.link.transfers import PIECE_BYTES
from farcall.payload import digest_of

_KNOWN_SECONDS = 1200.0  # well below the time for which a hub pins an upload
_KNOWN_LIMIT = 10_000
_IN_MEMORY_BYTES = 256 * 1024 * 1024


class Noting:
    """A sink that sends nothing: it tells the digests, so that a call can be checked before anything leaves."""

    def __init__(self) -> None:
        self.digests: list[str] = []

    def put(self, data: bytes | memoryview) -> str:
        digest = digest_of(data)
        self.digests.append(digest)
        return digest


class Sending:
    """A sink that sends what was noted before, in the same order: digests of large values are not made twice.

    A value that was changed in between is refused by the hub, since its digest is another.
    """

    def __init__(self, blobs: Blobs, digests: list[str]) -> None:
        self._blobs = blobs
        self._digests = iter(digests)

    def put(self, data: bytes | memoryview) -> str:
        digest = next(self._digests, "") or digest_of(data)
        self._blobs.send(data, digest)
        return digest


class Blobs:
    """What one client has sent, and the source of what it gets. Safe with threads."""

    def __init__(self, rest: Rest, limit_bytes: int) -> None:
        self._rest = rest
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._sent: OrderedDict[str, float] = OrderedDict()

    def known(self, digest: str) -> bool:
        """Whether this client sent it a short while ago: then the hub still has it."""
        with self._lock:
            at = self._sent.get(digest)
        return at is not None and time.monotonic() - at < _KNOWN_SECONDS

    def send(self, data: bytes | memoryview, digest: str) -> None:
        """Upload, unless that was done a short while ago; raises FarcallError."""
        size = len(data)
        if size > self._limit_bytes:
            message = f"One value takes {size} bytes; the hub's limit is {self._limit_bytes}."
            raise from_failure(Failure("too_large", message, "Send it in parts."))
        if not self.known(digest):
            self._rest.upload(data, digest)
            with self._lock:
                self._sent[digest] = time.monotonic()
                self._sent.move_to_end(digest)
                if len(self._sent) > _KNOWN_LIMIT:
                    self._sent.popitem(last=False)

    def open(self, digest: str, size: int) -> bytes | memoryview:
        """The bytes, verified; very large ones are a map of a file that vanishes with its last user."""
        if size > self._limit_bytes:
            raise _bad(f"The result names a blob of {size} bytes; the hub's limit is {self._limit_bytes}.")
        if size > _IN_MEMORY_BYTES:
            with tempfile.TemporaryFile(prefix="farcall-") as file:
                buffer = memoryview(bytearray(PIECE_BYTES))
                self._receive(digest, size, lambda at: buffer, file.write)
                file.flush()
                return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY))
        memory = memoryview(_memory(size + 1))  # with room to see that there is too much
        self._receive(digest, size, lambda at: memory[at : at + PIECE_BYTES])
        return memory[:size]

    def _receive(
        self,
        digest: str,
        size: int,
        place: Callable[[int], memoryview],
        keep: Callable[[memoryview], object] = lambda piece: None,
    ) -> None:
        """Take what comes, each piece where `place` says for the number of bytes before it, and `keep` it.

        Raises FarcallError unless it is what the digest says.
        """
        hasher, received = blake3(), 0
        with self._rest.download(f"/v1/blobs/{digest}") as fill:
            while received <= size and (count := fill(buffer := place(received))):
                hasher.update(buffer[:count])
                keep(buffer[:count])
                received += count
        if received != size or f"blake3:{hasher.hexdigest()}" != digest:
            raise _bad("A part of the result arrived damaged: its digest is not the one that was promised.")


def _memory(size: int) -> mmap.mmap:
    """At least so many bytes, in large pages where there are such: a fault per 4 KiB takes longer than the copy."""
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, max(size, 1))
    memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory


def _bad(message: str) -> Exception:
    return from_failure(Failure("bad_result", message))
