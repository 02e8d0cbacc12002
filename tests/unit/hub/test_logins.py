from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher

from farcall.domain import access
from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.accounts import Accounts, Policy
from farcall.hub.logins import Logins
from farcall.hub.passwords import Passwords
from farcall.testing.memory_store import MemoryStore

pytestmark = pytest.mark.anyio
GOOD = "correct horse battery"
OTHER = "another fine password"


async def refusal_of(awaitable: object) -> Refused:
    with pytest.raises(Refused) as caught:
        await awaitable  # type: ignore[misc] # any awaitable will do
    return caught.value


async def code_of(awaitable: object) -> str:
    return (await refusal_of(awaitable)).failure.code


class Letters:
    """Remembers what would be mailed."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []

    def confirm(self, account: ports.AccountRow, email: str) -> None:
        self.sent.append(("confirm", account.handle, email))

    def known_already(self, account: ports.AccountRow) -> None:
        self.sent.append(("known already", account.handle, account.email))


class Door:
    """A hub's accounts and logins; `now` is the clock of the throttle."""

    def __init__(self, registration: Policy) -> None:
        self.store = MemoryStore()
        self.store.open(lambda call: call())
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        self.accounts = Accounts(self.store, Passwords(quick), registration=registration)
        self.now = 0.0
        self.logins = Logins(self.store, self.accounts, lambda: self.now)

    async def administrator(self) -> access.Subject:
        made = await self.accounts.ensure_administrator()
        assert made is not None
        return await self.accounts.authenticate(made.token)

    async def register(self, handle: str = "carol", email: str = "", **more: str) -> access.Subject:
        made = await self.accounts.register(handle, email or f"{handle}@lab.org", GOOD, **more)
        assert made.token is not None
        return await self.accounts.authenticate(made.token.token)


@pytest.fixture
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    made = Door(getattr(request, "param", "open"))
    yield made
    made.logins.close()
    made.accounts.close()
    await made.store.close()


closed = pytest.mark.parametrize("door", ["closed"], indirect=True)
by_invitation = pytest.mark.parametrize("door", ["invitation"], indirect=True)


# -- registration ------------------------------------------------------------------------------------------------------


async def test_whoever_registers_is_logged_in_and_can_log_in_again(door: Door) -> None:
    carol = await door.register("carol", "Carol@Lab.org")
    assert (carol.handle, carol.admin, carol.scopes) == ("carol", False, frozenset(access.DEFAULT_SCOPES))
    for name in ("carol", "CAROL@lab.org", " carol "):
        account, token = await door.logins.log_in(name, GOOD)
        assert account.handle == "carol"
        assert (await door.accounts.authenticate(token.token)).key == carol.key
    assert GOOD not in repr(vars(door.store))


@by_invitation
async def test_by_invitation_an_address_that_was_proved_is_confirmed_at_once(door: Door) -> None:
    refused = await refusal_of(door.accounts.register("carol", "carol@lab.org", GOOD))
    assert (refused.failure.code, "invitation only" in refused.failure.message) == ("permission_denied", True)
    foreign = await refusal_of(door.accounts.register("carol", "eve@lab.org", GOOD, invited_email="carol@lab.org"))
    assert "c…@lab.org" in foreign.failure.message
    await door.register("carol", "Carol@lab.org", invited_email="carol@lab.org")
    row = await door.store.account(handle="carol")
    assert row is not None
    assert row.email_confirmed_at is not None


@closed
async def test_a_closed_hub_takes_no_registration_but_its_administrators_make_accounts(door: Door) -> None:
    assert await code_of(door.accounts.register("carol", "c@lab.org", GOOD)) == "permission_denied"
    assert await code_of(door.register("carol", invited_email="carol@lab.org")) == "permission_denied"
    account, _ = await door.accounts.create(await door.administrator(), "carol", "carol@lab.org", password=GOOD)
    assert account.email_confirmed_at is not None
    await door.logins.log_in("carol", GOOD)


async def test_a_taken_handle_or_address_a_weak_password_and_a_misleading_handle_are_refused(door: Door) -> None:
    await door.register()
    taken = await refusal_of(door.accounts.register("carol", "new@lab.org", GOOD))
    assert (taken.failure.code, taken.failure.hint) == ("conflict", "Choose another one.")
    assert await code_of(door.accounts.register("dora", "CAROL@lab.org", GOOD)) == "conflict"
    weak = await refusal_of(door.accounts.register("dora", "dora@lab.org", "short"))
    assert (weak.failure.code, "shorter" in weak.failure.message) == ("invalid_request", True)
    assert await code_of(door.accounts.register("adm1n", "dora@lab.org", GOOD)) == "invalid_request"
    assert await code_of(door.accounts.register("dora", "dora", GOOD)) == "invalid_request"
    assert [row.handle for row in await door.store.accounts()] == ["carol"]


