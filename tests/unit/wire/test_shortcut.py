"""The short way gives what `websockets` alone would give, for any bytes, however they are cut."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol, Side, State

from farcall.wire.shortcut import SMALL_BYTES, Shortcut, message, only

_LIMIT_BYTES = 80_000
_UPGRADE = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n"


class Heard:
    """What a listener is told, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[Opcode, bool, bytes]] = []

    def message(self, data: bytes) -> None:
        self.events.append((Opcode.BINARY, True, data))

    def take(self, protocol: Protocol) -> None:
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            self.events.append((event.opcode, event.fin, bytes(event.data)))


def _protocol(side: Side) -> Protocol:
    return Protocol(side, max_size=_LIMIT_BYTES)


def _outcome(protocol: Protocol, heard: Heard) -> tuple[object, ...]:
    return (
        heard.events,
        protocol.state,
        b"".join(protocol.data_to_send()) if protocol.side is SERVER else len(b"".join(protocol.data_to_send())),
        protocol.close_rcvd,
        protocol.close_sent,
        protocol.eof_sent,
        str(protocol.parser_exc),
    )


def _long_way(side: Side, pieces: list[bytes]) -> tuple[object, ...]:
    protocol, heard = _protocol(side), Heard()
    for piece in pieces:
        protocol.receive_data(piece)
        heard.take(protocol)
    return _outcome(protocol, heard)


def _short_way(side: Side, pieces: list[bytes]) -> tuple[object, ...]:
    protocol, heard = _protocol(side), Heard()

    def rest(data: bytes) -> None:
        protocol.receive_data(data)
        heard.take(protocol)

    shortcut = Shortcut(protocol, heard.message, rest)
    shortcut._shaken = True  # the protocol begins open, too
    for piece in pieces:
        shortcut.feed(piece)
    return _outcome(protocol, heard)


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


_bodies = st.one_of(
    st.binary(max_size=200), st.sampled_from([125, 126, 127, 300, SMALL_BYTES, SMALL_BYTES + 1]).map(bytes)
)
_frames = st.one_of(
    st.builds(lambda data: Frame(Opcode.BINARY, data), _bodies),
    st.builds(lambda data: Frame(Opcode.BINARY, data), _bodies),
    st.builds(
        lambda opcode, data, fin: Frame(opcode, data, fin),
        st.sampled_from([Opcode.BINARY, Opcode.TEXT, Opcode.CONT]),
        _bodies,
        st.booleans(),
    ),
    st.builds(lambda opcode, data: Frame(opcode, data[:125]), st.sampled_from([Opcode.PING, Opcode.PONG]), _bodies),
    st.just(Frame(Opcode.CLOSE, Close(1000, "enough").serialize())),
)
_places = st.lists(st.integers(0, 100_000), max_size=12)


@given(st.sampled_from([SERVER, CLIENT]), st.lists(_frames, max_size=8), _places)
def test_sound_frames_have_one_outcome_on_both_ways(side: Side, sent: list[Frame], places: list[int]) -> None:
    pieces = _cut(b"".join(frame.serialize(mask=side is SERVER) for frame in sent), places)
    assert _short_way(side, pieces) == _long_way(side, pieces)


_wild = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda frame, mask: frame.serialize(mask=mask), _frames, st.booleans()),
    st.builds(  # a length that is written longer than it needs to be, and reserved bits
        lambda head, length, body: struct.pack("!BBH", head, 0x80 | 126, length) + bytes(4) + body,
        st.sampled_from([0x82, 0x82, 0xC2, 0x02, 0x83]),
        st.integers(0, 60),
        st.binary(max_size=60),
    ),
    st.builds(lambda length: struct.pack("!BBQ", 0x82, 0xFF, length), st.integers(0, 2**64 - 1)),
)


@given(st.sampled_from([SERVER, CLIENT]), st.lists(_wild, max_size=6), _places)
def test_any_bytes_have_one_outcome_on_both_ways(side: Side, parts: list[bytes], places: list[int]) -> None:
    pieces = _cut(b"".join(parts), places)
    assert _short_way(side, pieces) == _long_way(side, pieces)


@given(st.lists(st.binary(max_size=200), max_size=4), _places)
def test_frames_behind_a_handshake_in_the_same_bytes_are_not_lost(bodies: list[bytes], places: list[int]) -> None:
    protocol, heard, handshake = Protocol(SERVER, state=State.CONNECTING), Heard(), bytearray()

    def rest(data: bytes) -> None:
        if protocol.state is OPEN:
            protocol.receive_data(data)
            heard.take(protocol)
            return
        handshake.extend(data)
        if handshake == _UPGRADE:
            protocol.state = OPEN

    shortcut = Shortcut(protocol, heard.message, rest)
    for piece in _cut(_UPGRADE + b"".join(message(body, b"mask") for body in bodies), places):
        shortcut.feed(piece)
    assert handshake == _UPGRADE
    assert heard.events == [(Opcode.BINARY, True, body) for body in bodies]


@given(_bodies, st.one_of(st.just(b""), st.binary(min_size=4, max_size=4)))
def test_a_message_is_the_frame_that_websockets_reads(body: bytes, mask: bytes) -> None:
    protocol = _protocol(SERVER if mask else CLIENT)
    protocol.receive_data(message(body, mask))
    (event,) = protocol.events_received()
    assert isinstance(event, Frame)
    assert (event.opcode, event.fin, bytes(event.data)) == (Opcode.BINARY, True, body)


def test_a_small_whole_frame_does_not_trouble_the_protocol() -> None:
    heard: list[bytes] = []

    def rest(data: bytes) -> None:
        pytest.fail("it took the long way")

    shortcut = Shortcut(_protocol(SERVER), heard.append, rest)
    shortcut._shaken = True
    shortcut.feed(message(b"one", b"mask") + message(b"", b"mask") + message(bytes(SMALL_BYTES), b"mask"))
    assert heard == [b"one", b"", bytes(SMALL_BYTES)]


@given(st.one_of(st.builds(lambda frame: frame.serialize(mask=False), _frames), _wild, st.binary(max_size=6)))
def test_what_is_taken_for_one_frame_and_no_more_is_that_on_both_ways(data: bytes) -> None:
    body = only(data)
    if body is None:
        assert not (data[:1] == b"\x82" and 4 <= len(data) <= SMALL_BYTES and _whole_messages(data) == 1)
    else:
        expected = _long_way(CLIENT, [message(body)])
        assert _long_way(CLIENT, [data]) == _short_way(CLIENT, [data]) == expected


def _whole_messages(data: bytes) -> int:
    """How many small messages these bytes are, if nothing else is in them and nothing is missing."""
    heard: list[bytes] = []
    others: list[bytes] = []
    shortcut = Shortcut(_protocol(CLIENT), heard.append, others.append)
    shortcut._shaken = True
    shortcut.feed(data)
    return 0 if others else len(heard)


def test_two_frames_or_a_part_of_one_are_not_one() -> None:
    one = message(b"one")
    assert only(one) == b"one"
    assert only(message(bytes(SMALL_BYTES))) == bytes(SMALL_BYTES)
    for data in (b"", one[:-1], one + one, one + b"\x82", message(b"one", b"mask"), message(bytes(SMALL_BYTES + 1))):
        assert only(data) is None
