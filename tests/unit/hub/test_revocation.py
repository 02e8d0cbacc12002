from __future__ import annotations

from typing import Any

import pytest

from farcall.hub.wanted import Wanted
from farcall.wire import frames

from .conftest import House
from .floor import Floor, item, turns

pytestmark = pytest.mark.anyio


@pytest.fixture
async def floor(house: House) -> Any:
    made = await Floor.open(house)
    yield made
    made.dispatcher.stop()


async def test_what_waits_is_cancelled_and_what_runs_goes_on(floor: Floor) -> None:
    house = floor.house
    worker = await floor.worker(slots=1)
    await floor.share()
    bob, alice = await floor.caller(), await floor.caller("alice")
    running, queued, hers = item(1.0), item(2.0), item(3.0)
    await bob.call(running, queued, acknowledge=True)
    await alice.call(hers, acknowledge=True)
    await worker.offered()
    first = worker.line.offers[0]
    await worker.say(frames.Started([frames.AttemptKey(first.id, first.fence)]))
    await house.shares.unshare(await house.subject("alice"), "alice/double", "bob")
    await bob.line.until(frames.Settled)
    assert bob.line.results == {queued.id: "cancelled"}
    await worker.finish(first)
    await worker.finish((await worker.offered(2))[1])
    await alice.line.until(frames.Settled)
    await bob.line.until(frames.Settled, 2)
    assert bob.line.results == {running.id: 2.0, queued.id: "cancelled"}
    assert alice.line.results == {hers.id: 6.0}


async def test_an_account_that_is_disabled_calls_nothing_any_more(floor: Floor) -> None:
    house = floor.house
    await floor.share()
    worker = await floor.worker()
    bob = await floor.caller()
    await bob.call(item(1.0))
    await worker.offered()
    await house.accounts.set_disabled(await house.subject("admin"), "bob", True)
    await bob.call(late := item(2.0), acknowledge=True)  # by a conversation that has not heard of it
    await bob.line.until(frames.RefusedItems)
    assert bob.line.refusals == {late.id: "permission_denied"}


async def test_a_change_that_leaves_the_permission_leaves_the_queue(floor: Floor) -> None:
    house = floor.house
    worker = await floor.worker(slots=1)
    await floor.share()
    bob = await floor.caller()
    await bob.call(item(1.0), item(2.0), acknowledge=True)
    await worker.offered()
    await house.shares.share(await house.subject("alice"), "bob", Wanted("alice/double", "manage"))
    await turns()
    assert bob.line.results == {}
    await worker.finish(worker.line.offers[0])
    await worker.offered(2)