async def test_who_proves_an_address_gets_it_from_who_only_claimed_it(door: Door) -> None:
    squatter = await door.register("squatter", "carol@lab.org")
    await door.register("carol", "carol@lab.org", invited_email="carol@lab.org")
    row = await door.store.account(key=squatter.key)
    assert row is not None
    assert row.email == ""


async def test_registrations_from_one_place_are_slowed_down(door: Door) -> None:
    for number in range(20):
        await door.register(f"person{number}", origin="192.0.2.1")
    refused = await refusal_of(door.register("late", origin="192.0.2.1"))
    assert refused.failure.code == "quota_exceeded"
    assert (refused.failure.retry_after_seconds or 0) > 1
    await door.register("elsewhere", origin="192.0.2.2")
    await door.register("invited", invited_email="invited@lab.org", origin="192.0.2.1")


async def test_with_mail_nobody_learns_whether_an_address_has_an_account(door: Door) -> None:
    door.accounts.letters = letters = Letters()
    await door.register("carol", invited_email="carol@lab.org")
    known = await door.accounts.register("eve", "carol@lab.org", GOOD)
    new = await door.accounts.register("dora", "dora@lab.org", GOOD)
    assert known.token is new.token is None
    assert (known.account.email, new.account.email) == ("", "")
    assert letters.sent == [("known already", "carol", "carol@lab.org"), ("confirm", "dora", "dora@lab.org")]
    for handle in ("eve", "dora"):
        refused = await refusal_of(door.logins.log_in(handle, GOOD))
        assert "not confirmed" in refused.failure.message
    confirmed = await door.accounts.confirm(new.account, "dora@lab.org")
    assert confirmed.email_confirmed_at is not None
    await door.logins.log_in("dora@lab.org", GOOD)
    assert await code_of(door.accounts.confirm(known.account, "carol@lab.org")) == "conflict"


async def test_administrators_vouch_for_addresses(door: Door) -> None:
    carol, admin = await door.register(), await promoted(door)
    assert await code_of(door.accounts.vouch(carol, "carol")) == "permission_denied"
    assert (await door.accounts.vouch(admin, "carol")).email_confirmed_at is not None
    assert (await door.accounts.vouch(admin, "carol", "C2@lab.org")).email == "c2@lab.org"
    assert await code_of(door.accounts.vouch(admin, "carol", "boss@lab.org")) == "conflict"
    assert await code_of(door.accounts.vouch(admin, "nobody")) == "not_found"
    assert await code_of(door.accounts.vouch(admin, "public", "p@lab.org")) == "not_found"


# -- login -------------------------------------------------------------------------------------------------------------


async def test_an_unknown_account_and_a_wrong_password_get_the_same_answer(door: Door) -> None:
    await door.register()
    await door.accounts.create(await promoted(door), "dora", "dora@lab.org")
    answers = [
        await refusal_of(door.logins.log_in(name, "wrong password")) for name in ("carol", "nobody", "dora", "public")
    ]
    assert len({(answer.failure.code, answer.failure.message, answer.failure.hint) for answer in answers}) == 1
    assert answers[0].failure.code == "unauthenticated"


