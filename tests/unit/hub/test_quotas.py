"""Limits of accounts and of what they were given: what counts, what is refused, and when there is room again."""

from __future__ import annotations

import time

import pytest

from farcall.domain.errors import Failure, Refused
from farcall.domain.limits import NO_LIMITS, Limits, from_json
from farcall.hub import ports
from farcall.hub.dispatch.events import Now
from farcall.hub.quotas import DAY_SECONDS, Book, Meter, Quota
from farcall.wire import frames

from .conftest import House
from .floor import Floor, Mouth, fresh, item, turns

NOON = 20_000 * DAY_SECONDS + 43_200.0
pytestmark = pytest.mark.anyio


def at(seconds: float) -> Now:
    """So long after noon."""
    return Now(100.0 + seconds, NOON + seconds)


def quota(path: str = "", **limited: float) -> Quota:
    book = Book(7, day=20_000)
    book.meters[path] = Meter(path, Limits(**limited), 1)  # type: ignore[arg-type]
    return Quota(book, tuple(book.meters.values()), "alice/double")


def taken(limit: Quota, now: Now, count: int = 1) -> list[Failure | None]:
    return [limit.take(fresh(), now) for _ in range(count)]


def test_limits_survive_being_written_down() -> None:
    limited = Limits(per_minute=3, seconds_per_day=1.5)
    assert from_json(limited.json()) == limited
    assert from_json("{}") is NO_LIMITS
    assert not NO_LIMITS
    assert Limits(in_flight=0)
    with pytest.raises(ValueError, match="per_hour"):
        from_json('{"per_hour": 3}')
    with pytest.raises(ValueError, match=">= 0"):
        from_json('{"per_minute": -1}')


def test_so_many_are_accepted_in_any_minute_and_one_more_when_the_oldest_is_a_minute_old() -> None:
    limit = quota(per_minute=2)
    assert taken(limit, at(0)) + taken(limit, at(20)) == [None, None]
    [over] = taken(limit, at(30))
    assert over is not None
    assert (over.code, over.retry_after_seconds) == ("quota_exceeded", 30.0)
    assert over.message == "The limit of 2 invocations per minute of your account is reached."
    assert over.hint == "More is accepted in 30 s."
    assert taken(limit, at(60)) == [None]
    [over] = taken(limit, at(61))
    assert over is not None
    assert over.retry_after_seconds == 19.0


def test_what_was_refused_does_not_count() -> None:
    limit = quota(per_minute=1)
    assert taken(limit, at(0)) == [None]
    assert None not in taken(limit, at(30), 5)
    assert taken(limit, at(60)) == [None]


def test_a_limit_of_none_at_all_refuses_everything() -> None:
    for limited in ({"per_minute": 0}, {"in_flight": 0}, {"seconds_per_day": 0}):
        assert None not in taken(quota(**limited), at(0), 2)


def test_what_is_in_flight_counts_until_it_ends() -> None:
    limit = quota(in_flight=1)
    first = fresh()
    assert limit.take(first, at(0)) is None
    [over] = taken(limit, at(0))
    assert over is not None
    assert (over.message, over.hint, over.retry_after_seconds) == (
        "The limit of 1 invocations in flight of your account is reached.",
        "More is accepted when one of them has ended.",
        1.0,
    )
    limit.book.end(first)
    assert taken(limit, at(0)) == [None]


def test_an_id_that_is_sent_again_counts_once_and_its_refusal_frees_nothing() -> None:
    limit = quota(in_flight=1, per_minute=5)
    first = fresh()
    assert [limit.take(first, at(0)) for _ in range(3)] == [None] * 3
    limit.book.refuse(first)
    limit.book.refuse(first)
    assert taken(limit, at(0)) != [None]
    limit.book.refuse(first)
    assert taken(limit, at(0)) == [None]


