"""Blobs and captured output in memory: the fakes of the ports in `hub.ports.files`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence

from blake3 import blake3

from farcall.domain.ids import INVOCATION_ID_BYTES, created_seconds, is_keyed
from farcall.hub.ports import BlobMismatch, Fill, LogLine

_DIGEST = re.compile(r"blake3:[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20


class MemoryBlobs:
    """The Blobs port on a dict."""

    def __init__(self) -> None:
        self._held: dict[str, bytes] = {}

    async def put(self, fill: Fill, expected: str | None, limit_bytes: int) -> tuple[str, int]:
        if expected is not None and not _DIGEST.fullmatch(expected):
            raise BlobMismatch(f"{expected!r} is no digest")
        data = bytearray()
        buffer = memoryview(bytearray(_CHUNK_BYTES))
        while count := await fill(buffer):
            data += buffer[:count]
            if len(data) > limit_bytes:
                raise OverflowError(f"the blob is larger than {limit_bytes} bytes")
        digest = f"blake3:{blake3(data).hexdigest()}"
        if expected not in (None, digest):
            raise BlobMismatch(f"these are the bytes of {digest}, not of {expected}")
        self._held[digest] = bytes(data)
        return digest, len(data)

    async def size(self, digest: str) -> int | None:
        held = self._held.get(digest)
        return None if held is None else len(held)

    async def chunks(self, digest: str, start: int = 0) -> AsyncIterator[memoryview]:
        held = memoryview(self._held[digest])
        for at in range(start, len(held), _CHUNK_BYTES):
            yield held[at : at + _CHUNK_BYTES]

    async def delete(self, digest: str) -> None:
        self._held.pop(digest, None)


class MemoryLogFiles:
    """The LogFiles port on a dict; an invocation's output is cut beyond `cap_characters`."""

    def __init__(self, cap_characters: int = 1 << 20) -> None:
        self._cap = cap_characters
        self._lines: dict[bytes, dict[tuple[int, int], LogLine]] = {}
        self._taken: dict[bytes, int] = {}

    def append(self, identifier: bytes, lines: Sequence[LogLine]) -> None:
        if len(identifier) != INVOCATION_ID_BYTES:
            return
        held = self._lines.setdefault(identifier, {})
        for line in lines:
            taken = self._taken.get(identifier, 0)
            if taken > self._cap:
                return
            self._taken[identifier] = taken = taken + len(line.text) + 1
            if taken > self._cap:
                line = LogLine(line.fence, line.seq, line.at, "cut", f"more than {self._cap} characters")
            held[line.fence, line.seq] = line

    async def read(self, identifier: bytes, after: tuple[int, int] | None = None) -> list[LogLine]:
        held = self._lines.get(identifier, {})
        return [held[place] for place in sorted(held) if after is None or place > after]

    async def delete(self, identifier: bytes) -> None:
        self._lines.pop(identifier, None)

    async def delete_before(self, wall_seconds: float) -> int:
        gone = 0
        for identifier, held in list(self._lines.items()):
            if is_keyed(identifier):
                kept = {place: line for place, line in held.items() if line.at >= wall_seconds}
            else:
                kept = held if created_seconds(identifier) >= wall_seconds else {}
            if kept:
                self._lines[identifier] = kept
            else:
                del self._lines[identifier]
                gone += 1
        return gone

    async def close(self) -> None:
        """Nothing waits."""
