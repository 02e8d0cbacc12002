"""Any sequence of commands has the same outcomes, and leaves the same records, on every store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from farcall.domain.errors import Failure
from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    Accept,
    AddNotes,
    Audited,
    AuditEntry,
    AuditFilter,
    Claim,
    CollectBlobs,
    Command,
    Complete,
    CreateGroup,
    DeleteGrant,
    DeleteGroup,
    DeleteVersion,
    EndMissed,
    Erase,
    Expunge,
    FlagCancel,
    InvocationFilter,
    Lane,
    Lease,
    LeaseItem,
    MissedItem,
    Note,
    NoteMissed,
    NoteTold,
    Outcome,
    PinBlob,
    PublishVersions,
    PutGrant,
    PutMember,
    RemoveMember,
    Requeue,
    RequeueItem,
    SetDisabled,
    SetLimits,
    Store,
    UsageFilter,
)
from farcall.stores.sqlite import SqliteStore, WriterLimits
from farcall.testing.contracts.desk import START, Desk, version_spec
from farcall.testing.memory_store import MemoryStore

SEEDS = 40
_LAB = 3  # key of the first group that a script makes
BLOBS = ["blake3:" + letter * 64 for letter in "abcd"]
SIZES = (0, 10, 10, 10, 2_048, 2_049, 6_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Script:
    """Makes commands about few invocations, so that they get in each other's way."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.dice = random.Random(seed)
        self.ids = [desk.identifier() for _ in range(12)]
        self._makers: list[tuple[int, Callable[[], Command]]] = [
            (30, self.accept),
            (30, self.complete),
            (6, self.lease),
            (6, self.requeue),
            (4, self.cancel),
            (6, self.claim),
            (3, self.notes),
            (12, self.everyday),
            (6, self.missed),
        ]

    def commands(self, count: int) -> list[Command]:
        weights = [weight for weight, _ in self._makers]
        makers = self.dice.choices([maker for _, maker in self._makers], weights, k=count)
        return [maker() for maker in makers]

    def some(self, most: int = 5) -> list[bytes]:
        return [self.dice.choice(self.ids) for _ in range(self.dice.randint(0, most))]

    def blobs(self) -> tuple[str, ...]:
        return tuple(self.dice.sample(BLOBS, self.dice.choice((0, 0, 0, 1, 2))))

    def accept(self) -> Command:
        dice = self.dice
        items = [
            self.desk.new(
                id=identifier,
                caller=dice.choice((self.desk.bob, self.desk.bob, self.desk.alice, 99)),
                version=dice.choice((1, 1, 1, 1, 2, 3)),
                request_digest=dice.choice((b"a" * 16, b"a" * 16, b"b" * 16)),
                access_epoch=dice.choice((1, 1, 1, 2, 3)),
                priority=dice.choice((0, 0, 5)),
                arguments=identifier[-1:] * dice.choice(SIZES),
                expires_at=dice.choice((None, START + dice.random())),
                tries_left=dice.randint(1, 3),
                blobs=self.blobs(),
            )
            for identifier in self.some()
        ]
        return Accept(items, lazy=dice.random() < 0.7)

    def complete(self) -> Command:
        dice = self.dice
        states = [InvocationState.SUCCEEDED, InvocationState.FAILED, InvocationState.CANCELLED]
        items = []
        for identifier in self.some():
            state = dice.choice(states)
            item = self.desk.new(id=identifier)
            items.append(
                self.desk.completion(
                    item,
                    dice.choice((0, 1, 2, 3, 4)),
                    state=state,
                    result=b"r" * dice.choice(SIZES) if state is InvocationState.SUCCEEDED else b"",
                    failure=Failure("function_error", "no") if state is InvocationState.FAILED else None,
                    attempt=dice.randint(1, 3),
                    blobs=self.blobs(),
                    finished_at=START + dice.randint(0, 50),
                    run_seconds=dice.randint(0, 3) / 4,
                    cpu_seconds=dice.randint(0, 3) / 4,
                )
            )
        return Complete(items)

    def lease(self) -> Command:
        return Lease([LeaseItem(one, self.dice.randint(1, 4), "boot", 1, START) for one in self.some(3)])

    def requeue(self) -> Command:
        dice = self.dice
        return Requeue([RequeueItem(one, dice.randint(1, 4), 1, 2, "boot", "lost", START) for one in self.some(3)])

    def cancel(self) -> Command:
        return FlagCancel(self.some(3), START)

    def claim(self) -> Command:
        dice = self.dice
        lane = Lane((dice.choice((1, 1, 2)), dice.choice((0, 5)), dice.choice((self.desk.bob, self.desk.alice))))
        return Claim(lane, dice.randint(1, 8), dice.choice((b"", b"", dice.choice(self.ids))))

    def notes(self) -> Command:
        return AddNotes([Note(one, START + self.dice.randint(0, 3), "what", {"n": 1}) for one in self.some(3)])

    def missed(self) -> Command:
        dice, desk = self.dice, self.desk
        versions = [dice.choice((1, 1, 2, 3)) for _ in range(dice.randint(0, 3))]
        items = [
            MissedItem(version, dice.choice((desk.bob, desk.bob, desk.alice, 99)), dice.randint(1, 3), START + at)
            for at, version in enumerate(versions)
        ]
        commands: list[Command] = [
            NoteMissed(items),
            NoteMissed(items),
            EndMissed(versions),
            NoteTold(dice.choice((1, 1, 2)), START + dice.randint(0, 9)),
            DeleteVersion(dice.choice((2, 3)), START),
        ]
        return dice.choice(commands)

    def everyday(self) -> Command:
        dice, desk = self.dice, self.desk
        commands: list[Command] = [
            SetDisabled(desk.bob, dice.random() < 0.3, START),
            PutGrant("alice", desk.bob, "invoke", desk.alice, START),
            PutGrant("alice/g", desk.bob, "view", desk.alice, START, at_most=1, by_epoch=dice.choice((1, 2))),
            DeleteGrant("alice", desk.bob, START),
            DeleteGrant("alice", desk.bob, START, [1, 2], presumes=dice.choice((None, [(1, START)]))),
            PublishVersions(desk.alice, [version_spec("alice/g", dice.choice((b"1", b"2")) * 16)], START),
            PinBlob(dice.choice(BLOBS), 5, desk.bob, START + dice.choice((0, 25, 50, 1e9)), dice.choice((0, 7))),
            CollectBlobs(START + 25, 2),
            Expunge(START + 25, 100),
            SetLimits(desk.bob, '{"per_minute":3}', START),
            Erase(dice.choice(self.ids), START),
            CreateGroup("lab", desk.bob, b"k" * 32, START, dice.choice((None, 1))),
            PutMember(_LAB, dice.choice((desk.alice, desk.bob)), dice.choice(("member", "manager")), 1, START),
            RemoveMember(_LAB, dice.choice((desk.alice, desk.bob)), START),
            PutGrant("alice", _LAB, "view", desk.alice, START),
            DeleteGroup(_LAB, START),
        ]
        command = dice.choice(commands)
        return Audited(command, self.entries) if dice.random() < 0.5 else command

    def entries(self, outcome: Any) -> list[AuditEntry]:
        """As a use case records a change: nothing of what was refused."""
        refused = isinstance(outcome, Outcome) and outcome is not Outcome.OK
        made = AuditEntry(START, self.desk.alice, "alice", 1, "share.create", "alice/g", self.desk.bob)
        return [] if refused else [made]


