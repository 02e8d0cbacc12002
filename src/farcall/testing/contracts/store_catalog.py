"""Accounts, tokens, grants."""

from __future__ import annotations

from farcall.hub.ports import (
    BeginEpoch,
    CreateAccount,
    CreateToken,
    DeleteGrant,
    Outcome,
    PutGrant,
    PutInvitation,
    RevokeToken,
    SetDisabled,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk


class CatalogContract(WithDesk):
    async def test_epochs_rise(self, desk: Desk) -> None:
        epochs = [await desk.store.do(BeginEpoch("hub-a", START + n)) for n in range(3)]
        assert epochs == sorted(set(epochs))

    async def test_handles_and_addresses_belong_to_one_account(self, desk: Desk) -> None:
        async def create(handle: str, email: str) -> object:
            return await desk.store.do(CreateAccount(handle, email, False, START))

        assert await create("alice", "new@example.org") is Outcome.CONFLICT
        assert await create("carol", "Alice@Example.org") is Outcome.CONFLICT
        first, second = await create("carol", ""), await create("dave", "")
        assert isinstance(first, int)
        assert isinstance(second, int)
        assert [row.handle for row in await desk.store.accounts()] == ["alice", "bob", "carol", "dave"]

    async def test_an_account_is_found_by_key_and_by_handle(self, desk: Desk) -> None:
        row = await desk.store.account(handle="alice")
        assert row is not None
        assert row == await desk.store.account(key=desk.alice)
        assert (row.email, row.admin, row.disabled, row.access_epoch) == ("alice@example.org", True, False, 1)
        assert await desk.store.account(handle="nobody") is None
        assert await desk.store.account(key=99) is None

    async def test_disabling_bumps_the_epoch(self, desk: Desk) -> None:
        assert await desk.store.do(SetDisabled(desk.bob, True, START)) is Outcome.OK
        row = await desk.store.account(key=desk.bob)
        assert row is not None
        assert (row.disabled, row.access_epoch) == (True, 2)
        assert await desk.store.do(SetDisabled(99, True, START)) is Outcome.MISSING

    async def test_a_token_is_found_by_its_digest_until_the_hub_judges_it(self, desk: Desk) -> None:
        digest = b"t" * 32
        limits = ("alice/physics", "bob/lab")
        make = CreateToken(desk.bob, digest, "laptop", ("invoke", "serve"), limits, START, START + 9)
        key = await desk.store.do(make)
        assert isinstance(key, int)
        assert await desk.store.do(make) is Outcome.CONFLICT
        found = await desk.store.token(digest)
        assert found is not None
        token, account = found
        assert account.handle == "bob"
        assert (token.scopes, token.only, token.expires_at) == (("invoke", "serve"), limits, START + 9)
        assert token.revoked_at is None
        assert await desk.store.do(RevokeToken(desk.alice, key, START + 1)) is Outcome.MISSING
        assert await desk.store.do(RevokeToken(desk.bob, key, START + 2)) is Outcome.OK
        assert await desk.store.do(RevokeToken(desk.bob, key, START + 3)) is Outcome.OK
        [token] = await desk.store.tokens(desk.bob)
        assert token.revoked_at == START + 2
        assert await desk.store.token(b"u" * 32) is None
        assert await desk.store.tokens(desk.alice) == []
        make.account = 99
        assert await desk.store.do(make) is Outcome.MISSING

    async def test_a_grant_is_put_replaced_and_deleted_and_each_bumps_the_epoch(self, desk: Desk) -> None:
        async def epoch() -> int:
            row = await desk.store.account(key=desk.bob)
            assert row is not None
            return row.access_epoch

        key = await desk.store.do(PutGrant("alice/physics", desk.bob, "view", desk.alice, START))
        again = await desk.store.do(PutGrant("alice/physics", desk.bob, "invoke", desk.alice, START + 1))
        assert again == key
        assert await epoch() == 3
        [grant] = await desk.store.grants_to(desk.bob)
        assert (grant.key, grant.path, grant.level, grant.grantee_handle) == (key, "alice/physics", "invoke", "bob")
        assert await desk.store.do(DeleteGrant("alice/physics", desk.bob, START)) is Outcome.OK
        assert await desk.store.do(DeleteGrant("alice/physics", desk.bob, START)) is Outcome.MISSING
        assert await epoch() == 4
        assert await desk.store.grants_to(desk.bob) == []
        assert await desk.store.do(PutGrant("alice", 99, "view", desk.alice, START)) is Outcome.MISSING

    async def test_grants_and_invitations_end_together_if_nothing_was_granted_there_meanwhile(self, desk: Desk) -> None:
        store = desk.store
        first = await store.do(PutGrant("alice/a", desk.bob, "manage", desk.alice, START))
        second = await store.do(PutGrant("alice/a/b", desk.alice, "view", desk.bob, START + 1))
        other = await store.do(PutGrant("alice/ab", desk.alice, "view", desk.bob, START + 2))
        waiting = await store.do(
            PutInvitation(b"i" * 32, "c@lab.org", "alice/a", "view", desk.bob, START, None),
        )
        await store.do(PutGrant("alice/a/b", desk.alice, "view", desk.bob, START + 3))  # replaced
        seen = [(first, START), (second, START + 1)]
        end = DeleteGrant("alice/a", desk.bob, START + 4, [second, 99], [waiting], seen)
        assert await store.do(end) is Outcome.STALE
        assert len(await store.grants_below("alice")) == 3
        alice = await store.account(key=desk.alice)
        end.presumes = [(first, START), (second, START + 3)]
        assert await store.do(end) is Outcome.OK
        assert [row.key for row in await store.grants_below("alice")] == [other]
        assert await store.invitations_to("c@lab.org") == []
        later = await store.account(key=desk.alice)
        assert alice is not None
        assert later is not None
        assert later.access_epoch > alice.access_epoch
        assert await store.do(end) is Outcome.STALE
        end.presumes = None
        assert await store.do(end) is Outcome.MISSING

    async def test_grants_below_a_path_are_those_on_it_and_under_it(self, desk: Desk) -> None:
        for path in ("alice", "alice/physics", "alice/physics/fall", "alice/physics2", "alicia"):
            await desk.store.do(PutGrant(path, desk.bob, "view", desk.alice, START))
        below = [grant.path for grant in await desk.store.grants_below("alice/physics")]
        assert below == ["alice/physics", "alice/physics/fall"]
        assert len(await desk.store.grants_below("alice")) == 4
