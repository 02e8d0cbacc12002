"""Lines to a peer that speaks the protocol over real sockets on this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from farcall.link import Address, Backoff, Link, LinkError, Refused, Unreachable, dial
from farcall.wire import frames
from farcall.wire.session import HubSession

pytestmark = pytest.mark.anyio
BOOT = bytes(16)
CONSTANTS: dict[str, Any] = {"hub": "h", "epoch": 1, "account": "alice"}
Story = Callable[[ServerConnection, HubSession], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def greet(socket: ServerConnection, session: HubSession) -> None:
    session.receive(await socket.recv(decode=False))
    await socket.send(session.encode(session.welcome(**CONSTANTS)))


@contextlib.asynccontextmanager
async def hub(story: Story, **options: Any) -> AsyncIterator[Address]:
    """A peer on a free port that treats every connection by `story`."""

    async def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        await story(socket, HubSession(socket.request.path.rpartition("/")[2]))  # type: ignore[arg-type]  # a role

    async with serve(handle, "127.0.0.1", 0, **options) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Address.parse(f"http://127.0.0.1:{port}")


class Notes:
    """A handler that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.changed = asyncio.Event()
        self.link: Link | None = None

    def _note(self, what: Any) -> None:
        self.heard.append(what)
        self.changed.set()

    def connected(self, welcome: frames.Welcome) -> None:
        self._note("connected")

    def received(self, frame: Any) -> None:
        self._note(frame)

    def disconnected(self, error: LinkError | None) -> None:
        self._note("disconnected")

    def failed(self, error: Unreachable, again_seconds: float) -> None:
        self._note("failed")

    async def until(self, what: Any, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.heard.count(what) < times:
                self.changed.clear()
                await self.changed.wait()


def link(address: Address, notes: Notes, **options: Any) -> Link:
    options.setdefault("backoff", Backoff(Random(1).random, first_seconds=0.01, most_seconds=0.05))
    notes.link = Link(address, "farcall_pat_x", "client", BOOT, "test", notes, **options)
    return notes.link


async def test_a_line_carries_the_token_and_the_constants() -> None:
    seen: list[str] = []

    async def story(socket: ServerConnection, session: HubSession) -> None:
        assert socket.request is not None
        seen.append(socket.request.headers["Authorization"])
        await greet(socket, session)
        await socket.wait_closed()

    async with hub(story) as address:
        line = await dial(address, "farcall_pat_x", "worker", BOOT, "test")
        assert line.welcome.account == "alice"
        await line.close()
        assert await line.closed is None
    assert seen == ["Bearer farcall_pat_x"]


async def test_nobody_at_the_address_gives_a_sentence_that_names_it() -> None:
    async with hub(greet) as address:
        pass
    with pytest.raises(Unreachable, match=r"No hub answers at http://127\.0\.0\.1:") as caught:
        await dial(address, "t", "client", BOOT, "test")
    assert caught.value.failure.code == "hub_unreachable"
    assert "farcall up" in caught.value.failure.hint


async def test_a_host_name_that_does_not_exist_gives_a_sentence() -> None:
    with pytest.raises(Unreachable, match=r"nowhere\.invalid"):
        await dial(Address.parse("http://nowhere.invalid:1"), "t", "client", BOOT, "test")


async def test_a_server_that_is_no_hub_gives_a_sentence() -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")
        writer.close()

    server = await asyncio.start_server(chatter, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match="is no hub"):
            await dial(Address.parse(f"http://127.0.0.1:{port}"), "t", "client", BOOT, "test")


async def test_a_hub_that_keeps_silent_is_given_up() -> None:
    async def story(socket: ServerConnection, session: HubSession) -> None:
        await socket.wait_closed()

    async with hub(story) as address:
        with pytest.raises(Unreachable, match="did not answer within"):
            await dial(address, "t", "client", BOOT, "test", timeout_seconds=0.2)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_handshake_ends_the_link(status: int) -> None:
    async with hub(greet, process_request=lambda socket, request: socket.respond(status, "no")) as address:
        with pytest.raises(Refused) as caught:
            await link(address, Notes(), first_patience_seconds=60).run()
    assert caught.value.failure.code == {401: "unauthenticated", 403: "permission_denied"}[status]


@pytest.mark.parametrize("code", ["unauthenticated", "unsupported_protocol", "permission_denied"])
async def test_a_goodbye_that_retrying_cannot_cure_ends_the_link(code: str) -> None:
    async def story(socket: ServerConnection, session: HubSession) -> None:
        await socket.send(session.encode(frames.Goodbye(code, "It is not to be.")))
        await socket.close(4400)

    async with hub(story) as address:
        with pytest.raises(Refused, match="It is not to be") as caught:
            await link(address, Notes(), first_patience_seconds=60).run()
    assert caught.value.failure.code == code


async def test_a_token_revoked_on_an_open_line_ends_the_link() -> None:
    async def story(socket: ServerConnection, session: HubSession) -> None:
        await greet(socket, session)
        await socket.close(4401, "The token was revoked.")

    notes = Notes()
    async with hub(story) as address:
        with pytest.raises(Refused, match="revoked"):
            await link(address, notes).run()
    assert notes.heard == ["connected", "disconnected"]


async def test_a_lost_line_is_dialled_again() -> None:
    connections = 0

    async def story(socket: ServerConnection, session: HubSession) -> None:
        nonlocal connections
        connections += 1
        await greet(socket, session)
        if connections < 3:
            socket.transport.abort()
        await socket.wait_closed()

    notes = Notes()
    async with hub(story) as address:
        running = asyncio.create_task(link(address, notes).run())
        await notes.until("connected", 3)
        assert notes.link is not None
        notes.link.close()
        await asyncio.wait_for(running, 5)
    assert notes.heard == ["connected", "disconnected"] * 3


async def test_the_link_waits_for_a_hub_that_comes_back_within_the_patience() -> None:
    notes = Notes()
    async with hub(_stay) as address:
        running = asyncio.create_task(link(address, notes).run())
        await notes.until("connected")
    await notes.until("failed", 2)

    async def handle(socket: ServerConnection) -> None:
        await _stay(socket, HubSession("client"))

    async with serve(handle, "127.0.0.1", address.port):
        await notes.until("connected", 2)
        assert notes.link is not None
        notes.link.close()
        await asyncio.wait_for(running, 5)


async def _stay(socket: ServerConnection, session: HubSession) -> None:
    await greet(socket, session)
    await socket.wait_closed()


async def test_patience_ends() -> None:
    notes = Notes()
    async with hub(_stay) as address:
        running = asyncio.create_task(link(address, notes, patience_seconds=0.1).run())
        await notes.until("connected")
    with pytest.raises(Unreachable):
        await asyncio.wait_for(running, 5)


async def test_without_first_patience_an_absent_hub_is_said_at_once() -> None:
    async with hub(_stay) as address:
        pass
    notes = Notes()
    with pytest.raises(Unreachable):
        await link(address, notes).run()
    assert notes.heard == []


async def test_a_close_while_dialling_ends_the_link_quietly() -> None:
    async def story(socket: ServerConnection, session: HubSession) -> None:
        await socket.wait_closed()

    notes = Notes()
    async with hub(story) as address:
        running = asyncio.create_task(link(address, notes).run())
        await asyncio.sleep(0.05)
        assert notes.link is not None
        notes.link.close()
        await asyncio.wait_for(running, 2)
    assert notes.heard == []


async def test_frames_of_one_turn_leave_as_one_batch_and_arrive_in_order() -> None:
    got: list[Any] = []
    done = asyncio.Event()

    async def story(socket: ServerConnection, session: HubSession) -> None:
        await greet(socket, session)
        async for data in socket:
            got.append(session.receive(data))  # type: ignore[arg-type]  # binary
            if isinstance(got[-1], frames.Resolve):
                done.set()

    notes = Notes()
    async with hub(story) as address:
        the_link = link(address, notes)
        running = asyncio.create_task(the_link.run())
        await notes.until("connected")
        for number in range(5):
            the_link.send(frames.Cancel([bytes([number]) * 22]))
        the_link.send(frames.Resolve(1, "alice/f"))
        await asyncio.wait_for(done.wait(), 5)
        the_link.close()
        await asyncio.wait_for(running, 5)
    assert [type(frame) for frame in got] == [frames.Cancel, frames.Resolve, frames.Goodbye]
    assert got[0].ids == [bytes([number]) * 22 for number in range(5)]


async def test_a_hub_that_breaks_the_protocol_is_left_with_a_reason() -> None:
    async def story(socket: ServerConnection, session: HubSession) -> None:
        await greet(socket, session)
        await socket.send(b"\xc1 this is no frame")
        await socket.wait_closed()

    async with hub(story) as address:
        with pytest.raises(Refused, match="broke the protocol"):
            await link(address, Notes()).run()


async def test_large_and_fragmented_messages_arrive_whole() -> None:
    big = frames.StreamItems(b"i" * 22, 1, 0, [bytes(range(256)) * 4096])

    async def story(socket: ServerConnection, session: HubSession) -> None:
        await greet(socket, session)
        data = session.encode(big)
        await socket.send(data)
        await socket.send([data[:1000], data[1000:500_000], data[500_000:]])
        await socket.wait_closed()

    notes = Notes()
    async with hub(story) as address:
        running = asyncio.create_task(link(address, notes).run())
        await notes.until(big, 2)
        assert notes.link is not None
        notes.link.close()
        await asyncio.wait_for(running, 5)


async def test_what_is_sent_while_disconnected_is_not_kept() -> None:
    notes = Notes()
    async with hub(_stay) as address:
        the_link = link(address, notes)
        the_link.send(frames.Cancel([b"i" * 22]))
        assert not the_link.connected
