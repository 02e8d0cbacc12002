"""The writer: many commands in one commit, answered with one wake-up; lazy ones; defects."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from farcall.domain.states import InvocationState
from farcall.hub.ports import (
    Accept,
    AddNotes,
    Complete,
    CreateAccount,
    InvocationFilter,
    Note,
    Outcome,
    StoreFailed,
)
from farcall.stores.sqlite import SqliteStore, WriterLimits
from farcall.stores.sqlite.pace import PaceLimits
from farcall.stores.sqlite.schema import DATABASE_NAME
from farcall.testing.contracts.desk import Desk

OK = Outcome.OK
QUICK = WriterLimits(linger_seconds=0.3, log_pages=64, pace=PaceLimits(60.0, 1, 60.0))


class Room:
    """A store whose wake-ups are counted."""

    def __init__(self, directory: Path, limits: WriterLimits) -> None:
        self.store = SqliteStore(directory, limits)
        self.wake_ups = 0
        self._loop = asyncio.get_running_loop()
        self.store.open(self._post)

    def _post(self, call: Callable[[], None]) -> None:
        self.wake_ups += 1
        self._loop.call_soon_threadsafe(call)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def limits() -> WriterLimits:
    return WriterLimits(linger_seconds=0.3, log_pages=64)


@pytest.fixture
async def room(tmp_path: Path, limits: WriterLimits) -> AsyncIterator[Room]:
    room = Room(tmp_path, limits)
    yield room
    await room.store.close()


@pytest.fixture
async def desk(room: Room) -> Desk:
    return await Desk.set_up(room.store)


async def test_a_lazy_insert_shares_the_commit_of_its_completion(room: Room, desk: Desk) -> None:
    item = desk.new()
    before = room.wake_ups
    answers: list[Any] = []
    room.store.write(Accept([item], lazy=True), answers.append)
    await asyncio.sleep(0.05)
    assert room.wake_ups == before
    started = time.monotonic()
    assert await desk.complete(desk.completion(item, 5)) == [OK]
    assert time.monotonic() - started < 0.2, "what is not lazy is not held up"
    assert room.wake_ups == before + 1
    assert answers == [[OK]]


async def test_a_lazy_insert_alone_waits_no_longer_than_the_linger(room: Room, desk: Desk) -> None:
    started = time.monotonic()
    assert await room.store.do(Accept([desk.new()], lazy=True)) == [OK]
    assert 0.25 < time.monotonic() - started < 2


async def test_what_comes_after_others_have_left_lingers_in_its_own_right(room: Room, desk: Desk) -> None:
    item = desk.new()
    room.store.write(Accept([item], lazy=True))
    await desk.complete(desk.completion(item, 5))  # takes it along, long before it has lingered
    await asyncio.sleep(0.2)
    started = time.monotonic()
    later: asyncio.Future[Any] = asyncio.ensure_future(room.store.do(Accept([desk.new()], lazy=True)))
    await asyncio.sleep(0.2)
    assert not later.done(), "the first one's time is over, and not its own"
    assert await later == [OK]
    assert 0.25 < time.monotonic() - started < 2
    again = time.monotonic()
    assert await room.store.do(Accept([desk.new()], lazy=True)) == [OK]
    assert 0.25 < time.monotonic() - again < 2


async def test_one_transaction_is_one_wake_up_in_the_order_of_writing(room: Room, desk: Desk) -> None:
    order: list[int] = []
    before = room.wake_ups

    def note(n: int, _: object) -> None:
        order.append(n)

    for n in range(500):
        room.store.write(Accept([desk.new()], lazy=True), partial(note, n))
    await desk.accept(desk.new())
    assert order == list(range(500))
    assert room.wake_ups - before <= 3


@pytest.mark.parametrize("limits", [WriterLimits(batch_items=10), WriterLimits(batch_bytes=100)])
async def test_transactions_are_bounded_and_larger_commands_still_go_through(room: Room, desk: Desk) -> None:
    before = room.wake_ups
    outcomes: list[Any] = []
    items = [[desk.new() for _ in range(4)] for _ in range(20)]
    for group in items:
        room.store.write(Accept(group, lazy=True), outcomes.append)
    assert await desk.accept(*[desk.new() for _ in range(50)]) == [OK] * 50
    assert outcomes == [[OK] * 4] * 20
    assert room.wake_ups - before >= 10


async def test_a_command_with_a_defect_fails_alone(room: Room, desk: Desk) -> None:
    good, last = desk.new(), desk.new()
    answers: list[Any] = []
    room.store.write(Accept([good], lazy=True), answers.append)
    room.store.write(AddNotes([Note(good.id, 1.0, "note", {"bad": object()})]), answers.append)
    room.store.write(Complete([desk.completion(good, 5)]), answers.append)
    assert await desk.accept(last) == [OK]
    assert answers[0] == [OK]
    assert isinstance(answers[1], StoreFailed)
    assert answers[2] == [OK]
    page = await room.store.invocations(InvocationFilter())
    assert [row.id for row in page.items] == [last.id, good.id]


async def test_a_callback_that_raises_does_not_keep_the_answers_of_others(room: Room, desk: Desk) -> None:
    raised: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))

    def fail(_: object) -> None:
        raise RuntimeError("a defect of the hub")

    room.store.write(Accept([desk.new()], lazy=True), fail)
    assert await desk.accept(desk.new()) == [OK]
    await asyncio.sleep(0)
    assert [str(context["exception"]) for context in raised] == ["a defect of the hub"]


async def test_closing_commits_what_was_written_before(tmp_path: Path, limits: WriterLimits) -> None:
    room = Room(tmp_path, limits)
    desk = await Desk.set_up(room.store)
    answers: list[Any] = []
    items = [desk.new() for _ in range(100)]
    for item in items:
        room.store.write(Accept([item], lazy=True), answers.append)
    await room.store.close()
    assert answers == [[OK]] * 100
    again = Room(tmp_path, limits)
    assert len((await again.store.invocations(InvocationFilter(limit=200))).items) == 100
    await again.store.close()


async def test_keys_of_accounts_are_answered_in_the_order_of_writing(room: Room) -> None:
    keys: list[Any] = []
    for n in range(5):
        room.store.write(CreateAccount(f"user{n}", "", False, 1.0), keys.append)
    await room.store.do(AddNotes([]))
    assert keys == sorted(keys)
    assert len(set(keys)) == 5


async def _made_quick(desk: Desk) -> None:
    """One transaction is enough, and it may take as long as it likes."""
    await desk.accept(desk.new())
    await asyncio.sleep(0.02)  # the writer lets go


@pytest.mark.parametrize("limits", [QUICK])
async def test_a_completion_that_is_alone_is_recorded_before_write_returns_on_a_quick_disk(
    room: Room, desk: Desk
) -> None:
    first, second = desk.new(), desk.new()
    await _made_quick(desk)
    answers: list[Any] = []
    before = room.wake_ups
    room.store.write(Accept([first, second], lazy=True), answers.append)
    assert answers == []
    room.store.write(Complete([desk.completion(first, 5), desk.completion(second, 5)], alone=True), answers.append)
    assert answers == [[OK, OK], [OK, OK]]
    assert room.wake_ups == before
    page = await room.store.invocations(InvocationFilter(limit=2))
    assert [row.state for row in page.items] == [InvocationState.SUCCEEDED] * 2


@pytest.mark.parametrize("limits", [QUICK])
async def test_a_completion_among_others_waits_for_the_writer(room: Room, desk: Desk) -> None:
    item = desk.new()
    await desk.accept(item)
    await _made_quick(desk)
    answers: list[Any] = []
    before = room.wake_ups
    room.store.write(Complete([desk.completion(item, 5)]), answers.append)
    assert answers == []
    await desk.accept(desk.new())
    assert answers == [[OK]]
    assert room.wake_ups > before


@pytest.mark.parametrize("limits", [QUICK])
async def test_a_defect_of_who_is_told_at_once_is_not_the_writers(room: Room, desk: Desk) -> None:
    raised: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))

    def fail(_: object) -> None:
        raise RuntimeError("a defect of the hub")

    item = desk.new()
    await desk.accept(item)
    await _made_quick(desk)
    room.store.write(Complete([desk.completion(item, 5)], alone=True), fail)
    assert await desk.accept(desk.new()) == [OK]
    assert [str(context["exception"]) for context in raised] == ["a defect of the hub"]


@pytest.mark.parametrize("limits", [QUICK])
async def test_what_is_recorded_by_either_thread_keeps_its_order(room: Room, desk: Desk) -> None:
    order: list[int] = []

    def note(n: int, _: object) -> None:
        order.append(n)

    await _made_quick(desk)
    items = [desk.new() for _ in range(300)]
    for n, item in enumerate(items):
        room.store.write(Accept([item], lazy=True), partial(note, 2 * n))
        room.store.write(Complete([desk.completion(item, 5)], alone=n % 3 != 0), partial(note, 2 * n + 1))
        if n % 7 == 0:
            time.sleep(0.001)  # noqa: ASYNC251 the loop is to be held: the writer is done, and nobody was told yet
        if n % 11 == 0:
            await asyncio.sleep(0)
    await desk.accept(desk.new())
    assert order == list(range(600))


@pytest.mark.parametrize("limits", [QUICK])
async def test_the_log_stays_short_and_the_hubs_thread_never_copies_it(
    room: Room, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = room.store._writer
    assert writer is not None
    copying: list[str] = []
    copy = writer._copy_log

    def noted() -> None:
        copying.append(threading.current_thread().name)
        copy()

    monkeypatch.setattr(writer, "_copy_log", noted)
    await _made_quick(desk)
    before = room.wake_ups
    answers: list[Any] = []
    for n in range(1, 301):
        item = desk.new()
        room.store.write(Accept([item], lazy=True))
        room.store.write(Complete([desk.completion(item, 5)], alone=True), answers.append)
        while len(answers) < n:
            await asyncio.sleep(0.001)
    assert room.wake_ups - before < 100, "most of them went by the writer's thread"
    assert len(copying) >= 5
    assert set(copying) == {"farcall-store-writer"}
    assert (tmp_path / f"{DATABASE_NAME}-wal").stat().st_size < 4 * QUICK.log_pages * 4_096
