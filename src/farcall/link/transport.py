"""The WebSocket below a line, without a task or a queue between the socket and whoever listens.

`websockets` hands messages to a coroutine through a queue; a wake-up per message is what the hot path cannot afford, so
its connection is subclassed where it hands over events. Small messages do not even meet it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.frames import Opcode
from websockets.protocol import State

from farcall.link.lending import Lending, raised_by_handler
from farcall.wire.shortcut import Shortcut, message


class Connection(ClientConnection):
    """A WebSocket that calls `on_message` for each whole message, and `on_closed` once at the end.

    Everything belongs to the loop, except `write_now`. Both write under a lock, so that each frame leaves in one piece.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_message: Callable[[bytes], None] | None = None
        self._on_closed: Callable[[], None] | None = None
        self._early: list[bytes] = []
        self._fragments: list[bytes] = []
        self._shortcut = Shortcut(self.protocol, self._deliver, super().data_received)
        self._writing = threading.Lock()
        self._socket: socket.socket | None = None  # the transport's own, if what is written is what travels: no TLS
        self.lending: Lending | None = None  # likewise
        self._lend_unless: Callable[[], Any] | None = None
        self._cut = b""  # the rest of a frame whose beginning left by `write_now`

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        plain = transport.get_extra_info("socket")
        if plain is not None and transport.get_extra_info("sslcontext") is None:
            self._socket = plain.dup()  # a handle of our own: the loop may close the other at any time
            self.lending = Lending(self.loop, self.transport, plain.dup(), self.data_received)

    def data_received(self, data: bytes) -> None:
        self._shortcut.feed(data)
        if self._lend_unless is not None:
            self._lend()

    def listen(self, on_message: Callable[[bytes], None], on_closed: Callable[[], None]) -> None:
        """From now on; what came before is handed over at once."""
        self._on_message, self._on_closed = on_message, on_closed
        early, self._early = self._early, []
        for data in early:
            on_message(data)
        self._shortcut.on_message = on_message
        if self.state is State.CLOSED:
            on_closed()

    def process_event(self, event: Any) -> None:
        opcode = getattr(event, "opcode", None)
        if opcode is Opcode.BINARY and event.fin and not self._fragments:
            self._deliver(event.data)
        elif opcode is Opcode.BINARY or opcode is Opcode.TEXT or opcode is Opcode.CONT:
            self._fragments.append(bytes(event.data))
            if event.fin:
                data, self._fragments = b"".join(self._fragments), []
                self._deliver(data)
        else:
            super().process_event(event)

    def _deliver(self, data: bytes) -> None:
        if self._on_message is None:
            self._early.append(data)
        else:
            self._on_message(data)

    def write(self, messages: list[bytes]) -> None:
        """Send whole binary messages, now. Nothing happens if the connection is closing."""
        if self.protocol.state is not State.OPEN:
            return
        if self.lending is not None:
            self.lending.take_back()  # there may be an answer
        if len(messages) == 1:
            data = message(messages[0], os.urandom(4))
        else:
            data = b"".join([message(data, os.urandom(4)) for data in messages])
        with self._writing:
            if self._cut:
                self._write_cut()
            if not self.transport.is_closing():
                self.transport.write(data)

    def write_now(self, data: bytes) -> bool:
        """From any thread: send a whole binary message past the loop, if nothing waits there; False: nothing was sent.

        To wake the loop for a message that somebody waits for would take longer than to send it.
        """
        frame = message(data, os.urandom(4))
        with self._writing:
            if self._socket is None or self._cut or self.state is not State.OPEN or self.transport.is_closing():
                return False
            if self.transport.get_write_buffer_size():
                return False
            try:
                sent = self._socket.send(frame)
            except BaseException as error:
                if isinstance(error, OSError) and not raised_by_handler(error):
                    return False  # it would block, or is broken: the loop finds out
                self.loop.call_soon_threadsafe(self.abort)  # an interrupt: nobody knows how much has left
                raise
            if sent < len(frame):
                self._cut = frame[sent:]
                self.loop.call_soon_threadsafe(self.send_data)
        return True

    def lend(self, unless: Callable[[], Any]) -> None:
        """Let threads read, as soon as what is being read is dealt with, unless `unless` then says otherwise."""
        self._lend_unless = unless

    def _lend(self) -> None:
        unless, self._lend_unless = self._lend_unless, None
        if unless is None or self.lending is None or not self._shortcut.idle:
            return
        self.lending.lend()
        if unless():  # asked afterwards: whoever comes later finds it lent
            self.lending.take_back()

    def _write_cut(self) -> None:
        cut, self._cut = self._cut, b""
        if cut:
            self.transport.write(cut)

    def send_data(self) -> None:
        with self._writing:
            self._write_cut()
            super().send_data()

    def abort(self) -> None:
        """Drop the connection at once; what was written may be lost."""
        if self.transport is not None:
            self.transport.abort()

    def drop(self) -> None:
        """Close the socket without a handshake, after what was written."""
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        with self._writing:
            own, self._socket = self._socket, None
        if own is not None:
            own.close()
        if self.lending is not None:
            self.lending.end()
        if self._on_closed is not None:
            self._on_closed()
