"""What a hub does now and then: retention, handles that nobody confirmed, blobs that nothing refers to."""

from __future__ import annotations

import asyncio
import time

import structlog

from farcall.hub import ports
from farcall.hub.blobs import BlobRoom

log = structlog.get_logger("farcall.hub.housekeeping")

_BATCH = 500
_UNCONFIRMED_SECONDS = 2 * 86_400.0  # longer than the link to confirm an address holds


async def keep_house(
    store: ports.Store, blobs: BlobRoom, logs: ports.LogFiles, *, retention_seconds: float, interval_seconds: float
) -> None:
    """Run until cancelled. A failing round is logged and tried again."""
    while True:
        await asyncio.sleep(interval_seconds)
        try:
            await expunge(store, time.time() - retention_seconds)
            await logs.delete_before(time.time() - retention_seconds)
            await store.do(ports.FreeHandles(time.time() - _UNCONFIRMED_SECONDS, _BATCH))
            await blobs.collect(time.time())
        except Exception:
            log.exception("housekeeping failed; it is tried again", interval_seconds=interval_seconds)


async def expunge(store: ports.Store, before: float) -> int:
    """Drop arguments and results of what finished before; the records stay. Returns how many."""
    dropped = 0
    while True:
        count: int = await store.do(ports.Expunge(before, _BATCH))
        dropped += count
        if count < _BATCH:
            return dropped
