"""Accounts, tokens, grants, functions and versions."""

from __future__ import annotations

from farcall.hub.ports import (
    BeginEpoch,
    CreateAccount,
    CreateToken,
    DeleteGrant,
    Outcome,
    Page,
    PublishVersions,
    PutGrant,
    RevokeToken,
    SetDisabled,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec


def names(page: Page) -> list[str]:
    return [row.name for row in page.items]


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

    async def test_grants_below_a_path_are_those_on_it_and_under_it(self, desk: Desk) -> None:
        for path in ("alice", "alice/physics", "alice/physics/fall", "alice/physics2", "alicia"):
            await desk.store.do(PutGrant(path, desk.bob, "view", desk.alice, START))
        below = [grant.path for grant in await desk.store.grants_below("alice/physics")]
        assert below == ["alice/physics", "alice/physics/fall"]
        assert len(await desk.store.grants_below("alice")) == 4

    async def test_the_same_version_published_again_is_the_same_row(self, desk: Desk) -> None:
        spec = version_spec("alice/physics/fall")
        [same] = await desk.store.do(PublishVersions(desk.alice, [spec], START + 5))
        assert same == desk.version
        assert (same.number, same.newest, same.owner, same.owner_handle) == (1, True, desk.alice, "alice")
        assert (same.document, same.options) == (spec.document, spec.options)
        assert (same.digest, same.interface, same.implementation) == (b"d" * 16, b"i" * 16, b"m" * 16)

    async def test_versions_are_numbered_and_the_last_is_the_newest(self, desk: Desk) -> None:
        name = "alice/physics/fall"
        second, other = await desk.store.do(
            PublishVersions(desk.alice, [version_spec(name, b"2" * 16), version_spec("alice/g", b"2" * 16)], START)
        )
        assert (second.number, second.newest, other.number) == (2, True, 1)
        assert second.function == desk.version.function
        assert [(row.number, row.newest) for row in await desk.store.versions(name)] == [(2, True), (1, False)]
        by_number = await desk.store.version(name=name, number=1)
        assert by_number is not None
        assert (by_number.version, by_number.newest) == (desk.version.version, False)
        assert await desk.store.version(name=name) == second
        assert await desk.store.version(key=second.version) == second
        assert await desk.store.version(name=name, number=3) is None
        assert await desk.store.version(name="alice/physics") is None
        assert await desk.store.versions("alice/physics") == []

    async def test_a_function_and_a_namespace_do_not_share_a_name(self, desk: Desk) -> None:
        specs = [version_spec("alice/physics"), version_spec("alice/physics/fall/deep"), version_spec("alice/new")]
        above, below, fine = await desk.store.do(PublishVersions(desk.alice, specs, START))
        assert (above, below) == (Outcome.CONFLICT, Outcome.CONFLICT)
        assert fine.name == "alice/new"

    async def test_functions_are_listed_below_roots_by_text_and_page(self, desk: Desk) -> None:
        specs = [
            version_spec("alice/math/add", text="Adds numbers"),
            version_spec("alice/math/add_all", text="adds MANY"),
            version_spec("alice/physics2/x"),
        ]
        await desk.store.do(PublishVersions(desk.alice, specs, START))
        await desk.store.do(PublishVersions(desk.bob, [version_spec("bob/f")], START))
        await desk.store.do(PublishVersions(desk.alice, [version_spec("alice/math/add", b"2" * 16)], START))
        everything = ["alice/math/add", "alice/math/add_all", "alice/physics/fall", "alice/physics2/x", "bob/f"]
        assert names(await desk.store.functions([""])) == everything
        assert names(await desk.store.functions([])) == []
        assert names(await desk.store.functions(["alice/physics", "bob"])) == ["alice/physics/fall", "bob/f"]
        assert names(await desk.store.functions(["alice/math/add"])) == ["alice/math/add"]
        assert names(await desk.store.functions([""], text="many")) == ["alice/math/add_all"]
        assert names(await desk.store.functions([""], text="PHYSICS")) == everything[2:4]
        assert names(await desk.store.functions([""], below="alice/math")) == everything[:2]
        first = await desk.store.functions([""], limit=2)
        second = await desk.store.functions([""], limit=2, cursor=first.next)
        third = await desk.store.functions([""], limit=2, cursor=second.next)
        assert names(first) + names(second) + names(third) == everything
        assert third.next is None
        assert [row.number for row in first.items] == [2, 1]
