"""Sans-I/O sessions for both ends of a channel: bytes to frames and back, and the order in which frames may come.

A session never touches a socket. Whatever bytes it is given, `receive` returns a frame that is legal now or raises
ProtocolError; after that the connection is of no more use and is closed with the error's code.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, Literal, TypeAlias

import msgspec

from farcall.wire import frames

Role: TypeAlias = Literal["client", "worker"]

BOOT_BYTES = 16
SOFTWARE_LIMIT = 200  # characters


class ProtocolError(Exception):
    """The other end broke the protocol, or a frame of ours would. `code` is one of the table of errors."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Phase(IntEnum):
    """How far a session has come, seen from what it may receive next."""

    GREETING = 0  # Hello or Welcome
    REGISTERING = 1  # a worker that said Hello, but not yet what it is
    OPEN = 2
    CLOSED = 3


Table: TypeAlias = dict[Phase, dict[type, Phase]]


def _open(*kinds: type) -> dict[type, Phase]:
    return {**dict.fromkeys(kinds, Phase.OPEN), frames.Goodbye: Phase.CLOSED}


_GREETED_BY_HUB: dict[type, Phase] = {frames.Welcome: Phase.OPEN, frames.Goodbye: Phase.CLOSED}
_TO_CLIENT: Table = {
    Phase.GREETING: _GREETED_BY_HUB,
    Phase.OPEN: _open(
        frames.Resolved,
        frames.Accepted,
        frames.Settled,
        frames.RefusedItems,
        frames.Attached,
        frames.StreamItems,
        frames.Progress,
        frames.Cancelling,
        frames.Changed,
    ),
}
_TO_WORKER: Table = {
    Phase.GREETING: _GREETED_BY_HUB,
    Phase.OPEN: _open(
        frames.HeartbeatAck,
        frames.Published,
        frames.Offer,
        frames.Recall,
        frames.CancelAttempts,
        frames.Acknowledge,
        frames.StreamTaken,
        frames.Drain,
    ),
}
_FROM_CLIENT: Table = {
    Phase.GREETING: {frames.Hello: Phase.OPEN, frames.Goodbye: Phase.CLOSED},
    Phase.OPEN: _open(frames.Submit, frames.Resolve, frames.Attach, frames.Cancel, frames.StreamAck),
}
_FROM_WORKER: Table = {
    Phase.GREETING: {frames.Hello: Phase.REGISTERING, frames.Goodbye: Phase.CLOSED},
    Phase.REGISTERING: {
        frames.Register: Phase.OPEN,
        frames.Heartbeat: Phase.REGISTERING,
        frames.Goodbye: Phase.CLOSED,
    },
    Phase.OPEN: _open(
        frames.Heartbeat,
        frames.Publish,
        frames.Credit,
        frames.Started,
        frames.Returned,
        frames.Finished,
        frames.Logs,
        frames.Progress,
        frames.Stream,
        frames.Leaving,
    ),
}
_EXPECTED = {
    Phase.GREETING: "the greeting comes first",
    Phase.REGISTERING: "Register comes first",
    Phase.OPEN: "it was said before",
    Phase.CLOSED: "Goodbye was the last word",
}

_encode = msgspec.msgpack.Encoder().encode
_DECODERS: dict[tuple[str, Role], msgspec.msgpack.Decoder[Any]] = {
    ("hub", "client"): msgspec.msgpack.Decoder(frames.FromClient),
    ("hub", "worker"): msgspec.msgpack.Decoder(frames.FromWorker),
    ("dialer", "client"): msgspec.msgpack.Decoder(frames.ToClient),
    ("dialer", "worker"): msgspec.msgpack.Decoder(frames.ToWorker),
}


