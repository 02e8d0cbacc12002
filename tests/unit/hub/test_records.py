from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from farcall.domain import ids
from farcall.domain.errors import Failure, Refused
from farcall.domain.model import Completion, NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub import ports
from farcall.hub.logs import TEXT_LIMIT, Logs
from farcall.hub.records import Line, Query, Records, failure_of
from farcall.testing.memory_files import MemoryLogFiles
from farcall.wire import frames

from .conftest import House

pytestmark = pytest.mark.anyio


@dataclass
class Told:
    """What the dispatcher would say."""

    live: dict[bytes, InvocationState]
    reasons: dict[bytes, list[Line]]


@pytest.fixture
def told() -> Told:
    return Told({}, {})


@pytest.fixture
def records(house: House, told: Told) -> Records:
    return Records(house.store, live=told.live.get, reasons=lambda identifier: told.reasons.get(identifier, []))


async def accepted(house: House, number: int = 1, name: str = "physics/fall") -> bytes:
    """An invocation of Alice's function, called by Bob at second `number`."""
    published = await house.publish("alice", name)
    bob = await house.subject("bob")
    identifier = ids.invocation_id(number, bytes([number]) * 16)
    item = NewInvocation(
        identifier, published.version, bob.key, b"\x80", bytes(16), float(number), access_epoch=bob.access_epoch
    )
    assert await house.store.do(ports.Accept([item])) == [ports.Outcome.OK]
    return identifier


async def completed(house: House, identifier: bytes, **fields: object) -> None:
    item = Completion(identifier, 1, InvocationState.SUCCEEDED, b"\x01", started_at=0.5, finished_at=9.0, attempt=1)
    for name, value in fields.items():
        setattr(item, name, value)
    assert await house.store.do(ports.Complete([item])) == [ports.Outcome.OK]


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as caught:
        await awaitable  # type: ignore[misc] # any awaitable will do
    return caught.value.failure.code


async def test_the_record_shows_to_caller_owner_and_administrator(house: House, records: Records) -> None:
    identifier = await accepted(house)
    for handle in ("alice", "bob", "admin"):
        assert (await records.get(await house.subject(handle), identifier)).function == "alice/physics/fall"
    made = await house.accounts.tokens.create(await house.subject("admin"), scopes=["manage"])
    assert await code_of(records.get(await house.accounts.authenticate(made.token), identifier)) == "not_found"


async def test_a_limited_token_sees_only_what_lies_within_its_limit(house: House, records: Records) -> None:
    inside, outside = await accepted(house, 1), await accepted(house, 2, "chemistry/mix")
    bob = replace(await house.subject("bob"), only=("alice/physics",))
    assert (await records.get(bob, inside)).id == inside
    assert await code_of(records.get(bob, outside)) == "not_found"
    for query in (Query(), Query(function="alice"), Query(function="alice/physics")):
        assert [row.id for row in (await records.page(bob, query)).items] == [inside]
    assert (await records.page(bob, Query(function="alice/chemistry"))).items == []


async def test_the_dispatcher_is_ahead_of_the_store_but_not_with_what_is_final(
    house: House, records: Records, told: Told
) -> None:
    identifier = await accepted(house)
    bob = await house.subject("bob")
    assert (await records.get(bob, identifier)).state is InvocationState.QUEUED
    told.live[identifier] = InvocationState.RUNNING
    assert (await records.get(bob, identifier)).state is InvocationState.RUNNING
    assert [row.state for row in (await records.page(bob, Query())).items] == [InvocationState.RUNNING]
    assert [row.id for row in (await records.page(bob, Query(status="running"))).items] == [identifier]
    assert (await records.page(bob, Query(status="queued"))).items == []
    told.live[identifier] = InvocationState.SUCCEEDED
    assert (await records.get(bob, identifier)).state is InvocationState.QUEUED
    await completed(house, identifier)
    assert (await records.get(bob, identifier)).state is InvocationState.SUCCEEDED


async def test_pages_go_on_where_the_one_before_ended(house: House, records: Records) -> None:
    made = [await accepted(house, number) for number in range(1, 6)]
    bob = await house.subject("bob")
    seen: list[bytes] = []
    cursor = None
    for _ in range(3):
        page = await records.page(bob, Query(limit=2, cursor=cursor))
        seen += [row.id for row in page.items]
        cursor = page.next
    assert cursor is None
    assert seen == made[::-1]


