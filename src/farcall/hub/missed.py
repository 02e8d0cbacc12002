"""Calls that no worker was there for: the function's owner is told, since callers cannot do anything about it.

Noted in memory and written once a second, by function; a function that has a worker again begins anew. An e-mail goes
out when it begins, and at most once a day for a function.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import structlog

from farcall.hub import ports
from farcall.hub.catalog import Catalog
from farcall.hub.letters import letter
from farcall.hub.mail import Post
from farcall.hub.whereabouts import NOWHERE, Whereabouts

log = structlog.get_logger("farcall.hub.missed")

_QUIET_SECONDS = 86_400.0


class Missed:
    """`tell`: whether owners get e-mails. To be closed before the store is."""

    def __init__(
        self,
        store: ports.Store,
        catalog: Catalog,
        post: Post,
        *,
        tell: bool = True,
        whereabouts: Whereabouts = NOWHERE,
        wall: Callable[[], float] = time.time,
        interval_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._post = post
        self._tell = tell and post.configured
        self._whereabouts = whereabouts
        self._wall = wall
        self._interval_seconds = interval_seconds
        self._noted: Counter[tuple[int, int]] = Counter()  # by version and caller
        self._open: dict[int, ports.MissedCalls] = {}  # by function
        self._writing: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Go on from what was noted before the hub's start."""
        self._open = {row.function: row.missed for row in await self._store.missed()}

    def of(self, function: int) -> ports.MissedCalls:
        """What others missed of a function (a key) since it has no worker."""
        return self._open.get(function, ports.NONE_MISSED)

    def note(self, version: int, callers: Iterable[int]) -> None:
        """Calls by these failed, or wait, since no worker is there."""
        self._noted.update((version, caller) for caller in callers)
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write_later())

    def served(self, versions: Sequence[int]) -> None:
        """Workers serve these versions (keys) now."""
        if self._open:
            self._store.write(ports.EndMissed(list(versions)), self._ended)

    def _ended(self, functions: list[int] | ports.StoreFailed) -> None:
        if not isinstance(functions, ports.StoreFailed):
            for function in functions:
                self._open.pop(function, None)

    async def close(self) -> None:
        """Write what is noted."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._write()

    async def _write_later(self) -> None:
        await asyncio.sleep(self._interval_seconds)
        self._writing = None
        await self._write()

    async def _write(self) -> None:
        noted, self._noted = self._noted, Counter()
        at = self._wall()
        try:
            absent = {version for version in {key[0] for key in noted} if await self._without_worker(version)}
            items = [ports.MissedItem(*key, calls, at) for key, calls in noted.items() if key[0] in absent]
            if not items:
                return
            outcomes = await self._store.do(ports.NoteMissed(items))
            rows = {row.function: row for row in outcomes if isinstance(row, ports.MissedRow)}
            self._open.update((row.function, row.missed) for row in rows.values())
            for row in rows.values():
                if self._tell and (row.told_at is None or at - row.told_at >= _QUIET_SECONDS):
                    # first: rather too few letters than too many
                    await self._store.do(ports.NoteTold(row.function, at))
                    await self._write_to_owner(row)
        except ports.StoreFailed as error:
            log.warning("missed calls could not be noted", reason=str(error))

    async def _without_worker(self, version: int) -> bool:
        """Also no other version of its function has one: then its callers have only an old one in hand."""
        row = await self._store.version(key=version)
        function = await self._catalog.function(row.name) if row is not None else None
        versions = function.versions if function is not None else ()
        return not any(self._catalog.ready_for(other.version) for other in versions)

    async def _write_to_owner(self, row: ports.MissedRow) -> None:
        function = await self._store.function(key=row.function)
        if function is None:
            return
        for account in await self._owners(function):
            self._post.send(_letter(account, function.name, row.missed, self._whereabouts))

    async def _owners(self, function: ports.FunctionRow) -> list[ports.AccountRow]:
        """Whom to write to: the owner, or the managers of the group that it belongs to."""
        owner = await self._store.account(key=function.owner)
        if owner is not None and owner.kind == "group":
            members = await self._store.members(owner.key)
            found = [await self._store.account(key=one.account) for one in members if one.role == "manager"]
        else:
            found = [owner]
        return [
            account
            for account in found
            if account is not None and account.email_confirmed_at is not None and not account.disabled
        ]


def _letter(
    account: ports.AccountRow, function: str, missed: ports.MissedCalls, whereabouts: Whereabouts
) -> ports.Mail:
    since = datetime.fromtimestamp(missed.since or 0.0, UTC)
    calls = "1 call of others" if missed.calls == 1 else f"{missed.calls} calls of others"
    lines = [
        f"No worker serves {function}, on the Farcall hub at {whereabouts.url}.",
        f"{calls} found none since {since.day} {since:%B %Y, %H:%M} UTC.",
        "To serve it again, run farcall serve where its code is. Until then, farcall list counts what is missed.",
        "There is at most one such letter a day for a function.",
    ]
    return letter(account.email, f"Nobody serves {function}", lines)
