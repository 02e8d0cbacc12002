"""Groups: members, roles, what membership gives, and what remains when a group ends."""

from __future__ import annotations

from farcall.hub.ports import (
    AcceptInvitation,
    AccountRow,
    CreateAccount,
    CreateGroup,
    DeleteGroup,
    MemberRow,
    Outcome,
    PublishVersions,
    PutGrant,
    PutInvitation,
    PutMember,
    RemoveMember,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec

KEY = b"k" * 32


async def create(desk: Desk, handle: str = "lab") -> int:
    key = await desk.store.do(CreateGroup(handle, desk.alice, KEY, START))
    assert isinstance(key, int), key
    return key


async def epoch(desk: Desk, account: int) -> int:
    row = await desk.store.account(key=account)
    assert row is not None
    return row.access_epoch


class GroupsContract(WithDesk):
    async def test_a_group_has_a_handle_and_whoever_made_it_as_manager(self, desk: Desk) -> None:
        before = await epoch(desk, desk.alice)
        lab = await create(desk)
        assert await epoch(desk, desk.alice) > before
        row = await desk.store.account(handle="lab")
        assert row == AccountRow(lab, "lab", "", False, False, 1, START, "group")
        assert await desk.store.groups() == [row]
        assert await desk.store.members(lab) == [MemberRow(desk.alice, "alice", "manager")]
        assert await desk.store.digest_keys(desk.alice) == {"lab": KEY}
        assert await desk.store.digest_keys(desk.bob) == {}
        assert lab not in {account.key for account in await desk.store.accounts()}

    async def test_a_handle_is_one_persons_or_one_groups(self, desk: Desk) -> None:
        await create(desk)
        for handle in ("lab", "bob", "public"):
            assert await desk.store.do(CreateGroup(handle, desk.alice, KEY, START)) is Outcome.CONFLICT
        assert await desk.store.do(CreateAccount("lab", "lab@example.org", False, START)) is Outcome.CONFLICT
        assert await desk.store.do(CreateGroup("other", 99, KEY, START)) is Outcome.MISSING

    async def test_members_come_change_their_role_and_go_and_their_epochs_rise(self, desk: Desk) -> None:
        lab = await create(desk)
        epochs = [await epoch(desk, desk.bob)]
        for role in ("member", "manager", "member"):
            assert await desk.store.do(PutMember(lab, desk.bob, role, desk.alice, START)) is Outcome.OK
            epochs.append(await epoch(desk, desk.bob))
            [membership] = await desk.store.memberships(desk.bob)
            assert (membership.group, membership.group_handle, membership.role) == (lab, "lab", role)
        assert await desk.store.do(RemoveMember(lab, desk.bob, START)) is Outcome.OK
        epochs.append(await epoch(desk, desk.bob))
        assert epochs == sorted(set(epochs))
        assert await desk.store.memberships(desk.bob) == []
        assert await desk.store.do(RemoveMember(lab, desk.bob, START)) is Outcome.MISSING

    async def test_the_last_manager_neither_leaves_nor_becomes_a_member(self, desk: Desk) -> None:
        lab = await create(desk)
        await desk.store.do(PutMember(lab, desk.bob, "member", desk.alice, START))
        assert await desk.store.do(RemoveMember(lab, desk.alice, START)) is Outcome.CONFLICT
        assert await desk.store.do(PutMember(lab, desk.alice, "member", desk.bob, START)) is Outcome.CONFLICT
        await desk.store.do(PutMember(lab, desk.bob, "manager", desk.alice, START))
        assert await desk.store.do(RemoveMember(lab, desk.alice, START)) is Outcome.OK
        assert await desk.store.members(lab) == [MemberRow(desk.bob, "bob", "manager")]

    async def test_an_invitation_makes_a_member_of_whoever_is_none_and_takes_nothing_from_a_manager(
        self, desk: Desk
    ) -> None:
        lab = await create(desk)
        for digest, account in ((b"1" * 32, desk.alice), (b"2" * 32, desk.bob)):
            invitation = PutInvitation(digest, "x@example.org", "", "member", desk.alice, START, None, group=lab)
            key = await desk.store.do(invitation)
            [row] = await desk.store.invitations_given(desk.bob, ["lab"])
            assert (row.key, row.path, row.group, row.group_handle, row.place) == (key, "", lab, "lab", "lab")
            assert await desk.store.do(AcceptInvitation(key, account, START)) is Outcome.OK
        roles = {row.handle: row.role for row in await desk.store.members(lab)}
        assert roles == {"alice": "manager", "bob": "member"}

    async def test_only_persons_are_members_and_only_groups_have_them(self, desk: Desk) -> None:
        lab, other = await create(desk), await create(desk, "other")
        for group, account in ((lab, other), (lab, 0), (lab, 99), (desk.bob, desk.alice), (99, desk.bob)):
            outcome = await desk.store.do(PutMember(group, account, "member", desk.alice, START))
            assert outcome is Outcome.MISSING, (group, account)

    async def test_a_grant_to_a_group_counts_for_members_alone(self, desk: Desk) -> None:
        lab = await create(desk)
        await desk.store.do(PutMember(lab, desk.bob, "member", desk.alice, START))
        before = await epoch(desk, desk.bob)
        await desk.store.do(PutGrant("carol/f", lab, "view", desk.alice, START))
        assert await epoch(desk, desk.bob) > before
        assert [row.path for row in await desk.store.grants_to(desk.bob)] == ["carol/f"]
        assert await desk.store.affected_by(lab) == sorted([desk.alice, desk.bob, lab])
        await desk.store.do(RemoveMember(lab, desk.bob, START))
        assert await desk.store.grants_to(desk.bob) == []

    async def test_a_group_that_ends_takes_with_it_what_it_had_and_gave(self, desk: Desk) -> None:
        lab = await create(desk)
        await desk.store.do(PutMember(lab, desk.bob, "member", desk.alice, START))
        carol = await desk.store.do(CreateAccount("carol", "carol@example.org", False, START))
        await desk.store.do(PutGrant("alice/f", lab, "view", desk.alice, START))
        await desk.store.do(PutGrant("lab/physics", carol, "view", desk.alice, START))
        await desk.store.do(PutGrant("lab_two", carol, "view", desk.alice, START))
        for digest, path, group in ((b"1" * 32, "", lab), (b"2" * 32, "lab/f", None), (b"3" * 32, "alice/f", None)):
            invitation = PutInvitation(digest, "x@example.org", path, "view", desk.alice, START, None, group=group)
            assert isinstance(await desk.store.do(invitation), int)
        before = [await epoch(desk, key) for key in (desk.alice, desk.bob, carol)]
        concerned = await desk.store.do(DeleteGroup(lab, START + 1))
        assert set(concerned) >= {desk.alice, desk.bob, carol}
        after = [await epoch(desk, key) for key in (desk.alice, desk.bob, carol)]
        assert all(one < other for one, other in zip(before, after, strict=True))
        assert await desk.store.groups() == []
        assert await desk.store.memberships(desk.alice) == []
        assert [row.path for row in await desk.store.grants_to(carol)] == ["lab_two"]
        assert await desk.store.grants_below("alice/f") == []
        assert [row.path for row in await desk.store.invitations_to("x@example.org")] == ["alice/f"]
        row = await desk.store.account(key=lab)
        assert row is not None
        assert (row.kind, row.disabled) == ("gone", True)
        assert await create(desk) != lab, "nothing was published there: the handle is free"
        assert await desk.store.do(DeleteGroup(lab, START)) is Outcome.MISSING
        assert await desk.store.do(DeleteGroup(desk.bob, START)) is Outcome.MISSING

    async def test_a_group_with_functions_does_not_end(self, desk: Desk) -> None:
        lab = await create(desk)
        await desk.store.do(PublishVersions(lab, [version_spec("lab/f")], START))
        assert await desk.store.do(DeleteGroup(lab, START)) is Outcome.CONFLICT
        assert await desk.store.members(lab)
