"""Sessions of clients and workers over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from farcall import payload
from farcall.domain.errors import Failure
from farcall.domain.model import CallOptions, FunctionOptions, Settlement
from farcall.domain.states import AttemptState, InvocationState
from farcall.hub.ports import AddNotes, StoreFailed
from farcall.wire import frames

from .lines import Open, Peer, open_hub

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Open]:
    async with open_hub(tmp_path) as made:
        yield made


@pytest.fixture
async def worker(hub: Open) -> AsyncIterator[Peer]:
    async with hub.peer("worker") as peer:
        await peer.serve()
        yield peer


async def finish(worker: Peer, offers: list[frames.OfferItem]) -> None:
    result = payload.encode(2.0)
    state = int(AttemptState.SUCCEEDED)
    await worker.say(frames.Finished([frames.FinishedItem(each.id, each.fence, state, result) for each in offers]))


async def offered(worker: Peer, count: int) -> list[frames.OfferItem]:
    items: list[frames.OfferItem] = []
    while len(items) < count:
        more = (await worker.until(frames.Offer)).items
        items += more
        await finish(worker, more)
    return items


async def settled(client: Peer, count: int) -> list[Settlement]:
    items: list[Settlement] = []
    while len(items) < count:
        items += (await client.until(frames.Settled)).items
    return items


async def test_a_call_goes_to_the_worker_and_its_result_comes_back(hub: Open, worker: Peer) -> None:
    async with hub.peer() as client:
        await client.greet()
        [one] = await client.call()
        await offered(worker, 1)
        [item] = await settled(client, 1)
        assert (item.id, item.state, item.result) == (one, InvocationState.SUCCEEDED, payload.encode(2.0))
        acknowledged = await worker.until(frames.Acknowledge)
        assert [key.id for key in acknowledged.items] == [one]


async def test_what_comes_before_hello_and_after_goodbye_is_out_of_order(hub: Open) -> None:
    async with hub.peer() as early:
        await early.say(frames.Resolve(1, "admin/f"))
        assert await early.farewell() == ("invalid_request", 4400)
    async with hub.peer() as late:
        await late.greet()
        await late.say(frames.Goodbye("", ""), frames.Resolve(1, "admin/f"))
        assert await late.hear() == 1000


async def test_who_says_nothing_is_not_waited_for(hub: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farcall.gateway.channels._HELLO_SECONDS", 0.02)
    async with hub.peer() as peer:
        assert await peer.farewell() == ("invalid_request", 4400)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x93\x0a\x01", b"\x94\x01\x91\x63\xa0\xc4\x10" + bytes(16), b"\x94\x01\x91\x01\xa0\xc4\x02ab"],
)
async def test_malformed_greetings_are_refused_in_words_and_harm_nobody_else(
    hub: Open, worker: Peer, data: bytes
) -> None:
    async with hub.peer() as peer:
        await peer.socket.send(data)
        code, closed = await peer.farewell()
        assert code in ("invalid_request", "unsupported_protocol")
        assert closed in (4400, 4426)
    await worker.say(frames.Heartbeat(5))
    assert (await worker.until(frames.HeartbeatAck)).seq == 5


async def test_an_end_that_is_none_closes_the_workers_line_with_a_reason(worker: Peer) -> None:
    await worker.say(frames.Finished([frames.FinishedItem(bytes(22), 1, 2)]))
    assert await worker.farewell() == ("invalid_request", 4400)


async def test_order_is_kept_behind_a_slow_frame_and_the_socket_is_not_read_meanwhile(
    hub: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, entered = asyncio.Event(), asyncio.Event()
    invocations = hub.hub.services.invocations
    resolve = invocations.resolve

    async def slow(subject: Any, name: str) -> frames.Resolved:
        entered.set()
        await gate.wait()
        answer: frames.Resolved = await resolve(subject, name)
        return answer

    monkeypatch.setattr(invocations, "resolve", slow)
    async with hub.peer() as peer:
        await peer.greet()
        [channel] = hub.hub.services.channels.open
        for part in range(2):  # the second time, the inbox has been full before
            sending = asyncio.ensure_future(
                peer.say(*(frames.Resolve(part * 5000 + seq, "a" * 4000) for seq in range(5000)))
            )
            await entered.wait()
            while not channel._paused:
                await asyncio.sleep(0.001)
            taken = len(channel._inbox)
            await asyncio.sleep(0.02)  # what must not go on cannot be awaited
            assert len(channel._inbox) == taken < 4000
            gate.set()
            for seq in range(5000):
                assert (await peer.until(frames.Resolved)).seq == part * 5000 + seq
            await sending
            gate.clear()
            entered.clear()
        assert not channel._paused


async def test_a_goodbye_behind_a_slow_frame_is_heard_though_the_line_is_gone(hub: Open) -> None:
    async with hub.peer("worker") as peer:
        await peer.serve()
        publications = [
            frames.Publication(f"g{n}", {"parameters": [], "result": {}}, bytes(16), FunctionOptions())
            for n in range(50)
        ]
        await peer.say(frames.Publish(2, publications), frames.Leaving("done"), frames.Goodbye("", ""))
        peer.socket.transport.close()
    while hub.hub.services.channels.open:
        await asyncio.sleep(0.001)
    while hub.hub.services.workers.present():
        await asyncio.sleep(0.001)
    await hub.hub.store.do(AddNotes([]))  # behind it, what was on its way is recorded
    [row] = await hub.hub.store.presences(include_gone=True)
    assert row.state == "gone"


async def test_small_frames_are_merged_and_large_ones_divided(hub: Open) -> None:
    async with hub.peer() as peer:
        await peer.greet()
        [channel] = hub.hub.services.channels.open
        ids = [bytes([n]) * 22 for n in range(40)]
        for each in ids:
            channel.send(frames.Settled([Settlement(each, InvocationState.SUCCEEDED, bytes(1 << 20))]))
        items = await settled(peer, 40)
        assert [item.id for item in items] == ids
        carrying = [frame for frame in peer.heard if isinstance(frame, frames.Settled)]
        assert 4 < len(carrying) < 40


async def test_failures_that_are_too_large_together_travel_apart(hub: Open) -> None:
    async with hub.peer() as peer:
        await peer.greet()
        [channel] = hub.hub.services.channels.open
        failure = Failure("function_error", "It raised.", traceback="x" * (3 << 20))
        settlements = [Settlement(bytes([n]) * 22, InvocationState.FAILED, b"", failure) for n in range(10)]
        channel.send(frames.Settled(settlements))
        assert [item.id for item in await settled(peer, 10)] == [item.id for item in settlements]


async def test_refusals_that_are_more_than_a_message_holds_all_arrive(hub: Open, worker: Peer) -> None:
    async with hub.peer() as peer:
        await peer.greet()
        ids = [number.to_bytes(22, "big") for number in range(100_000)]  # all of them from 1970
        items = [frames.SubmitItem(each, payload.encode({"x": 1.0})) for each in ids]
        await peer.say(frames.Submit("admin/f", b"", CallOptions(), False, items))
        refused: list[bytes] = []
        while len(refused) < len(ids):
            refused += [item.id for item in (await peer.until(frames.RefusedItems)).items]
        assert refused == ids


async def test_goodbye_is_the_last_frame(hub: Open, worker: Peer) -> None:
    [channel] = hub.hub.services.channels.open
    channel.send(frames.Acknowledge([frames.AttemptKey(bytes(22), 1)]))
    channel.close("hub_unavailable", "The hub stops.")
    channel.send(frames.Drain("too late"))
    await worker.until(frames.Acknowledge)
    assert await worker.farewell() == ("hub_unavailable", 4400)


async def test_an_acknowledgement_travels_along_or_alone_after_a_moment(hub: Open, worker: Peer) -> None:
    [channel] = hub.hub.services.channels.open
    key = frames.AttemptKey(bytes(22), 1)
    channel.send(frames.Acknowledge([key]))
    channel.send(frames.Acknowledge([], [key]))
    both = await worker.until(frames.Acknowledge)
    assert (both.items, both.stale) == ([key], [key])


async def test_an_acknowledgement_shares_the_write_of_an_offer_and_the_next_one_still_arrives(
    hub: Open, worker: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    [channel] = hub.hub.services.channels.open
    await asyncio.sleep(0.01)  # it is quiet
    writes: list[int] = []
    monkeypatch.setattr(channel._socket, "send", _counting(channel._socket.send, writes))
    keys = [frames.AttemptKey(bytes([n]) * 22, 1) for n in range(3)]
    for key in keys:
        channel.send(frames.Acknowledge([key]))
        if key is keys[0]:
            channel.send(frames.Offer([frames.OfferItem(key.id, 1, 0, b"", 1, "")]))
    got: list[frames.AttemptKey] = []
    while len(got) < 3:
        got += (await worker.until(frames.Acknowledge)).items
    assert got == keys
    assert writes == [2, 1], "the offer with the first, and the others after a moment"


def _counting(send: Any, writes: list[int]) -> Any:
    def counting(messages: list[bytes]) -> None:
        writes.append(len(messages))
        send(messages)

    return counting


async def test_a_revoked_token_ends_its_lines_and_no_other(hub: Open, worker: Peer) -> None:
    accounts = hub.hub.services.accounts
    subject = await accounts.authenticate(hub.token)
    extra = await accounts.tokens.create(subject, label="extra")
    async with hub.peer(token=extra.token) as client, hub.peer(token=extra.token) as shy:
        await client.greet()
        while len(hub.hub.services.channels.open) < 2:
            await asyncio.sleep(0.001)
        await accounts.tokens.revoke(subject, extra.key)
        assert await client.farewell() == ("unauthenticated", 4401)
        with contextlib.suppress(ConnectionClosed):  # it may have been let in before, or not at all
            await shy.socket.send(shy.session.hello())
        assert await shy.farewell() == ("unauthenticated", 4401)
    await worker.say(frames.Heartbeat(5))
    await worker.until(frames.HeartbeatAck)


async def test_what_comes_behind_a_revocation_waits_until_it_is_known(
    hub: Open, worker: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = hub.hub.services.accounts
    subject = await accounts.authenticate(hub.token)
    extra = await accounts.tokens.create(subject, label="extra")
    async with hub.peer(token=extra.token) as client:
        await client.greet()
        await client.call()
        await offered(worker, 1)
        await client.until(frames.Settled)
        look = accounts.authenticate

        async def slowly(token: str) -> Any:
            await asyncio.sleep(0.3)
            return await look(token)

        monkeypatch.setattr(accounts, "authenticate", slowly)
        await accounts.tokens.revoke(subject, extra.key)
        await client.call()
        assert await client.farewell() == ("unauthenticated", 4401)
    await worker.say(frames.Heartbeat(5))
    heard = [await worker.hear()]
    while not isinstance(heard[-1], frames.HeartbeatAck):
        heard.append(await worker.hear())
    assert not [frame for frame in heard if isinstance(frame, frames.Offer)]


async def test_an_expired_token_ends_its_line(hub: Open) -> None:
    accounts = hub.hub.services.accounts
    subject = await accounts.authenticate(hub.token)
    brief = await accounts.tokens.create(subject, expires_at=time.time() + 0.3)
    async with hub.peer(token=brief.token) as client:
        await client.greet()
        assert await client.farewell() == ("unauthenticated", 4401)


async def test_a_disabled_account_is_cut_off(hub: Open) -> None:
    accounts = hub.hub.services.accounts
    subject = await accounts.authenticate(hub.token)
    _, token = await accounts.create(subject, "bob", "bob@example.org")
    async with hub.peer(token=token.token) as client:
        await client.greet()
        await accounts.set_disabled(subject, "bob", True)
        assert await client.farewell() == ("unauthenticated", 4401)


async def test_a_store_that_fails_asks_the_worker_to_come_back_later(
    hub: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(command: Any) -> None:
        raise StoreFailed("the disk is full")

    async with hub.peer("worker") as peer:
        await peer.greet()
        monkeypatch.setattr(hub.hub.store, "do", fails)
        await peer.say(frames.Register("w", 1, 1, {}, []))
        assert await peer.farewell() == ("hub_unavailable", 4400)
    assert hub.hub.services.workers.present() == []


async def test_thousands_of_calls_all_come_back(hub: Open, worker: Peer) -> None:
    async with hub.peer() as client:
        await client.greet()
        ids = await client.call(5000)
        working = asyncio.ensure_future(offered(worker, 5000))
        items = await settled(client, 5000)
        await working
        assert {item.id for item in items} == set(ids)
    dispatcher = hub.hub.services.dispatcher
    assert (len(dispatcher.core), len(dispatcher.callers)) == (0, 0)
