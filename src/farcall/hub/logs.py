"""Captured output: taken from workers, read and followed by callers and owners. The lines live outside the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from farcall.domain import access
from farcall.hub import ports
from farcall.hub.records import Records
from farcall.wire import frames

TEXT_LIMIT = 64 * 1024  # characters of one piece
_STREAMS = frozenset({"stdout", "stderr", "log"})
_LOOK_SECONDS = 1.0  # how often a follower looks whether the invocation has ended


class Logs:
    """Stores lines, wakes those who follow."""

    def __init__(self, files: ports.LogFiles) -> None:
        self._files = files
        self._followers: dict[bytes, set[asyncio.Event]] = {}

    def store(self, items: Iterable[frames.LogItem]) -> None:
        """Keep these lines. They come from a worker, so nothing of them is taken on trust; never blocks."""
        by_id: dict[bytes, list[ports.LogLine]] = {}
        for item in items:
            stream = item.stream if item.stream in _STREAMS else "log"
            text = item.text if len(item.text) <= TEXT_LIMIT else item.text[:TEXT_LIMIT] + "…"
            by_id.setdefault(item.id, []).append(ports.LogLine(item.fence, item.seq, item.at, stream, text))
        for identifier, lines in by_id.items():
            self._files.append(identifier, lines)
            for event in self._followers.get(identifier, ()):
                event.set()

    async def read(
        self, records: Records, subject: access.Subject, identifier: bytes, after: tuple[int, int] | None = None
    ) -> list[ports.LogLine]:
        """Lines after (fence, seq); raises Refused (not_found)."""
        await records.get(subject, identifier)
        return await self._files.read(identifier, after)

    async def follow(
        self,
        records: Records,
        who: Callable[[], Awaitable[access.Subject]],
        identifier: bytes,
        after: tuple[int, int] | None = None,
    ) -> AsyncIterator[list[ports.LogLine]]:
        """Lines after (fence, seq) as they come, until the invocation has ended; an empty list is a sign of life.

        `who` is asked again and again, since permissions may end while it goes on. Raises Refused.
        """
        woken = asyncio.Event()
        self._followers.setdefault(identifier, set()).add(woken)
        try:
            while True:
                woken.clear()
                ended = (await records.get(await who(), identifier)).state.final
                lines = await self._files.read(identifier, after)
                if lines:
                    after = (lines[-1].fence, lines[-1].seq)
                if lines or not ended:
                    yield lines
                if ended:
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), _LOOK_SECONDS)
        finally:
            followers = self._followers[identifier]
            followers.discard(woken)
            if not followers:
                del self._followers[identifier]
