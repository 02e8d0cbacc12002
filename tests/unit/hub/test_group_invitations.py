"""An address is invited into a group, and whoever has it becomes a member by accepting."""

from __future__ import annotations

import pytest

from farcall.domain import access
from farcall.hub.groups import Groups

from .conftest import House
from .test_invitations import CAROL, member, refused, secret_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def groups(house: House) -> Groups:
    made = Groups(house.store, house.accounts)
    await made.create(await house.subject("alice"), "lab")
    return made


async def test_whoever_has_the_address_is_a_member_by_accepting(house: House, groups: Groups) -> None:
    invited = await house.invitations.invite_member(await house.subject("alice"), CAROL, "lab", "member")
    assert (invited.row.place, invited.row.level) == ("lab", "member")
    assert invited.text.startswith("Hello,\n\nalice invites you to the group lab, on the Farcall hub at")
    assert "serve functions of your own in its name.\n" in invited.text
    carol = await member(house, "carol", CAROL)
    assert [row.place for row in await house.invitations.received(carol)] == ["lab"]
    assert not access.decide(carol, "serve", "lab/f").allowed
    await house.invitations.accept(carol, secret_of(invited))
    carol = await house.subject("carol")
    assert access.decide(carol, "serve", "lab/f").allowed
    assert not access.decide(carol, "manage", "lab/f").allowed
    assert [(group.handle, group.role) for group in await groups.mine(carol)] == [("lab", "member")]
    assert await house.invitations.holds(await house.invitations.by_secret(secret_of(invited)))
    await groups.remove_member(await house.subject("alice"), "lab", "carol")
    assert not await house.invitations.holds(await house.invitations.by_secret(secret_of(invited)))
    assert (await refused(house.invitations.accept(carol, secret_of(invited)))).code == "invitation_closed"


async def test_only_managers_invite_and_a_share_of_the_namespace_makes_no_manager(house: House, groups: Groups) -> None:
    bob = await house.subject("bob")
    assert (await refused(house.invitations.invite_member(bob, CAROL, "lab", "member"))).code == "not_found"
    await groups.put_member(await house.subject("alice"), "lab", "bob", "member")
    bob = await house.subject("bob")
    assert (await refused(house.invitations.invite_member(bob, CAROL, "lab", "member"))).code == "permission_denied"
    alice = await house.subject("alice")
    failure = await refused(house.invitations.invite_member(alice, "alice@example.org", "lab", "member"))
    assert failure.message == "That is your own address."
    assert (await refused(house.invitations.invite_member(alice, "nobody", "lab", "member"))).code == "invalid_request"


async def test_an_invitation_ends_with_the_right_of_whoever_sent_it(house: House, groups: Groups) -> None:
    alice = await house.subject("alice")
    await groups.put_member(alice, "lab", "bob", "manager")
    invited = await house.invitations.invite_member(await house.subject("bob"), CAROL, "lab", "manager")
    assert await house.invitations.standing(invited.row) == "open"
    await groups.put_member(alice, "lab", "bob", "member")
    assert await house.invitations.standing(invited.row) == "revoked"
    carol = await member(house, "carol", CAROL)
    assert (await refused(house.invitations.accept(carol, secret_of(invited)))).code == "invitation_closed"


async def test_managers_see_and_take_back_what_another_one_sent_and_members_do_not(
    house: House, groups: Groups
) -> None:
    alice = await house.subject("alice")
    invited = await house.invitations.invite_member(alice, CAROL, "lab", "member")
    await groups.put_member(alice, "lab", "bob", "member")
    assert await house.invitations.given(await house.subject("bob"), ["bob", "lab"]) == []
    assert (await refused(house.invitations.revoke(await house.subject("bob"), invited.row.key))).code == "not_found"
    await groups.put_member(alice, "lab", "bob", "manager")
    bob = await house.subject("bob")
    assert [row.key for row in await house.invitations.given(bob, ["bob", "lab"])] == [invited.row.key]
    await house.invitations.revoke(bob, invited.row.key)
    assert await house.invitations.standing(await house.invitations.by_secret(secret_of(invited))) == "revoked"


async def test_an_invitation_ends_with_its_group(house: House, groups: Groups) -> None:
    alice = await house.subject("alice")
    invited = await house.invitations.invite_member(alice, CAROL, "lab", "member")
    await groups.delete(alice, "lab")
    carol = await member(house, "carol", CAROL)
    assert (await refused(house.invitations.accept(carol, secret_of(invited)))).code == "invitation_closed"
