"""The hour at which grants end by themselves: epochs are bumped, and those concerned are looked at again.

Open connections and what waits in somebody's name outlive the moment at which a subject was loaded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from farcall.hub import ports
from farcall.hub.accounts import Accounts

log = structlog.get_logger("farcall.hub.expiries")

_LONGEST_SECONDS = 3_600.0
_LATE_SECONDS = 0.02  # clocks of loop and wall differ a little
_AGAIN_SECONDS = 1.0


async def watch_expiries(store: ports.Store, accounts: Accounts, wall: Callable[[], float] = time.time) -> None:
    """Run until cancelled. Looks again after each change of access, since that may have made a grant that ends."""
    changed = asyncio.Event()
    accounts.on_access_changed(lambda account: changed.set())
    since = wall()
    while True:
        changed.clear()
        try:
            since = await expire(store, accounts, since, wall())
            end = await store.next_end_of_a_grant(since)
        except ports.StoreFailed as error:
            log.warning("ends of grants could not be noted; it is tried again", reason=str(error))
            await asyncio.sleep(_AGAIN_SECONDS)
            continue
        pause_seconds = _LONGEST_SECONDS if end is None else min(_LONGEST_SECONDS, end - wall() + _LATE_SECONDS)
        try:
            await asyncio.wait_for(changed.wait(), max(0.0, pause_seconds))
        except TimeoutError:
            pass


async def expire(store: ports.Store, accounts: Accounts, since: float, until: float) -> float:
    """Those whose grants ended after `since`, up to `until`, may do less from now on. Returns `until`."""
    end = await store.next_end_of_a_grant(since)
    if end is not None and end <= until:
        accounts.changed(*await store.do(ports.ExpireGrants(since, until)))
    return until
