"""What a hub does first: learn from the store what was going on when it stopped."""

from __future__ import annotations

import time

from farcall.hub import ports
from farcall.hub.dispatch import events
from farcall.hub.dispatcher import Dispatcher, reclaimed


async def recover(dispatcher: Dispatcher, store: ports.Store, hub: str, resume_grace_seconds: float) -> int:
    """Tell the core what the store holds; returns how many invocations are queued.

    Workers that had presence here may still run what was offered before the stop: nothing that was queued is offered
    again before they have resumed or the grace is over.
    """
    lanes = await store.lanes()
    leased = await store.leased()
    presences = [presence for presence in await store.presences() if presence.hub == hub]
    served = {version for presence in presences for version in presence.versions}
    for version in served | {lane.version for lane, _ in lanes} | {row.invocation.version for row in leased}:
        row = await store.version(key=version)
        if row is not None:
            dispatcher.feed(events.VersionPublished(events.VersionFacts(row.version, row.name, row.options)))
            if row.deleted:
                dispatcher.feed(events.VersionWithdrawn(row.version, deleted=True))
    dispatcher.feed(
        events.Recovered(
            [((lane.version, lane.priority, lane.caller), count) for lane, count in lanes],
            [reclaimed(row) for row in leased],
            [presence.boot for presence in presences],
            sorted(served),
            time.monotonic() + resume_grace_seconds,
        )
    )
    return sum(count for _, count in lanes)
