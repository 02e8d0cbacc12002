from __future__ import annotations

import math
from typing import Any

import pytest

from farcall import payload
from farcall.domain.errors import Refused
from farcall.domain.ids import keyed_id
from farcall.domain.model import CallOptions, FunctionOptions
from farcall.hub import ports
from farcall.hub.tickets import Ticket
from farcall.wire import frames

from .conftest import House
from .floor import Floor, Hand, Mouth, fresh, item, turns

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


async def test_a_call_is_offered_run_and_answered_and_then_nothing_is_held(
    floor: Floor, worker: Hand, bob: Mouth
) -> None:
    await bob.call(one := item(21.0))
    await worker.finish((await worker.offered())[0])
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: 42.0}
    assert floor.held() == (0, 0)


async def test_the_same_request_twice_in_a_frame_runs_once(worker: Hand, bob: Mouth) -> None:
    one = item(1.0)
    await bob.call(one, one, item(2.0))
    for offer in await worker.offered(2):
        await worker.finish(offer)
    await turns()
    assert len(worker.line.offers) == 2
    assert bob.line.refusals == {}


async def test_two_requests_with_one_id_in_a_frame_run_the_first(worker: Hand, bob: Mouth) -> None:
    one = item(1.0)
    await bob.call(one, item(5.0, one.id))
    await worker.finish((await worker.offered())[0])
    await bob.line.until(frames.Settled)
    assert bob.line.refusals == {one.id: "conflict"}
    assert bob.line.results == {one.id: 2.0}


async def test_a_repeated_request_waits_for_the_commit_of_the_first(floor: Floor, worker: Hand, bob: Mouth) -> None:
    again = await floor.caller()
    floor.posting.held = True
    await bob.call(one := item(1.0), acknowledge=True)
    await again.call(one, acknowledge=True)
    await turns()
    assert bob.line.told == again.line.told == []
    floor.posting.release()
    await worker.finish((await worker.offered())[0])
    for line in (bob.line, again.line):
        await line.until(frames.Settled)
        assert line.results == {one.id: 2.0}
        assert line.refusals == {}
        assert next(frame.ids for frame in line.all(frames.Accepted)) == [one.id]
    assert floor.held() == (0, 0)


async def test_a_repeated_request_whose_first_could_not_be_stored_is_refused(floor: Floor, bob: Mouth) -> None:
    again = await floor.caller()
    floor.posting.held = True
    floor.house.store.refuse("the disk is full")
    await bob.call(one := item(1.0), acknowledge=True)
    await again.call(one, acknowledge=True)
    floor.posting.release()
    await again.line.until(frames.RefusedItems)
    assert bob.line.refusals == again.line.refusals == {one.id: "hub_unavailable"}
    assert floor.held() == (0, 0)


async def test_a_request_that_was_answered_before_is_answered_again_and_not_run(
    floor: Floor, worker: Hand, bob: Mouth
) -> None:
    await bob.call(one := item(1.0))
    await worker.finish((await worker.offered())[0])
    await bob.line.until(frames.Settled)
    again = await floor.caller()
    await again.call(one)
    await again.line.until(frames.Settled)
    assert again.line.results == {one.id: 2.0}
    await turns()
    assert floor.held() == (0, 0)


@pytest.mark.parametrize("acknowledge", [False, True])
async def test_another_accounts_request_with_the_id_of_a_waiting_one_changes_nothing_for_its_caller(
    floor: Floor, worker: Hand, bob: Mouth, acknowledge: bool
) -> None:
    alice = await floor.caller("alice")
    await bob.call(one := item(1.0), acknowledge=True)
    await bob.line.until(frames.Accepted)
    await alice.call(item(1.0, one.id), acknowledge=acknowledge)
    await turns()
    assert alice.line.refusals == {one.id: "conflict"}
    await worker.finish((await worker.offered())[0])
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: 2.0}
    assert alice.line.results == {}


async def test_a_conflict_with_what_only_the_store_holds_is_told_to_who_caused_it(house: House) -> None:
    floor = await Floor.open(house, window_items=1)
    worker = await floor.worker(slots=1)
    await floor.share()
    bob, alice = await floor.caller(), await floor.caller("alice")
    await bob.call(first := item(1.0), acknowledge=True)
    await bob.call(second := item(2.0), acknowledge=True)
    await bob.line.until(frames.Accepted, 2)
    await alice.call(item(9.0, second.id))
    await alice.line.until(frames.RefusedItems)
    await bob.call(second)  # the same request joins
    for number in (1, 2):
        await worker.finish((await worker.offered(number))[number - 1])
    await bob.line.until(frames.Settled, 2)
    assert alice.line.refusals == {second.id: "conflict"}
    assert alice.line.results == {}
    assert bob.line.refusals == {}
    assert bob.line.results == {first.id: 2.0, second.id: 4.0}
    floor.dispatcher.stop()


