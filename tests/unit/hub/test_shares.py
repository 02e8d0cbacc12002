from __future__ import annotations

import pytest

from farcall.domain import access
from farcall.domain.errors import Refused

from .conftest import House

pytestmark = pytest.mark.anyio


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as caught:
        await awaitable  # type: ignore[misc] # any awaitable will do
    return caught.value.failure.code


async def test_a_share_is_seen_at_once_and_so_is_its_end(house: House) -> None:
    changed: list[int] = []
    house.accounts.on_access_changed(changed.append)
    alice, bob = await house.subject("alice"), await house.subject("bob")
    row = await house.shares.share(alice, "alice/physics", "bob")
    assert (row.path, row.grantee_handle, row.level) == ("alice/physics", "bob", "invoke")
    assert access.decide(await house.subject("bob"), "invoke", "alice/physics/f").allowed
    await house.shares.unshare(alice, "alice/physics", "bob")
    assert access.decide(await house.subject("bob"), "invoke", "alice/physics/f").code == "not_found"
    assert changed == [bob.key, bob.key]


async def test_sharing_again_replaces_the_level(house: House) -> None:
    alice = await house.subject("alice")
    first = await house.shares.share(alice, "alice/f", "bob", "view")
    second = await house.shares.share(alice, "alice/f", "bob", "manage")
    assert first.key == second.key
    assert [row.level for row in await house.shares.visible(alice)] == ["manage"]


async def test_both_ends_see_a_share_and_others_do_not(house: House) -> None:
    alice, bob, admin = await house.subject("alice"), await house.subject("bob"), await house.subject("admin")
    await house.shares.share(alice, "alice/f", "bob")
    for subject in (alice, await house.subject("bob")):
        assert [row.path for row in await house.shares.visible(subject)] == ["alice/f"]
    assert await house.shares.visible(admin) == []
    assert bob.handle == "bob"


async def test_a_share_is_removed_by_its_giver_or_its_receiver_and_by_nobody_else(house: House) -> None:
    alice = await house.subject("alice")
    row = await house.shares.share(alice, "alice/f", "bob")
    assert await code_of(house.shares.remove(await house.subject("admin"), row.key)) == "not_found"
    await house.shares.remove(await house.subject("bob"), row.key)
    assert await house.shares.visible(alice) == []
    row = await house.shares.share(alice, "alice/f", "bob")
    await house.shares.remove(alice, row.key)
    assert await house.shares.visible(await house.subject("bob")) == []


async def test_one_shares_only_what_one_manages(house: House) -> None:
    alice, bob = await house.subject("alice"), await house.subject("bob")
    assert await code_of(house.shares.share(bob, "alice/f", "admin")) == "not_found"
    await house.shares.share(alice, "alice/f", "bob", "invoke")
    assert await code_of(house.shares.share(await house.subject("bob"), "alice/f", "admin")) == "permission_denied"
    await house.shares.share(alice, "alice/f", "bob", "manage")
    assert (await house.shares.share(await house.subject("bob"), "alice/f", "admin")).grantee_handle == "admin"


@pytest.mark.parametrize(
    ("path", "handle", "level", "code"),
    [
        ("alice/f", "nobody", "invoke", "not_found"),
        ("alice/f", "bob", "own", "invalid_request"),
        ("alice/f", "alice", "invoke", "invalid_request"),
        ("alice/f", "bob@example.org", "invoke", "invalid_request"),
        ("alice/ f", "bob", "invoke", "invalid_request"),
    ],
)
async def test_shares_that_make_no_sense_are_refused(
    house: House, path: str, handle: str, level: str, code: str
) -> None:
    assert await code_of(house.shares.share(await house.subject("alice"), path, handle, level)) == code


async def test_what_is_not_shared_cannot_be_taken_back(house: House) -> None:
    alice = await house.subject("alice")
    assert await code_of(house.shares.unshare(alice, "alice/f", "bob")) == "not_found"
    assert await code_of(house.shares.remove(alice, 12345)) == "not_found"
