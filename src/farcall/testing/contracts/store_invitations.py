"""Invitations, what becomes of them, and grants that end by themselves."""

from __future__ import annotations

from typing import Any

from farcall.hub.ports import (
    AcceptInvitation,
    CloseInvitation,
    CreateAccount,
    ExpireGrants,
    InvitationRow,
    NoteMail,
    Outcome,
    PutGrant,
    PutInvitation,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk

EMAIL = "carol@example.org"


async def invite(desk: Desk, secret: bytes = b"s", email: str = EMAIL, **changes: Any) -> int:
    values: dict[str, Any] = {
        "path": "alice/physics",
        "level": "invoke",
        "by": desk.alice,
        "at": START,
        "expires_at": START + 10,
    }
    key = await desk.store.do(PutInvitation(secret * 32, email, **(values | changes)))
    assert isinstance(key, int), key
    return key


async def found(desk: Desk, key: int) -> InvitationRow:
    row = await desk.store.invitation(key=key)
    assert row is not None
    return row


async def epoch(desk: Desk, account: int) -> int:
    row = await desk.store.account(key=account)
    assert row is not None
    return row.access_epoch


class InvitationsContract(WithDesk):
    async def test_an_invitation_is_found_by_key_by_secret_and_by_address(self, desk: Desk) -> None:
        key = await invite(desk, limits='{"per_minute":3}', grant_expires_at=START + 99)
        row = await found(desk, key)
        assert (row.email, row.path, row.level, row.by_handle, row.state) == (
            EMAIL,
            "alice/physics",
            "invoke",
            "alice",
            "open",
        )
        assert (row.limits, row.grant_expires_at, row.mail) == ('{"per_minute":3}', START + 99, "")
        assert await desk.store.invitation(digest=b"s" * 32) == row
        assert await desk.store.invitations_to("Carol@example.org") == [row]
        assert await desk.store.invitation(key=99) is None
        assert await desk.store.invitation(digest=b"x" * 32) is None
        assert await desk.store.invitations_to("bob@example.org") == []

    async def test_nobody_unknown_invites(self, desk: Desk) -> None:
        put = PutInvitation(b"s" * 32, EMAIL, "alice", "view", 99, START, None)
        assert await desk.store.do(put) is Outcome.MISSING

    async def test_a_secret_belongs_to_one_invitation(self, desk: Desk) -> None:
        first = await invite(desk)
        put = PutInvitation(b"s" * 32, EMAIL, "alice/physics", "view", desk.alice, START, None)
        assert await desk.store.do(put) is Outcome.CONFLICT
        assert (await found(desk, first)).state == "open"

    async def test_a_new_invitation_to_the_same_thing_revokes_the_old_one(self, desk: Desk) -> None:
        first = await invite(desk, b"1")
        other = await invite(desk, b"2", path="alice/other")
        second = await invite(desk, b"3", email=EMAIL)
        assert [(await found(desk, key)).state for key in (first, other, second)] == ["revoked", "open", "open"]
        assert [row.key for row in await desk.store.invitations_to(EMAIL)] == [other, second]

    async def test_what_is_accepted_becomes_a_grant_at_once(self, desk: Desk) -> None:
        before = await epoch(desk, desk.bob)
        key = await invite(desk, limits='{"in_flight":2}', grant_expires_at=START + 50)
        assert await desk.store.do(AcceptInvitation(key, desk.bob, START + 1)) is Outcome.OK
        [grant] = await desk.store.grants_to(desk.bob)
        assert (grant.path, grant.level, grant.by, grant.expires_at, grant.limits, grant.invitation) == (
            "alice/physics",
            "invoke",
            desk.alice,
            START + 50,
            '{"in_flight":2}',
            key,
        )
        row = await found(desk, key)
        assert (row.state, row.settled_at, row.accepted_by) == ("accepted", START + 1, desk.bob)
        assert await epoch(desk, desk.bob) == before + 1
        assert await desk.store.invitations_to(EMAIL) == []

    async def test_an_invitation_is_accepted_once_and_not_too_late(self, desk: Desk) -> None:
        key = await invite(desk)
        assert await desk.store.do(AcceptInvitation(key, desk.bob, START + 10)) is Outcome.STALE
        assert await desk.store.do(AcceptInvitation(key, 99, START)) is Outcome.MISSING
        assert await desk.store.do(AcceptInvitation(99, desk.bob, START)) is Outcome.MISSING
        assert await desk.store.grants_to(desk.bob) == []
        assert await desk.store.do(AcceptInvitation(key, desk.bob, START + 9)) is Outcome.OK
        assert await desk.store.do(AcceptInvitation(key, desk.alice, START + 9)) is Outcome.STALE
        assert await desk.store.grants_to(desk.alice) == []

    async def test_membership_in_a_group_is_accepted_too(self, desk: Desk) -> None:
        group = await desk.store.do(CreateAccount("lab", "", False, START, "group"))
        key = await invite(desk, path="", level="manager", group=group)
        assert await desk.store.do(AcceptInvitation(key, desk.bob, START)) is Outcome.OK
        [membership] = await desk.store.memberships(desk.bob)
        assert (membership.group, membership.role) == (group, "manager")
        assert await epoch(desk, desk.bob) == 2

    async def test_what_was_declined_or_revoked_cannot_be_accepted(self, desk: Desk) -> None:
        for secret, state in ((b"1", "declined"), (b"2", "revoked")):
            key = await invite(desk, secret)
            assert await desk.store.do(CloseInvitation(key, state, START)) is Outcome.OK
            assert await desk.store.do(CloseInvitation(key, state, START)) is Outcome.STALE
            assert await desk.store.do(AcceptInvitation(key, desk.bob, START)) is Outcome.STALE
            assert (await found(desk, key)).state == state
        assert await desk.store.do(CloseInvitation(99, "declined", START)) is Outcome.MISSING

    async def test_what_was_declined_is_put_away_by_revoking_it(self, desk: Desk) -> None:
        key = await invite(desk)
        await desk.store.do(CloseInvitation(key, "declined", START))
        assert await desk.store.do(CloseInvitation(key, "revoked", START)) is Outcome.OK
        assert await desk.store.do(CloseInvitation(key, "declined", START)) is Outcome.STALE
        assert await desk.store.invitations_given(desk.alice, []) == []

    async def test_what_became_of_the_mail_is_kept(self, desk: Desk) -> None:
        key = await invite(desk)
        assert await desk.store.do(NoteMail(key, "sent")) is Outcome.OK
        assert (await found(desk, key)).mail == "sent"
        assert await desk.store.do(NoteMail(99, "sent")) is Outcome.MISSING

    async def test_a_sharer_sees_invitations_that_are_open_or_declined(self, desk: Desk) -> None:
        own = await invite(desk, b"1", path="alice/physics", by=desk.alice)
        below = await invite(desk, b"2", path="alice/physics/fall", by=desk.bob, email="dave@example.org")
        elsewhere = await invite(desk, b"3", path="alice/physicsx", by=desk.bob)
        accepted = await invite(desk, b"4", path="alice/other")
        await desk.store.do(AcceptInvitation(accepted, desk.bob, START))
        await desk.store.do(CloseInvitation(below, "declined", START))

        async def given(by: int, *roots: str) -> list[int]:
            return [row.key for row in await desk.store.invitations_given(by, roots)]

        assert await given(desk.alice) == [own]
        assert await given(desk.alice, "alice/physics") == [own, below]
        assert await given(desk.bob) == [below, elsewhere]
        assert await given(99) == []

    async def test_invitations_are_counted_whatever_became_of_them(self, desk: Desk) -> None:
        await invite(desk, b"1", at=START)
        await invite(desk, b"2", at=START + 1)
        assert await desk.store.invited_since(desk.alice, START) == 2
        assert await desk.store.invited_since(desk.alice, START + 1) == 1
        assert await desk.store.invited_since(desk.bob, START) == 0

    async def test_a_sharer_sees_the_grants_of_its_making_and_those_below_its_paths(self, desk: Desk) -> None:
        one = await desk.store.do(PutGrant("alice/physics", desk.bob, "view", desk.alice, START))
        two = await desk.store.do(PutGrant("alice/physics/fall", desk.alice, "view", desk.bob, START))

        async def given(by: int, *roots: str) -> list[int]:
            return [row.key for row in await desk.store.grants_given(by, roots)]

        assert await given(desk.alice) == [one]
        assert await given(desk.alice, "alice") == [one, two]
        assert await given(99, "alice/physics/fall", "bob") == [two]

    async def test_grants_that_end_bump_the_epochs_of_those_concerned(self, desk: Desk) -> None:
        await desk.store.do(PutGrant("alice/physics", desk.bob, "view", desk.alice, START, START + 5))
        await desk.store.do(PutGrant("alice/other", 0, "view", desk.alice, START, START + 8))
        await desk.store.do(PutGrant("alice/third", desk.bob, "view", desk.alice, START))
        assert await desk.store.next_end_of_a_grant(START) == START + 5
        assert await desk.store.next_end_of_a_grant(START + 5) == START + 8
        assert await desk.store.next_end_of_a_grant(START + 8) is None
        before = [await epoch(desk, key) for key in (desk.alice, desk.bob)]
        assert await desk.store.do(ExpireGrants(START, START + 4)) == []
        assert await desk.store.do(ExpireGrants(START, START + 5)) == [desk.bob]
        assert [await epoch(desk, key) for key in (desk.alice, desk.bob)] == [before[0], before[1] + 1]
        assert await desk.store.do(ExpireGrants(START + 5, START + 99)) == [0, desk.alice, desk.bob]
        assert len(await desk.store.grants_to(desk.bob)) == 3
