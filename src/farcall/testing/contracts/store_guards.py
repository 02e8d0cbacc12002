"""Guards: nothing gives rights if whoever gives them may do something else by now than when that was checked."""

from __future__ import annotations

from dataclasses import replace

from farcall.hub.ports import (
    AcceptInvitation,
    CreateGroup,
    CreateToken,
    DeleteGrant,
    GrantTerms,
    Outcome,
    PublishVersions,
    PutGrant,
    PutInvitation,
    PutLink,
    PutMember,
    RevokeToken,
    SetDisabled,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec


class GuardsContract(WithDesk):
    async def test_what_gives_rights_is_denied_at_another_epoch_of_the_giver(self, desk: Desk) -> None:
        store = desk.store
        [row] = await store.do(PublishVersions(desk.alice, [version_spec("alice/one", b"1" * 16)], START))
        lab = await store.do(CreateGroup("lab", desk.alice, b"k" * 32, START))
        await store.do(PutGrant("alice/lab", desk.bob, "manage", desk.alice, START))
        bob = await store.account(key=desk.bob)
        assert bob is not None
        then = bob.access_epoch
        commands = (
            PutGrant("alice/lab/f", desk.alice, "view", desk.bob, START, by_epoch=then),
            PutMember(lab, desk.bob, "member", desk.bob, START, by_epoch=then),
            PutLink("alice/lab/one", row.function, True, desk.bob, START, by_epoch=then),
        )
        await store.do(DeleteGrant("alice/lab", desk.bob, START))
        for command in commands:
            assert await store.do(command) is Outcome.DENIED
            assert await store.do(replace(command, by_epoch=then + 1)) is not Outcome.DENIED
            later = await store.account(key=desk.bob)
            assert later is not None
            then = later.access_epoch - 1
        await store.do(SetDisabled(desk.bob, True, START))
        later = await store.account(key=desk.bob)
        assert later is not None
        assert await store.do(replace(commands[0], by_epoch=later.access_epoch)) is Outcome.DENIED

    async def test_an_invitation_is_accepted_at_the_epoch_of_its_inviter_and_on_their_terms(self, desk: Desk) -> None:
        store = desk.store
        invitation = PutInvitation(b"i" * 32, "bob@example.org", "alice/a", "view", desk.alice, START, None)
        key = await store.do(invitation)
        alice = await store.account(key=desk.alice)
        assert alice is not None
        terms = GrantTerms(START + 9, '{"in_flight":1}')
        accept = AcceptInvitation(key, desk.bob, START + 1, alice.access_epoch - 1, terms)
        assert await store.do(accept) is Outcome.DENIED
        assert await store.grants_to(desk.bob) == []
        assert await store.do(replace(accept, by_epoch=alice.access_epoch)) is Outcome.OK
        [grant] = await store.grants_to(desk.bob)
        assert (grant.expires_at, grant.limits, grant.by) == (START + 9, '{"in_flight":1}', desk.alice)

    async def test_a_token_makes_none_after_its_own_end(self, desk: Desk) -> None:
        store = desk.store
        first = CreateToken(desk.bob, b"1" * 32, "", ("manage",), (), START, None)
        key = await store.do(first)
        second = replace(first, digest=b"2" * 32, by_token=key)
        assert isinstance(await store.do(second), int)
        await store.do(RevokeToken(desk.bob, key, START))
        assert await store.do(replace(second, digest=b"3" * 32)) is Outcome.DENIED
        assert len(await store.tokens(desk.bob)) == 2
