from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from farcall.hub import ports
from farcall.hub.blobs import BlobRoom
from farcall.hub.housekeeping import expunge, keep_house
from farcall.stores.blobs import FileBlobs
from farcall.testing.memory_files import MemoryLogFiles
from farcall.wire import frames

from .conftest import House
from .floor import Floor, item

pytestmark = pytest.mark.anyio


async def finished(house: House, count: int) -> list[bytes]:
    floor = await Floor.open(house)
    worker = await floor.worker()
    await floor.share()
    bob = await floor.caller()
    items = [item(1.0) for _ in range(count)]
    await worker.say(frames.Credit(10_000))
    await bob.call(*items)
    done = 0
    while done < count:
        for offer in (await worker.offered(done + 1))[done:]:
            await worker.finish(offer)
            done += 1
    while len(floor.dispatcher.core):
        await asyncio.sleep(0)
    floor.dispatcher.stop()
    return [each.id for each in items]


async def test_bodies_go_and_records_stay(house: House) -> None:
    ids = await finished(house, 1200)  # more than are dropped in one transaction
    assert await expunge(house.store, time.time() - 60) == 0
    assert await expunge(house.store, time.time() + 60) == 1200
    row = await house.store.invocation(ids[0])
    assert row is not None
    assert (row.state.label, row.arguments, row.result) == ("succeeded", b"", b"")
    assert await expunge(house.store, time.time() + 60) == 0


async def test_a_round_that_fails_is_tried_again(house: House, tmp_path: Path) -> None:
    ids = await finished(house, 1)
    house.store.open(asyncio.get_running_loop().call_soon)
    room = BlobRoom(house.store, FileBlobs(tmp_path))
    house.store.refuse("the disk is full")
    keeping = asyncio.ensure_future(
        keep_house(house.store, room, MemoryLogFiles(), retention_seconds=-60.0, interval_seconds=0.005)
    )
    await asyncio.sleep(0.02)
    assert not keeping.done()
    house.store.refuse("")
    row = await house.store.invocation(ids[0])
    while row is None or row.arguments:
        await asyncio.sleep(0.001)
        row = await house.store.invocation(ids[0])
    keeping.cancel()


async def test_a_handle_that_nobody_confirmed_in_two_days_becomes_free(house: House, tmp_path: Path) -> None:
    house.store.open(asyncio.get_running_loop().call_soon)
    now = time.time()
    for handle, age_seconds in (("forgotten", 3 * 86_400.0), ("recent", 86_400.0)):
        await house.store.do(ports.CreateAccount(handle, "", False, now - age_seconds, password="hash"))
    room = BlobRoom(house.store, FileBlobs(tmp_path))
    keeping = asyncio.ensure_future(
        keep_house(house.store, room, MemoryLogFiles(), retention_seconds=60.0, interval_seconds=0.005)
    )
    async with asyncio.timeout(5):
        while await house.store.account(handle="forgotten") is not None:
            await asyncio.sleep(0.001)
    keeping.cancel()
    assert await house.store.account(handle="recent") is not None