class _Session:
    """What both ends share: limits, decoding, order."""

    def __init__(self, end: str, role: Role, table: Table, receive_limit_bytes: int) -> None:
        self.role = role
        self.phase = Phase.GREETING
        self._decode = _DECODERS[end, role].decode
        self._table = table
        self._allowed = table[Phase.GREETING]
        self._receive_limit_bytes = receive_limit_bytes
        self._send_limit_bytes = frames.FRAME_LIMIT_BYTES

    def encode(self, frame: frames.Frame) -> bytes:
        """One binary WebSocket message; raises ProtocolError `too_large` if the other end would refuse it."""
        data = _encode(frame)
        if len(data) > self._send_limit_bytes:
            raise ProtocolError(
                "too_large",
                f"A {type(frame).__name__} frame takes {len(data)} bytes; the limit is {self._send_limit_bytes}.",
            )
        return data

    def receive(self, data: bytes | bytearray | memoryview) -> Any:
        """The frame of one message, legal at this point; raises ProtocolError. `data` may be any bytes at all."""
        if len(data) > self._receive_limit_bytes:
            raise ProtocolError(
                "too_large", f"A frame of {len(data)} bytes came; the limit is {self._receive_limit_bytes}."
            )
        try:
            frame = self._decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, MemoryError, OverflowError) as error:
            raise ProtocolError("invalid_request", f"A malformed frame came: {str(error)[:200]}.") from None
        phase = self._allowed.get(type(frame))
        if phase is None:
            raise ProtocolError(
                "invalid_request", f"A {type(frame).__name__} frame came out of order: {_EXPECTED[self.phase]}."
            )
        if phase is not self.phase:
            self._enter(phase, frame)
        return frame

    def glance(self, data: bytes) -> Any:
        """The frame of one message that is legal and leaves the session as it is, or None: then it is for `receive`.

        From any thread.
        """
        if len(data) > self._receive_limit_bytes:
            return None
        try:
            frame = self._decode(data)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, MemoryError, OverflowError):
            return None
        return frame if self._allowed.get(type(frame)) is self.phase else None

    def _enter(self, phase: Phase, frame: Any) -> None:
        if self.phase is Phase.GREETING and phase is not Phase.CLOSED:
            self._greeted(frame)
        self.phase = phase
        self._allowed = self._table.get(phase, {})

    def _greeted(self, frame: Any) -> None:
        """Check the first frame; raises ProtocolError."""
        raise NotImplementedError


class DialerSession(_Session):
    """The end that dialled: a client or a worker. `boot` is 16 random bytes, new at every start of the process."""

    def __init__(
        self,
        role: Role,
        boot: bytes,
        software: str,
        *,
        protocols: tuple[int, ...] = frames.PROTOCOLS,
        receive_limit_bytes: int = frames.FRAME_LIMIT_BYTES,
    ) -> None:
        if len(boot) != BOOT_BYTES:
            raise ValueError(f"boot takes {BOOT_BYTES} bytes")
        super().__init__("dialer", role, _TO_CLIENT if role == "client" else _TO_WORKER, receive_limit_bytes)
        self._boot = boot
        self._software = software
        self._protocols = protocols
        self.constants: frames.Welcome | None = None

    def hello(self) -> bytes:
        """The first message."""
        return self.encode(frames.Hello(list(self._protocols), self._software, self._boot))

    def _greeted(self, frame: frames.Welcome) -> None:
        if frame.protocol not in self._protocols:
            raise ProtocolError(
                "unsupported_protocol",
                f"The hub chose protocol {frame.protocol}, and this end speaks {_listed(self._protocols)}.",
            )
        intervals = (frame.heartbeat_seconds, frame.lease_seconds, frame.resume_grace_seconds)
        limits = (frame.frame_limit_bytes, frame.inline_limit_bytes, frame.blob_limit_bytes)
        if not all(math.isfinite(interval) and interval > 0 for interval in intervals) or min(limits) <= 0:
            raise ProtocolError("invalid_request", "The hub's Welcome holds an interval or limit that can't be meant.")
        self._send_limit_bytes = frame.frame_limit_bytes
        self.constants = frame


class HubSession(_Session):
    """The hub's end. `receive` checks the Hello and chooses the protocol; `welcome` then makes the answer."""

    def __init__(
        self,
        role: Role,
        *,
        protocols: tuple[int, ...] = frames.PROTOCOLS,
        receive_limit_bytes: int = frames.FRAME_LIMIT_BYTES,
    ) -> None:
        super().__init__("hub", role, _FROM_CLIENT if role == "client" else _FROM_WORKER, receive_limit_bytes)
        self._protocols = protocols
        self.protocol = 0  # none chosen yet

    def welcome(self, **constants: Any) -> frames.Welcome:
        """The answer to the Hello; takes the fields of `Welcome` but `protocol`."""
        if not self.protocol:
            raise ValueError("welcome() answers a Hello, and none came")
        return frames.Welcome(self.protocol, **constants)

    def _greeted(self, frame: frames.Hello) -> None:
        shared = set(frame.protocols) & set(self._protocols)
        if not shared:
            software = frame.software[:SOFTWARE_LIMIT] or "the other end"
            raise ProtocolError(
                "unsupported_protocol",
                f"This hub speaks protocol {_listed(self._protocols)}, and {software} "
                f"speaks {_listed(frame.protocols[:10])}. Bring the older of the two up to date.",
            )
        if len(frame.boot) != BOOT_BYTES:
            raise ProtocolError("invalid_request", f"`boot` takes {BOOT_BYTES} bytes, not {len(frame.boot)}.")
        if len(frame.software) > SOFTWARE_LIMIT:
            raise ProtocolError("invalid_request", f"`software` takes at most {SOFTWARE_LIMIT} characters.")
        self.protocol = max(shared)


def _listed(protocols: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, protocols)) or "none"
