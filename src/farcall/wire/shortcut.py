"""The short way from a socket's bytes to messages and back: whole, small, binary WebSocket frames (RFC 6455, 5.2).

Nearly all that crosses a channel is such frames, and `websockets` takes tens of calls for each, since it is made for
everything. It is still the one that speaks: handshake, control frames, fragments, large, late and malformed ones.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from websockets.protocol import OPEN, SERVER, Protocol

try:
    from websockets.speedups import apply_mask as _apply_mask
except ImportError:  # no compiled part for this platform
    from websockets.utils import apply_mask as _apply_mask

SMALL_BYTES: Final = 0xFFFF  # a larger payload has a longer header, and time enough for the long way
_WHOLE_BINARY: Final = 0x82  # the last frame of its message, and the first
_MASKED: Final = 0x80
_MASK_BYTES: Final = 4
_HEADER_BYTES: Final = 14  # at most
_END_OF_HANDSHAKE: Final = b"\r\n\r\n"
_head: Final = struct.Struct("!BB").pack
_long_head: Final = struct.Struct("!BBH").pack
_longest_head: Final = struct.Struct("!BBQ").pack


def message(data: bytes, mask: bytes = b"") -> bytes:
    """The frame of a whole binary message; who dialled has to `mask` it, with four bytes that nobody can foresee."""
    length = len(data)
    flag = _MASKED if mask else 0
    if length < 126:
        head = _head(_WHOLE_BINARY, flag | length)
    elif length <= SMALL_BYTES:
        head = _long_head(_WHOLE_BINARY, flag | 126, length)
    else:
        head = _longest_head(_WHOLE_BINARY, flag | 127, length)
    return head + mask + _apply_mask(data, mask) if mask else head + data


def only(data: bytes) -> bytes | None:
    """The message, if these bytes are one frame that may take the short way to whoever dialled, and nothing else."""
    held = len(data)
    if held < 4 or data[0] != _WHOLE_BINARY:
        return None
    length, begin = data[1], 2
    if length == 126:
        length, begin = data[2] << 8 | data[3], 4
    elif length > 126:  # longer than small, or masked as it must not be
        return None
    return data[begin:] if begin + length == held else None


class Shortcut:
    """Calls `on_message` for each frame that may take the short way, and `on_rest` with all other bytes, in order.

    `on_rest` has to give them to `protocol` at once. It meets whole frames or their beginnings only, and never knows of
    those that it did not meet; so it goes on as if they had not been there. Its limit of messages is above SMALL_BYTES.
    """

    def __init__(self, protocol: Protocol, on_message: Callable[[bytes], Any], on_rest: Callable[[bytes], Any]) -> None:
        self._protocol = protocol
        self._mask_flag = _MASKED if protocol.side is SERVER else 0
        self._least_bytes = 4 + _MASK_BYTES if self._mask_flag else 4  # a header, short or long, and it is whole
        self.on_message = on_message
        self._on_rest = on_rest
        self._shaken = False  # hands: what comes now are frames
        self._tail = b""  # of the handshake
        self._owed_bytes = 0  # of the frame whose beginning the protocol has
        self._header = b""  # the beginning of a frame that the protocol has, if it does not tell the frame's length

    @property
    def idle(self) -> bool:
        """Whether nothing is begun: what comes next is the beginning of a message."""
        begun = not self._shaken or self._owed_bytes or self._header or self._protocol.current_size is not None
        return not begun

    def feed(self, data: bytes) -> None:
        """Bytes from the socket, however cut."""
        start, end = 0, len(data)
        if not self._shaken or self._owed_bytes or self._header:
            start = self._go_on(data)
        protocol = self._protocol
        while start < end:
            if protocol.state is not OPEN:
                self._on_rest(data[start:])  # it never opens again
                return
            if data[start] == _WHOLE_BINARY and end - start >= self._least_bytes and protocol.current_size is None:
                begin = start + self._least_bytes - 2
                length = data[start + 1] - self._mask_flag
                if length == 126:
                    begin += 2
                    length = data[start + 2] << 8 | data[start + 3]
                elif not 0 <= length < 126:
                    length = end  # longer than small, or masked as it must not be: not taken
                stop = begin + length
                if stop <= end:
                    body = data[begin:stop]
                    self.on_message(_apply_mask(body, data[begin - _MASK_BYTES : begin]) if self._mask_flag else body)
                    start = stop
                    continue
            length = _measure(data, start)
            stop = start + length
            if not length or stop > end:
                if length:
                    self._owed_bytes = stop - end
                else:
                    self._header = data[start:]
                self._on_rest(data[start:])
                return
            self._on_rest(data[start:stop])
            start = stop

    def _go_on(self, data: bytes) -> int:
        """Give the protocol the rest of what it has begun with; returns how many bytes that takes."""
        if not self._shaken:
            return self._shake_hands(data)
        if self._header:
            header = self._header + data[:_HEADER_BYTES]
            length = _measure(header, 0)
            if not length:
                self._header = header
                self._on_rest(data)
                return len(data)
            self._owed_bytes, self._header = length - len(self._header), b""
        taken = min(self._owed_bytes, len(data))
        if taken:
            self._owed_bytes -= taken
            self._on_rest(data[:taken])
        return taken

    def _shake_hands(self, data: bytes) -> int:
        """Frames begin behind the first empty line."""
        held = len(self._tail)
        place = (self._tail + data).find(_END_OF_HANDSHAKE)
        if place < 0:
            self._tail = (self._tail + data)[1 - len(_END_OF_HANDSHAKE) :]
            self._on_rest(data)
            return len(data)
        self._shaken, self._tail = True, b""
        taken = place + len(_END_OF_HANDSHAKE) - held
        self._on_rest(data[:taken])
        return taken


def _measure(data: bytes, start: int) -> int:
    """Bytes of the frame that begins at `start`, or 0 if its header is not whole."""
    if len(data) - start < 2:
        return 0
    second = data[start + 1]
    length = second & 0x7F
    begin = start + 2
    if length >= 126:
        begin += 2 if length == 126 else 8
        length = int.from_bytes(data[start + 2 : begin], "big")
    if second & _MASKED:
        begin += _MASK_BYTES
    return begin - start + length if begin <= len(data) else 0
