"""What is filed later: it is found before and after, charged once, and costs a call that is alone no page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import apsw.ext
import pytest

from farcall.domain.model import NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    Accept,
    Complete,
    Erase,
    InvocationFilter,
    Outcome,
    PinBlob,
    PublishVersions,
    UsageFilter,
)
from farcall.stores.sqlite import SqliteStore, WriterLimits
from farcall.stores.sqlite.queries import Statements
from farcall.stores.sqlite.schema import DATABASE_NAME, migrations
from farcall.testing.contracts.desk import START, Desk, ids, version_spec

OK = Outcome.OK
BLOB = "blake3:" + "a" * 64


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=[1, 7, 256])
def file_after(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
async def desk(tmp_path: Path, file_after: int) -> AsyncIterator[Desk]:
    store = opened(tmp_path, file_after)
    yield await Desk.set_up(store)
    await store.close()


def opened(directory: Path, file_after: int) -> SqliteStore:
    store = SqliteStore(directory, WriterLimits(log_pages=64, probe_seconds=0.01, file_after=file_after))
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    return store


async def call(desk: Desk, **changes: Any) -> NewInvocation:
    """One that is accepted and ends in one commit."""
    item = desk.new(**changes)
    desk.store.write(Accept([item], lazy=True))
    assert await desk.store.do(Complete([desk.completion(item, 5, finished_at=START, invocation=item)])) == [OK]
    return item


async def listed(store: SqliteStore, **query: Any) -> list[bytes]:
    """Ids, over pages of four."""
    found: list[bytes] = []
    cursor: str | None = None
    while True:
        page = await store.invocations(InvocationFilter(limit=4, cursor=cursor, **query))
        found += [row.id for row in page.items]
        cursor = page.next
        if cursor is None:
            return found


async def charged(store: SqliteStore, **query: Any) -> int:
    return sum(row.invocations for row in await store.usage(UsageFilter(**query)))


def filed(directory: Path) -> int:
    """How many the database has filed."""
    connection = apsw.Connection(str(directory / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    [(by_caller,), (by_version,)] = connection.execute(
        "SELECT count(*) FROM filed_by_caller UNION ALL SELECT count(*) FROM filed_by_version"
    ).fetchall()
    assert by_caller == by_version
    number: int = by_caller
    return number


async def test_lists_and_sums_are_the_same_however_much_is_filed(desk: Desk, tmp_path: Path, file_after: int) -> None:
    [other] = await desk.store.do(PublishVersions(desk.alice, [version_spec("alice/g")], START))
    items = [
        await call(desk, caller=(desk.bob, desk.alice)[n % 3 == 0], version=(desk.version, other)[n % 2].version)
        for n in range(41)
    ]
    assert filed(tmp_path) == (0 if file_after == 256 else 40)
    store = desk.store
    assert isinstance(store, SqliteStore)
    for again in (False, True):
        if again:
            await store.close()
            store = opened(tmp_path, file_after)
        newest = ids(reversed(items))
        assert await listed(store) == newest
        assert await listed(store, caller=desk.alice) == [one for n, one in enumerate(newest) if (40 - n) % 3 == 0]
        assert await listed(store, function="alice/g") == [one for n, one in enumerate(newest) if n % 2 == 1]
        assert await listed(store, function="alice/g", caller=desk.alice) == [newest[n] for n in range(1, 41, 6)]
        assert await listed(store, caller=desk.bob, state=InvocationState.FAILED) == []
        assert await charged(store) == 41
        assert await charged(store, caller=desk.alice) == 14
        assert await charged(store, owners=[desk.alice], function="alice/g") == 20
        assert await charged(store, owners=[desk.bob]) == 0
    await store.close()


async def test_what_ends_after_it_was_filed_is_charged_when_it_ends(desk: Desk) -> None:
    items = await desk.accepted(10)
    await call(desk)
    assert await charged(desk.store) == 1
    both = [*items[3:], *await desk.accepted(2)]  # some are filed and some are not
    for end in (items[:3], both):
        assert await desk.complete(*[desk.completion(item, 5, invocation=item) for item in end]) == [OK] * len(end)
    await call(desk)
    assert await charged(desk.store) == 14
    await desk.accepted(20)  # files whatever is not filed
    assert await charged(desk.store) == 14
    missing = desk.completion(desk.new(), 5)
    [late] = await desk.accepted()
    assert await desk.complete(missing, desk.completion(late, 5)) == [Outcome.MISSING, OK]
    assert await charged(desk.store) == 15


async def test_what_is_erased_before_it_was_filed_was_charged(desk: Desk) -> None:
    item = await call(desk, arguments=b"a" * 100)
    assert await desk.store.do(Erase(item.id, START)) is OK
    await call(desk, arguments=b"a" * 10)
    [row] = await desk.store.usage(UsageFilter())
    assert (row.invocations, row.bytes_in) == (2, 110)


async def test_blobs_are_charged_by_what_is_known_when_the_call_ends(desk: Desk) -> None:
    await call(desk, arguments=b"a" * 10, blobs=(BLOB,))
    await desk.store.do(PinBlob(BLOB, 1_000, desk.bob, START))
    await call(desk, arguments=b"a" * 10, blobs=(BLOB,))
    [row] = await desk.store.usage(UsageFilter())
    assert row.bytes_in == 1_020


@pytest.mark.parametrize("file_after", [256])
async def test_a_call_that_is_alone_writes_two_pages(desk: Desk, tmp_path: Path) -> None:
    await call(desk)
    before = pages_of_the_log(tmp_path)
    for _ in range(10):
        await call(desk)
    assert 20 <= pages_of_the_log(tmp_path) - before <= 23, "the row and its id; now and then a page is full"


def pages_of_the_log(directory: Path) -> int:
    """How many the log holds since it was begun anew: those with its salt."""
    log = (directory / f"{DATABASE_NAME}-wal").read_bytes()
    size = int.from_bytes(log[8:12], "big")
    salt = log[16:24]
    count = 0
    while log[32 + count * (24 + size) + 8 :][:8] == salt:
        count += 1
    return count


@pytest.mark.parametrize(
    ("name", "values", "by"),
    [("newest_of_caller", 7, "(caller=? AND seq<?)"), ("newest_of_version", 6, "(version=? AND")],
)
def test_a_page_of_a_list_reads_no_more_than_it_shows(name: str, values: int, by: str) -> None:
    connection = apsw.Connection(":memory:")
    for _, text in migrations():
        connection.execute(text)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {Statements()[name]}", (None,) * values).fetchall()
    steps = [step for *_, step in plan]
    assert steps[0] == "MERGE (UNION ALL)"
    assert any(step.startswith("SEARCH filed USING PRIMARY KEY") and by in step for step in steps)
    assert "SEARCH invocations USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in steps
    assert not any("TEMP B-TREE" in step or "SCAN invocations" in step for step in steps)
