"""Messages over a private byte stream: four bytes of length (little endian), then one msgpack value.

`Splitter` is the half that does no I/O; both ends use it. `Channel` is the guest's blocking end.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from farcall.guest.messages import MESSAGE_LIMIT_BYTES, FromGuest, Message, ToGuest

if TYPE_CHECKING:
    from farcall.guest.interrupts import Interrupts

_LENGTH_BYTES: Final = 4
_READ_BYTES: Final = 64 * 1024  # more would be mapped and unmapped at each read
_encoder: Final = msgspec.msgpack.Encoder()


class ChannelBroken(Exception):
    """The bytes are no messages, or break a limit; the message says how."""


def pack(message: Message) -> bytes:
    """The bytes of one message, length included; raises ChannelBroken if it is too long for one."""
    buffer = bytearray(_LENGTH_BYTES)
    _encoder.encode_into(message, buffer, _LENGTH_BYTES)
    length = len(buffer) - _LENGTH_BYTES
    if length > MESSAGE_LIMIT_BYTES:
        raise ChannelBroken(f"a message of {length} bytes is over the limit of {MESSAGE_LIMIT_BYTES}")
    buffer[:_LENGTH_BYTES] = length.to_bytes(_LENGTH_BYTES, "little")
    return bytes(buffer)


class Splitter:
    """Bytes, however cut, to the bodies of messages."""

    def __init__(self, limit_bytes: int = MESSAGE_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._rest = bytearray()
        self._wanted_bytes = _LENGTH_BYTES

    def feed(self, data: bytes) -> list[memoryview]:
        """The bodies that `data` completes, in order; raises ChannelBroken if a length is over the limit."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted_bytes:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        view = memoryview(data)
        bodies: list[memoryview] = []
        start, end = 0, len(data)
        self._wanted_bytes = _LENGTH_BYTES
        while end - start >= _LENGTH_BYTES:
            length = int.from_bytes(view[start : start + _LENGTH_BYTES], "little")
            if length > self._limit_bytes:
                raise ChannelBroken(f"a message of {length} bytes is over the limit of {self._limit_bytes}")
            stop = start + _LENGTH_BYTES + length
            if stop > end:
                self._wanted_bytes = _LENGTH_BYTES + length
                break
            bodies.append(view[start + _LENGTH_BYTES : stop])
            start = stop
        if start < end:
            self._rest += view[start:]
        return bodies


class FromGuestParser:
    """Bytes of a guest, taken as hostile, to messages of the right shape; raises ChannelBroken."""

    def __init__(self) -> None:
        self._splitter = Splitter()
        self._decoder = msgspec.msgpack.Decoder(FromGuest)

    def feed(self, data: bytes) -> list[FromGuest]:
        decode = self._decoder.decode
        try:
            bodies = self._splitter.feed(data)
            return [decode(bodies[0])] if len(bodies) == 1 else [decode(body) for body in bodies]
        except (msgspec.DecodeError, RecursionError) as error:
            raise ChannelBroken(f"the guest sent what is no message: {error}") from None


class Channel:
    """The guest's end. Any thread may send; only the main thread receives.

    While it reads or writes, `interrupts` are held back, so that none leaves half a message behind; between attempts
    there are none.
    """

    def __init__(self, connection: socket.socket, interrupts: Interrupts) -> None:
        self._connection = connection
        self._interrupts = interrupts
        self._lock = threading.Lock()
        self._splitter = Splitter()
        self._decoder = msgspec.msgpack.Decoder(ToGuest)
        self._received: deque[ToGuest] = deque()

    def send(self, message: FromGuest) -> None:
        """Write one message; blocks while the other end does not read. Raises OSError when it is gone."""
        data = pack(message)
        if self._interrupts.seq:
            with self._interrupts.held_back, self._lock:
                self._connection.sendall(data)
        else:
            with self._lock:
                self._connection.sendall(data)

    def close(self) -> None:
        """Let go of our end."""
        self._connection.close()

    def wait(self) -> None:
        """Return once `receive` has something to give, or nothing more will come. May be interrupted."""
        if not self._received:
            self._connection.recv(1, socket.MSG_PEEK)

    def receive(self) -> ToGuest | None:
        """The next message; waits for it. None when the other end is gone."""
        if self._interrupts.seq:
            with self._interrupts.held_back:
                return self._receive()
        return self._receive()

    def _receive(self) -> ToGuest | None:
        received = self._received
        while not received:
            data = self._connection.recv(_READ_BYTES)
            if not data:
                return None
            for body in self._splitter.feed(data):
                received.append(self._decoder.decode(body))
        return received.popleft()
