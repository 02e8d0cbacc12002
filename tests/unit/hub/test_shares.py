from __future__ import annotations

import asyncio
import time

import pytest

from farcall.domain import access, limits
from farcall.domain.errors import Refused
from farcall.domain.limits import Limits
from farcall.hub.expiries import watch_expiries
from farcall.hub.wanted import Wanted

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
    row = await house.shares.share(alice, "bob", Wanted("alice/physics"))
    assert (row.path, row.grantee_handle, row.level) == ("alice/physics", "bob", "invoke")
    assert access.decide(await house.subject("bob"), "invoke", "alice/physics/f").allowed
    await house.shares.unshare(alice, "alice/physics", "bob")
    assert access.decide(await house.subject("bob"), "invoke", "alice/physics/f").code == "not_found"
    assert changed == [bob.key, bob.key]


async def test_sharing_again_replaces_the_level(house: House) -> None:
    alice = await house.subject("alice")
    first = await house.shares.share(alice, "bob", Wanted("alice/f", "view"))
    second = await house.shares.share(alice, "bob", Wanted("alice/f", "manage"))
    assert first.key == second.key
    assert [row.level for row in await house.shares.visible(alice)] == ["manage"]


async def test_both_ends_see_a_share_and_others_do_not(house: House) -> None:
    alice, bob, admin = await house.subject("alice"), await house.subject("bob"), await house.subject("admin")
    await house.shares.share(alice, "bob", Wanted("alice/f"))
    for subject in (alice, await house.subject("bob")):
        assert [row.path for row in await house.shares.visible(subject)] == ["alice/f"]
    assert await house.shares.visible(admin) == []
    assert bob.handle == "bob"


async def test_a_share_is_removed_by_its_giver_or_its_receiver_and_by_nobody_else(house: House) -> None:
    alice = await house.subject("alice")
    row = await house.shares.share(alice, "bob", Wanted("alice/f"))
    assert await code_of(house.shares.remove(await house.subject("admin"), row.key)) == "not_found"
    await house.shares.remove(await house.subject("bob"), row.key)
    assert await house.shares.visible(alice) == []
    row = await house.shares.share(alice, "bob", Wanted("alice/f"))
    await house.shares.remove(alice, row.key)
    assert await house.shares.visible(await house.subject("bob")) == []


async def test_one_shares_only_what_one_manages(house: House) -> None:
    alice, bob = await house.subject("alice"), await house.subject("bob")
    assert await code_of(house.shares.share(bob, "admin", Wanted("alice/f"))) == "not_found"
    await house.shares.share(alice, "bob", Wanted("alice/f", "invoke"))
    assert (
        await code_of(house.shares.share(await house.subject("bob"), "admin", Wanted("alice/f"))) == "permission_denied"
    )
    await house.shares.share(alice, "bob", Wanted("alice/f", "manage"))
    assert (await house.shares.share(await house.subject("bob"), "admin", Wanted("alice/f"))).grantee_handle == "admin"


@pytest.mark.parametrize(
    ("path", "handle", "level", "code"),
    [
        ("alice/f", "nobody", "invoke", "not_found"),
        ("alice/f", "bob", "own", "invalid_request"),
        ("alice/f", "alice", "invoke", "invalid_request"),
        ("alice/ f", "bob", "invoke", "invalid_request"),
    ],
)
async def test_shares_that_make_no_sense_are_refused(
    house: House, path: str, handle: str, level: str, code: str
) -> None:
    assert await code_of(house.shares.share(await house.subject("alice"), handle, Wanted(path, level))) == code


async def test_what_is_not_shared_cannot_be_taken_back(house: House) -> None:
    alice = await house.subject("alice")
    assert await code_of(house.shares.unshare(alice, "alice/f", "bob")) == "not_found"
    assert await code_of(house.shares.remove(alice, 12345)) == "not_found"


async def test_whoever_made_a_share_may_take_it_back_without_managing_the_path_any_more(house: House) -> None:
    alice = await house.subject("alice")
    managing = await house.shares.share(alice, "bob", Wanted("alice/f", "manage"))
    made = await house.shares.share(await house.subject("bob"), "admin", Wanted("alice/f/g"))
    await house.shares.remove(alice, managing.key)
    assert [row.key for row in await house.shares.visible(await house.subject("bob"))] == [made.key]
    await house.shares.remove(await house.subject("bob"), made.key)
    assert await house.shares.visible(alice) == []