async def test_a_key_gives_one_invocation_however_often_and_at_whatever_time(
    floor: Floor, worker: Hand, bob: Mouth
) -> None:
    name, body, options = "alice/double", payload.encode({"x": 3.0}), CallOptions(key="monday")
    tickets = [await floor.invocations.submit_one(bob.subject, name, body, options) for _ in range(3)]
    assert {ticket.id for ticket in tickets} == {keyed_id("bob", "monday")}
    await worker.finish((await worker.offered())[0])
    assert [(await ticket.settled(5)).result for ticket in tickets] == [payload.encode(6.0)] * 3  # type: ignore[union-attr]
    other = await floor.invocations.submit_one(bob.subject, name, payload.encode({"x": 4.0}), options)
    with pytest.raises(Refused) as caught:
        await other.settled(5)
    assert caught.value.failure.code == "conflict"
    assert len(worker.line.offers) == 1


async def test_ids_that_are_too_old_or_from_the_future_are_never_run(worker: Hand, bob: Mouth) -> None:
    old, future, keyed, short = fresh(90_000), fresh(-90_000), keyed_id("bob", "k"), b"short"
    await bob.call(*(item(1.0, identifier) for identifier in (old, future, keyed, short)))
    assert bob.line.refusals == {
        old: "outcome_unknown",
        future: "invalid_request",
        keyed: "invalid_request",
        short: "invalid_request",
    }
    assert worker.line.offers == []


@pytest.mark.parametrize(
    "options", [{"timeout_seconds": math.nan}, {"timeout_seconds": -1.0}, {"expires_seconds": 0.0}, {"key": "k" * 256}]
)
async def test_options_that_make_no_sense_are_refused(bob: Mouth, options: dict[str, Any]) -> None:
    await bob.call(one := item(1.0), **options)
    assert bob.line.refusals == {one.id: "invalid_request"}


async def test_an_eager_attempt_whose_caller_lost_the_permission_is_stopped_and_not_answered(
    floor: Floor, worker: Hand, bob: Mouth
) -> None:
    command = ports.DeleteGrant("alice/double", bob.subject.key, 0.0)
    await floor.house.store.do(command)  # behind the back of whoever would tell
    await bob.call(one := item(1.0))
    [offer] = await worker.offered()
    await worker.finish(offer)
    await bob.line.until(frames.RefusedItems)
    await turns()
    assert bob.line.refusals == {one.id: "permission_denied"}
    assert bob.line.results == {}
    assert [key.id for frame in worker.line.all(frames.Acknowledge) for key in frame.stale] == [one.id]
    assert await floor.house.store.invocation(one.id) is None
    assert floor.held() == (0, 0)


async def test_a_change_of_access_that_does_not_concern_the_call_does_not_harm_it(
    floor: Floor, worker: Hand, bob: Mouth
) -> None:
    await floor.house.store.do(ports.PutGrant("alice/other", bob.subject.key, "view", 1, 0.0))
    await bob.call(one := item(1.0))
    offer = (await worker.offered(2))[1]  # the first went out before the commit, and was taken back
    await worker.finish(offer)
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: 2.0}


async def test_nothing_is_answered_while_the_store_refuses_and_intake_opens_again(
    floor: Floor, worker: Hand, bob: Mouth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farcall.hub.dispatcher._PROBE_SECONDS", 0.01)
    floor.posting.held = True
    await bob.call(one := item(1.0))
    floor.house.store.refuse("the disk is full")
    await bob.call(two := item(2.0))
    for offer in worker.line.offers:
        await worker.finish(offer)
    floor.posting.release()
    await bob.line.until(frames.RefusedItems)
    assert bob.line.refusals == {two.id: "hub_unavailable"}
    assert bob.line.results == {}
    assert not floor.dispatcher.accepting
    await bob.call(three := item(3.0))
    assert bob.line.refusals[three.id] == "hub_unavailable"
    floor.house.store.refuse("")
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: 2.0}
    assert floor.dispatcher.accepting
    assert floor.held() == (0, 0)