async def test_an_unknown_account_takes_a_hash_too(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[bool] = []
    real = door.accounts.passwords._verified

    def noted(known: str, password: str) -> bool:
        verified.append(real(known, password))
        return verified[-1]

    monkeypatch.setattr(door.accounts.passwords, "_verified", noted)
    await code_of(door.logins.log_in("nobody", GOOD))
    await code_of(door.logins.log_in("nobody", "nobody has this password"))
    assert verified == [False, True]


async def test_nobody_closes_a_name_to_its_owner_from_another_place(door: Door) -> None:
    await door.register()
    for _ in range(10):
        await code_of(door.logins.log_in("carol", "wrong password", origin="192.0.2.9"))
    assert await code_of(door.logins.log_in("carol", GOOD, origin="192.0.2.9")) == "quota_exceeded"
    await door.logins.log_in("carol", GOOD, origin="192.0.2.1")


async def test_after_ten_failures_a_name_is_closed_for_a_while_whether_it_exists_or_not(door: Door) -> None:
    await door.register()
    for name in ("carol", "nobody"):
        for _ in range(10):
            assert await code_of(door.logins.log_in(name, "wrong password")) == "unauthenticated"
        refused = await refusal_of(door.logins.log_in(name, GOOD))
        assert refused.failure.code == "quota_exceeded"
        assert refused.failure.retry_after_seconds == 38
    door.now = 39.0
    await door.logins.log_in("carol", GOOD)
    for _ in range(9):
        await code_of(door.logins.log_in("carol", "wrong password"))
    await door.logins.log_in("carol", GOOD)


async def test_guesses_at_many_names_from_one_place_are_slowed_down_too(door: Door) -> None:
    await door.register()
    for number in range(100):
        assert await code_of(door.logins.log_in(f"name{number}", GOOD, origin="192.0.2.1")) == "unauthenticated"
    assert await code_of(door.logins.log_in("carol", GOOD, origin="192.0.2.1")) == "quota_exceeded"
    await door.logins.log_in("carol", GOOD, origin="192.0.2.2")


async def test_guesses_made_at_once_count_before_their_outcome_is_known(door: Door) -> None:
    await door.register()
    tries = [door.logins.log_in("carol", "wrong password") for _ in range(25)]
    codes = [error.failure.code for error in await asyncio.gather(*tries, return_exceptions=True)]  # type: ignore[union-attr] # each is refused
    assert codes.count("unauthenticated") == 10
    assert codes.count("quota_exceeded") == 15


async def test_a_disabled_account_cannot_log_in(door: Door) -> None:
    await door.register()
    await door.accounts.set_disabled(await promoted(door), "carol", True)
    refused = await refusal_of(door.logins.log_in("carol", GOOD))
    assert refused.failure.message == "The account is disabled."
    assert "disabled" not in (await refusal_of(door.logins.log_in("carol", "wrong"))).failure.message


async def test_an_administrators_token_administers_only_if_that_was_asked_for(door: Door) -> None:
    admin = await promoted(door)
    await door.logins.set_password(admin, GOOD)
    _, plain = await door.logins.log_in("boss", GOOD)
    _, asked = await door.logins.log_in("boss", GOOD, admin=True)
    assert not access.administers(await door.accounts.authenticate(plain.token))
    assert access.administers(await door.accounts.authenticate(asked.token))
    await door.accounts.create(admin, "dora", "dora@lab.org", password=GOOD)
    _, other = await door.logins.log_in("dora", GOOD, admin=True)
    assert "admin" not in other.scopes


async def test_logging_out_ends_the_token(door: Door) -> None:
    carol = await door.register()
    _, token = await door.logins.log_in("carol", GOOD)
    await door.logins.log_out(await door.accounts.authenticate(token.token))
    assert await code_of(door.accounts.authenticate(token.token)) == "unauthenticated"
    assert (await door.accounts.me(carol)).handle == "carol"


async def test_logging_out_leaves_a_token_that_was_made_with_a_purpose(door: Door) -> None:
    carol = await door.register()
    made = await door.accounts.tokens.create(carol, scopes=["invoke"])
    await door.logins.log_out(await door.accounts.authenticate(made.token))
    await door.accounts.authenticate(made.token)


async def test_what_people_do_with_their_accounts_is_recorded_and_guesses_are_within_bounds(door: Door) -> None:
    carol = await door.register("carol", origin="192.0.2.1")
    await door.logins.log_in("carol", GOOD, origin="192.0.2.2")
    for _ in range(5):
        await code_of(door.logins.log_in("carol", "wrong password", origin="192.0.2.9"))
    await code_of(door.logins.log_in(GOOD, "carol", origin="192.0.2.9"))
    await door.logins.set_password(carol, OTHER, GOOD)
    made = await door.accounts.tokens.create(carol, scopes=["invoke"], only=["carol/lab"])
    await door.accounts.tokens.revoke(carol, made.key)
    await door.accounts.vouch(await promoted(door), "carol")
    door.logins.close()
    page = await door.store.audit(ports.AuditFilter(limit=100))
    said = [(row.what, row.who, row.outcome, row.origin) for row in reversed(page.items)]
    assert said.pop(4) == ("login", "(no name)", "unauthenticated", "192.0.2.9")
    assert said[:4] == [
        ("account.create", "carol", "ok", "192.0.2.1"),
        ("login", "carol", "ok", "192.0.2.1"),
        ("login", "carol", "ok", "192.0.2.2"),
        ("login", "carol", "unauthenticated", "192.0.2.9"),
    ]
    assert [what for what, *_ in said[4:]] == [
        "account.password",
        "token.create",
        "token.revoke",
        "token.create",
        "account.confirm",
        "login",
    ]
    assert page.items[0].detail["times"] == 4
    assert not {GOOD, OTHER, made.token} & set(repr(page).split("'"))


# -- passwords ---------------------------------------------------------------------------------------------------------


async def test_a_new_password_ends_the_other_logins(door: Door) -> None:
    carol = await door.register()
    _, elsewhere = await door.logins.log_in("carol", GOOD)
    made = await door.accounts.tokens.create(carol, scopes=["invoke"])
    await door.accounts.authenticate(elsewhere.token)
    await door.logins.set_password(carol, OTHER, GOOD)
    assert await code_of(door.accounts.authenticate(elsewhere.token)) == "unauthenticated"
    await door.accounts.authenticate(made.token)
    assert (await door.accounts.me(carol)).handle == "carol"
    assert await code_of(door.logins.log_in("carol", GOOD)) == "unauthenticated"
    await door.logins.log_in("carol", OTHER)


async def test_a_hash_is_renewed_at_a_good_login_when_the_parameters_are_others(door: Door) -> None:
    carol = await door.register()
    old = await door.store.password(carol.key)
    await door.logins.log_in("carol", GOOD)
    assert await door.store.password(carol.key) == old
    door.accounts.passwords._hasher = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    await code_of(door.logins.log_in("carol", "wrong password"))
    assert await door.store.password(carol.key) == old
    await door.logins.log_in("carol", GOOD)
    new = await door.store.password(carol.key)
    assert new != old
    assert "m=16,t=2" in new
    await door.accounts.authenticate((await door.logins.log_in("carol", GOOD))[1].token)
    assert await door.store.password(carol.key) == new
    assert [row.revoked_at for row in await door.store.tokens(carol.key)] == [None] * 4, "nobody is logged out by it"


async def test_it_takes_the_old_password_and_a_token_that_manages_the_whole_account(door: Door) -> None:
    carol = await door.register()
    assert await code_of(door.logins.set_password(carol, OTHER)) == "permission_denied"
    assert await code_of(door.logins.set_password(carol, "short", GOOD)) == "invalid_request"
    for scopes, only in ((["invoke"], []), (["manage"], ["carol/lab"])):
        made = await door.accounts.tokens.create(carol, scopes=scopes, only=only)
        narrow = await door.accounts.authenticate(made.token)
        assert await code_of(door.logins.set_password(narrow, OTHER, GOOD)) == "permission_denied"
    for _ in range(10):
        await code_of(door.logins.set_password(carol, OTHER, "guess"))
    assert await code_of(door.logins.set_password(carol, OTHER, GOOD)) == "quota_exceeded"


async def test_nobody_who_guesses_at_made_up_names_keeps_somebody_from_setting_a_password(door: Door) -> None:
    carol = await door.register()
    attempted: list[str] = []
    real = door.logins._guesses.attempt
    door.logins._guesses.attempt = lambda name, *rest: (attempted.append(name), real(name, *rest))[1]  # type: ignore[method-assign] # watched
    await door.logins.set_password(carol, OTHER, GOOD)
    [counted] = attempted
    await code_of(door.logins.log_in(counted, "a guess"))
    assert attempted[1] != counted, "a login can count as a try to change somebody's password"


async def test_an_account_without_a_password_sets_its_first_with_its_token(door: Door) -> None:
    _, token = await door.accounts.create(await promoted(door), "dora", "dora@lab.org")
    assert await code_of(door.logins.log_in("dora", "")) == "unauthenticated"
    await door.logins.set_password(await door.accounts.authenticate(token.token), GOOD)
    await door.logins.log_in("dora", GOOD)


async def test_a_first_password_makes_no_token_more_than_it_is(door: Door) -> None:
    admin = await promoted(door)
    dora, token = await door.accounts.create(admin, "dora", "dora@lab.org")
    whole = await door.accounts.authenticate(token.token)
    for subject, scopes, seconds in (
        (whole, ["manage"], None),
        (whole, [], 600),
        (admin, list(access.DEFAULT_SCOPES), None),  # logging in could give the scope admin
    ):
        ends_at = None if seconds is None else time.time() + seconds
        made = await door.accounts.tokens.create(subject, scopes=scopes, expires_at=ends_at)
        asking = await door.accounts.authenticate(made.token)
        assert await code_of(door.logins.set_password(asking, GOOD)) == "permission_denied"
        assert await code_of(door.logins.log_in(subject.handle, GOOD)) == "unauthenticated"
    assert dora.handle == "dora"


async def test_too_many_at_once_are_refused_instead_of_queued(door: Door) -> None:
    hashes = [door.accounts.passwords.hash(GOOD) for _ in range(40)]
    done = await asyncio.gather(*hashes, return_exceptions=True)
    refused = [answer for answer in done if isinstance(answer, Refused)]
    assert len(refused) == 8
    assert refused[0].failure.code == "hub_unavailable"


async def promoted(door: Door) -> access.Subject:
    """An administrator, whoever else there is."""
    key = await door.store.do(ports.CreateAccount("boss", "boss@lab.org", True, 0.0, email_confirmed_at=0.0))
    token = await door.accounts.tokens.issue(key, "", access.SCOPES, (), None, audit.HUB)
    return await door.accounts.authenticate(token.token)