async def test_what_is_shared_with_everybody_is_not_dropped_by_one_of_them(house: House) -> None:
    changed: list[int] = []
    house.accounts.on_access_changed(changed.append)
    alice, bob = await house.subject("alice"), await house.subject("bob")
    row = await house.shares.share(alice, "public", Wanted("alice/f", "view"))
    assert {alice.key, bob.key} <= set(changed)
    assert await code_of(house.shares.remove(await house.subject("bob"), row.key)) == "permission_denied"


async def test_nobody_shares_with_themselves(house: House) -> None:
    alice, ends_at = await house.subject("alice"), time.time() + 600
    limited = Limits(per_minute=1)
    row = await house.shares.share(alice, "bob", Wanted("alice/f", "manage", ends_at, limited))
    for who in ("bob", "admin"):
        again = house.shares.share(await house.subject(who), who, Wanted("alice/f", "manage"))
        assert await code_of(again) == "permission_denied"
    assert await house.shares.visible(alice) == [row]


async def test_nobody_passes_on_for_longer_than_they_have(house: House) -> None:
    alice, ends_at = await house.subject("alice"), time.time() + 600
    await house.shares.share(alice, "bob", Wanted("alice/f", "manage", ends_at))
    for asked, given in ((None, ends_at), (ends_at + 1, ends_at), (ends_at - 1, ends_at - 1)):
        row = await house.shares.share(await house.subject("bob"), "public", Wanted("alice/f", "manage", asked))
        assert row.expires_at == given
    await house.shares.share(await house.subject("alice"), "bob", Wanted("alice/f", "manage"))
    await house.shares.share(await house.subject("alice"), "public", Wanted("alice/f", "view", ends_at))
    row = await house.shares.share(await house.subject("bob"), "public", Wanted("alice/f", "view"))
    assert row.expires_at is None


async def test_a_share_with_an_end_gives_nothing_afterwards(house: House) -> None:
    alice = await house.subject("alice")
    await house.shares.share(alice, "bob", Wanted("alice/f", expires_at=time.time() + 0.1))
    assert access.decide(await house.subject("bob"), "invoke", "alice/f").allowed
    await asyncio.sleep(0.15)
    assert access.decide(await house.subject("bob"), "invoke", "alice/f").code == "not_found"
    assert await code_of(house.shares.share(alice, "bob", Wanted("alice/f", expires_at=time.time() - 1))) == (
        "invalid_request"
    )


async def test_the_end_of_a_share_changes_the_epoch_and_is_told_to_those_concerned(house: House) -> None:
    watching = asyncio.ensure_future(watch_expiries(house.store, house.accounts))
    alice, bob = await house.subject("alice"), await house.subject("bob")
    await house.shares.share(alice, "bob", Wanted("alice/f", expires_at=time.time() + 0.1))
    row = await house.store.account(key=bob.key)
    assert row is not None
    changed: list[int] = []
    house.accounts.on_access_changed(changed.append)
    while bob.key not in changed:
        await asyncio.sleep(0.01)
    after = await house.store.account(key=bob.key)
    assert after is not None
    assert after.access_epoch == row.access_epoch + 1
    watching.cancel()


async def test_nobody_passes_on_more_than_they_have(house: House) -> None:
    alice = await house.subject("alice")
    await house.shares.share(alice, "bob", Wanted("alice/physics", "manage", limits=Limits(per_minute=5, in_flight=2)))
    bob = await house.subject("bob")
    for asked, given in (
        (Limits(), Limits(per_minute=5, in_flight=2)),
        (Limits(per_minute=9, seconds_per_day=1.0), Limits(per_minute=5, in_flight=2, seconds_per_day=1.0)),
        (Limits(in_flight=1), Limits(per_minute=5, in_flight=1)),
    ):
        row = await house.shares.share(bob, "admin", Wanted("alice/physics/deep", limits=asked))
        assert limits.from_json(row.limits) == given
    row = await house.shares.share(alice, "admin", Wanted("alice/physics/deep"))
    assert limits.from_json(row.limits) == Limits(), "owners have no limits to pass on"
