from __future__ import annotations

from typing import Any

import pytest

from farcall.domain.states import AttemptState
from farcall.wire import frames

from .conftest import House
from .floor import Floor, Hand, Mouth, item, turns

pytestmark = pytest.mark.anyio


@pytest.fixture
async def floor(house: House) -> Any:
    made = await Floor.open(house)
    yield made
    made.dispatcher.stop()


@pytest.fixture
async def worker(floor: Floor) -> Hand:
    hand = await floor.worker()
    await floor.share()
    return hand


@pytest.fixture
async def bob(floor: Floor, worker: Hand) -> Mouth:
    return await floor.caller()


async def started(worker: Hand, bob: Mouth) -> frames.OfferItem:
    await bob.call(item(1.0))
    [offer] = await worker.offered()
    await worker.say(frames.Started([frames.AttemptKey(offer.id, offer.fence)]))
    return offer


async def test_items_go_up_and_acknowledgements_down(worker: Hand, bob: Mouth) -> None:
    offer = await started(worker, bob)
    await worker.say(frames.Stream(offer.id, offer.fence, 0, [b"a", b"b"]))
    [items] = bob.line.all(frames.StreamItems)
    assert (items.id, items.fence, items.first_seq, items.items) == (offer.id, offer.fence, 0, [b"a", b"b"])
    for fence in (offer.fence, 0):  # 0: the current one, whichever that is
        await bob.say(frames.StreamAck(offer.id, fence, 1))
    taken = worker.line.all(frames.StreamTaken)
    assert [(each.id, each.fence, each.seq) for each in taken] == [(offer.id, offer.fence, 1)] * 2


async def test_acknowledgements_of_another_attempt_or_from_who_does_not_wait_go_nowhere(
    floor: Floor, worker: Hand, bob: Mouth
) -> None:
    offer = await started(worker, bob)
    other = await floor.caller("alice")
    await bob.say(frames.StreamAck(offer.id, offer.fence + 1, 1))
    await bob.say(frames.StreamAck(item(1.0).id, 0, 1))
    await other.say(frames.StreamAck(offer.id, 0, 1))
    assert worker.line.all(frames.StreamTaken) == []


async def test_a_stream_whose_items_were_delivered_breaks_with_its_attempt(worker: Hand, bob: Mouth) -> None:
    offer = await started(worker, bob)
    await worker.say(frames.Stream(offer.id, offer.fence, 0, [b"a"]))
    await worker.finish(offer, state=int(AttemptState.LOST))
    await bob.line.until(frames.Settled)
    assert bob.line.results == {offer.id: "stream_broken"}


async def test_a_stream_that_nobody_took_is_run_again(floor: Floor, worker: Hand, bob: Mouth) -> None:
    offer = await started(worker, bob)
    bob.conversation.disconnected()
    await worker.say(frames.Stream(offer.id, offer.fence, 0, [b"a"]))
    await worker.finish(offer, state=int(AttemptState.LOST))
    again = (await worker.offered(2))[1]
    assert again.fence > offer.fence
    await worker.say(frames.Stream(offer.id, offer.fence, 1, [b"stale"]))
    await turns()
    assert bob.line.all(frames.StreamItems) == []
