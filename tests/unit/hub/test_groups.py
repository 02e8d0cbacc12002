from __future__ import annotations

from typing import Any

import pytest

from farcall.domain import access
from farcall.domain.access import Level
from farcall.domain.errors import Refused
from farcall.hub.groups import Groups
from farcall.hub.wanted import Wanted
from farcall.wire import frames

from .conftest import House, publication_of
from .floor import Floor, item, turns

pytestmark = pytest.mark.anyio


@pytest.fixture
async def groups(house: House) -> Groups:
    """Alice manages the group lab."""
    made = Groups(house.store, house.accounts)
    await made.create(await house.subject("alice"), "lab")
    return made


async def refused(awaited: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        await awaited
    return caught.value.failure.code, caught.value.failure.message


async def add(house: House, groups: Groups, member: str = "bob", role: Any = "member") -> None:
    await groups.put_member(await house.subject("alice"), "lab", member, role)


async def level(house: House, handle: str, path: str = "lab/physics/f") -> Level:
    return access.level_at(await house.subject(handle), path)


async def test_members_call_and_serve_below_the_handle_and_managers_manage_there(house: House, groups: Groups) -> None:
    assert await level(house, "alice") is Level.MANAGE
    assert await level(house, "bob") is Level.NONE
    await add(house, groups)
    assert await level(house, "bob") is Level.SERVE
    await add(house, groups, role="manager")
    assert await level(house, "bob") is Level.MANAGE
    await groups.remove_member(await house.subject("alice"), "lab", "bob")
    assert await level(house, "bob") is Level.NONE


async def test_what_is_shared_with_a_group_is_shared_with_its_members_at_that_level(
    house: House, groups: Groups
) -> None:
    await add(house, groups)
    await house.shares.share(await house.subject("alice"), "lab", Wanted("alice/data", "view"))
    assert await level(house, "bob", "alice/data/f") is Level.VIEW
    await groups.remove_member(await house.subject("bob"), "lab", "bob")
    assert await level(house, "bob", "alice/data/f") is Level.NONE


async def test_only_members_and_administrators_know_of_a_group(house: House, groups: Groups) -> None:
    bob, admin = await house.subject("bob"), await house.subject("admin")
    assert (await refused(groups.get(bob, "lab")))[0] == "not_found"
    assert await groups.mine(bob) == []
    assert [(group.handle, group.role) for group in await groups.mine(admin)] == [("lab", "")]
    [mine] = await groups.mine(await house.subject("alice"))
    assert (mine.handle, mine.role, [row.handle for row in mine.members]) == ("lab", "manager", ["alice"])
    assert (await refused(groups.get(bob, "alice")))[0] == "not_found"


async def test_a_member_manages_nothing_but_may_leave(house: House, groups: Groups) -> None:
    await add(house, groups)
    bob = await house.subject("bob")
    for attempt in (
        groups.put_member(bob, "lab", "admin", "member"),
        groups.put_member(bob, "lab", "bob", "manager"),
        groups.remove_member(bob, "lab", "alice"),
        groups.delete(bob, "lab"),
    ):
        assert (await refused(attempt))[0] == "permission_denied"
    await groups.remove_member(bob, "lab", "bob")
    assert await groups.mine(await house.subject("bob")) == []


async def test_a_share_of_the_handle_lets_nobody_choose_the_members(house: House, groups: Groups) -> None:
    await house.shares.share(await house.subject("alice"), "bob", Wanted("lab", "manage"))
    bob = await house.subject("bob")
    assert access.level_at(bob, "lab") is Level.MANAGE
    assert (await refused(groups.put_member(bob, "lab", "bob", "manager")))[0] == "not_found"


async def test_an_administrator_keeps_order_in_a_group_but_does_not_join_it(house: House, groups: Groups) -> None:
    admin = await house.subject("admin")
    assert (await refused(groups.put_member(admin, "lab", "admin", "manager")))[0] == "permission_denied"
    group = await groups.put_member(admin, "lab", "bob", "manager")
    assert [(row.handle, row.role) for row in group.members] == [("alice", "manager"), ("bob", "manager")]
    await groups.remove_member(admin, "lab", "alice")


async def test_a_group_has_a_manager_always(house: House, groups: Groups) -> None:
    alice = await house.subject("alice")
    await add(house, groups)
    for attempt in (
        groups.remove_member(alice, "lab", "alice"),
        groups.put_member(alice, "lab", "alice", "member"),
    ):
        code, message = await refused(attempt)
        assert (code, message) == ("conflict", "alice is the only manager of lab.")


@pytest.mark.parametrize("handle", ["", "lab/x", "Lab", "1ab", "a b", "versions", "admin", "public", "bob", "lab"])
async def test_a_handle_that_cannot_be_a_groups_is_refused(house: House, groups: Groups, handle: str) -> None:
    code, _ = await refused(groups.create(await house.subject("alice"), handle))
    assert code == ("conflict" if handle in ("bob", "lab") else "invalid_request")


async def test_members_are_people_with_an_account(house: House, groups: Groups) -> None:
    alice = await house.subject("alice")
    await groups.create(alice, "other")
    for member in ("nobody", "other", "public"):
        assert (await refused(groups.put_member(alice, "lab", member, "member")))[0] == "not_found"
    assert (await refused(groups.remove_member(alice, "lab", "bob")))[0] == "not_found"


async def test_it_takes_the_scope_manage_and_a_token_that_reaches_the_group(house: House, groups: Groups) -> None:
    alice = await house.subject("alice")
    plain = await house.accounts.tokens.create(alice, scopes=["invoke", "serve"])
    narrow = await house.accounts.tokens.create(alice, only=["alice/physics"])
    weak = await house.accounts.authenticate(plain.token)
    limited = await house.accounts.authenticate(narrow.token)
    assert (await refused(groups.create(weak, "other")))[0] == "permission_denied"
    assert (await refused(groups.put_member(weak, "lab", "bob", "member")))[0] == "permission_denied"
    assert (await refused(groups.remove_member(weak, "lab", "alice")))[0] == "permission_denied"
    assert (await refused(groups.create(limited, "other")))[0] == "permission_denied"
    assert (await refused(groups.put_member(limited, "lab", "bob", "member")))[0] == "not_found"
    assert await groups.mine(limited) == []


async def test_a_group_with_functions_stays_and_without_them_it_goes(house: House, groups: Groups) -> None:
    await add(house, groups)
    await house.publish("bob", "/lab/physics/f")
    alice = await house.subject("alice")
    code, message = await refused(groups.delete(alice, "lab"))
    assert (code, "below lab" in message) == ("conflict", True)
    await groups.create(alice, "empty")
    await groups.delete(await house.subject("alice"), "empty")
    assert [group.handle for group in await groups.mine(await house.subject("alice"))] == ["lab"]
    await groups.create(await house.subject("bob"), "empty")


async def test_what_a_member_serves_belongs_to_the_group_and_not_to_the_member(house: House, groups: Groups) -> None:
    await add(house, groups)
    published = await house.publish("bob", "/lab/physics/f")
    row = await house.store.version(key=published.version)
    assert row is not None
    assert row.owner_handle == "lab"
    alice, bob = await house.subject("alice"), await house.subject("bob")
    assert row.owner in alice.owned_accounts
    assert row.owner not in bob.owned_accounts
    stranger = (await house.catalog.publish(await house.subject("admin"), [publication_of("/lab/physics/g")]))[0]
    assert stranger.failure is not None


async def test_who_is_removed_stops_serving_and_calling_at_once(house: House, groups: Groups) -> None:
    floor = await Floor.open(house)
    try:
        await add(house, groups)
        hers = await floor.worker("alice", "aa" * 16, "/lab/double", slots=1)
        his = await floor.worker("bob", "bb" * 16, "/lab/double", slots=1)
        bob = await floor.caller("bob")
        calls = [item(1.0), item(2.0), item(3.0)]
        await bob.call(*calls, acknowledge=True, function="lab/double")
        await hers.offered()
        await his.offered()
        first_of_his = his.line.offers[0]
        for hand in (hers, his):
            await hand.say(frames.Started([frames.AttemptKey(offer.id, offer.fence) for offer in hand.line.offers[:1]]))
        await groups.remove_member(await house.subject("alice"), "lab", "bob")
        await turns()
        for conversation in (his.conversation, bob.conversation):
            await conversation.refresh()
        await his.finish(first_of_his)  # what ran runs on
        await hers.finish(hers.line.offers[0])
        await bob.line.until(frames.Settled, 3)
        assert bob.line.results == {calls[0].id: 2.0, calls[1].id: 4.0, calls[2].id: "cancelled"}
        alice = await floor.caller("alice")
        await alice.call(*(item(float(number)) for number in range(4)), acknowledge=True, function="lab/double")
        offered = len(his.line.offers)
        for count in range(2, 6):
            await hers.finish((await hers.offered(count))[count - 1])
        assert len(his.line.offers) == offered, "whoever is no member is offered nothing"
        await bob.call(late := item(1.0), function="lab/double")
        await bob.line.until(frames.RefusedItems)
        assert bob.line.refusals == {late.id: "not_found"}
    finally:
        floor.dispatcher.stop()
