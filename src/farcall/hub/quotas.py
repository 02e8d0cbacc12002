"""Limits of use: how much of an account's calls is accepted.

Limits are set on accounts and on grants; both hold. Of the grants through which a function is reached the one with the
longest path counts (of several at one path the caller's own before a group's before everybody's), and for each caller
by itself. Who owns a function reaches it without a grant. Where nothing is limited a target has no quota, and a call
costs nothing here.

What is in flight and what ran today is read from the store when limits are first met, and kept up with from there; what
was accepted in the last minute is forgotten by a restart.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from farcall.domain import access, limits, names
from farcall.domain.errors import Failure, Refused
from farcall.domain.limits import Limits
from farcall.domain.model import Completion
from farcall.hub import audit, ports
from farcall.hub.accounts import Accounts, require_administrator
from farcall.hub.dispatch.events import Now

MINUTE_SECONDS = 60.0
DAY_SECONDS = 86_400
_IN_FLIGHT_RETRY_SECONDS = 1.0
_READINGS = 5


@dataclass(slots=True, eq=False)
class Meter:
    """What counts against one set of limits: the calls of one account below `path` ("" for all), links included."""

    path: str
    limits: Limits
    epoch: int  # of access, when the limits were read
    recent: deque[float] = field(default_factory=deque)  # when calls were accepted (monotonic), for a minute
    in_flight: int = 0
    ran_seconds: float = 0.0
    linked: set[str] = field(default_factory=set)  # functions elsewhere that are reached by links below `path`

    def covers(self, name: str) -> bool:
        return names.covers(self.path, name) or name in self.linked

    def over(self, now: Now) -> Failure | None:
        """Why one more call is too many, or None."""
        limited = self.limits
        if limited.per_minute is not None:
            recent = self.recent
            while recent and recent[0] <= now.mono - MINUTE_SECONDS:
                recent.popleft()
            if len(recent) >= limited.per_minute:
                wait = recent[0] + MINUTE_SECONDS - now.mono if recent else MINUTE_SECONDS
                return self._failure(f"{limited.per_minute} invocations per minute", f"in {_words(wait)}", wait)
        if limited.in_flight is not None and self.in_flight >= limited.in_flight:
            return self._failure(
                f"{limited.in_flight} invocations in flight", "when one of them has ended", _IN_FLIGHT_RETRY_SECONDS
            )
        if limited.seconds_per_day is not None and self.ran_seconds >= limited.seconds_per_day:
            wait = DAY_SECONDS - now.wall % DAY_SECONDS
            amount = f"{limited.seconds_per_day:g} seconds of running per day"
            return self._failure(amount, f"from 00:00 UTC, in {_words(wait)}", wait)
        return None

    def _failure(self, amount: str, again: str, wait_seconds: float) -> Failure:
        whose = f"for what you were given at {self.path}" if self.path else "of your account"
        return Failure(
            "quota_exceeded",
            f"The limit of {amount} {whose} is reached.",
            f"More is accepted {again}.",
            retry_after_seconds=wait_seconds,
        )


@dataclass(slots=True, eq=False)
class Book:
    """One account's calls, as far as its meters have to know of them."""

    account: int
    meters: dict[str, Meter] = field(default_factory=dict)  # by path
    in_flight: dict[bytes, str] = field(default_factory=dict)  # id to the function's name
    repeats: Counter[bytes] = field(default_factory=Counter)  # of these: sent again while in flight
    ran: dict[str, float] = field(default_factory=dict)  # seconds on `day`, by function
    day: int = 0
    changes: int = 0  # ends that were noted
    ended: set[bytes] = field(default_factory=set)  # while it is read
    begun: dict[bytes, str] = field(default_factory=dict)  # the same
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin(self, identifier: bytes, name: str, now: Now) -> None:
        """This call is accepted, as far as limits go."""
        self.in_flight[identifier] = name
        if self.reading.locked():
            self.begun[identifier] = name
        for meter in self._of(name):
            meter.in_flight += 1
            if meter.limits.per_minute is not None:
                meter.recent.append(now.mono)

    def end(self, identifier: bytes) -> None:
        """It is not in flight any more, or never was."""
        self.repeats.pop(identifier, None)
        if self.reading.locked():
            self.ended.add(identifier)
        name = self.in_flight.pop(identifier, None)
        if name is not None:
            for meter in self._of(name):
                meter.in_flight -= 1

    def refuse(self, identifier: bytes) -> None:
        """A call of this id was not accepted after all; the one that had the id first may be."""
        if self.repeats[identifier] > 0:
            self.repeats[identifier] -= 1
        else:
            self.end(identifier)

    def add_seconds(self, name: str, seconds: float, day: int) -> None:
        """It ran for so long."""
        self.changes += 1
        self.turn(day)
        if day == self.day:
            self.ran[name] = self.ran.get(name, 0.0) + seconds
            for meter in self._of(name):
                meter.ran_seconds += seconds

    def turn(self, day: int) -> None:
        """It is this day now."""
        if day > self.day:
            self.day = day
            self.ran.clear()
            for meter in self.meters.values():
                meter.ran_seconds = 0.0

    def count(self) -> None:
        """What the meters show follows from what is in flight and ran."""
        for meter in self.meters.values():
            meter.in_flight = sum(meter.covers(name) for name in self.in_flight.values())
            meter.ran_seconds = sum(seconds for name, seconds in self.ran.items() if meter.covers(name))

    def _of(self, name: str) -> list[Meter]:
        return [meter for meter in self.meters.values() if meter.covers(name)]


