"""From chunks of any size into the buffers of whoever stores them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from farcall.hub.ports import Fill


def poured(chunks: AsyncIterator[bytes]) -> Fill:
    """What the chunks hold, one after the other."""
    held = memoryview(b"")

    async def fill(buffer: memoryview) -> int:
        nonlocal held
        while not held:
            chunk = await anext(chunks, None)
            if chunk is None:
                return 0
            held = memoryview(chunk)
        count = min(len(held), len(buffer))
        buffer[:count] = held[:count]
        held = held[count:]
        return count

    return fill
