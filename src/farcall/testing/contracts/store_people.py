"""Passwords, proofs of addresses, and the use of tokens."""

from __future__ import annotations

from farcall.hub.ports import (
    AddConfirmation,
    ConfirmationRow,
    ConfirmEmail,
    CreateAccount,
    CreateToken,
    FreeHandles,
    Outcome,
    PutGrant,
    SetPassword,
    TakeConfirmation,
    UseTokens,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk

EMAIL = "carol@example.org"


async def create(desk: Desk, handle: str, email: str = "", confirmed_at: float | None = None) -> int:
    key = await desk.store.do(CreateAccount(handle, email, False, START, email_confirmed_at=confirmed_at))
    assert isinstance(key, int), key
    return key


async def token(desk: Desk, account: int, text: bytes, kind: str) -> int:
    key = await desk.store.do(CreateToken(account, text * 32, "", ("invoke",), (), START, None, kind))
    assert isinstance(key, int)
    return key


class PeopleContract(WithDesk):
    async def test_on_whose_word_an_account_has_its_address_is_kept(self, desk: Desk) -> None:
        command = CreateAccount("carol", EMAIL, False, START, vouched_by=desk.bob)
        key = await desk.store.do(command)
        row = await desk.store.account(key=key)
        assert row is not None
        assert (row.email, row.email_confirmed_at, row.vouched_by) == (EMAIL, None, desk.bob)

    async def test_a_password_is_kept_and_replaced(self, desk: Desk) -> None:
        assert await desk.store.password(desk.bob) == ""
        assert await desk.store.do(SetPassword(desk.bob, "hash 1", START)) is Outcome.OK
        assert await desk.store.do(SetPassword(desk.bob, "hash 2", START)) is Outcome.OK
        assert await desk.store.password(desk.bob) == "hash 2"
        assert await desk.store.password(desk.alice) == ""
        assert await desk.store.do(SetPassword(99, "hash", START)) is Outcome.MISSING

    async def test_an_account_is_made_with_its_password_at_once(self, desk: Desk) -> None:
        key = await desk.store.do(CreateAccount("carol", EMAIL, False, START, password="hash"))  # noqa: S106 made up
        assert await desk.store.password(key) == "hash"

    async def test_a_new_password_ends_the_other_logins_and_no_token_that_was_made(self, desk: Desk) -> None:
        kept = await token(desk, desk.bob, b"1", "login")
        other = await token(desk, desk.bob, b"2", "login")
        made = await token(desk, desk.bob, b"3", "made")
        stranger = await token(desk, desk.alice, b"4", "login")
        await desk.store.do(SetPassword(desk.bob, "hash", START + 1, keep=kept))
        ended = {row.key: row.revoked_at for row in await desk.store.tokens(desk.bob)}
        assert ended == {kept: None, other: START + 1, made: None}
        [row] = await desk.store.tokens(desk.alice)
        assert (row.key, row.kind, row.revoked_at) == (stranger, "login", None)

    async def test_another_hash_of_the_same_password_replaces_that_one_alone_and_ends_nothing(self, desk: Desk) -> None:
        await desk.store.do(SetPassword(desk.bob, "hash 1", START))
        kept = await token(desk, desk.bob, b"1", "login")
        assert await desk.store.do(SetPassword(desk.bob, "hash 3", START, renews="hash 2")) is Outcome.STALE
        assert await desk.store.password(desk.bob) == "hash 1"
        assert await desk.store.do(SetPassword(desk.bob, "hash 2", START, renews="hash 1")) is Outcome.OK
        assert await desk.store.password(desk.bob) == "hash 2"
        assert [(row.key, row.revoked_at) for row in await desk.store.tokens(desk.bob)] == [(kept, None)]

    async def test_an_account_is_found_by_its_address_whatever_the_case(self, desk: Desk) -> None:
        found = await desk.store.account(email="BOB@example.org")
        assert found is not None
        assert found.key == desk.bob
        assert await desk.store.account(email="") is None
        assert await desk.store.account(email="nobody@example.org") is None

    async def test_a_proved_address_is_lost_by_those_who_claimed_it_without_proof(self, desk: Desk) -> None:
        claims = await create(desk, "claims", EMAIL)
        proves = await create(desk, "proves", EMAIL, START)
        for key, email in ((claims, ""), (proves, EMAIL)):
            row = await desk.store.account(key=key)
            assert row is not None
            assert row.email == email
        outcome = await desk.store.do(CreateAccount("third", EMAIL, False, START, email_confirmed_at=START))
        assert outcome is Outcome.CONFLICT

    async def test_an_address_is_confirmed_for_one_account(self, desk: Desk) -> None:
        claims = await create(desk, "claims", EMAIL)
        proves = await create(desk, "proves")
        assert await desk.store.do(ConfirmEmail(proves, EMAIL, START + 1)) is Outcome.OK
        row = await desk.store.account(email=EMAIL)
        assert row is not None
        assert (row.key, row.email_confirmed_at) == (proves, START + 1)
        assert await desk.store.do(ConfirmEmail(proves, EMAIL, START + 2)) is Outcome.OK
        assert await desk.store.do(ConfirmEmail(claims, EMAIL, START + 2)) is Outcome.CONFLICT
        assert await desk.store.do(ConfirmEmail(99, "x@example.org", START)) is Outcome.MISSING

    async def test_a_confirmation_is_used_once_and_replaced_by_a_later_one(self, desk: Desk) -> None:
        first, second, reset = b"1" * 32, b"2" * 32, b"3" * 32
        for digest, purpose in ((first, "confirm"), (reset, "reset"), (second, "confirm")):
            command = AddConfirmation(digest, desk.bob, purpose, EMAIL, START, START + 9)
            assert await desk.store.do(command) is Outcome.OK
        assert await desk.store.confirmation(first) is None
        assert await desk.store.confirmation(second) == ConfirmationRow(desk.bob, "confirm", EMAIL, START + 9)
        assert await desk.store.waiting_for_proof(EMAIL.upper(), 9) == [desk.bob]
        assert await desk.store.waiting_for_proof("nobody@example.org", 9) == []
        assert await desk.store.do(TakeConfirmation(second)) is Outcome.OK
        assert await desk.store.do(TakeConfirmation(second)) is Outcome.MISSING
        assert await desk.store.confirmation(reset) is not None
        unknown = AddConfirmation(first, 99, "confirm", EMAIL, START, START + 9)
        assert await desk.store.do(unknown) is Outcome.MISSING

    async def test_a_handle_that_was_never_confirmed_nor_used_becomes_free(self, desk: Desk) -> None:
        forgotten = await create(desk, "forgotten")
        confirmed = await create(desk, "confirmed", "c@example.org", START)
        claims = await create(desk, "claims", "d@example.org")
        logged_in = await create(desk, "logged_in")
        await token(desk, logged_in, b"1", "login")
        await desk.store.do(SetPassword(forgotten, "hash", START))
        await desk.store.do(AddConfirmation(b"1" * 32, forgotten, "confirm", EMAIL, START, START + 9))
        await desk.store.do(PutGrant("alice", forgotten, "invoke", desk.alice, START))
        assert await desk.store.do(FreeHandles(START, 10)) == 0
        assert await desk.store.do(FreeHandles(START + 1, 10)) == 1
        assert await desk.store.account(handle="forgotten") is None
        assert await desk.store.password(forgotten) == ""
        assert await desk.store.confirmation(b"1" * 32) is None
        assert await desk.store.grants_to(forgotten) == []
        known = {row.key for row in await desk.store.accounts()}
        assert known == {desk.alice, desk.bob, confirmed, claims, logged_in}
        assert await create(desk, "forgotten") not in {forgotten, *known}
        assert await desk.store.do(FreeHandles(START, 10)) == 0

    async def test_the_last_use_of_a_token_never_goes_back(self, desk: Desk) -> None:
        key = await token(desk, desk.bob, b"1", "made")
        await desk.store.do(UseTokens([(key, START + 5), (99, START)]))
        await desk.store.do(UseTokens([(key, START + 4)]))
        [row] = await desk.store.tokens(desk.bob)
        assert row.last_used_at == START + 5
