"""What the dispatcher counts on when an attempt may end before its insert is known to be refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from farcall.hub.ports import Accept, Complete, Outcome
from farcall.stores.sqlite.store import SqliteStore
from farcall.stores.sqlite.writer import WriterLimits
from farcall.testing.contracts.desk import Desk

from .conftest import House
from .floor import Floor, item

pytestmark = pytest.mark.anyio


async def test_the_eager_end_of_a_conflicting_request_is_not_recorded_for_the_one_that_has_the_id(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path, WriterLimits(linger_seconds=0.01))
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    desk = await Desk.set_up(store)
    [first] = await desk.accepted()
    other = desk.new(id=first.id, request_digest=b"other request..!", caller=desk.alice)
    told: list[Any] = []
    done = asyncio.Event()
    store.write(Accept([other], lazy=True), told.append)
    store.write(
        Complete([desk.completion(other, 1, result=b"wrong")]), lambda outcome: (told.append(outcome), done.set())
    )
    await asyncio.wait_for(done.wait(), 5)
    assert told == [[Outcome.CONFLICT], [Outcome.STALE]]
    assert (await desk.state(first.id)).label == "queued"
    await store.close()


async def test_work_beside_the_loop_ends_with_the_hub(house: House) -> None:
    floor = await Floor.open(house)
    task = floor.dispatcher.later(asyncio.sleep(3600))
    floor.dispatcher.stop()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_offers_say_who_calls(house: House) -> None:
    floor = await Floor.open(house)
    worker = await floor.worker()
    await floor.share()
    bob = await floor.caller()
    await bob.call(item(1.0), timeout_seconds=3.0)
    [offer] = await worker.offered()
    assert (offer.caller, offer.attempt, offer.timeout_seconds) == ("bob", 1, 3.0)
    floor.dispatcher.stop()
