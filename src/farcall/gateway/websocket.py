"""WebSockets without a task or a queue between the socket and whoever listens.

Uvicorn hands an upgraded connection to `WebSocket`; the protocol itself is `websockets`' sans-I/O one. ASGI would wake
a task for every message in and out, which the hot path cannot afford; what is small does not even meet the protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from farcall.wire.shortcut import Shortcut, message

_PING_SECONDS = 20.0
_SILENCE_SECONDS = 60.0
_CLOSE_SECONDS = 5.0
_FEW = 2  # messages that leave at once: one that somebody waits for, and what goes with it
_BACKLOG_LIMIT_BYTES = 256 * 1024 * 1024


class Listener(Protocol):
    """Whoever talks through a socket. Called in the loop; must not block."""

    def message(self, data: bytes) -> None:
        """A whole binary message came."""

    def text(self) -> None:
        """A text message came; frames are binary."""

    def closed(self) -> None:
        """The socket is gone; said once."""


class Doorkeeper(Protocol):
    """Decides who listens."""

    def listener(self, path: str, token: str, socket: WebSocket) -> Listener | None:
        """The listener for a new connection; None: there is nothing at this path."""


class WebSocket(asyncio.Protocol):
    """The server's end of one connection. `origin` is the remote address, as `whence` takes it to be from that of the
    peer and from what a proxy says; empty if there is none.
    """

    def __init__(
        self,
        doorkeeper: Doorkeeper,
        message_limit_bytes: int,
        server_state: Any,
        whence: Callable[[str, list[str]], str] = lambda peer, forwarded: peer,
    ) -> None:
        self.origin = ""
        self._doorkeeper = doorkeeper
        self._whence = whence
        self._connections: set[Any] = server_state.connections
        self._protocol = ServerProtocol(max_size=message_limit_bytes)
        self._shortcut = Shortcut(self._protocol, self._deliver, self._received)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._listener: Listener | None = None
        self._fragments: list[bytes] = []
        self._heard = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._open = False
        self._descriptor = -1  # of the socket, if what is written is what travels: no TLS

    # -- for the listener ----------------------------------------------------------------------------------------------

    def send(self, messages: Sequence[bytes]) -> None:
        """Send binary messages. A peer that takes nothing for long is cut off; after the end nothing happens."""
        transport = self._transport
        if self._open and self._protocol.state is State.OPEN and transport is not None and not transport.is_closing():
            wrapped = [message(data) for data in messages]
            if len(wrapped) <= _FEW and self._written_now(b"".join(wrapped), transport):
                return
            transport.writelines(wrapped)
            if transport.get_write_buffer_size() > _BACKLOG_LIMIT_BYTES:
                transport.abort()

    def _written_now(self, data: bytes, transport: asyncio.Transport) -> bool:
        """Past the loop, which would write only when its turn ends, if nothing waits there; False: nothing left."""
        if self._descriptor < 0 or transport.get_write_buffer_size():
            return False
        try:
            written = os.write(self._descriptor, data)
        except OSError:  # it would block, or is broken: the loop finds out
            return False
        if written < len(data):
            transport.write(data[written:])
        return True

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the connection is cut if the peer does not answer."""
        if self._open:
            self._open = False
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(code, reason[:120])
            self._flush()
            self._rearm(_CLOSE_SECONDS, self._abort)

    def pause(self) -> None:
        """Read no more for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # -- asyncio.Protocol ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        socket = transport.get_extra_info("socket")
        if os.name == "posix" and socket is not None and transport.get_extra_info("sslcontext") is None:
            self._descriptor = socket.fileno()

    def data_received(self, data: bytes) -> None:
        self._heard = time.monotonic()
        self._shortcut.feed(data)

    def _received(self, data: bytes) -> None:
        """What is more than a small message."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            elif isinstance(event, Request):
                self._shake_hands(event)
        self._flush()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open = False
        self._descriptor = -1  # another's, soon
        self._connections.discard(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.closed()

    def shutdown(self) -> None:
        """Uvicorn is about to end."""
        self.close(1012, "The hub stops.")

    # -- inside --------------------------------------------------------------------------------------------------------

    def _shake_hands(self, request: Request) -> None:
        response = self._protocol.accept(request)
        if response.status_code == 101:
            path = request.path.partition("?")[0]
            self.origin = self._whence(self._peer(), request.headers.get_all("X-Forwarded-For"))
            self._listener = self._doorkeeper.listener(path, _bearer(request), self)
            if self._listener is None:
                response = self._protocol.reject(404, "There is no such channel.\n")
        self._protocol.send_response(response)
        self._open = self._protocol.state is State.OPEN
        self._rearm(_PING_SECONDS, self._look_after)

    def _peer(self) -> str:
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(peer[0]) if isinstance(peer, tuple) else ""

    def _frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.BINARY and frame.fin:
            self._deliver(bytes(frame.data))
        elif opcode is Opcode.BINARY or opcode is Opcode.CONT:
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                data, self._fragments = b"".join(self._fragments), []
                self._deliver(data)
        elif opcode is Opcode.TEXT and self._listener is not None:
            self._listener.text()
        elif opcode is Opcode.CLOSE:
            self._open = False

    def _deliver(self, data: bytes) -> None:
        if self._listener is not None:
            self._listener.message(data)

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            else:
                transport.close()  # both ends have said goodbye
                return
        if self._protocol.close_expected() and not self._open:
            self._rearm(_CLOSE_SECONDS, self._abort)
        if transport.get_write_buffer_size() > _BACKLOG_LIMIT_BYTES:
            transport.abort()

    def _look_after(self) -> None:
        """Ping a silent peer, and give up one that stays silent."""
        silent = time.monotonic() - self._heard
        if silent > _SILENCE_SECONDS:
            self._abort()
            return
        if silent >= _PING_SECONDS and self._open:
            with contextlib.suppress(InvalidState):  # it is ending; the silence is still counted
                self._protocol.send_ping(b"")
            self._flush()
        self._rearm(_PING_SECONDS, self._look_after)

    def _rearm(self, seconds: float, action: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, action)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