@dataclass(slots=True, frozen=True)
class Quota:
    """What limits the calls of one account to one function."""

    book: Book
    meters: tuple[Meter, ...]
    name: str

    def take(self, identifier: bytes, now: Now) -> Failure | None:
        """Count one call, or say why it is too many."""
        book = self.book
        if identifier in book.in_flight:
            book.repeats[identifier] += 1
            return None
        book.turn(int(now.wall) // DAY_SECONDS)
        for meter in self.meters:
            failure = meter.over(now)
            if failure is not None:
                return failure
        book.begin(identifier, self.name, now)
        return None


class Quotas:
    """Finds the quota of a target, and keeps the books. Lives in the hub's loop."""

    def __init__(self, store: ports.Store, accounts: Accounts) -> None:
        self._store = store
        self._accounts = accounts
        self._books: dict[int, Book] = {}

    # -- for calls -----------------------------------------------------------------------------------------------------

    async def of(self, subject: access.Subject, name: str, passing: Sequence[str] = ()) -> Quota | None:
        """What limits this subject's calls of the function, which links at `passing` lead to as well; or None."""
        account = await self._store.account(key=subject.key)
        wanted = [("", limits.from_json(account.limits))] if account is not None else []
        grant = await self._grant(subject, name, passing)
        if grant is not None:
            wanted.append((grant.path, limits.from_json(grant.limits)))
        wanted = [(path, limited) for path, limited in wanted if limited]
        if not wanted:
            return None
        book = self._books.get(subject.key)
        if book is None:
            book = self._books[subject.key] = Book(subject.key)
        unread = False
        for path, limited in wanted:
            meter = book.meters.get(path)
            if meter is None:
                meter = book.meters[path] = Meter(path, limited, 0)
            if not meter.covers(name):
                meter.linked.add(name)
                unread = True
            if meter.epoch != subject.access_epoch:
                meter.limits, meter.epoch, unread = limited, subject.access_epoch, True
        if unread or book.reading.locked():
            await self._read(book)
        return Quota(book, tuple(book.meters[path] for path, _ in wanted), name)

    async def _grant(self, subject: access.Subject, name: str, passing: Sequence[str]) -> ports.GrantRow | None:
        """The one through which the subject reaches the function, by a link if not at its own name; None for those who
        need none.
        """
        own = replace(subject, grants=tuple(group.grant for group in subject.groups))
        if access.level_at(own, name) >= access.Level.INVOKE:
            return None
        now = time.time()
        reaching = [
            row
            for row in await self._store.grants_to(subject.key)
            if any(names.covers(row.path, path) for path in (name, *passing))
            and access.GRANTABLE.get(row.level, access.Level.NONE) >= access.Level.INVOKE
            and (row.expires_at is None or row.expires_at > now)
        ]
        return max(
            reaching,
            key=lambda row: (
                names.covers(row.path, name),
                len(row.path),
                row.grantee == subject.key,
                row.grantee,
            ),
            default=None,
        )

    async def _read(self, book: Book) -> None:
        """Bring the book in line with the store."""
        async with book.reading:
            book.ended.clear()
            book.begun.clear()
            await self._store.do(ports.AddNotes([]))  # behind it, what was on its way has arrived
            stored = dict(await self._store.unfinished(book.account))
            book.day = int(time.time()) // DAY_SECONDS
            # Ends that were noted before the reading are in it; those noted meanwhile may be: then it is read again.
            for _ in range(_READINGS):
                changes = book.changes
                book.ran = await self._ran(book.account, book.day)
                if changes == book.changes:
                    break
            book.in_flight = {
                identifier: name for identifier, name in (stored | book.begun).items() if identifier not in book.ended
            }
            book.count()

    async def _ran(self, account: int, day: int) -> dict[str, float]:
        query = ports.UsageFilter(caller=account, since=day, until=day, by_function=True, limit=1 << 31)
        return {row.function or "": row.run_seconds for row in await self._store.usage(query)}

    # -- what becomes of calls -----------------------------------------------------------------------------------------

    def ended(self, ids: Iterable[bytes], account: int) -> None:
        """These calls of the account are over."""
        book = self._books.get(account)
        if book is not None:
            for identifier in ids:
                book.end(identifier)

    def recorded(self, items: Sequence[Completion], outcomes: Sequence[ports.Outcome]) -> None:
        """These ends are committed."""
        if not self._books:
            return
        for item, outcome in zip(items, outcomes, strict=True):
            if item.invocation is None:
                self._end_anywhere(item.id)
                continue
            book = self._books.get(item.invocation.caller)
            if book is None:
                continue
            name = book.in_flight.get(item.id)
            if outcome is ports.Outcome.OK and name is not None:
                book.add_seconds(name, item.run_seconds, int(item.finished_at) // DAY_SECONDS)
            if outcome in (ports.Outcome.OK, ports.Outcome.DUPLICATE):
                book.end(item.id)

    def _end_anywhere(self, identifier: bytes) -> None:
        for book in self._books.values():
            book.end(identifier)

    def refused(self, ids: Iterable[bytes]) -> None:
        """Calls of these ids were not accepted after all."""
        for book in self._books.values():
            for identifier in ids:
                if identifier in book.in_flight:
                    book.refuse(identifier)

    # -- for administrators --------------------------------------------------------------------------------------------

    async def set_limits(self, subject: access.Subject, handle: str, limited: Limits) -> Limits:
        """Limit an account, from its next call on, on open connections too; raises Refused."""
        require_administrator(subject)
        account = await self._account(handle)
        command = ports.SetLimits(account.key, limited.json(), time.time())
        facts = msgspec.to_builtins(limited)
        await self._store.do(
            audit.recorded(command, subject, "account.limits", about=account.key, target=account.handle, **facts)
        )
        self._accounts.changed(account.key)
        return limited

    async def limits_of(self, subject: access.Subject, handle: str) -> Limits:
        """Of the subject itself, or of anybody for administrators; raises Refused."""
        if handle != subject.handle:
            require_administrator(subject)
        return limits.from_json((await self._account(handle)).limits)

    async def _account(self, handle: str) -> ports.AccountRow:
        account = await self._store.account(handle=handle)
        if account is None or account.kind != "person":
            raise Refused("not_found", f"There is no account {handle[:80]}.")
        return account


def _words(seconds: float) -> str:
    """`12 s`, `3 min`, `5 h 12 min`: never less than it is."""
    if seconds < 120:
        return f"{max(1, math.ceil(seconds))} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
