"""What is too large for the store: blobs, and what functions print."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias


class BlobMismatch(ValueError):
    """What was uploaded is not what its digest says."""


Fill: TypeAlias = Callable[[memoryview], Awaitable[int]]
"""Puts the next bytes at the beginning of a buffer; returns how many, and 0 at the end, however often it is asked."""


class Blobs(Protocol):
    """Bytes addressed by digest (`blake3:<hex>`). Puts are atomic: a blob is there in full or not at all."""

    async def put(self, fill: Fill, expected: str | None, limit_bytes: int) -> tuple[str, int]:
        """Store what `fill` gives; returns (digest, size).

        Raises BlobMismatch, or OverflowError beyond the limit; then leaves nothing behind.
        """

    async def size(self, digest: str) -> int | None: ...

    def chunks(self, digest: str, start: int = 0) -> AsyncIterator[memoryview]:
        """Stream it; raises KeyError. Each chunk is valid until the next is asked for."""

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
