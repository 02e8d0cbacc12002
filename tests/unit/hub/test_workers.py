from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from farcall.domain.errors import Refused
from farcall.domain.model import fence
from farcall.domain.states import AttemptState
from farcall.hub.groups import Groups
from farcall.hub.wanted import Wanted
from farcall.hub.worker_conversation import WorkerConversation
from farcall.wire import frames

from .conftest import House, publication_of
from .floor import BOOT, Floor, Hand, Line, Mouth, item, turns

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


async def stranger(floor: Floor, handle: str = "bob", boot: str = BOOT) -> Hand:
    """A worker that has said Hello under this boot, and no more."""
    subject = await floor.house.subject(handle)
    line = Line(subject.key, boot)
    token = floor.house.tokens[handle]
    return Hand(line, WorkerConversation(floor.workers, floor.dispatcher, floor.house.accounts, token, subject, line))


async def stored_states(floor: Floor) -> list[str]:
    return [row.state for row in await floor.house.store.presences(include_gone=True)]


@pytest.mark.parametrize(
    "frame",
    [
        frames.Register("w", 0, 1, {}, []),
        frames.Register("w", 10**9, 1, {}, []),
        frames.Register("w", 1, -1, {}, []),
        frames.Register("w", 1, 10**9, {}, []),
        frames.Register("w", 1, 1, {f"r{n}": n for n in range(1000)}, []),
        frames.Register("w", 1, 1, {"cpus": math.nan}, []),
    ],
)
async def test_a_worker_that_claims_the_absurd_is_refused_and_leaves_no_trace(
    floor: Floor, frame: frames.Register
) -> None:
    hand = await stranger(floor)
    with pytest.raises(Refused):
        await hand.say(frame)
    hand.conversation.disconnected()
    assert floor.workers.present() == []
    assert await stored_states(floor) == []


async def test_a_name_is_cut_and_not_refused(floor: Floor) -> None:
    hand = await stranger(floor)
    await hand.say(frames.Register("w" * 10_000, 1, 1, {}, []))
    assert len(floor.workers.present()[0].name) == 200


async def test_a_worker_that_could_not_be_recorded_is_not_ready(floor: Floor, worker: Hand) -> None:
    worker.conversation.disconnected()
    [presence] = floor.workers.present()
    [version] = presence.versions
    again = await stranger(floor, "alice")
    floor.house.store.refuse("the disk is full")
    with pytest.raises(Exception, match="disk"):
        await again.say(frames.Register("w", 1, 1, {}, []))
    again.conversation.disconnected()
    assert floor.workers.ready_for(version) == 0


async def test_another_accounts_boot_cannot_be_taken_nor_spoken_for(floor: Floor, worker: Hand) -> None:
    hand = await stranger(floor)
    seen = floor.workers.present()[0].seen_at
    await hand.say(frames.Heartbeat(1))
    with pytest.raises(Refused):
        await hand.say(frames.Register("w", 1, 1, {}, []))
    hand.conversation.goodbye(frames.Goodbye("", ""))
    hand.conversation.disconnected()
    [presence] = floor.workers.present()
    assert (presence.state.label, presence.seen_at) == ("ready", seen)
    assert floor.workers.ready_for(presence.versions[0]) == 1


async def test_a_boot_is_its_accounts_after_a_restart_too(house: House, floor: Floor, worker: Hand) -> None:
    later = await Floor.open(house, epoch=2)
    later.workers.expect(await house.store.presences())
    hand = await stranger(later)
    with pytest.raises(Refused):
        await hand.say(frames.Register("w", 1, 1, {}, []))
    await later.worker()
    later.dispatcher.stop()


async def test_of_two_lines_of_one_boot_the_later_is_the_workers(floor: Floor, worker: Hand, bob: Mouth) -> None:
    again = await floor.worker()
    assert worker.line.closed == "conflict"
    worker.conversation.disconnected()
    await bob.call(one := item(1.0))
    await again.finish((await again.offered())[0])
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: 2.0}
    assert len(floor.workers.present()) == 1


async def test_a_worker_that_leaves_is_gone_here_and_in_the_store(floor: Floor, worker: Hand) -> None:
    [version] = floor.workers.present()[0].versions
    await worker.say(frames.Leaving("told to"))
    assert floor.workers.ready_for(version) == 0
    worker.conversation.goodbye(frames.Goodbye("", ""))
    worker.conversation.disconnected()
    await turns()
    assert floor.workers.present() == []
    assert await stored_states(floor) == ["gone"]


