"""A hub's use cases over the store in memory, with three accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from farcall.domain import access
from farcall.domain.model import FunctionOptions
from farcall.hub.accounts import Accounts
from farcall.hub.catalog import Catalog
from farcall.hub.invitations import Invitations
from farcall.hub.mail import Post
from farcall.hub.shares import Shares
from farcall.testing.memory_store import MemoryStore
from farcall.wire import frames


@dataclass
class House:
    """`tokens` are those of the accounts, by handle; `ready` says how many workers a version has."""

    store: MemoryStore
    accounts: Accounts
    shares: Shares
    invitations: Invitations
    catalog: Catalog
    tokens: dict[str, str] = field(default_factory=dict)
    ready: dict[int, int] = field(default_factory=dict)

    async def subject(self, handle: str) -> access.Subject:
        return await self.accounts.authenticate(self.tokens[handle])

    async def publish(
        self, handle: str, name: str, parameter: str = "x", implementation: bytes = bytes(16)
    ) -> frames.PublishedFunction:
        publication = publication_of(name, parameter, implementation)
        return (await self.catalog.publish(await self.subject(handle), [publication]))[0]


def publication_of(name: str, parameter: str = "x", implementation: bytes = bytes(16)) -> frames.Publication:
    document = {
        "parameters": [{"name": parameter, "schema": {"type": "number", "x-type": "float"}}],
        "result": {"type": "number", "x-type": "float"},
        "doc": f"Computes something from {parameter}.",
    }
    return frames.Publication(name, document, implementation, FunctionOptions())


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    store = MemoryStore()
    store.open(lambda call: call())
    accounts = Accounts(store)
    ready: dict[int, int] = {}
    catalog = Catalog(store, ready_for=lambda version: ready.get(version, 0))
    made = House(
        store, accounts, Shares(store, accounts), Invitations(store, accounts, Post(None)), catalog, ready=ready
    )
    administrator = await accounts.ensure_administrator()
    assert administrator is not None
    made.tokens["admin"] = administrator.token
    for handle in ("alice", "bob"):
        _, token = await accounts.create(await made.subject("admin"), handle, f"{handle}@example.org")
        made.tokens[handle] = token.token
    yield made
    accounts.close()
    await store.close()
