"""Reading that is lent to threads: every byte arrives once and in order, whoever reads; over real sockets, in a loop of
either kind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import msgspec
import pytest

from farcall.link import Line, dial, lending
from farcall.link.lending import Lending
from farcall.wire import frames
from farcall.wire.shortcut import message

from .test_link import BOOT, greet, hub

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[{"use_uvloop": True}, {"use_uvloop": False}], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    if request.param["use_uvloop"]:
        pytest.importorskip("uvloop")
    return "asyncio", request.param


class Near(asyncio.Protocol):
    """This end: what came is noted with who read it."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.lost = asyncio.Event()
        self.lending: Lending

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.own: socket.socket = transport.get_extra_info("socket").dup()
        self.lending = Lending(asyncio.get_running_loop(), transport, self.own, self.data_received)

    def data_received(self, data: bytes) -> None:
        self.heard.append(("loop", data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lending.end()
        self.lost.set()

    def takes(self, data: bytes) -> bool:
        self.heard.append(("thread", data))
        return True

    async def until(self, *heard: tuple[str, bytes]) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < len(heard):
                await asyncio.sleep(0.002)
        assert self.heard == list(heard)

    async def read(self, wants: Callable[[bytes], bool] | None = None) -> bool:
        return await asyncio.to_thread(self.lending.read, wants or self.takes)

    async def until_taken(self) -> None:
        async with asyncio.timeout(10):
            while self.lending._by is not lending._By.THREAD:
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[tuple[Near, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with far:
        transport, protocol = await asyncio.get_running_loop().create_connection(Near, sock=near)
        yield protocol, far
        transport.abort()
        await asyncio.wait_for(protocol.lost.wait(), 10)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes back because of the time that passed."""
    monkeypatch.setattr(lending, "READ_SECONDS", 60.0)
    monkeypatch.setattr(lending, "LOOK_SECONDS", 60.0)


async def test_what_a_thread_waits_for_does_not_meet_the_loop(patient: None) -> None:
    async with pair() as (near, far):
        near.lending.lend()
        for word in (b"one", b"two", b"three"):
            reading = asyncio.create_task(near.read())
            await near.until_taken()
            far.send(word)
            assert await reading
        assert near.heard == [("thread", b"one"), ("thread", b"two"), ("thread", b"three")]


async def test_nobody_reads_what_was_not_lent(patient: None) -> None:
    async with pair() as (near, far):
        assert not await near.read()
        far.send(b"one")
        await near.until(("loop", b"one"))


async def test_what_a_thread_does_not_want_goes_to_the_loop_and_the_reading_with_it(patient: None) -> None:
    async with pair() as (near, far):
        near.lending.lend()
        far.send(b"one")
        assert not await near.read(lambda data: False)
        far.send(b"two")
        await near.until(("loop", b"one"), ("loop", b"two"))
        assert not await near.read()


async def test_one_thread_reads_at_a_time(patient: None) -> None:
    async with pair() as (near, far):
        near.lending.lend()
        reading = asyncio.create_task(near.read())
        await near.until_taken()
        assert not await near.read()
        far.send(b"one")
        assert await reading


async def test_who_waits_too_long_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "LOOK_SECONDS", 60.0)
    async with pair() as (near, far):
        near.lending.lend()
        began = time.monotonic()
        assert not await near.read()
        assert time.monotonic() - began < 5
        far.send(b"one")
        await near.until(("loop", b"one"))


async def test_the_loop_takes_it_back_when_nobody_reads_for_a_while() -> None:
    async with pair() as (near, far):
        for word in (b"one", b"two"):
            near.heard.clear()
            near.lending.lend()
            far.send(word)
            await near.until(("loop", word))
            assert not await near.read()


async def test_it_stays_lent_while_somebody_reads_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "LOOK_SECONDS", 0.2)
    async with pair() as (near, far):
        near.lending.lend()
        for _ in range(30):
            far.send(b"x")
            assert await near.read()
            await asyncio.sleep(0.02)


async def test_the_loop_can_take_it_back_at_once(patient: None) -> None:
    async with pair() as (near, far):
        near.lending.lend()
        near.lending.take_back()
        far.send(b"one")
        await near.until(("loop", b"one"))
        near.lending.lend()
        await asyncio.to_thread(near.lending.ask_back)
        far.send(b"two")
        await near.until(("loop", b"one"), ("loop", b"two"))


async def test_what_is_asked_back_while_it_is_read_comes_back_after_that(patient: None) -> None:
    async with pair() as (near, far):
        near.lending.lend()
        reading = asyncio.create_task(near.read())
        await near.until_taken()
        near.lending.take_back()
        far.send(b"one")
        assert await reading
        far.send(b"two")
        await near.until(("thread", b"one"), ("loop", b"two"))
        assert not await near.read()


async def test_the_end_of_the_connection_is_the_loop_s_to_notice(patient: None) -> None:
    async with pair() as (near, far):
        near.lending.lend()
        far.send(b"one")
        far.close()
        assert await near.read()
        assert not await near.read()
        async with asyncio.timeout(10):
            await near.lost.wait()
        assert near.heard == [("thread", b"one")]
        assert near.own.fileno() == -1


async def test_who_reads_when_the_connection_ends_closes_the_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "READ_SECONDS", 0.2)
    async with pair() as (near, _):
        near.lending.lend()
        reading = asyncio.create_task(near.read())
        await near.until_taken()
        near.transport.close()
        await near.lost.wait()
        assert near.own.fileno() != -1, "its number could be given to another while it is read"
        assert not await reading
        assert near.own.fileno() == -1


class Struck:
    """The socket, with an interrupt behind its `recv`."""

    def __init__(self, below: socket.socket) -> None:
        self._below = below

    def recv(self, size: int) -> bytes:
        self._below.recv(size)
        raise KeyboardInterrupt

    def close(self) -> None:
        self._below.close()


@pytest.mark.parametrize("where", ["while reading", "while dealing with it", "while handing over", "after that"])
async def test_an_interrupt_drops_the_connection_rather_than_lose_a_byte(patient: None, where: str) -> None:
    async with pair() as (near, far):
        near.lending.lend()
        own: Any = near.lending
        wanted = False

        def struck(*_: Any) -> Any:
            raise KeyboardInterrupt

        if where == "while reading":
            own._socket = Struck(near.own)
        elif where == "while handing over":
            own._soon, behind = lambda what: behind(what) if what == near.transport.abort else struck(), own._soon
        elif where == "after that":
            own._let_go, behind = lambda *gone: (behind(*gone), struck()), own._let_go
            wanted = True
        far.send(b"one")
        with pytest.raises(KeyboardInterrupt):
            near.lending.read(struck if where == "while dealing with it" else lambda data: wanted)
        if where == "after that":
            far.send(b"two")
            del own._let_go
            assert await near.read(), "it was dealt with: nothing is lost, and the connection stays"
            return
        async with asyncio.timeout(10):
            await near.lost.wait()
        assert near.heard == []
        assert near.own.fileno() == -1


async def test_a_handler_that_reads_in_the_middle_of_reading_has_the_connection_dropped(patient: None) -> None:
    """It would wait for what only the thread below it could read."""
    async with pair() as (near, far):
        near.lending.lend()
        far.send(b"one")
        inner: list[bool] = []

        def interrupted(data: bytes) -> bool:
            inner.append(near.lending.read(near.takes))
            return False

        assert not await near.read(interrupted)
        assert inner == [False]
        async with asyncio.timeout(10):
            await near.lost.wait()


async def test_a_reader_that_vanished_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One interrupt more, in the middle of dropping the connection."""
    monkeypatch.setattr(lending, "LOOK_SECONDS", 0.001)
    async with pair() as (near, _):
        near.lending.lend()
        near.lending._by = lending._By.THREAD
        async with asyncio.timeout(10):
            await near.lost.wait()
        near.own.close()


async def test_every_byte_arrives_once_and_in_order_whoever_reads() -> None:
    random = Random(5)
    async with pair() as (near, far):
        done = threading.Event()
        data = random.randbytes(300_000)

        def send() -> None:
            place = 0
            while place < len(data):
                place += far.send(data[place : place + random.choice([1, 3, 50, 700, 20_000])])
                if random.random() < 0.5:
                    time.sleep(random.random() * 0.002)

        def read(random: Random) -> None:
            def wants(data: bytes) -> bool:
                return random.random() < 0.8 and near.takes(data)

            while not done.is_set():
                if not near.lending.read(wants):
                    time.sleep(0.0005)

        reading = [asyncio.create_task(asyncio.to_thread(read, Random(seed))) for seed in (1, 2, 3)]
        sending = asyncio.create_task(asyncio.to_thread(send))
        try:
            async with asyncio.timeout(20):
                while not sending.done() or sum(len(piece) for _, piece in near.heard) < len(data):
                    await asyncio.sleep(random.random() * 0.002)
                    if random.random() < 0.7:
                        near.lending.lend()
                    elif random.random() < 0.3:
                        near.lending.take_back()
        finally:
            done.set()
            await asyncio.gather(*reading, sending)
        assert b"".join(piece for _, piece in near.heard) == data
        assert {who for who, _ in near.heard} == {"loop", "thread"}


# -- a line ------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def line_to(pieces: asyncio.Queue[bytes]) -> AsyncIterator[tuple[Line, list[tuple[bool, Any]]]]:
    """A line to a peer that sends these bytes, as they are cut; and what is heard, with whether a thread read it."""

    async def story(socket: Any, session: Any) -> None:
        await greet(socket, session)
        while piece := await pieces.get():
            socket.transport.write(piece)
            await asyncio.sleep(0)

    async with hub(story) as address:
        line = await dial(address, "farcall_pat_x", "client", BOOT, "test")
        heard: list[tuple[bool, Any]] = []
        line.listen(lambda frame: heard.append((False, frame)))
        try:
            yield line, heard
        finally:
            line.abort()
            pieces.put_nowait(b"")  # the end of the story


def encoded(frame: frames.Frame) -> bytes:
    return msgspec.msgpack.encode(frame)


def fragments(data: bytes) -> bytes:
    """The same message, in two parts with a ping between them."""
    half = len(data) // 2
    first, second = data[:half], data[half:]
    assert len(second) < 126
    return bytes([0x02, len(first)]) + first + bytes([0x89, 1]) + b"p" + bytes([0x80, len(second)]) + second


@pytest.mark.parametrize("seed", range(12))
async def test_frames_however_cut_and_whoever_reads_are_those_that_were_sent(seed: int) -> None:
    random = Random(seed)
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    names = [["n" * random.choice([1, 10, 200]), str(number)] for number in range(120)]
    names[60] = ["n" * 70_000]  # takes the long way
    names[90] = ["n" * 20_000]  # more than a thread reads at once
    sent = [frames.Changed(name) for name in names]
    data = [(fragments if len(encoded(f)) < 200 and random.random() < 0.1 else message)(encoded(f)) for f in sent]
    async with line_to(pieces) as (line, heard):
        done = threading.Event()

        def read(random: Random) -> None:
            def wants(frame: Any) -> bool:
                if random.random() < 0.2:
                    return False
                heard.append((True, frame))
                return True

            while not done.is_set():
                if not line.read_now(wants):
                    time.sleep(0.0005)

        async def send() -> None:
            stream = b""
            for frame in data:
                stream += frame
                cut = len(stream) if random.random() < 0.8 else random.randrange(1, len(stream))
                pieces.put_nowait(stream[:cut])
                stream = stream[cut:]
                await asyncio.sleep(random.random() * 0.002)
            if stream:
                pieces.put_nowait(stream)

        reading = [asyncio.create_task(asyncio.to_thread(read, Random(n))) for n in (1, 2)]
        sending = asyncio.create_task(send())
        try:
            async with asyncio.timeout(20):
                while len(heard) < len(sent):
                    line.lend(lambda: random.random() < 0.1)
                    if random.random() < 0.1:
                        line.ask_back()
                    await asyncio.sleep(random.random() * 0.003)
        finally:
            done.set()
            await asyncio.gather(*reading, sending)
        assert [frame for _, frame in heard] == sent
        assert {thread for thread, _ in heard} == {True, False}


async def heard_of(pieces: asyncio.Queue[bytes], heard: list[Any], data: bytes, count: int = 1) -> None:
    pieces.put_nowait(data)
    async with asyncio.timeout(10):
        while len(heard) < count:
            await asyncio.sleep(0.002)


async def test_reading_is_not_lent_over_the_head_of_somebody_who_waits_already(patient: None) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    async with line_to(pieces) as (line, heard):
        line.lend(lambda: True)
        await heard_of(pieces, heard, message(encoded(frames.Changed(["a"]))))
        await heard_of(pieces, heard, message(encoded(frames.Changed(["b"]))), 2)


async def test_reading_is_not_lent_in_the_middle_of_a_frame(patient: None) -> None:
    """Its rest may look like a frame."""
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    false = message(encoded(frames.Changed(["false"])))
    sent = frames.StreamItems(bytes(22), 1, 0, [b"x" * 200 + false])
    data = message(encoded(sent))
    assert data.endswith(false)
    async with line_to(pieces) as (line, heard):
        line.lend(lambda: False)
        await heard_of(pieces, heard, message(encoded(frames.Changed(["a"]))) + data[: -len(false)])
        pieces.put_nowait(false)
        assert not await asyncio.to_thread(line.read_now, lambda frame: True)
        async with asyncio.timeout(10):
            while len(heard) < 2:
                await asyncio.sleep(0.002)
        assert heard[1] == (False, sent)


async def test_what_breaks_the_protocol_is_judged_by_the_loop_whoever_read_it() -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    async with line_to(pieces) as (line, heard):
        line.lend(lambda: False)
        await heard_of(pieces, heard, message(encoded(frames.Changed(["a"]))))
        pieces.put_nowait(message(b"\xc1 no frame"))
        assert not await asyncio.to_thread(line.read_now, lambda frame: True)
        async with asyncio.timeout(10):
            error = await line.closed
        assert error is not None
        assert error.failure.code == "invalid_request"


async def test_a_goodbye_is_heard_by_the_loop_whoever_read_it() -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    async with line_to(pieces) as (line, heard):
        line.lend(lambda: False)
        await heard_of(pieces, heard, message(encoded(frames.Changed(["a"]))))
        pieces.put_nowait(message(encoded(frames.Goodbye("unauthenticated", "The token was revoked."))))
        assert not await asyncio.to_thread(line.read_now, lambda frame: True)
        async with asyncio.timeout(10):
            error = await line.closed
        assert error is not None
        assert error.failure.code == "unauthenticated"


async def test_what_the_loop_sends_takes_the_reading_back_for_the_answer(patient: None) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    async with line_to(pieces) as (line, heard):
        line.lend(lambda: False)
        await heard_of(pieces, heard, message(encoded(frames.Changed(["a"]))))
        line.send(frames.Resolve(1, "x"))
        line.flush()
        await heard_of(pieces, heard, message(encoded(frames.Changed(["b"]))), 2)