async def test_a_worker_that_vanishes_is_away_then_lost(house: House) -> None:
    floor = await Floor.open(house, resume_grace_seconds=0.02)
    worker = await floor.worker()
    worker.conversation.disconnected()
    assert [presence.state.label for presence in floor.workers.present()] == ["away"]
    assert await stored_states(floor) == ["away"]
    while floor.workers.present():
        await turns()
    await turns()
    assert await stored_states(floor) == ["lost"]
    floor.dispatcher.stop()


async def test_a_silent_worker_is_given_up_and_its_line_closed(house: House) -> None:
    floor = await Floor.open(house, lease_seconds=0.02, lease_margin_seconds=0.01)
    worker = await floor.worker()
    while not worker.line.closed:
        await turns()
    assert worker.line.closed == "worker_lost"
    assert floor.workers.present() == []
    await worker.say(frames.Heartbeat(1))  # too late
    assert floor.workers.present() == []
    floor.dispatcher.stop()


async def test_a_new_list_replaces_the_old_one(floor: Floor, worker: Hand) -> None:
    [first] = floor.workers.present()[0].versions
    await worker.say(frames.Publish(2, [publication_of("/alice/triple"), publication_of("/bob/stolen")]))
    answers = worker.line.all(frames.Published)[-1].functions
    assert [answer.failure and answer.failure.code for answer in answers] == [None, "not_found"]
    assert floor.workers.ready_for(first) == 0
    assert floor.workers.ready_for(answers[0].version) == 1
    assert floor.workers.present()[0].names == ["alice/triple"]


async def test_whoever_may_no_longer_serve_a_function_is_offered_it_no_more(floor: Floor, worker: Hand) -> None:
    house = floor.house
    await house.shares.share(await house.subject("alice"), "bob", Wanted("alice/lent", "manage"))
    helper = await floor.worker("bob", "cd" * 16, "/alice/lent")
    [answer] = helper.line.all(frames.Published)[0].functions
    assert floor.workers.ready_for(answer.version) == 1
    await house.shares.unshare(await house.subject("alice"), "alice/lent", "bob")
    await helper.conversation.refresh()
    assert floor.workers.ready_for(answer.version) == 0


@pytest.mark.parametrize("state", [AttemptState.LEASED, AttemptState.RUNNING, AttemptState.RETURNED, 99, -1])
async def test_an_end_that_is_none_closes_the_line(worker: Hand, bob: Mouth, state: int) -> None:
    await bob.call(item(1.0))
    [offer] = await worker.offered()
    with pytest.raises(Refused):
        await worker.finish(offer, state=int(state))
    assert bob.line.results == {}


async def test_who_does_not_hold_an_attempt_cannot_speak_for_it(floor: Floor, worker: Hand, bob: Mouth) -> None:
    liar = await floor.worker("bob", "cd" * 16, "/bob/other")
    await bob.call(one := item(1.0))
    [offer] = await worker.offered()
    key = frames.AttemptKey(offer.id, offer.fence)
    await liar.finish(offer, 666.0)
    await liar.say(frames.Started([key]))
    await liar.say(frames.Returned([frames.ReturnedItem(*_pair(key), "recalled")]))
    await liar.say(frames.Progress([frames.ProgressItem(*_pair(key), 1.0, "lies")]))
    await liar.say(frames.Logs([frames.LogItem(*_pair(key), 0, 0.0, "stdout", "lies")]))
    await liar.say(frames.Stream(*_pair(key), 0, [b"lies"]))
    for wrong in (0, -1, offer.fence + 1, 2**63):
        await worker.finish(frames.OfferItem(offer.id, wrong, 1, offer.arguments, 1, ""))
    await turns()
    assert liar.line.all(frames.Acknowledge)[0].stale == [key]
    assert bob.line.told == []
    assert await floor.files.read(one.id) == []
    await worker.finish(offer)
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: 2.0}


