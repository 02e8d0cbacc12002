"""The items of a generator that runs elsewhere, in order, each once, and no faster than they are taken."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from farcall.client.errors import FarcallError, from_failure
from farcall.domain.errors import Failure
from farcall.domain.ids import to_text
from farcall.payload import MalformedPayload
from farcall.wire import frames

if TYPE_CHECKING:
    from farcall.client.invocation import Invocation

_ACKNOWLEDGE_EVERY = 8


class Stream:
    """The items, for `for` and `async for`. `close` stops the generator, and so does dropping an `owned` one."""

    def __init__(self, items: Items, *, owned: bool = False) -> None:
        self._items = items
        self._owned = owned

    @property
    def invocation(self) -> Invocation:
        """The call behind it."""
        return self._items.invocation

    def __repr__(self) -> str:
        return f"<Stream of {self.invocation!r}, {self._items.taken} taken>"

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        data = self._items.wait()
        if data is None:
            self._items.finish()
            raise StopIteration
        return self._items.take(data)

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Any:
        data = await self._items.wait_async()
        if data is None:
            self._items.finish()
            raise StopAsyncIteration
        return self._items.take(data)

    def close(self) -> None:
        """Stop the generator, unless it has ended."""
        self._items.invocation.cancel()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_owned", False):
            self._items.invocation.cancel()


class Items:
    """What has arrived and was not taken yet. Belongs to the invocation; filled in the channel's thread."""

    def __init__(self, invocation: Invocation, read: Callable[[bytes], Any]) -> None:
        self.invocation = invocation
        self._read = read
        self._condition = threading.Condition()
        self._buffer: deque[bytes] = deque()
        self._fence = 0
        self._next = 0  # the number of the item that must come next
        self._taken = 0
        self._acknowledged = 0
        self._ended = False
        self._wakers: list[Callable[[], None]] = []
        invocation.add_done_callback(lambda _: self._end())

    @property
    def taken(self) -> int:
        """How many the caller has taken."""
        return self._taken

    def wait(self) -> bytes | None:
        """The next item, or None at the end."""
        with self._condition:
            while not self._buffer and not self._ended:
                self._condition.wait()
            return self._buffer.popleft() if self._buffer else None

    async def wait_async(self) -> bytes | None:
        """The same, without blocking the loop."""
        while True:
            with self._condition:
                if self._buffer:
                    return self._buffer.popleft()
                if self._ended:
                    return None
                waiter = self._waker()
            await waiter

    def take(self, data: bytes) -> Any:
        """The item's value; the worker hears, now and then, how far the caller is."""
        self._taken += 1
        if not self._buffer or self._taken - self._acknowledged >= _ACKNOWLEDGE_EVERY:
            self._acknowledged = self._taken
            self._send(frames.StreamAck(self.invocation._identifier, self._fence, self._taken - 1))
        try:
            return self._read(data)
        except MalformedPayload as error:
            self.invocation.cancel()
            raise self._error("bad_result", f"Item {self._taken - 1} of the stream cannot be read: {error}.") from None

    def finish(self) -> None:
        """The end was reached: raise what the generator raised, or what is missing."""
        total = self.invocation.result()
        if isinstance(total, int) and total != self._taken:
            raise self._error("stream_broken", f"The stream had {total} items, and {self._taken} of them arrived.")

    def _error(self, code: str, message: str) -> FarcallError:
        return from_failure(Failure(code, message), self.invocation.function, to_text(self.invocation._identifier))

    def _waker(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(lambda: None if waiter.done() else waiter.set_result(None))
            except RuntimeError:
                pass  # that loop is closed: nobody waits there any more

        self._wakers.append(wake)
        return waiter

    def _send(self, frame: frames.StreamAck) -> None:
        self.invocation._channel.send(frame)

    # -- by the channel, in its thread ---------------------------------------------------------------------------------

    def arrived(self, frame: frames.StreamItems) -> None:
        """Keep what is new; ask again for what is missing."""
        with self._condition:
            if frame.fence < self._fence:
                return
            self._fence = frame.fence
            missing = frame.first_seq > self._next
            if not missing:
                fresh = frame.items[self._next - frame.first_seq :]
                self._next += len(fresh)
                self._buffer.extend(fresh)
                self._wake()
        if missing:
            for again in self.resume():
                self._send(again)

    def resume(self) -> list[frames.StreamAck]:
        """What makes the worker go on after the last item that is here: the second of two that are alike does not
        advance, which means: send again what follows.
        """
        return [frames.StreamAck(self.invocation._identifier, 0, self._next - 1)] * 2

    def _end(self) -> None:
        with self._condition:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        self._condition.notify_all()
        wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()
