from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.audit import AuditLog, Failures, Query, Repeats
from farcall.hub.groups import Groups
from farcall.hub.wanted import Wanted

from .conftest import House

pytestmark = pytest.mark.anyio

SOMEBODY = audit.Anonymous("alice", "192.0.2.1")


@pytest.fixture
def log(house: House) -> AuditLog:
    return AuditLog(house.store)


async def said(log: AuditLog, house: House, handle: str, **query: Any) -> list[tuple[str, str, str]]:
    """(who, what, of what) as this account reads it, oldest first."""
    page = await log.page(await house.subject(handle), Query(limit=500, **query))
    return [(row.who, row.what, row.path or row.target) for row in reversed(page.items)]


async def everything(house: House) -> list[ports.AuditRow]:
    return list(reversed((await house.store.audit(ports.AuditFilter(limit=500))).items))


# -- what is recorded --------------------------------------------------------------------------------------------------


async def test_a_version_is_recorded_when_it_is_new_and_not_whenever_its_worker_connects(
    house: House, log: AuditLog
) -> None:
    for parameter in ("x", "x", "y", "x"):
        await house.publish("alice", "physics/f", parameter)
    found = [row for row in await everything(house) if row.what == "function.publish"]
    assert [(row.who, row.path, row.detail["version"]) for row in found] == [
        ("alice", "alice/physics/f", 1),
        ("alice", "alice/physics/f", 2),
    ]


async def test_what_is_refused_changes_nothing_and_is_not_recorded(house: House, log: AuditLog) -> None:
    alice = await house.subject("alice")
    before = await everything(house)
    for attempt in (
        house.shares.unshare(alice, "alice/f", "bob"),
        house.accounts.tokens.revoke(alice, 999),
        house.shares.share(alice, "nobody", Wanted("alice/f")),
    ):
        with pytest.raises(Refused):
            await attempt
    assert await everything(house) == before


async def test_no_secret_is_in_the_log(house: House, log: AuditLog) -> None:
    alice = await house.subject("alice")
    made = await house.accounts.tokens.create(alice, label="for the lab")
    await Groups(house.store, house.accounts).create(alice, "lab")
    text = str(await everything(house))
    assert "token.create" in text
    for secret in (made.token, *house.tokens.values()):
        assert secret not in text
        assert secret[12:40] not in text
    keys = await house.store.digest_keys(alice.key)
    assert all(key.hex() not in text and str(key) not in text for key in keys.values())


async def test_a_verb_that_is_not_in_the_table_is_a_mistake(house: House) -> None:
    with pytest.raises(ValueError, match=r"token\.creat is no verb"):
        audit.entry(SOMEBODY, "token.creat")


async def test_the_key_of_what_was_made_is_in_its_entry_and_where_it_came_from(house: House) -> None:
    alice = replace(await house.subject("alice"), origin="2001:db8::1")
    made = await house.accounts.tokens.create(alice)
    row = (await everything(house))[-1]
    assert (row.what, row.detail["id"], row.origin, row.token) == ("token.create", made.key, "2001:db8::1", alice.token)


# -- failures ----------------------------------------------------------------------------------------------------------


def failed(name: str, at: float, origin: str = "192.0.2.1") -> ports.AuditEntry:
    return audit.entry(audit.Anonymous(name, origin), "login", outcome="unauthenticated", at=at)


def test_what_is_repeated_within_a_minute_is_written_twice_at_most() -> None:
    repeats = Repeats(window_seconds=60.0)
    assert len(repeats.take(failed("alice", 0.0))) == 1
    assert [repeats.take(failed("ALICE", 1.0 + number)) for number in range(50)] == [[]] * 50
    assert len(repeats.take(failed("alice", 52.0, "192.0.2.2"))) == 1, "from elsewhere it is news"
    again, new = repeats.take(failed("alice", 61.0))
    assert (again.detail, again.at, again.who) == ({"times": 50}, 61.0, "alice")
    assert new.detail == {}
    assert repeats.due(100.0) == []
    assert repeats.due(200.0) == [], "nothing was repeated"


