from __future__ import annotations

import pytest

from farcall.hub import ports
from farcall.wire import frames

from .conftest import House
from .floor import Floor, Hand, Mouth, item, turns

pytestmark = pytest.mark.anyio


async def stopped(house: House, count: int = 1) -> tuple[Hand, list[bytes]]:
    """A hub that stopped with accepted calls, all of them offered."""
    floor = await Floor.open(house)
    worker = await floor.worker()
    await floor.share()
    bob = await floor.caller()
    items = [item(float(number)) for number in range(count)]
    await bob.call(*items, acknowledge=True)
    await bob.line.until(frames.Accepted)
    await worker.offered(count)
    floor.dispatcher.stop()
    return worker, [each.id for each in items]


async def waiting(floor: Floor, ids: list[bytes]) -> Mouth:
    bob = await floor.caller()
    await bob.say(frames.Attach(ids))
    assert bob.line.all(frames.Attached)[0].ids == ids
    return bob


async def test_what_runs_elsewhere_is_not_offered_before_the_grace_is_over(house: House) -> None:
    _, ids = await stopped(house)
    later = await Floor.open(house, epoch=2, no_worker_grace_seconds=5.0)
    assert await later.recover(0.05) == 1
    bob = await waiting(later, ids)
    fresh = await later.worker(boot="cd" * 16)
    await turns()
    assert fresh.line.offers == []
    await fresh.finish((await fresh.offered())[0])  # once it is over
    await bob.line.until(frames.Settled)
    assert bob.line.results == {ids[0]: 0.0}
    later.dispatcher.stop()


async def test_the_grace_ends_as_soon_as_all_who_were_there_have_resumed(house: House) -> None:
    worker, ids = await stopped(house, 2)
    kept = worker.line.offers[0]
    later = await Floor.open(house, epoch=2, no_worker_grace_seconds=5.0)
    await later.recover(600.0)
    bob = await waiting(later, ids)
    again = await later.worker(resume=[frames.AttemptKey(kept.id, kept.fence)])
    [other] = await again.offered()
    assert other.id == ids[1]
    await again.finish(kept)
    await again.finish(other)
    await bob.line.until(frames.Settled, 2)
    assert bob.line.results == {ids[0]: 0.0, ids[1]: 2.0}
    assert later.held() == (0, 0)
    later.dispatcher.stop()


async def test_what_finished_while_the_hub_was_down_is_recorded_once(house: House) -> None:
    worker, ids = await stopped(house)
    [offer] = worker.line.offers
    later = await Floor.open(house, epoch=2, no_worker_grace_seconds=5.0)
    await later.recover(600.0)
    again = await later.worker(resume=[frames.AttemptKey(offer.id, offer.fence)])
    await again.finish(offer)
    await again.finish(offer)
    await again.line.until(frames.Acknowledge)
    row = await house.store.invocation(ids[0])
    assert row is not None
    assert (row.state.label, row.attempt) == ("succeeded", 1)
    later.dispatcher.stop()


async def test_the_queue_of_who_lost_the_permission_meanwhile_is_cancelled(house: House) -> None:
    _, ids = await stopped(house)
    bob = await house.subject("bob")
    await house.store.do(ports.DeleteGrant("alice/double", bob.key, 0.0))
    later = await Floor.open(house, epoch=2, no_worker_grace_seconds=5.0)
    await later.recover(0.0)
    house.accounts.changed(bob.key)
    row = await house.store.invocation(ids[0])
    while row is not None and not row.state.final:
        await turns()
        row = await house.store.invocation(ids[0])
    assert row is not None
    assert row.state.label == "cancelled"
    later.dispatcher.stop()


async def test_a_worker_that_said_goodbye_is_not_waited_for(house: House) -> None:
    floor = await Floor.open(house)
    worker = await floor.worker()
    worker.conversation.goodbye(frames.Goodbye("", ""))
    worker.conversation.disconnected()
    floor.dispatcher.stop()
    later = await Floor.open(house, epoch=2, no_worker_grace_seconds=5.0)
    await later.recover(600.0)
    assert not later.dispatcher.core.recovering
    later.dispatcher.stop()


async def test_a_grace_ends_though_other_times_passed_just_before_and_nobody_speaks(house: House) -> None:
    """What the core waits for first must not make the shell forget what it waits for next."""
    _, ids = await stopped(house)
    later = await Floor.open(house, epoch=2, no_worker_grace_seconds=0.0)
    await later.recover(0.05)
    bob = await waiting(later, ids)
    fresh = await later.worker(boot="cd" * 16)
    await fresh.finish((await fresh.offered())[0])
    await bob.line.until(frames.Settled)
    assert bob.line.results == {ids[0]: 0.0}
    later.dispatcher.stop()
