"""A disk that takes no more: nothing of the transaction happened, nothing behind it is answered, and it recovers."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    Accept,
    AddNotes,
    Complete,
    FlagCancel,
    InvocationFilter,
    Outcome,
    SetDisabled,
    StoreFailed,
    UsageFilter,
)
from farcall.stores.sqlite import SqliteStore, WriterLimits
from farcall.stores.sqlite.pace import PaceLimits
from farcall.testing.contracts.desk import Desk, ids

resource = pytest.importorskip("resource", reason="limits of file sizes are POSIX")

OK = Outcome.OK
LIMITS = WriterLimits(linger_seconds=0.2, probe_seconds=0.05, log_pages=64)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def limits() -> WriterLimits:
    return LIMITS


@pytest.fixture
async def desk(tmp_path: Path, limits: WriterLimits) -> AsyncIterator[Desk]:
    store = SqliteStore(tmp_path, limits)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    yield await Desk.set_up(store)
    await store.close()


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """The kernel refuses to write behind `size`, in every file of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def works_again(desk: Desk) -> None:
    """As the hub does: try something small until it is committed."""
    async with asyncio.timeout(10):
        while True:
            try:
                await desk.store.do(AddNotes([]))
            except StoreFailed:
                await asyncio.sleep(0.02)
            else:
                return


async def test_a_failed_commit_fails_every_command_of_it_and_leaves_nothing(desk: Desk) -> None:
    [old] = await desk.accepted()
    answers: list[Any] = []
    with no_file_grows_beyond(1_000):
        desk.store.write(Accept([desk.new()], lazy=True), answers.append)
        desk.store.write(Accept([desk.new(arguments=bytes(20_000))], lazy=True), answers.append)
        with pytest.raises(StoreFailed):
            await desk.complete(desk.completion(old, 5))
    assert [type(answer) for answer in answers] == [StoreFailed, StoreFailed]
    assert await desk.state(old.id) is InvocationState.QUEUED
    assert [row.id for row in (await desk.store.invocations(InvocationFilter())).items] == [old.id]


@pytest.mark.parametrize("limits", [replace(LIMITS, pace=PaceLimits(60.0, 1, 60.0))])
async def test_a_completion_that_fails_in_the_hubs_thread_fails_like_any_other(desk: Desk) -> None:
    [old] = await desk.accepted()
    await asyncio.sleep(0.02)  # the writer lets go
    answers: list[Any] = []
    with no_file_grows_beyond(1_000):
        desk.store.write(Complete([desk.completion(old, 5)], alone=True), answers.append)
    assert [type(answer) for answer in answers] == [StoreFailed]
    assert await desk.state(old.id) is InvocationState.QUEUED
    desk.store.write(Complete([desk.completion(old, 5)], alone=True), answers.append)
    await works_again(desk)
    assert type(answers[1]) is StoreFailed, "nothing is tried before a probe was committed"
    assert await desk.complete(desk.completion(old, 5)) == [OK]


async def test_nothing_is_tried_behind_a_failure_until_a_probe_was_committed(desk: Desk) -> None:
    [old] = await desk.accepted()
    with no_file_grows_beyond(1_000):
        for _ in range(3):
            with pytest.raises(StoreFailed):
                await desk.accept(desk.new(arguments=bytes(20_000)))
    with pytest.raises(StoreFailed):
        await desk.accept(desk.new())
    await works_again(desk)
    item = desk.new()
    assert await desk.accept(item) == [OK]
    assert await desk.complete(desk.completion(item, 5), desk.completion(old, 5)) == [OK, OK]
    assert len((await desk.store.invocations(InvocationFilter())).items) == 2


async def test_what_waits_behind_a_failure_fails_even_if_the_disk_would_take_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, WriterLimits(batch_items=1, probe_seconds=0.0, log_pages=64))
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    desk = await Desk.set_up(store)
    large, small = desk.new(arguments=bytes(2_000_000)), [desk.new() for _ in range(3)]
    with no_file_grows_beyond(500_000):
        writing = [store.do(Accept([item])) for item in (large, *small)]
        answers = await asyncio.gather(*writing, return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreFailed] * 4
        assert await desk.accept(*small) == [OK] * 3
    await store.close()


async def test_what_was_told_before_the_failure_is_still_true_after_it(desk: Desk) -> None:
    first = await desk.accepted(50)
    with no_file_grows_beyond(1_000):
        for _ in range(3):
            with pytest.raises(StoreFailed):
                await desk.accept(*[desk.new(arguments=bytes(2_000)) for _ in range(50)])
    assert ids(reversed(first)) == [row.id for row in (await desk.store.invocations(InvocationFilter(limit=500))).items]
    await works_again(desk)
    assert await desk.accept(*first) == [Outcome.DUPLICATE] * 50


async def test_filing_that_was_rolled_back_is_done_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, replace(LIMITS, file_after=7))
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    desk = await Desk.set_up(store)
    items = await desk.accepted(6)
    assert await desk.complete(*[desk.completion(item, 5) for item in items]) == [OK] * 6
    with no_file_grows_beyond(1_000), pytest.raises(StoreFailed):
        await desk.accept(*[desk.new() for _ in range(20)])
    await works_again(desk)
    items += await desk.accepted(10)  # files them all
    assert await desk.complete(*[desk.completion(item, 5) for item in items[6:8]]) == [OK] * 2
    assert ids(reversed(items)) == [
        row.id for row in (await store.invocations(InvocationFilter(caller=desk.bob))).items
    ]
    [used] = await store.usage(UsageFilter())
    assert used.invocations == 8
    await store.close()


async def test_access_that_was_changed_in_a_failed_commit_has_not_changed(desk: Desk) -> None:
    await desk.accepted()
    with no_file_grows_beyond(1_000):
        desk.store.write(Accept([desk.new(arguments=bytes(20_000))], lazy=True))
        desk.store.write(SetDisabled(desk.bob, True, 1.0))
        with pytest.raises(StoreFailed):
            await desk.accept(desk.new(access_epoch=2))
    await works_again(desk)
    assert await desk.accept(desk.new()) == [OK]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here")
    yield small
    subprocess.run(["umount", "--lazy", str(small)], check=True)


async def test_a_full_disk_is_called_that_and_is_survived(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    store = SqliteStore(small_disk / "data", LIMITS)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    desk = await Desk.set_up(store)
    ballast.write_bytes(bytes(400_000))
    accepted: list[bytes] = []

    async def fill() -> None:
        while True:
            item = desk.new(arguments=bytes(50_000))
            await desk.accept(item)
            accepted.append(item.id)

    with pytest.raises(StoreFailed, match="the disk is full"):
        await fill()
    with pytest.raises(StoreFailed):
        await store.do(FlagCancel([accepted[0]], 1.0))
    ballast.unlink()
    await works_again(desk)
    [late] = await desk.accepted()
    found = [row.id for row in (await store.invocations(InvocationFilter(limit=500))).items]
    assert found == [late.id, *reversed(accepted)]
    await store.close()
