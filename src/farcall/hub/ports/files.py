"""What is too large for the store: blobs, and what functions print."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class BlobMismatch(ValueError):
    """What was uploaded is not what its digest says."""


class Blobs(Protocol):
    """Bytes addressed by digest (`blake3:<hex>`). Puts are atomic: a blob is there in full or not at all."""

    async def put(self, chunks: AsyncIterator[bytes], expected: str | None, limit_bytes: int) -> tuple[str, int]:
        """Store; returns (digest, size). Raises BlobMismatch, or OverflowError beyond the limit; then leaves nothing
        behind."""

    async def size(self, digest: str) -> int | None: ...

    def chunks(self, digest: str, start: int = 0) -> AsyncIterator[bytes]:
        """Stream it; raises KeyError."""

    async def delete(self, digest: str) -> None:
        """Idempotent."""


@dataclass(slots=True, frozen=True)
class LogLine:
    """One piece of output; (fence, seq) is its place. A marker line has the stream `cut`."""

    fence: int
    seq: int
    at: float
    stream: str
    text: str


class LogFiles(Protocol):
    """Captured output per invocation, in capped files outside the store's writer."""

    def append(self, identifier: bytes, lines: Sequence[LogLine]) -> None:
        """Queue; never blocks the hub's thread. Beyond the cap one marker says that it was cut."""

    async def read(self, identifier: bytes, after: tuple[int, int] | None = None) -> list[LogLine]:
        """Lines after (fence, seq), in order."""

    async def delete(self, identifier: bytes) -> None: ...

    async def delete_before(self, wall_seconds: float) -> int:
        """Retention: drop the output of invocations that were made before; returns how many files went. What was made
        up to an hour before may stay."""

    async def close(self) -> None: ...