async def test_a_result_waits_shows_fails_and_goes(house: House, records: Records) -> None:
    identifier = await accepted(house)
    bob, alice = await house.subject("bob"), await house.subject("alice")
    with pytest.raises(LookupError):
        await records.result(bob, identifier)
    await completed(house, identifier)
    assert (await records.result(bob, identifier)).result == b"\x01"
    assert await code_of(records.result(alice, identifier)) == "permission_denied"
    await house.store.do(ports.Expunge(100.0, 10))
    assert await code_of(records.result(bob, identifier)) == "gone"


@pytest.mark.parametrize(
    ("state", "failure", "code"),
    [
        (InvocationState.FAILED, Failure("function_error", "it raised"), "function_error"),
        (InvocationState.FAILED, None, "internal"),
        (InvocationState.CANCELLED, None, "cancelled"),
        (InvocationState.EXPIRED, None, "expired"),
    ],
)
async def test_a_failing_invocation_has_always_a_failure(
    house: House, records: Records, state: InvocationState, failure: Failure | None, code: str
) -> None:
    identifier = await accepted(house)
    await completed(house, identifier, state=state, failure=failure, result=b"")
    bob = await house.subject("bob")
    assert await code_of(records.result(bob, identifier)) == code
    assert failure_of(await records.get(bob, identifier)) is not None


async def test_a_timeline_has_what_the_store_and_the_dispatcher_know_each_once(
    house: House, records: Records, told: Told
) -> None:
    identifier = await accepted(house)
    bob = await house.subject("bob")
    await house.store.do(ports.AddNotes([ports.Note(identifier, 3.0, "returned", {"detail": "returned unstarted"})]))
    told.reasons[identifier] = [Line(3.0, "returned", "returned unstarted"), Line(4.0, "waiting", "2 ahead")]
    lines = await records.explain(bob, identifier)
    assert [(line.at, line.what, line.detail) for line in lines] == [
        (1.0, "accepted", "accepted from bob"),
        (3.0, "returned", "returned unstarted"),
        (4.0, "waiting", "2 ahead"),
    ]
    told.reasons.clear()
    await completed(house, identifier, run_seconds=0.25)
    lines = await records.explain(bob, identifier)
    assert [line.what for line in lines] == ["accepted", "started", "returned", "succeeded"]
    assert "0.250 s" in lines[-1].detail


def line(identifier: bytes, seq: int, text: str = "x", stream: str = "stdout") -> frames.LogItem:
    return frames.LogItem(identifier, 1, seq, 1.0, stream, text)


async def test_what_a_worker_says_is_cut_and_its_stream_is_one_of_ours(house: House, records: Records) -> None:
    identifier = await accepted(house)
    logs = Logs(MemoryLogFiles())
    logs.store([line(identifier, 0, "y" * (TEXT_LIMIT + 5)), line(identifier, 1, stream="cut")])
    read = await logs.read(records, await house.subject("bob"), identifier)
    assert len(read[0].text) == TEXT_LIMIT + 1
    assert read[1].stream == "log"
    assert await code_of(logs.read(records, await house.subject("bob"), bytes(22))) == "not_found"


async def test_a_follower_gets_lines_as_they_come_until_the_end(house: House, records: Records) -> None:
    identifier = await accepted(house)
    logs = Logs(MemoryLogFiles())
    logs.store([line(identifier, 0)])
    got: list[int] = []

    async def follow() -> None:
        async for lines in logs.follow(records, lambda: house.subject("bob"), identifier):
            got.extend(each.seq for each in lines)

    following = asyncio.ensure_future(follow())
    await asyncio.sleep(0.05)
    assert got == [0]
    logs.store([line(identifier, 1), line(identifier, 2)])
    await asyncio.sleep(0.05)
    assert got == [0, 1, 2]
    logs.store([line(identifier, 3)])
    await completed(house, identifier)
    logs.store([line(identifier, 4)])
    await asyncio.wait_for(following, 5)
    assert got == [0, 1, 2, 3, 4]
    assert logs._followers == {}


async def test_following_ends_when_the_permission_does(house: House, records: Records) -> None:
    identifier = await accepted(house)
    logs = Logs(MemoryLogFiles())
    following = logs.follow(records, lambda: house.subject("bob"), identifier)
    assert await anext(following) == []
    bob = await house.subject("bob")
    await house.accounts.tokens.revoke(bob, bob.token)
    logs.store([line(identifier, 0, "secret")])
    assert await code_of(anext(following)) == "unauthenticated"
    assert logs._followers == {}