def test_seconds_of_a_day_are_full_until_midnight() -> None:
    limit = quota("alice", seconds_per_day=10)
    limit.book.add_seconds("alice/double", 9.0, 20_000)
    assert taken(limit, at(0)) == [None]
    limit.book.add_seconds("alice/double", 1.0, 20_000)
    limit.book.add_seconds("bob/other", 50.0, 20_000)
    [over] = taken(limit, at(0))
    assert over is not None
    assert over.retry_after_seconds == 43_200
    assert over.message == "The limit of 10 seconds of running per day for what you were given at alice is reached."
    assert over.hint == "More is accepted from 00:00 UTC, in 12 h 0 min."
    assert taken(limit, at(43_200)) == [None]


# -- in a hub ----------------------------------------------------------------------------------------------------------


async def limited(floor: Floor, **limits: float) -> None:
    admin = await floor.house.subject("admin")
    await floor.quotas.set_limits(admin, "bob", Limits(**limits))  # type: ignore[arg-type]


async def refresh(mouth: Mouth) -> None:
    await mouth.conversation.refresh()


async def test_each_call_of_a_batch_is_accepted_or_refused_by_itself(house: House) -> None:
    floor = await Floor.open(house)
    worker = await floor.worker()
    await floor.share()
    await limited(floor, in_flight=2)
    mouth = await floor.caller()
    await mouth.call(item(1), item(2), item(3))
    await worker.offered(2)
    assert list(mouth.line.refusals.values()) == ["quota_exceeded"]
    assert len(worker.line.offers) == 2
    await worker.finish(worker.line.offers[0])
    await mouth.line.until(frames.Settled)
    await mouth.call(item(4), item(5))
    await worker.offered(3)
    assert len(mouth.line.refusals) == 2


async def test_limits_hold_on_open_connections_from_the_next_call_on(house: House) -> None:
    floor = await Floor.open(house)
    worker = await floor.worker()
    await floor.share()
    mouth = await floor.caller()
    await mouth.call(item(1))
    await worker.offered(1)
    await limited(floor, in_flight=1)
    await refresh(mouth)
    await mouth.call(item(2))
    await turns()
    assert list(mouth.line.refusals.values()) == ["quota_exceeded"]  # what was in flight before counts
    await limited(floor)
    await refresh(mouth)
    await mouth.call(item(3))
    await worker.offered(2)


async def test_what_is_in_flight_is_known_after_a_restart(house: House) -> None:
    floor = await Floor.open(house)
    await floor.worker(queue=True)
    await floor.share()
    await limited(floor, in_flight=2)
    mouth = await floor.caller()
    await mouth.call(item(1), acknowledge=True)
    await mouth.line.until(frames.Accepted)
    again = await Floor.open(house, epoch=2)
    await again.recover(0.0)
    mouth = await again.caller()
    await mouth.call(item(2), item(3), queue=True)
    await turns()
    assert list(mouth.line.refusals.values()) == ["quota_exceeded"]


async def test_seconds_that_ran_today_count_over_restarts(house: House) -> None:
    floor = await Floor.open(house)
    worker = await floor.worker()
    await floor.share()
    await limited(floor, seconds_per_day=5)
    mouth = await floor.caller()
    for count, seconds in enumerate((3.0, 2.5), 1):
        await mouth.call(item(count))
        await worker.offered(count)
        await worker.finish(worker.line.offers[-1], run_seconds=seconds)
        await mouth.line.until(frames.Settled, count)
    await mouth.call(item(3))
    await turns()
    assert list(mouth.line.refusals.values()) == ["quota_exceeded"]
    again = await Floor.open(house, epoch=2)
    await again.worker(boot="cd" * 16)
    mouth = await again.caller()
    await mouth.call(item(4))
    await turns()
    assert list(mouth.line.refusals.values()) == ["quota_exceeded"]