async def test_attaching_promises_only_what_is_committed(floor: Floor, worker: Hand, bob: Mouth) -> None:
    again = await floor.caller()
    floor.posting.held = True
    await bob.call(one := item(1.0))
    attaching = floor.dispatcher.later(again.say(frames.Attach([one.id, other := fresh()])))
    await turns()
    assert again.line.told == []
    floor.posting.release()
    await attaching
    [attached] = again.line.all(frames.Attached)
    assert (attached.ids, attached.unknown) == ([one.id], [other])
    await worker.finish((await worker.offered())[0])
    await again.line.until(frames.Settled)
    await again.say(frames.Attach([one.id]))
    assert again.line.results == {one.id: 2.0}
    assert floor.held() == (0, 0)


async def test_strangers_cannot_attach_nor_cancel_and_learn_nothing(floor: Floor, worker: Hand, bob: Mouth) -> None:
    await bob.call(one := item(1.0))
    _, token = await floor.house.accounts.create(await floor.house.subject("admin"), "mallory", "m@example.org")
    floor.house.tokens["mallory"] = token.token
    mallory = await floor.caller("mallory")
    await mallory.say(frames.Attach([one.id]))
    await mallory.say(frames.Cancel([one.id]))
    assert mallory.line.all(frames.Attached)[0].unknown == [one.id]
    assert mallory.line.refusals == {one.id: "not_found"}
    await worker.finish((await worker.offered())[0])
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: 2.0}
    assert mallory.line.results == {}


async def test_a_cancelled_call_ends_cancelled_once_its_worker_says_so(floor: Floor, worker: Hand, bob: Mouth) -> None:
    await bob.call(one := item(1.0))
    [offer] = await worker.offered()
    await bob.say(frames.Cancel([one.id]))
    await worker.line.until(frames.CancelAttempts)
    assert [frame.ids for frame in bob.line.all(frames.Cancelling)] == [[one.id]]
    await worker.finish(offer, state=6, result=b"")
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: "cancelled"}
    assert floor.held() == (0, 0)


def naming(digest: str) -> bytes:
    """The arguments {"x": a blob}: an object of one pair."""
    return b"\x81\xa1x" + payload.from_json({"$blob": digest, "size": 4}, {"x-type": "bytes"})


async def test_a_cancel_does_not_overtake_a_call_whose_blobs_are_looked_at(
    floor: Floor, worker: Hand, bob: Mouth
) -> None:
    digest = "blake3:" + "1" * 64
    await floor.house.store.do(ports.PinBlob(digest, 4, bob.subject.key, 4e9))
    publication = frames.Publication(
        "/alice/double",
        {"parameters": [{"name": "x", "schema": {"type": "string", "x-type": "bytes"}}], "result": {}},
        bytes(16),
        FunctionOptions(),
    )
    await worker.say(frames.Publish(2, [publication]))
    one = frames.SubmitItem(fresh(), naming(digest))
    hidden = frames.SubmitItem(fresh(), naming("blake3:" + "2" * 64))
    await bob.call(one, hidden)
    await bob.say(frames.Cancel([one.id]))
    await bob.line.until(frames.RefusedItems)
    assert bob.line.refusals == {hidden.id: "not_found"}
    await worker.line.until(frames.CancelAttempts)


async def test_who_is_gone_is_not_waited_for_and_the_call_goes_on(floor: Floor, worker: Hand, bob: Mouth) -> None:
    ticket = Ticket(bob.subject.key, fresh())
    await bob.call(one := item(1.0))
    floor.dispatcher.callers.add(one.id, ticket)
    bob.conversation.disconnected()
    floor.dispatcher.forget_caller(ticket)
    assert len(floor.dispatcher.callers) == 0
    await worker.finish((await worker.offered())[0])
    await turns()
    row = await floor.house.store.invocation(one.id)
    assert row is not None
    assert row.state.final


async def test_ten_thousand_calls_leave_nothing_behind(floor: Floor, worker: Hand, bob: Mouth) -> None:
    await worker.say(frames.Credit(20_000))
    for _ in range(10):
        await bob.call(*(item(float(n)) for n in range(1000)))
        while len(floor.dispatcher.core):
            offers = list(worker.line.offers)
            worker.line.told.clear()
            for offer in offers:
                key = (offer.id, offer.fence)
                await worker.say(frames.Progress([frames.ProgressItem(*key, 0.5, "half")]))
                await worker.say(frames.Stream(*key, 0, [b"\x01"]))
                await worker.finish(offer)
            await turns(3)
    assert len({*bob.line.results}) == 10_000
    assert floor.held() == (0, 0)
    state = floor.dispatcher.core.state
    assert state.held_bytes == 0
    assert not any((state.orphans, state.cancelling, state.pending_completes))
