"""The socket of one request, lent to whoever moves many bytes: past the parser's copies and the server's queues.

A request over TLS has none, nor has one on Windows, where a loop does not tell when a socket is ready; what they bring
and get goes through ASGI, as everything small does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SILENCE_SECONDS: Final = 120.0
"""So long a peer may send nothing of a body, or take nothing: one that lost its power never says so. Clients of ours
give up before.
"""

_EXTENSION: Final = "farcall.line"
_SWALLOWED_BYTES: Final = 64 * 1024 * 1024
_SWALLOWED_AT_ONCE_BYTES: Final = 256 * 1024


class Line:
    """Made with each request, and costs nothing until it is used. `begin_anew` gives the connection a new parser."""

    def __init__(self, protocol: HttpToolsProtocol, begin_anew: Callable[[], None]) -> None:
        self._protocol = protocol
        self._cycle = protocol.cycle
        self._begin_anew = begin_anew

    @contextlib.asynccontextmanager
    async def body(self, receive: Receive, size: int) -> AsyncIterator[Body]:
        """The body of `size` bytes that the request has announced, none of it received yet. Raises ClientDisconnect.

        Who leaves with an error has the rest thrown away, since a client that is still sending would not hear why.
        """
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await receive()  # which also tells a client to go on that asked whether it may
        except TimeoutError:
            raise ClientDisconnect from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        cycle, first = self._cycle, bytes(message["body"])
        if not cycle.more_body:
            yield Body(None, first + bytes(cycle.body), 0)
            return
        self._protocol.flow.pause_reading()
        first += bytes(cycle.body)
        cycle.body = bytearray()
        with _Lent(self._protocol) as lent:
            body = Body(lent, first, size - len(first))
            try:
                yield body
            except ClientDisconnect:
                raise
            except Exception:
                await body.swallow(_SWALLOWED_BYTES)
                raise
            finally:
                if body.left:
                    cycle.keep_alive = False  # the parser has lost its place
                else:
                    self._begin_anew()

    async def send(self, chunks: AsyncIterator[memoryview]) -> None:
        """The body of an answer whose head was given to the server; the end is the server's to send."""
        cycle, transport = self._cycle, self._protocol.transport
        if cycle.disconnected:
            return
        transport.set_write_buffer_limits(0)
        await self._protocol.flow.drain()  # what it holds goes first
        transport.set_write_buffer_limits()
        if cycle.disconnected:
            return
        with _Lent(self._protocol) as lent:
            async for chunk in chunks:
                try:
                    await lent.send(chunk)
                except OSError:
                    cycle.disconnected = True
                    transport.abort()
                    return
                cycle.expected_content_length -= len(chunk)


class Body:
    """What is there of it, and `left` bytes that are still to come."""

    def __init__(self, lent: _Lent | None, first: bytes, left: int) -> None:
        self._lent = lent
        self._first = memoryview(first)
        self.left = left

    async def fill(self, buffer: memoryview) -> int:
        """Put the next bytes at the buffer's beginning; returns how many, 0 at the end. Raises ClientDisconnect."""
        count = min(len(self._first), len(buffer))
        if count:
            buffer[:count] = self._first[:count]
            self._first = self._first[count:]
        elif self.left and self._lent is not None:
            count = await self._lent.receive(buffer[: self.left])
            self.left -= count
        return count

    async def swallow(self, limit_bytes: int) -> None:
        """Throw away what comes, unless it is more than that."""
        self._first = self._first[:0]
        if self.left <= limit_bytes:
            scratch = memoryview(bytearray(_SWALLOWED_AT_ONCE_BYTES))
            with contextlib.suppress(ClientDisconnect):
                while await self.fill(scratch):
                    pass


class _Lent:
    """A second descriptor of a connection's socket, of which the server's transport knows nothing."""

    def __init__(self, protocol: HttpToolsProtocol) -> None:
        self._loop = protocol.loop
        self._socket = socket.socket(fileno=os.dup(protocol.transport.get_extra_info("socket").fileno()))
        self._socket.setblocking(False)

    def __enter__(self) -> _Lent:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    async def receive(self, buffer: memoryview) -> int:
        """At least one byte; raises ClientDisconnect."""
        while True:
            try:
                count = self._socket.recv_into(buffer)
            except BlockingIOError:
                try:
                    await self._ready(self._loop.add_reader, self._loop.remove_reader)
                except TimeoutError:
                    raise ClientDisconnect from None
            except OSError:
                raise ClientDisconnect from None
            else:
                if not count:
                    raise ClientDisconnect
                return count

    async def send(self, data: memoryview) -> None:
        """All of it; raises OSError."""
        while data:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                await self._ready(self._loop.add_writer, self._loop.remove_writer)

    async def _ready(self, add: Callable[..., Any], remove: Callable[..., Any]) -> None:
        """Wait; raises TimeoutError, an OSError, after SILENCE_SECONDS."""
        ready = self._loop.create_future()
        add(self._socket, _tell, ready)
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await ready
        finally:
            remove(self._socket)


def _tell(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def in_time(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What comes through the server; raises ClientDisconnect when nothing does for long."""
    while True:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise ClientDisconnect from None
        if chunk is None:
            return
        yield chunk


def lend(protocol: HttpToolsProtocol, begin_anew: Callable[[], None]) -> None:
    """Let the request that the protocol has just begun have its line, if there can be one."""
    if protocol.scheme == "http" and sys.platform != "win32":
        protocol.scope["extensions"] = {_EXTENSION: Line(protocol, begin_anew)}  # type: ignore[dict-item]  # not ASGI's


def line_of(scope: Scope) -> Line | None:
    """The request's line; None if it has to go without."""
    line = scope.get("extensions", {}).get(_EXTENSION)
    return line if isinstance(line, Line) else None
