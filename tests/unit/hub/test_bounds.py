from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest

from farcall.domain.errors import Failure, Refused
from farcall.hub.accounts import Accounts
from farcall.hub.bounds import Bounds
from farcall.hub.catalog import Catalog
from farcall.hub.groups import Groups
from farcall.hub.invitations import Invitations
from farcall.hub.mail import Post
from farcall.hub.shares import Shares
from farcall.hub.wanted import Wanted
from farcall.testing.memory_store import MemoryStore

from .conftest import House, publication_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def small() -> AsyncIterator[House]:
    """A hub that allows one of each, and two functions."""
    bounds = Bounds(1, 1, 1, 1, 2, 1)
    store = MemoryStore()
    store.open(lambda call: call())
    accounts = Accounts(store, bounds=bounds)
    shares = Shares(store, accounts, bounds=bounds)
    invitations = Invitations(store, accounts, Post(None), bounds=bounds)
    house = House(store, accounts, shares, invitations, Catalog(store, bounds=bounds))
    house.groups = Groups(store, accounts, bounds=bounds)  # type: ignore[attr-defined] # for these tests alone
    administrator = await accounts.ensure_administrator()
    assert administrator is not None
    house.tokens["admin"] = administrator.token
    for handle in ("alice", "bob", "carol"):
        _, token = await accounts.create(await house.subject("admin"), handle, f"{handle}@example.org")
        house.tokens[handle] = token.token
    yield house
    accounts.close()
    await store.close()


async def refused(awaitable: Awaitable[Any]) -> Failure:
    with pytest.raises(Refused) as caught:
        await awaitable
    assert caught.value.failure.code == "quota_exceeded"
    assert caught.value.failure.hint
    return caught.value.failure


async def test_so_many_tokens_are_made_and_logging_in_is_not_bounded(small: House) -> None:
    tokens = small.accounts.tokens
    bob = await small.subject("bob")
    failure = await refused(tokens.create(bob))  # there is the first one, which came with the account
    assert failure.message == (
        "Your tokens, counting those that ended within the last 24 hours, are 1, which is as many as this hub allows."
    )
    account = await small.accounts.me(bob)
    assert (await small.accounts.log_in(account, "")).token
    assert (await tokens.create(await small.subject("admin"))).token


async def test_so_many_groups_are_made(small: House) -> None:
    groups: Groups = small.groups  # type: ignore[attr-defined] # see the fixture
    await groups.create(await small.subject("bob"), "lab")
    failure = await refused(groups.create(await small.subject("bob"), "field"))
    assert "administrator" in failure.hint
    for handle in ("one", "two"):
        await groups.create(await small.subject("admin"), handle)


async def test_so_much_is_shared_with_people_and_addresses_together(small: House) -> None:
    alice = await small.subject("alice")
    await small.shares.share(alice, "bob", Wanted("alice/a"))
    await small.shares.share(alice, "bob", Wanted("alice/a", "view"))
    assert "unshare" in (await refused(small.shares.share(alice, "carol", Wanted("alice/a")))).hint
    await refused(small.invitations.invite(alice, "dora@example.org", Wanted("alice/a")))
    await small.shares.unshare(alice, "alice/a", "bob")
    await small.invitations.invite(alice, "dora@example.org", Wanted("alice/a"))
    await small.invitations.invite(alice, "dora@example.org", Wanted("alice/a"))
    await refused(small.shares.share(alice, "carol", Wanted("alice/a")))


async def test_what_is_published_beyond_the_bound_is_refused_by_name_and_the_rest_is_not(small: House) -> None:
    alice = await small.subject("alice")
    answers = await small.catalog.publish(alice, [publication_of(name) for name in ("one", "two", "three")])
    assert [answer.failure and answer.failure.code for answer in answers] == [None, None, "quota_exceeded"]
    assert answers[2].failure is not None
    assert answers[2].failure.message.startswith("There is no room for alice/three: this hub allows 2 functions")
    again = await small.publish("alice", "one", "y")
    assert again.failure is not None
    assert again.failure.code == "quota_exceeded"
    assert (await small.publish("alice", "one")).failure is None
