"""The part of a hub that dispatches, over the store in memory: real core and frames, links that remember."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from farcall import payload
from farcall.domain import access
from farcall.domain.ids import invocation_id
from farcall.domain.model import CallOptions, FunctionOptions
from farcall.domain.states import AttemptState
from farcall.hub.callers import CallerConversation
from farcall.hub.dispatch.core import Core
from farcall.hub.dispatch.events import Limits
from farcall.hub.dispatcher import Dispatcher
from farcall.hub.invocations import Invocations
from farcall.hub.logs import Logs
from farcall.hub.quotas import Quotas
from farcall.hub.recovery import recover
from farcall.hub.revocation import Revocation
from farcall.hub.streams import Streams
from farcall.hub.wanted import Wanted
from farcall.hub.worker_conversation import WorkerConversation
from farcall.hub.workers import Workers
from farcall.testing.memory_files import MemoryLogFiles
from farcall.wire import frames

from .conftest import House, publication_of

F = TypeVar("F")
BOOT = "ab" * 16


class Posting:
    """How the store's outcomes come back: at the loop's next turn, or, while held, when they are let go."""

    def __init__(self) -> None:
        self.held = False
        self._calls: deque[Callable[[], None]] = deque()

    def __call__(self, call: Callable[[], None]) -> None:
        if self.held:
            self._calls.append(call)
        else:
            asyncio.get_running_loop().call_soon(call)

    def release(self) -> None:
        self.held = False
        while self._calls:
            self._calls.popleft()()


class Line:
    """One end's link: a `WorkerLink` and a `CallerLink` that remembers what it was told."""

    def __init__(self, account: int = 0, boot: str = "") -> None:
        self.account = account
        self.boot = boot
        self.told: list[Any] = []
        self.closed = ""
        self._news = asyncio.Event()

    def send(self, frame: Any) -> None:
        self.told.append(frame)
        self._news.set()

    def close(self, code: str, message: str) -> None:
        self.closed = code

    def all(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.told if isinstance(frame, kind)]

    async def until(self, kind: type[F], count: int = 1) -> list[F]:
        """So many frames of this kind, once they are here."""
        async with asyncio.timeout(5):
            while len(self.all(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.all(kind)

    @property
    def results(self) -> dict[bytes, Any]:
        """What settled, by id: the value, or the failure's code."""
        return {
            item.id: item.failure.code if item.failure else payload.decode(item.result)
            for frame in self.all(frames.Settled)
            for item in frame.items
        }

    @property
    def refusals(self) -> dict[bytes, str]:
        return {item.id: item.failure.code for frame in self.all(frames.RefusedItems) for item in frame.items}

    @property
    def offers(self) -> list[frames.OfferItem]:
        return [item for frame in self.all(frames.Offer) for item in frame.items]


@dataclass
class Floor:
    """Alice's worker serves `alice/double`, and Bob may call it."""

    house: House
    posting: Posting
    dispatcher: Dispatcher
    invocations: Invocations
    workers: Workers
    streams: Streams
    files: MemoryLogFiles
    quotas: Quotas

    @classmethod
    async def open(cls, house: House, epoch: int = 1, **limits: Any) -> Floor:
        """A hub's start; a second one on the same house is its restart."""
        posting = Posting()
        store = house.store
        store.open(posting)
        chosen = Limits(**{"no_worker_grace_seconds": 0.0, "resume_grace_seconds": 0.2, **limits})
        dispatcher = Dispatcher(Core(epoch, chosen, Random(1)), store)
        files = MemoryLogFiles()
        streams = Streams(dispatcher)
        workers = Workers(dispatcher, store, house.catalog, Logs(files), streams, "hub")
        house.catalog.ready_for = workers.ready_for
        revocation = Revocation(dispatcher, store)
        house.accounts.on_access_changed(revocation.look_again)
        quotas = Quotas(store, house.accounts)
        invocations = Invocations(dispatcher, store, house.catalog, ready_for=workers.ready_for, quotas=quotas)
        return cls(house, posting, dispatcher, invocations, workers, streams, files, quotas)

    async def recover(self, grace_seconds: float) -> int:
        return await recover(self.dispatcher, self.house.store, "hub", grace_seconds)

    async def worker(
        self,
        handle: str = "alice",
        boot: str = BOOT,
        name: str = "/alice/double",
        resume: list[frames.AttemptKey] | None = None,
        slots: int = 4,
        **options: Any,
    ) -> Hand:
        subject = await self.house.subject(handle)
        line = Line(subject.key, boot)
        token = self.house.tokens[handle]
        hand = Hand(line, WorkerConversation(self.workers, self.dispatcher, self.house.accounts, token, subject, line))
        await hand.say(frames.Register("w", slots, 64, {}, resume or []))
        publication = publication_of(name)
        publication.options = FunctionOptions(**options)
        await hand.say(frames.Publish(1, [publication]))
        return hand

    async def share(self, handle: str = "bob", path: str = "alice/double") -> None:
        await self.house.shares.share(await self.house.subject("alice"), handle, Wanted(path))

    async def caller(self, handle: str = "bob") -> Mouth:
        subject = await self.house.subject(handle)
        line = Line(subject.key)
        token = self.house.tokens[handle]
        return Mouth(
            line,
            CallerConversation(
                self.invocations, self.streams, self.dispatcher, self.house.accounts, token, subject, line
            ),
            subject,
        )

    def held(self) -> tuple[int, int]:
        """What the core's window and the waiting table hold."""
        return len(self.dispatcher.core), len(self.dispatcher.callers)


@dataclass
class Hand:
    """A worker, moved by the test."""

    line: Line
    conversation: WorkerConversation

    async def say(self, frame: Any) -> None:
        pending = self.conversation.handlers[type(frame)](frame)
        if isinstance(pending, Awaitable):
            await pending

    async def finish(self, offer: frames.OfferItem, value: Any = None, **fields: Any) -> None:
        result = payload.encode(2 * payload.decode(offer.arguments)["x"] if value is None else value)
        item = frames.FinishedItem(offer.id, offer.fence, int(AttemptState.SUCCEEDED), result, run_seconds=0.001)
        for name, given in fields.items():
            setattr(item, name, given)
        await self.say(frames.Finished([item]))

    async def offered(self, count: int = 1) -> list[frames.OfferItem]:
        while len(self.line.offers) < count:
            await self.line.until(frames.Offer, len(self.line.all(frames.Offer)) + 1)
        return self.line.offers


@dataclass
class Mouth:
    """A caller, moved by the test."""

    line: Line
    conversation: CallerConversation
    subject: access.Subject

    async def say(self, frame: Any) -> None:
        pending = self.conversation.handlers[type(frame)](frame)
        if isinstance(pending, Awaitable):
            await pending

    async def call(
        self, *items: frames.SubmitItem, acknowledge: bool = False, function: str = "alice/double", **options: Any
    ) -> None:
        await self.say(frames.Submit(function, b"", CallOptions(**options), acknowledge, list(items)))


def item(x: float, identifier: bytes = b"") -> frames.SubmitItem:
    return frames.SubmitItem(identifier or fresh(), payload.encode({"x": x}))


def fresh(age_seconds: float = 0.0) -> bytes:
    return invocation_id(time.time() - age_seconds, os.urandom(16))


async def turns(count: int = 20) -> None:
    """Let the loop go round; for what must not happen."""
    for _ in range(count):
        await asyncio.sleep(0)
