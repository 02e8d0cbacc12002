from __future__ import annotations

import asyncio

import pytest

from .conftest import House
from .floor import Floor, item

pytestmark = pytest.mark.anyio


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
