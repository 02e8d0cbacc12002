"""Rights that end between the check and the commit: nothing is given by whoever has lost them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from farcall.domain.errors import Failure, Refused
from farcall.domain.limits import Limits
from farcall.hub import ports
from farcall.hub.groups import Groups
from farcall.hub.wanted import Wanted

from .conftest import House

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lent(house: House) -> House:
    """alice lets bob manage alice/lab; he has invited carol to it."""
    _, token = await house.accounts.create(await house.subject("admin"), "carol", "carol@example.org")
    house.tokens["carol"] = token.token
    await house.shares.share(await house.subject("alice"), "bob", Wanted("alice/lab", "manage"))
    await house.invitations.invite(await house.subject("bob"), "carol@example.org", Wanted("alice/lab", "manage"))
    return house


def at_the_last_moment(
    house: House, monkeypatch: pytest.MonkeyPatch, kind: type, happen: Callable[[], Awaitable[object]]
) -> None:
    """Let something happen after all checks, just before a command of this kind is carried out."""
    real, left = house.store.do, [happen]

    async def do(command: Any) -> Any:
        if isinstance(command, ports.Audited) and isinstance(command.command, kind) and left:
            await left.pop()()
        return await real(command)

    monkeypatch.setattr(house.store, "do", do)


async def refused(awaitable: Awaitable[Any]) -> Failure:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value.failure


async def held(house: House) -> list[tuple[str, str]]:
    return [(row.grantee_handle, row.path) for row in await house.store.grants_below("")]


async def unshare(house: House) -> None:
    await house.shares.unshare(await house.subject("alice"), "alice/lab", "bob")


async def test_an_invitation_gives_nothing_if_its_inviter_loses_the_right_at_that_moment(
    lent: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_last_moment(lent, monkeypatch, ports.AcceptInvitation, lambda: unshare(lent))
    failure = await refused(lent.invitations.accept(await lent.subject("carol"), "i1"))
    assert (failure.code, failure.message) == (
        "invitation_closed",
        "bob has taken the invitation back, or sent a newer one.",
    )
    assert await held(lent) == []


@pytest.mark.parametrize("moment", ["before", "last"])
async def test_an_invitation_gives_no_more_than_its_inviter_has_when_it_is_accepted(
    lent: House, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    ends_at = 4_000_000_000.0

    async def cut() -> None:
        less = Wanted("alice/lab", "manage", ends_at, Limits(per_minute=3))
        await lent.shares.share(await lent.subject("alice"), "bob", less)

    if moment == "before":
        await cut()
    else:
        at_the_last_moment(lent, monkeypatch, ports.AcceptInvitation, cut)
    given = await lent.invitations.accept(await lent.subject("carol"), "i1")
    assert isinstance(given, ports.GrantRow)
    assert (given.expires_at, given.limits) == (ends_at, Limits(per_minute=3).json())


async def test_a_manager_whose_right_ends_while_they_share_gives_nothing(
    lent: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_last_moment(lent, monkeypatch, ports.PutGrant, lambda: unshare(lent))
    failure = await refused(lent.shares.share(await lent.subject("bob"), "carol", Wanted("alice/lab")))
    assert (failure.code, failure.hint) == ("conflict", "Try again.")
    assert await held(lent) == []


async def test_a_manager_who_is_removed_from_a_group_while_they_add_somebody_adds_nobody(
    lent: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = Groups(lent.store, lent.accounts)
    made = await groups.create(await lent.subject("alice"), "lab")
    await groups.put_member(await lent.subject("alice"), "lab", "bob", "manager")

    async def remove() -> None:
        await groups.remove_member(await lent.subject("alice"), "lab", "bob")

    at_the_last_moment(lent, monkeypatch, ports.PutMember, remove)
    assert (await refused(groups.put_member(await lent.subject("bob"), "lab", "carol", "member"))).code == "conflict"
    members = (await groups.get(await lent.subject("alice"), made.handle)).members
    assert [row.handle for row in members] == ["alice"]


async def test_a_token_that_is_revoked_while_it_makes_another_makes_none(
    lent: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = lent.accounts.tokens
    made = await tokens.create(await lent.subject("bob"))
    stolen = await lent.accounts.authenticate(made.token)
    before = len(await lent.store.tokens(stolen.key))

    async def revoke() -> None:
        await tokens.revoke(await lent.subject("bob"), made.key)

    at_the_last_moment(lent, monkeypatch, ports.CreateToken, revoke)
    assert (await refused(tokens.create(stolen))).code == "unauthenticated"
    assert len(await lent.store.tokens(stolen.key)) == before
