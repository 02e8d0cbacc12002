"""Owners are told of calls that no worker was there for, and not too often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from farcall.hub import ports
from farcall.hub.catalog import Catalog
from farcall.hub.mail import Post
from farcall.hub.missed import Missed
from farcall.testing.contracts.desk import START, version_spec
from farcall.testing.memory_store import MemoryStore

DAY = 86_400.0


@dataclass
class Office:
    """Keeps letters; a store with alice, bob and a function; a clock that is set by hand."""

    store: MemoryStore
    letters: list[ports.Mail] = field(default_factory=list)
    now: float = START
    ready: set[int] = field(default_factory=set)

    async def send(self, mail: ports.Mail) -> None:
        self.letters.append(mail)

    def missed(self, **options: bool) -> Missed:
        catalog = Catalog(self.store, ready_for=lambda version: version in self.ready)
        return Missed(self.store, catalog, Post(self), wall=lambda: self.now, interval_seconds=0.0, **options)

    async def account(self, handle: str, confirmed: bool = True) -> int:
        at = START if confirmed else None
        command = ports.CreateAccount(handle, f"{handle}@lab.org", False, START, email_confirmed_at=at)
        return int(await self.store.do(command))

    async def publish(self, owner: int, name: str, digest: bytes = b"d" * 16) -> ports.VersionRow:
        [row] = await self.store.do(ports.PublishVersions(owner, [version_spec(name, digest)], START))
        assert isinstance(row, ports.VersionRow)
        return row


@pytest.fixture
async def office() -> Office:
    store = MemoryStore()
    store.open(asyncio.get_running_loop().call_soon)
    return Office(store)


async def settle() -> None:
    """Let what was noted be written and sent."""
    for _ in range(50):
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_the_owner_gets_one_letter_a_day_while_calls_are_missed(office: Office) -> None:
    alice, bob = await office.account("alice"), await office.account("bob")
    row = await office.publish(alice, "alice/fall")
    missed = office.missed()
    for _ in range(3):
        missed.note(row.version, [bob, bob])
        await settle()
    assert missed.of(row.function) == ports.MissedCalls(6, START)
    [letter] = office.letters
    assert (letter.to, letter.subject) == ("alice@lab.org", "Nobody serves alice/fall")
    assert "2 calls of others found none since 15 January 2027, 08:00 UTC." in letter.text
    missed.served([row.version])
    await settle()
    assert missed.of(row.function) == ports.NONE_MISSED
    office.now += DAY / 2
    missed.note(row.version, [bob])
    await settle()
    assert missed.of(row.function) == ports.MissedCalls(1, office.now)
    assert len(office.letters) == 1
    office.now += DAY / 2
    missed.note(row.version, [bob])
    await settle()
    assert len(office.letters) == 2


@pytest.mark.anyio
async def test_own_calls_and_calls_of_what_another_version_serves_are_not_counted(office: Office) -> None:
    alice, bob = await office.account("alice"), await office.account("bob")
    old = await office.publish(alice, "alice/fall")
    new = await office.publish(alice, "alice/fall", b"2" * 16)
    missed = office.missed()
    missed.note(old.version, [alice])
    await settle()
    office.ready.add(new.version)
    missed.note(old.version, [bob])
    await settle()
    assert missed.of(old.function) == ports.NONE_MISSED
    assert office.letters == []


@pytest.mark.anyio
async def test_managers_are_told_of_their_groups_functions_and_members_are_not(office: Office) -> None:
    alice, bob = await office.account("alice"), await office.account("bob")
    carol = await office.account("carol", confirmed=False)
    lab = await office.store.do(ports.CreateGroup("lab", alice, b"k" * 32, START))
    await office.store.do(ports.PutMember(lab, bob, "member", alice, START))
    await office.store.do(ports.PutMember(lab, carol, "manager", alice, START))
    row = await office.publish(lab, "lab/fall")
    missed = office.missed()
    missed.note(row.version, [bob])
    await settle()
    assert [letter.to for letter in office.letters] == ["alice@lab.org"]  # carol's address was never confirmed


@pytest.mark.anyio
async def test_without_letters_it_is_counted_all_the_same_and_survives_a_restart(office: Office) -> None:
    alice, bob = await office.account("alice"), await office.account("bob")
    row = await office.publish(alice, "alice/fall")
    missed = office.missed(tell=False)
    missed.note(row.version, [bob])
    await missed.close()
    assert office.letters == []
    again = office.missed()
    await again.load()
    assert again.of(row.function) == ports.MissedCalls(1, START)


@pytest.mark.anyio
async def test_a_store_that_refuses_costs_a_count_and_nothing_else(office: Office) -> None:
    alice, bob = await office.account("alice"), await office.account("bob")
    row = await office.publish(alice, "alice/fall")
    missed = office.missed()
    office.store.refuse("the disk is full")
    missed.note(row.version, [bob])
    await settle()
    office.store.refuse("")
    missed.note(row.version, [bob])
    await settle()
    assert missed.of(row.function) == ports.MissedCalls(1, START)
