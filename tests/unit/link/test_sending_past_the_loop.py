"""A thread that sends for itself: whole frames, in order, or none; over real sockets, in a loop of either kind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from farcall.link import Line, dial
from farcall.wire import frames

from .test_link import BOOT, greet, hub

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[{"use_uvloop": True}, {"use_uvloop": False}], ids=["uvloop", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    if request.param["use_uvloop"]:
        pytest.importorskip("uvloop")
    return "asyncio", request.param


class Reading:
    """A peer that notes the frames it is sent; `gate` lets it read."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.seen: list[Any] = []
        self.ended = asyncio.Event()

    async def story(self, socket: Any, session: Any) -> None:
        await greet(socket, session)
        with contextlib.suppress(Exception):
            async for message in socket:
                await self.gate.wait()
                self.seen.append(session.receive(message))
        self.ended.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.seen) < count:
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def line_to(reading: Reading) -> AsyncIterator[Line]:
    async with hub(reading.story, max_queue=1) as address:
        line = await dial(address, "farcall_pat_x", "client", BOOT, "test")
        yield line
        line.abort()


def asking(number: int, size: int = 0) -> frames.Resolve:
    return frames.Resolve(number, "x" * size)


class Odd:
    """The socket below, with a `send` of its own."""

    def __init__(self, below: Any, send: Callable[[Any, bytes], int]) -> None:
        self._below = below
        self._send = send

    def send(self, data: bytes) -> int:
        return self._send(self._below, data)

    def close(self) -> None:
        self._below.close()


def be_odd(line: Line, send: Callable[[Any, bytes], int]) -> None:
    connection = line._connection
    connection._socket = Odd(connection._socket, send)  # type: ignore[assignment]


async def test_frames_of_many_threads_and_of_the_loop_arrive_whole_and_each_thread_s_in_order() -> None:
    reading = Reading()
    async with line_to(reading) as line:

        def work(first: int) -> None:
            for number in range(first, first + 300):
                if not line.send_now(asking(number, number % 700)):
                    asyncio.run_coroutine_threadsafe(send(asking(number, number % 700)), loop).result(20)

        async def send(frame: Any) -> None:
            line.send(frame)
            line.flush()

        loop = asyncio.get_running_loop()
        working = [asyncio.create_task(asyncio.to_thread(work, first)) for first in (1000, 2000, 3000)]
        for number in range(300):
            line.send(asking(number, 100_000 if number % 50 == 0 else 10))
            await asyncio.sleep(0)
        await asyncio.gather(*working)
        await reading.until(1200)
        for first in (0, 1000, 2000, 3000):
            numbers = [frame.seq for frame in reading.seen if first <= frame.seq < first + 1000]
            assert numbers == list(range(first, first + 300))


async def test_a_frame_that_leaves_in_part_is_finished_before_anything_else_is_said() -> None:
    reading = Reading()
    async with line_to(reading) as line:
        be_odd(line, lambda below, data: below.send(data[:5]))
        assert line.send_now(asking(1, 50))
        assert not line.send_now(asking(9)), "the rest of the first is on its way"
        line.send(asking(2))
        await reading.until(2)
        assert [(frame.seq, len(frame.name)) for frame in reading.seen] == [(1, 50), (2, 0)]


async def test_nothing_is_sent_past_what_the_peer_has_not_taken() -> None:
    reading = Reading()
    async with line_to(reading) as line:
        reading.gate.clear()
        count = 0
        while line.send_now(asking(count, 60_000)):
            count += 1
            assert count < 10_000
        line.send(asking(count))
        line.flush()
        assert not line.send_now(asking(-1))
        reading.gate.set()
        await reading.until(count + 1)
        assert [frame.seq for frame in reading.seen] == list(range(count + 1))
        assert line.send_now(asking(count + 1))
        await reading.until(count + 2)


async def test_an_interrupt_in_the_middle_drops_the_line_rather_than_leave_half_a_frame() -> None:
    reading = Reading()
    async with line_to(reading) as line:

        def interrupted(below: Any, data: bytes) -> int:
            below.send(data[:5])
            raise KeyboardInterrupt

        be_odd(line, interrupted)
        with pytest.raises(KeyboardInterrupt):
            line.send_now(asking(1))
        async with asyncio.timeout(10):
            await line.closed
            await reading.ended.wait()
        assert reading.seen == []
        assert not line.send_now(asking(2))


async def test_an_alarm_that_raises_an_error_of_the_system_s_kind_drops_the_line_too() -> None:
    reading = Reading()
    async with line_to(reading) as line:

        def struck(below: Any, data: bytes) -> int:
            below.send(data[:5])
            raise TimeoutError("it is late")

        be_odd(line, struck)
        with pytest.raises(TimeoutError, match="it is late"):
            line.send_now(asking(1))
        async with asyncio.timeout(10):
            await line.closed


async def test_after_the_end_nothing_is_sent_and_no_handle_is_left_open() -> None:
    reading = Reading()
    async with line_to(reading) as line:
        own = line._connection._socket
        assert own is not None
        assert line.send_now(asking(1))
        await line.close()
        assert not line.send_now(asking(2))
        assert own.fileno() == -1
        await reading.until(2)
        assert type(reading.seen[1]) is frames.Goodbye


async def test_what_has_to_be_encrypted_goes_through_the_loop() -> None:
    """The socket below TLS takes bytes as they are: nothing may be written there."""
    reading = Reading()
    async with line_to(reading) as line:
        connection = line._connection
        taken = threading.Event()

        class Encrypted:
            def get_extra_info(self, name: str) -> Any:
                taken.set()
                return {"sslcontext": object(), "socket": connection._socket}.get(name)

            def set_write_buffer_limits(self, *args: Any) -> None: ...
            def pause_reading(self) -> None: ...
            def resume_reading(self) -> None: ...

        other = type(connection)(type(connection.protocol)(connection.protocol.uri))  # type: ignore[attr-defined]
        other.connection_made(Encrypted())  # type: ignore[arg-type]
        assert taken.is_set()
        assert other._socket is None