async def test_of_grants_the_one_with_the_longest_path_counts_and_owners_need_none(house: House) -> None:
    floor = await Floor.open(house)
    await floor.worker()
    await floor.share(path="alice")
    alice, bob = await house.subject("alice"), await house.subject("bob")

    async def give(path: str, limited: Limits) -> None:
        await house.store.do(ports.PutGrant(path, bob.key, "invoke", alice.key, time.time(), limits=limited.json()))
        house.accounts.changed(bob.key)

    await give("alice", Limits(per_minute=1))
    found = await floor.quotas.of(await house.subject("bob"), "alice/double")
    assert found is not None
    assert [meter.limits for meter in found.meters] == [Limits(per_minute=1)]
    await give("alice/double", NO_LIMITS)
    assert await floor.quotas.of(await house.subject("bob"), "alice/double") is None
    await limited(floor, in_flight=5)
    await give("alice/double", Limits(per_minute=9))
    found = await floor.quotas.of(await house.subject("bob"), "alice/double")
    assert found is not None
    assert {meter.path: meter.limits for meter in found.meters} == {
        "": Limits(in_flight=5),
        "alice/double": Limits(per_minute=9),
    }
    assert await floor.quotas.of(await house.subject("alice"), "alice/double") is None


async def test_a_limit_holds_for_what_is_reached_by_a_link(house: House) -> None:
    floor = await Floor.open(house)
    worker = await floor.worker()
    alice, bob = await house.subject("alice"), await house.subject("bob")
    only_one = Limits(in_flight=1).json()
    await house.store.do(ports.PutGrant("alice/lab", bob.key, "invoke", alice.key, time.time(), limits=only_one))
    house.accounts.changed(bob.key)
    found = await floor.quotas.of(await house.subject("bob"), "alice/double", ["alice/lab/double"])
    assert found is not None
    assert [meter.path for meter in found.meters] == ["alice/lab"]
    assert [found.take(fresh(), at(0)) is None for _ in range(2)] == [True, False]
    assert await floor.quotas.of(await house.subject("bob"), "alice/double", ["alice/other/double"]) is None
    await floor.share(path="alice/double")
    assert await floor.quotas.of(await house.subject("bob"), "alice/double", ["alice/lab/double"]) is None
    assert worker.line.offers == []


async def test_what_was_accepted_under_a_key_is_answered_even_over_the_limit(house: House) -> None:
    floor = await Floor.open(house)
    worker = await floor.worker()
    await floor.share()
    await limited(floor, per_minute=1)
    subject = await house.subject("bob")
    body = item(1).arguments
    first = await floor.invocations.submit_one(subject, "alice/double", body, frames.CallOptions(key="k"))
    await worker.offered(1)
    await worker.finish(worker.line.offers[0])
    settled = await first.settled(5)
    again = await floor.invocations.submit_one(subject, "alice/double", body, frames.CallOptions(key="k"))
    assert await again.settled(5) == settled
    other = await floor.invocations.submit_one(subject, "alice/double", body, frames.CallOptions(key="other"))
    with pytest.raises(Refused, match="per minute"):
        await other.settled(5)


async def test_what_is_refused_or_known_already_leaves_nothing_in_flight(house: House) -> None:
    floor = await Floor.open(house)
    worker = await floor.worker()
    await floor.share()
    await limited(floor, in_flight=1)
    mouth = await floor.caller()
    one = item(1)
    await mouth.call(one)
    await worker.offered(1)
    await worker.finish(worker.line.offers[0])
    await mouth.line.until(frames.Settled)
    await mouth.call(one)  # sent again after its end
    await mouth.line.until(frames.Settled, 2)
    floor.posting.held = True
    house.store.refuse("the disk is full")
    await mouth.call(item(2))
    await turns()
    floor.posting.release()
    house.store.refuse("")
    await turns()
    [book] = floor.quotas._books.values()
    assert book.in_flight == {}
    assert [meter.in_flight for meter in book.meters.values()] == [0]


async def test_only_administrators_limit_and_others_see_their_own(house: House) -> None:
    floor = await Floor.open(house)
    bob = await house.subject("bob")
    with pytest.raises(Refused, match="administrators"):
        await floor.quotas.set_limits(bob, "bob", NO_LIMITS)
    with pytest.raises(Refused, match="administrators"):
        await floor.quotas.limits_of(bob, "alice")
    with pytest.raises(Refused, match="no account"):
        await floor.quotas.set_limits(await house.subject("admin"), "nobody", NO_LIMITS)
    await limited(floor, per_minute=5)
    assert await floor.quotas.limits_of(await house.subject("bob"), "bob") == Limits(per_minute=5)
