from __future__ import annotations

import pytest

from farcall.domain.errors import Refused
from farcall.hub import ports
from farcall.hub.groups import Groups
from farcall.hub.wanted import Wanted
from farcall.testing.memory_store import MemoryStore

from .conftest import House

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shared(house: House) -> House:
    """alice lets bob manage alice/lab; he passes it on to carol, she to dora, who only calls; and to erin's address."""
    for handle in ("carol", "dora"):
        _, token = await house.accounts.create(await house.subject("admin"), handle, f"{handle}@example.org")
        house.tokens[handle] = token.token
    await give(house, "alice", "alice/lab", "bob", "manage")
    await give(house, "bob", "alice/lab/deep", "carol", "manage")
    await give(house, "carol", "alice/lab/deep/f", "dora", "invoke")
    erin = Wanted("alice/lab/deep")
    await house.invitations.invite(await house.subject("carol"), "erin@example.org", erin)
    return house


async def give(house: House, giver: str, path: str, to: str, level: str = "invoke") -> ports.GrantRow:
    return await house.shares.share(await house.subject(giver), to, Wanted(path, level))


async def held(house: House) -> list[tuple[str, str]]:
    return [(row.grantee_handle, row.path) for row in await house.store.grants_below("")]


def told(rows: tuple[ports.GrantRow, ...]) -> list[tuple[str, str, str]]:
    return [(row.grantee_handle, row.path, row.by_handle) for row in rows]


CAROLS = ("carol", "alice/lab/deep", "bob")
DORAS = ("dora", "alice/lab/deep/f", "carol")


async def test_taking_a_manager_back_leaves_what_they_passed_on_and_says_so(shared: House) -> None:
    ended = await shared.shares.unshare(await shared.subject("alice"), "alice/lab", "bob")
    assert told(ended.grants) == [("bob", "alice/lab", "alice")]
    assert told(ended.staying) == [CAROLS, DORAS]
    assert await held(shared) == [("carol", "alice/lab/deep"), ("dora", "alice/lab/deep/f")]


async def test_what_was_passed_on_ends_too_if_that_is_wanted_and_invitations_with_it(shared: House) -> None:
    alice = await shared.subject("alice")
    carol = await shared.subject("carol")
    ended = await shared.shares.unshare(alice, "alice/lab", "bob", with_passed_on=True)
    assert told(ended.grants) == [("bob", "alice/lab", "alice"), CAROLS, DORAS]
    assert [row.email for row in ended.invitations] == ["erin@example.org"]
    assert ended.staying == ()
    assert await held(shared) == []
    assert await shared.store.invitations_to("erin@example.org") == []
    assert (await shared.subject("carol")).access_epoch > carol.access_epoch
    page = await shared.store.audit(ports.AuditFilter(limit=4))
    said = [(row.what, row.target, row.detail.get("passed_on_by")) for row in reversed(page.items)]
    assert said == [
        ("share.delete", "bob", None),
        ("share.delete", "carol", "bob"),
        ("share.delete", "dora", "carol"),
        ("invitation.revoke", "erin@example.org", "carol"),
    ]
    assert {row.who for row in page.items} == {"alice"}


async def test_what_somebody_may_give_in_another_way_too_does_not_hang_on_the_share(shared: House) -> None:
    alice = await shared.subject("alice")
    await give(shared, "alice", "alice/lab/deep", "dora", "manage")
    await give(shared, "dora", "alice/lab/deep/f", "admin")
    await give(shared, "alice", "alice", "carol", "manage")  # she goes on to manage all of it
    ended = await shared.shares.unshare(alice, "alice/lab", "bob", with_passed_on=True)
    assert told(ended.grants) == [("bob", "alice/lab", "alice"), CAROLS]
    left = [("carol", "alice"), ("dora", "alice/lab/deep"), ("admin", "alice/lab/deep/f"), ("dora", "alice/lab/deep/f")]
    assert await held(shared) == left


async def test_two_who_pass_it_on_to_each_other_do_not_keep_it_alive(shared: House) -> None:
    await give(shared, "carol", "alice/lab/deep/g", "bob", "manage")
    await give(shared, "bob", "alice/lab/deep/g", "dora")
    ended = await shared.shares.unshare(await shared.subject("alice"), "alice/lab", "bob", with_passed_on=True)
    assert len(ended.grants) == 5
    assert await held(shared) == []


async def test_nor_do_two_who_gave_each_other_the_very_same(shared: House) -> None:
    await give(shared, "bob", "alice/lab/deep/g", "carol", "manage")
    await give(shared, "carol", "alice/lab/deep/g", "bob", "manage")
    ended = await shared.shares.unshare(await shared.subject("alice"), "alice/lab", "bob", with_passed_on=True)
    assert len(ended.grants) == 5
    assert await held(shared) == []


async def test_what_came_through_somebody_who_manages_it_in_another_way_stays_with_all_that_hangs_on_that(
    shared: House,
) -> None:
    await give(shared, "alice", "alice/lab/deep", "dora", "manage")
    await give(shared, "dora", "alice/lab/deep/g", "carol", "manage")
    await give(shared, "carol", "alice/lab/deep/g", "admin")
    ended = await shared.shares.unshare(await shared.subject("alice"), "alice/lab", "bob", with_passed_on=True)
    assert told(ended.grants) == [("bob", "alice/lab", "alice"), CAROLS, DORAS]
    left = [("dora", "alice/lab/deep"), ("admin", "alice/lab/deep/g"), ("carol", "alice/lab/deep/g")]
    assert await held(shared) == left


async def test_members_of_a_group_pass_on_what_is_shared_with_it(shared: House) -> None:
    groups = Groups(shared.store, shared.accounts)
    await groups.create(await shared.subject("dora"), "lab")
    await give(shared, "alice", "alice/lab/deep", "lab", "manage")
    await give(shared, "dora", "alice/lab/deep/h", "admin")
    ended = await shared.shares.unshare(await shared.subject("alice"), "alice/lab/deep", "lab")
    assert told(ended.staying) == [("admin", "alice/lab/deep/h", "dora")]


async def test_what_is_shared_while_it_is_found_out_does_not_slip_through(
    shared: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await shared.subject("alice"), await shared.subject("bob")
    real, late = shared.store.grants_below, [True]

    async def read(path: str) -> list[ports.GrantRow]:
        rows = await real(path)
        if late.pop():
            late.append(False)
            await shared.shares.share(bob, "dora", Wanted("alice/lab/late"))
        else:
            late.append(False)
        return rows

    monkeypatch.setattr(shared.store, "grants_below", read)
    ended = await shared.shares.unshare(alice, "alice/lab", "bob", with_passed_on=True)
    assert ("dora", "alice/lab/late", "bob") in told(ended.grants)
    monkeypatch.setattr(shared.store, "grants_below", real)
    assert await held(shared) == []


async def test_what_is_taken_back_already_is_not_there(shared: House) -> None:
    assert isinstance(shared.store, MemoryStore)
    alice = await shared.subject("alice")
    await shared.shares.unshare(alice, "alice/lab", "bob")
    with pytest.raises(Refused, match="not shared with bob"):
        await shared.shares.unshare(alice, "alice/lab", "bob")
