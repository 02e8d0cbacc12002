from __future__ import annotations

import asyncio
import time

import pytest

from farcall.domain import access
from farcall.domain.access import Level
from farcall.hub import ports, subjects

from .conftest import House

pytestmark = pytest.mark.anyio


async def grant(house: House, path: str, grantee: int, level: str = "invoke", expires_at: float | None = None) -> None:
    """As the store keeps it; whoever was known is forgotten."""
    alice = await house.subject("alice")
    await house.store.do(ports.PutGrant(path, grantee, level, alice.key, time.time(), expires_at))
    for account in await house.store.affected_by(grantee):
        house.accounts.changed(account)


async def test_what_everybody_may_do_counts_for_each_account(house: House) -> None:
    await grant(house, "alice/open", 0)
    for handle in ("bob", "admin"):
        assert access.level_at(await house.subject(handle), "alice/open/f") is Level.INVOKE


async def test_a_grant_that_has_expired_gives_nothing(house: House) -> None:
    bob = await house.subject("bob")
    await grant(house, "alice/old", bob.key, expires_at=time.time() - 1)
    await grant(house, "alice/new", bob.key, expires_at=time.time() + 60)
    bob = await house.subject("bob")
    assert [row.path for row in bob.grants] == ["alice/new"]


async def test_who_is_remembered_is_looked_up_again_when_a_grant_has_expired(house: House) -> None:
    bob = await house.subject("bob")
    await grant(house, "alice/later", bob.key, expires_at=time.time() + 60)
    await grant(house, "alice/soon", bob.key, expires_at=time.time() + 0.05)
    assert len((await house.subject("bob")).grants) == 2
    await asyncio.sleep(0.06)
    assert [row.path for row in (await house.subject("bob")).grants] == ["alice/later"]


async def test_without_a_token_an_account_may_call_at_most(house: House) -> None:
    bob = await house.store.account(handle="bob")
    assert bob is not None
    subject = await subjects.load(house.store, bob, time.time())
    assert access.decide(subject, "invoke", "bob/f").allowed
    for action in ("serve", "deploy", "manage"):
        assert not access.decide(subject, action, "bob/f").allowed
