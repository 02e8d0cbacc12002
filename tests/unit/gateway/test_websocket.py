"""The protocol below the frames, over a real socket."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from farcall.gateway.websocket import WebSocket
from farcall.wire import frames

from .lines import Open, open_hub

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Open]:
    async with open_hub(tmp_path) as made:
        yield made


async def test_there_is_nothing_at_another_path(hub: Open) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{hub.url}/v1/connect/nobody", additional_headers={"Authorization": f"Bearer {hub.token}"})
    assert caught.value.response.status_code == 404


@pytest.mark.parametrize("token", ["", "farcall_pat_wrong", "x" * 5000])
async def test_without_a_good_token_there_is_a_goodbye_and_a_close(hub: Open, token: str) -> None:
    async with hub.peer(token=token) as peer:
        assert await peer.farewell() == ("unauthenticated", 4401)


async def test_a_message_in_fragments_is_one_message(hub: Open) -> None:
    async with hub.peer() as peer:
        hello = peer.session.hello()
        await peer.socket.send([hello[:1], hello[1:5], hello[5:]])
        await peer.until(frames.Welcome)


class Door:
    """Lets one connection in, and listens to nothing."""

    def __init__(self) -> None:
        self.socket: WebSocket | None = None

    def listener(self, path: str, token: str, socket: WebSocket) -> Door:
        self.socket = socket
        return self

    def message(self, data: bytes) -> None: ...
    def text(self) -> None: ...
    def closed(self) -> None: ...


async def test_messages_arrive_whole_and_in_order_at_a_peer_that_is_slow_to_read() -> None:
    door = Door()
    state = SimpleNamespace(connections=set())
    server = await asyncio.get_running_loop().create_server(lambda: WebSocket(door, 1 << 20, state), "127.0.0.1", 0)
    async with server, connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", max_queue=1) as peer:
        assert door.socket is not None
        sent = [n.to_bytes(4, "big") * (1 + n * 7919 % 3000) for n in range(4_000)]
        for n, data in enumerate(sent):
            door.socket.send([data])
            if n % 100 == 0:
                await asyncio.sleep(0)
        door.socket.send([b"a", b"b"])
        assert [await peer.recv() for _ in range(len(sent) + 2)] == [*sent, b"a", b"b"]


async def test_a_text_message_is_answered_with_a_reason(hub: Open) -> None:
    async with hub.peer() as peer:
        await peer.greet()
        await peer.socket.send("hello")
        assert await peer.farewell() == ("invalid_request", 4400)


async def test_a_text_in_fragments_closes_too(hub: Open) -> None:
    async with hub.peer() as peer:
        await peer.greet()
        await peer.socket.send(["he", "llo"])
        assert await peer.farewell() == ("invalid_request", 4400)


async def test_a_frame_over_the_limit_is_refused_in_words(hub: Open) -> None:
    async with hub.peer() as peer:
        await peer.greet()
        await peer.socket.send(bytes(frames.FRAME_LIMIT_BYTES + 1))
        assert await peer.farewell() == ("too_large", 4400)


@pytest.mark.parametrize("pieces", [1, 40])
async def test_a_message_far_over_the_limit_ends_the_line_and_no_other(hub: Open, pieces: int) -> None:
    async with hub.peer() as other, hub.peer() as peer:
        await other.greet()
        await peer.greet()
        size = (frames.FRAME_LIMIT_BYTES + (4 << 20)) // pieces
        sending = asyncio.ensure_future(peer.socket.send([bytes(size)] * pieces if pieces > 1 else bytes(size)))
        assert await peer.hear() in (1009, None)
        await asyncio.gather(sending, return_exceptions=True)
        await other.say(frames.Resolve(1, "admin/none"))
        assert (await other.until(frames.Resolved)).failure is not None


async def test_a_ping_is_answered(hub: Open) -> None:
    async with hub.peer() as peer:
        await (await peer.socket.ping(b"1"))
        await peer.greet()


async def test_a_close_is_answered_and_the_channel_forgotten(hub: Open) -> None:
    async with hub.peer() as peer:
        await peer.greet()
        assert len(hub.hub.services.channels.open) == 1
        await peer.socket.close(1000)
        assert peer.socket.protocol.close_rcvd is not None
    while hub.hub.services.channels.open:
        await asyncio.sleep(0)


async def test_a_line_that_is_cut_is_forgotten(hub: Open) -> None:
    async with hub.peer() as peer:
        await peer.greet()
        peer.socket.transport.abort()
        while hub.hub.services.channels.open:
            await asyncio.sleep(0.001)


async def test_a_peer_that_breaks_the_protocol_is_cut_off(hub: Open) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(handshake(hub))
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\xff\xff\xff")  # reserved bits, unknown opcode
    async with asyncio.timeout(5):
        rest = await reader.read()
    assert rest[:1] == b"\x88"
    writer.close()


async def test_a_peer_that_never_answers_the_close_is_cut_off(hub: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farcall.gateway.websocket._CLOSE_SECONDS", 0.02)
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(handshake(hub, token="wrong"))
    await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(5):
        try:
            rest = await reader.read()
        except ConnectionResetError:
            rest = b""
    assert rest == b"" or b"unauthenticated" in rest
    writer.close()


async def test_a_silent_peer_is_pinged_and_then_given_up(hub: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farcall.gateway.websocket._PING_SECONDS", 0.02)
    monkeypatch.setattr("farcall.gateway.websocket._SILENCE_SECONDS", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(handshake(hub))
    await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(5):
        try:
            rest = await reader.read()
        except ConnectionResetError:
            rest = b"\x89\x00"
    assert rest.startswith(b"\x89\x00")
    writer.close()


async def test_who_takes_nothing_is_cut_off_before_the_hub_has_no_memory_left(
    hub: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farcall.gateway.websocket._BACKLOG_LIMIT_BYTES", 1 << 20)
    async with hub.peer() as peer:
        await peer.greet()
        peer.socket.transport.pause_reading()
        [channel] = hub.hub.services.channels.open
        for _ in range(64):
            channel.send(frames.StreamItems(bytes(22), 1, 0, [bytes(1 << 18)]))
            await asyncio.sleep(0)
        while hub.hub.services.channels.open:
            await asyncio.sleep(0.001)
        peer.socket.transport.abort()


def handshake(hub: Open, token: str | None = None) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /v1/connect/client HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token or hub.token}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("trusted", "seen"), [("", "127.0.0.1"), ("127.0.0.1", "192.0.2.9"), ("192.0.2.1", "127.0.0.1")]
)
async def test_a_channel_comes_from_where_a_trusted_proxy_says(tmp_path: Path, trusted: str, seen: str) -> None:
    async with open_hub(tmp_path, trusted_proxies=trusted) as hub:
        peer = hub.peer("worker")
        peer.headers["X-Forwarded-For"] = "198.51.100.7, 192.0.2.9"
        async with peer:
            await peer.serve()
        admin = {"Authorization": f"Bearer {hub.token}"}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=hub.hub.app), base_url="http://hub") as http:
            answer = await http.get("/v1/audit", params={"what": "function.publish"}, headers=admin)
        assert [entry["origin"] for entry in answer.json()["items"]] == [seen]