async def play(store: Store, seed: int) -> dict[str, Any]:
    """Everything that can be seen of a store after a script."""
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    desk = await Desk.set_up(store)
    script = Script(desk, seed)
    outcomes: list[Any] = []
    for command in script.commands(60):
        store.write(command, outcomes.append)
        if script.dice.random() < 0.1:
            await store.do(AddNotes([]))
    await store.do(AddNotes([]))
    seen = {
        "outcomes": outcomes,
        "records": [await store.invocation(one) for one in script.ids],
        "notes": [await store.notes(one) for one in script.ids],
        "settlements": await store.settlements(script.ids, desk.bob),
        "lanes": await store.lanes(),
        "leased": await store.leased(),
        "page": await store.invocations(InvocationFilter(caller=desk.bob)),
        "accounts": await store.accounts(),
        "usage": await store.usage(UsageFilter(by_day=True, by_function=True, by_version=True, by_caller=True)),
        "groups": [(row, await store.members(row.key)) for row in await store.groups()],
        "memberships": [await store.memberships(key) for key in (desk.alice, desk.bob)],
        "grants": [await store.grants_to(key) for key in (desk.alice, desk.bob)],
        "audit": [await store.audit(AuditFilter(concerns=concerns)) for concerns in (None, (desk.bob,))],
        "unfinished": await store.unfinished(desk.bob),
        "functions": await store.functions([""]),
        "missed": await store.missed(),
        "blobs": [await store.blob_readable(digest, desk.alice) for digest in BLOBS],
        "blobs of a token": [await store.blob_readable(digest, desk.bob, 7, ["alice/f", "bob"]) for digest in BLOBS],
        "rest": await store.do(CollectBlobs(START + 1_000, 10)),
    }
    seen["page"].items.sort(key=lambda row: row.id)
    await store.close()
    return seen


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_any_sequence_of_commands_has_the_same_outcomes_on_every_store(seed: int, tmp_path: Path) -> None:
    on_disk = await play(SqliteStore(tmp_path, WriterLimits(log_pages=16, file_after=1 + seed % 9)), seed)
    in_memory = await play(MemoryStore(), seed)
    for what, seen in in_memory.items():
        assert on_disk[what] == seen, f"{what} differ with seed {seed}"