def test_many_names_from_many_places_fill_no_disk() -> None:
    repeats = Repeats(window_seconds=60.0, kinds=10)
    written = [entry for n in range(10_000) for entry in repeats.take(failed(f"n{n}", 0.001 * n, f"10.0.{n % 256}.1"))]
    assert len(written) == 11
    assert (written[-1].who, written[-1].origin) == ("(many)", "")
    [rest] = repeats.due(61.0)
    assert rest.detail == {"times": 10_000 - 11}


async def test_failed_logins_are_recorded_for_whom_they_concern(house: House, log: AuditLog) -> None:
    failures = Failures(house.store)
    bob = await house.subject("bob")
    for _ in range(3):
        failures.note(audit.Anonymous("bob", "192.0.2.9"), "login", "unauthenticated", about=bob.key)
    failures.close()
    page = await log.page(bob, Query(what="login"))
    assert [(row.outcome, row.origin, row.detail) for row in page.items] == [
        ("unauthenticated", "192.0.2.9", {"times": 2}),
        ("unauthenticated", "192.0.2.9", {}),
    ]
    assert await said(log, house, "alice", what="login") == []


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_an_owner_reads_what_concerns_the_own_things_and_an_administrator_everything(
    house: House, log: AuditLog
) -> None:
    await house.shares.share(await house.subject("alice"), "bob", Wanted("alice/f"))
    bob = await house.subject("bob")
    await house.shares.share(bob, "alice", Wanted("bob/g", "view"))
    await house.accounts.tokens.create(bob)
    shares = [("alice", "share.create", "alice/f"), ("bob", "share.create", "bob/g")]
    assert await said(log, house, "alice", what="share") == shares, "it did one, and is whom the other is about"
    assert await said(log, house, "bob", what="share") == shares
    assert [who for who, _, _ in await said(log, house, "bob", what="token")][-1] == "bob"
    assert "bob" not in {who for who, what, _ in await said(log, house, "alice", what="token")}
    whole = await said(log, house, "admin")
    assert len(whole) == len(await everything(house))


async def test_a_manager_reads_what_happens_below_the_groups_handle_and_a_member_does_not(
    house: House, log: AuditLog
) -> None:
    groups = Groups(house.store, house.accounts)
    await groups.create(await house.subject("alice"), "lab")
    await groups.put_member(await house.subject("alice"), "lab", "bob", "member")
    await house.publish("bob", "/lab/f")
    await house.publish("alice", "/lab/g")
    published = [("bob", "function.publish", "lab/f"), ("alice", "function.publish", "lab/g")]
    assert await said(log, house, "alice", path="lab", what="function") == published
    assert await said(log, house, "bob", path="lab", what="function") == published[:1]


async def test_where_others_were_shows_to_administrators_alone(house: House, log: AuditLog) -> None:
    bob = replace(await house.subject("bob"), origin="192.0.2.7")
    await house.shares.share(bob, "alice", Wanted("bob/g", "view"))

    async def origin(handle: str) -> str:
        page = await log.page(await house.subject(handle), Query(what="share.create"))
        return str(page.items[0].origin)

    assert [await origin(handle) for handle in ("alice", "bob", "admin")] == ["", "192.0.2.7", "192.0.2.7"]


async def test_a_limited_token_reads_what_lies_within_its_limits(house: House, log: AuditLog) -> None:
    alice = await house.subject("alice")
    for path in ("alice/physics/f", "alice/chemistry/f"):
        await house.shares.share(alice, "bob", Wanted(path))
    narrow = await house.accounts.tokens.create(alice, only=["alice/physics"])
    page = await log.page(await house.accounts.authenticate(narrow.token), Query())
    assert [row.path for row in page.items] == ["alice/physics/f"]


async def test_it_takes_the_scope_manage_to_read(house: House, log: AuditLog) -> None:
    made = await house.accounts.tokens.create(await house.subject("alice"), scopes=["invoke"])
    with pytest.raises(Refused) as caught:
        await log.page(await house.accounts.authenticate(made.token), Query())
    assert caught.value.failure.code == "permission_denied"


@pytest.mark.parametrize(
    "query", [Query(limit=0), Query(limit=501), Query(cursor="x"), Query(what="weather"), Query(path="a//b")]
)
async def test_a_question_that_makes_no_sense_is_refused(house: House, log: AuditLog, query: Query) -> None:
    with pytest.raises(Refused) as caught:
        await log.page(await house.subject("alice"), query)
    assert caught.value.failure.code == "invalid_request"
