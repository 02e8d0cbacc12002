from __future__ import annotations

import asyncio
import time

import pytest

from farcall.domain import access
from farcall.domain.errors import Refused
from farcall.hub import ports, tokens
from farcall.hub.wanted import Wanted

from .conftest import House

pytestmark = pytest.mark.anyio


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as caught:
        await awaitable  # type: ignore[misc] # any awaitable will do
    return caught.value.failure.code


async def test_the_first_start_makes_an_administrator_and_later_ones_do_not(house: House) -> None:
    admin = await house.subject("admin")
    assert access.administers(admin)
    assert await house.accounts.ensure_administrator() is None


async def test_a_token_is_stored_as_a_digest_only(house: House) -> None:
    row = await house.store.token(tokens.digest(house.tokens["alice"]))
    assert row is not None
    assert house.tokens["alice"] not in repr(row)
    assert house.tokens["alice"].removeprefix("farcall_pat_") not in repr(vars(house.store))


@pytest.mark.parametrize("token", ["", "nonsense", tokens.make(bytes(32))])
async def test_no_token_a_malformed_and_an_unknown_one_are_unauthenticated(house: House, token: str) -> None:
    assert await code_of(house.accounts.authenticate(token)) == "unauthenticated"


async def test_an_account_has_a_handle_and_an_address_of_its_own(house: House) -> None:
    admin = await house.subject("admin")
    assert await code_of(house.accounts.create(admin, "alice", "new@example.org")) == "conflict"
    assert await code_of(house.accounts.create(admin, "carol", "alice@example.org")) == "conflict"
    for handle, email in (("Carol", "c@x.org"), ("a/b", "c@x.org"), ("usage", "c@x.org"), ("carol", "nowhere")):
        assert await code_of(house.accounts.create(admin, handle, email)) == "invalid_request"


async def test_only_administrators_make_list_and_disable_accounts(house: House) -> None:
    alice = await house.subject("alice")
    assert await code_of(house.accounts.create(alice, "carol", "c@example.org")) == "permission_denied"
    assert await code_of(house.accounts.everyone(alice)) == "permission_denied"
    assert await code_of(house.accounts.set_disabled(alice, "bob", True)) == "permission_denied"


async def test_a_revoked_token_ends_at_once_and_listeners_hear_of_it(house: House) -> None:
    changed: list[int] = []
    house.accounts.on_access_changed(changed.append)
    alice = await house.subject("alice")
    await house.accounts.tokens.revoke(alice, alice.token)
    assert changed == [alice.key]
    assert await code_of(house.subject("alice")) == "unauthenticated"


async def test_nobody_revokes_the_token_of_another_account(house: House) -> None:
    alice, bob = await house.subject("alice"), await house.subject("bob")
    assert await code_of(house.accounts.tokens.revoke(bob, alice.token)) == "not_found"
    assert await house.subject("alice") == alice


async def test_a_disabled_account_is_locked_out_until_it_is_enabled(house: House) -> None:
    admin, alice = await house.subject("admin"), await house.subject("alice")
    assert (await house.accounts.set_disabled(admin, "alice", True)).disabled
    assert await code_of(house.subject("alice")) == "unauthenticated"
    await house.accounts.set_disabled(admin, "alice", False)
    again = await house.subject("alice")
    assert again.key == alice.key
    assert again.access_epoch > alice.access_epoch
    assert await code_of(house.accounts.set_disabled(admin, "admin", True)) == "invalid_request"
    assert await code_of(house.accounts.set_disabled(admin, "nobody", True)) == "not_found"


async def test_an_expired_token_ends_by_itself_on_open_connections_too(house: House) -> None:
    changed: list[int] = []
    house.accounts.on_access_changed(changed.append)
    alice = await house.subject("alice")
    token = await house.accounts.tokens.create(alice, expires_at=time.time() + 0.1)
    await house.accounts.authenticate(token.token)
    assert changed == []
    await asyncio.sleep(0.4)
    assert changed == [alice.key]
    assert await code_of(house.accounts.authenticate(token.token)) == "unauthenticated"


async def test_a_token_is_never_wider_than_the_one_that_asks_for_it(house: House) -> None:
    alice = await house.subject("alice")
    limited = await house.accounts.tokens.create(
        alice, scopes=["invoke", "manage"], only=["alice/physics"], expires_at=time.time() + 60
    )
    asking = await house.accounts.authenticate(limited.token)
    assert await code_of(house.accounts.tokens.create(asking, scopes=["serve"])) == "permission_denied"
    assert await code_of(house.accounts.tokens.create(asking, only=["alice"])) == "permission_denied"
    made = await house.accounts.tokens.create(asking, expires_at=time.time() + 3600)
    assert made.scopes == ("invoke", "manage")
    assert made.only == ("alice/physics",)
    assert made.expires_at == limited.expires_at
    assert (await house.accounts.tokens.create(asking, only=["alice/physics/f"])).only == ("alice/physics/f",)


async def test_a_token_without_manage_makes_and_lists_no_tokens_but_may_end_itself(house: House) -> None:
    alice = await house.subject("alice")
    made = await house.accounts.tokens.create(alice, scopes=["invoke"])
    calling = await house.accounts.authenticate(made.token)
    assert await code_of(house.accounts.tokens.create(calling)) == "permission_denied"
    assert await code_of(house.accounts.tokens.all(calling)) == "permission_denied"
    assert await code_of(house.accounts.tokens.revoke(calling, alice.token)) == "permission_denied"
    await house.accounts.tokens.revoke(calling, calling.token)
    assert await code_of(house.accounts.authenticate(made.token)) == "unauthenticated"


async def test_wishes_for_tokens_that_make_no_sense_are_refused(house: House) -> None:
    alice = await house.subject("alice")
    create = house.accounts.tokens.create
    assert await code_of(create(alice, scopes=["everything"])) == "invalid_request"
    assert await code_of(create(alice, scopes=["admin"])) == "permission_denied"
    assert await code_of(create(alice, only=["not a path"])) == "invalid_request"
    assert await code_of(create(alice, expires_at=time.time() - 1)) == "invalid_request"


async def test_what_changes_while_a_token_is_looked_up_is_not_missed(house: House) -> None:
    alice = await house.subject("alice")
    house.accounts.changed(alice.key)
    real = house.store.grants_to

    async def slow(account: int) -> list[ports.GrantRow]:
        found = await real(account)
        if not house.store.__dict__.get("_raced"):
            house.store.__dict__["_raced"] = True
            await house.shares.share(await house.subject("bob"), "alice", Wanted("bob/lab", "invoke"))
        return found

    house.store.grants_to = slow  # type: ignore[method-assign] # a change slips in between two reads
    assert access.decide(await house.subject("alice"), "invoke", "bob/lab/f").allowed