def _pair(key: frames.AttemptKey) -> tuple[bytes, int]:
    return key.id, key.fence


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -5.0, 1e300])
async def test_absurd_times_and_fractions_upset_nothing(floor: Floor, worker: Hand, bob: Mouth, seconds: float) -> None:
    for number in (1, 2):
        await bob.call(item(1.0))
        offer = (await worker.offered(number))[number - 1]
        await worker.say(frames.Progress([frames.ProgressItem(offer.id, offer.fence, seconds, "s" * 10_000)]))
        progress = floor.invocations.progress(offer.id)
        assert progress is not None
        assert 0 <= progress[0] <= 1
        assert len(progress[1]) == 200
        await worker.finish(offer, run_seconds=seconds)
        await bob.line.until(frames.Settled, number)
    row = await floor.house.store.invocation(offer.id)
    assert row is not None
    assert row.run_seconds == 0.0


async def test_a_worker_that_returns_goes_on_with_what_it_holds(floor: Floor, worker: Hand, bob: Mouth) -> None:
    await bob.call(one := item(1.0))
    [offer] = await worker.offered()
    await worker.say(frames.Started([frames.AttemptKey(offer.id, offer.fence)]))
    worker.conversation.disconnected()
    unknown = frames.AttemptKey(item(1.0).id, 7)
    again = await floor.worker(resume=[frames.AttemptKey(offer.id, offer.fence), unknown])
    assert [key for frame in again.line.all(frames.Acknowledge) for key in frame.stale] == [unknown]
    await again.finish(offer)
    await bob.line.until(frames.Settled)
    assert bob.line.results == {one.id: 2.0}
    assert again.line.offers == []


async def test_nobody_resumes_what_is_not_theirs_to_serve(house: House, floor: Floor) -> None:
    worker = await floor.worker()
    await floor.share()
    bob = await floor.caller()
    await bob.call(one := item(1.0), acknowledge=True)
    await bob.line.until(frames.Accepted)
    floor.dispatcher.stop()
    later = await Floor.open(house, epoch=2)
    await later.recover(60.0)
    claimed = frames.AttemptKey(one.id, fence(1, 5))
    thief = await later.worker("bob", "cd" * 16, "/bob/other", resume=[claimed, frames.AttemptKey(one.id, 0)])
    stale = [key for frame in thief.line.all(frames.Acknowledge) for key in frame.stale]
    assert stale == [claimed, frames.AttemptKey(one.id, 0)]
    assert later.dispatcher.core.attempt(one.id) is None
    [offer] = worker.line.offers
    again = await later.worker(resume=[frames.AttemptKey(one.id, offer.fence)])
    assert later.dispatcher.core.attempt(one.id) == (again.line.boot, offer.fence)
    later.dispatcher.stop()


async def test_a_worker_that_is_asked_to_drain_hears_of_it(floor: Floor, worker: Hand) -> None:
    assert floor.workers.drain(BOOT)
    assert len(worker.line.all(frames.Drain)) == 1
    worker.conversation.disconnected()
    assert not floor.workers.drain(BOOT)


async def test_only_tokens_that_serve_there_learn_what_a_groups_digests_are_keyed_with(
    floor: Floor, house: House
) -> None:
    await Groups(house.store, house.accounts).create(await house.subject("alice"), "lab")
    subject = await house.subject("alice")
    told = await floor.workers.digest_keys(subject)
    assert set(told) == {"lab"}
    assert len(told["lab"]) == 32
    assert await floor.workers.digest_keys(replace(subject, scopes=frozenset({"invoke"}))) == {}
    assert await floor.workers.digest_keys(replace(subject, only=("alice/physics",))) == {}
    assert await floor.workers.digest_keys(replace(subject, only=("lab/physics",))) == told


async def test_a_worker_with_a_limited_token_names_no_blob_of_attempts_beyond_its_limits(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, digest = floor.house, "blake3:" + "0" * 64
    versions = [(await house.publish("alice", name)).version for name in ("in/f", "out/f")]
    made = await house.accounts.tokens.create(await house.subject("alice"), scopes=["serve"], only=["alice/in"])
    house.tokens["limited"] = made.token
    for version, hidden in zip(versions, ("", digest), strict=True):
        monkeypatch.setattr(floor.dispatcher.core, "needing_blob", lambda *_, needed=version: {needed})
        assert await floor.workers.hidden_blob(await house.subject("alice"), [digest]) == ""
        assert await floor.workers.hidden_blob(await house.subject("limited"), [digest]) == hidden
