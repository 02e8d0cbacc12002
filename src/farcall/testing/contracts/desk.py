"""A store with two accounts and a function, and makers of what is written into it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from farcall.domain.ids import invocation_id
from farcall.domain.model import Completion, FunctionOptions, NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    Accept,
    Claim,
    Complete,
    CreateAccount,
    Lane,
    Outcome,
    PublishVersions,
    Queued,
    Store,
    VersionRow,
    VersionSpec,
)

START = 1_800_000_000.0


def version_spec(name: str, digest: bytes = b"d" * 16, text: str = "") -> VersionSpec:
    """A function's version as a worker announces it."""
    options = FunctionOptions(timeout_seconds=2.5, tries=2, requires={"gpu": True, "memory": 4})
    return VersionSpec(name, {"title": text, "n": [1, 2.5]}, b"i" * 16, b"m" * 16, digest, options)


@dataclass
class Desk:
    """`alice` owns the function `alice/physics/fall`; `bob` calls it."""

    store: Store
    alice: int
    bob: int
    version: VersionRow
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    clock: float = START

    @classmethod
    async def set_up(cls, store: Store) -> Desk:
        alice = await store.do(CreateAccount("alice", "alice@example.org", True, START))
        bob = await store.do(CreateAccount("bob", "bob@example.org", False, START))
        [version] = await store.do(PublishVersions(alice, [version_spec("alice/physics/fall")], START))
        return cls(store, alice, bob, version)

    def identifier(self) -> bytes:
        self.clock += 0.25
        return invocation_id(self.clock, self.dice.randbytes(16))

    def new(self, **changes: Any) -> NewInvocation:
        """Bob's invocation of alice's function; later ones are younger."""
        identifier = changes.pop("id", None) or self.identifier()
        values: dict[str, Any] = {
            "version": self.version.version,
            "caller": self.bob,
            "arguments": b"arguments of " + identifier,
            "request_digest": identifier[-16:],
            "created_at": self.clock,
            "access_epoch": 1,
        }
        return NewInvocation(id=identifier, **(values | changes))

    def completion(self, item: NewInvocation, fence: int, **changes: Any) -> Completion:
        """A success under `fence`."""
        values: dict[str, Any] = {
            "state": InvocationState.SUCCEEDED,
            "result": b"result of " + item.id,
            "worker": "boot-1",
            "attempt": 1,
            "started_at": item.created_at + 1,
            "finished_at": item.created_at + 2,
            "run_seconds": 0.75,
        }
        return Completion(id=item.id, fence=fence, **(values | changes))

    async def accept(self, *items: NewInvocation) -> list[Outcome]:
        outcomes: list[Outcome] = await self.store.do(Accept(items))
        return outcomes

    async def accepted(self, count: int = 1, **changes: Any) -> list[NewInvocation]:
        """So many new ones, which the store has accepted."""
        items = [self.new(**changes) for _ in range(count)]
        assert await self.accept(*items) == [Outcome.OK] * count
        return items

    async def complete(self, *items: Completion) -> list[Outcome]:
        outcomes: list[Outcome] = await self.store.do(Complete(items))
        return outcomes

    async def claim(self, limit: int = 100, after: bytes = b"", priority: int = 0) -> list[Queued]:
        lane = Lane((self.version.version, priority, self.bob))
        queued: list[Queued] = await self.store.do(Claim(lane, limit, after))
        return queued

    async def state(self, identifier: bytes) -> InvocationState:
        row = await self.store.invocation(identifier)
        assert row is not None
        return row.state


def ids(items: Iterable[NewInvocation | Queued]) -> list[bytes]:
    """The ids of invocations, however they are wrapped."""
    return [item.invocation.id if isinstance(item, Queued) else item.id for item in items]


class WithDesk:
    """Gives each test of a contract class a `desk` over the `new_store` that the inheriting class makes."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def new_store(self) -> Store:
        raise NotImplementedError("return an unopened store")

    @pytest.fixture
    async def desk(self, new_store: Store) -> AsyncIterator[Desk]:
        new_store.open(asyncio.get_running_loop().call_soon_threadsafe)
        yield await Desk.set_up(new_store)
        await new_store.close()
